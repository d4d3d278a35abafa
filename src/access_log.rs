//! The access log: one line for each response, and the threads that write lines and messages.
//!
//! Here is what is known of a response, and why it failed; `format` turns it into a line, and
//! messages too, and is pure; `logger` hands both to `writer`, whose threads write them, one for
//! each place; `terminal` is what standard error is, and what stands below the last line there.
//! Whatever a client sends, a line stays one line of printable text: bytes are escaped in the last
//! step before writing. Nothing in this module may panic, or make a thread wait that serves.

mod format;
mod logger;
mod terminal;
mod writer;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

pub(crate) use format::{Escaped, Format};
pub(crate) use logger::{Logger, install};
pub(crate) use terminal::{Size, Source, has_status_lines, size, takes_colour};
pub(crate) use writer::Queue;

/// What is known of a response when it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// Whose request it was. An IPv4 address that came over an IPv6 socket is shown as IPv4.
    pub(crate) client: IpAddr,
    /// Who asks, where a password showed it: a name from the password file.
    pub(crate) user: Option<&'a str>,
    /// When the head of the request had come, or the wait for it ended.
    pub(crate) time: SystemTime,
    /// The first line, without its line end; empty where none could be read.
    pub(crate) request_line: &'a [u8],
    /// The status code of the response.
    pub(crate) status: u16,
    /// The bytes of the body that were really sent.
    pub(crate) bytes_sent: u64,
    /// The Referer field.
    pub(crate) referer: Option<&'a [u8]>,
    /// The User-Agent field.
    pub(crate) user_agent: Option<&'a [u8]>,
    /// From the accepted connection to the end of the response.
    pub(crate) duration: Duration,
    /// How it ended.
    pub(crate) outcome: Outcome,
}

/// How a response ended, and why, where that was not well: in a word in kebab case, such as
/// `encoded-slash`. The table in `docs/running.md` has each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every byte was handed to the system.
    Complete,
    /// The client closed or reset the connection before the end.
    ClientGone(&'static str),
    /// Fewer bytes than promised: a file shrank, changed or could not be read.
    Truncated(&'static str),
    /// A deadline passed: the request's, or the client took nothing for too long.
    TimedOut(&'static str),
    /// The server ended it: others waited for its slot, or the server stopped.
    Evicted(&'static str),
    /// The request was malformed, or it could not be served for now.
    Refused(&'static str),
}

impl Outcome {
    /// The outcome's word in the log, and the one for its cause.
    pub(crate) fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Complete => ("complete", None),
            Self::ClientGone(cause) => ("client-gone", Some(cause)),
            Self::Truncated(cause) => ("truncated", Some(cause)),
            Self::TimedOut(cause) => ("timed-out", Some(cause)),
            Self::Evicted(cause) => ("evicted", Some(cause)),
            Self::Refused(cause) => ("refused", Some(cause)),
        }
    }
}

/// Hands the entry's line over, if access lines are wanted. It waits for nothing.
pub(crate) fn record(format: Format, entry: &Entry<'_>) {
    if log::log_enabled!(target: logger::TARGET, log::Level::Info) {
        log::info!(target: logger::TARGET, "{}", format.line(entry));
    }
}
