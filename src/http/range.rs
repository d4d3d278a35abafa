//! Byte ranges (RFC 9110 section 14): which parts of a representation a Range field asks for, and
//! the text that frames them in a 206 or a 416.
//!
//! A field that cannot be understood, or that asks for too much, is ignored, which section 14.2
//! allows always: the client then gets the whole. This module never touches the bytes themselves.

/// How many ranges are sent at most, after merging. Honest clients ask for a handful; more is how
/// an attacker makes much work of a short request (RFC 9110 section 17.15).
pub(crate) const RANGES_MAX: usize = 16;

/// How many list elements of a Range field are read at most, empty ones included.
const ELEMENTS_MAX: usize = 256;

/// Bytes that follow each other, all within the representation. Those of a Range field are at least
/// one; those of a whole file may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Where the first byte is, counted from 0.
    pub first: u64,
    /// How many bytes there are.
    pub length: u64,
}

/// What a Range field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// 200 with everything: the field is ignored.
    Whole,
    /// 206 with this part, which may be all there is.
    One(ByteRange),
    /// 206 with these parts, two to [`RANGES_MAX`], ascending, with a gap between each two.
    Several(Vec<ByteRange>),
    /// 416: none of the ranges has a byte in the representation.
    Unsatisfiable,
}

/// The frame of a `multipart/byteranges` body (RFC 9110 section 14.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Multipart {
    /// The Content-Type of the whole response.
    pub(crate) content_type: String,
    /// The parts, in the order of the spans that were given.
    pub(crate) parts: Vec<Chunk>,
    /// What follows the last part.
    pub(crate) closing: String,
}

/// One part of a `multipart/byteranges` body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// What precedes the bytes: the delimiter line and the part's own fields.
    pub(crate) head: String,
    /// Which bytes of the representation follow.
    pub(crate) span: ByteRange,
}

/// A range as the client writes it (RFC 9110 section 14.1.2).
enum Spec {
    /// `first-last`, or `first-`, which means the same as the largest `last`.
    Interval { first: u64, last: u64 },
    /// `-length`: so many bytes at the end.
    Suffix { length: u64 },
}

impl ByteRange {
    /// Where the byte after the last one is.
    pub(crate) fn end(self) -> u64 {
        self.first + self.length
    }
}

/// Reads the value of a Range field for a representation of `complete_length` bytes.
///
/// Overlapping and adjacent ranges become one, and what remains is sorted. Section 15.3.7.2 would
/// rather keep the client's order, but lets no client rely on it; ascending, a file is read once,
/// from front to back.
///
/// An empty representation has no byte that `bytes=0-` could mean, and no Content-Range could name
/// the part that was sent, so that is unsatisfiable by the letter of section 14.1.2.
#[must_use]
pub(crate) fn parse(value: &[u8], complete_length: u64) -> Ranges {
    let Some(mut spans) = satisfiable_spans(value, complete_length).map(merged) else {
        return Ranges::Whole;
    };
    match spans.len() {
        0 => Ranges::Unsatisfiable,
        1 => Ranges::One(spans.remove(0)),
        2..=RANGES_MAX => Ranges::Several(spans),
        _ => Ranges::Whole,
    }
}

/// The value of Content-Range for a part, which is never empty: `bytes 0-9/100`.
#[must_use]
pub(crate) fn content_range(span: ByteRange, complete_length: u64) -> String {
    format!("bytes {}-{}/{complete_length}", span.first, span.end() - 1)
}

/// The value of Content-Range in a 416: `bytes */100` (RFC 9110 section 15.5.17).
#[must_use]
pub(crate) fn unsatisfied_content_range(complete_length: u64) -> String {
    format!("bytes */{complete_length}")
}

impl Multipart {
    /// Frames `spans` of a representation of `complete_length` bytes.
    ///
    /// `boundary` is 1 to 70 letters and digits (RFC 2046 section 5.1.1). It must not be guessable,
    /// so that no file can be made to contain it.
    #[must_use]
    pub(crate) fn new(
        boundary: &str,
        media_type: &str,
        spans: &[ByteRange],
        complete_length: u64,
    ) -> Self {
        let part = |&span: &ByteRange| Chunk {
            head: format!(
                "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {}\r\n\r\n",
                content_range(span, complete_length)
            ),
            span,
        };
        Self {
            content_type: format!("multipart/byteranges; boundary={boundary}"),
            parts: spans.iter().map(part).collect(),
            closing: format!("\r\n--{boundary}--\r\n"),
        }
    }
}

/// The ranges that have bytes in the representation, as the client ordered them; `None` where the
/// field is to be ignored.
fn satisfiable_spans(value: &[u8], complete_length: u64) -> Option<Vec<ByteRange>> {
    let mut spans = Vec::new();
    let mut is_empty = true;
    for (index, element) in byte_range_set(value)?.split(|&byte| byte == b',').enumerate() {
        if index == ELEMENTS_MAX {
            return None;
        }
        // Empty elements are ignored (RFC 9110 section 5.6.1.2).
        let element = element.trim_ascii();
        if element.is_empty() {
            continue;
        }
        is_empty = false;
        let spec = Spec::parse(element)?;
        if let Spec::Suffix { length: 1.. } = spec
            && complete_length == 0
        {
            // Satisfiable by the letter, and all of it is meant, but it has no Content-Range.
            return None;
        }
        spans.extend(spec.span(complete_length));
    }
    (!is_empty).then_some(spans)
}

/// What follows `bytes=`. The unit is case-insensitive (RFC 9110 section 14.1); others are unknown
/// here.
fn byte_range_set(value: &[u8]) -> Option<&[u8]> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (&text[..dash], &text[dash + 1..]);
        if first.is_empty() {
            return Some(Self::Suffix { length: number(last)? });
        }
        if last.is_empty() {
            return Some(Self::Interval { first: number(first)?, last: u64::MAX });
        }
        let spec = Self::Interval { first: number(first)?, last: number(last)? };
        // "An int-range is invalid if the last-pos value is present and less than first-pos."
        (magnitude(first) <= magnitude(last)).then_some(spec)
    }

    /// The bytes that are meant; `None` where the representation has none of them.
    fn span(self, complete_length: u64) -> Option<ByteRange> {
        let (first, end) = match self {
            Self::Interval { first, last } => (first, last.saturating_add(1).min(complete_length)),
            Self::Suffix { length } => (complete_length.saturating_sub(length), complete_length),
        };
        (first < end).then(|| ByteRange { first, length: end - first })
    }
}

/// Reads decimal digits. Numbers beyond 64 bits become the largest, which lies behind the end of
/// every file just as they do (RFC 9110 section 14.1.2 warns of overflow).
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let append =
        |value: u64, digit: &u8| value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, append))
}

/// Orders decimal digits by the number that they write, however long.
fn magnitude(digits: &[u8]) -> (usize, &[u8]) {
    let start = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    (digits.len() - start, &digits[start..])
}

/// The same bytes in ascending order, each once, in as few spans as possible.
fn merged(mut spans: Vec<ByteRange>) -> Vec<ByteRange> {
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
