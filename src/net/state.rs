//! The one state of a server: who accepts, who leads, which threads are idle, who has a slot.
//!
//! Each method is one transition. It changes the state, under its lock and without waiting, and
//! notes among the effects what is to be done when the lock has been given back.
//!
//! Where a listener has but one thread left that accepts, that thread leads: it keeps the loop
//! while it serves, since a small request is over sooner than another thread is woken. It hands the
//! loop off before it waits; the housekeeper does so for one that it sees leading twice.

use std::collections::HashMap;
use std::thread::{Thread, ThreadId};
use std::time::{Duration, Instant};

use super::eviction::Cause;
use super::progress::Phase;
use super::server::Options;
use super::slots::{Effect, Slots, Waiting};

/// After a lead that was held up, nobody leads there for so many rounds: where one request waits
/// for a disk, the next ones may, too, and each would hold up those behind it.
const CAUTIOUS_ROUNDS: u32 = 25;

/// The housekeeper's rest between two rounds while there is something to see: a leader that is held
/// up loses the loop after twice as long.
pub(super) const ROUND_INTERVAL: Duration = Duration::from_millis(2);

/// So many threads more than stay idle are a peak.
const PEAK_SURPLUS: usize = 64;

/// Threads that neither lead nor wait for a slot: those that make or check something that takes
/// long, and those that a disk holds up.
const BUSY_THREADS_MAX: usize = 512;

/// The state.
#[derive(Debug)]
pub(super) struct State {
    loops: Vec<Loop>,
    /// Threads that stay idle, at most.
    idle_max: usize,
    /// Threads that are alive at once, at most.
    threads_max: usize,
    /// Threads that have not decided to end.
    threads: usize,
    /// Those without work, the one that came last at the end.
    idle: Vec<Thread>,
    /// The listeners at which idle threads that were woken will accept.
    jobs: HashMap<ThreadId, usize>,
    /// Connections that were accepted so far.
    accepted: u64,
    /// Connections whose threads have not served them yet.
    pub(super) serving: usize,
    pub(super) slots: Slots,
    pub(super) stage: Stage,
    pub(super) housekeeper: Housekeeper,
    /// Whether many more threads were alive than stay idle, and left their memory behind.
    has_peaked: bool,
}

/// How far the life of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Running,
    /// A listener was lost.
    Lost,
    Stopping,
    /// Connections that still make the server wait are ended.
    CuttingOff,
    Ended,
}

/// What the thread does that makes rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Housekeeper {
    /// Nothing, until it is called.
    Asleep,
    /// A round, or it rests before the next one.
    Awake,
    /// The same; and since the last round began, there is something to see.
    Called,
}

/// The accept loop of a listener.
#[derive(Clone, Debug, Default)]
struct Loop {
    /// Threads that accept, are on their way to it, or lead. 0 before the server stops only where
    /// the system has refused a thread; then the housekeeper looks for one.
    acceptors: usize,
    acceptors_max: usize,
    /// The connection that the leader serves, while there is a leader.
    led: Option<u64>,
    /// What the housekeeper saw of it on its last round.
    seen: Option<u64>,
    /// Rounds until somebody may lead again.
    cautious_rounds: u32,
}

/// What a thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Accepts at that listener.
    Accept(usize),
    /// Waits for work, if it may.
    Idle,
    /// Ends.
    End,
}

impl State {
    /// A server with a loop for each listener, `inherited` or not. Each counts one thread, which
    /// the caller spawns.
    pub(super) fn new(options: &Options, inherited: &[bool], cores: usize) -> Self {
        let &Options { max_connections, queue_max, queue_time_max, thread_cache, .. } = options;
        // So that small requests can take all cores.
        let acceptors_max = if thread_cache > 0 { cores } else { 1 };
        let new_loop = |&is_inherited: &bool| Loop {
            acceptors: 1,
            // A thread that waits for a passed socket is woken for every client: one is enough.
            acceptors_max: if is_inherited { 1 } else { acceptors_max },
            ..Loop::default()
        };
        let acceptors = inherited.len() * acceptors_max;
        let threads = [max_connections, queue_max, thread_cache, acceptors, BUSY_THREADS_MAX];
        Self {
            loops: inherited.iter().map(new_loop).collect(),
            idle_max: thread_cache,
            threads_max: threads.into_iter().fold(0, usize::saturating_add),
            threads: inherited.len(),
            idle: Vec::new(),
            jobs: HashMap::new(),
            accepted: 0,
            serving: 0,
            slots: Slots::new(max_connections, queue_max, queue_time_max),
            stage: Stage::Running,
            housekeeper: Housekeeper::Awake,
            has_peaked: false,
        }
    }

    /// Adds a thread to a loop.
    pub(super) fn add_acceptor(&mut self, listener: usize) {
        self.loops[listener].acceptors += 1;
        self.find_thread(listener);
    }

    /// An acceptor has a connection. It leaves the loop to the others, or leads. Gives the number
    /// of the connection, and whether its thread leads.
    pub(super) fn accepted(&mut self, listener: usize) -> (u64, bool) {
        self.accepted += 1;
        self.serving += 1;
        let id = self.accepted;
        let accept_loop = &mut self.loops[listener];
        // Without a cache, each connection has a newly spawned thread.
        let may_lead = self.idle_max > 0 && accept_loop.cautious_rounds == 0;
        let leads = may_lead && accept_loop.acceptors == 1;
        if leads {
            accept_loop.led = Some(id);
            self.call_housekeeper();
        } else if accept_loop.acceptors > 1 {
            accept_loop.acceptors -= 1;
        } else {
            self.find_thread(listener);
        }
        (id, leads)
    }

    /// A connection is about to make its thread wait for the first time.
    pub(super) fn add_waiting(&mut self, id: u64, waiting: Waiting, now: Instant) {
        self.slots.add(id, waiting, now);
        if self.slots.has_queued() {
            self.call_housekeeper();
        }
        if self.stage >= Stage::CuttingOff {
            self.slots.end(id, Phase::Closed { at: now, cause: Cause::Stopping });
        }
    }

    /// The thread that serves this connection is about to wait, or to work for long: if it still
    /// leads, another thread goes on accepting.
    pub(super) fn step_aside(&mut self, listener: usize, id: u64) {
        if self.end_lead(listener, id) {
            self.find_thread(listener);
        }
    }

    /// A thread has served this connection. Gives what it does next.
    pub(super) fn served(&mut self, listener: usize, id: u64) -> Job {
        self.serving -= 1;
        self.slots.effects.extend((self.stage != Stage::Running).then_some(Effect::TellAll));
        if self.end_lead(listener, id) { Job::Accept(listener) } else { self.next_job(listener) }
    }

    /// An acceptor leaves a loop that has come to its end. Gives what it does next.
    pub(super) fn left(&mut self, listener: usize) -> Job {
        self.loops[listener].acceptors -= 1;
        self.slots.effects.push(Effect::TellAll);
        self.next_job(listener)
    }

    /// A thread becomes idle, unless it must end.
    pub(super) fn park(&mut self, thread: &Thread) -> Job {
        if self.stage == Stage::Ended || self.idle.len() >= self.idle_max {
            return self.end_thread();
        }
        self.idle.push(thread.clone());
        Job::Idle
    }

    /// An idle thread looks what to do. If it has waited for too long, it ends.
    pub(super) fn wake(&mut self, thread: ThreadId, is_late: bool) -> Job {
        match self.jobs.remove(&thread) {
            Some(listener) => Job::Accept(listener),
            None if is_late || self.stage == Stage::Ended => {
                self.idle.retain(|idle| idle.id() != thread);
                self.end_thread()
            }
            None => Job::Idle,
        }
    }

    /// The system has refused a thread for that loop.
    pub(super) fn thread_refused(&mut self, listener: usize) {
        self.end_thread();
        self.loops[listener].acceptors -= 1;
        self.call_housekeeper();
    }

    /// The housekeeper's round: loops that are held up, connections that are queued, loops without
    /// a thread, the end of a peak. Whether a loop was held up.
    pub(super) fn make_round(&mut self, now: Instant) -> bool {
        let was_called = std::mem::replace(&mut self.housekeeper, Housekeeper::Awake);
        let mut is_held_up = false;
        for listener in 0..self.loops.len() {
            is_held_up |= self.end_long_lead(listener);
        }
        self.slots.make_round(now);
        for listener in self.empty_loops() {
            self.add_acceptor(listener);
        }
        let leads = |it: &Loop| it.led.is_some() || it.cautious_rounds > 0;
        let is_busy = self.loops.iter().any(leads) || !self.empty_loops().is_empty();
        if !is_busy && was_called != Housekeeper::Called && !self.slots.has_queued() {
            self.housekeeper = Housekeeper::Asleep;
            if self.has_peaked && !self.is_peak() {
                self.has_peaked = false;
                self.slots.effects.push(Effect::GiveMemoryBack);
            }
        }
        is_held_up
    }

    /// Loops without a thread that ought to have one.
    pub(super) fn empty_loops(&self) -> Vec<usize> {
        let is_empty = |&at: &usize| self.stage == Stage::Running && self.loops[at].acceptors == 0;
        (0..self.loops.len()).filter(is_empty).collect()
    }

    /// Whether no loop has a thread any more.
    pub(super) fn has_no_acceptors(&self) -> bool {
        self.loops.iter().all(|accept_loop| accept_loop.acceptors == 0)
    }

    /// There is nothing more to do: idle threads end.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Ended;
        self.slots.effects.extend(self.idle.iter().cloned().map(Effect::Unpark));
        self.call_housekeeper();
    }

    /// Whether the thread that serves this connection still led.
    fn end_lead(&mut self, listener: usize, id: u64) -> bool {
        self.loops[listener].led.take_if(|led| *led == id).is_some()
    }

    /// Finds a thread for a loop that counts it already. Where none can be had, the loop may be
    /// left empty, and the housekeeper looks after it.
    fn find_thread(&mut self, listener: usize) {
        if let Some(thread) = self.idle.pop() {
            self.jobs.insert(thread.id(), listener);
            self.slots.effects.push(Effect::Unpark(thread));
        } else if self.threads < self.threads_max {
            self.threads += 1;
            self.has_peaked |= self.is_peak();
            self.slots.effects.push(Effect::Spawn(listener));
        } else {
            self.loops[listener].acceptors -= 1;
            self.call_housekeeper();
        }
    }

    /// What a thread without a connection does next; it was at that loop last.
    fn next_job(&mut self, last: usize) -> Job {
        let has_room = |it: &Loop| it.acceptors < it.acceptors_max;
        let own = (self.stage == Stage::Running && has_room(&self.loops[last])).then_some(last);
        let Some(listener) = self.empty_loops().first().copied().or(own) else { return Job::Idle };
        self.loops[listener].acceptors += 1;
        Job::Accept(listener)
    }

    fn end_thread(&mut self) -> Job {
        self.threads -= 1;
        if self.has_peaked {
            self.call_housekeeper();
        }
        Job::End
    }

    fn is_peak(&self) -> bool {
        self.threads >= self.idle_max.saturating_add(PEAK_SURPLUS)
    }

    /// Ends a lead that the housekeeper sees for the second time.
    fn end_long_lead(&mut self, listener: usize) -> bool {
        let accept_loop = &mut self.loops[listener];
        let seen = std::mem::replace(&mut accept_loop.seen, accept_loop.led);
        let is_long = seen.is_some() && accept_loop.led == seen;
        accept_loop.cautious_rounds = accept_loop.cautious_rounds.saturating_sub(1);
        if is_long {
            accept_loop.led = None;
            accept_loop.cautious_rounds = CAUTIOUS_ROUNDS;
            self.find_thread(listener);
        }
        is_long
    }

    fn call_housekeeper(&mut self) {
        if std::mem::replace(&mut self.housekeeper, Housekeeper::Called) == Housekeeper::Asleep {
            self.slots.effects.push(Effect::TellAll);
        }
    }
}

#[cfg(test)]
mod tests;
