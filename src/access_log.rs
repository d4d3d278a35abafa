//! The access log: one line for each response, and the threads that write lines and messages.
//!
//! `entry` is what is known of a response, and why it failed; `format` and `json` turn it into a
//! line and are pure, as is `message` for messages; `logger` hands both to `writer`, whose threads
//! write them, one for each place; `standard_error` is what that is, and `status_lines` what stands
//! below the last line on a terminal. Whatever a client sends, a line stays one line of printable
//! text. Nothing in this module may panic, or make a thread wait that serves.

mod entry;
mod format;
mod json;
mod logger;
mod message;
mod standard_error;
mod status_lines;
mod writer;

pub(crate) use entry::{Entry, Outcome};
pub(crate) use format::{Escaped, Format};
pub(crate) use logger::{Logger, install};
pub(crate) use standard_error::{
    Size, has_status_lines, size, takes_colour, terminal_takes_colour,
};
pub(crate) use status_lines::Source;
pub(crate) use writer::Queue;

/// Hands the entry's line over, if access lines are wanted. It waits for nothing.
pub(crate) fn record(format: Format, colour: bool, entry: &Entry<'_>) {
    if log::log_enabled!(target: logger::TARGET, log::Level::Info) {
        log::info!(target: logger::TARGET, "{}", format.line(entry, colour));
    }
}
