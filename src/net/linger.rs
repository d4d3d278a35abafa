//! The end of a connection on which the client may still be sending.
//!
//! A socket that is closed with unread bytes resets the connection, and the reset can overtake the
//! answer: the client would never read why it was refused. So we close our side, and read what
//! comes to the client's end of stream, bounded in bytes and in time (RFC 9112 section 9.6).

use std::net::Shutdown;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::client::{Client, Evicted};

/// Bytes that are read and dropped, at most.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long the client may take.
const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes that are read at once.
const DROP_BYTES: usize = 4 * 1024;

impl Client {
    /// Closes our side, and waits for the client to close its own, or for 5 s, or for 16 MiB,
    /// unless it loses its seat first.
    pub fn finish(&self) -> Result<(), Evicted> {
        let deadline = Instant::now() + LINGER_TIME_MAX;
        self.about_to_wait();
        self.begin_drain()?;
        self.drop_what_comes(Some(deadline));
        if self.has_lost_its_seat() { Err(Evicted) } else { Ok(()) }
    }

    /// Sends a client that finds no seat these bytes, and drops what it has sent so far, without
    /// waiting for anything. Where more comes later, the reset may overtake the answer.
    pub(super) fn turn_away(&self, bytes: &[u8]) {
        let now = Some(Instant::now());
        if send(self.stream(), bytes, SendFlags::NOSIGNAL).is_ok() {
            self.drop_what_comes(now);
        }
    }

    /// Whatever fails here, there is nothing left to do but close.
    fn drop_what_comes(&self, deadline: Option<Instant>) {
        if self.stream().shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut dropped = 0;
        let mut buffer = [0; DROP_BYTES];
        while dropped < LINGER_BYTES_MAX && !self.has_lost_its_seat() {
            match recv(self.stream(), &mut buffer, RecvFlags::empty()) {
                Ok((0, _)) => return,
                Ok((length, _)) => dropped += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if self.wait_to_receive(deadline).is_ok() => {}
                Err(_) => return,
            }
        }
    }
}
