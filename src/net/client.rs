//! One connected client: its socket, and whose turn it is.
//!
//! A client owes its request from the moment it is seated until [`Client::begin_answer`], and the
//! end of its stream from `begin_drain` on. While it owes, it may lose its seat to a newcomer.
//! Every change of state, eviction included, is one compare-and-swap on one word.
//!
//! A protocol whose turns are not worth telling apart reads and writes the client itself: whatever
//! moves then counts as progress, so that only those who pause can lose their seat.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The values of [`Client::word`]. From `SENDING` on: when bytes last went out, in milliseconds
/// after the client was seated, plus `SENDING`.
const SILENT: u64 = 0;
const OWING: u64 = 1;
const DRAINING: u64 = 2;
const DISMISSED: u64 = 3;
const EVICTED: u64 = 4;
const SENDING: u64 = 5;

/// A connected client, in its seat.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    peer: SocketAddr,
    accepted_at: Instant,
    word: AtomicU64,
}

/// The client has lost its seat: its socket is shut down, and its thread has only to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client's, and nothing has come yet.
    Silent,
    /// The client's: the rest of its request.
    Owing,
    /// The client's: the end of its stream.
    Draining,
    /// Ours: an answer is under way.
    Sending { last_progress: Instant },
    /// The client's time is over: what has come is all that will.
    Dismissed,
    /// Nobody's any more.
    Evicted,
}

impl Client {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        Self { stream, peer, accepted_at: Instant::now(), word: AtomicU64::new(SILENT) }
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

    /// When it was accepted and got its seat: what a deadline for its request counts from.
    #[must_use]
    pub(crate) fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    /// Notes that its first bytes have come: a server that stops waits for the rest.
    pub fn note_first_bytes(&self) {
        // Where it fails, the client was past this already.
        let _ = self.swap(SILENT, OWING);
    }

    /// Notes that its request is whole and the answer is under way: it owes nothing any more.
    pub fn begin_answer(&self) -> Result<(), Evicted> {
        self.enter(self.sending_now(), &[EVICTED])
    }

    /// Notes that bytes of the answer went out.
    pub(crate) fn note_progress(&self) -> Result<(), Evicted> {
        self.enter(self.sending_now(), &[DISMISSED, EVICTED])
    }

    /// Notes that the answer is out, and the client's turn has come to close.
    pub(crate) fn begin_drain(&self) -> Result<(), Evicted> {
        self.enter(DRAINING, &[DISMISSED, EVICTED])
    }

    /// Whether it lost its seat. Where that happened while it owed its request, its stream has come
    /// to an end; if what had come before makes a whole request, [`Client::begin_answer`] still
    /// succeeds.
    #[must_use]
    pub(crate) fn has_lost_its_seat(&self) -> bool {
        matches!(self.phase(), Phase::Dismissed | Phase::Evicted)
    }

    /// What came of a call on its socket: bytes that moved are progress.
    fn moved(&self, result: io::Result<usize>) -> io::Result<usize> {
        match result {
            // The end of the stream, or its loss, is our own doing.
            Ok(0) | Err(_) if self.has_lost_its_seat() => Err(Evicted.into()),
            Ok(0) | Err(_) => result,
            Ok(_) => self.note_progress().map_err(io::Error::from).and(result),
        }
    }

    fn sending_now(&self) -> u64 {
        let since =
            u64::try_from(self.accepted_at.elapsed().as_millis()).unwrap_or(u64::MAX - SENDING);
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

    /// Takes the seat from a client that owes something, if it is still in that phase: it gets no
    /// more time, but its thread may still read what has come, and answer it if it is whole.
    pub(super) fn dismiss(&self, phase: Phase) -> bool {
        let is_dismissed = self.change(phase, DISMISSED);
        if is_dismissed {
            self.stop_reading();
        }
        is_dismissed
    }

    /// Takes the seat from a client at once, if it is still in that phase.
    pub(super) fn evict(&self, phase: Phase) -> bool {
        let is_evicted = self.change(phase, EVICTED);
        if is_evicted {
            // Wakes its thread from whatever it does with the socket. An error: it is gone already.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        is_evicted
    }

    /// As `evict`, in any phase; whether it still had its seat.
    pub(super) fn evict_whatever_it_does(&self) -> bool {
        loop {
            match self.phase() {
                Phase::Evicted => return false,
                phase if self.evict(phase) => return true,
                _ => {}
            }
        }
    }

    fn change(&self, from: Phase, to: u64) -> bool {
        let word = self.word.load(Ordering::Acquire);
        self.read(word) == from && self.swap(word, to).is_ok()
    }

    /// Ends the client's side of the stream: its thread reads what has come already, then the end.
    pub(super) fn stop_reading(&self) {
        let _ = self.stream.shutdown(Shutdown::Read);
    }

    fn read(&self, word: u64) -> Phase {
        match word {
            SILENT => Phase::Silent,
            OWING => Phase::Owing,
            DRAINING => Phase::Draining,
            DISMISSED => Phase::Dismissed,
            EVICTED => Phase::Evicted,
            sending => {
                let last_progress = self.accepted_at + Duration::from_millis(sending - SENDING);
                Phase::Sending { last_progress }
            }
        }
    }

    fn swap(&self, from: u64, to: u64) -> Result<(), u64> {
        self.word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }
}

/// For conversations: bytes that come are progress. To be evicted is an error here, not the end of
/// the stream.
impl Read for &Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.moved((&self.stream).read(buffer))
    }
}

/// For conversations: bytes that go out are progress.
impl Write for &Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.moved((&self.stream).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Evicted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("lost its seat")
    }
}

impl std::error::Error for Evicted {}

impl From<Evicted> for io::Error {
    fn from(evicted: Evicted) -> Self {
        Self::new(io::ErrorKind::ConnectionAborted, evicted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Server};
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn whoever_converses_keeps_the_seat_and_whoever_is_silent_loses_it() {
        let (tell, ended) = mpsc::channel();
        let options = Options { max_connections: 2, ..Options::default() };
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], options).unwrap();
        let address = server.addresses()[0];
        let running = server.start(move |mut client: &Client| {
            let result = io::copy(&mut &*client, &mut client);
            tell.send((client.peer(), result)).unwrap();
        });
        let running = running.unwrap();
        let mut talker = TcpStream::connect(address).unwrap();
        let mut echo = [0; 2];
        talker.write_all(b"hi").unwrap();
        talker.read_exact(&mut echo).unwrap();

        let silent = TcpStream::connect(address).unwrap();
        let mut newcomer = TcpStream::connect(address).unwrap();
        let (evicted, result) = ended.recv().unwrap();
        assert_eq!(evicted, silent.local_addr().unwrap());
        assert_eq!(result.unwrap_err().to_string(), "lost its seat");

        for stream in [&mut talker, &mut newcomer] {
            stream.write_all(b"ho").unwrap();
            stream.read_exact(&mut echo).unwrap();
            assert_eq!(&echo, b"ho");
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(stream.read(&mut echo).unwrap(), 0);
            assert!(ended.recv().unwrap().1.is_ok());
        }
        assert_eq!(running.stop(Duration::from_secs(5)), 0);
    }
}
