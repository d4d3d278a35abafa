//! A thread that looks after what no client's thread sees, and sleeps when there is nothing to see.
//!
//! ```text
//! asleep --call--> makes a round -> is there more to watch? -> a moment's rest -> makes a round
//!    ^                                       |
//!    +------------------ no -----------------+
//! ```

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::lock::{lock, wait, wait_for};

/// How others call the watchman.
#[derive(Debug, Default)]
pub(super) struct Watchman {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there was a call since the last round began.
    is_called: bool,
    /// Whether the thread sleeps until it is called.
    is_asleep: bool,
    is_dismissed: bool,
}

impl Watchman {
    /// There is something to watch.
    pub(super) fn call(&self) {
        let mut state = lock(&self.state);
        state.is_called = true;
        if state.is_asleep {
            self.changed.notify_one();
        }
    }

    /// There will be nothing to watch any more: the thread ends.
    pub(super) fn dismiss(&self) {
        lock(&self.state).is_dismissed = true;
        self.changed.notify_one();
    }

    /// The thread's life. A round tells how long to rest before the next one, if there is more to
    /// watch.
    pub(super) fn watch(&self, mut round: impl FnMut() -> Option<Duration>) {
        while self.sleep_until_called() {
            while let Some(rest) = round() {
                if self.rest(rest) {
                    return;
                }
            }
        }
    }

    /// Whether it was called; else it was dismissed.
    fn sleep_until_called(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.is_called && !state.is_dismissed {
            state.is_asleep = true;
            state = wait(&self.changed, state);
            state.is_asleep = false;
        }
        state.is_called = false;
        !state.is_dismissed
    }

    /// Rests for `time_max`, or until there is a call. Whether it was dismissed meanwhile.
    fn rest(&self, time_max: Duration) -> bool {
        let mut state = lock(&self.state);
        if !state.is_called && !state.is_dismissed {
            state.is_asleep = true;
            state = wait_for(&self.changed, state, time_max);
            state.is_asleep = false;
        }
        state.is_called = false;
        state.is_dismissed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
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
                tell.send(()).unwrap();
                answers.recv().unwrap()
            });
        });
        watchman.call();
        let moment = Some(Duration::from_millis(1));
        for more in [moment, moment, None] {
            rounds.recv().unwrap();
            answer.send(more).unwrap();
        }
        // A call ends a long rest, and one during a round asks for another round.
        watchman.call();
        rounds.recv().unwrap();
        answer.send(Some(Duration::MAX)).unwrap();
        watchman.call();
        rounds.recv().unwrap();
        watchman.call();
        answer.send(None).unwrap();
        rounds.recv().unwrap();
        answer.send(None).unwrap();
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
