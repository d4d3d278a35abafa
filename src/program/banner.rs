//! What standard output gets at the start: a line for each listener, for scripts and people alike.
//!
//! On a terminal the lines follow a summary: what is served, under which rules, and how to stop.
//! There each line is a URL that can be opened: a listener that stands for every address is named
//! by the addresses of the machine's interfaces. A script gets exactly one line for each listener.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::sandbox::Level;
use crate::site::files::{self, Dotfiles};
use crate::site::root::{Root, Symlinks};
use crate::text::is_unprintable;

/// What the banner describes.
pub(crate) struct Banner<'a> {
    pub(crate) root: &'a Root,
    pub(crate) files: &'a files::Options,
    pub(crate) sandbox: Level,
}

/// Whether the banner is printed: only a terminal has a reader for it.
pub(crate) fn is_wanted() -> bool {
    io::stdout().is_terminal()
}

/// Prints the banner, if it is wanted, and a line for each listener. It is no error if standard
/// output is closed.
pub(crate) fn print(banner: &Banner<'_>, listeners: &[SocketAddr]) -> io::Result<()> {
    let text = if is_wanted() {
        let interfaces: Vec<_> = if_addrs::get_if_addrs()
            .unwrap_or_default()
            .iter()
            .filter(|interface| !interface.is_link_local())
            .map(if_addrs::Interface::ip)
            .collect();
        format!("{banner}{}", lines(&reachable(listeners, &interfaces)))
    } else {
        lines(listeners)
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn lines(addresses: &[SocketAddr]) -> String {
    let line = |address| format!("listening on http://{address}/\n");
    addresses.iter().map(line).collect::<Vec<_>>().concat()
}

/// The addresses at which these listeners can be reached, this machine's own first.
fn reachable(listeners: &[SocketAddr], interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for listener in listeners {
        if !listener.ip().is_unspecified() {
            addresses.push(*listener);
            continue;
        }
        // Loopback is always there, even where the interfaces cannot be listed.
        let loopback = match listener {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        let own = interfaces.iter().filter(|own| own.is_ipv4() == listener.is_ipv4());
        let own = own.copied().chain([loopback]);
        addresses.extend(own.map(|own| SocketAddr::new(own, listener.port())));
    }
    addresses.sort_by_key(|address| (!address.ip().is_loopback(), *address));
    addresses.dedup();
    addresses
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = match (self.files.listing, self.files.dotfiles) {
            (false, _) => "no folders",
            (true, Dotfiles::Deny) => "all but names that start with a dot",
            (true, Dotfiles::Unlisted) => "all but names that start with a dot, which are served",
            (true, Dotfiles::Serve) => "all, names that start with a dot too",
        };
        let followed = match self.root.symlinks() {
            Symlinks::Deny => "no links",
            Symlinks::Within => "links that stay inside",
            Symlinks::Follow => "all links, wherever they lead",
        };
        let path = self.root.real_path().to_string_lossy();
        let path: String =
            path.chars().map(|it| if is_unprintable(it) { '?' } else { it }).collect();
        writeln!(out, "httpd {} serves {path}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "  listed    {listed}")?;
        writeln!(out, "  followed  {followed}")?;
        writeln!(out, "  sandbox   {}", self.sandbox)?;
        writeln!(out, "  to stop   Ctrl-C")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a machine with loopback, one network card, and a private IPv6 network.
    #[track_caller]
    fn check(listeners: &[&str], want: &[&str]) {
        let interfaces = ["192.0.2.2", "127.0.0.1", "fd00::2", "::1"];
        let interfaces = interfaces.map(|text| text.parse().unwrap());
        let listeners: Vec<_> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let got = reachable(&listeners, &interfaces);
        let got: Vec<_> = got.iter().map(ToString::to_string).collect();
        assert_eq!(got, want, "{listeners:?}");
    }

    #[test]
    fn a_listener_on_every_address_is_named_by_the_interfaces() {
        check(&["127.0.0.1:80"], &["127.0.0.1:80"]);
        check(&["192.0.2.9:80", "[::1]:80"], &["[::1]:80", "192.0.2.9:80"]);
        check(&["0.0.0.0:80"], &["127.0.0.1:80", "192.0.2.2:80"]);
        check(&["[::]:80"], &["[::1]:80", "[fd00::2]:80"]);
        let all = ["127.0.0.1:80", "[::1]:81", "192.0.2.2:80", "[fd00::2]:81"];
        check(&["0.0.0.0:80", "[::]:81"], &all);
        check(&["0.0.0.0:80", "127.0.0.1:80"], &["127.0.0.1:80", "192.0.2.2:80"]);
    }
}
