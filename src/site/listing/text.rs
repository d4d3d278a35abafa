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
    256 + (3 + 6) * entry.name.len()
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

    #[track_caller]
    fn check_name(name: &[u8], want: &str) {
        let mut out = String::new();
        push_name(&mut out, name);
        assert_eq!(out, want);
    }

    #[test]
    fn names_are_shown_in_one_harmless_line() {
        check_name(b"plain.txt", "plain.txt");
        check_name("Grüße 日本 🎉".as_bytes(), "Grüße 日本 🎉");
        check_name(b"", "");
        check_name(b"<script>&\"'", "&lt;script&gt;&amp;&quot;&#39;");
        check_name(b"a\nb\tc\x1b\x7f\0", "a␊b␉c␛␡␀");
        check_name("a\u{202e}gpj.exe".as_bytes(), "a\u{fffd}gpj.exe");
        check_name(b"caf\xe9", "caf\u{fffd}");
    }

    #[track_caller]
    fn check_text(text: &str, want: &str) {
        assert_eq!(visible_text(text), want);
    }

    #[test]
    fn texts_keep_their_lines() {
        check_text("one\n\ttwo\n", "one\n\ttwo\n");
        check_text("one\r\ntwo\r\n", "one\ntwo\n");
        check_text("lone\rreturn\x1b[1m", "lone␍return␛[1m");
        check_text("</pre><script>&", "</pre><script>&");
        check_text("\u{200f}שלום", "\u{200f}שלום");
    }
}
