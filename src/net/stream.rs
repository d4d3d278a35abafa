//! A connection as a blocking stream, for simple protocols.
//!
//! Whatever bytes move are progress: so only those that pause can lose their slot. To be evicted is
//! an error here, not the end of the stream.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use super::connection::{Connection, Lost};

impl Connection {
    /// Tries until it does not fail for want of bytes or space, waiting in between.
    fn retry(
        &self,
        mut attempt: impl FnMut() -> io::Result<usize>,
        wait: impl Fn(&Self, Option<Instant>) -> Result<(), Lost>,
    ) -> io::Result<usize> {
        loop {
            match attempt() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(self, None)?,
                // The end of the stream, or its loss, is our own doing.
                Ok(0) | Err(_) if self.eviction().is_some() => return Err(self.lost().into()),
                result => return result,
            }
        }
    }
}

impl Read for &Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.retry(|| self.stream().read(buffer), Connection::wait_to_receive)?;
        if count > 0 {
            self.note_progress(count);
        }
        Ok(count)
    }
}

impl Write for &Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.retry(|| self.stream().write(bytes), Connection::wait_to_send)?;
        if count > 0 {
            self.note_progress(count);
        }
        Ok(count)
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

        let silent = TcpStream::connect(address).unwrap();
        let mut third = TcpStream::connect(address).unwrap();
        let (evicted, result) = ended.recv().unwrap();
        assert_eq!(evicted, silent.local_addr().unwrap());
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);

        for stream in [&mut talker, &mut third] {
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
