//! The process's logger: access lines bare to their place, all other messages to standard error.
//!
//! `env_logger` chooses by `RUST_LOG`, colours on a terminal and writes the messages; access lines
//! go through `sink`. A standard error that is closed or full costs lines, never the process:
//! nothing here uses `eprintln!`, which panics then.

use std::env;
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use env_logger::fmt::Formatter;
use log::{LevelFilter, Log, Metadata, Record};

use super::sink::{Lines, LogFile, Notice};
use super::{TARGET, is_unprintable};
use crate::http::date::Date;

/// What the logger writes, and where.
#[derive(Clone, Debug)]
pub struct LoggerOptions {
    /// The least severe messages that are written; `RUST_LOG` has the last word.
    pub level: LevelFilter,
    /// Whether access lines are written; `RUST_LOG` has the last word here too (`access=off`).
    pub access: bool,
    /// Where access lines go; standard error without it.
    pub log_file: Option<Arc<LogFile>>,
}

struct Logger {
    /// Filters every record, and writes those that are no access lines.
    messages: env_logger::Logger,
    log_file: Option<Arc<LogFile>>,
    standard_error: Mutex<Lines<io::Stderr>>,
}

/// A message with every character escaped that could begin a line, command a terminal or reorder
/// the text (Unicode's bidirectional controls).
struct Printable<'a>(&'a str);

/// Makes this the process's logger; an error says that there is one already.
pub fn install(options: LoggerOptions) -> io::Result<()> {
    let mut builder = env_logger::Builder::new();
    let access = if options.access { LevelFilter::Info } else { LevelFilter::Off };
    let is_terminal = io::stderr().is_terminal();
    let write = if is_terminal { write_message_for_eyes } else { write_message };
    builder.format(write).filter_level(options.level).filter_module(TARGET, access);
    let filters = env::var("RUST_LOG").unwrap_or_default();
    let malformed = malformed_filter(&filters);
    if malformed.is_none() {
        builder.parse_filters(&filters);
    }
    let messages = builder.build();
    let level = messages.filter();
    let standard_error = Mutex::new(Lines::new(io::stderr()));
    let logger = Logger { messages, log_file: options.log_file, standard_error };
    log::set_boxed_logger(Box::new(logger)).map_err(io::Error::other)?;
    log::set_max_level(level);
    if let Some(part) = malformed {
        log::warn!("RUST_LOG is ignored: {part:?} is not a level, a module or module=level");
    }
    Ok(())
}

/// Whether standard error is a terminal that wants colours (<https://no-color.org/>).
#[must_use]
pub fn standard_error_takes_colour() -> bool {
    let (no_color, terminal) = (env::var_os("NO_COLOR"), env::var_os("TERM"));
    io::stderr().is_terminal() && colour_wanted(no_color.as_deref(), terminal.as_deref())
}

fn colour_wanted(no_color: Option<&OsStr>, terminal: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty) && terminal.is_none_or(|name| name != "dumb")
}

/// The part of `RUST_LOG` that `env_logger` would complain about with `eprintln!`: more than one
/// text to look for (`/text`), or a directive that is not `level`, `module` or `module=level`.
fn malformed_filter(filters: &str) -> Option<&str> {
    let (directives, text) = filters.split_once('/').unwrap_or((filters, ""));
    let malformed = |directive: &&str| {
        directive.trim().split_once('=').is_some_and(|(_, level)| {
            !level.trim().is_empty() && level.trim().parse::<LevelFilter>().is_err()
        })
    };
    if text.contains('/') { Some(filters) } else { directives.split(',').find(malformed) }
}

/// `2026-11-23T01:02:03Z WARN  httpd::net: message`, the level coloured where colours are on.
fn write_message(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = Date::clamped(SystemTime::now()).rfc3339();
    let (level, target) = (record.level(), record.target());
    let style = out.default_level_style(level);
    let message = record.args().to_string();
    writeln!(out, "{time} {style}{level:<5}{style:#} {target}: {}", Printable(&message))
}

/// `01:02:03 WARN  message`, in the manner of the short access lines.
fn write_message_for_eyes(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let time = Date::clamped(SystemTime::now()).time_of_day();
    let level = record.level();
    let style = out.default_level_style(level);
    let message = record.args().to_string();
    writeln!(out, "{time} {style}{level:<5}{style:#} {}", Printable(&message))
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.messages.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if record.target() != TARGET {
            self.messages.log(record);
        } else if self.messages.matches(record) {
            self.write_access_line(&record.args().to_string());
        }
    }

    fn flush(&self) {}
}

impl Logger {
    /// Writes the line; what must be said of it is logged when no lock is held any more.
    fn write_access_line(&self, line: &str) {
        let notice = match &self.log_file {
            Some(file) => file.write(line),
            None => self.write_standard_error(line),
        };
        if let Some(notice) = notice {
            self.say(&notice);
        }
    }

    fn say(&self, notice: &Notice) {
        let file = self.log_file.as_ref().map(|file| file.path().display().to_string());
        let place = file.as_deref().unwrap_or("standard error");
        match notice {
            Notice::Failing(error) => {
                log::error!("access lines are lost: {place} cannot be written: {error}");
            }
            Notice::Recovered { lost } => {
                log::warn!("{place} can be written again; access lines lost: {lost}");
            }
        }
    }

    fn write_standard_error(&self, line: &str) -> Option<Notice> {
        self.standard_error.lock().unwrap_or_else(PoisonError::into_inner).write(line)
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
    use crate::access_log::{Entry, Format, Outcome, record};
    use std::net::{IpAddr, Ipv4Addr};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    /// Where the process of [`in_a_process_of_its_own`] puts its access lines.
    const PLACE: &str = "HTTPD_TEST_ACCESS_LOG";
    /// Whether that process is quiet.
    const QUIET: &str = "HTTPD_TEST_QUIET";

    #[track_caller]
    fn check_filter(filters: &str, want: Option<&str>) {
        assert_eq!(malformed_filter(filters), want, "{filters:?}");
    }

    #[test]
    fn malformed_filters_are_found() {
        check_filter("", None);
        check_filter("debug", None);
        check_filter("httpd", None);
        check_filter(" httpd::net = trace ,warn, , access=off", None);
        check_filter("httpd=", None);
        check_filter("info/GET", None);
        check_filter("httpd=loud", Some("httpd=loud"));
        check_filter("info,httpd=info=debug", Some("httpd=info=debug"));
        check_filter("info/a/b", Some("info/a/b"));
    }

    #[track_caller]
    fn check_colour(no_color: Option<&str>, terminal: Option<&str>, want: bool) {
        assert_eq!(colour_wanted(no_color.map(OsStr::new), terminal.map(OsStr::new)), want);
    }

    #[test]
    fn colours_can_be_refused() {
        check_colour(None, Some("xterm"), true);
        check_colour(Some(""), None, true);
        check_colour(Some("1"), Some("xterm"), false);
        check_colour(Some("0"), None, false);
        check_colour(None, Some("dumb"), false);
    }

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

    /// Not a test by itself: the logger belongs to a process, so the tests below start this one.
    #[test]
    #[ignore = "started by other tests, with a standard error of their choice"]
    fn in_a_process_of_its_own() {
        let Some(place) = env::var_os(PLACE) else { return };
        let log_file = (!place.is_empty()).then(|| LogFile::open(Path::new(&place)).unwrap());
        let access = env::var_os(QUIET).is_none();
        install(LoggerOptions { level: LevelFilter::Info, access, log_file }).unwrap();
        let entry = Entry {
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            time: SystemTime::UNIX_EPOCH,
            request_line: b"GET / HTTP/1.0",
            status: 200,
            bytes_sent: 5,
            referer: None,
            user_agent: None,
            duration: Duration::from_micros(350),
            outcome: Outcome::Complete,
        };
        record(Format::Short, false, &entry);
        log::warn!(target: "httpd::net", "first\nsecond");
        log::debug!(target: "httpd::net", "too fine");
        record(Format::Short, false, &entry);
    }

    /// Runs that process; what it wrote on standard error, times replaced by `TIME`.
    fn run(place: &Path, variables: &[(&str, &str)], standard_error: Stdio) -> String {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "access_log::logger::tests::in_a_process_of_its_own"])
            // Captured, an `eprintln!` would not reach the standard error that is tried here.
            .args(["--ignored", "--nocapture"])
            .env_clear()
            .env(PLACE, place)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(standard_error)
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .unwrap();
        let (out, err) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
        let (out, err) = (out.unwrap(), err.unwrap());
        assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
        err.lines().map(without_time).collect()
    }

    /// Messages start with `2026-11-23T01:02:03Z`.
    fn without_time(line: &str) -> String {
        match line.split_once("Z ") {
            Some((time, rest)) if time.len() == 19 => format!("TIME {rest}\n"),
            _ => format!("{line}\n"),
        }
    }

    const ACCESS: &str = "00:00:00 127.0.0.1 GET / 200 5 350us\n";
    const WARNING: &str = "TIME WARN  httpd::net: first\\nsecond\n";

    #[track_caller]
    fn check_standard_error(variables: &[(&str, &str)], want: &str) {
        assert_eq!(run(Path::new(""), variables, Stdio::piped()), want, "{variables:?}");
    }

    #[test]
    fn rust_log_and_quiet_choose_what_is_written() {
        check_standard_error(&[], &format!("{ACCESS}{WARNING}{ACCESS}"));
        check_standard_error(&[(QUIET, "1")], WARNING);
        check_standard_error(&[("RUST_LOG", "error")], &format!("{ACCESS}{ACCESS}"));
        check_standard_error(&[("RUST_LOG", "access=off")], WARNING);
        check_standard_error(&[("RUST_LOG", "off,access=off")], "");
        check_standard_error(&[("RUST_LOG", "info/first")], WARNING);
        let debug = "TIME DEBUG httpd::net: too fine\n";
        let fine = format!("{ACCESS}{WARNING}{debug}{ACCESS}");
        check_standard_error(&[("RUST_LOG", "httpd=debug")], &fine);
        let ignored = "TIME WARN  httpd::access_log::logger: RUST_LOG is ignored: \
                       \"a=loud\" is not a level, a module or module=level\n";
        let unchanged = format!("{ignored}{ACCESS}{WARNING}{ACCESS}");
        check_standard_error(&[("RUST_LOG", "off,a=loud")], &unchanged);
    }

    #[test]
    fn access_lines_go_to_the_file_and_messages_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access log");
        assert_eq!(run(&path, &[], Stdio::piped()), WARNING);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{ACCESS}{ACCESS}"));
    }

    #[test]
    fn a_full_disk_is_said_once() {
        let lost = "TIME ERROR httpd::access_log::logger: access lines are lost: \
                    /dev/full cannot be written: No space left on device (os error 28)\n";
        assert_eq!(run(Path::new("/dev/full"), &[], Stdio::piped()), format!("{lost}{WARNING}"));
    }

    /// `run` itself asserts that the process ends well.
    #[test]
    fn a_closed_or_full_standard_error_stops_nothing() {
        let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
        let closed = || std::io::pipe().unwrap().1;
        let malformed = [("RUST_LOG", "a=loud/b/c")];
        for place in ["", "/dev/full"] {
            run(Path::new(place), &malformed, full().into());
            run(Path::new(place), &malformed, closed().into());
        }
    }
}
