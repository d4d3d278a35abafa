//! One connected client: its socket, whose move it is, and every wait for it.
//!
//! A client owes its request from the moment it is accepted until [`Client::begin_answer`], and
//! the end of its stream from `begin_drain` on. While it owes, it may lose its seat to a newcomer;
//! while it takes its answer, how fast it does so is noted.
//!
//! The socket itself never blocks. A thread that can do nothing for its client waits here, in one
//! function, until a deadline of its own: no socket has a time limit that is set elsewhere.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::origin::Origin;
use super::progress::Progress;
use super::turn::Turn;
use crate::lock::lock;

/// A thread that waits to send looks this often what its client has taken meanwhile, since the
/// kernel wakes it only when a third of the socket's buffer is free.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// A connected client.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    origin: Origin,
    accepted_at: Instant,
    phase: Mutex<Phase>,
    /// The turn of the thread that serves it, while that holds an accept loop.
    turn: Mutex<Option<Turn>>,
}

/// Whose move it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client's, and nothing has come yet.
    Silent,
    /// The client's: the rest of its request.
    Owing,
    /// Ours: an answer is under way.
    Answered(Progress),
    /// The client's: the end of its stream.
    Draining,
    /// The client's time is over: what has come is all that will.
    Dismissed { at: Instant },
    /// No one's any more.
    Evicted { at: Instant },
}

/// The client has lost its seat: its socket is shut down, and its thread has only to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted;

/// Why bytes don't move any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The client has closed or broken the connection.
    Gone,
    /// The deadline has passed.
    TimedOut,
    /// The client has lost its seat to another.
    Evicted,
}

impl Client {
    /// A client whose socket does not block.
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        let phase = Mutex::new(Phase::Silent);
        Self {
            stream,
            peer,
            origin: peer.into(),
            accepted_at: Instant::now(),
            phase,
            turn: Mutex::new(None),
        }
    }

    /// Its address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Its socket, which does not block: where a call would, see `wait_to_receive` and
    /// `wait_to_send`.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// When it was accepted: what a deadline for its request counts from.
    pub(crate) fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    /// Notes that its first bytes have come: a server that stops waits for the rest.
    pub(crate) fn note_first_bytes(&self) {
        let mut phase = lock(&self.phase);
        if *phase == Phase::Silent {
            *phase = Phase::Owing;
        }
    }

    /// Notes that its request is whole and the answer begins: it owes nothing any more.
    pub fn begin_answer(&self) -> Result<(), Evicted> {
        let mut phase = lock(&self.phase);
        if matches!(*phase, Phase::Evicted { .. }) {
            return Err(Evicted);
        }
        *phase = Phase::Answered(Progress::new(Instant::now()));
        Ok(())
    }

    /// Notes that so many bytes of the answer went out.
    pub(crate) fn note_progress(&self, bytes: usize) -> Result<(), Evicted> {
        let (now, bytes) = (Instant::now(), bytes as u64);
        let mut phase = lock(&self.phase);
        match &mut *phase {
            Phase::Dismissed { .. } | Phase::Evicted { .. } => return Err(Evicted),
            Phase::Answered(progress) => progress.note(now, bytes),
            Phase::Silent | Phase::Owing | Phase::Draining => {
                let mut progress = Progress::new(now);
                progress.note(now, bytes);
                *phase = Phase::Answered(progress);
            }
        }
        Ok(())
    }

    /// Notes that the answer is out, and it is the client's move to close.
    pub(crate) fn begin_drain(&self) -> Result<(), Evicted> {
        let mut phase = lock(&self.phase);
        if phase.has_lost_its_seat() {
            return Err(Evicted);
        }
        *phase = Phase::Draining;
        Ok(())
    }

    /// Whether it lost its seat. Where that happened while it owed its request, its stream has come
    /// to an end; if what had come before makes a whole request, [`Client::begin_answer`] still
    /// succeeds.
    pub(crate) fn has_lost_its_seat(&self) -> bool {
        self.phase().has_lost_its_seat()
    }

    /// Waits until there are bytes to receive, or the end of the stream.
    pub(crate) fn wait_to_receive(&self, deadline: Option<Instant>) -> Result<(), Lost> {
        self.wait(PollFlags::IN, deadline)
    }

    /// Waits until bytes can be sent; returns after a moment even where they can't, so that the
    /// caller tries to send what little there is room for.
    pub(crate) fn wait_to_send(&self, deadline: Option<Instant>) -> Result<(), Lost> {
        let tick = Instant::now() + PROGRESS_INTERVAL;
        match deadline {
            Some(deadline) if deadline <= tick => self.wait(PollFlags::OUT, Some(deadline)),
            _ => match self.wait(PollFlags::OUT, Some(tick)) {
                Err(Lost::TimedOut) => Ok(()),
                result => result,
            },
        }
    }

    /// The calling thread is about to wait, or to do what may take a while: if it holds an accept
    /// loop, it passes it on.
    pub(crate) fn about_to_wait(&self) {
        drop(self.release());
    }

    /// The thread that serves it holds an accept loop, if this is a turn.
    pub(super) fn hold(&self, turn: Option<Turn>) {
        *lock(&self.turn) = turn;
    }

    /// The turn of the thread that serves it, unless it has passed the loop on.
    pub(super) fn release(&self) -> Option<Turn> {
        lock(&self.turn).take()
    }

    /// The one place where a thread waits for its client. To be evicted ends it.
    fn wait(&self, event: PollFlags, deadline: Option<Instant>) -> Result<(), Lost> {
        self.about_to_wait();
        loop {
            let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(Lost::TimedOut);
            }
            // Beyond what the kernel's clock can count is without a limit.
            let time_max = left.and_then(|left| Timespec::try_from(left).ok());
            let result = poll(&mut [PollFd::new(&self.stream, event)], time_max.as_ref());
            if matches!(self.phase(), Phase::Evicted { .. }) {
                return Err(Lost::Evicted);
            }
            match result {
                // Time has passed, or a signal came: look again.
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(_) => return Err(Lost::Gone),
            }
        }
    }

    pub(super) fn phase(&self) -> Phase {
        *lock(&self.phase)
    }

    /// Takes the seat from a client that owes: it gets no more time, but its thread may still read
    /// what has come, and answer it if it is whole. Whether it still owed.
    pub(super) fn dismiss(&self, at: Instant) -> bool {
        let mut phase = lock(&self.phase);
        let owes = matches!(*phase, Phase::Silent | Phase::Owing | Phase::Draining);
        if owes {
            *phase = Phase::Dismissed { at };
            self.stop_reading();
        }
        owes
    }

    /// Takes the seat from a client that takes its answer. Whether it still did.
    pub(super) fn evict(&self, at: Instant) -> bool {
        let mut phase = lock(&self.phase);
        let takes = matches!(*phase, Phase::Answered(progress) if progress.has_begun());
        if takes {
            self.shut_down(&mut phase, at);
        }
        takes
    }

    /// Takes the seat from a client in any phase. Whether it still had it.
    pub(super) fn evict_in_any_phase(&self, at: Instant) -> bool {
        let mut phase = lock(&self.phase);
        let was_there = !matches!(*phase, Phase::Evicted { .. });
        if was_there {
            self.shut_down(&mut phase, at);
        }
        was_there
    }

    fn shut_down(&self, phase: &mut Phase, at: Instant) {
        *phase = Phase::Evicted { at };
        // Wakes its thread from whatever it waits for. An error: it is gone already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Ends the client's side of the stream: its thread reads what has come already, then the end.
    pub(super) fn stop_reading(&self) {
        let _ = self.stream.shutdown(Shutdown::Read);
    }
}

impl Phase {
    fn has_lost_its_seat(self) -> bool {
        matches!(self, Self::Dismissed { .. } | Self::Evicted { .. })
    }
}

impl fmt::Display for Evicted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("evicted to make room for a new client")
    }
}

impl std::error::Error for Evicted {}

impl From<Evicted> for io::Error {
    fn from(evicted: Evicted) -> Self {
        Self::new(io::ErrorKind::ConnectionAborted, evicted)
    }
}

impl From<Evicted> for Lost {
    fn from(_: Evicted) -> Self {
        Self::Evicted
    }
}

impl From<Lost> for io::Error {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Gone => io::ErrorKind::ConnectionReset.into(),
            Lost::TimedOut => io::ErrorKind::TimedOut.into(),
            Lost::Evicted => Evicted.into(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
