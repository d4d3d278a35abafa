//! Locks that outlive a panic.
//!
//! A panic costs one client, never the server: nothing here is held while foreign code runs, so
//! what a lock guards is whole even where the thread that held it has panicked.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Takes a lock, poisoned or not.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified, but no longer than `time_max`.
pub(crate) fn wait_for<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    time_max: Duration,
) -> MutexGuard<'a, T> {
    condvar.wait_timeout(guard, time_max).unwrap_or_else(PoisonError::into_inner).0
}

/// Waits while `condition` holds, but no longer than `time_max`.
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
