//! What is known of a response when it has ended: the values that a line is made from.
//!
//! Bytes are as the client sent them: they are escaped by the formats, in the last step before
//! writing, and nowhere else.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

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

/// Method, target and protocol; the last is missing in HTTP/0.9.
pub(super) type RequestWords<'a> = (&'a [u8], &'a [u8], Option<&'a [u8]>);

impl<'a> Entry<'a> {
    /// The words of a request line that has two or three of them, one space between.
    pub(super) fn request_words(&self) -> Option<RequestWords<'a>> {
        let mut words = self.request_line.split(|&byte| byte == b' ');
        let (method, target, protocol) = (words.next()?, words.next()?, words.next());
        let named = protocol.is_none_or(|name| name.starts_with(b"HTTP/"));
        let whole = words.next().is_none() && !method.is_empty() && !target.is_empty();
        (whole && named).then_some((method, target, protocol))
    }
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
