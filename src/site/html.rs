//! Text as HTML: what others wrote is escaped here and nowhere else.
//!
//! The five characters that mean something between tags and in quoted attributes become references;
//! so what is escaped is safe in both places, and must not be put into any other.

use std::borrow::Cow;

/// `text` with the characters that mean something to HTML written as references: safe between tags
/// and in quoted attributes.
#[must_use]
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push_escaped(&mut escaped, character);
    }
    Cow::Owned(escaped)
}

/// Appends one character, as `escape` writes it.
pub(super) fn push_escaped(out: &mut String, character: char) {
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
        assert!(matches!(escape("plain ünïcode"), Cow::Borrowed("plain ünïcode")));
        let want = "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;";
        assert_eq!(escape("<a href=\"x\" title='y'>&amp;"), want);
    }
}
