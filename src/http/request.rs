//! The request head: bytes in, a [`Request`] or a reason to refuse it out (RFC 9112, RFC 1945).
//!
//! [`parse`] keeps no state: the caller calls it again when more bytes have come. A refusal is
//! final, and so is a complete head: later bytes do not change the verdict. Any shorter start of an
//! acceptable head is [`Parsed::Partial`]. This file never guesses the meaning of a malformed head,
//! since two parsers that guess differently make request smuggling possible. A `HeadSummary` has
//! its readable parts, but never decides what to serve.

use std::borrow::Cow;
use std::fmt;

use super::host;
use super::refusal::{Refusal, TLS_LOG_WORD, is_tls_handshake};
use super::target::Target;

/// The longest request line, in bytes without its line end (RFC 9112 section 3 asks for 8000).
pub(crate) const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;

/// The longest head, in bytes, from the first to the end of the empty line that closes it.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The most field lines in a head.
pub(crate) const FIELDS_MAX: usize = 100;

/// Fields whose values are secrets.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The fields that the log shows or needs to find the client behind a proxy, and those that decide
/// whether the client has access.
const KNOWN_FIELDS: [&str; 5] =
    ["authorization", "host", "referer", "user-agent", "x-forwarded-for"];

/// A method that this server knows. This only tells 405 from 501: the routes decide which methods a
/// target takes. CONNECT is missing, since no target here could take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of RFC 9110 section 9.3 and RFC 5789")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Trace,
    Patch,
}

/// The client's version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A line without a version: the answer is the body alone (RFC 1945 section 4.1).
    Http09,
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, or a later minor version, whose rules are the same (RFC 9110 section 2.5).
    Http11,
}

/// The framing of the body, as the fields say, whatever the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No field announces one.
    None,
    /// This many bytes, perhaps 0.
    Length(u64),
    /// Any Transfer-Encoding, which overrides Content-Length (RFC 9112 section 6.3).
    Chunked,
}

/// A request's fields in the order received. Names are in any case, values are bytes, and lines of
/// one name stay apart until they are asked for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    lines: Vec<(&'a [u8], &'a [u8])>,
}

/// A request head that obeys the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The request line as received, without its line end.
    pub(crate) line: &'a [u8],
    /// The action.
    pub method: Method,
    /// The resource that it acts on.
    pub target: Target<'a>,
    /// The client's version.
    pub version: Version,
    /// The fields in the order received; none in HTTP/0.9.
    pub fields: Fields<'a>,
    /// How the fields frame the body.
    pub(crate) framing: Framing,
}

/// The result of [`parse`] for the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// No fault so far, but the head has not ended.
    Partial,
    /// The head has ended.
    Complete {
        /// The request.
        request: Request<'a>,
        /// The bytes of the head; the body follows.
        length: usize,
    },
}

/// The readable parts of a head that may be malformed or unfinished: each part that is valid by
/// itself, whatever surrounds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadSummary<'a> {
    /// The first line that is not blank, as far as received, without its line end.
    pub(crate) line: &'a [u8],
    /// The method, if the line starts with one that this server knows.
    pub(crate) method: Option<Method>,
    /// The version, if the line names one; [`Version::Http09`] only for a complete request.
    pub(crate) version: Option<Version>,
    /// The complete, well-formed field lines. Of a head that is not a request, only those of
    /// [`KNOWN_FIELDS`], even beyond the limit of lines: a proxy may add its own at the end.
    pub(crate) fields: Fields<'a>,
    /// Whether no more fields can come: the head has ended, or the version has no fields.
    pub(crate) is_whole: bool,
}

impl Method {
    /// All of them, with their names.
    const NAMES: [(Self, &str); 8] = [
        (Self::Get, "GET"),
        (Self::Head, "HEAD"),
        (Self::Post, "POST"),
        (Self::Put, "PUT"),
        (Self::Delete, "DELETE"),
        (Self::Options, "OPTIONS"),
        (Self::Trace, "TRACE"),
        (Self::Patch, "PATCH"),
    ];

    /// The method with this name; names are case-sensitive (RFC 9110 section 9.1).
    fn named(name: &[u8]) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names.find(|(_, known)| known.as_bytes() == name).map(|(method, _)| method)
    }
}

impl<'a> Fields<'a> {
    /// Adds a field line; `value` comes without surrounding white space.
    pub(crate) fn push(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.lines.push((name, value));
    }

    /// The number of field lines.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The values of every line with this name; names are case-insensitive (RFC 9110 section 5.1).
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.lines
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|&(_, value)| value)
    }

    /// The first value with this name: for fields that have one value, not a list.
    #[must_use]
    pub(crate) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// All values with this name as one list, joined by commas (RFC 9110 section 5.3).
    #[must_use]
    pub(crate) fn list(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut values = self.all(name);
        let mut list = Cow::Borrowed(values.next()?);
        for value in values {
            list.to_mut().extend_from_slice(b", ");
            list.to_mut().extend_from_slice(value);
        }
        Some(list)
    }
}

/// Shows no secrets.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines.iter().map(|&(name, value)| {
            let is_secret = SECRET.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()));
            let value = if is_secret { b"..." } else { value };
            (String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        });
        out.debug_list().entries(lines).finish()
    }
}

impl Request<'_> {
    /// The requested host with its port: the target's if it has one, whatever Host says (RFC 9112
    /// section 3.2.2). Empty if Host is.
    #[must_use]
    pub(crate) fn host(&self) -> Option<&[u8]> {
        self.target.authority().or_else(|| self.fields.first("host"))
    }
}

impl<'a> From<Request<'a>> for HeadSummary<'a> {
    fn from(request: Request<'a>) -> Self {
        let Request { line, method, version, fields, .. } = request;
        Self { line, method: Some(method), version: Some(version), fields, is_whole: true }
    }
}

impl<'a> HeadSummary<'a> {
    /// Reads the parts that are there.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        if is_tls_handshake(bytes) {
            return Self { line: TLS_LOG_WORD, ..Self::default() };
        }
        let mut lines = Lines::new(bytes);
        let Some(line) = lines.find(|line| !line.is_empty()) else {
            return Self { line: lines.unfinished(), ..Self::default() };
        };
        let mut words = line.split(|&byte| byte == b' ');
        let method = words.next().and_then(Method::named);
        let version = words.nth(1).and_then(|word| parse_version(word).ok());
        let mut fields = Fields::default();
        let mut is_whole = version.is_none();
        for line in lines {
            if line.is_empty() {
                is_whole = true;
                break;
            }
            let Ok((name, value)) = parse_field(line) else { continue };
            if KNOWN_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())) {
                fields.push(name, value);
            }
        }
        Self { line, method, version, fields, is_whole }
    }
}

/// Reads a request head from the start of `bytes`.
///
/// Faults are found in the order of the lines, each as soon as its line has ended; faults that
/// concern several fields, at the end of the head.
pub fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Refusal> {
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

/// Whether [`parse`] may return something new, now that `bytes` have grown from `length`: a line
/// has ended, or is too long for any line, or it is not a line at all. Most heads come in one
/// piece; this avoids reading one again for every byte that trickles in.
pub(crate) fn has_news(bytes: &[u8], length: usize) -> bool {
    let has_line_end = |bytes: &[u8]| bytes.contains(&b'\n');
    // There may be a blank line before the request line.
    let is_one_line = bytes.len() > REQUEST_LINE_BYTES_MAX && !has_line_end(&bytes[2..]);
    let is_at_limit = is_one_line || bytes.len() >= HEAD_BYTES_MAX;
    has_line_end(&bytes[length..]) || is_at_limit || is_tls_handshake(bytes)
}

/// The verdict on a faultless head that has not ended: at the limit it can only exceed it.
fn partial<'a>(bytes: &[u8]) -> Result<Parsed<'a>, Refusal> {
    if bytes.len() < HEAD_BYTES_MAX { Ok(Parsed::Partial) } else { Err(Refusal::HeadTooLong) }
}

/// The request line, if it has ended. One blank line before it is skipped, since old clients sent
/// one after the previous body (RFC 9112 section 2.2).
fn first_line<'a>(lines: &mut Lines<'a>) -> Result<Option<&'a [u8]>, Refusal> {
    let line = lines.next().filter(|line| !line.is_empty()).or_else(|| lines.next());
    let length = line.unwrap_or_else(|| lines.unfinished()).len();
    if length > REQUEST_LINE_BYTES_MAX { Err(Refusal::RequestLineTooLong) } else { Ok(line) }
}

/// Reads `METHOD SP TARGET SP VERSION`, or the `GET SP TARGET` of HTTP/0.9. The version is judged
/// first, since it defines the methods, and the method before the target, whose form depends on it.
fn parse_request_line(line: &[u8]) -> Result<(Method, Target<'_>, Version), Refusal> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(Refusal::ControlByte);
    }
    let mut words = line.split(|&byte| byte == b' ');
    let (name, target, version) = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(name), Some(target), Some(version), None) => (name, target, Some(version)),
        (Some(b"GET"), Some(target), None, None) => (&b"GET"[..], target, None),
        _ => return Err(Refusal::RequestLine),
    };
    if !is_token(name) {
        return Err(Refusal::MethodMalformed);
    }
    let version = version.map_or(Ok(Version::Http09), parse_version)?;
    let method = Method::named(name).ok_or(Refusal::MethodUnknown)?;
    let target = match (method, target) {
        (Method::Options, b"*") => Target::asterisk(),
        _ => Target::parse(target)?,
    };
    Ok((method, target, version))
}

/// Reads `HTTP/` DIGIT `.` DIGIT, in capitals (RFC 9112 section 2.3).
fn parse_version(text: &[u8]) -> Result<Version, Refusal> {
    match text.strip_prefix(b"HTTP/") {
        Some(b"1.0") => Ok(Version::Http10),
        Some([b'1', b'.', b'0'..=b'9']) => Ok(Version::Http11),
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Err(Refusal::VersionUnsupported),
        _ => Err(Refusal::VersionMalformed),
    }
}

/// Reads the field lines up to the empty line, if it has come.
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

/// Reads `NAME ":" VALUE`. White space before the colon and folded lines are refused, not repaired:
/// they have been used for request smuggling (RFC 9112 sections 5.1 and 5.2).
fn parse_field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Refusal::FoldedLine);
    }
    let colon = line.iter().position(|&byte| byte == b':').ok_or(Refusal::FieldName)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.ends_with(b" ") || name.ends_with(b"\t") {
        return Err(Refusal::SpaceBeforeColon);
    }
    if !is_token(name) {
        return Err(Refusal::FieldName);
    }
    if value.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Refusal::FieldValue);
    }
    // The only white space left here is SP and HTAB, which RFC 9112 section 5 trims.
    Ok((name, value.trim_ascii()))
}

/// Whether this is a token: a method, a field name, a parameter's name.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// HTTP/1.1 needs one Host, and no version may have two (RFC 9112 section 3.2).
fn check_host(version: Version, fields: &Fields<'_>) -> Result<(), Refusal> {
    let mut hosts = fields.all("host");
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::Http11 => Err(Refusal::HostMissing),
        (Some(_), Some(_)) => Err(Refusal::HostRepeated),
        (Some(host), None) if host::parse(host).is_none() => Err(Refusal::HostMalformed),
        _ => Ok(()),
    }
}

/// The framing of RFC 9112 section 6.3. Content-Length is checked even if it is overridden.
fn frame_body(fields: &Fields<'_>) -> Result<Framing, Refusal> {
    let mut length = None;
    for value in fields.all("content-length") {
        // A list that repeats one number counts as that number (RFC 9110 section 8.6).
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

/// Only digits: the standard library would also accept a plus sign.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// The lines that have ended within [`HEAD_BYTES_MAX`], by CRLF or by LF alone, which a server may
/// accept (RFC 9112 section 2.2).
struct Lines<'a> {
    head: &'a [u8],
    /// Bytes of the lines so far, with their ends.
    consumed: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { head: &bytes[..bytes.len().min(HEAD_BYTES_MAX)], consumed: 0 }
    }

    /// The part received of the line that has not ended. Its last byte may be the CR of a line end.
    fn unfinished(&self) -> &'a [u8] {
        without_return(&self.head[self.consumed..])
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.head[self.consumed..];
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        self.consumed += end + 1;
        Some(without_return(&rest[..end]))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests;
