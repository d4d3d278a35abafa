//! Checks that take long: one at a time, and nobody's before everybody else's.
//!
//! One check keeps one core busy, so no number of guesses takes more than that. Who waits is served
//! by origin: next is the one whose origin has the fewest waiting, the oldest of those. So guesses
//! from one address hardly delay a user who logs in from another. Where too many wait, the newest
//! of the origin that has the most is turned away.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lock::{lock, wait_for};
use crate::net::Origin;

/// How many may wait. Each has a thread and a seat, which it loses to a newcomer who needs one.
const WAITING_MAX: usize = 64;

/// How long one of them waits.
const WAITING_TIME_MAX: Duration = Duration::from_secs(10);

/// How often one that waits looks whether its client is still there.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The client whose credentials are to be checked.
pub(crate) trait Applicant {
    /// Where it comes from.
    fn origin(&self) -> Origin;
    /// Whether it can still get an answer.
    fn is_there(&self) -> bool;
    /// Is called before its thread waits, or does what takes long.
    fn about_to_wait(&self);
}

/// Why nothing was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// Too many are waiting, or this one has waited for too long.
    Busy,
    /// The client is not there any more.
    Gone,
}

/// Those who wait, and whether one is being checked.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    waiting_max: usize,
    waiting_time_max: Duration,
}

#[derive(Default)]
struct State {
    is_busy: bool,
    /// In the order in which they came.
    waiting: Vec<Waiting>,
    next_ticket: u64,
}

#[derive(Clone, Copy)]
struct Waiting {
    ticket: u64,
    origin: Origin,
}

/// The right to check. It ends when this is dropped.
pub(super) struct Turn<'a> {
    queue: &'a Queue,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self::with(WAITING_MAX, WAITING_TIME_MAX)
    }

    pub(super) fn with(waiting_max: usize, waiting_time_max: Duration) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { state, changed, waiting_max, waiting_time_max }
    }

    /// Waits for the applicant's turn.
    pub(super) fn enter(&self, applicant: &dyn Applicant) -> Result<Turn<'_>, NoTurn> {
        applicant.about_to_wait();
        let deadline = Instant::now() + self.waiting_time_max;
        let mut state = lock(&self.state);
        let ticket = state.add(applicant.origin());
        if state.waiting.len() > self.waiting_max {
            state.turn_one_away();
            self.changed.notify_all();
        }
        let result = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if !state.waiting.iter().any(|it| it.ticket == ticket) || left.is_zero() {
                break Err(NoTurn::Busy);
            }
            if !applicant.is_there() {
                break Err(NoTurn::Gone);
            }
            if !state.is_busy && state.next() == Some(ticket) {
                state.is_busy = true;
                break Ok(Turn { queue: self });
            }
            state = wait_for(&self.changed, state, left.min(LOOK_INTERVAL));
        };
        state.waiting.retain(|it| it.ticket != ticket);
        drop(state);
        if result.is_err() {
            // It may have been the next one.
            self.changed.notify_all();
        }
        result
    }
}

impl State {
    /// The ticket of a newcomer.
    fn add(&mut self, origin: Origin) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.push(Waiting { ticket, origin });
        ticket
    }

    /// The ticket of the one whose turn it is next.
    fn next(&self) -> Option<u64> {
        let counts = self.counts();
        let next = self.waiting.iter().min_by_key(|it| (counts[&it.origin], it.ticket));
        next.map(|it| it.ticket)
    }

    fn turn_one_away(&mut self) {
        let counts = self.counts();
        let last = self.waiting.iter().max_by_key(|it| (counts[&it.origin], it.ticket));
        if let Some(ticket) = last.map(|it| it.ticket) {
            self.waiting.retain(|it| it.ticket != ticket);
        }
    }

    /// How many wait of each origin.
    fn counts(&self) -> HashMap<Origin, usize> {
        let mut counts = HashMap::new();
        for it in &self.waiting {
            *counts.entry(it.origin).or_default() += 1;
        }
        counts
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.queue.state).is_busy = false;
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
pub(super) mod tests;
