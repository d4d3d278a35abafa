//! Who may ask: the Host first, then the password, before anything else is looked at.
//!
//! Without a [`Visitor`] the site looks at no method and no path, and only this file makes one. No
//! client is exempt.

use super::pages;
use crate::auth::{Applicant, Denied, Passwords};
use crate::http::credentials::Credentials;
use crate::http::fields::Fields;
use crate::http::host::AllowedHosts;
use crate::http::response::Response;
use crate::http::status::Status;

/// A client that may ask.
pub(crate) struct Visitor<'a> {
    user: Option<&'a str>,
}

/// What becomes of a client that may not.
pub(crate) enum NotAdmitted {
    /// It gets this answer. The cause is a word for the log, where it is refused.
    Answer { response: Response, cause: Option<&'static str> },
    /// It is not there any more, or has lost its seat.
    Gone,
}

impl<'a> Visitor<'a> {
    /// The name in the password file, where there is one.
    pub(crate) fn user(&self) -> Option<&'a str> {
        self.user
    }
}

/// Refuses a Host that is not among these.
pub(super) fn check_host(allowed: &AllowedHosts, host: Option<&[u8]>) -> Result<(), NotAdmitted> {
    match host {
        Some(host) if !allowed.allows(host) => {
            Err(refuse(pages::misdirected(host), "host-not-allowed"))
        }
        _ => Ok(()),
    }
}

/// Refuses who has none of these passwords; `None` lets everyone in.
pub(super) fn check_password<'a>(
    passwords: Option<&'a Passwords>,
    fields: &Fields<'_>,
    applicant: &dyn Applicant,
) -> Result<Visitor<'a>, NotAdmitted> {
    let Some(passwords) = passwords else { return Ok(Visitor { user: None }) };
    let credentials = Credentials::of(fields)
        .ok_or_else(|| refuse(pages::unauthorized(), "credentials-missing"))?;
    match passwords.check(&credentials, applicant) {
        Ok(user) => Ok(Visitor { user: Some(user) }),
        Err(Denied::Wrong) => Err(refuse(pages::unauthorized(), "credentials-wrong")),
        Err(Denied::Busy) => {
            Err(refuse(pages::error(Status::ServiceUnavailable), "too-many-checks"))
        }
        Err(Denied::Gone) => Err(NotAdmitted::Gone),
    }
}

fn refuse(response: Response, cause: &'static str) -> NotAdmitted {
    NotAdmitted::Answer { response, cause: Some(cause) }
}
