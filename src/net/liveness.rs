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

impl Connection {
    /// Whether its client has gone, or it was evicted. To be asked first when the request is whole.
    pub(crate) fn is_gone(&self) -> bool {
        let first_look = self.first_look.get().unwrap_or_else(Instant::now);
        self.first_look.set(Some(first_look));
        let mut stream = [PollFd::new(self.stream(), PollFlags::RDHUP)];
        let is_known = poll(&mut stream, Some(&Timespec::default())).is_ok();
        let events = stream[0].revents();
        let is_closed = events.contains(PollFlags::RDHUP);
        let has_gone = events.intersects(PollFlags::ERR | PollFlags::HUP)
            || is_closed && self.stays_open.get()
            || self.eviction().is_some();
        if is_known && !is_closed && first_look.elapsed() >= HALF_CLOSE_TIME_MAX {
            self.stays_open.set(true);
        }
        has_gone
    }
}
