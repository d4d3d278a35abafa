//! The load: clients in a closed loop, each a thread that sends a request, reads the answer to its
//! end, and starts again.
//!
//! Each request has its own connection. Every answer's status and length are checked, and an
//! unexpected answer counts as a failure, never as a request. A request must cost the client
//! little: two clock readings, no allocation, and only the system calls that it cannot do without.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

/// The most bytes that one read takes.
const BUFFER_BYTES: usize = 256 * 1024;
/// The stack of a client's thread: there may be 512 of them.
const STACK_BYTES: usize = 128 * 1024;

/// What to request from which server, and the correct answer.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// How long a client waits without progress: for the connection, or for more of the answer.
    pub(crate) patience: Duration,
}

/// The lengths that a correct answer's body may have, in bytes.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    Exactly(u64),
    AtLeast(u64),
}

/// The results of the clients in one round.
pub(crate) struct Round {
    /// Correct answers per second.
    pub(crate) rate: f64,
    /// Correct answers, including those that ended after the round.
    pub(crate) answers: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    pub(crate) failures: u64,
    pub(crate) first_failure: Option<String>,
    /// Nanoseconds from before the connection opens until it has ended, sorted.
    latencies: Vec<u64>,
}

/// One client's part of a [`Round`].
#[derive(Default)]
struct Part {
    latencies: Vec<u64>,
    /// Answers within the round; one that is in progress at its end counts in proportion.
    credit: f64,
    bytes: u64,
    failures: u64,
    first_failure: Option<String>,
}

/// A request's bytes and a buffer for its answer, made once per client.
pub(crate) struct Client {
    request: Request,
    address: SocketAddrV4,
    text: Vec<u8>,
    buffer: Vec<u8>,
}

impl Round {
    /// The latency in milliseconds that `share` of the answers did not exceed.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into the list is small and positive"
        )]
        let index = (last as f64 * share).round() as usize;
        let nanoseconds = self.latencies.get(index).copied().unwrap_or_default();
        Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3
    }
}

impl Client {
    pub(crate) fn new(request: &Request) -> Self {
        let Request { port, path, .. } = request;
        Self {
            request: request.clone(),
            address: SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port),
            text: format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").into_bytes(),
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    /// Sends one request on a new connection; returns the length of the answer's body.
    pub(crate) fn fetch(&mut self) -> io::Result<u64> {
        let connection = open(self.address, self.request.patience)?;
        if send(&connection, &self.text, SendFlags::NOSIGNAL)? != self.text.len() {
            return Err(io::Error::other("only part of the request was sent"));
        }
        let mut filled = 0;
        let head = loop {
            let read = recv(&connection, &mut self.buffer[filled..], RecvFlags::empty())?.1;
            if read == 0 {
                return Err(io::Error::other("closed before the end of the head"));
            }
            filled += read;
            if let Some(length) = head_length(&self.buffer[..filled]) {
                break length;
            }
        };
        let status = status(&self.buffer[..head]);
        let promised = content_length(&self.buffer[..head]);
        let mut body = (filled - head) as u64;
        loop {
            match recv(&connection, &mut self.buffer[..], RecvFlags::empty())?.1 {
                0 => break,
                read => body += read as u64,
            }
        }
        self.check(status, promised, body)
    }

    fn check(&self, status: Option<u16>, promised: Option<u64>, body: u64) -> io::Result<u64> {
        let wanted = match self.request.body {
            Body::Exactly(length) => body == length,
            Body::AtLeast(length) => body >= length,
        };
        if status == Some(self.request.status) && wanted && promised.is_none_or(|it| it == body) {
            return Ok(body);
        }
        let status = status.map_or("no status".to_owned(), |status| status.to_string());
        Err(io::Error::other(format!("{status} with {body} bytes, {promised:?} promised")))
    }

    /// Sends requests until the time is up.
    fn repeat(mut self, duration: Duration) -> Part {
        let mut part = Part::default();
        let begin = Instant::now();
        let mut started = Duration::ZERO;
        while started < duration {
            let answer = self.fetch();
            let ended = begin.elapsed();
            match answer {
                Ok(bytes) => part.count(bytes, started, ended, duration),
                Err(error) => {
                    part.failures += 1;
                    part.first_failure.get_or_insert_with(|| reason(&error));
                }
            }
            started = ended;
        }
        part
    }
}

impl Part {
    fn count(&mut self, bytes: u64, started: Duration, ended: Duration, duration: Duration) {
        let took = ended.saturating_sub(started);
        let within = duration.min(ended).saturating_sub(started);
        self.credit += within.as_secs_f64() / took.as_secs_f64();
        self.bytes += bytes;
        self.latencies.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// The reason for a failure, in words. A socket's time-out shows as one of these two errors.
fn reason(error: &io::Error) -> String {
    let errno = Errno::from_io_error(error);
    match errno {
        Some(Errno::INPROGRESS) => "no connection in time".into(),
        Some(Errno::AGAIN) => "no progress in time".into(),
        _ => error.to_string(),
    }
}

/// Runs `clients` against one server for `duration`; returns when all have their last answers.
pub(crate) fn round(request: &Request, clients: usize, duration: Duration) -> io::Result<Round> {
    // Held for writing until all clients wait to read it, or until one could not be started.
    let gate = RwLock::new(());
    let parts: Vec<Part> = thread::scope(|scope| {
        let closed = gate.write();
        let gate = &gate;
        let mut threads = Vec::with_capacity(clients);
        for _ in 0..clients {
            let client = Client::new(request);
            let run = move || {
                drop(gate.read());
                client.repeat(duration)
            };
            let builder = thread::Builder::new().stack_size(STACK_BYTES);
            threads.push(builder.spawn_scoped(scope, run)?);
        }
        drop(closed);
        let parts = threads.into_iter().map(thread::ScopedJoinHandle::join);
        Ok::<_, io::Error>(parts.map(|part| part.expect("a client never panics")).collect())
    })?;
    let mut latencies: Vec<u64> = parts.iter().flat_map(|part| &part.latencies).copied().collect();
    latencies.sort_unstable();
    Ok(Round {
        rate: parts.iter().map(|part| part.credit).sum::<f64>() / duration.as_secs_f64(),
        answers: latencies.len() as u64,
        bytes: parts.iter().map(|part| part.bytes).sum(),
        failures: parts.iter().map(|part| part.failures).sum(),
        first_failure: parts.into_iter().find_map(|part| part.first_failure),
        latencies,
    })
}

/// Connects; on Linux the send timeout bounds `connect` too.
pub(crate) fn open(address: SocketAddrV4, patience: Duration) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(patience))?;
    connect(&socket, &address)?;
    Ok(socket)
}

/// The length of the head with its empty line, once that has come.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let end = b"\r\n\r\n";
    Some(bytes.windows(end.len()).position(|window| window == end)? + end.len())
}

/// `HTTP/1.x 200 ...`
fn status(head: &[u8]) -> Option<u16> {
    str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

fn content_length(head: &[u8]) -> Option<u64> {
    let name = b"content-length:";
    let line = head
        .split(|&byte| byte == b'\n')
        .find(|line| line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name)))?;
    str::from_utf8(&line[name.len()..]).ok()?.trim().parse().ok()
}
