//! A connection whose request asks for something that takes long.

use std::cell::Cell;

use crate::gate::{Holder, Requester, Source};
use crate::http::forwarded::{self, Network};
use crate::http::request::Fields;
use crate::net::Connection;

/// A connection whose request is whole.
pub(super) struct Asking<'a> {
    connection: &'a Connection,
    fields: &'a Fields<'a>,
    trusted_proxies: &'a [Network],
    was_gone: Cell<bool>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        fields: &'a Fields<'a>,
        trusted_proxies: &'a [Network],
    ) -> Self {
        Self { connection, fields, trusted_proxies, was_gone: Cell::new(false) }
    }

    /// Whether its client was found to have gone.
    pub(super) fn was_gone(&self) -> bool {
        self.was_gone.get()
    }
}

impl Requester for Asking<'_> {
    /// Behind a trusted proxy, the fields of the request say where it comes from.
    fn source(&self) -> Source {
        let forwarded_for = self.fields.list("x-forwarded-for");
        let peer = self.connection.peer().ip();
        forwarded::client_address(peer, forwarded_for.as_deref(), self.trusted_proxies).into()
    }

    fn is_gone(&self) -> bool {
        self.was_gone.set(self.was_gone.get() || self.connection.is_gone());
        self.was_gone.get()
    }

    fn step_aside(&self) {
        self.connection.step_aside();
    }

    fn holder(&self) -> Box<dyn Holder> {
        self.connection.holder()
    }
}
