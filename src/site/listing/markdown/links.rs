//! Links and images as HTML.
//!
//! A link that may not lead there is its text alone. An image of this site is shown, any other is a
//! link: the page loads nothing from elsewhere.

use super::destination::Destination;
use crate::site::html::escape;
use crate::site::listing::text::push_name;

/// An image, whose description is read before it is written.
pub(super) struct Image {
    destination: Destination,
    title: String,
    /// The text that stands for it.
    pub(super) description: String,
    /// How many images begin in its description that have not ended.
    pub(super) inner: usize,
}

impl Image {
    pub(super) fn new(destination: &str, title: &str) -> Self {
        let destination = Destination::of(destination);
        Self { destination, title: title.to_owned(), description: String::new(), inner: 0 }
    }

    /// Appends it; as its text alone where it would be a link within a link.
    pub(super) fn push(&self, html: &mut String, is_in_link: bool) {
        if let Destination::Within(url) = &self.destination {
            // Without `alt`, browsers show the file's name where there is no image.
            for piece in ["<img src=\"", &escape(url), "\" loading=\"lazy\" alt=\""] {
                html.push_str(piece);
            }
            push_name(html, self.description.as_bytes());
            html.push('"');
            push_title(html, &self.title);
            html.push('>');
            return;
        }
        let is_link = !is_in_link && open(html, &self.destination, &self.title);
        let is_bare = self.description.trim().is_empty();
        push_name(html, if is_bare { "image" } else { &self.description }.as_bytes());
        html.push_str(if is_link { "</a>" } else { "" });
    }
}

/// Opens a link; false where it may not lead there.
pub(super) fn open(html: &mut String, destination: &Destination, title: &str) -> bool {
    let (url, relation) = match destination {
        Destination::Within(url) => (url, ""),
        // The other site need not know the path of this folder, which may be private.
        Destination::Elsewhere(url) => (url, " rel=\"nofollow noreferrer\""),
        Destination::Refused => return false,
    };
    for piece in ["<a href=\"", &escape(url), "\"", relation] {
        html.push_str(piece);
    }
    push_title(html, title);
    html.push('>');
    true
}

fn push_title(html: &mut String, title: &str) {
    if !title.is_empty() {
        html.push_str(" title=\"");
        push_name(html, title.as_bytes());
        html.push('"');
    }
}
