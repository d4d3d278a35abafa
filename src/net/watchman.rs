//! A thread that looks after what no client's thread sees, and sleeps when there is nothing to see.
//!
//! ```text
//! asleep --call--> makes a round -> is there more to watch? -> a moment's rest -> makes a round
//!    ^                                       |
//!    +------------------ no -----------------+
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::lock::{lock, wait, wait_for};

/// How others call the watchman.
#[derive(Debug, Default)]
pub(super) struct Watchman {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the thread is about to sleep until it is called, to be read without the lock.
    is_asleep: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there was a call since the last round began.
    is_called: bool,
    is_dismissed: bool,
}

impl Watchman {
    /// There is something to watch.
    pub(super) fn call(&self) {
        lock(&self.state).is_called = true;
        self.changed.notify_one();
    }

    /// There is something to watch, which a round of a thread that is awake will see.
    pub(super) fn call_if_asleep(&self) {
        if self.is_asleep.load(Ordering::SeqCst) {
            self.call();
        }
    }

    /// There will be nothing to watch any more: the thread ends.
    pub(super) fn dismiss(&self) {
        lock(&self.state).is_dismissed = true;
        self.changed.notify_one();
    }

    /// The thread's life. A round tells how long to rest before the next one, if there is more to
    /// watch. The last round before it sleeps is made when everyone can know that it will.
    pub(super) fn watch(&self, mut round: impl FnMut() -> Option<Duration>) {
        loop {
            let is_asleep = self.is_asleep.load(Ordering::Relaxed);
            match round() {
                Some(rest) => {
                    self.is_asleep.store(false, Ordering::SeqCst);
                    self.rest(Some(rest));
                }
                None if is_asleep => self.rest(None),
                None => self.is_asleep.store(true, Ordering::SeqCst),
            }
            if lock(&self.state).is_dismissed {
                return;
            }
        }
    }

    /// Rests until there is a call, but no longer than `time_max`.
    fn rest(&self, time_max: Option<Duration>) {
        let mut state = lock(&self.state);
        if !state.is_called && !state.is_dismissed {
            state = match time_max {
                Some(time_max) => wait_for(&self.changed, state, time_max),
                None => wait(&self.changed, state),
            };
        }
        state.is_called = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn it_makes_rounds_while_there_is_more_to_watch() {
        let watchman = Arc::new(Watchman::default());
        let (tell, rounds) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let watching = Arc::clone(&watchman);
        let thread = thread::spawn(move || {
            watching.watch(|| {
                tell.send(watching.is_asleep.load(Ordering::SeqCst)).unwrap();
                answers.recv().unwrap()
            });
        });
        // Whether it is about to sleep when it makes a round, and what it finds there.
        let check = |is_asleep, finds| {
            assert_eq!(rounds.recv(), Ok(is_asleep));
            answer.send(finds).unwrap();
        };
        let moment = Some(Duration::from_millis(1));
        check(false, moment);
        check(false, None);
        check(true, moment);
        check(false, None);
        check(true, None);
        watchman.call_if_asleep();
        check(true, Some(Duration::MAX));
        // A call ends a long rest.
        watchman.call();
        check(false, None);
        check(true, None);
        watchman.dismiss();
        thread.join().unwrap();
    }

    /// Whoever has something to watch and finds the watchman awake can rely on a later round.
    #[test]
    fn nothing_is_overlooked_by_a_watchman_who_falls_asleep() {
        let watchman = Arc::new(Watchman::default());
        let (newest, looked_at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let watching = Arc::clone(&watchman);
        let (source, target) = (Arc::clone(&newest), Arc::clone(&looked_at));
        let thread = thread::spawn(move || {
            watching.watch(|| {
                target.store(source.load(Ordering::SeqCst), Ordering::SeqCst);
                None
            });
        });
        for number in 1..=10_000 {
            newest.store(number, Ordering::SeqCst);
            watchman.call_if_asleep();
            while looked_at.load(Ordering::SeqCst) < number {
                thread::yield_now();
            }
        }
        watchman.dismiss();
        thread.join().unwrap();
    }

    #[test]
    fn it_ends_when_it_is_dismissed_between_two_rounds() {
        let watchman = Arc::new(Watchman::default());
        let watching = Arc::clone(&watchman);
        let thread = thread::spawn(move || watching.watch(|| Some(Duration::from_secs(1))));
        watchman.call();
        watchman.dismiss();
        thread.join().unwrap();
    }
}
