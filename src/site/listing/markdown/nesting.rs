//! How deeply quotes and lists could stand in each other, before a parser looks at them.
//!
//! The parser goes through all of them for each line that continues a paragraph within them:
//! 16,000 quotes in the first line and 16,000 short lines take a second.

/// Quotes and items within each other, at most.
pub(super) const DEPTH_MAX: usize = 100;

/// No quotes and items of the text stand deeper in each other than this.
///
/// A line opens as many as it has markers, and leaves open, before these, the quotes that it marks
/// again and the items that it is indented for, by two columns at least.
pub(super) fn depth_max(text: &str) -> usize {
    text.split(['\n', '\r']).map(depth_after).max().unwrap_or(0)
}

/// How many may be open after a line that opens any.
fn depth_after(line: &str) -> usize {
    let (mut columns, mut markers) = (0, 0);
    let mut rest = line.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b' ' => columns += 1,
            b'\t' => columns += 4,
            b'>' => markers += 1,
            b'-' | b'+' | b'*' if is_end_of_marker(after) => markers += 1,
            b'0'..=b'9' => {
                let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
                match &after[digits..] {
                    [b'.' | b')', after @ ..] if is_end_of_marker(after) => {
                        markers += 1;
                        rest = after;
                    }
                    _ => break,
                }
            }
            _ => break,
        }
    }
    if markers == 0 { 0 } else { columns / 2 + markers }
}

fn is_end_of_marker(after: &[u8]) -> bool {
    matches!(after, [] | [b' ' | b'\t', ..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Parser, Tag, TagEnd};

    #[track_caller]
    fn check(text: &str, want: usize) {
        assert_eq!(depth_max(text), want, "{text:?}");
    }

    #[test]
    fn markers_and_columns_count() {
        check("", 0);
        check("plain\n        indented\n**bold**\n1.5\n-1\n2024-01-01", 0);
        check("- one", 1);
        check("a\n    - three at most\n> b", 3);
        check("\t- x", 3);
        check(">>>x", 3);
        check("1. 22) * + - x", 7);
        check("-", 1);
        check("a\r>> b", 2);
        check(&"> ".repeat(1_000), 1_500);
    }

    /// How deeply quotes and items stand in each other, as the parser has it.
    fn depth(text: &str) -> usize {
        let (mut depth, mut max) = (0, 0);
        for event in Parser::new(text) {
            match event {
                Event::Start(Tag::BlockQuote(_) | Tag::Item) => depth += 1,
                Event::End(TagEnd::BlockQuote(_) | TagEnd::Item) => depth -= 1,
                _ => {}
            }
            max = max.max(depth);
        }
        max
    }

    proptest! {
        #[test]
        fn the_parser_goes_no_deeper(
            segments in prop::collection::vec(prop::sample::select(&[
                " ", "  ", "    ", "\t", ">", "> ", "- ", "-", "* ", "+\t", "1. ", "23) ", "1.",
                "\n", "\n", "\r\n", "\r", "a", "a\n", "# ", "```\n", "|", "\u{b}", "\u{a0}", "<b>",
            ][..]), 0..40),
        ) {
            let text = segments.concat();
            prop_assert!(depth(&text) <= depth_max(&text), "{:?}", text);
        }
    }
}
