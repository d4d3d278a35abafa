//! One client's life: read a request, answer it, close, write a line into the log.
//!
//! This module joins the others and decides nothing that they can decide: whether a head is a
//! request is the parser's matter, what answers it is the site's. Its own are deadlines, refusals
//! and the way a connection ends.

mod read;
mod tally;
mod write;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::access_log::{self, Format, Outcome};
use crate::http::date::Date;
use crate::http::forwarded::{self, Network};
use crate::http::request::{
    self, Framing, HEAD_BYTES_MAX, Known, Method, Parsed, Refused, Request, Version,
};
use crate::http::response::{Body, ExtraField, Response};
use crate::http::status::Status;
use crate::net::{Client, Lost};
use crate::site::{Answer, Site, pages};
use crate::transfers::{Description, Transfers, Watch};

pub(crate) use tally::{Tally, Total};

/// The longest body of a request, in bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024;

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

/// A request, as far as it came, and what answers it.
struct Exchange<'a> {
    known: Known<'a>,
    response: Response,
    /// What the log says, if the response goes out whole.
    outcome: Outcome,
    /// Why it was refused, if it was.
    cause: Option<&'static str>,
    /// What the client gets in place of the response, if it would not understand one.
    foreign_answer: Option<&'static [u8]>,
    /// Whether bytes of the client's may still be on their way, which a reset would answer.
    has_more_to_read: bool,
}

impl Service {
    /// Serves `site`.
    pub(crate) fn new(site: Arc<Site>, options: Options) -> Self {
        Self { site, options: Arc::new(options), input: Vec::new(), output: Vec::new() }
    }

    /// Serves a client until its connection can be closed.
    pub(crate) fn serve(&mut self, client: &Client) {
        let Self { site, options, input, output } = self;
        let deadline = client.accepted_at() + options.request_timeout;
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
                    break answer(site, client, request, &input[length..], deadline, now);
                }
                Err(refused) => break Ok(refuse(client, refused)),
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

/// What a client gets that finds no seat, whatever it asks for: 503 without content, which suits
/// HEAD too, and without Date, which a 503 may lack (RFC 9110 section 6.6.1).
pub(crate) fn turned_away(extra: &[ExtraField]) -> Vec<u8> {
    let mut head = Vec::new();
    let response = Response::new(Status::ServiceUnavailable, Body::Bytes(b""[..].into()));
    response.with("Retry-After", pages::RETRY_AFTER_SECONDS).write_head(&mut head, None, extra);
    head
}

impl<'a> Exchange<'a> {
    /// A request that was answered as the site has it.
    fn complete(request: Request<'a>, response: Response, has_more_to_read: bool) -> Self {
        let outcome = Outcome::Complete;
        let known = request.into();
        Self { known, response, outcome, cause: None, foreign_answer: None, has_more_to_read }
    }

    /// A request that is turned away. More of it may be on its way.
    fn refused(known: Known<'a>, response: Response, cause: &'static str) -> Self {
        let outcome = Outcome::Refused;
        let (cause, foreign_answer) = (Some(cause), None);
        Self { known, response, outcome, cause, foreign_answer, has_more_to_read: true }
    }

    /// A request that did not come whole.
    fn unfinished(known: Known<'a>, site: &Site, outcome: Outcome) -> Self {
        let response = site.error(Status::RequestTimeout);
        let (cause, foreign_answer) = (None, None);
        Self { known, response, outcome, cause, foreign_answer, has_more_to_read: true }
    }
}

impl Exchange<'_> {
    /// Writes what the client gets first, and gives the body that follows, if one does.
    fn write_start(&self, output: &mut Vec<u8>, now: Date, extra: &[ExtraField]) -> Option<&Body> {
        if let Some(bytes) = self.foreign_answer {
            output.extend_from_slice(bytes);
            return None;
        }
        if self.known.version != Some(Version::Http09) {
            self.response.write_head(output, Some(now), extra);
        }
        (self.known.method != Some(Method::Head)).then(|| self.response.body())
    }
}

/// The answer to a head that is no request. Its Host has not been checked, so it gets none of the
/// site's own pages.
fn refuse<'a>(client: &Client, refused: Refused<'a>) -> Exchange<'a> {
    let Refused { refusal, known } = refused;
    log::debug!("{}: refused: {}", client.peer(), refusal.cause());
    let exchange = Exchange::refused(known, pages::error(refusal.status()), refusal.cause());
    Exchange { foreign_answer: refusal.foreign_answer(), ..exchange }
}

/// Finds the answer to a request, reading its body if the answer is made from one. `rest` is what
/// came after the head.
fn answer<'a>(
    site: &Site,
    client: &Client,
    request: Request<'a>,
    rest: &[u8],
    deadline: Instant,
    now: Date,
) -> Result<Exchange<'a>, Lost> {
    let announces_body = !matches!(request.framing(), Framing::None | Framing::Length(0));
    if !announces_body {
        // It is whole, and cannot lose its seat to a newcomer while we look for the answer.
        client.begin_answer()?;
    }
    let has_more_to_read = announces_body || !rest.is_empty() || request.version == Version::Http09;
    let form = match site.answer(&request, now, &|| client.about_to_wait()) {
        Answer::Response(response) => {
            return Ok(Exchange::complete(request, response, has_more_to_read));
        }
        Answer::Form(form) => form,
    };
    let refuse = |request: Request<'a>, status, cause| {
        Ok(Exchange::refused(request.into(), site.error(status), cause))
    };
    match request.framing() {
        Framing::None | Framing::Chunked => {
            refuse(request, Status::LengthRequired, "length-required")
        }
        Framing::Length(length) if length > BODY_BYTES_MAX => {
            refuse(request, Status::ContentTooLarge, "content-too-large")
        }
        Framing::Length(length) => {
            let length = usize::try_from(length).expect("at most BODY_BYTES_MAX");
            let body = read::body(client, &request, rest, length, deadline)?;
            Ok(Exchange::complete(request, form(&body), rest.len() > length))
        }
    }
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
