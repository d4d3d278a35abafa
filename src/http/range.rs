//! Byte ranges (RFC 9110 section 14): the parts of a representation that a Range field asks for,
//! and the text that frames them in a 206 or a 416.
//!
//! A field that is malformed or asks for too much is ignored, which section 14.2 always allows: the
//! client then gets the whole. This module never touches the bytes themselves.

/// The most ranges sent, after merging. Honest clients ask for a handful; many ranges let an
/// attacker make much work with a short request (RFC 9110 section 17.15).
pub(crate) const RANGES_MAX: usize = 16;

/// The most list elements of a Range field read, empty ones included.
const ELEMENTS_MAX: usize = 256;

/// Consecutive bytes of the representation. Those of a Range field are at least one; a whole file
/// may have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The offset of the first byte.
    pub first: u64,
    /// The number of bytes.
    pub length: u64,
}

/// A part of a body that is sent from a file or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This range of the file or stream.
    ByteRange(ByteRange),
}

impl ByteRange {
    /// The offset after the last byte.
    pub(crate) fn end(self) -> u64 {
        self.first + self.length
    }
}

impl Segment {
    /// The length in bytes.
    #[must_use]
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::ByteRange(span) => span.length,
        }
    }
}

/// The ranges that a Range field names in a representation of `complete_length` bytes: at most
/// [`RANGES_MAX`], ascending, with a gap between each two. No ranges mean 416; `None` means that
/// the field is ignored.
///
/// Overlapping and adjacent ranges are merged, and the result is sorted. Section 15.3.7.2 would
/// rather keep the client's order, but lets no client rely on it. In ascending order, a file is
/// read once, from front to back.
///
/// `bytes=0-` names no byte of an empty representation, and no Content-Range could describe the
/// part, so by the letter of section 14.1.2 it is unsatisfiable.
#[must_use]
pub(crate) fn parse(value: &[u8], complete_length: u64) -> Option<Vec<ByteRange>> {
    // The unit is case-insensitive (RFC 9110 section 14.1); others are unknown here.
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    let elements = set.split(|&byte| byte == b',');
    if !unit.eq_ignore_ascii_case(b"bytes=") || elements.clone().count() > ELEMENTS_MAX {
        return None;
    }
    // Empty elements are ignored (RFC 9110 section 5.6.1.2).
    let specs = elements.map(<[u8]>::trim_ascii).filter(|spec| !spec.is_empty());
    let ranges = specs.map(|spec| parse_spec(spec, complete_length));
    let ranges = ranges.collect::<Option<Vec<_>>>().filter(|ranges| !ranges.is_empty())?;
    Some(merged(ranges)).filter(|ranges| ranges.len() <= RANGES_MAX)
}

/// The value of Content-Range for a part that is not empty: `bytes 0-9/100`.
#[must_use]
pub(crate) fn content_range(span: ByteRange, complete_length: u64) -> String {
    format!("bytes {}-{}/{complete_length}", span.first, span.end() - 1)
}

/// The value of Content-Range in a 416: `bytes */100` (RFC 9110 section 15.5.17).
#[must_use]
pub(crate) fn unsatisfied_content_range(complete_length: u64) -> String {
    format!("bytes */{complete_length}")
}

/// A `multipart/byteranges` body (RFC 9110 section 14.6) of these ranges in a representation of
/// `complete_length` bytes.
///
/// `boundary` is 1 to 70 letters and digits (RFC 2046 section 5.1.1). It must be impossible to
/// guess, so that no file can be made to contain it.
#[must_use]
pub(crate) fn multipart(
    boundary: &str,
    media_type: &str,
    spans: &[ByteRange],
    complete_length: u64,
) -> Vec<Segment> {
    let part = |&span: &ByteRange| {
        let range = content_range(span, complete_length);
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n"
        );
        [Segment::Bytes(head.into_bytes()), Segment::ByteRange(span)]
    };
    let closing = Segment::Bytes(format!("\r\n--{boundary}--\r\n").into_bytes());
    spans.iter().flat_map(part).chain([closing]).collect()
}

/// Reads `first-last`, `first-` or `-length` (RFC 9110 section 14.1.2). The result is empty if the
/// representation has none of its bytes.
fn parse_spec(spec: &[u8], complete_length: u64) -> Option<ByteRange> {
    let dash = spec.iter().position(|&byte| byte == b'-')?;
    let (first, end) = match (&spec[..dash], &spec[dash + 1..]) {
        (b"", suffix) => match number(suffix)? {
            // By the letter satisfiable and means all of it, but there is no Content-Range for it.
            1.. if complete_length == 0 => return None,
            length => (complete_length.saturating_sub(length), complete_length),
        },
        (first, b"") => (number(first)?, complete_length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            // "An int-range is invalid if the last-pos value is present and less than first-pos."
            let last = Some(last).filter(|&last| first <= last)?;
            (first, last.saturating_add(1).min(complete_length))
        }
    };
    Some(ByteRange { first, length: end.saturating_sub(first) })
}

/// Reads decimal digits. Numbers beyond 64 bits become the largest, which is also past the end of
/// every file (RFC 9110 section 14.1.2 warns of overflow).
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append =
        |value: u64, digit: &u8| value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, append))
}

/// The same bytes in ascending order, each once, in as few ranges as possible.
fn merged(mut spans: Vec<ByteRange>) -> Vec<ByteRange> {
    spans.retain(|span| span.length > 0);
    spans.sort_unstable_by_key(|span| span.first);
    let mut merged: Vec<ByteRange> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(before) if span.first <= before.end() => {
                before.length = before.end().max(span.end()) - before.first;
            }
            _ => merged.push(span),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
