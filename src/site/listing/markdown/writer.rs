//! What the parser finds, as HTML: every tag that a README can have is written here or in `links`.

use pulldown_cmark::{Alignment, Event, HeadingLevel, LinkType, Tag, TagEnd};

use super::anchors::Anchors;
use super::destination::Destination;
use super::links::{self, Image};
use crate::site::listing::text::push_text;

/// The level of a top heading: the page has an `h1`, and an `h2` above the text.
const HEADING_LEVEL_MIN: usize = 3;

/// HTML that is being written.
#[derive(Default)]
pub(super) struct Writer {
    /// What has been written.
    pub(super) html: String,
    /// How many elements are open.
    pub(super) depth: usize,
    anchors: Anchors,
    /// The heading that is being written.
    heading: Option<Heading>,
    /// Of HTML that stands as a block of its own: its text so far.
    html_block: Option<String>,
    /// Of each link that has begun, whether it is one in the page too.
    links: Vec<bool>,
    /// The image whose description is being read.
    image: Option<Image>,
    alignments: Vec<Alignment>,
    is_in_table_head: bool,
    /// The column of the next cell.
    column: usize,
}

struct Heading {
    /// Where its anchor goes, which is made from its text.
    anchor_at: usize,
    text: String,
}

impl Writer {
    /// Writes what comes next.
    pub(super) fn write(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => {
                self.depth += 1;
                self.start(tag);
            }
            Event::End(tag) => {
                self.depth -= 1;
                self.end(tag);
            }
            Event::Text(text) => self.text(&text),
            Event::Code(code) => {
                self.tag("<code>");
                self.text(&code);
                self.tag("</code>");
            }
            Event::Html(html) | Event::InlineHtml(html) => self.foreign(&html),
            Event::SoftBreak => self.text("\n"),
            Event::HardBreak => {
                self.tag("<br>");
                self.text("\n");
            }
            Event::Rule => self.tag("<hr>\n"),
            Event::TaskListMarker(is_done) => {
                let checked = if is_done { " checked" } else { "" };
                self.tag("<input type=\"checkbox\" disabled");
                self.tag(checked);
                self.tag("> ");
            }
            // These belong to extensions that are off.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.text(&text);
            }
        }
    }

    /// A tag or a part of one, except in an image's description, which is text alone.
    fn tag(&mut self, tag: &str) {
        if self.image.is_none() {
            self.html.push_str(tag);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(heading) = &mut self.heading {
            heading.text.push_str(text);
        }
        match (&mut self.image, &mut self.html_block) {
            (Some(image), _) => image.description.push_str(&text.replace('\n', " ")),
            (None, Some(block)) => block.push_str(text),
            (None, None) => push_text(&mut self.html, text),
        }
    }

    /// HTML in the text, which becomes text itself. Comments are not shown, as everywhere.
    fn foreign(&mut self, html: &str) {
        if self.html_block.is_some() || !is_comment(html) {
            self.text(html);
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.tag("<p>"),
            Tag::Heading { level, .. } => self.start_heading(level),
            Tag::BlockQuote(_) => self.tag("<blockquote>\n"),
            // The parser of HTML drops a line feed right after `<pre>`; here a tag is between.
            Tag::CodeBlock(_) => self.tag("<pre><code>"),
            Tag::HtmlBlock => self.html_block = Some(String::new()),
            Tag::List(None) => self.tag("<ul>\n"),
            Tag::List(Some(1)) => self.tag("<ol>\n"),
            Tag::List(Some(first)) => self.tag(&format!("<ol start=\"{first}\">\n")),
            Tag::Item => self.tag("<li>"),
            Tag::Table(alignments) => {
                self.alignments = alignments;
                self.tag("<div><table>\n");
            }
            Tag::TableHead => {
                (self.is_in_table_head, self.column) = (true, 0);
                self.tag("<thead>\n<tr>");
            }
            Tag::TableRow => {
                self.column = 0;
                self.tag("<tr>");
            }
            Tag::TableCell => self.start_cell(),
            Tag::Emphasis => self.tag("<em>"),
            Tag::Strong => self.tag("<strong>"),
            Tag::Strikethrough => self.tag("<del>"),
            Tag::Link { link_type, dest_url, title, .. } => {
                self.start_link(link_type, &dest_url, &title);
            }
            Tag::Image { dest_url, title, .. } => self.start_image(&dest_url, &title),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.tag("</p>\n"),
            TagEnd::Heading(level) => self.end_heading(level),
            TagEnd::BlockQuote(_) => self.tag("</blockquote>\n"),
            TagEnd::CodeBlock => self.tag("</code></pre>\n"),
            TagEnd::HtmlBlock => self.end_html_block(),
            TagEnd::List(is_ordered) => self.tag(if is_ordered { "</ol>\n" } else { "</ul>\n" }),
            TagEnd::Item => self.tag("</li>\n"),
            TagEnd::Table => self.tag("</tbody>\n</table></div>\n"),
            TagEnd::TableHead => {
                self.is_in_table_head = false;
                self.tag("</tr>\n</thead>\n<tbody>\n");
            }
            TagEnd::TableRow => self.tag("</tr>\n"),
            TagEnd::TableCell => self.tag(if self.is_in_table_head { "</th>" } else { "</td>" }),
            TagEnd::Emphasis => self.tag("</em>"),
            TagEnd::Strong => self.tag("</strong>"),
            TagEnd::Strikethrough => self.tag("</del>"),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.end_image(),
            _ => {}
        }
    }

    fn start_heading(&mut self, level: HeadingLevel) {
        let tag = format!("<h{}", shown_level(level));
        self.tag(&tag);
        self.heading = Some(Heading { anchor_at: self.html.len(), text: String::new() });
        self.tag(">");
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        if let Some(Heading { anchor_at, text }) = self.heading.take() {
            let id = format!(" id=\"{}\"", self.anchors.name(&text));
            self.html.insert_str(anchor_at, &id);
        }
        self.tag(&format!("</h{}>\n", shown_level(level)));
    }

    fn end_html_block(&mut self) {
        let block = self.html_block.take().unwrap_or_default();
        if !is_comment(block.trim()) {
            self.tag("<pre><code>");
            self.text(&block);
            self.tag("</code></pre>\n");
        }
    }

    fn start_cell(&mut self) {
        let alignment = self.alignments.get(self.column).unwrap_or(&Alignment::None);
        // A class, since the policy forbids the attribute `style`.
        let class = match alignment {
            Alignment::None => "",
            Alignment::Left => " class=\"left\"",
            Alignment::Center => " class=\"center\"",
            Alignment::Right => " class=\"right\"",
        };
        let start = if self.is_in_table_head { "<th scope=\"col\"" } else { "<td" };
        for piece in [start, class, ">"] {
            self.tag(piece);
        }
        self.column += 1;
    }

    fn start_link(&mut self, link_type: LinkType, destination: &str, title: &str) {
        let destination = match link_type {
            LinkType::Email => Destination::of(&format!("mailto:{destination}")),
            _ => Destination::of(destination),
        };
        if self.image.is_none() {
            let is_link = !self.is_in_link() && links::open(&mut self.html, &destination, title);
            self.links.push(is_link);
        }
    }

    fn end_link(&mut self) {
        if self.image.is_none() && self.links.pop() == Some(true) {
            self.html.push_str("</a>");
        }
    }

    /// Whether what comes next cannot be a link. An address in a link would be one.
    fn is_in_link(&self) -> bool {
        self.links.contains(&true)
    }

    fn start_image(&mut self, destination: &str, title: &str) {
        match &mut self.image {
            Some(outer) => outer.inner += 1,
            None => self.image = Some(Image::new(destination, title)),
        }
    }

    fn end_image(&mut self) {
        let is_in_link = self.is_in_link();
        match &mut self.image {
            Some(outer) if outer.inner > 0 => outer.inner -= 1,
            image => {
                if let Some(image) = image.take() {
                    image.push(&mut self.html, is_in_link);
                }
            }
        }
    }
}

/// The level at which a heading is shown, of the six that HTML has.
fn shown_level(level: HeadingLevel) -> usize {
    (level as usize - 1 + HEADING_LEVEL_MIN).min(6)
}

/// Whether HTML is one comment and nothing else.
fn is_comment(html: &str) -> bool {
    let inner = html.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
    inner.is_some_and(|inner| !inner.contains("-->"))
}
