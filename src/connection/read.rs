//! Reads a request: head and body share one absolute deadline, and each has its named limit.
//!
//! No byte is read beyond what a buffer of fixed capacity holds, so nothing that a client sends
//! makes us allocate without a bound.

use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use crate::http::request::{HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX, Request, Version};
use crate::net::Client;

/// What lets a client send its body that waits to be told so (RFC 9110 section 10.1.1). The version
/// is the client's, since HTTP/1.0 has no interim responses.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Why there is no whole request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The client closed or broke its connection before its request was whole.
    Gone,
    /// The deadline passed first.
    TimedOut,
    /// The client lost its seat to another.
    Evicted,
}

/// Appends to `input` what comes next of a head, until it may be judged: a line has ended, or is
/// too long whatever it is.
pub(super) fn more_of_head(
    client: &Client,
    input: &mut Vec<u8>,
    deadline: Instant,
) -> Result<(), Unanswered> {
    loop {
        let length = input.len();
        // The listener gave the socket the whole of the request timeout for its first read.
        let at_most = if length == 0 { None } else { Some(time_left(deadline)?) };
        receive(client, input, at_most)?;
        if length == 0 {
            client.note_first_bytes();
        }
        // A blank line may come before the request line.
        let has_line_end = |bytes: &[u8]| bytes.contains(&b'\n');
        let is_one_line = input.len() > REQUEST_LINE_BYTES_MAX && !has_line_end(&input[2..]);
        if has_line_end(&input[length..]) || is_one_line || input.len() >= HEAD_BYTES_MAX {
            return Ok(());
        }
    }
}

/// Reads a body of `length` bytes, of which `start` came with the head.
pub(super) fn body(
    client: &Client,
    request: &Request<'_>,
    start: &[u8],
    length: usize,
    deadline: Instant,
) -> Result<Vec<u8>, Unanswered> {
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(&start[..start.len().min(length)]);
    let expectation = request.fields.first("expect");
    let is_waiting = expectation.is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
    if is_waiting && body.is_empty() && length > 0 && request.version == Version::Http11 {
        rustix::net::send(client.stream(), CONTINUE, SendFlags::NOSIGNAL)
            .map_err(|_| Unanswered::Gone)?;
    }
    while body.len() < length {
        let left = time_left(deadline)?;
        receive(client, &mut body, Some(left))?;
    }
    body.truncate(length);
    Ok(body)
}

fn time_left(deadline: Instant) -> Result<Duration, Unanswered> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Unanswered::TimedOut) } else { Ok(left) }
}

/// Appends what comes next to `buffer`, within its capacity, waiting `at_most` that long; `None`
/// leaves the socket's timeout as it is.
fn receive(
    client: &Client,
    buffer: &mut Vec<u8>,
    at_most: Option<Duration>,
) -> Result<(), Unanswered> {
    if at_most.is_some() {
        client.stream().set_read_timeout(at_most).map_err(|_| Unanswered::Gone)?;
    }
    loop {
        let spare = spare_capacity(buffer);
        return match rustix::net::recv(client.stream(), spare, RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            Ok((length, _)) if length > 0 => Ok(()),
            _ if client.has_lost_its_seat() => Err(Unanswered::Evicted),
            Err(Errno::AGAIN) => Err(Unanswered::TimedOut),
            Ok(_) | Err(_) => Err(Unanswered::Gone),
        };
    }
}
