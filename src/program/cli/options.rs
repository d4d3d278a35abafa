//! The flags as option types of the modules.
//!
//! No module sees the flags or another module's options: this is the one file that knows both
//! sides. Decisions that need more than one flag are made here.

use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::path::Path;

use crate::access_log::{self, Format};
use crate::auth::Passwords;
use crate::http::cors;
use crate::http::response::ExtraField;
use crate::program::addresses;
use crate::program::probe::{self, Url};
use crate::site::Access;
use crate::{net, serve, site};

use super::flags::{Flags, Reachability};

/// Responses behind a password must not enter shared caches (RFC 9111 section 5.2.2.7).
const PRIVATE: [(&str, &str); 1] = [("Cache-Control", "private, no-cache")];

impl Flags {
    /// The URL to probe instead of serving. Without one: the root of the server that these flags
    /// would start, at the first of its addresses.
    pub(crate) fn url_to_probe(&self) -> Result<Option<Url>, &'static str> {
        match (&self.probe, self.addresses().first()) {
            (None, _) => Ok(None),
            (Some(Some(url)), _) => Ok(Some(url.clone())),
            (Some(None), Some(address)) if address.port() != 0 => {
                let ip = addresses::from_this_machine(address.ip());
                let url = format!("http://{}/", SocketAddr::new(ip, address.port()));
                Ok(Some(probe::read_url(&url)?))
            }
            (Some(None), _) => Err("--probe needs a URL where --port is 0"),
        }
    }

    /// The folder to serve.
    pub(crate) fn root(&self) -> &Path {
        let folder = self.folder.as_deref().or(self.content.root.as_deref());
        folder.unwrap_or(Path::new("."))
    }

    /// The addresses to listen on, each at its own port or at the common one.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let Reachability { bind, port: of_all, .. } = &self.network;
        bind.iter().map(|&(ip, port)| SocketAddr::new(ip, port.unwrap_or(*of_all))).collect()
    }

    /// The consequence if other machines can reach a listener; `None` if there is nothing to warn
    /// of, since a proxy may speak TLS.
    pub(crate) fn exposure(&self, are_inherited: bool) -> Option<&'static str> {
        match &self.network.auth {
            None => Some("they can read this folder"),
            Some(_) if self.is_proxied(are_inherited) => None,
            Some(_) => Some("without TLS, passwords can be read on their way"),
        }
    }

    /// Whether a proxy, or the process that passed the sockets, stands between us and the clients.
    fn is_proxied(&self, are_inherited: bool) -> bool {
        are_inherited || !self.network.trusted_proxy.is_empty()
    }

    /// The format of access lines.
    pub(crate) fn log_format(&self) -> Format {
        let colour = self.logs_to_terminal() && access_log::takes_colour(&stderr());
        match self.log.log_format {
            None if !self.logs_to_terminal() => Format::Combined,
            None | Some(Format::Short { .. }) => Format::Short { colour },
            Some(format) => format,
        }
    }

    /// Whether access lines go to a terminal.
    pub(crate) fn logs_to_terminal(&self) -> bool {
        self.log.log_file.is_none() && stderr().is_terminal()
    }

    /// Whether a terminal shows long responses: only if it also has their access lines.
    pub(crate) fn shows_transfers(&self) -> bool {
        let is_on_standard_error = !self.log.quiet && self.log.log_file.is_none();
        is_on_standard_error && access_log::has_status_lines()
    }

    /// The options of the sockets and threads.
    pub(crate) fn net(&self) -> net::Options {
        net::Options {
            max_connections: self.limits.max_connections,
            thread_cache: self.limits.thread_cache,
            queue_time_max: 2 * self.limits.request_timeout,
            defer_accept: true,
            ..net::Options::default()
        }
    }

    /// The options of the site.
    pub(crate) fn site(&self) -> site::Options {
        let content = &self.content;
        site::Options {
            redirects: content.redirect.clone(),
            index: content.index.iter().map(|name| name.clone().into_bytes()).collect(),
            listing: !content.no_listing,
            listing_limit: content.listing_limit,
            archive_limit: content.archive_limit,
            dotfiles: content.dotfiles,
            pretty_urls: content.pretty_urls,
            spa: content.spa,
            media_types: self.responses.media_type.iter().cloned().collect(),
        }
    }

    /// The rules of access for clients of these listeners.
    pub(crate) fn access(
        &self,
        listeners: &[SocketAddr],
        are_inherited: bool,
        passwords: Option<Passwords>,
    ) -> Access {
        // The only place that decides whether the Host is checked: on a server that only this
        // machine can reach, unless a proxy, or the process that passed the sockets, is responsible
        // for the names.
        let is_loopback = listeners.iter().all(|listener| listener.ip().is_loopback());
        let allowed_hosts = if is_loopback && !self.is_proxied(are_inherited) {
            self.network.allow_host.clone()
        } else {
            vec!["*".to_owned()]
        };
        Access { allowed_hosts, cors: self.responses.cors, passwords }
    }

    /// The fields of every response: those of `--header`, which replace those of `--auth` and
    /// `--cors` like any others.
    fn extra_fields(&self) -> Vec<ExtraField> {
        let own = &self.responses.header;
        let auth = PRIVATE.iter().filter(|_| self.network.auth.is_some());
        let cors = cors::FIELDS.iter().filter(|_| self.responses.cors);
        let ours = auth.chain(cors);
        let ours = ours.filter(|(name, _)| !own.iter().any(|field| field.replaces(name)));
        let ours = ours.map(|(name, value)| ExtraField::new(name, value));
        own.iter().cloned().chain(ours).collect()
    }

    /// The options of each connection.
    pub(crate) fn serve(&self) -> serve::Options {
        serve::Options {
            request_timeout: self.limits.request_timeout,
            stall_timeout: self.limits.stall_timeout,
            extra_fields: self.extra_fields(),
            trusted_proxies: self.network.trusted_proxy.clone(),
            log_format: self.log_format(),
            transfers: None,
            statistics: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// Checks the URL that `--probe` with these flags asks.
    #[track_caller]
    fn check_probe(flags: &[&str], want: Result<&str, ()>) {
        let flags = Flags::parse_from([&["httpd", "--probe"], flags].concat());
        let url = flags.url_to_probe().map(|url| url.unwrap().to_string());
        assert_eq!(url.as_deref().map_err(|_| ()), want, "{flags:?}");
    }

    #[test]
    fn a_probe_without_a_url_asks_the_server_of_these_flags() {
        check_probe(&[], Ok("http://127.0.0.1:8080/"));
        check_probe(&["--port", "1"], Ok("http://127.0.0.1:1/"));
        check_probe(&["--bind", "0.0.0.0"], Ok("http://127.0.0.1:8080/"));
        check_probe(&["--bind", "192.0.2.1,::1"], Ok("http://192.0.2.1:8080/"));
        check_probe(&["http://a:1/b", "--port", "0"], Ok("http://a:1/b"));
        check_probe(&["--bind", "localhost:1", "--port", "0"], Ok("http://127.0.0.1:1/"));
        check_probe(&["--bind", "[::]:1"], Ok("http://[::1]:1/"));
        check_probe(&["--port", "0"], Err(()));
    }

    /// Checks whether a server with these flags and listeners checks the Host.
    #[track_caller]
    fn check(flags: &[&str], listeners: &[&str], are_inherited: bool, is_checked: bool) {
        let flags = Flags::parse_from([&["httpd"], flags].concat());
        let listeners: Vec<_> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let allowed = flags.access(&listeners, are_inherited, None).allowed_hosts;
        let is_any = allowed.iter().any(|name| name == "*");
        assert_eq!(!is_any, is_checked, "{flags:?} {listeners:?}");
    }

    #[test]
    fn fields_of_the_user_take_the_place_of_those_of_cors() {
        let fields =
            |flags: &[&str]| Flags::parse_from([&["httpd"], flags].concat()).extra_fields();
        assert_eq!(fields(&[]), []);
        let cors = cors::FIELDS.map(|(name, value)| ExtraField::new(name, value));
        assert_eq!(fields(&["--cors"]), cors);
        let own = "access-control-allow-origin: https://a.example";
        let parsed: ExtraField = own.parse().unwrap();
        assert_eq!(fields(&["--cors", "--header", own]), [parsed.clone(), cors[1].clone()]);
        assert_eq!(fields(&["--header", own]), [parsed]);
    }

    #[test]
    fn the_host_is_checked_where_only_this_machine_asks() {
        check(&[], &["127.0.0.1:80", "[::1]:80", "127.8.8.8:1"], false, true);
        check(&["--allow-host", "nas.example.com"], &["127.0.0.1:80"], false, true);
        check(&["--allow-host", "nas.example.com,*"], &["127.0.0.1:80"], false, false);
        check(&["--trusted-proxy", "127.0.0.1"], &["127.0.0.1:80"], false, false);
        check(&[], &["127.0.0.1:80"], true, false);
        check(&[], &["[::1]:80", "192.0.2.1:80"], false, false);
    }
}
