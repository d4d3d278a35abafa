//! What is said on standard output at the start: the listening lines, for scripts and people alike,
//! and on a terminal what is served and how to stop.

use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

use httpd::sandbox::Level;
use httpd::site::root::{Root, Symlinks};

/// Prints the banner, if standard output is a terminal, and a line for each listener.
pub(crate) fn print(addresses: &[SocketAddr], root: &Root, sandbox: Level) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        let links = match root.symlinks() {
            Symlinks::Deny => "no links are followed",
            Symlinks::Within => "links that stay inside are followed",
            Symlinks::Follow => "all links are followed, wherever they lead",
        };
        writeln!(out, "httpd {} serves {}", env!("CARGO_PKG_VERSION"), root.real_path().display())?;
        writeln!(out, "{links}; {sandbox}; press Ctrl-C to stop")?;
    }
    for address in addresses {
        writeln!(out, "listening on http://{address}/")?;
    }
    out.flush()
}
