//! One request and the response to it: what is sent, and what the log says.

use crate::access_log::Outcome;
use crate::http::date::Date;
use crate::http::request::{HeadSummary, Method, Version};
use crate::http::response::{Body, ExtraField, Response};
use crate::http::status::Status;
use crate::net::{Cause, Lost};
use crate::site::{Authorized, pages};

/// A request, as far as it came, and what answers it.
pub(super) struct Exchange<'a> {
    pub(super) summary: HeadSummary<'a>,
    pub(super) response: Response,
    /// What the log says, if the response goes out whole.
    pub(super) outcome: Outcome,
    /// Who asks, where a password showed it.
    pub(super) user: Option<&'a str>,
    /// What the client gets in place of the response, if it would not understand one.
    pub(super) raw_reply: Option<&'static [u8]>,
    /// Whether bytes of the client's may still be on their way, which a reset would answer.
    pub(super) has_more_to_read: bool,
}

impl<'a> Exchange<'a> {
    /// A request that was answered as the site has it.
    pub(super) fn complete(
        summary: HeadSummary<'a>,
        response: Response,
        has_more_to_read: bool,
    ) -> Self {
        let outcome = response.cause().map_or(Outcome::Complete, Outcome::Refused);
        Self { summary, response, outcome, user: None, raw_reply: None, has_more_to_read }
    }

    /// A request that is refused. More of it may be on its way.
    pub(super) fn refused(
        summary: HeadSummary<'a>,
        response: Response,
        cause: &'static str,
    ) -> Self {
        Self { outcome: Outcome::Refused(cause), ..Self::complete(summary, response, true) }
    }

    /// A request that did not come whole.
    pub(super) fn unfinished(summary: HeadSummary<'a>, lost: Lost) -> Self {
        let exchange = Self::complete(summary, pages::error(Status::RequestTimeout), true);
        match lost {
            Lost::TimedOut => Self { outcome: Outcome::TimedOut("request-timeout"), ..exchange },
            Lost::Gone | Lost::Evicted(_) => exchange.lost(lost),
        }
    }

    /// The same, on a connection that was lost before its first byte: 503 where it had no slot.
    pub(super) fn lost(self, lost: Lost) -> Self {
        if lost != Lost::Evicted(Cause::NoSlot) {
            return Self { outcome: lost.into(), ..self };
        }
        let response = pages::error(Status::ServiceUnavailable);
        let user = self.user;
        Self { user, ..Self::refused(self.summary, response, "no-slot") }
    }

    /// The same of a client that may ask.
    pub(super) fn of(self, authorized: &Authorized<'a>) -> Self {
        Self { user: authorized.user(), ..self }
    }
}

impl Exchange<'_> {
    /// Whether there is anybody to send the response to.
    pub(super) fn is_answered(&self) -> bool {
        !matches!(self.outcome, Outcome::Evicted(_))
    }

    /// The body that follows the head, if one does.
    pub(super) fn body(&self) -> Option<&Body> {
        let is_omitted = self.summary.method == Some(Method::Head) || self.raw_reply.is_some();
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
            None if self.summary.version == Some(Version::Http09) => {}
            None => self.response.write_head(output, Some(now), extra),
        }
        self.body()
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
