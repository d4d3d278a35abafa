//! Whether a client still waits for its answer.
//!
//! A client that has gone closes its stream, and so does one that only has nothing more to say
//! (`nc -N`); nothing tells one from the other before bytes are sent. But a client that only closes
//! its own side does so right after its request. So a stream that has been open for a second and is
//! closed then belongs to a client that has gone, and one that was closed earlier proves nothing. A
//! reset means that it has gone, whenever it comes.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connection::Connection;

/// How long after its request a client may close its own side of the stream and still wait.
const HALF_CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// What is known of a client that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    first_look: Instant,
    /// Its stream was still open when it had had the time to close its own side.
    stays_open: bool,
}

impl Connection {
    /// Whether its client has gone, or it was evicted. To be asked first when the request is whole.
    pub(crate) fn is_gone(&self) -> bool {
        let first = Liveness { first_look: Instant::now(), stays_open: false };
        let mut known = self.liveness.get().unwrap_or(first);
        let mut stream = [PollFd::new(self.stream(), PollFlags::RDHUP)];
        let is_known = poll(&mut stream, Some(&Timespec::default())).is_ok();
        let events = stream[0].revents();
        let is_closed = events.contains(PollFlags::RDHUP);
        let has_gone = events.intersects(PollFlags::ERR | PollFlags::HUP)
            || is_closed && known.stays_open
            || self.eviction().is_some();
        let had_time = known.first_look.elapsed() >= HALF_CLOSE_TIME_MAX;
        known.stays_open |= is_known && !is_closed && had_time;
        self.liveness.set(Some(known));
        has_gone
    }
}
