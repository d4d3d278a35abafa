//! A listing as JSON (RFC 8259), for scripts.
//!
//! It has what the page has, in the same order. Where a name is not UTF-8, the bytes that are not
//! are replaced in `name`; `href` always leads to the very file.

use super::order::{Entry, Kind};
use super::selection::Listing;
use super::text::{push_href, row_bytes_max};
use crate::memory::{self, OutOfMemory};
use crate::text::write_json_string;

/// An array of `{"name", "type", "size", "modified", "href"}`, one object a line.
///
/// `type` is `directory`, `file` or `other`; `size` the bytes of a file, null for all else;
/// `modified` an RFC 3339 moment in UTC, null where unknown; `href` a reference relative to the
/// folder, percent-encoded from the exact bytes.
pub(crate) fn json(listing: &Listing) -> Result<Vec<u8>, OutOfMemory> {
    let mut out = String::new();
    memory::reserve_text(&mut out, 16 + 160 * listing.entries.len())?;
    out.push('[');
    for (at, entry) in listing.entries.iter().enumerate() {
        memory::reserve_text(&mut out, row_bytes_max(entry))?;
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        push_object(&mut out, entry);
    }
    out.push_str(if listing.entries.is_empty() { "]\n" } else { "\n]\n" });
    Ok(out.into_bytes())
}

fn push_object(out: &mut String, entry: &Entry) {
    let kind = match entry.kind {
        Kind::Directory => "directory",
        Kind::File => "file",
        Kind::Other => "other",
    };
    out.push_str(r#"{"name":"#);
    push_string(out, &String::from_utf8_lossy(&entry.name));
    out.push_str(r#","type":""#);
    out.push_str(kind);
    out.push_str(r#"","size":"#);
    match entry.content_size() {
        Some(size) => out.push_str(&size.to_string()),
        None => out.push_str("null"),
    }
    out.push_str(r#","modified":"#);
    match entry.modified {
        Some(date) => push_string(out, &date.rfc3339()),
        None => out.push_str("null"),
    }
    out.push_str(r#","href":""#);
    push_href(out, entry);
    out.push_str("\"}");
}

fn push_string(out: &mut String, text: &str) {
    write_json_string(out, text).expect("a String takes whatever is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_an_empty_array() {
        assert_eq!(json(&Listing::default()).unwrap(), b"[]\n");
    }
}
