//! Bodies that are made in memory and stay there until the client has taken them: listings, and the
//! plans of archives.
//!
//! A listing of 10,000 entries takes a core for 10 ms, and 2 MB for as long as its client takes it.
//! So as many are made at a time as there are cores; one whose disk hangs is not counted. And what
//! is held is within a budget, fairly by source. Small ones are always within it. For a large one
//! that is not, what was made is dropped, and made again when there is room.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use super::root::OpenError;
use crate::gate::{Denied, Gate, Limits, Permit, Relief, Requester};
use crate::memory::OutOfMemory;

/// Bytes that are held at once, at most.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes up to which a body is made whatever is held.
const SMALL_BYTES_MAX: usize = 256 * 1024;

/// How long a request waits for its body to be made.
const WAITING_TIME_MAX: Duration = Duration::from_secs(10);

/// How many requests wait. Each has a thread.
const WAITING_MAX: usize = 64;

/// One without progress for so long is not counted: its disk hangs.
const STUCK_TIME_MIN: Duration = Duration::from_millis(100);

/// What lets bodies be made and held.
pub(crate) struct Bodies {
    makers: Arc<Gate>,
    budget: Arc<Gate>,
}

/// Why there is no body.
#[derive(Debug)]
pub(crate) enum Failure {
    /// More entries than the limit, or more bytes than can be counted.
    TooLarge,
    /// Too many others are made or held, or the client has gone meanwhile.
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

    /// Makes something, of which `bytes` tells how much it holds. `make` is called once or twice,
    /// with a permit on which to note progress. The other permit is for as long as what was made.
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
