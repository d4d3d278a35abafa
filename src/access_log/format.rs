//! An entry as one line of text: Apache's two formats, and the short one for people.
//!
//! Pure: an entry in, a line out, without its newline. Every byte of the client's passes through
//! [`Escaped`], so that a line is printable ASCII whatever the request held: it can neither start
//! a second line nor command the terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::entry::Entry;
use super::json::json;
use crate::http::date::Date;
use crate::text::Human;

/// ANSI escape sequences (ECMA-48 section 8.3.117, Select Graphic Rendition).
const DIM: &str = "\x1b[2m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const GREEN: &str = "\x1b[32m";
pub(super) const YELLOW: &str = "\x1b[33m";
pub(super) const BLUE: &str = "\x1b[34m";
pub(super) const CYAN: &str = "\x1b[36m";
pub(super) const RESET: &str = "\x1b[0m";

/// The most that is kept of what a client says in one field, in bytes before they are escaped: each
/// may become six.
const CLIENT_BYTES_MAX: usize = 2 * 1024;

/// Stands in a line for what was cut off.
const CUT_MARK: &[u8] = b"...";

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people: `12:01:07Z 127.0.0.1 GET /a.iso 206 734003200 8.1s`.
    Short,
    /// Apache's Common Log Format.
    Common,
    /// Apache's combined format: common, then Referer and User-Agent.
    Combined,
    /// One JSON object.
    Json,
}

/// A client's bytes as Apache's `ap_escape_logitem` writes them: all of it printable ASCII.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl Format {
    /// The entry's line, without its newline. Only the short format is ever coloured.
    #[must_use]
    pub(crate) fn line(self, entry: &Entry<'_>, colour: bool) -> String {
        let request_line = cut(entry.request_line);
        let (referer, user_agent) = (entry.referer.map(cut), entry.user_agent.map(cut));
        let entry = &Entry {
            request_line: &request_line,
            referer: referer.as_deref(),
            user_agent: user_agent.as_deref(),
            ..*entry
        };
        let mut line = String::new();
        let written = match self {
            Self::Short => short(&mut line, entry, colour),
            Self::Common => common(&mut line, entry),
            Self::Combined => combined(&mut line, entry),
            Self::Json => json(&mut line, entry),
        };
        written.expect("a String takes whatever is written");
        line
    }
}

/// The start of a client's bytes and a mark, where they are too many.
fn cut(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() <= CLIENT_BYTES_MAX {
        return bytes.into();
    }
    [&bytes[..CLIENT_BYTES_MAX], CUT_MARK].concat().into()
}

/// `%h %l %u %t "%r" %>s %b` of Apache's `mod_log_config`, which has `-` for nothing.
fn common(out: &mut String, entry: &Entry<'_>) -> fmt::Result {
    let time = Date::clamped(entry.time).common_log();
    let line = Some(entry.request_line).filter(|line| !line.is_empty());
    let (client, user) = (entry.client.to_canonical(), entry.user.map_or("-".into(), user));
    write!(out, "{client} - {user} [{time}] \"{}\" {} ", or_dash(line), entry.status)?;
    match entry.bytes_sent {
        0 => out.write_str("-"),
        bytes => write!(out, "{bytes}"),
    }
}

/// Common, then `"%{Referer}i" "%{User-Agent}i"`.
fn combined(out: &mut String, entry: &Entry<'_>) -> fmt::Result {
    common(out, entry)?;
    write!(out, " \"{}\" \"{}\"", or_dash(entry.referer), or_dash(entry.user_agent))
}

/// Time of day, client, user if there is one, method and target, status, bytes, duration; a bad
/// outcome last, and why.
fn short(out: &mut String, entry: &Entry<'_>, colour: bool) -> fmt::Result {
    let Entry { status, bytes_sent, .. } = entry;
    let [dim, class, yellow, off] = [DIM, class_colour(*status), YELLOW, RESET]
        .map(|sequence| if colour { sequence } else { "" });
    let time_of_day = Date::clamped(entry.time).time_of_day();
    write!(out, "{dim}{time_of_day}{off} {} ", entry.client.to_canonical())?;
    if let Some(name) = entry.user {
        write!(out, "{} ", user(name))?;
    }
    match entry.request_words() {
        Some((method, target, _)) => write!(out, "{} {}", Escaped(method), Escaped(target))?,
        None if entry.request_line.is_empty() => out.write_str("-")?,
        None => write!(out, "{}", Escaped(entry.request_line))?,
    }
    write!(out, " {class}{status}{off} {bytes_sent} {}", Human(entry.duration))?;
    match entry.outcome.words() {
        (_, None) => Ok(()),
        (name, Some(cause)) => write!(out, " {yellow}{name} {cause}{off}"),
    }
}

fn or_dash(bytes: Option<&[u8]>) -> Escaped<'_> {
    Escaped(bytes.unwrap_or(b"-"))
}

/// A user's name as one word. Apache would leave its spaces as they are.
fn user(name: &str) -> Cow<'_, str> {
    Escaped(name.as_bytes()).to_string().replace(' ', "\\x20").into()
}

/// The colour of a status class (RFC 9110 section 15): success, redirection, client, server.
fn class_colour(status: u16) -> &'static str {
    match status / 100 {
        1 | 2 => GREEN,
        3 => CYAN,
        4 => YELLOW,
        _ => RED,
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            match byte {
                b'"' => out.write_str("\\\"")?,
                b'\\' => out.write_str("\\\\")?,
                b' '..=b'~' => out.write_char(char::from(byte))?,
                0x08 => out.write_str("\\b")?,
                b'\n' => out.write_str("\\n")?,
                b'\r' => out.write_str("\\r")?,
                b'\t' => out.write_str("\\t")?,
                0x0b => out.write_str("\\v")?,
                _ => write!(out, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
