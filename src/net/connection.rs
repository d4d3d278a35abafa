//! One connection: its socket, every wait for its peer, and its slot.
//!
//! The socket never blocks. All waits for a client are in one function here, and each has a
//! deadline. Before a wait, the thread steps aside, so that another one accepts, and the connection
//! takes a slot. A connection that is served without waiting does neither.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;

use super::progress::{Cause, Phase, Progress};
use super::server::Shared;
use super::slots::{Slot, Waiting};
use crate::gate::Holder;

/// A thread that waits to send tries again this often, because the kernel wakes it only when a
/// third of the socket's buffer is free.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// A thread whose connection is queued checks its place this often.
const QUEUE_INTERVAL: Duration = Duration::from_millis(50);

/// How long to wait when the kernel is out of memory: nothing tells when it has some again.
const NO_MEMORY_INTERVAL: Duration = Duration::from_millis(10);

/// A client may close its side of the stream this long after its request and still want an answer.
const HALF_CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

thread_local! {
    /// The listener at which this thread leads, if it does.
    pub(super) static LEAD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// An accepted connection. It is closed when it is dropped.
pub struct Connection {
    shared: Arc<Shared>,
    /// Its socket, which does not block: see `wait_to_receive` and `wait_to_send`.
    pub(crate) stream: Arc<TcpStream>,
    peer: SocketAddr,
    id: u64,
    /// The start of the deadline for its request.
    pub(crate) accepted_at: Instant,
    /// How far it has come, as its own thread sees it.
    phase: Cell<Phase>,
    /// Whether it has had to wait, so that the server's state knows it.
    is_waited_for: Cell<bool>,
    /// Bytes of the answer sent since the last wait.
    sent: Cell<u64>,
    /// The first check whether its client has gone.
    first_look: Cell<Option<Instant>>,
    /// Whether its stream was still open `HALF_CLOSE_TIME_MAX` after that.
    stays_open: Cell<bool>,
}

/// Why no more bytes can be sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The client has closed or broken the connection.
    Gone,
    /// The deadline has passed.
    TimedOut,
    /// The server ended the connection, or it would have to wait and got no slot.
    Evicted(Cause),
}

impl Connection {
    /// A connection on a socket that does not block, with its number and when it was accepted.
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

    /// More is to come from the client. Call it after the first bytes of a request, whose rest a
    /// stopping server still waits for, and after the answer.
    pub(crate) fn begin_receiving(&self) {
        self.enter(Phase::Receiving);
    }

    /// The request is whole and the answer begins. The connection is not evicted before the first
    /// bytes of the answer are sent.
    pub fn begin_answer(&self) -> Result<(), Lost> {
        self.sent.set(0);
        self.enter(Phase::Sending(Progress::new(Instant::now())));
        match self.waiting(|waiting| waiting.phase) {
            Some(Phase::Closed { cause, .. }) => Err(Lost::Evicted(cause)),
            _ => Ok(()),
        }
    }

    /// This many bytes of the answer were sent.
    pub(crate) fn note_progress(&self, bytes: usize) {
        if bytes > 0 && !matches!(self.phase.get(), Phase::Sending(_)) {
            self.enter(Phase::Sending(Progress::new(Instant::now())));
        }
        self.sent.set(self.sent.get() + bytes as u64);
    }

    /// Why it must end, if it was evicted or rejected by the queue for a slot. If it still owed its
    /// request, its stream has ended; a request that was whole by then may still be answered.
    pub(crate) fn eviction(&self) -> Option<Cause> {
        self.waiting(|waiting| waiting.eviction())?
    }

    /// Why a connection was lost on which an operation failed.
    pub(crate) fn lost(&self) -> Lost {
        self.eviction().map_or(Lost::Gone, Lost::Evicted)
    }

    /// The calling thread is about to wait or to start long work: if it leads, another thread takes
    /// over the loop.
    pub(crate) fn step_aside(&self) {
        if let Some(listener) = LEAD.take() {
            self.shared.change(|state| state.step_aside(listener, self.id));
        }
    }

    /// Takes a slot before a long answer, which will have to wait for the client in any case. If
    /// none is free, waits in the queue.
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

    /// Waits until bytes can be sent, or for a moment: the caller then tries to send what little
    /// there is room for.
    pub(crate) fn wait_to_send(&self, deadline: Instant) -> Result<(), Lost> {
        let tick = Instant::now() + PROGRESS_INTERVAL;
        match self.wait(PollFlags::OUT, deadline.min(tick)) {
            Err(Lost::TimedOut) if tick < deadline => Ok(()),
            result => result,
        }
    }

    /// Whether its client has gone, or it was evicted. The first call is to come when the request
    /// is whole.
    ///
    /// A client that leaves closes its stream, but so does `nc -N` right after its request, and
    /// waits for the answer. So a stream that closes after it was open for a second means that the
    /// client has gone, and one that closed earlier means nothing. A reset always means that it has
    /// gone.
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

    /// A handle for a gate to judge and end this connection.
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
            // Without a limit, if the kernel's clock cannot count that far.
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

    /// Tells the server's state that this connection makes it wait. Returns whether it has a slot.
    /// If it has none yet, a thread that parks is woken when that changes.
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
                // The bytes received are still to be read, and then the end of the stream.
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

    /// Makes the close a reset, so that the client cannot take part of an answer for the whole. It
    /// also frees what the kernel has not sent yet.
    pub(crate) fn reset_on_close(&self) {
        // An error means that the connection is gone.
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    fn to_waiting(&self) -> Waiting {
        Waiting {
            source: self.peer.ip().into(),
            accepted_at: self.accepted_at,
            stream: Arc::clone(&self.stream),
            phase: self.phase.get(),
            slot: Slot::Queued,
            parked: None,
        }
    }

    /// Enters a phase, unless the connection was evicted.
    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        let is_sending = matches!(phase, Phase::Sending(_));
        self.waiting(|waiting| match waiting.phase {
            Phase::Closed { .. } => {}
            // Unless the bytes received were a whole request.
            Phase::ReadClosed { .. } if !is_sending => {}
            _ => waiting.phase = phase,
        });
    }

    /// Its entry in the server's state, if it has had to wait.
    fn waiting<R>(&self, look: impl FnOnce(&mut Waiting) -> R) -> Option<R> {
        let is_known = self.is_waited_for.get();
        is_known.then(|| self.shared.change(|state| state.slots.get(self.id).map(look)))?
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_waited_for.get() {
            // Before the socket closes, so that no other is shut down in its place.
            self.shared.change(|state| state.slots.remove(self.id));
        }
    }
}

/// A connection by its number, for a gate.
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
