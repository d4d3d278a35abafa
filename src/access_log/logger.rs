//! The process's logger: access lines go to their file, messages to standard error.
//!
//! `env_logger` selects by `RUST_LOG`. Selected lines go to the queues of `writer`, whose threads
//! start once the process has restricted itself; until then, lines wait there. Nothing here uses
//! `eprintln!`, which waits for its reader and panics if that has gone.

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::SystemTime;

use log::{LevelFilter, Metadata, Record};

use super::format::{self, Format};
use super::terminal::{self, Source};
use super::writer::Queue;

/// The `log` target of access lines; everything else is logged under its module's name.
pub(super) const TARGET: &str = "access";

/// The logger, and the queues of the threads that write.
#[derive(Debug)]
pub(crate) struct Logger {
    /// Selects records; writes none itself.
    filter: env_logger::Logger,
    /// The format of messages.
    format: Format,
    is_journal: bool,
    pub(crate) standard_error: Arc<Queue>,
    log_file: Option<Arc<Queue>>,
}

/// Installs the process's logger, for messages of at least this level, and for access lines in this
/// format unless `access` is off; `RUST_LOG` overrides both. Access lines go to the log file, if
/// there is one. Fails if there is a logger already.
pub(crate) fn install(
    level: LevelFilter,
    access: LevelFilter,
    format: Format,
    log_file: Option<Arc<Queue>>,
) -> io::Result<Arc<Logger>> {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).filter_module(TARGET, access);
    let filters = env::var("RUST_LOG").unwrap_or_default();
    let malformed = malformed_filter(&filters);
    if malformed.is_none() {
        builder.parse_filters(&filters);
    }
    let filter = builder.build();
    let format = match format {
        Format::Json => Format::Json,
        _ if io::stderr().is_terminal() => {
            Format::Short { colour: terminal::takes_colour(&io::stderr()) }
        }
        _ => Format::Combined,
    };
    log::set_max_level(filter.filter());
    let (is_journal, standard_error) = (terminal::is_journal(), Queue::open(None)?);
    let logger = Arc::new(Logger { filter, format, is_journal, standard_error, log_file });
    log::set_boxed_logger(Box::new(Arc::clone(&logger))).map_err(io::Error::other)?;
    if let Some(part) = malformed {
        log::warn!("RUST_LOG is ignored: {part:?} is not a level, a module or module=level");
    }
    Ok(logger)
}

/// The part of `RUST_LOG` that `env_logger` would complain about with `eprintln!`: a second text to
/// search for (`/text`), or a directive other than `level`, `module` or `module=level`.
fn malformed_filter(filters: &str) -> Option<&str> {
    let (directives, text) = filters.split_once('/').unwrap_or((filters, ""));
    let malformed = |directive: &&str| {
        directive.trim().split_once('=').is_some_and(|(_, level)| {
            !level.trim().is_empty() && level.trim().parse::<LevelFilter>().is_err()
        })
    };
    if text.contains('/') { Some(filters) } else { directives.split(',').find(malformed) }
}

impl Logger {
    /// Starts the threads: one for standard error, with these status lines below the log, and one
    /// for the file.
    pub(crate) fn start(&self, status_lines: Option<Source>) -> io::Result<()> {
        self.standard_error.start(status_lines)?;
        self.log_file.iter().try_for_each(|file| file.start(None))
    }

    /// Reopens the log file, if there is one.
    pub(crate) fn reopen(&self) {
        self.log_file.iter().for_each(|file| file.reopen());
    }

    /// Ends the log file. Returns the number of lines lost, there and on standard error.
    pub(crate) fn close_file(&self) -> u64 {
        self.log_file.iter().for_each(|file| file.close());
        self.standard_error.lost() + self.log_file.as_ref().map_or(0, |file| file.lost())
    }
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.filter.matches(record) {
            return;
        }
        if record.target() != TARGET {
            let line = self.format.message(record, SystemTime::now());
            let priority = if self.is_journal { format::priority(record.level()) } else { "" };
            return self.standard_error.hand_over(&format!("{priority}{line}"));
        }
        let queue = self.log_file.as_ref().unwrap_or(&self.standard_error);
        queue.hand_over(&record.args().to_string());
    }

    /// Gives the threads a second to write all queued lines, and ends them. If the program failed
    /// to start, they are started first.
    fn flush(&self) {
        if self.start(None).is_ok() {
            self.close_file();
            self.standard_error.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_filters_are_found() {
        for well_formed in [" httpd::net = trace ,warn, , access=off", "httpd=", "info/GET"] {
            assert_eq!(malformed_filter(well_formed), None, "{well_formed:?}");
        }
        for malformed in ["httpd=loud", "httpd=info=debug", "info/GET/POST"] {
            assert_eq!(malformed_filter(malformed), Some(malformed));
        }
        assert_eq!(malformed_filter("info,a=b"), Some("a=b"));
    }
}
