//! Reads a request: head and body share one absolute deadline, and each has its named limit.
//!
//! Reads go into buffers of fixed capacity and never beyond, so no client can make us allocate
//! without a bound.

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::dispatcher::Dispatcher;
use crate::http::request::{self, Request, Version};
use crate::net::Lost;

/// Tells a client to send its body if it waits for that (RFC 9110 section 10.1.1). The version is
/// the client's, since HTTP/1.0 has no interim responses.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Dispatcher<'_, '_> {
    /// Appends the next bytes of a head to `input`, until there is something to judge.
    pub(super) fn more_of_head(&self, input: &mut Vec<u8>) -> Result<(), Lost> {
        loop {
            let length = input.len();
            self.receive(input)?;
            if length == 0 {
                self.connection.begin_receiving();
            }
            if request::has_news(input, length) {
                return Ok(());
            }
        }
    }

    /// Reads the body of a request, of this many bytes. `start` came with the head.
    pub(super) fn body(
        &self,
        request: &Request<'_>,
        start: &[u8],
        length: usize,
    ) -> Result<Vec<u8>, Lost> {
        let mut body = Vec::with_capacity(length);
        body.extend_from_slice(&start[..start.len().min(length)]);
        let expectation = request.fields.first("expect");
        let is_waiting = expectation.is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
        if is_waiting && body.is_empty() && length > 0 && request.version == Version::Http11 {
            // A send buffer that is still empty always has room for so short a message.
            rustix::net::send(&self.connection.stream, CONTINUE, SendFlags::NOSIGNAL)
                .map_err(|_| Lost::Gone)?;
        }
        while body.len() < length {
            self.receive(&mut body)?;
        }
        body.truncate(length);
        Ok(body)
    }

    /// Appends the next bytes to `buffer`, within its capacity.
    fn receive(&self, buffer: &mut Vec<u8>) -> Result<(), Lost> {
        let stream = &self.connection.stream;
        loop {
            match rustix::net::recv(stream, spare_capacity(buffer), RecvFlags::empty()) {
                Ok((length, _)) if length > 0 => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.connection.wait_to_receive(self.deadline)?,
                // The end or loss of the stream may be our own doing.
                Ok(_) | Err(_) => return Err(self.connection.lost()),
            }
        }
    }
}
