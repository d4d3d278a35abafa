//! A client whose password is to be checked, as far as the queue of such checks must know it.

use crate::auth::Applicant;
use crate::http::fields::Fields;
use crate::http::forwarded::{self, Network};
use crate::net::{Client, Origin, Presence};

/// A client with the fields of its request, which say where it comes from behind a proxy.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) presence: &'a Presence<'a>,
    pub(super) fields: &'a Fields<'a>,
    pub(super) trusted_proxies: &'a [Network],
}

impl Applicant for Asking<'_> {
    fn origin(&self) -> Origin {
        let forwarded_for = self.fields.list("x-forwarded-for");
        let peer = self.client.peer().ip();
        forwarded::client_address(peer, forwarded_for.as_deref(), self.trusted_proxies).into()
    }

    fn is_there(&self) -> bool {
        !self.presence.look() && !self.client.has_lost_its_seat()
    }

    fn about_to_wait(&self) {
        self.client.about_to_wait();
    }
}
