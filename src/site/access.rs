//! The access check: first the Host, then the password, before anything else is looked at.
//!
//! Without an [`Authorized`], the site looks at no method and no path, and only this file makes
//! one. Only preflights are exempt: their answer is the same for every target.

use super::pages;
use crate::auth::{Credentials, Passwords};
use crate::gate::{Denied, Requester};
use crate::http::cors;
use crate::http::host;
use crate::http::request::{Fields, Request};
use crate::http::response::Response;
use crate::http::status::Status;

/// The rules of access.
#[derive(Debug)]
pub(crate) struct Access {
    /// The names allowed in Host, beside local ones; `*` allows any.
    pub(crate) allowed_hosts: Vec<String>,
    /// Whether pages of other origins may read responses.
    pub(crate) cors: bool,
    /// The users; `None` lets everyone in.
    pub(crate) passwords: Option<Passwords>,
}

/// Proof that a client is authorized.
pub(crate) struct Authorized<'a> {
    user: Option<&'a str>,
}

/// The fate of a client without access.
pub(crate) enum Unauthorized {
    /// It gets this answer.
    Answer(Response),
    /// It has gone.
    Gone,
}

impl<'a> Authorized<'a> {
    /// The name in the password file, if passwords are required.
    pub(crate) fn user(&self) -> Option<&'a str> {
        self.user
    }
}

impl Access {
    /// Whether a password is required.
    pub(crate) fn needs_credentials(&self) -> bool {
        self.passwords.is_some()
    }

    /// Authorizes the client of this request.
    pub(crate) fn authorize(
        &self,
        request: &Request<'_>,
        requester: &dyn Requester,
    ) -> Result<Authorized<'_>, Unauthorized> {
        self.check_host(request.host())?;
        // It comes without credentials, and its answer does not depend on the target.
        if self.cors && cors::is_preflight(request) {
            return Err(Unauthorized::Answer(cors::preflight(&request.fields)));
        }
        self.check_password(&request.fields, requester)
    }

    /// Authorizes the client of a refused head, by the fields known of it.
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
