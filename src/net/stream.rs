//! A connection as a blocking stream for simple protocols, and the end of a stream.
//!
//! Every byte is progress here, so only a connection that pauses can lose its slot. Eviction is an
//! error, not the end of the stream.
//!
//! To close a socket with unread bytes resets the connection, and the reset can overtake the
//! answer: the client would never read why it was refused. So [`Connection::finish`] closes our
//! side, and reads until the client closes its own, bounded in bytes and in time (RFC 9112 section
//! 9.6).

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use zeroize::Zeroizing;

use super::connection::{Connection, Lost};
use super::server::FOREVER;

/// Bytes read and dropped, at most.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes dropped before the thread steps aside.
const QUICK_BYTES_MAX: usize = 64 * 1024;

/// How long the client may take.
const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes read at once.
const DROP_BYTES: usize = 4 * 1024;

impl Connection {
    /// Tries again whenever the socket is ready, until the attempt no longer blocks.
    fn retry(
        &self,
        mut attempt: impl FnMut() -> io::Result<usize>,
        wait: impl Fn(&Self, Instant) -> Result<(), Lost>,
    ) -> io::Result<usize> {
        loop {
            match attempt() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(self, Instant::now() + FOREVER)?;
                }
                // We caused the end of the stream.
                Ok(0) | Err(_) if self.eviction().is_some() => return Err(self.lost().into()),
                result => return result.inspect(|&count| self.note_progress(count)),
            }
        }
    }

    /// Closes our side, and waits for the client to close its own, or for 5 s, or for 16 MiB,
    /// unless the connection is evicted first.
    pub fn finish(&self) -> Result<(), Lost> {
        self.linger();
        self.eviction().map_or(Ok(()), |cause| Err(Lost::Evicted(cause)))
    }

    /// The same. Without a slot, drops what has arrived and does not wait. After an error, there is
    /// nothing left to do but close.
    // Its buffer would lie on the stack of each connection that waits for its request.
    #[inline(never)]
    fn linger(&self) {
        let deadline = Instant::now() + LINGER_TIME_MAX;
        self.begin_receiving();
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut dropped = 0;
        // A second request may contain credentials.
        let mut buffer = Zeroizing::new([0; DROP_BYTES]);
        while dropped < LINGER_BYTES_MAX {
            match recv(&self.stream, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return,
                Ok((length, _)) => dropped += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if self.wait_to_receive(deadline).is_ok() => {}
                Err(_) => return,
            }
            if dropped >= QUICK_BYTES_MAX {
                self.step_aside();
                if self.eviction().is_some() || Instant::now() >= deadline {
                    return;
                }
            }
        }
    }
}

impl Read for &Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(|| (&*self.stream).read(buffer), Connection::wait_to_receive)
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(|| (&*self.stream).write(bytes), Connection::wait_to_send)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
