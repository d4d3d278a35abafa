//! Markdown as HTML that cannot do harm, whoever wrote it.
//!
//! `pulldown-cmark` parses it and writes the HTML; what it would write is made harmless in between,
//! in `events`. So HTML in the text is text, links lead to pages or mail addresses only, and images
//! come from this site. What a hostile text could blow up has a limit, above which the caller shows
//! the text as it is.

mod anchors;
mod destination;
mod events;
mod nesting;

use std::fmt;

use pulldown_cmark::{Options, Parser, html};

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

/// HTML that may not become too long.
#[derive(Default)]
struct Html(String);

/// The text as HTML; `None` where it is nested too deeply, or becomes too long.
pub(super) fn render(text: &str) -> Option<String> {
    if nesting::depth_max(text) > nesting::DEPTH_MAX {
        return None;
    }
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    let events = events::harmless(Parser::new_ext(text, options))?;
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

#[cfg(test)]
mod tests;
