//! The end of a connection on which the client may still be sending.
//!
//! A socket that is closed with unread bytes resets the connection, and the reset can overtake the
//! answer: the client would never read why it was refused. So we close our side, and read what
//! comes to the client's end of stream, bounded in bytes and in time (RFC 9112 section 9.6).

use std::net::Shutdown;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use zeroize::Zeroizing;

use super::connection::{Connection, Lost};

/// Bytes that are read and dropped, at most.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that are dropped without a look at whether others wait meanwhile.
const QUICK_BYTES_MAX: usize = 64 * 1024;

/// How long the client may take.
const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes that are read at once.
const DROP_BYTES: usize = 4 * 1024;

impl Connection {
    /// Closes our side, and waits for the client to close its own, or for 5 s, or for 16 MiB,
    /// unless the connection is evicted first.
    pub fn finish(&self) -> Result<(), Lost> {
        self.linger();
        self.eviction().map_or(Ok(()), |cause| Err(Lost::Evicted(cause)))
    }

    /// The same. One that gets no slot drops what has come so far, and waits for nothing. Whatever
    /// fails here, there is nothing left to do but close.
    fn linger(&self) {
        let deadline = Instant::now() + LINGER_TIME_MAX;
        self.begin_receiving();
        if self.stream().shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut dropped = 0;
        // A second request may have credentials, too.
        let mut buffer = Zeroizing::new([0; DROP_BYTES]);
        while dropped < LINGER_BYTES_MAX {
            match recv(self.stream(), &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return,
                Ok((length, _)) => dropped += length,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if self.wait_to_receive(Some(deadline)).is_ok() => {}
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
