//! Locks that outlive a panic, and a message that is logged at most once a minute.
//!
//! A panic costs one client, never the server: no lock is held while foreign code runs, so the data
//! behind it is intact even if its thread has panicked.

use std::fmt::Display;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Trouble of one kind is logged at most this often.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);

/// A kind of trouble, with the time of its last message.
#[derive(Debug)]
pub(crate) struct LogOnce {
    /// The module that the trouble is logged under.
    target: &'static str,
    logged_at: Mutex<Option<Instant>>,
}

impl LogOnce {
    /// Trouble of the module that `target` names: `module_path!()`.
    pub(crate) const fn new(target: &'static str) -> Self {
        Self { target, logged_at: Mutex::new(None) }
    }

    /// Warns of `trouble`, at most once a minute.
    pub(crate) fn warn(&self, trouble: impl Display) {
        let now = Instant::now();
        let mut logged_at = lock(&self.logged_at);
        if logged_at.is_some_and(|last| now.duration_since(last) < REPEAT_INTERVAL) {
            return;
        }
        *logged_at = Some(now);
        drop(logged_at);
        log::warn!(target: self.target, "{trouble}");
    }
}

/// Takes a lock, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits up to `time_max` for a notification of `condvar`.
pub(crate) fn wait_for<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    time_max: Duration,
) -> MutexGuard<'a, T> {
    condvar.wait_timeout(guard, time_max).unwrap_or_else(PoisonError::into_inner).0
}

/// Waits up to `time_max` while `condition` holds.
pub(crate) fn wait_while<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    time_max: Duration,
    mut condition: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    let waited = condvar.wait_timeout_while(guard, time_max, &mut condition);
    waited.unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poisoned_lock_is_taken() {
        let mutex = Mutex::new(1);
        let panics = || {
            let _guard = lock(&mutex);
            panic!("with the lock held");
        };
        let ended = std::thread::scope(|scope| scope.spawn(panics).join());
        assert!(ended.is_err() && mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 1);
    }
}
