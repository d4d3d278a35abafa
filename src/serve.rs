//! One connection: read a request, answer it, close, hand a line to the log.
//!
//! This module joins the others and decides nothing that they can decide: whether a head is a
//! request is the parser's matter, what answers it is the site's. Its own are deadlines, refusals
//! and the way a connection ends.

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

/// Up to this length, in bytes, an answer needs a slot only if the client makes it wait.
const QUICK_BYTES_MAX: u64 = 256 * 1024;

/// How connections are treated.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// From accept to the end of the request, head and body.
    pub(crate) request_timeout: Duration,
    /// Without progress while a response is sent.
    pub(crate) stall_timeout: Duration,
    /// Fields that every response has.
    pub(crate) extra_fields: Vec<ExtraField>,
    /// Proxies whose X-Forwarded-For is believed.
    pub(crate) trusted_proxies: Vec<Network>,
    /// How access lines look.
    pub(crate) log_format: Format,
    /// Where responses that last are shown.
    pub(crate) transfers: Option<Transfers>,
    /// What counts the responses.
    pub(crate) statistics: Option<Arc<Statistics>>,
}

/// Serves one connection after the other; each thread has a clone.
#[derive(Clone)]
pub(crate) struct Service {
    site: Arc<Site>,
    options: Arc<Options>,
    /// What the client sent: the head, and perhaps the start of what follows.
    input: Vec<u8>,
    /// What is sent with one write: the head, and a small body.
    output: Vec<u8>,
}

impl Service {
    /// Serves `site`.
    pub(crate) fn new(site: Arc<Site>, options: Options) -> Self {
        Self { site, options: Arc::new(options), input: Vec::new(), output: Vec::new() }
    }

    /// Serves a connection and closes it, then hands its line to the log.
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
        // When the head had come, or the wait for it ended; that may be long after accept.
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
                // Its credentials may still be to come.
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
            // There is nobody to send it to.
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

/// Also after a panic.
impl Drop for Service {
    fn drop(&mut self) {
        self.forget_passwords();
    }
}

/// Sends the answer, and waits for the end of what the client sends. Gives the bytes of the body
/// that were sent, and how it ended if not well.
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
        // Where there was but no slot to wait in, the answer is out all the same.
        Ok(()) | Err(Lost::Evicted(Cause::NoSlot)) => (sent, Ok(())),
        Err(lost) => (sent, Err(lost.into())),
    }
}
