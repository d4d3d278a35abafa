//! The request-target, decoded (RFC 9112 section 3.2, RFC 3986).
//!
//! The path of a [`Target`] is decoded exactly once and already resolved, so no other module
//! handles percent signs, dot segments or doubled slashes again. The path is relative, and none of
//! its names is empty, `.` or `..`, or contains a slash or NUL. This file does not know whether the
//! path exists.

use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, PercentEncode, percent_decode, percent_encode,
};

use super::host::{self, has_whole_triplets};
use super::refusal::Refusal;

/// Characters that must be encoded in a URL. All beyond ASCII are encoded anyway. A percent sign is
/// assumed to belong to an encoding.
pub(crate) const URL_ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Encoded in a path segment: all but the unreserved characters and six delimiters that mean
/// nothing in a path, in HTML or in a header field (RFC 3986 sections 2.2, 2.3 and 3.3).
pub(super) const PATH_ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',');

/// A parsed request-target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    path: Vec<u8>,
    is_directory: bool,
    query: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    is_asterisk: bool,
}

impl<'a> Target<'a> {
    /// Reads an origin-form or absolute-form target. Neither has a fragment (RFC 9112 section 3.2).
    /// Bytes above 0x7f are accepted as they are, since browsers once sent them.
    pub(crate) fn parse(raw: &'a [u8]) -> Result<Self, Refusal> {
        if raw.iter().any(u8::is_ascii_control) {
            return Err(Refusal::ControlByte);
        }
        if raw.contains(&b'#') {
            return Err(Refusal::Fragment);
        }
        let (authority, raw) = split_authority(raw)?;
        let (raw_path, query) = match raw.iter().position(|&byte| byte == b'?') {
            Some(at) => (&raw[..at], Some(&raw[at + 1..])),
            None => (raw, None),
        };
        let mut path = Vec::with_capacity(raw_path.len());
        let mut is_directory = true;
        for segment in raw_path.split(|&byte| byte == b'/') {
            is_directory = descend(&mut path, segment)?;
        }
        Ok(Self { path, is_directory, query, authority, is_asterisk: false })
    }

    /// The target `*`: the server as a whole (RFC 9112 section 3.2.4). Its path is that of `/`.
    #[must_use]
    pub(crate) fn asterisk() -> Self {
        let (path, query, authority) = (Vec::new(), None, None);
        Self { path, is_directory: true, query, authority, is_asterisk: true }
    }

    /// Whether the target is the server as a whole.
    #[must_use]
    pub(crate) fn is_asterisk(&self) -> bool {
        self.is_asterisk
    }

    /// The names from the root down, joined by `/`: `a/b` for `/a//b/`, empty for the root.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The names from the root down.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// Whether the path can only mean a directory: it ends in a slash or a dot segment.
    #[must_use]
    pub(crate) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// The query as received, without the question mark: anything but control bytes. A caller that
    /// repeats it must encode it for its place.
    #[must_use]
    pub(crate) fn query(&self) -> Option<&'a [u8]> {
        self.query
    }

    /// Host and port of an absolute-form target, as received.
    #[must_use]
    pub(crate) fn authority(&self) -> Option<&'a [u8]> {
        self.authority
    }

    /// The path, encoded again, with its slashes: `/`, `/a/b` or `/a/b/`. Safe in a Location or in
    /// HTML; never starts with `//` or `/\`, which browsers take for another host.
    #[must_use]
    pub(crate) fn encoded_path(&self) -> String {
        let mut encoded = String::with_capacity(self.path.len() + 2);
        for name in self.names() {
            encoded.push('/');
            encoded.extend(encode_segment(name));
        }
        if self.is_directory {
            encoded.push('/');
        }
        encoded
    }
}

/// Removes scheme and authority from an absolute-form target (RFC 9112 section 3.2.2).
fn split_authority(raw: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Refusal> {
    if raw.starts_with(b"/") {
        return Ok((None, raw));
    }
    let rest = strip_scheme(raw, b"http://")
        .or_else(|| strip_scheme(raw, b"https://"))
        .ok_or(Refusal::TargetForm)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    // A URI without a host must be refused (RFC 9110 section 4.2.1).
    if authority.is_empty() || host::parse(authority).is_none() {
        return Err(Refusal::TargetAuthority);
    }
    Ok((Some(authority), rest))
}

fn strip_scheme<'a>(raw: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = raw.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Appends one segment to `path`. Returns whether the result can only mean a directory.
fn descend(path: &mut Vec<u8>, segment: &[u8]) -> Result<bool, Refusal> {
    if segment.is_empty() {
        return Ok(true);
    }
    if !has_whole_triplets(segment) {
        return Err(Refusal::PercentTriplet);
    }
    let parent_length = path.len();
    if parent_length > 0 {
        path.push(b'/');
    }
    let name_start = path.len();
    path.extend(percent_decode(segment));
    match &path[name_start..] {
        b"." => path.truncate(parent_length),
        b".." if parent_length == 0 => return Err(Refusal::AboveRoot),
        b".." => {
            let parent = &path[..parent_length];
            let above = parent.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
            path.truncate(above);
        }
        name if name.contains(&0) => return Err(Refusal::EncodedNul),
        name if name.contains(&b'/') => return Err(Refusal::EncodedSlash),
        _ => return Ok(false),
    }
    Ok(true)
}

/// A name as a path segment, percent-encoded. Also safe as a relative reference, in which a colon
/// would otherwise make a scheme of the text before it (RFC 3986 section 4.2).
pub(crate) fn encode_segment(name: &[u8]) -> PercentEncode<'_> {
    percent_encode(name, PATH_ENCODED)
}

#[cfg(test)]
mod tests;
