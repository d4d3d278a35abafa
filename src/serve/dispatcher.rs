//! Turns a parsed or rejected head into a response: first whether the client may ask, then what the
//! site has for it. Reads the body where the answer is made from one.

use std::time::Instant;

use super::exchange::Exchange;
use super::read;
use super::requester::Asking;
use crate::http::date::Date;
use crate::http::forwarded::Network;
use crate::http::refusal::Refusal;
use crate::http::request::{Fields, Framing, HeadSummary, Request, Version};
use crate::http::response::Response;
use crate::http::status::Status;
use crate::net::{Connection, Lost};
use crate::site::{Answer, Site, Unauthorized, pages};

/// The longest body of a request, in bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// What the requests of one connection are dispatched with.
pub(super) struct Dispatcher<'a, 'c> {
    pub(super) site: &'a Site,
    pub(super) connection: &'c Connection,
    pub(super) trusted_proxies: &'c [Network],
}

impl<'a> Dispatcher<'a, '_> {
    /// Whether a head that is refused must come whole all the same: for the credentials, without
    /// which the client does not learn why.
    pub(super) fn waits_for_fields(&self, refusal: Refusal, head: &[u8]) -> bool {
        self.asks_who(refusal) && !HeadSummary::of(head).is_whole
    }

    fn asks_who(&self, refusal: Refusal) -> bool {
        self.site.access().needs_credentials() && refusal.is_of_method_or_target()
    }

    fn requester<'b>(&'b self, fields: &'b Fields<'b>) -> Asking<'b> {
        Asking::new(self.connection, fields, self.trusted_proxies)
    }

    /// The answer to a head that is no request. It gets none of the site's own pages.
    pub(super) fn refuse(
        &self,
        refusal: Refusal,
        summary: HeadSummary<'a>,
    ) -> Result<Exchange<'a>, Lost> {
        log::debug!("{}: refused: {}", self.connection.peer(), refusal.cause());
        let (response, cause) = (pages::error(refusal.status()), refusal.cause());
        if !self.asks_who(refusal) {
            let exchange = Exchange::refused(summary, response, cause);
            return Ok(Exchange { raw_reply: refusal.raw_reply(), ..exchange });
        }
        let requester = self.requester(&summary.fields);
        match self.site.access().authorize_refused(&summary.fields, &requester) {
            Ok(authorized) => Ok(Exchange::refused(summary, response, cause).of(&authorized)),
            Err(unauthorized) => self.deny(summary, unauthorized, true),
        }
    }

    /// Finds the answer to a request, reading its body if the answer is made from one. `rest` is
    /// what came after the head.
    pub(super) fn answer(
        &self,
        request: Request<'a>,
        rest: &[u8],
        deadline: Instant,
        now: Date,
    ) -> Result<Exchange<'a>, Lost> {
        let announces_body = !matches!(request.framing, Framing::None | Framing::Length(0));
        let has_more_to_read =
            announces_body || !rest.is_empty() || request.version == Version::Http09;
        // Until it is known who asks, the connection may be evicted.
        let requester = self.requester(&request.fields);
        let authorized = match self.site.access().authorize(&request, &requester) {
            Ok(authorized) => authorized,
            Err(unauthorized) => {
                return self.deny(request.into(), unauthorized, has_more_to_read);
            }
        };
        if !announces_body {
            // It is whole, and is not evicted while we look for the answer.
            self.connection.begin_answer()?;
        }
        match self.site.answer(&authorized, &request, now, &requester) {
            Answer::Response(response) => {
                let gone = requester.was_gone().then(|| Lost::Gone.into());
                let exchange = Exchange::complete(request.into(), response, has_more_to_read);
                let outcome = gone.unwrap_or(exchange.outcome);
                Ok(Exchange { outcome, ..exchange }.of(&authorized))
            }
            Answer::Form(form) => Ok(self.fill_in(form, request, rest, deadline)?.of(&authorized)),
        }
    }

    /// The answer that is made from the body of the request.
    fn fill_in(
        &self,
        form: fn(&[u8]) -> Response,
        request: Request<'a>,
        rest: &[u8],
        deadline: Instant,
    ) -> Result<Exchange<'a>, Lost> {
        let refuse = |request: Request<'a>, status, cause| {
            Ok(Exchange::refused(request.into(), pages::error(status), cause))
        };
        match request.framing {
            Framing::None | Framing::Chunked => {
                refuse(request, Status::LengthRequired, "length-required")
            }
            Framing::Length(length) if length > BODY_BYTES_MAX => {
                refuse(request, Status::ContentTooLarge, "content-too-large")
            }
            Framing::Length(length) => {
                let length = usize::try_from(length).expect("at most BODY_BYTES_MAX");
                let body = read::body(self.connection, &request, rest, length, deadline)?;
                Ok(Exchange::complete(request.into(), form(&body), rest.len() > length))
            }
        }
    }

    /// The answer to a client that may not ask.
    fn deny(
        &self,
        summary: HeadSummary<'a>,
        unauthorized: Unauthorized,
        has_more_to_read: bool,
    ) -> Result<Exchange<'a>, Lost> {
        match unauthorized {
            Unauthorized::Answer(response) => {
                Ok(Exchange::complete(summary, response, has_more_to_read))
            }
            Unauthorized::Gone => Err(self.connection.lost()),
        }
    }
}
