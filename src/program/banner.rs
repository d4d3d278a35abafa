//! What standard output gets at the start: a line for each listener, for scripts and people alike.
//!
//! On a terminal the lines follow a summary: who can reach what, by which rules, and how to stop.
//! There each line is a URL that can be opened: a listener that stands for every address is named
//! by the addresses of the machine's interfaces. With `--qr`, a QR code comes last. A script gets
//! exactly one line for each listener.

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

/// The columns of the rows' labels.
const LABEL_WIDTH: usize = 16;

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
        let reachable = addresses::reachable(listeners);
        let (columns, colour) = (columns(), access_log::takes_colour(&io::stdout()));
        let summary = banner.summary(&reach(listeners, &reachable), columns);
        let code = code.map(|code| code.lines(columns, colour)).unwrap_or_default();
        format!("{summary}{}{code}", lines(&reachable))
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

/// Who can reach the listeners: this machine alone, or the network at these URLs.
fn reach(listeners: &[SocketAddr], reachable: &[SocketAddr]) -> String {
    let is_local = |address: &&SocketAddr| address.ip().is_loopback();
    let urls = reachable.iter().filter(|it| !is_local(it)).map(|it| format!("http://{it}/"));
    let urls: Vec<_> = urls.collect();
    if listeners.iter().all(|address| is_local(&address)) {
        "this machine only (-b 0.0.0.0: the network)".to_owned()
    } else if urls.is_empty() {
        "the network, once there is one".to_owned()
    } else {
        urls.join(" ")
    }
}

/// A row of the summary: the value in lines of so many columns, if its words are short enough.
fn row(label: &str, value: &str, columns: usize) -> String {
    let mut row = format!("  {label:<width$}", width = LABEL_WIDTH - 2);
    let mut used = LABEL_WIDTH;
    for word in value.split_inclusive(' ') {
        used += word.len();
        if used > columns && used > LABEL_WIDTH + word.len() {
            row.extend(["\n", &" ".repeat(LABEL_WIDTH)]);
            used = LABEL_WIDTH + word.len();
        }
        row.push_str(word);
    }
    row + "\n"
}

impl Banner<'_> {
    fn summary(&self, reach: &str, columns: usize) -> String {
        let listings = if self.files.listing { "folders without an index page" } else { "none" };
        let hidden = match self.files.dotfiles {
            Dotfiles::Deny => "not served",
            Dotfiles::Unlisted => "served, but not listed",
            Dotfiles::Serve => "served and listed",
        };
        let links = match self.root.symlinks() {
            Symlinks::Deny => "not followed",
            Symlinks::Within => "inside the folder only",
            Symlinks::Follow => "followed anywhere",
        };
        let password = self.users.map(|users| format!("needed; users: {users}"));
        let sandbox = self.sandbox.to_string();
        let rows = [
            ("reach", Some(reach)),
            ("listings", Some(listings)),
            ("hidden files", Some(hidden)),
            ("symlinks", Some(links)),
            ("password", password.as_deref()),
            ("sandbox", Some(&sandbox)),
        ];
        let rows = rows.iter().filter_map(|(label, value)| Some(row(label, (*value)?, columns)));
        let path = self.root.real_path().to_string_lossy();
        let path: String =
            path.chars().map(|it| if is_unprintable(it) { '?' } else { it }).collect();
        let (version, rows) = (env!("CARGO_PKG_VERSION"), rows.collect::<String>());
        format!("httpd {version} serves {path}\n{rows}Press Ctrl-C to stop\n")
    }
}
