//! One client's life: read a request, answer it, close, write a line into the log.
//!
//! This module joins the others and decides nothing that they can decide: whether a head is a
//! request is the parser's matter, what answers it is the site's. Its own are deadlines, refusals
//! and the way a connection ends.

mod read;
mod write;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::access_log::{self, Entry, Format, Outcome};
use crate::http::date::Date;
use crate::http::forwarded::{self, Network};
use crate::http::refusal::Refusal;
use crate::http::request::{self, Framing, Request, Version};
use crate::http::response::{ExtraField, Response};
use crate::http::status::Status;
use crate::net::Client;
use crate::site::{Answer, Site};
use read::Unanswered;

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
    request: Option<Request<'a>>,
    response: Response,
    /// What the log says, if the response goes out whole.
    outcome: Outcome,
    /// Whether bytes of the client's may still be on their way, which a reset would answer.
    has_more_to_read: bool,
}

impl Service {
    /// Serves `site`.
    #[must_use]
    pub(crate) fn new(site: Arc<Site>, options: Options) -> Self {
        Self { site, options: Arc::new(options), input: Vec::new(), output: Vec::new() }
    }

    /// Serves a client until its connection can be closed.
    pub(crate) fn serve(&mut self, client: &Client) {
        let Self { site, options, input, output } = self;
        let time = SystemTime::now();
        let now = Date::clamped(time);
        let deadline = client.accepted_at() + options.request_timeout;
        let read = read::head(client, input, deadline);
        let exchange = match read {
            Ok(()) => exchange(site, client, input, deadline, now),
            Err(unanswered) => Err(unanswered),
        };
        let exchange = match exchange {
            Ok(exchange) => exchange,
            Err(Unanswered::Gone) => return log::debug!("{}: gone", client.peer()),
            Err(Unanswered::TimedOut) if input.is_empty() => {
                return log::debug!("{}: sent nothing in time", client.peer());
            }
            Err(Unanswered::TimedOut) => {
                Exchange::without_request(site.error(Status::RequestTimeout), Outcome::TimedOut)
            }
            Err(Unanswered::Evicted) => {
                let response = site.error(Status::RequestTimeout);
                let exchange = Exchange::without_request(response, Outcome::Evicted);
                return record(options, client, input, time, &exchange, (0, Outcome::Evicted));
            }
        };
        let is_simple = exchange.request.as_ref().is_some_and(|r| r.version == Version::Http09);
        output.clear();
        if !is_simple {
            exchange.response.write_head(output, now, &options.extra_fields);
        }
        // A refused request never became a `Request`, but HEAD still wants no body after its head.
        let is_head = request::request_line(input).starts_with(b"HEAD ");
        let body = (!is_head).then(|| exchange.response.body());
        let sent = write::response(client, output, body, options.stall_timeout);
        let mut outcome = sent.failure.unwrap_or(exchange.outcome);
        if sent.failure.is_none() && exchange.has_more_to_read && client.finish().is_err() {
            outcome = Outcome::Evicted;
        }
        record(options, client, input, time, &exchange, (sent.body_bytes, outcome));
    }
}

impl Exchange<'_> {
    /// An answer to what never became a request.
    fn without_request(response: Response, outcome: Outcome) -> Self {
        Self { request: None, response, outcome, has_more_to_read: true }
    }
}

/// Finds the answer to the head in `input`, reading the body if the answer is made from one.
fn exchange<'a>(
    site: &Site,
    client: &Client,
    input: &'a [u8],
    deadline: std::time::Instant,
    now: Date,
) -> Result<Exchange<'a>, Unanswered> {
    let refuse = |refusal: Refusal| {
        log::debug!("{}: refused: {}", client.peer(), refusal.cause());
        Exchange::without_request(site.error(refusal.status()), Outcome::Refused)
    };
    let (request, length) = match request::parse(input) {
        Ok(request::Parsed::Complete { request, length }) => (request, length),
        Ok(request::Parsed::Partial) => return Err(Unanswered::Gone),
        Err(refusal) => return Ok(refuse(refusal)),
    };
    let rest = &input[length..];
    let announces_body = !matches!(request.framing(), Framing::None | Framing::Length(0));
    if !announces_body {
        // It is whole, and cannot lose its seat to a newcomer while we look for the answer.
        client.begin_answer().map_err(|_| Unanswered::Evicted)?;
    }
    let has_more_to_read = announces_body || !rest.is_empty() || request.version == Version::Http09;
    let complete = |request, response, has_more_to_read| Exchange {
        request: Some(request),
        response,
        outcome: Outcome::Complete,
        has_more_to_read,
    };
    let form = match site.answer(&request, now) {
        Answer::Response(response) => return Ok(complete(request, response, has_more_to_read)),
        Answer::Form(form) => form,
    };
    let refused = match request.framing() {
        Framing::None | Framing::Chunked => Status::LengthRequired,
        Framing::Length(length) if length > BODY_BYTES_MAX => Status::ContentTooLarge,
        Framing::Length(length) => {
            let length = usize::try_from(length).expect("at most BODY_BYTES_MAX");
            let body = read::body(client, &request, rest, length, deadline)?;
            return Ok(complete(request, form(&body), rest.len() > length));
        }
    };
    let response = site.error(refused);
    Ok(Exchange { outcome: Outcome::Refused, ..complete(request, response, true) })
}

/// Writes the line into the access log: the body's bytes that were sent, and how it ended.
fn record(
    options: &Options,
    client: &Client,
    input: &[u8],
    time: SystemTime,
    exchange: &Exchange<'_>,
    (bytes_sent, outcome): (u64, Outcome),
) {
    let fields = exchange.request.as_ref().map(|request| &request.fields);
    let forwarded_for = fields.and_then(|fields| fields.list("x-forwarded-for"));
    let field = |name| fields.and_then(|fields| fields.first(name));
    let entry = Entry {
        client: forwarded::client_address(
            client.peer().ip(),
            forwarded_for.as_deref(),
            &options.trusted_proxies,
        ),
        time,
        request_line: request::request_line(input),
        status: exchange.response.status().code(),
        bytes_sent,
        referer: field("referer"),
        user_agent: field("user-agent"),
        duration: client.accepted_at().elapsed(),
        outcome,
    };
    access_log::record(options.log_format, options.log_colour, &entry);
}
