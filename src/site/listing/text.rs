//! Names, links and texts in a listing.
//!
//! The one place that decides which characters of a name reach a page. The name shown may differ,
//! since a name may not be text at all; the link always has its exact bytes.

use super::Entry;
use crate::http::target::encode_segment;
use crate::text::{is_unprintable, push_escaped_html};

/// The most bytes of an entry in a listing: its name as a link, in which a byte may become three,
/// and as text, in which it may become six, and the markup around them.
pub(super) fn row_bytes_max(entry: &Entry) -> usize {
    256 + 9 * entry.name.len()
}

/// The relative reference to an entry. A colon is encoded, so `javascript:x` stays a path (RFC 3986
/// section 4.2).
pub(super) fn push_href(out: &mut String, entry: &Entry) {
    out.extend(encode_segment(&entry.name));
    if entry.is_directory() {
        out.push('/');
    }
}

/// A name as HTML: on one line and in one direction.
pub(super) fn push_name(out: &mut String, name: &[u8]) {
    let stands_for_itself = |byte: &u8| matches!(byte, b' '..=b'~') && !b"&<>\"'".contains(byte);
    // Nearly every name is as plain as this, and a listing may have ten thousand.
    if name.iter().all(stands_for_itself)
        && let Ok(plain) = str::from_utf8(name)
    {
        return out.push_str(plain);
    }
    for character in String::from_utf8_lossy(name).chars() {
        push_escaped_html(out, visible(character));
    }
}

/// A name with visible signs for invisible characters.
pub(super) fn visible_name(name: &str) -> String {
    name.chars().map(visible).collect()
}

/// A text of several lines, with visible signs for control characters; it may run in both
/// directions.
pub(super) fn visible_text(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character,
        control if control.is_control() => visible(control),
        plain => plain,
    };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// The visible sign for an unprintable character, which would be invisible, break the line or
/// change the direction of writing.
fn visible(character: char) -> char {
    match character {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        _ if is_unprintable(character) => '\u{fffd}',
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_in_one_harmless_line() {
        let shown = |name: &[u8]| {
            let mut out = String::new();
            push_name(&mut out, name);
            out
        };
        assert_eq!(shown(b"plain ~.txt"), "plain ~.txt");
        assert_eq!(shown("Grüße 日本 🎉".as_bytes()), "Grüße 日本 🎉");
        assert_eq!(shown(b"<script>&\"'"), "&lt;script&gt;&amp;&quot;&#39;");
        assert_eq!(shown(b"a\nb\tc\x1b\x7f\0"), "a␊b␉c␛␡␀");
        assert_eq!(shown("a\u{202e}gpj.exe".as_bytes()), "a\u{fffd}gpj.exe");
        assert_eq!(shown(b"caf\xe9"), "caf\u{fffd}");
    }

    #[test]
    fn texts_keep_their_lines() {
        assert_eq!(visible_text("one\n\ttwo\r\n"), "one\n\ttwo\n");
        assert_eq!(visible_text("lone\rreturn\x1b[1m"), "lone␍return␛[1m");
        assert_eq!(visible_text("<&\u{200f}שלום"), "<&\u{200f}שלום");
    }
}
