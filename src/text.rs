//! Which characters are unsafe to show, and text as HTML and as a JSON string.
//!
//! Names and requests may be hostile. Whatever shows them, the log, a listing or the banner,
//! asks here which of their characters could break out of their line, command a terminal or reorder
//! the text around them. How such a character is shown instead is up to each of them.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a character could begin a line, command a terminal, or reorder the text around it.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control() || is_separator(character) || is_bidirectional_control(character)
}

/// U+2028 and U+2029 end a line in JavaScript and in some editors.
fn is_separator(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

/// Unicode's bidirectional controls (UAX #9 section 2): they let `gpj.exe` pass for `exe.jpg`.
fn is_bidirectional_control(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Writes `text` as a JSON string. It escapes what RFC 8259 section 7 demands, and whatever is
/// unprintable, so that it stays one harmless line.
pub(crate) fn write_json_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(out, "\\{character}")?,
            // All of them are in the Basic Multilingual Plane: four digits are enough.
            _ if is_unprintable(character) => write!(out, "\\u{:04x}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

/// `text` with the characters that mean something to HTML written as references: safe between tags
/// and in quoted attributes.
#[must_use]
pub(crate) fn escape_html(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push_escaped_html(&mut escaped, character);
    }
    Cow::Owned(escaped)
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
        assert!(matches!(escape_html("plain ünïcode"), Cow::Borrowed("plain ünïcode")));
        let want = "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;";
        assert_eq!(escape_html("<a href=\"x\" title='y'>&amp;"), want);
    }

    #[test]
    fn unprintable_characters_are_found() {
        for plain in [' ', '~', 'ä', '\u{a0}', '\u{200d}', '\u{2027}', '\u{202f}', 'ש', '🎉'] {
            assert!(!is_unprintable(plain), "{plain:?}");
        }
        for unprintable in
            "\0\t\n\x1b\x7f\u{85}\u{9b}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".chars()
        {
            assert!(is_unprintable(unprintable), "{unprintable:?}");
        }
        for unprintable in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}') {
            assert!(is_unprintable(unprintable), "{unprintable:?}");
        }
        let is_past_the_plane = |character: &char| u32::from(*character) > 0xffff;
        assert_eq!(
            ('\0'..=char::MAX).filter(is_past_the_plane).find(|it| is_unprintable(*it)),
            None
        );
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        let mut out = String::new();
        write_json_string(&mut out, text).unwrap();
        assert_eq!(out, want);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }

    #[test]
    fn json_strings_are_escaped() {
        check("", r#""""#);
        check("plain ü 🎉", r#""plain ü 🎉""#);
        check(r#"a"b\c/"#, r#""a\"b\\c/""#);
        check("</script>", r#""</script>""#);
        check("\n\t\r\0\x1b\x7f\u{9f}", r#""\u000a\u0009\u000d\u0000\u001b\u007f\u009f""#);
        check("\u{2028}\u{2029}", r#""\u2028\u2029""#);
        check("a\u{202e}gpj.exe", r#""a\u202egpj.exe""#);
    }
}
