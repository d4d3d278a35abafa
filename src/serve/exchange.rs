//! One request and the response to it: what is sent, and what the log says.

use crate::access_log::Outcome;
use crate::http::date::Date;
use crate::http::request::{Known, Method, Version};
use crate::http::response::{Body, ExtraField, Response};
use crate::http::status::Status;
use crate::net::{Cause, Lost};
use crate::site::{Authorized, Site, pages};

/// A request, as far as it came, and what answers it.
pub(super) struct Exchange<'a> {
    pub(super) known: Known<'a>,
    pub(super) response: Response,
    /// What the log says, if the response goes out whole.
    pub(super) ending: Ending,
    /// Who asks, where a password showed it.
    pub(super) user: Option<&'a str>,
    /// What the client gets in place of the response, if it would not understand one.
    pub(super) raw_reply: Option<&'static [u8]>,
    /// Whether bytes of the client's may still be on their way, which a reset would answer.
    pub(super) has_more_to_read: bool,
}

/// How an exchange ended, and why: a short word in kebab case, such as `encoded-slash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) cause: Option<&'static str>,
}

impl<'a> Exchange<'a> {
    /// A request that was answered as the site has it.
    pub(super) fn complete(known: Known<'a>, response: Response, has_more_to_read: bool) -> Self {
        let ending = Ending { outcome: Outcome::Complete, cause: response.cause() };
        Self { known, response, ending, user: None, raw_reply: None, has_more_to_read }
    }

    /// A request that is refused. More of it may be on its way.
    pub(super) fn refused(known: Known<'a>, response: Response, cause: &'static str) -> Self {
        let ending = Ending { outcome: Outcome::Refused, cause: Some(cause) };
        Self { ending, ..Self::complete(known, response, true) }
    }

    /// A request that did not come whole.
    pub(super) fn unfinished(known: Known<'a>, site: &Site, lost: Lost) -> Self {
        if lost == Lost::Evicted(Cause::NoSlot) {
            return Self::complete(known, pages::error(Status::RequestTimeout), true)
                .without_slot(lost);
        }
        let exchange = Self::complete(known, site.error(Status::RequestTimeout), true);
        Self { ending: lost.into(), ..exchange }
    }

    /// The same, before whose first byte the connection was lost: 503 where there was no slot.
    pub(super) fn without_slot(self, lost: Lost) -> Self {
        if lost != Lost::Evicted(Cause::NoSlot) {
            return Self { ending: lost.into(), ..self };
        }
        let response = pages::error(Status::ServiceUnavailable);
        let user = self.user;
        Self { user, ..Self::refused(self.known, response, Cause::NoSlot.name()) }
    }

    /// The same of a client that may ask.
    pub(super) fn of(self, authorized: &Authorized<'a>) -> Self {
        Self { user: authorized.user(), ..self }
    }
}

impl Exchange<'_> {
    /// Whether there is anybody to send the response to.
    pub(super) fn is_answered(&self) -> bool {
        self.ending.outcome != Outcome::Evicted
    }

    /// The body that follows the head, if one does.
    pub(super) fn body(&self) -> Option<&Body> {
        let is_omitted = self.known.method == Some(Method::Head) || self.raw_reply.is_some();
        (!is_omitted).then(|| self.response.body())
    }

    /// Writes what the client gets first, and gives the body that follows.
    pub(super) fn write_start(
        &self,
        output: &mut Vec<u8>,
        now: Date,
        extra: &[ExtraField],
    ) -> Option<&Body> {
        match self.raw_reply {
            Some(bytes) => output.extend_from_slice(bytes),
            None if self.known.version == Some(Version::Http09) => {}
            None => self.response.write_head(output, Some(now), extra),
        }
        self.body()
    }
}

impl Ending {
    /// Whether there was no slot to wait in.
    pub(super) fn is_of_no_slot(self) -> bool {
        self.cause == Some(Cause::NoSlot.name())
    }
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, cause: None }
    }
}

impl From<Lost> for Ending {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Gone => Outcome::ClientGone.into(),
            Lost::TimedOut => Outcome::TimedOut.into(),
            Lost::Evicted(cause) => Self { outcome: Outcome::Evicted, cause: Some(cause.name()) },
        }
    }
}
