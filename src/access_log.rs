//! The access log: one line per response, and the threads that write lines and messages.
//!
//! An [`Entry`] describes a response and the cause of a failure. `format` turns entries and
//! messages into lines, and is pure. `logger` queues them for `writer`, which has one thread per
//! place. `terminal` knows what standard error is, and draws the status lines below the log. A line
//! stays one line of printable text whatever a client sends, since bytes are escaped in the last
//! step before writing. Nothing in this module may panic or make a serving thread wait.

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

/// A response that has ended, as the log describes it.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// The client. An IPv4 address that came over an IPv6 socket is shown as IPv4.
    pub(crate) client: IpAddr,
    /// The verified user: a name from the password file.
    pub(crate) user: Option<&'a str>,
    /// When the head of the request was complete, or the wait for it ended.
    pub(crate) time: SystemTime,
    /// The first line, without its line end; empty if there was none.
    pub(crate) request_line: &'a [u8],
    /// The status code of the response.
    pub(crate) status: u16,
    /// The bytes of the body that were sent.
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

/// How a response ended, and the cause if it failed: a word in kebab case, such as `encoded-slash`.
/// The table in `docs/running.md` has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every byte was handed to the system.
    Complete,
    /// The client closed or reset the connection before the end.
    ClientGone(&'static str),
    /// Fewer bytes than promised: a file shrank, changed or could not be read.
    Truncated(&'static str),
    /// A deadline passed: the request's, or the stall limit of a client that took nothing.
    TimedOut(&'static str),
    /// The server ended it: others waited for its slot, or the server stopped.
    Evicted(&'static str),
    /// The request was malformed, or could not be served for now.
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

/// Queues the entry's line, if access lines are enabled. Never waits.
pub(crate) fn record(format: Format, entry: &Entry<'_>) {
    if log::log_enabled!(target: logger::TARGET, log::Level::Info) {
        log::info!(target: logger::TARGET, "{}", format.line(entry));
    }
}
