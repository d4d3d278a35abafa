//! A message as one line of text: for people on a terminal, or for a log that others read.
//!
//! Pure: a record and the time in, a line out, without its newline. Whatever a message quotes, it
//! can neither begin a second line nor command the terminal.

use std::fmt::{self, Write as _};

use log::{Level, Record};

use super::format::{BLUE, CYAN, GREEN, RED, RESET, YELLOW};
use crate::http::date::Date;
use crate::text::is_unprintable;

/// How messages look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Time of day, level and text, in the manner of the short access lines; otherwise also the
    /// date and the module.
    pub(super) is_short: bool,
    /// Whether the level is coloured.
    pub(super) colour: bool,
}

/// A message with every character escaped that could begin a line, command a terminal or reorder
/// the text (Unicode's bidirectional controls).
struct Printable<'a>(&'a str);

/// `2026-11-23T01:02:03Z WARN  httpd::net: message`, or `01:02:03Z WARN  message`.
pub(super) fn line(record: &Record<'_>, now: Date, style: Style) -> String {
    let level = record.level();
    let (on, off) = if style.colour { (colour_of(level), RESET) } else { ("", "") };
    let message = record.args().to_string();
    let message = Printable(&message);
    if style.is_short {
        return format!("{} {on}{level:<5}{off} {message}", now.time_of_day());
    }
    format!("{} {on}{level:<5}{off} {}: {message}", now.rfc3339(), record.target())
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::Error => RED,
        Level::Warn => YELLOW,
        Level::Info => GREEN,
        Level::Debug => BLUE,
        Level::Trace => CYAN,
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                _ if is_unprintable(character) => write!(out, "{}", character.escape_default())?,
                _ => out.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_printable(message: &str, want: &str) {
        assert_eq!(Printable(message).to_string(), want);
    }

    #[test]
    fn messages_stay_one_harmless_line() {
        check_printable("cannot open 'a b\u{e4}': \\", "cannot open 'a b\u{e4}': \\");
        check_printable("a\nb\r\t\0", r"a\nb\r\t\u{0}");
        check_printable("\x1b[2J\x7f\u{9b}2J", r"\u{1b}[2J\u{7f}\u{9b}2J");
        check_printable("\u{2028}\u{202e}\u{2066}\u{200f}", r"\u{2028}\u{202e}\u{2066}\u{200f}");
    }

    #[track_caller]
    fn check(is_short: bool, colour: bool, want: &str) {
        let now = Date::from_unix(784_111_777).unwrap();
        let mut record = Record::builder();
        record.level(Level::Warn).target("httpd::net");
        let got = line(&record.args(format_args!("a\nb")).build(), now, Style { is_short, colour });
        assert_eq!(got, want);
    }

    #[test]
    fn messages_have_time_level_and_perhaps_their_module() {
        check(false, false, r"1994-11-06T08:49:37Z WARN  httpd::net: a\nb");
        check(true, false, r"08:49:37Z WARN  a\nb");
        check(true, true, "08:49:37Z \x1b[33mWARN \x1b[0m a\\nb");
    }
}
