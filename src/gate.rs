//! Gates: semaphores with a bounded queue that is fair by source. The wait ends when time is up or
//! the client has gone.
//!
//! The program has three kinds. Slots are for connections that make the server wait; `net` keeps
//! their queue under its own lock. Password checks run one at a time. Generated bodies are made a
//! few at a time and held within a budget. The last two wait here: a thread blocks until it gets a
//! permit. If none is given back, [`Relief`] says who makes way.

mod queue;

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::lock::lock;

pub(crate) use queue::{FairQueue, Queued, Source};

/// A waiting thread checks this often whether its client is still there and who could make way.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Stuck permits that are not counted, at most.
const STUCK_MAX: usize = 16;

/// A client that asks for a permit.
pub(crate) trait Requester {
    /// Where the request comes from.
    fn source(&self) -> Source;

    /// Whether it has stopped waiting for an answer. Costs a system call.
    fn is_gone(&self) -> bool;

    /// Called before its thread waits or starts long work.
    fn step_aside(&self);

    /// The handle by which it can be made to give its permit back.
    fn holder(&self) -> Box<dyn Holder>;
}

/// A client that holds a permit.
pub(crate) trait Holder: Send {
    /// How fast it takes its answer, in bytes per second; `None` before the first byte.
    fn pace(&self) -> Option<u64>;

    /// Ends its connection, so that the permit comes back in a moment.
    fn make_way(&self);
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The queue is full, or this one has been in it for too long.
    Busy,
    /// The client has gone.
    Gone,
}

/// The limits of a gate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The total weight of permits held at once.
    pub(crate) capacity: usize,
    /// Weights up to this always pass.
    pub(crate) exempt: usize,
    /// Requests that may wait.
    pub(crate) queue_max: usize,
    /// How long each of them waits.
    pub(crate) time_max: Duration,
    /// Who makes way for them.
    pub(crate) relief: Relief,
}

/// Who makes way for waiting requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relief {
    /// Nobody.
    None,
    /// A permit without progress for this long is not counted until it makes some.
    Stuck(Duration),
    /// The slowest client of the source that holds the most.
    Greediest,
}

/// Where threads wait for a permit.
pub(crate) struct Gate {
    state: Mutex<State>,
    limits: Limits,
}

struct State {
    queue: FairQueue<Member>,
    held: Vec<Queued<Member>>,
    tickets: u64,
}

/// A request that waits or holds a permit.
struct Member {
    ticket: u64,
    thread: Thread,
    holder: Box<dyn Holder>,
    made_way_at: Option<Instant>,
}

/// The right to do what the gate is for. Dropping it gives it back.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    ticket: u64,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let queue = FairQueue::new(limits.capacity, limits.queue_max);
        let state = Mutex::new(State { queue, held: Vec::new(), tickets: 0 });
        Arc::new(Self { state, limits })
    }

    /// Takes a permit if there is one without waiting.
    pub(crate) fn try_enter(self: &Arc<Self>, by: &dyn Requester, weight: usize) -> Option<Permit> {
        let mut state = lock(&self.state);
        let asking = state.asking(by, weight);
        let ticket = asking.who.ticket;
        if weight <= self.limits.exempt {
            state.queue.hold(asking.source, asking.weight);
        } else if !state.queue.try_hold(asking.source, asking.weight) {
            return None;
        }
        state.held.push(asking);
        Some(Permit { gate: Arc::clone(self), ticket })
    }

    /// Waits for a permit of this weight.
    pub(crate) fn enter(
        self: &Arc<Self>,
        by: &dyn Requester,
        weight: usize,
    ) -> Result<Permit, Denied> {
        by.step_aside();
        let mut state = lock(&self.state);
        let asking = state.asking(by, weight);
        let (ticket, since) = (asking.who.ticket, asking.since);
        if let Some(rejected) = state.queue.join(asking) {
            rejected.who.thread.unpark();
        }
        state.let_through();
        while !state.held.iter().any(|it| it.who.ticket == ticket) {
            let left = self.limits.time_max.saturating_sub(since.elapsed());
            let is_rejected = !state.queue.in_order().any(|it| it.who.ticket == ticket);
            let is_gone = by.is_gone();
            if is_gone || is_rejected || left.is_zero() {
                state.queue.withdraw(|it| it.ticket == ticket);
                state.let_through();
                return Err(if is_gone { Denied::Gone } else { Denied::Busy });
            }
            match self.limits.relief {
                Relief::None => {}
                Relief::Stuck(time_min) => state.pass_over(time_min),
                Relief::Greediest => state.evict_the_greediest(),
            }
            drop(state);
            thread::park_timeout(left.min(LOOK_INTERVAL));
            state = lock(&self.state);
        }
        Ok(Permit { gate: Arc::clone(self), ticket })
    }
}

impl State {
    fn asking(&mut self, by: &dyn Requester, weight: usize) -> Queued<Member> {
        self.tickets += 1;
        let (ticket, thread, holder) = (self.tickets, thread::current(), by.holder());
        let who = Member { ticket, thread, holder, made_way_at: None };
        let (source, weight, since) = (by.source(), weight.max(1), Instant::now());
        Queued { source, weight, since, behind: false, who }
    }

    /// Gives permits to waiting requests while there is room.
    fn let_through(&mut self) {
        while let Some(next) = self.queue.next() {
            next.who.thread.unpark();
            self.held.push(Queued { since: Instant::now(), ..next });
        }
    }

    /// Stops counting the permits that have made no progress for too long.
    fn pass_over(&mut self, time_min: Duration) {
        let passed_over = self.held.iter().filter(|it| it.weight == 0).count();
        let is_stuck = |it: &&mut Queued<_>| it.weight > 0 && it.since.elapsed() >= time_min;
        for stuck in self.held.iter_mut().filter(is_stuck).take(STUCK_MAX - passed_over) {
            self.queue.give_back(stuck.source, std::mem::take(&mut stuck.weight));
        }
        self.let_through();
    }

    fn find(&self, ticket: u64) -> usize {
        let at = self.held.iter().position(|it| it.who.ticket == ticket);
        at.expect("a permit is held until it is dropped")
    }

    /// Ends one for the next in the queue, if its source would still hold more than that one's.
    fn evict_the_greediest(&mut self) {
        let is_recent = |at: Instant| at.elapsed() < LOOK_INTERVAL;
        if self.held.iter().any(|held| held.who.made_way_at.is_some_and(is_recent)) {
            return;
        }
        let Some(next) = self.queue.in_order().next() else { return };
        let fair = self.queue.held_by(next.source).saturating_add(next.weight);
        let greedy = self.held.iter_mut().filter_map(|held| {
            let has = self.queue.held_by(held.source);
            let can_go = has > fair && held.who.made_way_at.is_none();
            Some((Reverse(has), held.who.holder.pace().filter(|_| can_go)?, &mut held.who))
        });
        if let Some((.., who)) = greedy.min_by_key(|&(has, pace, _)| (has, pace)) {
            who.made_way_at = Some(Instant::now());
            who.holder.make_way();
        }
    }
}

impl Permit {
    /// The work makes progress, so the permit counts again.
    pub(crate) fn note_progress(&self) {
        let mut state = lock(&self.gate.state);
        let at = state.find(self.ticket);
        let Queued { source, weight, .. } = state.held[at];
        state.held[at].since = Instant::now();
        if weight == 0 {
            state.held[at].weight = 1;
            state.queue.hold(source, 1);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = lock(&self.gate.state);
        let at = state.find(self.ticket);
        let held = state.held.swap_remove(at);
        state.queue.give_back(held.source, held.weight);
        state.let_through();
    }
}

#[cfg(test)]
pub(super) mod tests;
