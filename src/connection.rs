//! One client's life: read a request, answer it, close, write a line into the log.
//!
//! This module joins the others and decides nothing that they can decide: whether a head is a
//! request is the parser's matter, what answers it is the site's. Its own are deadlines, refusals
//! and the way a connection ends.

mod applicant;
mod desk;
mod exchange;
mod read;
mod tally;
mod write;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use zeroize::Zeroize;

use crate::access_log::{self, Format, Outcome};
use crate::http::date::Date;
use crate::http::forwarded::{self, Network};
use crate::http::request::{self, HEAD_BYTES_MAX, Known, Parsed};
use crate::http::response::{Body, ExtraField, Response};
use crate::http::status::Status;
use crate::net::{Client, Lost};
use crate::site::{Site, pages};
use crate::transfers::{Description, Transfers, Watch};
use desk::Desk;
use exchange::Exchange;

pub(crate) use tally::{Tally, Total};

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
    pub(crate) tally: Option<Arc<Tally>>,
}

/// Serves one client after the other; a clone for each thread.
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

    /// Serves a client until its connection can be closed.
    pub(crate) fn serve(&mut self, client: &Client) {
        self.exchange(client);
        self.forget_passwords();
    }

    fn forget_passwords(&mut self) {
        if self.site.admission().needs_credentials() {
            self.input.as_mut_slice().zeroize();
        }
    }

    fn exchange(&mut self, client: &Client) {
        let Self { site, options, input, output } = self;
        let deadline = client.accepted_at() + options.request_timeout;
        let desk = Desk { site, client, trusted_proxies: &options.trusted_proxies };
        input.clear();
        input.reserve_exact(HEAD_BYTES_MAX);
        // When the head had come, or the wait for it ended; that may be long after accept.
        let mut time;
        let exchange = loop {
            let result = read::more_of_head(client, input, deadline);
            time = SystemTime::now();
            if let Err(lost) = result {
                break Err(lost);
            }
            match request::parse(input) {
                Ok(Parsed::Partial) => {}
                Ok(Parsed::Complete { request, length }) => {
                    let now = Date::clamped(time);
                    break desk.answer(request, &input[length..], deadline, now);
                }
                // Its credentials may still be to come.
                Err(refused) if desk.waits_for_fields(&refused) && input.len() < HEAD_BYTES_MAX => {
                }
                Err(refused) => break desk.refuse(refused),
            }
        };
        let exchange = match exchange {
            Ok(exchange) => exchange,
            Err(Lost::Gone) => return log::debug!("{}: gone", client.peer()),
            Err(Lost::TimedOut) if input.is_empty() => {
                return log::debug!("{}: sent nothing in time", client.peer());
            }
            Err(Lost::TimedOut) => Exchange::unfinished(Known::of(input), site, Outcome::TimedOut),
            Err(Lost::Evicted) => {
                let exchange = Exchange::unfinished(Known::of(input), site, Outcome::Evicted);
                return record(options, client, time, &exchange, (0, Outcome::Evicted));
            }
        };
        output.clear();
        let body = exchange.write_start(output, Date::clamped(time), &options.extra_fields);
        let bytes = output.len() as u64 + body.and_then(Body::length).unwrap_or(0);
        let describe = || describe(options, client, &exchange.known, bytes);
        let watch = Watch::new(options.transfers.as_ref(), &describe);
        let sent = write::response(client, output, body, options.stall_timeout, watch);
        let mut outcome = sent.failure.unwrap_or(exchange.outcome);
        if sent.failure.is_none() && exchange.has_more_to_read && client.finish().is_err() {
            outcome = Outcome::Evicted;
        }
        record(options, client, time, &exchange, (sent.body_bytes, outcome));
    }
}

/// Also after a panic.
impl Drop for Service {
    fn drop(&mut self) {
        self.forget_passwords();
    }
}

/// What a client gets that finds no seat, whatever it asks for: 503 without content, which suits
/// HEAD too, and without Date, which a 503 may lack (RFC 9110 section 6.6.1).
pub(crate) fn turned_away(extra: &[ExtraField]) -> Vec<u8> {
    let mut head = Vec::new();
    let response = Response::new(Status::ServiceUnavailable, Body::Bytes(b""[..].into()));
    response.with("Retry-After", pages::RETRY_AFTER_SECONDS).write_head(&mut head, None, extra);
    head
}

/// What a terminal shows of a response that lasts.
fn describe(options: &Options, client: &Client, known: &Known<'_>, bytes: u64) -> Description {
    let target = known.line.split(|&byte| byte == b' ').nth(1).unwrap_or(known.line);
    let client = client_address(options, client, known);
    Description::new(client, target, bytes)
}

/// The client's address, which behind a proxy is not that of its connection.
fn client_address(options: &Options, client: &Client, known: &Known<'_>) -> IpAddr {
    let forwarded_for = known.fields.list("x-forwarded-for");
    let trusted_proxies = &options.trusted_proxies;
    forwarded::client_address(client.peer().ip(), forwarded_for.as_deref(), trusted_proxies)
}

/// Writes the line into the access log: the body's bytes that were sent, and how it ended.
fn record(
    options: &Options,
    client: &Client,
    time: SystemTime,
    exchange: &Exchange<'_>,
    (bytes_sent, outcome): (u64, Outcome),
) {
    let known = &exchange.known;
    let entry = access_log::Entry {
        client: client_address(options, client, known),
        user: exchange.user,
        time,
        request_line: known.line,
        status: exchange.response.status().code(),
        bytes_sent,
        referer: known.fields.first("referer"),
        user_agent: known.fields.first("user-agent"),
        duration: client.accepted_at().elapsed(),
        outcome,
        cause: exchange.cause,
    };
    if let Some(tally) = &options.tally {
        tally.count(entry.client, bytes_sent);
    }
    access_log::record(options.log_format, options.log_colour, &entry);
}
