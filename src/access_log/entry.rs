//! What is known of a response when it has ended: the values that a line is made from.
//!
//! Bytes are as the client sent them: they are escaped by the formats, in the last step before
//! writing, and nowhere else.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// What is known of a response when it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// Whose request it was.
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
    /// Why the request was refused: a short word in kebab case, such as `encoded-slash`.
    pub(crate) cause: Option<&'static str>,
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
    /// The request was malformed, or its body could not be accepted.
    Refused,
}

/// A request line's three words.
pub(super) struct RequestWords<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// Missing in HTTP/0.9.
    pub(super) protocol: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    /// The client as it is known elsewhere: an IPv4 address that came over an IPv6 socket is IPv4.
    pub(super) fn canonical_client(&self) -> IpAddr {
        self.client.to_canonical()
    }

    /// The words of a request line that has two or three of them, one space between.
    pub(super) fn request_words(&self) -> Option<RequestWords<'a>> {
        let mut words = self.request_line.split(|&byte| byte == b' ');
        let (method, target, protocol) = (words.next()?, words.next()?, words.next());
        let named = protocol.is_none_or(|name| name.starts_with(b"HTTP/"));
        let whole = words.next().is_none() && !method.is_empty() && !target.is_empty();
        (whole && named).then_some(RequestWords { method, target, protocol })
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
