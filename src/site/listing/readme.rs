//! A README below the list: as Markdown where its name says so, else as text.
//!
//! `pulldown-cmark` parses Markdown and writes the HTML; what it would write is made harmless in
//! between, in `markdown`, whoever wrote the text. So HTML in it is text, links lead to pages or
//! mail addresses only, and images come from this site. What a hostile text could blow up has a
//! limit, above which the text is shown as it is.

mod destination;
mod markdown;

use std::fmt;

use pulldown_cmark::{Options, Parser, html};

use super::text::{push_name, visible_text};
use crate::http::target::encode_segment;
use crate::memory::{self, OutOfMemory};
use crate::text::escape_html;

/// How many bytes of a README are shown. The caller reads one byte more, so that the page can note
/// when there is more.
pub(crate) const README_BYTES_MAX: usize = 64 * 1024;

/// The most bytes that a README takes while it is parsed and written.
const PARSING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Bytes of HTML that are written, at most. A real text becomes half as long again; short rows of
/// wide tables could become a hundred times as long.
const HTML_BYTES_MAX: usize = 512 * 1024;

/// Tags that are not written as they should be, and how they should. Text has no `<` of its own, so
/// nothing else can look like one of these. The page's policy forbids the attribute `style`.
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

/// Quotes and items of lists within each other, at most.
const NESTING_MAX: usize = 100;

/// The text shown below the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readme {
    /// The file's name.
    pub(crate) name: &'static [u8],
    /// Its content; beyond [`README_BYTES_MAX`], the page only notes that there is more.
    pub(crate) text: Vec<u8>,
}

/// HTML that may not become too long.
#[derive(Default)]
struct Html(String);

/// Appends the section of the page that has the README.
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
        // It is cut within a character.
        Err(error) if is_cut && error.error_len().is_none() => &shown[..error.valid_up_to()],
        _ => shown,
    };
    // Without the mark of its encoding.
    let text = String::from_utf8_lossy(shown.strip_prefix(b"\xef\xbb\xbf").unwrap_or(shown));
    let is_markdown = readme.name.ends_with(b".md") || readme.name.ends_with(b".markdown");
    let rendered = is_markdown.then(|| render(&text)).flatten();
    if let Some(html) = rendered {
        out.extend(["<article dir=\"auto\">\n", &html, "</article>\n"]);
    } else {
        // The parser drops a line feed right after the tag, so the text can begin with its own.
        out.push_str("<pre dir=\"auto\">\n");
        out.push_str(&escape_html(&visible_text(&text)));
        out.push_str("</pre>\n");
    }
    if is_cut {
        out.push_str("<p role=\"note\">Cut after 64 KiB</p>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

/// The text as HTML; `None` where it is nested too deeply, or becomes too long.
fn render(text: &str) -> Option<String> {
    if nesting_max(text) > NESTING_MAX {
        return None;
    }
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
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

/// No quotes and items of the text stand deeper in each other than this. It is asked before the
/// parser, which goes through all of them for each line that continues a paragraph within them:
/// 16,000 quotes in the first line and 16,000 short lines take a second.
///
/// A line opens as many as it has markers, and leaves open, before these, the quotes that it marks
/// again and the items that it is indented for, by two columns at least.
fn nesting_max(text: &str) -> usize {
    text.split(['\n', '\r']).map(nesting_after).max().unwrap_or(0)
}

/// How many may be open after a line that opens any.
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
