//! One connected client: its socket, and whose turn it is.
//!
//! A client owes its request from the moment it is seated until [`Client::sending`], and again from
//! [`Client::draining`] on. While it owes, it may be called off: nothing more is read from it than what
//! has come already, and only if that is a whole request it is answered, as if nothing had happened.
//! All of this is one word, which each side changes by compare-and-swap.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The values of [`Client::word`]. From `SENDING` on: when bytes last went out, in milliseconds
/// after the client was seated, plus `SENDING`.
const SILENT: u64 = 0;
const OWING: u64 = 1;
const CALLED_OFF: u64 = 2;
const EVICTED: u64 = 3;
const SENDING: u64 = 4;

/// A connected client, in its seat.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    since: Instant,
    word: AtomicU64,
}

/// The client has lost its seat: its thread has only to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client's, and nothing has come yet.
    Silent,
    /// The client's: the rest of its request, or the end of its stream.
    Owing,
    /// Ours: an answer is under way.
    Sending { last_progress: Instant },
    /// Nobody's any more.
    Evicted,
}

impl Client {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        Self { stream, peer, since: Instant::now(), word: AtomicU64::new(SILENT) }
    }

    /// Its socket, blocking, with the timeouts of the server's options.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Its address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Our own address on its connection.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// When it was accepted and got its seat: what a deadline for its request counts from.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// Notes that its first bytes have come: a server that stops waits for the rest.
    pub fn begun(&self) {
        // Where it fails, the client was past this already.
        let _ = self.swap(SILENT, OWING);
    }

    /// Notes that its request is whole and the answer is under way: it owes nothing any more. Who was
    /// called off when his request had come already keeps his seat.
    pub fn sending(&self) -> Result<(), Evicted> {
        self.enter(self.sending_now(), &[EVICTED])
    }

    /// Notes that bytes of the answer went out.
    pub fn progress(&self) -> Result<(), Evicted> {
        self.enter(self.sending_now(), &[CALLED_OFF, EVICTED])
    }

    /// Notes that the answer is out, and the client's turn has come to close.
    pub fn draining(&self) -> Result<(), Evicted> {
        self.enter(OWING, &[CALLED_OFF, EVICTED])
    }

    /// Whether it lost its seat, unless what it has sent by now turns out to be a whole request.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        matches!(self.word.load(Ordering::Acquire), CALLED_OFF | EVICTED)
    }

    fn sending_now(&self) -> u64 {
        let since = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX - SENDING);
        SENDING + since
    }

    /// Changes to `word`, but not from any of those in `ends`.
    fn enter(&self, word: u64, ends: &[u64]) -> Result<(), Evicted> {
        let mut from = self.word.load(Ordering::Acquire);
        loop {
            if ends.contains(&from) {
                return Err(Evicted);
            }
            match self.swap(from, word) {
                Ok(()) => return Ok(()),
                Err(other) => from = other,
            }
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.read(self.word.load(Ordering::Acquire))
    }

    /// Takes the seat away, if the client is still in that phase: an answer is cut off; who owes may
    /// send no more, and his thread ends when it has read what there is.
    pub(super) fn evict_from(&self, phase: Phase) -> bool {
        let word = self.word.load(Ordering::Acquire);
        if self.read(word) != phase {
            return false;
        }
        // Either wakes its thread from what it waits for. An error: the client is gone already.
        match phase {
            Phase::Evicted => false,
            Phase::Silent | Phase::Owing => {
                let evicted = self.swap(word, CALLED_OFF).is_ok();
                if evicted {
                    self.stop_reading();
                }
                evicted
            }
            Phase::Sending { .. } => {
                let evicted = self.swap(word, EVICTED).is_ok();
                if evicted {
                    let _ = self.stream.shutdown(Shutdown::Both);
                }
                evicted
            }
        }
    }

    /// Takes the seat away, whatever the client is doing; whether it still had one.
    pub(super) fn evict(&self) -> bool {
        let had_seat = self.word.swap(EVICTED, Ordering::AcqRel) != EVICTED;
        if had_seat {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        had_seat
    }

    /// Ends the client's side of the stream: its thread reads what has come already, then the end.
    pub(super) fn stop_reading(&self) {
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    fn read(&self, word: u64) -> Phase {
        match word {
            SILENT => Phase::Silent,
            OWING => Phase::Owing,
            CALLED_OFF | EVICTED => Phase::Evicted,
            sending => {
                let last_progress = self.since + Duration::from_millis(sending - SENDING);
                Phase::Sending { last_progress }
            }
        }
    }

    fn swap(&self, from: u64, to: u64) -> Result<(), u64> {
        self.word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }
}
