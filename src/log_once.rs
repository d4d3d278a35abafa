//! Logs a persistent error once a minute instead of every time.

use std::fmt::Display;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// The same kind of trouble is logged at most this often.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);

/// One kind of trouble, and when it was last logged.
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

    /// Warns of `trouble`, unless that was done within the last minute.
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
