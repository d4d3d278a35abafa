//! Text for people: numbers, sizes and times; characters unsafe to show; HTML and JSON.
//!
//! Sizes are in decimal units (1 kB is 1,000 bytes), as for disks and networks. Names and requests
//! may be hostile: the log, listings and the banner ask here which of their characters could break
//! out of their line, command a terminal or reorder the text around them. Each of them decides how
//! to show such a character.

use std::fmt::{self, Write};
use std::time::Duration;

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

/// A time in at most two units, cut rather than rounded: `350us`, `8.1s`, `2m03s`, `1d02h`.
pub(crate) struct Human(pub(crate) Duration);

/// Numbers in groups of three digits: `1,234,567`.
pub(crate) fn push_grouped(out: &mut String, number: u64) {
    let (thousands, rest) = (number / 1_000, number % 1_000);
    let written = if thousands == 0 {
        write!(out, "{rest}")
    } else {
        push_grouped(out, thousands);
        write!(out, ",{rest:03}")
    };
    written.expect("writing to a String never fails");
}

/// A size in its unit, rounded to two or three digits: `0 B`, `1.4 MB`, `734 MB`.
pub(crate) fn push_human_size(out: &mut String, bytes: u64) {
    let rounded = |unit: u64| bytes / unit + u64::from(bytes % unit >= unit.div_ceil(2));
    let fitting = UNITS.into_iter().find(|&(unit, _)| rounded(unit) < 1_000);
    let (unit, name) = fitting.expect("no u64 is above 19 EB");
    let tenths = rounded(unit.div_ceil(10));
    let written = if unit > 1 && tenths < 100 {
        write!(out, "{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        write!(out, "{} {name}", rounded(unit))
    };
    written.expect("writing to a String never fails");
}

/// `1 file`, `2 files`, `1,000 files`.
pub(crate) fn push_counted(out: &mut String, count: usize, one: &str, many: &str) {
    push_grouped(out, count as u64);
    out.push(' ');
    out.push_str(if count == 1 { one } else { many });
}

impl fmt::Display for Human {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(duration) = self;
        let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
        match seconds {
            0 if micros < 1_000 => write!(out, "{micros}us"),
            0 => write!(out, "{}.{}ms", micros / 1_000, micros / 100 % 10),
            1..60 => write!(out, "{seconds}.{}s", micros / 100_000),
            60..3_600 => write!(out, "{}m{:02}s", seconds / 60, seconds % 60),
            3_600..86_400 => write!(out, "{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
            _ => write!(out, "{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
        }
    }
}

/// Whether a character could begin a line, command a terminal, or reorder the text around it.
pub(crate) fn is_unprintable(character: char) -> bool {
    // U+2028 and U+2029 end a line in JavaScript and in some editors. The others are Unicode's
    // bidirectional controls (UAX #9 section 2): they let `gpj.exe` pass for `exe.jpg`.
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Writes `text` as a JSON string. Escapes the characters that RFC 8259 section 7 demands, and all
/// that are unprintable, so that it stays one harmless line.
pub(crate) fn write_json_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(out, "\\{character}")?,
            // All of them are in the Basic Multilingual Plane, so four digits are enough.
            _ if is_unprintable(character) => write!(out, "\\u{:04x}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

/// `text` with the special characters of HTML as references: safe between tags and in quoted
/// attributes.
#[must_use]
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|character| push_escaped_html(&mut escaped, character));
    escaped
}

/// Appends one character, as `escape_html` writes it.
pub(crate) fn push_escaped_html(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        plain => out.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_something_is_escaped() {
        assert_eq!(escape_html("plain ünïcode"), "plain ünïcode");
        let want = "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;";
        assert_eq!(escape_html("<a href=\"x\" title='y'>&amp;"), want);
    }

    #[test]
    fn unprintable_characters_are_found() {
        let controls = ('\0'..=char::MAX).filter(|character| character.is_control());
        let bidirectional = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        let others = "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".chars();
        let mut want: Vec<_> = controls.chain(others).chain(bidirectional).collect();
        want.sort_unstable();
        let got: Vec<_> = ('\0'..=char::MAX).filter(|&it| is_unprintable(it)).collect();
        assert_eq!(got, want);
        // `write_json_string` has four digits for each of them.
        assert!(got.into_iter().all(|character| u32::from(character) <= 0xffff));
    }

    #[track_caller]
    fn check(want: &str, write: impl FnOnce(&mut String)) {
        let mut out = String::new();
        write(&mut out);
        assert_eq!(out, want);
    }

    #[test]
    fn json_strings_are_escaped() {
        for (text, want) in [
            ("plain ü 🎉 </script>", r#""plain ü 🎉 </script>""#),
            (r#"a"b\c/"#, r#""a\"b\\c/""#),
            ("\n\t\0\x7f\u{9f}\u{202e}", r#""\u000a\u0009\u0000\u007f\u009f\u202e""#),
        ] {
            check(want, |out| write_json_string(out, text).unwrap());
            assert_eq!(serde_json::from_str::<String>(want).unwrap(), text);
        }
    }

    #[test]
    fn sizes_are_rounded_into_their_unit() {
        for (bytes, want) in [(0, "0 B"), (1_000, "1.0 kB"), (1_450, "1.5 kB"), (9_949, "9.9 kB")] {
            check(want, |out| push_human_size(out, bytes));
        }
        for (bytes, want) in [(9_950, "10 kB"), (999_500, "1.0 MB"), (u64::MAX, "18 EB")] {
            check(want, |out| push_human_size(out, bytes));
        }
        check("1.0 EB", |out| push_human_size(out, 999_500_000_000_000_000));
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        check("0", |out| push_grouped(out, 0));
        check("18,446,744,073,709,551,615", |out| push_grouped(out, u64::MAX));
        check("1 file", |out| push_counted(out, 1, "file", "files"));
        check("10,000 files", |out| push_counted(out, 10_000, "file", "files"));
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let time = |micros| Human(Duration::from_micros(micros)).to_string();
        assert_eq!([0, 999, 1_000, 8_199].map(time), ["0us", "999us", "1.0ms", "8.1ms"]);
        assert_eq!([59_999_999, 125_900_000].map(time), ["59.9s", "2m05s"]);
        assert_eq!([3_599_999_999, 93_600_000_000].map(time), ["59m59s", "1d02h"]);
        assert_eq!(time(7_440_000_000), "2h04m");
    }
}
