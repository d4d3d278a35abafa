//! What is said on standard output at the start: a line for each listener, for scripts and people
//! alike, and before them on a terminal what is served, where, under which rules, and how to stop.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};

use httpd::sandbox::Level;
use httpd::site::files::{self, Dotfiles};
use httpd::site::root::{Root, Symlinks};

/// What the banner tells of.
pub(crate) struct Banner<'a> {
    pub(crate) root: &'a Root,
    pub(crate) files: &'a files::Options,
    pub(crate) sandbox: Level,
    /// Where the server can be reached: no address here stands for all.
    pub(crate) reachable: Vec<SocketAddr>,
}

/// Prints the banner, if standard output is a terminal, and a line for each listener. Where
/// standard output is closed, nobody misses them.
pub(crate) fn print(banner: &Banner<'_>, addresses: &[SocketAddr]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let banner = if out.is_terminal() { banner.to_string() } else { String::new() };
    let lines = addresses.iter().map(|address| format!("listening on http://{address}/\n"));
    let text = banner + &lines.collect::<Vec<_>>().concat();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// The addresses at which these listeners can be reached: for one that stands for all, those of
/// the machine's interfaces.
pub(crate) fn reachable(listeners: &[SocketAddr]) -> Vec<SocketAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses = Vec::new();
    for listener in listeners {
        if !listener.ip().is_unspecified() {
            addresses.push(*listener);
            continue;
        }
        let own = interfaces.iter().filter(|interface| !interface.is_link_local());
        let own =
            own.map(if_addrs::Interface::ip).filter(|own| own.is_ipv4() == listener.is_ipv4());
        addresses.extend(own.map(|own| SocketAddr::new(own, listener.port())));
    }
    addresses.sort_by_key(|address| (!address.ip().is_loopback(), address.ip()));
    addresses
}

impl std::fmt::Display for Banner<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let links = match self.root.symlinks() {
            Symlinks::Deny => "followed: no links",
            Symlinks::Within => "followed: links that stay inside",
            Symlinks::Follow => "followed: all links, wherever they lead",
        };
        let listed = match (self.files.listing, self.files.dotfiles) {
            (false, _) => "no listings",
            (true, Dotfiles::Deny) => "listed: all but names that start with a dot",
            (true, Dotfiles::Unlisted) => "listed: all but names that start with a dot (served)",
            (true, Dotfiles::Serve) => "listed: every name, dotfiles too",
        };
        let path = self.root.real_path().to_string_lossy();
        let path: String = path.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
        writeln!(out, "httpd {} serves {path}", env!("CARGO_PKG_VERSION"))?;
        for address in &self.reachable {
            let note = match address.ip() {
                IpAddr::V4(ip) if ip.is_loopback() => "  this machine",
                IpAddr::V6(ip) if ip.is_loopback() => "  this machine",
                _ => "",
            };
            writeln!(out, "  http://{address}/{note}")?;
        }
        writeln!(out, "  {listed}\n  {links}\n  {}\nPress Ctrl-C to stop.", self.sandbox)
    }
}
