//! An entry or a message as one line of text: Apache's two formats, a short one for people, JSON.
//!
//! Pure: an entry in, a line out, without its newline. Every byte from the client passes through
//! [`Escaped`], so a line is printable ASCII whatever the request contained: it can neither start a
//! second line nor command the terminal. In JSON (RFC 8259), bytes that are not UTF-8 become
//! U+FFFD, and characters that could begin a line, command a terminal or reorder text are escaped.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use log::{Level, Record};

use super::Entry;
use crate::http::date::Date;
use crate::text::{Human, is_unprintable, write_json_string};

/// ANSI escape sequences (ECMA-48 section 8.3.117, Select Graphic Rendition).
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const BLUE: &str = "\x1b[34m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// The most bytes kept of each field of a client's, before escaping: each may become six.
const CLIENT_BYTES_MAX: usize = 2 * 1024;

/// Marks a cut in a line.
const CUT_MARK: &[u8] = b"...";

/// The format of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people: `12:01:07Z 127.0.0.1 GET /a.iso 206 734003200 8.1s`.
    Short { colour: bool },
    /// Apache's Common Log Format.
    Common,
    /// Apache's combined format: common, then Referer and User-Agent.
    Combined,
    /// One JSON object.
    Json,
}

/// A client's bytes as Apache's `ap_escape_logitem` writes them, all printable ASCII. Long ones are
/// cut.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl Format {
    /// The entry's line, without its newline.
    #[must_use]
    pub(crate) fn line(self, entry: &Entry<'_>) -> String {
        let mut line = String::new();
        let written = match self {
            Self::Short { colour } => short(&mut line, entry, colour),
            Self::Common => common(&mut line, entry),
            Self::Combined => combined(&mut line, entry),
            Self::Json => json(&mut line, entry),
        };
        written.expect("writing to a String never fails");
        line
    }

    /// A message's line: short like an access line, a JSON object, or with its module:
    /// `2026-11-23T01:02:03Z WARN  httpd::net: message`.
    pub(super) fn message(self, record: &Record<'_>, now: SystemTime) -> String {
        let (level, target, message) = (record.level(), record.target(), record.args().to_string());
        let (date, printable) = (Date::clamped(now), printable(&message));
        match self {
            Self::Short { colour } => {
                let (on, off) = if colour { (level_colour(level), RESET) } else { ("", "") };
                format!("{} {on}{level:<5}{off} {printable}", date.time_of_day())
            }
            Self::Common | Self::Combined => {
                format!("{} {level:<5} {target}: {printable}", date.rfc3339())
            }
            Self::Json => {
                let [target, message] = [target, &message].map(|it| json_text(Some(it.as_bytes())));
                let (time, name) = (rfc3339_millis(now), level.as_str().to_lowercase());
                let start = format!(r#"{{"time":"{time}","level":"{name}""#);
                format!(r#"{start},"target":{target},"message":{message}}}"#)
            }
        }
    }
}

/// The bytes, or their start and a mark if there are too many.
fn cut(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.len() <= CLIENT_BYTES_MAX {
        return bytes.into();
    }
    [&bytes[..CLIENT_BYTES_MAX], CUT_MARK].concat().into()
}

/// `%h %l %u %t "%r" %>s %b` of Apache's `mod_log_config`, which writes `-` for an absent value.
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

/// Time of day, client, user if there is one, method and target, status, bytes, duration; last, a
/// failure and its cause.
fn short(out: &mut String, entry: &Entry<'_>, colour: bool) -> fmt::Result {
    let Entry { status, bytes_sent, .. } = entry;
    let [dim, class, yellow, off] = [DIM, class_colour(*status), YELLOW, RESET]
        .map(|sequence| if colour { sequence } else { "" });
    let time_of_day = Date::clamped(entry.time).time_of_day();
    write!(out, "{dim}{time_of_day}{off} {} ", entry.client.to_canonical())?;
    if let Some(name) = entry.user {
        write!(out, "{} ", user(name))?;
    }
    let line = cut(entry.request_line);
    match request_words(&line).as_deref() {
        Some([method, target, ..]) => write!(out, "{} {}", Escaped(method), Escaped(target))?,
        _ if line.is_empty() => out.write_str("-")?,
        _ => write!(out, "{}", Escaped(&line))?,
    }
    write!(out, " {class}{status}{off} {bytes_sent} {}", Human(entry.duration))?;
    match entry.outcome.words() {
        (_, None) => Ok(()),
        (name, Some(cause)) => write!(out, " {yellow}{name} {cause}{off}"),
    }
}

/// One object, always with the same members in the same order; unknown values are `null`.
fn json(out: &mut String, entry: &Entry<'_>) -> fmt::Result {
    let line = cut(entry.request_line);
    let words = request_words(&line);
    let word = |at: usize| words.as_ref().and_then(|words| words.get(at)).copied();
    // The whole line, but only if it could not be split into words.
    let request = words.is_none().then_some(&line[..]);
    let (outcome, cause) = entry.outcome.words();
    let text = |bytes: Option<&[u8]>| json_text(bytes.map(cut).as_deref());
    write!(out, "{{\"time\":\"{}\"", rfc3339_millis(entry.time))?;
    write!(out, ",\"client\":\"{}\"", entry.client.to_canonical())?;
    write!(out, ",\"user\":{}", text(entry.user.map(str::as_bytes)))?;
    write!(out, ",\"method\":{}", text(word(0)))?;
    write!(out, ",\"target\":{}", text(word(1)))?;
    write!(out, ",\"protocol\":{}", text(word(2)))?;
    write!(out, ",\"request\":{}", text(request))?;
    write!(out, ",\"status\":{}", entry.status)?;
    write!(out, ",\"bytes_sent\":{}", entry.bytes_sent)?;
    write!(out, ",\"referer\":{}", text(entry.referer))?;
    write!(out, ",\"user_agent\":{}", text(entry.user_agent))?;
    write!(out, ",\"duration_us\":{}", entry.duration.as_micros())?;
    write!(out, ",\"outcome\":\"{outcome}\"")?;
    write!(out, ",\"cause\":{}}}", text(cause.map(str::as_bytes)))
}

/// Bytes as a JSON string, or `null`.
fn json_text(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    let mut text = String::new();
    write_json_string(&mut text, &String::from_utf8_lossy(bytes))
        .expect("writing to a String never fails");
    text
}

/// A time in RFC 3339 with milliseconds: `1994-11-06T08:49:37.250Z`.
fn rfc3339_millis(moment: SystemTime) -> String {
    let seconds = Date::clamped(moment).rfc3339();
    let millis = moment.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_millis();
    format!("{}.{millis:03}Z", seconds.trim_end_matches('Z'))
}

/// Method, target and protocol of a request line of two or three words, separated by single spaces.
fn request_words(line: &[u8]) -> Option<Vec<&[u8]>> {
    let words: Vec<_> = line.splitn(4, |&byte| byte == b' ').collect();
    let is_whole = match words[..] {
        [_, _] => true,
        [_, _, protocol] => protocol.starts_with(b"HTTP/"),
        _ => false,
    };
    (is_whole && words.iter().all(|word| !word.is_empty())).then_some(words)
}

fn or_dash(bytes: Option<&[u8]>) -> Escaped<'_> {
    Escaped(bytes.unwrap_or(b"-"))
}

/// A user's name as one word. Apache would keep its spaces.
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
        for &byte in &*cut(self.0) {
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

/// The prefix of a message to the journal (sd-daemon(3)).
pub(super) fn priority(level: Level) -> &'static str {
    match level {
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::Error => RED,
        Level::Warn => YELLOW,
        Level::Info => GREEN,
        Level::Debug | Level::Trace => BLUE,
    }
}

/// The text with every character escaped that could begin a line or command the terminal.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c {
        _ if is_unprintable(c) => c.escape_default().to_string(),
        _ => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests;
