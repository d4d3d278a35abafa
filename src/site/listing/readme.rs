//! A README below the list: as Markdown if its name says so, otherwise as text.
//!
//! `pulldown-cmark` parses Markdown and writes the HTML. In between, `markdown` makes the output
//! harmless, whoever wrote the text: HTML becomes text, links lead only to pages or mail addresses,
//! and images come from this site. Everything that a hostile text could inflate has a limit, beyond
//! which the text is shown unrendered.

mod destination;
mod markdown;

use std::fmt;

use pulldown_cmark::{Options, Parser, html};

use super::text::{push_name, visible_text};
use crate::http::target::encode_segment;
use crate::memory::{self, OutOfMemory};
use crate::text::escape_html;

/// The most bytes of a README shown. The caller reads one byte more, so that the page can note that
/// there is more.
pub(crate) const README_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of memory for parsing and writing a README.
const PARSING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// The most bytes of HTML written. A real text grows by half; short rows of wide tables could grow
/// a hundredfold.
const HTML_BYTES_MAX: usize = 512 * 1024;

/// Tags to rewrite, with their replacements. Text has no `<` of its own, so nothing else can look
/// like one of these. The page's policy forbids the attribute `style`.
const TAGS: [(&str, &str); 12] = [
    ("<td style=\"text-align: left\">", "<td class=\"left\">"),
    ("<td style=\"text-align: center\">", "<td class=\"center\">"),
    ("<td style=\"text-align: right\">", "<td class=\"right\">"),
    ("<th style=\"text-align: left\">", "<th class=\"left\">"),
    ("<th style=\"text-align: center\">", "<th class=\"center\">"),
    ("<th style=\"text-align: right\">", "<th class=\"right\">"),
    ("<table>", "<div><table>"),
    ("</table>", "</table></div>"),
    ("<img ", "<img loading=\"lazy\" "),
    // The other site need not know the path of this folder, which may be private.
    ("<a href=\"http:", "<a rel=\"nofollow noreferrer\" href=\"http:"),
    ("<a href=\"https:", "<a rel=\"nofollow noreferrer\" href=\"https:"),
    ("<a href=\"//", "<a rel=\"nofollow noreferrer\" href=\"//"),
];

/// The deepest nesting of quotes and list items.
const NESTING_MAX: usize = 100;

/// The text shown below the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readme {
    /// The file's name.
    pub(crate) name: &'static [u8],
    /// Its content; beyond [`README_BYTES_MAX`], the page only notes that there is more.
    pub(crate) text: Vec<u8>,
}

/// HTML of limited length.
#[derive(Default)]
struct Html(String);

/// Appends the section of the page with the README.
pub(super) fn push(out: &mut String, readme: &Readme) -> Result<(), OutOfMemory> {
    memory::check(PARSING_BYTES_MAX)?;
    out.push_str("<section>\n<h2><a href=\"");
    out.extend(encode_segment(readme.name));
    out.push_str("\"><bdi>");
    push_name(out, readme.name);
    out.push_str("</bdi></a></h2>\n");
    let is_cut = readme.text.len() > README_BYTES_MAX;
    let shown = &readme.text[..readme.text.len().min(README_BYTES_MAX)];
    let shown = match str::from_utf8(shown) {
        // The cut is within a character.
        Err(error) if is_cut && error.error_len().is_none() => &shown[..error.valid_up_to()],
        _ => shown,
    };
    // Without its byte order mark.
    let text = String::from_utf8_lossy(shown.strip_prefix(b"\xef\xbb\xbf").unwrap_or(shown));
    let is_markdown = readme.name.ends_with(b".md") || readme.name.ends_with(b".markdown");
    let html = match is_markdown.then(|| render(&text)).flatten() {
        Some(html) => ["<article dir=\"auto\">\n", &html, "</article>\n"].concat(),
        // A browser drops the line feed right after the tag, so that the text keeps its own.
        None => ["<pre dir=\"auto\">\n", &escape_html(&visible_text(&text)), "</pre>\n"].concat(),
    };
    memory::reserve_text(out, html.len())?;
    out.push_str(&html);
    if is_cut {
        out.push_str("<p role=\"note\">Cut after 64 KiB</p>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

/// The text as HTML; `None` if it is nested too deeply or becomes too long.
fn render(text: &str) -> Option<String> {
    if nesting_max(text) > NESTING_MAX {
        return None;
    }
    let options = Options::from_iter([
        Options::ENABLE_TABLES,
        Options::ENABLE_STRIKETHROUGH,
        Options::ENABLE_TASKLISTS,
        Options::ENABLE_FOOTNOTES,
        Options::ENABLE_GFM,
    ]);
    let events = markdown::harmless(Parser::new_ext(text, options))?;
    let mut html = Html::default();
    html::write_html_fmt(&mut html, events.into_iter()).ok()?;
    let html = TAGS.iter().fold(html.0, |html, (from, to)| html.replace(from, to));
    (html.len() <= HTML_BYTES_MAX).then_some(html)
}

impl fmt::Write for Html {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > HTML_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// An upper bound on the nesting of quotes and list items. It is checked before the parser, which
/// visits all of them for each line that continues a paragraph within them: 16,000 quotes in the
/// first line and 16,000 short lines take a second.
///
/// A line opens one level per marker. Before these, it keeps open the quotes that it marks again
/// and the items that it is indented for, by at least two columns each.
fn nesting_max(text: &str) -> usize {
    text.split(['\n', '\r']).map(nesting_after).max().unwrap_or(0)
}

/// An upper bound on the nesting after a line; 0 if it opens nothing.
fn nesting_after(line: &str) -> usize {
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
mod tests;
