//! An entry as one line of text: Apache's two formats, and the short one for people.
//!
//! Pure: an entry in, a line out, without its newline. Every byte of the client's passes through
//! [`Escaped`], so that a line is printable ASCII whatever the request held: it can neither start
//! a second line nor command the terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::Duration;

use super::entry::{Entry, Outcome};
use super::json::Json;
use crate::http::date::Date;

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

/// `%h %l %u %t "%r" %>s %b` of Apache's `mod_log_config`.
struct Common<'a>(&'a Entry<'a>);

/// Common, then `"%{Referer}i" "%{User-Agent}i"`.
struct Combined<'a>(&'a Entry<'a>);

/// Time of day, client, user if there is one, method and target, status, bytes, duration; a bad
/// outcome last, and why a request was refused.
struct Short<'a> {
    entry: &'a Entry<'a>,
    colour: bool,
}

/// A client's bytes as Apache's `ap_escape_logitem` writes them: all of it printable ASCII.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

/// The bytes escaped, or Apache's `-` where there are none.
struct OrDash<'a>(Option<&'a [u8]>);

/// A user's name as one word, or Apache's `-`. Apache would leave its spaces as they are.
struct User<'a>(Option<&'a str>);

/// A duration in at most two units, cut rather than rounded, so that no unit ever overflows.
struct Human(Duration);

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
        match self {
            Self::Short => Short { entry, colour }.to_string(),
            Self::Common => Common(entry).to_string(),
            Self::Combined => Combined(entry).to_string(),
            Self::Json => Json(entry).to_string(),
        }
    }
}

/// The start of a client's bytes and a mark, where they are too many.
fn cut(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() <= CLIENT_BYTES_MAX {
        return bytes.into();
    }
    [&bytes[..CLIENT_BYTES_MAX], CUT_MARK].concat().into()
}

impl fmt::Display for Common<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(entry) = self;
        let time = Date::clamped(entry.time).common_log();
        let line = OrDash(Some(entry.request_line).filter(|line| !line.is_empty()));
        let (client, user) = (entry.canonical_client(), User(entry.user));
        write!(out, "{client} - {user} [{time}] \"{line}\" {} ", entry.status)?;
        match entry.bytes_sent {
            0 => out.write_str("-"),
            bytes => write!(out, "{bytes}"),
        }
    }
}

impl fmt::Display for Combined<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(entry) = self;
        let (referer, user_agent) = (OrDash(entry.referer), OrDash(entry.user_agent));
        write!(out, "{} \"{referer}\" \"{user_agent}\"", Common(entry))
    }
}

impl fmt::Display for Short<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.entry;
        let time_of_day = Date::clamped(entry.time).time_of_day();
        write!(out, "{}{time_of_day}{} {} ", self.on(DIM), self.off(), entry.canonical_client())?;
        if entry.user.is_some() {
            write!(out, "{} ", User(entry.user))?;
        }
        match entry.request_words() {
            Some(words) => write!(out, "{} {}", Escaped(words.method), Escaped(words.target))?,
            None if entry.request_line.is_empty() => out.write_str("-")?,
            None => write!(out, "{}", Escaped(entry.request_line))?,
        }
        let status = entry.status;
        let (class, off) = (self.on(class_colour(status)), self.off());
        write!(out, " {class}{status}{off} {} {}", entry.bytes_sent, Human(entry.duration))?;
        match entry.outcome {
            Outcome::Complete => Ok(()),
            outcome => {
                let cause = entry.cause.map(|cause| format!(" {cause}")).unwrap_or_default();
                write!(out, " {}{}{cause}{}", self.on(YELLOW), outcome.name(), self.off())
            }
        }
    }
}

impl Short<'_> {
    fn on(&self, colour: &'static str) -> &'static str {
        if self.colour { colour } else { "" }
    }

    fn off(&self) -> &'static str {
        self.on(RESET)
    }
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

impl fmt::Display for OrDash<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => Escaped(bytes).fmt(out),
            None => out.write_str("-"),
        }
    }
}

impl fmt::Display for User<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.unwrap_or("-").split(' ');
        for (number, word) in words.enumerate() {
            out.write_str(if number > 0 { "\\x20" } else { "" })?;
            Escaped(word.as_bytes()).fmt(out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Human {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(duration) = self;
        let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
        match seconds {
            0 if micros < 1_000 => write!(out, "{micros}us"),
            0 => write!(out, "{}.{}ms", micros / 1_000, micros / 100 % 10),
            1..60 => write!(out, "{seconds}.{}s", micros / 100_000),
            60..3_600 => write!(out, "{}m{:02}s", seconds / 60, seconds % 60),
            _ => write!(out, "{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        }
    }
}

#[cfg(test)]
mod tests;
