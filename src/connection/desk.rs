//! Finds the answer to a request, or to a head that is none: first whether the client may ask, then
//! what the site has for it, reading a body where the answer is made from one.

use std::time::Instant;

use super::applicant::Asking;
use super::exchange::Exchange;
use super::read;
use crate::access_log::Outcome;
use crate::http::date::Date;
use crate::http::fields::Fields;
use crate::http::forwarded::Network;
use crate::http::request::{Framing, Known, Refused, Request, Version};
use crate::http::response::Response;
use crate::http::status::Status;
use crate::net::{Client, Lost, Presence};
use crate::site::audience::Audience;
use crate::site::{Answer, NotAdmitted, Site, pages};

/// The longest body of a request, in bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// Where a client is answered.
pub(super) struct Desk<'a> {
    pub(super) site: &'a Site,
    pub(super) client: &'a Client,
    pub(super) trusted_proxies: &'a [Network],
}

impl<'a> Desk<'a> {
    /// Whether a head that is refused must come whole all the same: for the credentials, without
    /// which the client does not learn why.
    pub(super) fn waits_for_fields(&self, refused: &Refused<'_>) -> bool {
        self.asks_who(refused) && !refused.known.is_whole
    }

    fn asks_who(&self, refused: &Refused<'_>) -> bool {
        self.site.admission().needs_credentials() && refused.refusal.is_of_method_or_target()
    }

    fn applicant<'b>(&'b self, presence: &'b Presence<'b>, fields: &'b Fields<'b>) -> Asking<'b> {
        Asking { client: self.client, presence, fields, trusted_proxies: self.trusted_proxies }
    }

    /// The answer to a head that is no request. It gets none of the site's own pages.
    pub(super) fn refuse(&self, refused: Refused<'a>) -> Result<Exchange<'a>, Lost> {
        let asks_who = self.asks_who(&refused);
        let Refused { refusal, known } = refused;
        log::debug!("{}: refused: {}", self.client.peer(), refusal.cause());
        let (response, cause) = (pages::error(refusal.status()), refusal.cause());
        if !asks_who {
            let exchange = Exchange::refused(known, response, cause);
            return Ok(Exchange { foreign_answer: refusal.foreign_answer(), ..exchange });
        }
        let presence = Presence::new(self.client);
        let applicant = self.applicant(&presence, &known.fields);
        match self.site.admission().admit_refused(&known.fields, &applicant) {
            Ok(visitor) => Ok(Exchange::refused(known, response, cause).of(&visitor)),
            Err(not_admitted) => self.turn_away(known, not_admitted, true),
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
        let announces_body = !matches!(request.framing(), Framing::None | Framing::Length(0));
        let has_more_to_read =
            announces_body || !rest.is_empty() || request.version == Version::Http09;
        // Until it is known who asks, the client may lose its seat to a newcomer.
        let presence = Presence::new(self.client);
        let applicant = self.applicant(&presence, &request.fields);
        let visitor = match self.site.admission().admit(&request, &applicant) {
            Ok(visitor) => visitor,
            Err(not_admitted) => {
                return self.turn_away(request.into(), not_admitted, has_more_to_read);
            }
        };
        if !announces_body {
            // It is whole, and cannot lose its seat while we look for the answer.
            self.client.begin_answer()?;
        }
        match self.site.answer(&visitor, &request, now, &presence) {
            Answer::Response(response) => {
                let cause = response.cause();
                let exchange = Exchange::complete(request.into(), response, has_more_to_read);
                let outcome =
                    if presence.is_over() { Outcome::ClientGone } else { exchange.outcome };
                Ok(Exchange { outcome, cause, ..exchange }.of(&visitor))
            }
            Answer::Form(form) => Ok(self.fill_in(form, request, rest, deadline)?.of(&visitor)),
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
            Ok(Exchange::refused(request.into(), self.site.error(status), cause))
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
                let body = read::body(self.client, &request, rest, length, deadline)?;
                Ok(Exchange::complete(request.into(), form(&body), rest.len() > length))
            }
        }
    }

    /// The answer to a client that may not ask.
    fn turn_away(
        &self,
        known: Known<'a>,
        not_admitted: NotAdmitted,
        has_more_to_read: bool,
    ) -> Result<Exchange<'a>, Lost> {
        match not_admitted {
            NotAdmitted::Answer { response, cause: Some(cause) } => {
                let exchange = Exchange::refused(known, response, cause);
                Ok(Exchange { has_more_to_read, ..exchange })
            }
            NotAdmitted::Answer { response, cause: None } => {
                Ok(Exchange::complete(known, response, has_more_to_read))
            }
            NotAdmitted::Gone if self.client.has_lost_its_seat() => Err(Lost::Evicted),
            NotAdmitted::Gone => Err(Lost::Gone),
        }
    }
}

impl Audience for Presence<'_> {
    fn before_long_work(&self) {
        self.client().about_to_wait();
    }

    fn has_gone(&self) -> bool {
        self.look()
    }
}
