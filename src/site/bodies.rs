//! Generated bodies, which stay in memory until the client has taken them: listings, and the plans
//! of archives.
//!
//! A listing of 10,000 entries takes a core for 10 ms, and 2 MB until its client has taken it. So
//! at most as many are made at once as there are cores, not counting those whose disk hangs. The
//! memory has a budget, shared fairly by source; small bodies are always within it. A large one
//! that is not is dropped, and made again once there is room.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::root::OpenError;
use crate::gate::{Denied, Gate, Limits, Permit, Relief, Requester};
use crate::memory::OutOfMemory;

/// The memory budget, in bytes.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bodies of up to this many bytes are made regardless of the budget.
const SMALL_BYTES_MAX: usize = 256 * 1024;

/// How long a request may wait for its body.
const WAITING_TIME_MAX: Duration = Duration::from_secs(10);

/// The most requests that wait. Each has a thread.
const WAITING_MAX: usize = 64;

/// A body without progress for this long is not counted: its disk hangs.
const STUCK_TIME_MIN: Duration = Duration::from_millis(100);

/// The gates for making and holding bodies.
pub(crate) struct Bodies {
    makers: Arc<Gate>,
    budget: Arc<Gate>,
}

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum Failure {
    /// More entries than the limit, or more bytes than can be counted.
    TooLarge,
    /// Too many others are being made or held, or the client has gone meanwhile.
    Denied,
    /// A file or folder could not be opened.
    Open(OpenError),
}

impl Bodies {
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with(cores, HELD_BYTES_MAX, WAITING_TIME_MAX)
    }

    fn with(makers_max: usize, held_bytes_max: usize, time_max: Duration) -> Self {
        let queue_max = WAITING_MAX;
        let gate = |capacity, exempt, relief| {
            Gate::new(Limits { capacity, exempt, queue_max, time_max, relief })
        };
        Self {
            makers: gate(makers_max, 0, Relief::Stuck(STUCK_TIME_MIN)),
            budget: gate(held_bytes_max, SMALL_BYTES_MAX, Relief::Greediest),
        }
    }

    /// Makes a body of the size that `bytes` returns. Calls `make` once or twice, with a permit on
    /// which to note progress. The returned permit is held as long as the body.
    pub(crate) fn make<T>(
        &self,
        requester: &dyn Requester,
        mut make: impl FnMut(&Permit) -> Result<T, Failure>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<(T, Permit), Failure> {
        let mut make = || {
            let maker = self.makers.enter(requester, 1)?;
            make(&maker)
        };
        let body = make()?;
        let weight = bytes(&body);
        if let Some(permit) = self.budget.try_enter(requester, weight) {
            return Ok((body, permit));
        }
        drop(body);
        let permit = self.budget.enter(requester, weight)?;
        let body = make()?;
        // The folder may have grown meanwhile.
        if bytes(&body) <= weight { Ok((body, permit)) } else { Err(Failure::Denied) }
    }
}

impl From<Denied> for Failure {
    fn from(_: Denied) -> Self {
        Self::Denied
    }
}

impl From<OutOfMemory> for Failure {
    fn from(error: OutOfMemory) -> Self {
        Self::Open(error.into())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

#[cfg(test)]
mod tests;
