//! How names, links, numbers and sizes are written into a listing.
//!
//! The one place that decides which characters of a name reach a page. What is shown may differ
//! from the name, since a name may not be text at all; what is linked is always the name's bytes.

use std::fmt::Write as _;

use super::entry::Entry;
use crate::http::percent::encode_segment;
use crate::site::html::push_escaped;
use crate::text::is_unprintable;

/// The units of sizes, each with its bytes.
const UNITS: [(u64, &str); 7] = [
    (1, "B"),
    (1_000, "kB"),
    (1_000_000, "MB"),
    (1_000_000_000, "GB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000_000_000, "PB"),
    (1_000_000_000_000_000_000, "EB"),
];

/// The relative reference to an entry. The `./` keeps `javascript:x` a path (RFC 3986 section 4.2).
pub(super) fn push_href(out: &mut String, entry: &Entry) {
    out.push_str("./");
    out.extend(encode_segment(&entry.name));
    if entry.is_directory() {
        out.push('/');
    }
}

/// A name as HTML shows it, in one line and in one direction.
pub(super) fn push_name(out: &mut String, name: &[u8]) {
    let stands_for_itself = |byte: &u8| matches!(byte, b' '..=b'~') && !b"&<>\"'".contains(byte);
    // Nearly every name is as plain as that, and a listing may hold ten thousand.
    if name.iter().all(stands_for_itself)
        && let Ok(plain) = str::from_utf8(name)
    {
        return out.push_str(plain);
    }
    for character in String::from_utf8_lossy(name).chars() {
        push_escaped(out, visible(character));
    }
}

/// A text of several lines as HTML shows it; its writing may run in both directions.
pub(super) fn push_text(out: &mut String, text: &str) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push(visible(control)),
            plain => push_escaped(out, plain),
        }
    }
}

/// Numbers in groups of three digits: `1,234,567`.
pub(super) fn push_grouped(out: &mut String, number: u64) {
    let (thousands, rest) = (number / 1_000, number % 1_000);
    let written = if thousands == 0 {
        write!(out, "{rest}")
    } else {
        push_grouped(out, thousands);
        write!(out, ",{rest:03}")
    };
    written.expect("a String takes whatever is written");
}

/// A size in its unit, rounded to two or three digits: `0 B`, `1.4 MB`, `734 MB`.
pub(super) fn push_human_size(out: &mut String, bytes: u64) {
    let rounded = |unit: u64| bytes / unit + u64::from(bytes % unit >= unit.div_ceil(2));
    let fitting = UNITS.into_iter().find(|&(unit, _)| rounded(unit) < 1_000);
    let (unit, name) = fitting.expect("no u64 is above 19 EB");
    let tenths = rounded(unit.div_ceil(10));
    let written = if unit > 1 && tenths < 100 {
        write!(out, "{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        write!(out, "{} {name}", rounded(unit))
    };
    written.expect("a String takes whatever is written");
}

/// `1 file`, `2 files`, `1,000 files`.
pub(super) fn push_counted(out: &mut String, count: usize, one: &str, many: &str) {
    push_grouped(out, count as u64);
    out.push(' ');
    out.push_str(if count == 1 { one } else { many });
}

/// The sign that stands for an unprintable character, which would be invisible, break the line or
/// turn the direction of writing.
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
        check_name("\u{85}\u{2028}\u{2029}".as_bytes(), "\u{fffd}\u{fffd}\u{fffd}");
        check_name(
            "a\u{202e}gpj.exe\u{2066}\u{200f}".as_bytes(),
            "a\u{fffd}gpj.exe\u{fffd}\u{fffd}",
        );
        check_name("\u{61c}\u{202a}\u{2069}\u{200e}".as_bytes(), &"\u{fffd}".repeat(4));
        check_name(b"caf\xe9", "caf\u{fffd}");
    }

    #[track_caller]
    fn check_text(text: &str, want: &str) {
        let mut out = String::new();
        push_text(&mut out, text);
        assert_eq!(out, want);
    }

    #[test]
    fn texts_keep_their_lines() {
        check_text("one\n\ttwo\n", "one\n\ttwo\n");
        check_text("one\r\ntwo\r\n", "one\ntwo\n");
        check_text("lone\rreturn\x1b[1m", "lone␍return␛[1m");
        check_text("</pre><script>&", "&lt;/pre&gt;&lt;script&gt;&amp;");
        check_text("\u{200f}שלום", "\u{200f}שלום");
    }

    #[track_caller]
    fn check_size(bytes: u64, want: &str) {
        let mut out = String::new();
        push_human_size(&mut out, bytes);
        assert_eq!(out, want);
    }

    #[test]
    fn sizes_are_rounded_into_their_unit() {
        check_size(0, "0 B");
        check_size(1, "1 B");
        check_size(999, "999 B");
        check_size(1_000, "1.0 kB");
        check_size(1_449, "1.4 kB");
        check_size(1_450, "1.5 kB");
        check_size(9_949, "9.9 kB");
        check_size(9_950, "10 kB");
        check_size(999_499, "999 kB");
        check_size(999_500, "1.0 MB");
        check_size(734_003_200, "734 MB");
        check_size(999_500_000_000_000_000, "1.0 EB");
        check_size(u64::MAX, "18 EB");
    }

    #[track_caller]
    fn check_grouped(number: u64, want: &str) {
        let mut out = String::new();
        push_grouped(&mut out, number);
        assert_eq!(out, want);
    }

    #[track_caller]
    fn check_counted(count: usize, want: &str) {
        let mut out = String::new();
        push_counted(&mut out, count, "file", "files");
        assert_eq!(out, want);
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        check_grouped(0, "0");
        check_grouped(999, "999");
        check_grouped(1_000, "1,000");
        check_grouped(1_234_567, "1,234,567");
        check_grouped(1_000_020, "1,000,020");
        check_grouped(u64::MAX, "18,446,744,073,709,551,615");
        check_counted(1, "1 file");
        check_counted(0, "0 files");
        check_counted(10_000, "10,000 files");
    }
}
