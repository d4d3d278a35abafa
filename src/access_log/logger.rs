//! The process's logger: access lines go to their file, messages to standard error.
//!
//! `env_logger` selects by `RUST_LOG`. A standard error that is closed, full or blocked costs
//! lines, never the process, and no thread more than a moment: so nothing here uses `eprintln!`,
//! which panics in the first two cases and waits in the third.

use std::env;
use std::ffi::OsStr;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::SystemTime;

use log::{LevelFilter, Log, Metadata, Record};

use super::message::{self, Style};
use super::sink::{LogFile, Notice};
use super::standard_error::StandardError;
use crate::http::date::Date;

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
    /// Which records are wanted; it writes none itself.
    filter: env_logger::Logger,
    /// How messages look.
    style: Style,
    log_file: Option<Arc<LogFile>>,
    standard_error: Arc<StandardError>,
}

/// Makes this the process's logger, and gives the standard error that it writes to. It is an error
/// if there is one already.
pub(crate) fn install(options: LoggerOptions) -> io::Result<Arc<StandardError>> {
    let mut builder = env_logger::Builder::new();
    let access = if options.access { LevelFilter::Info } else { LevelFilter::Off };
    builder.filter_level(options.level).filter_module(TARGET, access);
    let filters = env::var("RUST_LOG").unwrap_or_default();
    let malformed = malformed_filter(&filters);
    if malformed.is_none() {
        builder.parse_filters(&filters);
    }
    let filter = builder.build();
    let level = filter.filter();
    let style =
        Style { is_short: io::stderr().is_terminal(), colour: standard_error_takes_colour() };
    let standard_error = Arc::new(StandardError::open()?);
    let logger = Logger {
        filter,
        style,
        log_file: options.log_file,
        standard_error: Arc::clone(&standard_error),
    };
    log::set_boxed_logger(Box::new(logger)).map_err(io::Error::other)?;
    log::set_max_level(level);
    if let Some(part) = malformed {
        log::warn!("RUST_LOG is ignored: {part:?} is not a level, a module or module=level");
    }
    Ok(standard_error)
}

/// Whether standard error is a terminal whose user takes colours.
#[must_use]
pub(crate) fn standard_error_takes_colour() -> bool {
    io::stderr().is_terminal() && terminal_takes_colour()
}

/// Whether the terminal's user takes colours (<https://no-color.org/>), if there is a terminal.
#[must_use]
pub(crate) fn terminal_takes_colour() -> bool {
    let (no_color, terminal) = (env::var_os("NO_COLOR"), env::var_os("TERM"));
    colour_wanted(no_color.as_deref(), terminal.as_deref())
}

/// Whether standard error is a terminal whose cursor can be moved: then lines can stand below the
/// log.
#[must_use]
pub(crate) fn standard_error_has_footer() -> bool {
    let terminal = env::var_os("TERM");
    io::stderr().is_terminal() && moves_its_cursor(terminal.as_deref())
}

fn moves_its_cursor(terminal: Option<&OsStr>) -> bool {
    terminal.is_some_and(|name| !name.is_empty() && name != "dumb")
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

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.filter.matches(record) {
            return;
        }
        // A notice about a line is logged when no lock is held any more.
        if record.target() != TARGET {
            let now = Date::clamped(SystemTime::now());
            self.write_standard_error(&message::line(record, now, self.style));
            return;
        }
        let line = record.args().to_string();
        match &self.log_file {
            Some(file) => report_file(file, file.write(&line)),
            None => self.write_standard_error(&line),
        }
    }

    fn flush(&self) {}
}

impl Logger {
    fn write_standard_error(&self, line: &str) {
        // While it fails, there is no place left to report that.
        if let Some(Notice::Recovered { lost }) = self.standard_error.write(line) {
            log::warn!("standard error can be written again; lines lost: {lost}");
        }
    }
}

fn report_file(file: &LogFile, notice: Option<Notice>) {
    let path = file.path().display();
    match notice {
        None => {}
        Some(Notice::Failing(error)) => {
            log::error!("access lines are lost: {path} cannot be written: {error}");
        }
        Some(Notice::Recovered { lost }) => {
            log::warn!("{path} can be written again; access lines lost: {lost}");
        }
    }
}

#[cfg(test)]
mod tests;
