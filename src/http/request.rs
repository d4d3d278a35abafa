//! The request head: bytes in, a [`Request`] or a reason to refuse it out (RFC 9112, RFC 1945).
//!
//! [`parse`] keeps no state: the caller calls it again when more has come. A refusal is final, and
//! so is a complete head: no bytes after it change the verdict. Any shorter start of an acceptable
//! head is [`Parsed::Partial`]. This file never guesses what a malformed head meant, since two
//! parsers that guess differently are how requests get smuggled.

mod grammar;
mod method;
mod summary;

use super::fields::Fields;
use super::refusal::{Refusal, is_tls_handshake};
use super::syntax;
use super::target::Target;
use grammar::Lines;
use grammar::{parse_field, parse_request_line};

pub use grammar::Version;
pub(crate) use grammar::{FIELDS_MAX, HEAD_BYTES_MAX};
pub use method::Method;
pub use summary::{HeadSummary, Refused};

/// The longest request line, in bytes without its line end (RFC 9112 section 3 asks for 8000).
pub(crate) const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;

/// The body that follows the head, as the fields frame it, whatever the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No field announces one.
    None,
    /// So many bytes, perhaps 0.
    Length(u64),
    /// Any Transfer-Encoding, which overrides Content-Length (RFC 9112 section 6.3).
    Chunked,
}

/// A request head that obeys the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The request line as it came, without its line end.
    pub(crate) line: &'a [u8],
    /// What to do.
    pub method: Method,
    /// What to do it to.
    pub target: Target<'a>,
    /// The version that the client speaks.
    pub version: Version,
    /// The fields, in the order in which they came; none in HTTP/0.9.
    pub fields: Fields<'a>,
    framing: Framing,
}

/// What [`parse`] made of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// No fault so far, but the head has not ended.
    Partial,
    /// The head has ended.
    Complete {
        /// What it says.
        request: Request<'a>,
        /// The bytes of the head; what follows them is the body.
        length: usize,
    },
}

impl<'a> From<Request<'a>> for HeadSummary<'a> {
    fn from(request: Request<'a>) -> Self {
        let Request { line, method, version, fields, .. } = request;
        Self { line, method: Some(method), version: Some(version), fields, is_whole: true }
    }
}

impl Request<'_> {
    /// The host that is asked, with its port: that of the target where it names one, whatever Host
    /// says (RFC 9112 section 3.2.2). Empty if Host is.
    #[must_use]
    pub(crate) fn host(&self) -> Option<&[u8]> {
        self.target.authority().or_else(|| self.fields.first("host"))
    }

    /// How the fields frame the body.
    #[must_use]
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }
}

/// Reads a request head from the start of `bytes`.
///
/// Faults are found in the order of the lines, each when its line has ended; those that concern
/// several fields, at the end of the head.
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Refused<'_>> {
    judge(bytes).map_err(|refusal| Refused { refusal, summary: HeadSummary::of(bytes) })
}

/// Whether [`parse`] may find more than before, now that `bytes` have grown from `length`: a line
/// has ended, or is too long whatever it is, or it is no line at all. Most heads come in one piece;
/// this keeps those that trickle in from being read again with every byte.
pub(crate) fn has_news(bytes: &[u8], length: usize) -> bool {
    let has_line_end = |bytes: &[u8]| bytes.contains(&b'\n');
    // A blank line may come before the request line.
    let is_one_line = bytes.len() > REQUEST_LINE_BYTES_MAX && !has_line_end(&bytes[2..]);
    let is_at_limit = is_one_line || bytes.len() >= HEAD_BYTES_MAX;
    has_line_end(&bytes[length..]) || is_at_limit || is_tls_handshake(bytes)
}

fn judge(bytes: &[u8]) -> Result<Parsed<'_>, Refusal> {
    if is_tls_handshake(bytes) {
        return Err(Refusal::TlsHandshake);
    }
    let mut lines = Lines::new(bytes);
    let Some(line) = first_line(&mut lines)? else { return partial(bytes) };
    let (method, target, version) = parse_request_line(line)?;
    let fields = match version {
        Version::Http09 => Some(Fields::default()),
        Version::Http10 | Version::Http11 => parse_fields(&mut lines)?,
    };
    let Some(fields) = fields else { return partial(bytes) };
    check_host(version, &fields)?;
    let framing = frame_body(&fields)?;
    let request = Request { line, method, target, version, fields, framing };
    Ok(Parsed::Complete { request, length: lines.consumed })
}

/// The verdict on a head without a fault that has not ended: at the limit it can only exceed it.
fn partial<'a>(bytes: &[u8]) -> Result<Parsed<'a>, Refusal> {
    if bytes.len() < HEAD_BYTES_MAX { Ok(Parsed::Partial) } else { Err(Refusal::HeadTooLong) }
}

/// The request line, if it has ended. One blank line before it is skipped, since old clients sent
/// one after the body before (RFC 9112 section 2.2).
fn first_line<'a>(lines: &mut Lines<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let line = lines.next().filter(|line| !line.is_empty()).or_else(|| lines.next());
    let length = line.unwrap_or_else(|| lines.unfinished()).len();
    if length > REQUEST_LINE_BYTES_MAX { Err(Refusal::RequestLineTooLong) } else { Ok(line) }
}

/// Reads the field lines up to the empty line, if that has come.
fn parse_fields<'a>(lines: &mut Lines<'a>) -> Result<Option<Fields<'a>>, Refusal> {
    let mut fields = Fields::default();
    for line in lines {
        if line.is_empty() {
            return Ok(Some(fields));
        }
        if fields.len() == FIELDS_MAX {
            return Err(Refusal::TooManyFields);
        }
        let (name, value) = parse_field(line)?;
        fields.push(name, value);
    }
    Ok(None)
}

/// HTTP/1.1 must name its host once, and no version may name two (RFC 9112 section 3.2).
fn check_host(version: Version, fields: &Fields<'_>) -> Result<(), Refusal> {
    let mut hosts = fields.all("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::Http11 => Err(Refusal::HostMissing),
        (Some(_), Some(_)) => Err(Refusal::HostRepeated),
        (Some(host), None) if syntax::host(host).is_none() => Err(Refusal::HostMalformed),
        _ => Ok(()),
    }
}

/// The framing of RFC 9112 section 6.3. Content-Length is checked even where it is overridden.
fn frame_body(fields: &Fields<'_>) -> Result<Framing, Refusal> {
    let mut length = None;
    for value in fields.all("content-length") {
        // A list of one number again and again counts as that number (RFC 9110 section 8.6).
        for number in value.split(|&byte| byte == b',') {
            let number = parse_number(number.trim_ascii());
            let number = number.ok_or(Refusal::ContentLengthMalformed)?;
            if length.replace(number).is_some_and(|earlier| earlier != number) {
                return Err(Refusal::ContentLengthConflict);
            }
        }
    }
    match (fields.first("transfer-encoding"), length) {
        (Some(_), _) => Ok(Framing::Chunked),
        (None, Some(length)) => Ok(Framing::Length(length)),
        (None, None) => Ok(Framing::None),
    }
}

/// Digits alone: the standard library would take a plus sign, too.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests;
