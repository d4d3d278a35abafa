//! Whether a client still waits for its answer.
//!
//! A client that has gone closes its stream, and so does one that only has nothing more to say
//! (`nc -N`); nothing tells one from the other before bytes are sent. But who only closes its own
//! side does so right after its request. So a stream that has been open for a second and is closed
//! then belongs to a client that has gone, and one that was closed earlier proves nothing. A reset
//! means that it has gone, whenever it comes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::client::{Client, Phase};

/// How long after its request a client may close its own side of the stream and still wait.
const HALF_CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// A client that waits for its answer, or does not any more.
pub(crate) struct Presence<'a> {
    client: &'a Client,
    since: Instant,
    /// Its stream was still open when it had had the time to close its own side.
    stays_open: Cell<bool>,
    is_over: Cell<bool>,
}

impl<'a> Presence<'a> {
    /// A client whose request has just come whole.
    pub(crate) fn new(client: &'a Client) -> Self {
        let (stays_open, is_over) = (Cell::new(false), Cell::new(false));
        Self { client, since: Instant::now(), stays_open, is_over }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client
    }

    /// Whether a look found that the client has gone.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Looks whether the client has gone.
    pub(crate) fn look(&self) -> bool {
        let mut stream = [PollFd::new(self.client.stream(), PollFlags::RDHUP)];
        let is_known = poll(&mut stream, Some(&Timespec::default())).is_ok();
        let events = stream[0].revents();
        let is_closed = events.contains(PollFlags::RDHUP);
        let has_gone = events.intersects(PollFlags::ERR | PollFlags::HUP)
            || is_closed && self.stays_open.get()
            || matches!(self.client.phase(), Phase::Evicted { .. });
        if is_known && !is_closed && self.since.elapsed() >= HALF_CLOSE_TIME_MAX {
            self.stays_open.set(true);
        }
        self.is_over.set(self.is_over.get() || has_gone);
        self.is_over.get()
    }
}
