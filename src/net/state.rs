//! The server's one state: accept loops, leaders, idle threads, slots.
//!
//! Each method is one transition. It changes the state under the lock, without waiting, and records
//! the effects to be run after the lock is released.
//!
//! The last thread in a listener's accept loop leads: it keeps the loop while it serves, because a
//! small request takes less time than waking another thread. Before it waits, it hands the loop
//! off. The housekeeper does that for a leader that it sees twice.

use std::collections::HashMap;
use std::thread::{Thread, ThreadId};
use std::time::{Duration, Instant};

use super::progress::{Cause, Phase};
use super::slots::{Effect, Slots, Waiting};

/// After a lead was held up, its loop has no leader for this many rounds: if one request waits for
/// a disk, the next ones may too, and each would hold up those behind it.
const CAUTIOUS_ROUNDS: u32 = 25;

/// The housekeeper's pause between rounds while it is awake. A leader that is held up loses the
/// loop after twice this time.
pub(super) const ROUND_INTERVAL: Duration = Duration::from_millis(2);

/// Threads beyond the idle limit that make a peak.
const PEAK_SURPLUS: usize = 64;

/// Threads that neither lead nor have to do with slots: those at long work, and those that a disk
/// holds up.
const BUSY_THREADS_MAX: usize = 512;

/// Kept stacks that are counted: glibc keeps up to 40 MiB, a third more than these take.
const KEPT_STACKS_MAX: usize = if cfg!(target_env = "gnu") { 120 } else { 0 };

/// The limits of a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Slots: connections that may make the server wait at once.
    pub max_connections: usize,
    /// Connections that may be queued for a slot.
    pub queue_max: usize,
    /// How long a connection is queued before it is rejected.
    pub queue_time_max: Duration,
    /// Idle threads kept for the next clients; 0 spawns a thread per client.
    pub thread_cache: usize,
    /// Accept clients when their first bytes are there, or after about a second. For protocols in
    /// which the client speaks first, and at once.
    pub defer_accept: bool,
}

/// Everything that the threads of a server share, but for its listeners.
#[derive(Debug)]
pub(super) struct State {
    loops: Vec<Loop>,
    /// Idle threads, at most.
    idle_max: usize,
    /// Threads alive at once, at most.
    threads_max: usize,
    /// Threads that have not been told to end.
    threads: usize,
    /// Stacks of ended threads that glibc keeps for new ones, as far as that is certain.
    pub(super) kept_stacks: usize,
    /// Idle threads, the most recent last.
    idle: Vec<Thread>,
    /// Where each woken idle thread will accept.
    jobs: HashMap<ThreadId, usize>,
    /// Connections accepted so far.
    accepted: u64,
    /// Connections being served.
    pub(super) serving: usize,
    pub(super) slots: Slots,
    pub(super) stage: Stage,
    pub(super) housekeeper: Housekeeper,
    /// Whether there was a peak whose memory has not been returned yet.
    has_peaked: bool,
}

/// The server's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Running,
    /// A listener was lost.
    Lost,
    Stopping,
    /// The drain time is up: connections that would wait are ended.
    CuttingOff,
    Ended,
}

/// What the housekeeper does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Housekeeper {
    /// Sleeps until it is called.
    Asleep,
    /// Makes a round, or pauses before the next one.
    Awake,
    /// The same, and it was called since the last round began.
    Called,
}

/// The accept loop of a listener.
#[derive(Clone, Debug, Default)]
struct Loop {
    /// Threads that accept, are about to, or lead. While the server runs, 0 means that the system
    /// refused a thread; the housekeeper then tries again.
    acceptors: usize,
    acceptors_max: usize,
    /// The connection that the leader serves, if there is a leader.
    led: Option<u64>,
    /// The same, as the housekeeper saw it in the last round.
    seen: Option<u64>,
    /// Rounds until a thread may lead again.
    cautious_rounds: u32,
}

/// What a thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Accept at this listener.
    Accept(usize),
    /// Wait for work.
    Idle,
    /// End.
    End,
}

impl Default for Options {
    /// For a person at a terminal: clients are accepted while they are silent.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            queue_max: 256,
            queue_time_max: Duration::from_secs(20),
            thread_cache: 128,
            defer_accept: false,
        }
    }
}

impl State {
    /// A server with a loop per listener, `inherited` or not. Each loop counts one thread, which
    /// the caller spawns.
    pub(super) fn new(options: &Options, inherited: &[bool], cores: usize) -> Self {
        let &Options { max_connections, queue_max, queue_time_max, thread_cache, .. } = options;
        // Small requests can use all cores.
        let acceptors_max = if thread_cache > 0 { cores } else { 1 };
        let new_loop = |&is_inherited: &bool| Loop {
            acceptors: 1,
            // At a passed socket every waiting thread is woken for each client: one is enough.
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
            kept_stacks: 0,
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

    /// A thread has accepted a connection. It leaves the loop to the others, or leads. Returns the
    /// connection's number, and whether its thread leads.
    pub(super) fn accepted(&mut self, listener: usize) -> (u64, bool) {
        self.accepted += 1;
        self.serving += 1;
        let id = self.accepted;
        let accept_loop = &mut self.loops[listener];
        // Without a cache, each connection gets a new thread.
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

    /// A connection is about to make its thread wait, for the first time.
    pub(super) fn add_waiting(&mut self, id: u64, waiting: Waiting, now: Instant) {
        self.slots.add(id, waiting, now);
        if self.slots.has_queued() {
            self.call_housekeeper();
        }
        if self.stage >= Stage::CuttingOff {
            self.slots.end(id, Phase::Closed { at: now, cause: Cause::Stopping });
        }
    }

    /// The thread that serves this connection is about to wait, or to start long work: if it still
    /// leads, another thread takes over the loop.
    pub(super) fn step_aside(&mut self, listener: usize, id: u64) {
        if self.end_lead(listener, id) {
            self.find_thread(listener);
        }
    }

    /// A thread has served this connection. Returns its next job.
    pub(super) fn served(&mut self, listener: usize, id: u64) -> Job {
        self.serving -= 1;
        self.slots.effects.extend((self.stage != Stage::Running).then_some(Effect::TellAll));
        if self.end_lead(listener, id) { Job::Accept(listener) } else { self.next_job(listener) }
    }

    /// A thread leaves a loop that has ended. Returns its next job.
    pub(super) fn left(&mut self, listener: usize) -> Job {
        self.loops[listener].acceptors -= 1;
        self.slots.effects.push(Effect::TellAll);
        self.next_job(listener)
    }

    /// A thread becomes idle, or ends.
    pub(super) fn park(&mut self, thread: &Thread) -> Job {
        if self.stage == Stage::Ended || self.idle.len() >= self.idle_max {
            return self.end_thread();
        }
        self.idle.push(thread.clone());
        Job::Idle
    }

    /// The job of an idle thread that woke up. After too long without work, it ends.
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

    /// A thread was spawned for this loop, or the system refused it.
    pub(super) fn spawned(&mut self, listener: usize, is_ok: bool) {
        if is_ok {
            self.kept_stacks = self.kept_stacks.saturating_sub(1);
        } else {
            self.threads -= 1;
            self.loops[listener].acceptors -= 1;
            self.call_housekeeper();
        }
    }

    /// The housekeeper's round: leads that last, the queue for slots, empty loops, the end of a
    /// peak. Returns whether a lead was ended.
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

    /// Loops that lack a thread.
    pub(super) fn empty_loops(&self) -> Vec<usize> {
        let is_empty = |&at: &usize| self.stage == Stage::Running && self.loops[at].acceptors == 0;
        (0..self.loops.len()).filter(is_empty).collect()
    }

    /// Whether all loops have ended.
    pub(super) fn has_no_acceptors(&self) -> bool {
        self.loops.iter().all(|accept_loop| accept_loop.acceptors == 0)
    }

    /// The server has stopped: idle threads end.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Ended;
        self.slots.effects.extend(self.idle.iter().cloned().map(Effect::Unpark));
        self.call_housekeeper();
    }

    /// Ends the lead of the thread that serves this connection. Returns whether it still led.
    fn end_lead(&mut self, listener: usize, id: u64) -> bool {
        self.loops[listener].led.take_if(|led| *led == id).is_some()
    }

    /// Finds a thread for a loop that already counts it. If there is none, the loop may be left
    /// empty until the housekeeper finds one.
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

    /// The next job of a thread that was at this loop last.
    fn next_job(&mut self, last: usize) -> Job {
        let has_room = |it: &Loop| it.acceptors < it.acceptors_max;
        let own = (self.stage == Stage::Running && has_room(&self.loops[last])).then_some(last);
        let Some(listener) = self.empty_loops().first().copied().or(own) else { return Job::Idle };
        self.loops[listener].acceptors += 1;
        Job::Accept(listener)
    }

    fn end_thread(&mut self) -> Job {
        self.threads -= 1;
        self.kept_stacks = (self.kept_stacks + 1).min(KEPT_STACKS_MAX);
        if self.has_peaked {
            self.call_housekeeper();
        }
        Job::End
    }

    fn is_peak(&self) -> bool {
        self.threads >= self.idle_max.saturating_add(PEAK_SURPLUS)
    }

    /// Ends a lead that the housekeeper sees for the second time, and returns whether it did.
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
