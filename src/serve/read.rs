//! Reads a request: head and body share one absolute deadline, and each has its named limit.
//!
//! No byte is read beyond what a buffer of fixed capacity holds, so nothing that a client sends
//! makes us allocate without a bound.

use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::http::request::{self, Request, Version};
use crate::net::{Connection, Lost};

/// What lets a client send its body that waits to be told so (RFC 9110 section 10.1.1). The version
/// is the client's, since HTTP/1.0 has no interim responses.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends to `input` what comes next of a head, until there is something to judge.
pub(super) fn more_of_head(
    connection: &Connection,
    input: &mut Vec<u8>,
    deadline: Instant,
) -> Result<(), Lost> {
    loop {
        let length = input.len();
        receive(connection, input, deadline)?;
        if length == 0 {
            connection.begin_receiving();
        }
        if request::has_news(input, length) {
            return Ok(());
        }
    }
}

/// Reads a body of `length` bytes, of which `start` came with the head.
pub(super) fn body(
    connection: &Connection,
    request: &Request<'_>,
    start: &[u8],
    length: usize,
    deadline: Instant,
) -> Result<Vec<u8>, Lost> {
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(&start[..start.len().min(length)]);
    let expectation = request.fields.first("expect");
    let is_waiting = expectation.is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
    if is_waiting && body.is_empty() && length > 0 && request.version == Version::Http11 {
        // So few bytes always find room in a buffer that nothing has been sent into yet.
        rustix::net::send(&connection.stream, CONTINUE, SendFlags::NOSIGNAL)
            .map_err(|_| Lost::Gone)?;
    }
    while body.len() < length {
        receive(connection, &mut body, deadline)?;
    }
    body.truncate(length);
    Ok(body)
}

/// Appends what comes next to `buffer`, within its capacity.
fn receive(connection: &Connection, buffer: &mut Vec<u8>, deadline: Instant) -> Result<(), Lost> {
    loop {
        match rustix::net::recv(&connection.stream, spare_capacity(buffer), RecvFlags::empty()) {
            Ok((length, _)) if length > 0 => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => connection.wait_to_receive(deadline)?,
            // The end of the stream, or its loss, may be our own doing.
            Ok(_) | Err(_) => return Err(connection.lost()),
        }
    }
}
