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

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpStream};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::net::{Options, Server};

    #[test]
    fn a_client_that_talks_keeps_its_slot_and_a_silent_one_loses_it() {
        let (tell, ended) = mpsc::channel();
        let options = Options { max_connections: 2, ..Options::default() };
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], options).unwrap();
        let address = server.addresses()[0];
        let running = server.start(move |connection: Connection| {
            let result = io::copy(&mut &connection, &mut &connection);
            tell.send((connection.peer(), result)).unwrap();
        });
        let running = running.unwrap();
        let mut talker = TcpStream::connect(address).unwrap();
        let mut echo = [0; 2];
        talker.write_all(b"hi").unwrap();
        talker.read_exact(&mut echo).unwrap();

        // Either of the two may come to the only free slot first, and lose it to the other.
        let mut silent = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        let (evicted, result) = ended.recv().unwrap();
        if silent[1].local_addr().unwrap() == evicted {
            silent.swap(0, 1);
        }
        assert_eq!(silent[0].local_addr().unwrap(), evicted);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);

        for stream in [&mut talker, &mut silent[1]] {
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
