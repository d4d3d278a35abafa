//! Conditional requests (RFC 9110 section 13): does the client's copy of a representation match the
//! current one?
//!
//! This module compares validators and names the outcome; it never reads a file or a clock. Obeying
//! section 13.2.1 is left to the caller: preconditions are only evaluated if the response would be
//! a success without them.

use std::fmt;

use super::date::Date;
use super::request::Fields;
use super::status::Status;

/// A strong entity-tag (RFC 9110 section 8.8.3), quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ETag(String);

/// The validators of a representation, which identify its state (RFC 9110 section 8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validators {
    /// Changes whenever the file does.
    pub(crate) etag: ETag,
    /// When the file last changed, never later than the response; `None` if HTTP has no date for
    /// it.
    pub(crate) last_modified: Option<Date>,
    /// Whether `last_modified` is so long ago that the file cannot change again in that second.
    pub(crate) date_is_strong: bool,
}

impl ETag {
    /// The tag of a file: its size, modification time and inode, so that neither a write nor
    /// another file moved into its place goes unnoticed. The nanoseconds make it strong.
    #[must_use]
    pub(crate) fn from_file(
        size: u64,
        modified_seconds: i64,
        modified_nanoseconds: u32,
        inode: u64,
    ) -> Self {
        Self(format!("\"{size:x}-{modified_seconds:x}-{modified_nanoseconds:x}-{inode:x}\""))
    }

    /// The tag of content made from many files: its length, and a digest of their metadata.
    #[must_use]
    pub(crate) fn from_digest(length: u64, digest: u64) -> Self {
        Self(format!("\"{length:x}-{digest:016x}\""))
    }

    /// Whether the value of If-Match or If-None-Match names this tag: `*`, or a list, whose empty
    /// elements are ignored (RFC 9110 section 5.6.1.2). A malformed list names nothing. Only the
    /// weak comparison accepts a weak tag (section 8.8.3.2).
    fn is_listed(&self, list: &[u8], is_weak_enough: bool) -> bool {
        if list == b"*" {
            return true;
        }
        let mut rest = skip(list, b" \t,");
        let mut found = false;
        while !rest.is_empty() {
            let Some((is_weak, opaque, after)) = split_tag(rest) else { return false };
            found |= (is_weak_enough || !is_weak) && opaque == self.0.as_bytes();
            let end = skip(after, b" \t");
            if !end.is_empty() && !end.starts_with(b",") {
                return false;
            }
            rest = skip(end, b" \t,");
        }
        found
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Reads the tag at the start of `text`: whether it is weak, the part after `W/` with its quotes,
/// and the rest. Commas may stand between the quotes, and `W/` is case-sensitive (RFC 9110 section
/// 8.8.3).
fn split_tag(text: &[u8]) -> Option<(bool, &[u8], &[u8])> {
    let (is_weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let inside = quoted.strip_prefix(b"\"")?;
    // `etagc` is any visible character except the quote, and any byte above ASCII.
    let length = inside.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7E | 0x80..))?;
    let (opaque, after) = quoted.split_at(length + 2);
    (inside[length] == b'"').then_some((is_weak, opaque, after))
}

impl Validators {
    /// The validators of a file in a response made at `now`.
    #[must_use]
    pub(crate) fn new(etag: ETag, last_modified: Option<Date>, now: Date) -> Self {
        // No later than the message itself (RFC 9110 section 8.8.2.1).
        let last_modified = last_modified.map(|modified| modified.min(now));
        // Strong from one second on (RFC 9110 section 8.8.2.2).
        let date_is_strong = last_modified.is_some_and(|modified| modified < now);
        Self { etag, last_modified, date_is_strong }
    }
}

/// Evaluates the preconditions of GET or HEAD in the order of RFC 9110 section 13.2.2.
///
/// A date in the future counts like any other, as in section 13.1.3; RFC 1945 would have ignored
/// it.
///
/// Returns 304 if the client has this representation already, 412 if it means another one, and
/// `None` if the preconditions hold or there are none.
#[must_use]
pub(crate) fn evaluate(fields: &Fields<'_>, validators: &Validators) -> Option<Status> {
    if let Some(list) = fields.list("if-match") {
        // Step 1: If-Match. It compares strongly (section 13.1.1).
        if !validators.etag.is_listed(&list, false) {
            return Some(Status::PreconditionFailed);
        }
    } else if is_modified_since("if-unmodified-since", fields, validators) == Some(true) {
        // Step 2: If-Unmodified-Since, only without If-Match.
        return Some(Status::PreconditionFailed);
    }
    if let Some(list) = fields.list("if-none-match") {
        // Step 3: If-None-Match. It compares weakly (section 13.1.2).
        if validators.etag.is_listed(&list, true) {
            return Some(Status::NotModified);
        }
    } else if is_modified_since("if-modified-since", fields, validators) == Some(false) {
        // Step 4: If-Modified-Since, only without If-None-Match.
        return Some(Status::NotModified);
    }
    // Step 5, If-Range, decides between part and whole: `if_range_holds`. Step 6:
    None
}

/// Whether a Range field may be obeyed: there is no If-Range field, or it names this very state
/// (RFC 9110 section 13.1.5).
///
/// An entity-tag compares strongly; a date must equal Last-Modified, and that must be a strong
/// validator. If this is false, the whole representation is sent.
#[must_use]
pub(crate) fn if_range_holds(fields: &Fields<'_>, validators: &Validators) -> bool {
    let Some(value) = fields.list("if-range") else { return true };
    if let Some((is_weak, opaque, rest)) = split_tag(&value) {
        return !is_weak && rest.is_empty() && opaque == validators.etag.0.as_bytes();
    }
    let date = Date::parse(&value);
    validators.date_is_strong && date.is_some() && date == validators.last_modified
}

/// Whether the file changed after the date in the field `name`; `None` if the field is ignored:
/// absent, no date, or the file has none (RFC 9110 sections 13.1.3 and 13.1.4).
///
/// A repeated field is read as the list that it stands for. A list is no date, so it is ignored
/// too, as both sections ask.
fn is_modified_since(name: &str, fields: &Fields<'_>, validators: &Validators) -> Option<bool> {
    let date = Date::parse(&fields.list(name)?)?;
    Some(validators.last_modified? > date)
}

/// The text without its leading bytes that are among `skipped`.
fn skip<'a>(text: &'a [u8], skipped: &[u8]) -> &'a [u8] {
    let start = text.iter().position(|byte| !skipped.contains(byte)).unwrap_or(text.len());
    &text[start..]
}

#[cfg(test)]
mod tests;
