//! Who may ask: the Host first, then the password, before anything else is looked at.
//!
//! Without an [`Authorized`] the site looks at no method and no path, and only this file makes one.
//! Exempt are preflights alone, whose answer is the same for every target.

use super::pages;
use crate::auth::{Credentials, Passwords};
use crate::gate::{Denied, Requester};
use crate::http::cors;
use crate::http::host;
use crate::http::request::{Fields, Request};
use crate::http::response::Response;
use crate::http::status::Status;

/// Who may ask.
#[derive(Debug)]
pub(crate) struct Access {
    /// The names that Host may carry, beside local ones; `*` is any.
    pub(crate) allowed_hosts: Vec<String>,
    /// Whether pages of other origins may read what is served.
    pub(crate) cors: bool,
    /// The users; `None` lets everyone in.
    pub(crate) passwords: Option<Passwords>,
}

/// Proof that a client may ask.
pub(crate) struct Authorized<'a> {
    user: Option<&'a str>,
}

/// What becomes of a client that may not.
pub(crate) enum Unauthorized {
    /// It gets this answer.
    Answer(Response),
    /// It has gone.
    Gone,
}

impl<'a> Authorized<'a> {
    /// The name in the password file, where there is one.
    pub(crate) fn user(&self) -> Option<&'a str> {
        self.user
    }
}

impl Access {
    /// Whether only those may ask who have a password.
    pub(crate) fn needs_credentials(&self) -> bool {
        self.passwords.is_some()
    }

    /// Judges who sends this request.
    pub(crate) fn authorize(
        &self,
        request: &Request<'_>,
        requester: &dyn Requester,
    ) -> Result<Authorized<'_>, Unauthorized> {
        self.check_host(request.host())?;
        // It comes without credentials, and is answered without a look at what is asked for.
        if self.cors && cors::is_preflight(request) {
            return Err(Unauthorized::Answer(cors::preflight(&request.fields)));
        }
        self.check_password(&request.fields, requester)
    }

    /// Judges who sends a head that is refused, by those of its fields that are known.
    pub(crate) fn authorize_refused(
        &self,
        fields: &Fields<'_>,
        requester: &dyn Requester,
    ) -> Result<Authorized<'_>, Unauthorized> {
        self.check_host(fields.first("host"))?;
        self.check_password(fields, requester)
    }

    fn check_host(&self, host: Option<&[u8]>) -> Result<(), Unauthorized> {
        match host {
            Some(host) if !host::is_allowed(host, &self.allowed_hosts) => {
                Err(refuse(pages::misdirected(host), "host-not-allowed"))
            }
            _ => Ok(()),
        }
    }

    fn check_password(
        &self,
        fields: &Fields<'_>,
        requester: &dyn Requester,
    ) -> Result<Authorized<'_>, Unauthorized> {
        let Some(passwords) = &self.passwords else { return Ok(Authorized { user: None }) };
        let credentials = Credentials::of(fields)
            .ok_or_else(|| refuse(pages::unauthorized(), "credentials-missing"))?;
        match passwords.check(&credentials, requester) {
            Ok(Some(user)) => Ok(Authorized { user: Some(user) }),
            Ok(None) => Err(refuse(pages::unauthorized(), "credentials-wrong")),
            Err(Denied::Busy) => {
                Err(refuse(pages::error(Status::ServiceUnavailable), "too-many-checks"))
            }
            Err(Denied::Gone) => Err(Unauthorized::Gone),
        }
    }
}

fn refuse(response: Response, cause: &'static str) -> Unauthorized {
    Unauthorized::Answer(response.because(cause))
}
