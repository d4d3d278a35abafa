//! A trouble that lasts is said once, not a thousand times.

use std::fmt::Display;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A trouble that comes back within this time is still the same trouble.
const REPEAT_INTERVAL: Duration = Duration::from_secs(60);

/// One kind of trouble, and when it was last seen.
#[derive(Debug, Default)]
pub(crate) struct LogOnce {
    seen: Mutex<Option<Instant>>,
}

impl LogOnce {
    /// Warns of `trouble`, unless it was seen within the last minute.
    pub(crate) fn say(&self, trouble: impl Display) {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_new = seen.is_none_or(|last| now.duration_since(last) >= REPEAT_INTERVAL);
        *seen = Some(now);
        drop(seen);
        if is_new {
            log::warn!("{trouble}");
        }
    }
}
