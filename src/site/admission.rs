//! Who may ask: the Host first, then the password, before anything else is looked at.
//!
//! Without a [`Visitor`] the site looks at no method and no path, and only this file makes one.
//! Exempt are preflights alone, whose answer is the same for every target.

use super::pages;
use crate::auth::{Applicant, Denied, Passwords};
use crate::http::cors;
use crate::http::credentials::Credentials;
use crate::http::fields::Fields;
use crate::http::host::AllowedHosts;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::status::Status;

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The names that Host may carry.
    pub(crate) allowed_hosts: AllowedHosts,
    /// Whether pages of other origins may read what is served.
    pub(crate) cors: bool,
    /// The users; `None` lets everyone in.
    pub(crate) passwords: Option<Passwords>,
}

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

impl Admission {
    /// Whether only those may ask who have a password.
    pub(crate) fn needs_credentials(&self) -> bool {
        self.passwords.is_some()
    }

    /// Judges who sends this request.
    pub(crate) fn admit(
        &self,
        request: &Request<'_>,
        applicant: &dyn Applicant,
    ) -> Result<Visitor<'_>, NotAdmitted> {
        self.check_host(request.host())?;
        // It comes without credentials, and is answered without a look at what is asked for.
        if self.cors && cors::is_preflight(request) {
            let response = cors::preflight(&request.fields);
            return Err(NotAdmitted::Answer { response, cause: None });
        }
        self.check_password(&request.fields, applicant)
    }

    /// Judges who sends a head that is refused, by those of its fields that are known.
    pub(crate) fn admit_refused(
        &self,
        fields: &Fields<'_>,
        applicant: &dyn Applicant,
    ) -> Result<Visitor<'_>, NotAdmitted> {
        self.check_host(fields.first("host"))?;
        self.check_password(fields, applicant)
    }

    fn check_host(&self, host: Option<&[u8]>) -> Result<(), NotAdmitted> {
        match host {
            Some(host) if !self.allowed_hosts.allows(host) => {
                Err(refuse(pages::misdirected(host), "host-not-allowed"))
            }
            _ => Ok(()),
        }
    }

    fn check_password(
        &self,
        fields: &Fields<'_>,
        applicant: &dyn Applicant,
    ) -> Result<Visitor<'_>, NotAdmitted> {
        let Some(passwords) = &self.passwords else { return Ok(Visitor { user: None }) };
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
}

fn refuse(response: Response, cause: &'static str) -> NotAdmitted {
    NotAdmitted::Answer { response, cause: Some(cause) }
}
