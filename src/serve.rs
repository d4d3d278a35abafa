//! One connection: read a request, answer it, close, hand a line to the log.
//!
//! This module joins the others and decides nothing that they can decide: whether a head is a
//! request is the parser's matter, what answers it is the site's. Its own are deadlines, refusals
//! and the way a connection ends.

mod dispatcher;
mod exchange;
mod read;
mod requester;
mod statistics;
mod write;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use zeroize::Zeroize;

use crate::access_log::{self, Format, Outcome};
use crate::http::date::Date;
use crate::http::forwarded::{self, Network};
use crate::http::request::{self, HEAD_BYTES_MAX, HeadSummary, Parsed};
use crate::http::response::{Body, ExtraField};
use crate::net::{Cause, Connection, Lost};
use crate::site::Site;
use crate::transfers::{Progress, Transfer, Transfers};
use dispatcher::Dispatcher;
use exchange::Exchange;

pub(crate) use statistics::{Statistics, Total};

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
    /// Whether they are coloured.
    pub(crate) log_colour: bool,
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
        let peer = Peer { address: connection.peer().ip(), accepted_at: connection.accepted_at };
        let deadline = peer.accepted_at + options.request_timeout;
        let trusted_proxies = &options.trusted_proxies;
        let dispatcher = Dispatcher { site, connection: &connection, trusted_proxies };
        input.clear();
        input.reserve_exact(HEAD_BYTES_MAX);
        // When the head had come, or the wait for it ended; that may be long after accept.
        let mut time;
        let answer = loop {
            let result = read::more_of_head(&connection, input, deadline);
            time = SystemTime::now();
            if let Err(lost) = result {
                break Err(lost);
            }
            let is_full = input.len() >= HEAD_BYTES_MAX;
            match request::parse(input) {
                Ok(Parsed::Partial) => {}
                Ok(Parsed::Complete { request, length }) => {
                    let now = Date::clamped(time);
                    break dispatcher.answer(request, &input[length..], deadline, now);
                }
                // Its credentials may still be to come.
                Err(refusal) if !is_full && dispatcher.waits_for_fields(refusal, input) => {}
                Err(refusal) => break dispatcher.refuse(refusal, HeadSummary::of(input)),
            }
        };
        let mut exchange = match answer {
            Ok(exchange) => exchange,
            Err(Lost::Gone) => return log::debug!("{}: gone", peer.address),
            Err(Lost::TimedOut) if input.is_empty() => {
                return log::debug!("{}: sent nothing in time", peer.address);
            }
            Err(lost) => Exchange::unfinished(HeadSummary::of(input), lost),
        };
        if exchange.body().and_then(Body::length).unwrap_or(0) > QUICK_BYTES_MAX
            && let Err(lost) = connection.take_slot()
        {
            exchange = exchange.lost(lost);
        }
        let sent = if exchange.is_answered() {
            send(&connection, options, output, &exchange, (peer, time))
        } else {
            write::Sent::default()
        };
        drop(connection);
        let outcome = sent.failure.unwrap_or(exchange.outcome);
        record(options, peer, time, &exchange, (sent.body_bytes, outcome));
    }
}

/// What is known of a connection when it is closed.
#[derive(Clone, Copy)]
struct Peer {
    address: IpAddr,
    accepted_at: Instant,
}

/// Sends the answer, and waits for the end of what the client sends.
fn send(
    connection: &Connection,
    options: &Options,
    output: &mut Vec<u8>,
    exchange: &Exchange<'_>,
    (peer, time): (Peer, SystemTime),
) -> write::Sent {
    output.clear();
    let body = exchange.write_start(output, Date::clamped(time), &options.extra_fields);
    let bytes = output.len() as u64 + body.and_then(Body::length).unwrap_or(0);
    let describe = |sent| describe(options, peer, &exchange.summary, (bytes, sent));
    let progress = Progress::new(options.transfers.as_ref(), &describe);
    let mut sent = write::response(connection, output, body, options.stall_timeout, progress);
    if sent.failure.is_none() && exchange.has_more_to_read {
        // Where there was but no slot to wait in, the answer is out all the same.
        let lost = connection.finish().err().filter(|&it| it != Lost::Evicted(Cause::NoSlot));
        sent.failure = lost.map(Outcome::from);
    }
    sent
}

/// Also after a panic.
impl Drop for Service {
    fn drop(&mut self) {
        self.forget_passwords();
    }
}

/// What a terminal shows of a response that lasts, and has so many bytes, some of which are out.
fn describe(
    options: &Options,
    peer: Peer,
    summary: &HeadSummary<'_>,
    (bytes, sent): (u64, u64),
) -> Transfer {
    let target = summary.line.split(|&byte| byte == b' ').nth(1).unwrap_or(summary.line);
    Transfer::new(client_address(options, peer, summary), target, bytes, sent)
}

/// The client's address, which behind a proxy is not that of its connection.
fn client_address(options: &Options, peer: Peer, summary: &HeadSummary<'_>) -> IpAddr {
    let forwarded_for = summary.fields.list("x-forwarded-for");
    forwarded::client_address(peer.address, forwarded_for.as_deref(), &options.trusted_proxies)
}

/// Hands the line to the access log: the body's bytes that were sent, and how it ended.
fn record(
    options: &Options,
    peer: Peer,
    time: SystemTime,
    exchange: &Exchange<'_>,
    (bytes_sent, outcome): (u64, Outcome),
) {
    let summary = &exchange.summary;
    let entry = access_log::Entry {
        client: client_address(options, peer, summary),
        user: exchange.user,
        time,
        request_line: summary.line,
        status: exchange.response.status().code(),
        bytes_sent,
        referer: summary.fields.first("referer"),
        user_agent: summary.fields.first("user-agent"),
        duration: peer.accepted_at.elapsed(),
        outcome,
    };
    if let Some(statistics) = &options.statistics {
        statistics.count(entry.client, bytes_sent);
    }
    access_log::record(options.log_format, options.log_colour, &entry);
}
