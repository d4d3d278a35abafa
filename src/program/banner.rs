//! What standard output gets at the start: a line for each listener, for scripts and people alike.
//!
//! On a terminal the lines follow a summary: what is served, under which rules, and how to stop.
//! There each line is a URL that can be opened: a listener that stands for every address is named
//! by the addresses of the machine's interfaces. With `--qr`, a QR code comes last. A script gets
//! exactly one line for each listener.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

use rustix::termios::tcgetwinsize;

use super::addresses;
use super::qr::Code;
use crate::access_log;
use crate::sandbox::Enforcement;
use crate::site::files::{self, Dotfiles};
use crate::site::root::{Root, Symlinks};
use crate::text::is_unprintable;

/// What the banner describes.
pub(crate) struct Banner<'a> {
    pub(crate) root: &'a Root,
    pub(crate) files: &'a files::Options,
    /// How many may ask, where a password is needed.
    pub(crate) users: Option<usize>,
    pub(crate) sandbox: Enforcement,
}

/// Whether the banner is printed: only a terminal has a reader for it.
pub(crate) fn is_wanted() -> bool {
    io::stdout().is_terminal()
}

/// Prints the banner and the code, if they are wanted, and a line for each listener. It is no error
/// if standard output is closed.
pub(crate) fn print(
    banner: &Banner<'_>,
    listeners: &[SocketAddr],
    code: Option<&Code>,
) -> io::Result<()> {
    let text = if is_wanted() {
        let lines = lines(&addresses::reachable(listeners));
        let colour = access_log::terminal_takes_colour();
        let code = code.map(|code| code.lines(columns(), colour)).unwrap_or_default();
        format!("{banner}{lines}{code}")
    } else {
        lines(listeners)
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// What a log says of the start, where no one sees the banner.
pub(crate) fn start_line(banner: &Banner<'_>, listeners: &[SocketAddr]) -> String {
    let addresses: Vec<_> = listeners.iter().map(ToString::to_string).collect();
    let (version, addresses) = (env!("CARGO_PKG_VERSION"), addresses.join(", "));
    let root = banner.root.real_path().display();
    format!("httpd {version} serves {root} at {addresses}; sandbox: {}", banner.sandbox)
}

/// The columns of the terminal; one that does not tell is taken to have enough.
fn columns() -> usize {
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0);
    size.map_or(usize::MAX, |size| size.ws_col.into())
}

fn lines(addresses: &[SocketAddr]) -> String {
    let line = |address| format!("listening on http://{address}/\n");
    addresses.iter().map(line).collect::<Vec<_>>().concat()
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
        if let Some(users) = self.users {
            writeln!(out, "  password  needed; users: {users}")?;
        }
        writeln!(out, "  sandbox   {}", self.sandbox)?;
        writeln!(out, "  to stop   Ctrl-C")
    }
}
