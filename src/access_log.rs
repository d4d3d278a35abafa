//! One line for each response: what is said of it, in which form, and where the line goes.
//!
//! `format` and `json` turn an [`Entry`] into a line and are pure; `logger` hands lines and
//! messages to their places; `sink` writes lines and survives a full disk or a closed pipe.
//! Whatever a client sends, a line stays one line of printable text: bytes are escaped here, in the
//! last step before writing, and nowhere else. Nothing in this module may panic or stop serving.

mod format;
mod json;
mod logger;
mod sink;

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

pub(crate) use logger::{LoggerOptions, install, standard_error_takes_colour};
pub(crate) use sink::LogFile;

/// The `log` target of access lines; everything else is logged under its module's name.
const TARGET: &str = "access";

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For eyes: `12:01:07 127.0.0.1 GET /a.iso 206 734003200 8.1s`.
    Short,
    /// Apache's Common Log Format.
    Common,
    /// Apache's combined format: common, then Referer and User-Agent.
    Combined,
    /// One JSON object.
    Json,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Every byte was handed to the system.
    Complete,
    /// The client closed or reset the connection before the end.
    ClientGone,
    /// The file shrank under the transfer: fewer bytes than promised.
    Truncated,
    /// A deadline passed: the request's, or the client took nothing for too long.
    TimedOut,
    /// The seat was given to a newcomer.
    Evicted,
    /// The request was turned away before it was understood.
    Refused,
}

/// What is known of a response when it has ended. The bytes are as the client sent them.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// Whose request it was.
    pub(crate) client: IpAddr,
    /// When the request came.
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

/// Hands the entry's line to the logger, if access lines are wanted.
pub(crate) fn record(format: Format, colour: bool, entry: &Entry<'_>) {
    if log::log_enabled!(target: TARGET, log::Level::Info) {
        log::info!(target: TARGET, "{}", format.line(entry, colour));
    }
}

impl Outcome {
    /// The outcome's word in the log.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client-gone",
            Self::Truncated => "truncated",
            Self::TimedOut => "timed-out",
            Self::Evicted => "evicted",
            Self::Refused => "refused",
        }
    }
}
