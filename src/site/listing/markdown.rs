//! Markdown as HTML that cannot do harm, whoever wrote it.
//!
//! The parser is `pulldown-cmark`, with its tables, task lists and strikethrough. The tags are our
//! own, from a fixed set, and all else is escaped: HTML in the text is shown as it stands, links
//! lead to pages or mail addresses only, images come from this site. What a hostile text could blow
//! up has a limit, above which the caller shows the text as it is.

mod anchors;
mod destination;
mod links;
mod nesting;
mod writer;

use pulldown_cmark::{Options, Parser};

use self::writer::Writer;

/// Bytes of HTML that are written, at most. A real text becomes half as long again; short rows of
/// wide tables could become a hundred times as long.
const HTML_BYTES_MAX: usize = 512 * 1024;

/// Elements within each other, at most. Chromium flattens what is deeper than 512.
const DEPTH_MAX: usize = 256;

/// The text as HTML; `None` where it is nested too deeply, or becomes too long.
pub(super) fn render(text: &str) -> Option<String> {
    if nesting::depth_max(text) > nesting::DEPTH_MAX {
        return None;
    }
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    for event in Parser::new_ext(text, options) {
        writer.write(event);
        if writer.html.len() > HTML_BYTES_MAX || writer.depth > DEPTH_MAX {
            return None;
        }
    }
    Some(writer.html)
}

#[cfg(test)]
mod tests;
