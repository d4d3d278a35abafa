//! Turns a parsed or rejected head into a response: first the access check, then the site's answer.
//! Reads the body if the answer is made from it. An `Exchange` has both the response and its entry
//! in the log.

use std::cell::Cell;
use std::net::IpAddr;
use std::time::Instant;

use crate::access_log::Outcome;
use crate::gate::{Holder, Requester, Source};
use crate::http::date::Date;
use crate::http::forwarded::{self, Network};
use crate::http::refusal::Refusal;
use crate::http::request::{Fields, Framing, HeadSummary, Method, Request, Version};
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::net::{Cause, Connection, Lost};
use crate::site::{Answer, Site, Unauthorized, pages};

/// The longest request body, in bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// The context in which a connection's requests are dispatched.
pub(super) struct Dispatcher<'a, 'c> {
    pub(super) site: &'a Site,
    pub(super) connection: &'c Connection,
    pub(super) trusted_proxies: &'c [Network],
    /// The deadline for the whole request.
    pub(super) deadline: Instant,
}

/// The client of a request, for the gates.
struct Asking<'c> {
    connection: &'c Connection,
    source: Source,
    /// Whether its client was found to have gone.
    was_gone: Cell<bool>,
}

/// A request, as far as received, and its response.
pub(super) struct Exchange<'a> {
    pub(super) summary: HeadSummary<'a>,
    pub(super) response: Response,
    /// The outcome for the log if all of the response is sent.
    pub(super) outcome: Outcome,
    /// The verified user.
    pub(super) user: Option<&'a str>,
    /// Sent instead of the response to a client that would not understand one.
    pub(super) raw_reply: Option<&'static [u8]>,
    /// Whether more bytes may be coming from the client, so that closing would cause a reset.
    pub(super) has_more_to_read: bool,
}

impl<'a> Dispatcher<'a, '_> {
    /// The client's address; behind a trusted proxy, not that of the connection.
    pub(super) fn client(&self, fields: &Fields<'_>) -> IpAddr {
        let forwarded_for = fields.list("x-forwarded-for");
        let peer = self.connection.peer().ip();
        forwarded::client_address(peer, forwarded_for.as_deref(), self.trusted_proxies)
    }

    /// Whether a refused head must still be read to its end: for the credentials, without which the
    /// client does not learn why.
    pub(super) fn waits_for_fields(&self, refusal: Refusal, head: &[u8]) -> bool {
        self.asks_who(refusal) && !HeadSummary::of(head).is_whole
    }

    fn asks_who(&self, refusal: Refusal) -> bool {
        self.site.access().needs_credentials() && refusal.is_of_method_or_target()
    }

    fn requester(&self, fields: &Fields<'_>) -> Asking<'_> {
        let (source, was_gone) = (self.client(fields).into(), Cell::new(false));
        Asking { connection: self.connection, source, was_gone }
    }

    /// The answer to a head that is not a request. It has none of the site's own pages.
    pub(super) fn refuse(
        &self,
        refusal: Refusal,
        summary: HeadSummary<'a>,
    ) -> Result<Exchange<'a>, Lost> {
        log::debug!("{}: refused: {}", self.connection.peer(), refusal.cause());
        let mut user = None;
        if self.asks_who(refusal) {
            let requester = self.requester(&summary.fields);
            match self.site.access().authorize_refused(&summary.fields, &requester) {
                Ok(authorized) => user = authorized.user(),
                Err(unauthorized) => return self.deny(summary, unauthorized),
            }
        }
        let response = pages::error(refusal.status()).because(refusal.cause());
        Ok(Exchange { user, raw_reply: refusal.raw_reply(), ..Exchange::new(summary, response) })
    }

    /// Answers a request. Reads its body if the answer is made from it; `rest` is the bytes
    /// received after the head.
    pub(super) fn answer(
        &self,
        request: Request<'a>,
        rest: &[u8],
        now: Date,
    ) -> Result<Exchange<'a>, Lost> {
        let announces_body = !matches!(request.framing, Framing::None | Framing::Length(0));
        let mut has_more_to_read =
            announces_body || !rest.is_empty() || request.version == Version::Http09;
        // Until the client is authorized, the connection may be evicted.
        let requester = self.requester(&request.fields);
        let authorized = match self.site.access().authorize(&request, &requester) {
            Ok(authorized) => authorized,
            Err(unauthorized) => {
                let exchange = self.deny(request.into(), unauthorized)?;
                return Ok(Exchange { has_more_to_read, ..exchange });
            }
        };
        if !announces_body {
            // The request is complete: no eviction while we look for the answer.
            self.connection.begin_answer()?;
        }
        let response = match self.site.answer(&authorized, &request, now, &requester) {
            Answer::Response(response) => response,
            Answer::Form(form) => {
                let (response, has_more) = self.fill_in(form, &request, rest)?;
                has_more_to_read = has_more;
                response
            }
        };
        let exchange = Exchange::new(request.into(), response);
        let was_gone = requester.was_gone.get();
        let outcome = if was_gone { Lost::Gone.into() } else { exchange.outcome };
        Ok(Exchange { outcome, user: authorized.user(), has_more_to_read, ..exchange })
    }

    /// The answer made from the body of the request, and whether there is more to read.
    fn fill_in(
        &self,
        form: fn(&[u8]) -> Response,
        request: &Request<'_>,
        rest: &[u8],
    ) -> Result<(Response, bool), Lost> {
        let refuse = |status, cause| Ok((pages::error(status).because(cause), true));
        let Framing::Length(length) = request.framing else {
            return refuse(Status::LengthRequired, "length-required");
        };
        if length > BODY_BYTES_MAX {
            return refuse(Status::ContentTooLarge, "content-too-large");
        }
        let length = usize::try_from(length).expect("at most BODY_BYTES_MAX");
        let body = self.body(request, rest, length)?;
        Ok((form(&body), rest.len() > length))
    }

    /// The answer to a client without access.
    fn deny(&self, summary: HeadSummary<'a>, why: Unauthorized) -> Result<Exchange<'a>, Lost> {
        match why {
            Unauthorized::Answer(response) => Ok(Exchange::new(summary, response)),
            Unauthorized::Gone => Err(self.connection.lost()),
        }
    }
}

impl Requester for Asking<'_> {
    fn source(&self) -> Source {
        self.source
    }

    fn is_gone(&self) -> bool {
        self.was_gone.set(self.was_gone.get() || self.connection.is_gone());
        self.was_gone.get()
    }

    fn step_aside(&self) {
        self.connection.step_aside();
    }

    fn holder(&self) -> Box<dyn Holder> {
        self.connection.holder()
    }
}

impl<'a> Exchange<'a> {
    /// A request with this response. More of the request may be on its way.
    pub(super) fn new(summary: HeadSummary<'a>, response: Response) -> Self {
        let outcome = response.cause().map_or(Outcome::Complete, Outcome::Refused);
        Self { summary, response, outcome, user: None, raw_reply: None, has_more_to_read: true }
    }

    /// A request that did not arrive whole.
    pub(super) fn unfinished(summary: HeadSummary<'a>, lost: Lost) -> Self {
        let exchange = Self::new(summary, pages::error(Status::RequestTimeout));
        match lost {
            Lost::TimedOut => Self { outcome: Outcome::TimedOut("request-timeout"), ..exchange },
            Lost::Gone | Lost::Evicted(_) => exchange.lost(lost),
        }
    }

    /// The same, on a connection lost before the first byte of the response: 503 if it had no slot.
    pub(super) fn lost(self, lost: Lost) -> Self {
        if lost != Lost::Evicted(Cause::NoSlot) {
            return Self { outcome: lost.into(), ..self };
        }
        let response = pages::error(Status::ServiceUnavailable).because("no-slot");
        Self { user: self.user, ..Self::new(self.summary, response) }
    }
}

impl Exchange<'_> {
    /// The body after the head, if there is one.
    pub(super) fn body(&self) -> Option<&Body> {
        let is_omitted = self.summary.method == Some(Method::Head) || self.raw_reply.is_some();
        (!is_omitted).then(|| self.response.body())
    }
}

impl From<Lost> for Outcome {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Gone => Self::ClientGone("connection-closed"),
            Lost::TimedOut => Self::TimedOut("stall-timeout"),
            Lost::Evicted(Cause::OwedLongest) => Self::Evicted("owed-longest"),
            Lost::Evicted(Cause::OverShare) => Self::Evicted("over-share"),
            Lost::Evicted(Cause::TooSlow) => Self::Evicted("too-slow"),
            Lost::Evicted(Cause::NoSlot) => Self::Evicted("no-slot"),
            Lost::Evicted(Cause::Stopping) => Self::Evicted("stopping"),
        }
    }
}
