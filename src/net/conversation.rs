//! A client as a stream, for protocols in which whose move it is need not be told.
//!
//! Reading and writing block until bytes move, and whatever moves is progress: so only those who
//! pause can lose their seat. To be evicted is an error here, not the end of the stream.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use super::client::{Client, Evicted, Lost};

impl Client {
    /// Tries until it does not fail for want of bytes or space, waiting in between.
    fn converse(
        &self,
        mut attempt: impl FnMut() -> io::Result<usize>,
        wait: impl Fn(&Self, Option<Instant>) -> Result<(), Lost>,
    ) -> io::Result<usize> {
        loop {
            match attempt() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(self, None)?,
                // The end of the stream, or its loss, is our own doing.
                Ok(0) | Err(_) if self.has_lost_its_seat() => return Err(Evicted.into()),
                result => return result,
            }
        }
    }
}

impl Read for &Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.converse(|| self.stream().read(buffer), Client::wait_to_receive)?;
        if count > 0 {
            // What came before it lost its seat is still read, and may be a whole request.
            let _ = self.note_progress(count);
        }
        Ok(count)
    }
}

impl Write for &Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.converse(|| self.stream().write(bytes), Client::wait_to_send)?;
        if count > 0 {
            self.note_progress(count)?;
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
    fn a_client_that_converses_keeps_its_seat_and_a_silent_one_loses_it() {
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
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);

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
