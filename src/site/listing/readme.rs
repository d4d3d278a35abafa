//! A README below the list: as Markdown where its name says so, else as text.

use std::borrow::Cow;

use super::markdown;
use super::text::{push_name, visible_text};
use crate::http::target::encode_segment;
use crate::memory::{self, OutOfMemory};
use crate::text::escape_html;

/// How many bytes of a README are shown. The caller reads one byte more, so that the page can note
/// when there is more.
pub(crate) const README_BYTES_MAX: usize = 64 * 1024;

/// The most bytes that a README takes while it is parsed and written.
const PARSING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// The text shown below the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readme {
    /// The file's name.
    pub(crate) name: Vec<u8>,
    /// Its content; beyond [`README_BYTES_MAX`], the page only notes that there is more.
    pub(crate) text: Vec<u8>,
}

impl Readme {
    fn is_markdown(&self) -> bool {
        self.name.ends_with(b".md") || self.name.ends_with(b".markdown")
    }

    /// The beginning, as text, without the mark of its encoding.
    fn shown(&self) -> Cow<'_, str> {
        let text = within_limit(&self.text);
        String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text))
    }
}

/// Appends the section of the page that has the README.
pub(super) fn push(out: &mut String, readme: &Readme) -> Result<(), OutOfMemory> {
    memory::check(PARSING_BYTES_MAX)?;
    out.push_str("<section>\n<h2><a href=\"");
    out.extend(encode_segment(&readme.name));
    out.push_str("\"><bdi>");
    push_name(out, &readme.name);
    out.push_str("</bdi></a></h2>\n");
    let text = readme.shown();
    let rendered = readme.is_markdown().then(|| markdown::render(&text)).flatten();
    if let Some(html) = rendered {
        for segment in ["<article dir=\"auto\">\n", &html, "</article>\n"] {
            out.push_str(segment);
        }
    } else {
        // The parser drops a line feed right after the tag, so the text can begin with its own.
        out.push_str("<pre dir=\"auto\">\n");
        out.push_str(&escape_html(&visible_text(&text)));
        out.push_str("</pre>\n");
    }
    if within_limit(&readme.text).len() < readme.text.len() {
        out.push_str("<p role=\"note\">Cut after 64 KiB</p>\n");
    }
    out.push_str("</section>\n");
    Ok(())
}

/// The beginning of a text, up to [`README_BYTES_MAX`], without a part of a character at its end.
fn within_limit(text: &[u8]) -> &[u8] {
    if text.len() <= README_BYTES_MAX {
        return text;
    }
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    let mut ends = (README_BYTES_MAX - 3..=README_BYTES_MAX).rev();
    let end = ends.find(|&end| !is_continuation(text[end]));
    &text[..end.unwrap_or(README_BYTES_MAX)]
}
