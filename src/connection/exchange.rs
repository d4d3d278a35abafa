//! One request and the response to it: what is sent, and what the log says.

use crate::access_log::Outcome;
use crate::http::date::Date;
use crate::http::request::{Known, Method, Version};
use crate::http::response::{Body, ExtraField, Response};
use crate::http::status::Status;
use crate::site::{Site, Visitor};

/// A request, as far as it came, and what answers it.
pub(super) struct Exchange<'a> {
    pub(super) known: Known<'a>,
    pub(super) response: Response,
    /// What the log says, if the response goes out whole.
    pub(super) outcome: Outcome,
    /// Why it was refused, if it was.
    pub(super) cause: Option<&'static str>,
    /// Who asks, where a password showed it.
    pub(super) user: Option<&'a str>,
    /// What the client gets in place of the response, if it would not understand one.
    pub(super) foreign_answer: Option<&'static [u8]>,
    /// Whether bytes of the client's may still be on their way, which a reset would answer.
    pub(super) has_more_to_read: bool,
}

impl<'a> Exchange<'a> {
    /// A request that was answered as the site has it.
    pub(super) fn complete(known: Known<'a>, response: Response, has_more_to_read: bool) -> Self {
        let outcome = Outcome::Complete;
        let (cause, user, foreign_answer) = (None, None, None);
        Self { known, response, outcome, cause, user, foreign_answer, has_more_to_read }
    }

    /// A request that is turned away. More of it may be on its way.
    pub(super) fn refused(known: Known<'a>, response: Response, cause: &'static str) -> Self {
        let outcome = Outcome::Refused;
        let (cause, user, foreign_answer) = (Some(cause), None, None);
        Self { known, response, outcome, cause, user, foreign_answer, has_more_to_read: true }
    }

    /// A request that did not come whole.
    pub(super) fn unfinished(known: Known<'a>, site: &Site, outcome: Outcome) -> Self {
        let response = site.error(Status::RequestTimeout);
        let (cause, user, foreign_answer) = (None, None, None);
        Self { known, response, outcome, cause, user, foreign_answer, has_more_to_read: true }
    }

    /// The same of a client that may ask.
    pub(super) fn of(self, visitor: &Visitor<'a>) -> Self {
        Self { user: visitor.user(), ..self }
    }
}

impl Exchange<'_> {
    /// Writes what the client gets first, and gives the body that follows, if one does.
    pub(super) fn write_start(
        &self,
        output: &mut Vec<u8>,
        now: Date,
        extra: &[ExtraField],
    ) -> Option<&Body> {
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
