//! Gates: so many at once, or so much; a bounded queue before it that is fair by source; and an end
//! of the wait when time is up or the client has gone.
//!
//! There are three in the program. Slots are for connections that make the server wait; `net` keeps
//! their queue under its own lock. Password checks run one at a time. Generated bodies are made as
//! many at a time as there are cores, and held within a budget. The latter two wait here, where a
//! thread blocks until it is let through.
//!
//! Where nobody gives anything back, somebody may have to make way: [`Relief`] says who.

mod queue;
mod source;

use std::cmp::Reverse;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::lock::lock;

pub(crate) use queue::{FairQueue, Queued};
pub(crate) use source::Source;

/// How often one that waits looks whether its client is still there, and whether another makes way.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Whoever asks for a permit.
pub(crate) trait Requester {
    /// Where it comes from.
    fn source(&self) -> Source;

    /// Whether it no longer waits for an answer. To ask costs a system call.
    fn is_gone(&self) -> bool;

    /// Is called before its thread waits, or does work that takes long.
    fn step_aside(&self);

    /// What may have to make way once it holds something.
    fn holder(&self) -> Box<dyn Holder>;
}

/// Whoever has been let through, while it holds something.
pub(crate) trait Holder: Send {
    /// Bytes a second that it takes; `None` while it takes nothing yet.
    fn pace(&self) -> Option<u64>;

    /// Ends it, so that it gives back what it holds in a moment.
    fn make_way(&self);
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Too many are waiting, or this one has waited for too long.
    Busy,
    /// The client has gone.
    Gone,
}

/// Who makes way for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relief {
    /// Nobody.
    None,
    /// One that has made no progress for so long is not counted until it does; so many of those, at
    /// most.
    Stuck { after: Duration, count_max: usize },
    /// Of the source that holds the most, the one that takes slowest.
    Greediest,
}

/// The limits of a gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How much may be held at once.
    pub(crate) capacity: usize,
    /// Up to so much is let through whatever is held.
    pub(crate) exempt: usize,
    /// How many may wait.
    pub(crate) queue_max: usize,
    /// How long one of them waits.
    pub(crate) time_max: Duration,
    /// Who makes way for them.
    pub(crate) relief: Relief,
}

/// Where threads wait until they are let through.
pub(crate) struct Gate {
    state: Mutex<State>,
    limits: Limits,
}

struct State {
    queue: FairQueue<Waiter>,
    held: Vec<Held>,
    tickets: u64,
}

/// One that waits, and its thread.
struct Waiter {
    ticket: u64,
    thread: Thread,
    holder: Box<dyn Holder>,
}

/// What a permit stands for.
struct Held {
    ticket: u64,
    source: Source,
    /// 0 while it is passed over.
    weight: usize,
    /// When it began, or made progress.
    active_at: Instant,
    holder: Box<dyn Holder>,
    made_way_at: Option<Instant>,
}

/// The right to do what the gate is for. It is given back when this is dropped.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    ticket: u64,
}

/// Something that holds a permit for as long as it lives.
pub(crate) struct Charged<T> {
    content: T,
    // Dropped after the content.
    _permit: Permit,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let queue = FairQueue::new(limits.capacity, limits.queue_max);
        let state = Mutex::new(State { queue, held: Vec::new(), tickets: 0 });
        Arc::new(Self { state, limits })
    }

    /// Lets through one that need not wait.
    pub(crate) fn try_enter(self: &Arc<Self>, by: &dyn Requester, weight: usize) -> Option<Permit> {
        let (source, mut state) = (by.source(), lock(&self.state));
        let is_exempt = weight <= self.limits.exempt;
        if is_exempt {
            state.queue.hold(source, weight);
        }
        (is_exempt || state.queue.try_hold(source, weight)).then(|| {
            let waiter = state.waiter(by);
            self.permit(state.hold(source, weight, waiter))
        })
    }

    /// Waits until so much may be held.
    pub(crate) fn enter(
        self: &Arc<Self>,
        by: &dyn Requester,
        weight: usize,
    ) -> Result<Permit, Denied> {
        by.step_aside();
        if let Some(permit) = self.try_enter(by, weight) {
            return Ok(permit);
        }
        let since = Instant::now();
        let mut state = lock(&self.state);
        let who = state.waiter(by);
        let ticket = who.ticket;
        let rejected =
            state.queue.join(Queued { source: by.source(), weight, since, behind: false, who });
        drop(state);
        rejected.inspect(|rejected| rejected.who.thread.unpark());
        loop {
            let is_late = since.elapsed() >= self.limits.time_max;
            let is_gone = by.is_gone();
            let mut state = lock(&self.state);
            state.relieve(self.limits.relief);
            if state.held.iter().any(|held| held.ticket == ticket) {
                return Ok(self.permit(ticket));
            }
            let is_rejected = !state.queue.in_order().any(|it| it.who.ticket == ticket);
            if is_late || is_gone || is_rejected {
                state.queue.withdraw(|it| it.ticket == ticket);
                state.let_through();
                return Err(if is_gone { Denied::Gone } else { Denied::Busy });
            }
            drop(state);
            let left = self.limits.time_max.saturating_sub(since.elapsed());
            thread::park_timeout(left.min(LOOK_INTERVAL));
        }
    }

    fn permit(self: &Arc<Self>, ticket: u64) -> Permit {
        Permit { gate: Arc::clone(self), ticket }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        lock(&self.state).queue.queued()
    }
}

impl State {
    fn waiter(&mut self, by: &dyn Requester) -> Waiter {
        self.tickets += 1;
        Waiter { ticket: self.tickets, thread: thread::current(), holder: by.holder() }
    }

    fn hold(&mut self, source: Source, weight: usize, waiter: Waiter) -> u64 {
        let Waiter { ticket, holder, .. } = waiter;
        let (active_at, made_way_at) = (Instant::now(), None);
        self.held.push(Held { ticket, source, weight, active_at, holder, made_way_at });
        ticket
    }

    /// Lets through those for whom there is room.
    fn let_through(&mut self) {
        while let Some(Queued { source, weight, who, .. }) = self.queue.next() {
            who.thread.unpark();
            self.hold(source, weight, who);
        }
    }

    fn find(&mut self, ticket: u64) -> usize {
        let at = self.held.iter().position(|held| held.ticket == ticket);
        at.expect("a permit is held until it is dropped")
    }

    /// Lets somebody make way, if that is due.
    fn relieve(&mut self, relief: Relief) {
        match relief {
            Relief::None => {}
            Relief::Stuck { after, count_max } => self.pass_over(after, count_max),
            Relief::Greediest => self.evict_the_greediest(),
        }
        self.let_through();
    }

    /// Does not count those that have made no progress for too long.
    fn pass_over(&mut self, after: Duration, count_max: usize) {
        let passed_over = self.held.iter().filter(|held| held.weight == 0).count();
        let is_stuck = |held: &&mut Held| held.weight > 0 && held.active_at.elapsed() >= after;
        let stuck = self.held.iter_mut().filter(is_stuck);
        for held in stuck.take(count_max.saturating_sub(passed_over)) {
            self.queue.give_back(held.source, std::mem::take(&mut held.weight));
        }
    }

    /// Ends one for whoever is next, if its source would still hold more than that one's.
    fn evict_the_greediest(&mut self) {
        let is_recent = |at: Instant| at.elapsed() < LOOK_INTERVAL;
        if self.held.iter().any(|held| held.made_way_at.is_some_and(is_recent)) {
            return;
        }
        let Some(next) = self.queue.in_order().next() else { return };
        let fair = self.queue.held_by(next.source).saturating_add(next.weight);
        let greedy = self.held.iter_mut().filter_map(|held| {
            let has = self.queue.held_by(held.source);
            let can_go = has > fair && held.made_way_at.is_none();
            Some((Reverse(has), held.holder.pace().filter(|_| can_go)?, held))
        });
        if let Some((.., held)) = greedy.min_by_key(|&(has, pace, _)| (has, pace)) {
            held.made_way_at = Some(Instant::now());
            held.holder.make_way();
        }
    }
}

impl Permit {
    /// It makes progress, and counts.
    pub(crate) fn note_progress(&self) {
        let mut state = lock(&self.gate.state);
        let at = state.find(self.ticket);
        state.held[at].active_at = Instant::now();
        if state.held[at].weight == 0 {
            state.held[at].weight = 1;
            let source = state.held[at].source;
            state.queue.hold(source, 1);
        }
    }

    /// Holds the permit for as long as `content` lives.
    pub(crate) fn charge<T>(self, content: T) -> Charged<T> {
        Charged { content, _permit: self }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        let at = state.find(self.ticket);
        let Held { source, weight, .. } = state.held.swap_remove(at);
        state.queue.give_back(source, weight);
        state.let_through();
    }
}

impl AsRef<[u8]> for Charged<Vec<u8>> {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl<T> Deref for Charged<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<T> fmt::Debug for Charged<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Charged")
    }
}

#[cfg(test)]
mod tests;
