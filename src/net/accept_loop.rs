//! A listener, and how many threads wait for its clients.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::listener::Listener;
use super::turn::Turns;

/// A listener, and the threads that wait for its clients.
pub(super) struct AcceptLoop {
    pub(super) listener: Listener,
    /// Threads that are in `accept`, or on their way to it. 0 before the server stops only where
    /// the system has refused a thread; then the watchman looks for one.
    acceptors: AtomicUsize,
    acceptors_max: usize,
    /// The turns of the last of them.
    pub(super) turns: Turns,
}

impl AcceptLoop {
    /// A loop that counts one thread which is about to come. At most `further` may join it.
    pub(super) fn new(listener: Listener, further: usize) -> Self {
        // A thread that waits for a passed socket is woken for every client, so one is enough.
        let acceptors_max = if listener.is_inherited() { 1 } else { 1 + further };
        Self { listener, acceptors: AtomicUsize::new(1), acceptors_max, turns: Turns::default() }
    }

    /// Threads that may join the one that always accepts.
    pub(super) fn further_max(&self) -> usize {
        self.acceptors_max - 1
    }

    /// Takes the calling thread off the acceptors, unless it is the last one: then it holds the
    /// loop, and stays counted until another thread has been found.
    pub(super) fn leave_to_others(&self) -> bool {
        let fewer = |acceptors: usize| (acceptors > 1).then(|| acceptors - 1);
        self.acceptors.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer).is_ok()
    }

    /// Counts the calling thread among the acceptors, unless there are enough.
    pub(super) fn join(&self) -> bool {
        let more = |acceptors| (acceptors < self.acceptors_max).then_some(acceptors + 1);
        self.acceptors.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.acceptors.load(Ordering::Acquire) == 0
    }

    /// Counts one thread more, which does not wait in `accept`: for the end of the loop.
    pub(super) fn add_last(&self) {
        self.acceptors.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes one thread off the acceptors, the last one too.
    pub(super) fn leave(&self) {
        self.acceptors.fetch_sub(1, Ordering::AcqRel);
    }
}
