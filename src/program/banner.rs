//! The start on standard output: one line per listener, for scripts and people alike.
//!
//! On a terminal they follow a summary: who can reach what, by which rules, and how to stop. There
//! each line is a URL that can be opened: a listener on all addresses is shown with those of the
//! machine's interfaces. With `--qr`, a QR code comes last. A script gets exactly one line per
//! listener.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use rustix::termios::tcgetwinsize;

use super::addresses;
use crate::access_log;
use crate::sandbox::Enforcement;
use crate::site;
use crate::site::files::Dotfiles;
use crate::site::root::{Root, Symlinks};
use crate::text::is_unprintable;

/// The width of the rows' labels, in columns.
const LABEL_WIDTH: usize = 16;

/// Exact black on white: themes change the first sixteen colours.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// The contents of the banner.
pub(crate) struct Banner<'a> {
    pub(crate) root: &'a Root,
    pub(crate) files: &'a site::Options,
    /// The number of users, if a password is required.
    pub(crate) users: Option<usize>,
    pub(crate) sandbox: Enforcement,
}

/// The first URL that other machines can reach. The error is a sentence.
pub(crate) fn url_to_scan(listeners: &[SocketAddr]) -> Result<String, &'static str> {
    let addresses = addresses::reachable(listeners);
    let address = addresses.iter().find(|address| !address.ip().is_loopback()).ok_or(
        "no other machine can reach this server, so --qr has no URL to show: \
         it takes --bind 0.0.0.0, or the address of a network",
    )?;
    Ok(format!("http://{address}/"))
}

/// Prints one line per listener; on a terminal, also the banner and the code. If nobody sees the
/// banner, the log describes the start. A closed standard output is not an error.
pub(crate) fn print(
    banner: &Banner<'_>,
    listeners: &[SocketAddr],
    to_scan: Option<&str>,
) -> io::Result<()> {
    let text = if io::stdout().is_terminal() {
        let reachable = addresses::reachable(listeners);
        let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0);
        // A terminal that does not tell its width is assumed to be wide enough.
        let columns = size.map_or(usize::MAX, |size| size.ws_col.into());
        let colour = access_log::takes_colour(&io::stdout());
        let summary = banner.summary(&reach(listeners, &reachable), columns);
        let code = to_scan.map_or(String::new(), |url| code(url, columns, colour));
        format!("{summary}{}{code}", lines(&reachable))
    } else {
        let addresses: Vec<_> = listeners.iter().map(ToString::to_string).collect();
        let (version, addresses) = (env!("CARGO_PKG_VERSION"), addresses.join(", "));
        let (root, sandbox) = (banner.root.real_path().display(), banner.sandbox);
        log::info!("httpd {version} serves {root} at {addresses}; sandbox: {sandbox}");
        if to_scan.is_some() {
            log::warn!("--qr shows nothing: standard output is not a terminal");
        }
        lines(listeners)
    };
    super::print(text.as_bytes())
}

fn lines(addresses: &[SocketAddr]) -> String {
    let line = |address| format!("listening on http://{address}/\n");
    addresses.iter().map(line).collect::<Vec<_>>().concat()
}

/// Who can reach the listeners: this machine alone, or the network at these URLs.
fn reach(listeners: &[SocketAddr], reachable: &[SocketAddr]) -> String {
    if listeners.iter().all(|it| it.ip().is_loopback()) {
        return "this machine only (-b 0.0.0.0: the network)".to_owned();
    }
    let others = reachable.iter().filter(|it| !it.ip().is_loopback());
    let urls: Vec<_> = others.map(|it| format!("http://{it}/")).collect();
    if urls.is_empty() { "the network, once there is one".to_owned() } else { urls.join(" ") }
}

/// A row of the summary: the value in lines of this many columns, if its words are short enough.
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

/// The URL, with its code for a phone's camera below if the terminal has enough columns. Two
/// modules share a character. Without colours, the blocks are the light modules, which is right on
/// a terminal with light text.
fn code(url: &str, columns: usize, colour: bool) -> String {
    // A screen is clean, so the lowest level will do; it makes the smallest code.
    let code = QrCode::with_error_correction_level(url, EcLevel::L)
        .expect("the URL of an address fits in a QR code");
    let (on, off, [dark, light]) = if colour {
        (BLACK_ON_WHITE, RESET, [Dense1x2::Dark, Dense1x2::Light])
    } else {
        ("", "", [Dense1x2::Light, Dense1x2::Dark])
    };
    let rows = code.render().dark_color(dark).light_color(light).build();
    let width = rows.lines().next().map_or(0, |row| row.chars().count());
    if columns < width {
        return format!("the QR code needs a terminal of {width} columns\n");
    }
    let rows = rows.lines().flat_map(|row| [on, row, off, "\n"]);
    format!("to scan: {url}\n{}", rows.collect::<String>())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_that_is_not_loopback_is_scanned() {
        let [v4, v6, other] =
            ["127.0.0.1:1", "[::1]:80", "[fd00::2]:2"].map(|text| text.parse().unwrap());
        assert_eq!(url_to_scan(&[v4, other]), Ok("http://[fd00::2]:2/".to_owned()));
        assert!(url_to_scan(&[v4, v6]).unwrap_err().contains("--bind"));
    }

    #[test]
    fn a_code_is_drawn_in_half_blocks_with_a_quiet_zone() {
        let url = "http://192.0.2.2:80/";
        let lines = code(url, 33, false);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines[0], "to scan: http://192.0.2.2:80/");
        assert_eq!(lines.len(), 1 + 17);
        assert!(lines[1..].iter().all(|line| line.chars().count() == 33));
        // The quiet zone is light, and drawn as blocks.
        assert_eq!(lines[1], "█".repeat(33));
        assert_eq!(lines[3], format!("████ {}", &lines[3]["████ ".len()..]));
        assert_eq!(lines[17], "▀".repeat(33));
        let coloured = code(url, 33, true);
        let first = format!("{BLACK_ON_WHITE}{}{RESET}", " ".repeat(33));
        assert_eq!(coloured.lines().nth(1), Some(&first[..]));
        assert_eq!(code(url, 32, true).lines().count(), 1);
    }
}
