//! The lines of a head, within its limits: the request line, and field lines (RFC 9112 sections 3
//! and 5).

use super::method::Method;
use crate::http::refusal::Refusal;
use crate::http::syntax::is_token;
use crate::http::target::Target;

/// The longest head, in bytes, from the first to the end of the empty line that closes it.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The most field lines in a head.
pub(crate) const FIELDS_MAX: usize = 100;

/// The lines that have ended within [`HEAD_BYTES_MAX`], in CRLF or in LF alone, which a server may
/// take for one (RFC 9112 section 2.2).
pub(super) struct Lines<'a> {
    head: &'a [u8],
    /// Bytes of the lines so far, with their ends.
    pub(super) consumed: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { head: &bytes[..bytes.len().min(HEAD_BYTES_MAX)], consumed: 0 }
    }

    /// What is there of the line that has not ended; a CR at its end may be half of a line end.
    pub(super) fn unfinished(&self) -> &'a [u8] {
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

/// The version of HTTP that the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// A line without a version: the answer is the body alone (RFC 1945 section 4.1).
    Http09,
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, or a later minor version, whose rules are the same (RFC 9110 section 2.5).
    Http11,
}

/// Reads `METHOD SP TARGET SP VERSION`, or the `GET SP TARGET` of HTTP/0.9. The version is judged
/// before the method, since it says whose methods they are, and the method before the target, whose
/// form depends on it.
pub(super) fn parse_request_line(line: &[u8]) -> Result<(Method, Target<'_>, Version), Refusal> {
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
pub(super) fn parse_version(text: &[u8]) -> Result<Version, Refusal> {
    match text.strip_prefix(b"HTTP/") {
        Some(b"1.0") => Ok(Version::Http10),
        Some([b'1', b'.', b'0'..=b'9']) => Ok(Version::Http11),
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => Err(Refusal::VersionUnsupported),
        _ => Err(Refusal::VersionMalformed),
    }
}

/// Reads `NAME ":" VALUE`. White space before the colon and folded lines are refused, not mended:
/// they have been used to smuggle requests (RFC 9112 sections 5.1 and 5.2).
pub(super) fn parse_field(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
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
    // Of all white space only SP and HTAB can be left here, which is what RFC 9112 section 5 trims.
    Ok((name, value.trim_ascii()))
}
