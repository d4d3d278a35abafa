//! The process's logger: access lines go unprefixed to their file, messages to standard error.
//!
//! `env_logger` selects by `RUST_LOG`, colours on a terminal and writes the messages; access lines
//! go through `sink`. A standard error that is closed or full costs lines, never the process:
//! nothing here uses `eprintln!`, which panics then.

use std::env;
use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use env_logger::fmt::Formatter;
use log::{LevelFilter, Log, Metadata, Record};

use super::sink::{Lines, LogFile, Notice};
use crate::http::date::Date;
use crate::lock::lock;
use crate::text::is_unprintable;

/// The `log` target of access lines; everything else is logged under its module's name.
pub(super) const TARGET: &str = "access";

/// What the logger writes, and where.
#[derive(Clone, Debug)]
pub(crate) struct LoggerOptions {
    /// The least severe messages that are written; `RUST_LOG` overrides it.
    pub(crate) level: LevelFilter,
    /// Whether access lines are written; `RUST_LOG` overrides this too (`access=off`).
    pub(crate) access: bool,
    /// Where access lines go; standard error without it.
    pub(crate) log_file: Option<Arc<LogFile>>,
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

/// Makes this the process's logger. It is an error if there is one already.
pub(crate) fn install(options: LoggerOptions) -> io::Result<()> {
    let mut builder = env_logger::Builder::new();
    let access = if options.access { LevelFilter::Info } else { LevelFilter::Off };
    let is_terminal = io::stderr().is_terminal();
    let write = if is_terminal { write_message_for_people } else { write_message };
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

/// Whether standard error is a terminal whose user takes colours (<https://no-color.org/>).
#[must_use]
pub(crate) fn standard_error_takes_colour() -> bool {
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
fn write_message_for_people(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
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
    /// Writes the line. A notice about it is logged when no lock is held any more.
    fn write_access_line(&self, line: &str) {
        let notice = match &self.log_file {
            Some(file) => file.write(line),
            None => self.write_standard_error(line),
        };
        if let Some(notice) = notice {
            self.report(&notice);
        }
    }

    fn report(&self, notice: &Notice) {
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
        lock(&self.standard_error).write(line)
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
mod tests;
