//! One connection: its socket, every wait for its peer, and its slot.
//!
//! The socket itself never blocks. A thread that can do nothing for its client waits here, in one
//! function, until a deadline of its own. Before that it does what every wait begins with: it steps
//! aside, so that another thread accepts, and takes a slot. A connection that is served without a
//! wait does neither, and the state of the server knows nothing of it but its number.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::eviction::Cause;
use super::progress::{Phase, Progress};
use super::server::Shared;
use super::slots::{Slot, Waiting};
use crate::gate::Holder;

/// A thread that waits to send looks this often what its client has taken meanwhile, since the
/// kernel wakes it only when a third of the socket's buffer is free.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// A thread whose connection is queued looks this often what has become of that.
const QUEUE_INTERVAL: Duration = Duration::from_millis(50);

/// How long to wait for memory of the kernel's: nothing tells when it has some again.
const NO_MEMORY_INTERVAL: Duration = Duration::from_millis(10);

/// How long after its request a client may close its own side of the stream and still wait.
const HALF_CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

thread_local! {
    /// The listener whose loop this thread keeps while it serves, if it leads there.
    pub(super) static LEAD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// An accepted connection. It is closed when it is dropped.
pub struct Connection {
    shared: Arc<Shared>,
    /// Its socket, which does not block: where a call would, see `wait_to_receive` and
    /// `wait_to_send`.
    pub(crate) stream: Arc<TcpStream>,
    peer: SocketAddr,
    id: u64,
    /// What a deadline for its request counts from.
    pub(crate) accepted_at: Instant,
    /// How far it has come, as its own thread knows it.
    phase: Cell<Phase>,
    /// Whether the state of the server knows of it, since it has had to wait.
    is_waited_for: Cell<bool>,
    /// Bytes of the answer that were sent since the last wait.
    sent: Cell<u64>,
    /// When it was first looked whether its client has gone.
    first_look: Cell<Option<Instant>>,
    /// Whether its stream was open when the client had had the time to close its own side.
    stays_open: Cell<bool>,
}

/// Why bytes don't move any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The client has closed or broken the connection.
    Gone,
    /// The deadline has passed.
    TimedOut,
    /// The server has ended the connection, or it would have to wait and has no slot.
    Evicted(Cause),
}

impl Connection {
    /// A connection on a socket that does not block, with its number and the time of its accept.
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: TcpStream,
        peer: SocketAddr,
        (id, accepted_at): (u64, Instant),
    ) -> Self {
        Self {
            shared,
            stream: Arc::new(stream),
            peer,
            id,
            accepted_at,
            phase: Cell::new(Phase::New),
            is_waited_for: Cell::new(false),
            sent: Cell::new(0),
            first_look: Cell::new(None),
            stays_open: Cell::new(false),
        }
    }

    /// The address of its client.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Notes that there is more to come from the client: after the first bytes of a request, for
    /// whose rest a server that stops waits; and after the answer.
    pub(crate) fn begin_receiving(&self) {
        self.enter(Phase::Receiving);
    }

    /// Notes that the request is whole and the answer begins. Until its first bytes are out, the
    /// connection is not evicted.
    pub fn begin_answer(&self) -> Result<(), Lost> {
        self.sent.set(0);
        self.enter(Phase::Sending(Progress::new(Instant::now())));
        match self.waiting(|waiting| waiting.phase) {
            Some(Phase::Closed { cause, .. }) => Err(Lost::Evicted(cause)),
            _ => Ok(()),
        }
    }

    /// Notes that so many bytes of the answer went out.
    pub(crate) fn note_progress(&self, bytes: usize) {
        if bytes > 0 && !matches!(self.phase.get(), Phase::Sending(_)) {
            self.enter(Phase::Sending(Progress::new(Instant::now())));
        }
        self.sent.set(self.sent.get() + bytes as u64);
    }

    /// Why it must end, if it must: it was evicted, or rejected by the queue for a slot. Where that
    /// happened while its request was owed, its stream has come to an end; if what had come before
    /// makes a whole request, that may still be answered.
    pub(crate) fn eviction(&self) -> Option<Cause> {
        self.waiting(|waiting| waiting.eviction())?
    }

    /// What has become of a connection on which no bytes move any more.
    pub(crate) fn lost(&self) -> Lost {
        self.eviction().map_or(Lost::Gone, Lost::Evicted)
    }

    /// The calling thread is about to wait, or to do what may take a while: if it leads, another
    /// thread goes on accepting.
    pub(crate) fn step_aside(&self) {
        if let Some(listener) = LEAD.take() {
            self.shared.change(|state| state.step_aside(listener, self.id));
        }
    }

    /// Takes a slot before what is going to wait for the client in any case: a long answer. Waits
    /// in the queue where none is free.
    pub(crate) fn take_slot(&self) -> Result<(), Lost> {
        self.step_aside();
        while self.note_wait(Some(thread::current()))? == Slot::Queued {
            thread::park_timeout(QUEUE_INTERVAL);
            if self.is_gone() {
                return Err(self.lost());
            }
        }
        Ok(())
    }

    /// Waits until there are bytes to receive, or the end of the stream.
    pub(crate) fn wait_to_receive(&self, deadline: Instant) -> Result<(), Lost> {
        self.wait(PollFlags::IN, deadline)
    }

    /// Waits until bytes can be sent; returns after a moment even where they can't, so that the
    /// caller tries to send what little there is room for.
    pub(crate) fn wait_to_send(&self, deadline: Instant) -> Result<(), Lost> {
        let tick = Instant::now() + PROGRESS_INTERVAL;
        match self.wait(PollFlags::OUT, deadline.min(tick)) {
            Err(Lost::TimedOut) if tick < deadline => Ok(()),
            result => result,
        }
    }

    /// Whether its client has gone, or it was evicted. To be asked first when the request is whole.
    ///
    /// A client that has gone closes its stream, and so does one that only has nothing more to say
    /// (`nc -N`), which does so right after its request. So a stream that has been open for a
    /// second and is closed then belongs to a client that has gone; one that was closed earlier
    /// proves nothing. A reset means that it has gone, whenever it comes.
    pub(crate) fn is_gone(&self) -> bool {
        let first_look = self.first_look.get().unwrap_or_else(Instant::now);
        self.first_look.set(Some(first_look));
        let mut stream = [PollFd::new(&self.stream, PollFlags::RDHUP)];
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

    /// What ends this connection if it holds too much of something that others wait for.
    pub(crate) fn holder(&self) -> Box<dyn Holder> {
        Box::new(Handle { shared: Arc::clone(&self.shared), id: self.id })
    }

    /// The one place where a thread waits for its client.
    fn wait(&self, event: PollFlags, deadline: Instant) -> Result<(), Lost> {
        self.step_aside();
        loop {
            let slot = self.note_wait(None)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Lost::TimedOut);
            }
            let time_max = if slot == Slot::Held { left } else { left.min(QUEUE_INTERVAL) };
            // Beyond what the kernel's clock can count is without a limit.
            let time_max = Timespec::try_from(time_max).ok();
            match poll(&mut [PollFd::new(&self.stream, event)], time_max.as_ref()) {
                // Time has passed, or a signal came: look again.
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(Errno::NOMEM | Errno::AGAIN) => thread::sleep(NO_MEMORY_INTERVAL),
                Err(_) => return Err(Lost::Gone),
            }
        }
    }

    /// Tells the state of the server that this connection makes it wait. Gives whether there is a
    /// slot for that; where there is none yet, the thread may want to be unparked.
    fn note_wait(&self, parks: Option<Thread>) -> Result<Slot, Lost> {
        let now = Instant::now();
        self.shared.change(|state| {
            if !self.is_waited_for.replace(true) {
                state.add_waiting(self.id, self.to_waiting(), now);
            }
            let waiting = state.slots.get(self.id).expect("it is noted until it is dropped");
            if let Phase::Sending(progress) = &mut waiting.phase {
                progress.note_wait(now, self.sent.take());
            }
            waiting.parked = parks.filter(|_| waiting.slot == Slot::Queued);
            let is_sending = matches!(self.phase.get(), Phase::Sending(_));
            match waiting.eviction() {
                // What has come is to be received, and then the end of the stream.
                Some(_) if !is_sending && matches!(waiting.phase, Phase::ReadClosed { .. }) => {}
                Some(cause) => {
                    if waiting.phase.average_pace(now).is_some() {
                        self.reset_on_close();
                    }
                    return Err(Lost::Evicted(cause));
                }
                None => {}
            }
            Ok(waiting.slot)
        })
    }

    /// Lets the close be a reset, which also frees what the kernel has not sent yet: so the client
    /// can't take the part of an answer for the whole.
    pub(crate) fn reset_on_close(&self) {
        // Where it fails the connection is gone already.
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    fn to_waiting(&self) -> Waiting {
        Waiting {
            source: self.peer.into(),
            accepted_at: self.accepted_at,
            stream: Arc::clone(&self.stream),
            phase: self.phase.get(),
            slot: Slot::Queued,
            parked: None,
        }
    }

    /// Enters a phase, unless the connection was evicted before that.
    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        let is_sending = matches!(phase, Phase::Sending(_));
        self.waiting(|waiting| match waiting.phase {
            Phase::Closed { .. } => {}
            // What came before makes a whole request.
            Phase::ReadClosed { .. } if !is_sending => {}
            _ => waiting.phase = phase,
        });
    }

    /// What the state of the server has of it, if it has had to wait.
    fn waiting<R>(&self, look: impl FnOnce(&mut Waiting) -> R) -> Option<R> {
        let is_known = self.is_waited_for.get();
        is_known.then(|| self.shared.change(|state| state.slots.get(self.id).map(look)))?
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_waited_for.get() {
            // Before the socket closes, so that no other's is shut down in its place.
            self.shared.change(|state| state.slots.remove(self.id));
        }
    }
}

/// A connection for those who hold no more of it than its number.
struct Handle {
    shared: Arc<Shared>,
    id: u64,
}

impl Holder for Handle {
    fn pace(&self) -> Option<u64> {
        let now = Instant::now();
        self.shared.change(|state| state.slots.get(self.id)?.phase.average_pace(now))
    }

    fn make_way(&self) {
        let phase = Phase::Closed { at: Instant::now(), cause: Cause::OverShare };
        self.shared.change(|state| state.slots.end(self.id, phase));
    }
}

impl From<Lost> for io::Error {
    fn from(lost: Lost) -> Self {
        Self::from(match lost {
            Lost::Gone => io::ErrorKind::ConnectionReset,
            Lost::TimedOut => io::ErrorKind::TimedOut,
            Lost::Evicted(_) => io::ErrorKind::ConnectionAborted,
        })
    }
}

#[cfg(test)]
mod tests;
