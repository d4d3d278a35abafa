//! The access log: one line for each response, and the places that lines and messages go to.
//!
//! `entry` is what is known of a response; `format` and `json` turn it into a line and are pure, as
//! is `message` for messages; `logger` hands both to their places; `sink` writes lines and survives
//! a full disk or a closed pipe, `standard_error` also one that blocks, and `footer` is what stands
//! below the last line on a terminal. Whatever a client sends, a
//! line stays one line of printable text. Nothing in this module may panic or stop serving.

mod entry;
mod footer;
mod format;
mod json;
mod logger;
mod message;
mod sink;
mod standard_error;

pub(crate) use entry::{Entry, Outcome};
pub(crate) use format::{Escaped, Format};
pub(crate) use logger::{
    LoggerOptions, install, standard_error_has_footer, standard_error_takes_colour,
    terminal_takes_colour,
};
pub(crate) use sink::LogFile;
pub(crate) use standard_error::{Size, StandardError};

/// Hands the entry's line to the logger, if access lines are wanted.
pub(crate) fn record(format: Format, colour: bool, entry: &Entry<'_>) {
    if log::log_enabled!(target: logger::TARGET, log::Level::Info) {
        log::info!(target: logger::TARGET, "{}", format.line(entry, colour));
    }
}
