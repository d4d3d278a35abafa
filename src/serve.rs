//! One connection: read a request, answer it, close, log a line.
//!
//! This module joins the others and leaves their decisions to them: the parser says whether a head
//! is a request, the site how to answer it. Its own are deadlines, refusals and the end of a
//! connection.

mod dispatcher;
mod read;
mod statistics;
mod write;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use zeroize::Zeroize;

use crate::access_log::{self, Format, Outcome};
use crate::http::date::Date;
use crate::http::forwarded::Network;
use crate::http::request::{self, HEAD_BYTES_MAX, HeadSummary, Parsed, Version};
use crate::http::response::{Body, ExtraField};
use crate::net::{Cause, Connection, Lost};
use crate::site::Site;
use crate::transfers::{Progress, Transfers};
use dispatcher::{Dispatcher, Exchange};

pub(crate) use statistics::Statistics;

/// An answer of up to this many bytes needs a slot only if the client makes it wait.
const QUICK_BYTES_MAX: u64 = 256 * 1024;

/// Settings for all connections.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Time limit from accept to the end of the request, head and body.
    pub(crate) request_timeout: Duration,
    /// Time limit without progress while sending a response.
    pub(crate) stall_timeout: Duration,
    /// Fields of every response.
    pub(crate) extra_fields: Vec<ExtraField>,
    /// Proxies whose X-Forwarded-For is trusted.
    pub(crate) trusted_proxies: Vec<Network>,
    /// The format of access lines.
    pub(crate) log_format: Format,
    /// Shows long responses.
    pub(crate) transfers: Option<Transfers>,
    /// Counts the responses.
    pub(crate) statistics: Option<Arc<Statistics>>,
}

/// Serves one connection after the other; each thread has a clone.
#[derive(Clone)]
pub(crate) struct Service {
    site: Arc<Site>,
    options: Arc<Options>,
    /// The bytes received: the head, and perhaps the start of the body.
    input: Vec<u8>,
    /// The bytes for one write: the head, and a small body.
    output: Vec<u8>,
}

impl Service {
    /// Serves `site`.
    pub(crate) fn new(site: Arc<Site>, options: Options) -> Self {
        Self { site, options: Arc::new(options), input: Vec::new(), output: Vec::new() }
    }

    /// Serves a connection, closes it and logs its line.
    pub(crate) fn serve(&mut self, connection: Connection) {
        self.exchange(connection);
        self.forget_passwords();
    }

    fn forget_passwords(&mut self) {
        if self.site.access().needs_credentials() {
            self.input.as_mut_slice().zeroize();
        }
    }

    fn exchange(&mut self, connection: Connection) {
        let Self { site, options, input, output } = self;
        let accepted_at = connection.accepted_at;
        let deadline = accepted_at + options.request_timeout;
        let trusted_proxies = &options.trusted_proxies;
        let dispatcher = Dispatcher { site, connection: &connection, trusted_proxies, deadline };
        input.clear();
        input.reserve_exact(HEAD_BYTES_MAX);
        // When the head was complete, or the wait for it ended; that may be long after accept.
        let mut time;
        let answer = loop {
            let result = dispatcher.more_of_head(input);
            time = SystemTime::now();
            if let Err(lost) = result {
                break Err(lost);
            }
            let is_full = input.len() >= HEAD_BYTES_MAX;
            match request::parse(input) {
                Ok(Parsed::Partial) => {}
                Ok(Parsed::Complete { request, length }) => {
                    let now = Date::clamped(time);
                    break dispatcher.answer(request, &input[length..], now);
                }
                // Its credentials may be yet to come.
                Err(refusal) if !is_full && dispatcher.waits_for_fields(refusal, input) => {}
                Err(refusal) => break dispatcher.refuse(refusal, HeadSummary::of(input)),
            }
        };
        let mut exchange = match answer {
            Ok(exchange) => exchange,
            Err(Lost::Gone) => return log::debug!("{}: gone", connection.peer().ip()),
            Err(Lost::TimedOut) if input.is_empty() => {
                return log::debug!("{}: sent nothing in time", connection.peer().ip());
            }
            Err(lost) => Exchange::unfinished(HeadSummary::of(input), lost),
        };
        if exchange.body().and_then(Body::length).unwrap_or(0) > QUICK_BYTES_MAX
            && let Err(lost) = connection.take_slot()
        {
            exchange = exchange.lost(lost);
        }
        let client = dispatcher.client(&exchange.summary.fields);
        let (bytes_sent, result) = match exchange.outcome {
            // The client has lost its connection.
            Outcome::Evicted(_) => (0, Ok(())),
            _ => send(&connection, options, output, &exchange, (client, time)),
        };
        drop(connection);
        let summary = &exchange.summary;
        let entry = access_log::Entry {
            client,
            user: exchange.user,
            time,
            request_line: summary.line,
            status: exchange.response.status().code(),
            bytes_sent,
            referer: summary.fields.first("referer"),
            user_agent: summary.fields.first("user-agent"),
            duration: accepted_at.elapsed(),
            outcome: result.err().unwrap_or(exchange.outcome),
        };
        if let Some(statistics) = &options.statistics {
            statistics.count(client, bytes_sent);
        }
        access_log::record(options.log_format, &entry);
    }
}

/// Even after a panic.
impl Drop for Service {
    fn drop(&mut self) {
        self.forget_passwords();
    }
}

/// Sends the answer, and waits for the client's end of the stream. Returns the number of bytes of
/// the body that were sent, and the failure if there was one.
fn send(
    connection: &Connection,
    options: &Options,
    output: &mut Vec<u8>,
    exchange: &Exchange<'_>,
    (client, time): (IpAddr, SystemTime),
) -> (u64, Result<(), Outcome>) {
    output.clear();
    let now = Some(Date::clamped(time));
    match exchange.raw_reply {
        Some(bytes) => output.extend_from_slice(bytes),
        None if exchange.summary.version == Some(Version::Http09) => {}
        None => exchange.response.write_head(output, now, &options.extra_fields),
    }
    let body = exchange.body();
    let bytes = output.len() as u64 + body.and_then(Body::length).unwrap_or(0);
    let line = exchange.summary.line;
    let target = line.split(|&byte| byte == b' ').nth(1).unwrap_or(line);
    let progress = Progress::new(options.transfers.as_ref(), client, target, bytes);
    let (sent, result) = write::response(connection, output, body, options.stall_timeout, progress);
    if result.is_err() || !exchange.has_more_to_read {
        return (sent, result);
    }
    match connection.finish() {
        // If only a slot for waiting was missing, the answer has been sent all the same.
        Ok(()) | Err(Lost::Evicted(Cause::NoSlot)) => (sent, Ok(())),
        Err(lost) => (sent, Err(lost.into())),
    }
}
