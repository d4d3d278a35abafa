//! A message as one line of text: for people on a terminal, for a log that others read, or as JSON.
//!
//! Pure: a record and the time in, a line out, without its newline. Whatever a message quotes, it
//! can neither begin a second line nor command the terminal.

use std::time::SystemTime;

use log::{Level, Record};

use super::format::{BLUE, CYAN, GREEN, RED, RESET, YELLOW};
use super::json::{self, Text};
use crate::http::date::Date;
use crate::text::is_unprintable;

/// How messages look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) form: Form,
    /// Whether each begins with its priority, for the journal: `<4>` (sd-daemon(3)).
    pub(super) has_priority: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `01:02:03Z WARN  message`, in the manner of the short access lines.
    Short {
        /// Whether the level is coloured.
        colour: bool,
    },
    /// `2026-11-23T01:02:03Z WARN  httpd::net: message`.
    Long,
    /// `{"time":...,"level":"warn","target":"httpd::net","message":"message"}`.
    Json,
}

impl Style {
    /// The record's line.
    pub(super) fn line(self, record: &Record<'_>, now: SystemTime) -> String {
        let (level, target, message) = (record.level(), record.target(), record.args().to_string());
        let (priority, name, colour) = look_of(level);
        let (date, printable) = (Date::clamped(now), printable(&message));
        let line = match self.form {
            Form::Short { colour: has_colour } => {
                let (on, off) = if has_colour { (colour, RESET) } else { ("", "") };
                format!("{} {on}{level:<5}{off} {printable}", date.time_of_day())
            }
            Form::Long => format!("{} {level:<5} {target}: {printable}", date.rfc3339()),
            Form::Json => {
                let [target, message] = [target, &message].map(|it| Text(Some(it.as_bytes())));
                let start = format!(r#"{{"time":"{}","level":"{name}""#, json::time(now));
                format!(r#"{start},"target":{target},"message":{message}}}"#)
            }
        };
        if self.has_priority { format!("<{priority}>{line}") } else { line }
    }
}

/// How a level shows: its priority (syslog(3)), its name in JSON, its colour.
fn look_of(level: Level) -> (u8, &'static str, &'static str) {
    match level {
        Level::Error => (3, "error", RED),
        Level::Warn => (4, "warn", YELLOW),
        Level::Info => (6, "info", GREEN),
        Level::Debug => (7, "debug", BLUE),
        Level::Trace => (7, "trace", CYAN),
    }
}

/// The text with whatever could begin a line or command the terminal as an escape.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c {
        _ if is_unprintable(c) => c.escape_default().to_string(),
        _ => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[track_caller]
    fn check_printable(message: &str, want: &str) {
        assert_eq!(printable(message), want);
    }

    #[test]
    fn messages_stay_one_harmless_line() {
        check_printable("cannot open 'a b\u{e4}': \\", "cannot open 'a b\u{e4}': \\");
        check_printable("a\nb\r\t\0", r"a\nb\r\t\u{0}");
        check_printable("\x1b[2J\x7f\u{9b}2J", r"\u{1b}[2J\u{7f}\u{9b}2J");
        check_printable("\u{2028}\u{202e}\u{2066}\u{200f}", r"\u{2028}\u{202e}\u{2066}\u{200f}");
    }

    #[track_caller]
    fn check(form: Form, has_priority: bool, want: &str) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_250);
        let mut record = Record::builder();
        record.level(Level::Warn).target("httpd::net");
        let style = Style { form, has_priority };
        assert_eq!(style.line(&record.args(format_args!("a\n\"b")).build(), now), want);
    }

    #[test]
    fn messages_have_time_level_and_perhaps_their_module() {
        check(Form::Long, false, r#"1994-11-06T08:49:37Z WARN  httpd::net: a\n"b"#);
        check(Form::Short { colour: false }, false, r#"08:49:37Z WARN  a\n"b"#);
        check(Form::Short { colour: true }, false, "08:49:37Z \x1b[33mWARN \x1b[0m a\\n\"b");
        check(Form::Long, true, r#"<4>1994-11-06T08:49:37Z WARN  httpd::net: a\n"b"#);
        let json = r#"{"time":"1994-11-06T08:49:37.250Z","level":"warn","target":"httpd::net","#;
        check(Form::Json, false, &format!(r#"{json}"message":"a\u000a\"b"}}"#));
        check(Form::Json, true, &format!(r#"<4>{json}"message":"a\u000a\"b"}}"#));
    }
}
