//! What the parser finds, made harmless before it becomes HTML.
//!
//! HTML becomes text, and no event but a check box's is passed on as HTML. Where links and images
//! lead is judged here, and headings and footnotes get the names by which links find them.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{BlockQuoteKind, CodeBlockKind, CowStr, Event, HeadingLevel, LinkType};
use pulldown_cmark::{Tag, TagEnd};

use super::anchors::Anchors;
use super::destination::Destination;
use crate::site::listing::text::{visible_name, visible_text};

/// Elements within each other, at most. Chromium flattens what is deeper than 512.
const DEPTH_MAX: usize = 256;

/// What the names of footnotes begin with. Those of headings begin otherwise.
const FOOTNOTE_PREFIX: &str = "footnote-";

/// What has become of the events so far.
#[derive(Default)]
struct Events<'a> {
    done: Vec<Event<'a>>,
    /// Footnotes, which come last.
    footnotes: Vec<Event<'a>>,
    /// Their numbers by their names in the text.
    footnote_numbers: HashMap<CowStr<'a>, usize>,
    /// The names in the page of those that there are.
    footnote_names: HashSet<CowStr<'a>>,
    anchors: Anchors,
    /// The heading that is open: where it begins, and its text.
    heading: Option<(usize, String)>,
    /// The footnotes that are open: where they begin, and their names in the page.
    footnotes_open: Vec<(usize, CowStr<'a>)>,
    /// HTML that stands as a block of its own: its text so far.
    html_block: Option<String>,
    /// The links and images that are open.
    links: Vec<Link>,
}

/// A link or an image of the text.
struct Link {
    /// How it ends, if it is one in the page, too.
    end: Option<TagEnd>,
    /// Where its text begins.
    start: usize,
}

/// The events, so that no HTML that is written from them does harm; `None` where they are nested
/// too deeply.
pub(super) fn harmless<'a>(
    parser: impl Iterator<Item = Event<'a>>,
) -> Option<impl Iterator<Item = Event<'a>>> {
    let mut events = Events::default();
    let mut depth = 0;
    for event in parser {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth > DEPTH_MAX {
            return None;
        }
        events.take(event);
    }
    Some(events.done.into_iter().chain(events.footnotes))
}

impl<'a> Events<'a> {
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.text(&text);
            }
            Event::Code(code) => {
                self.note_heading(&code);
                self.done.push(Event::Code(visible_text(&code).into()));
            }
            // Comments are not shown, as everywhere.
            Event::Html(html) | Event::InlineHtml(html)
                if self.html_block.is_some() || !is_comment(&html) =>
            {
                self.text(&html);
            }
            Event::Html(_) | Event::InlineHtml(_) => {}
            Event::SoftBreak | Event::HardBreak => {
                self.note_heading("\n");
                self.done.push(event);
            }
            Event::Rule => self.done.push(event),
            Event::TaskListMarker(is_done) => self.done.push(Event::InlineHtml(check_box(is_done))),
            Event::FootnoteReference(name) => {
                let name = self.footnote_name(name);
                self.done.push(Event::FootnoteReference(name));
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.note_heading(text);
        match &mut self.html_block {
            Some(block) => block.push_str(text),
            None => self.done.push(Event::Text(visible_text(text).into())),
        }
    }

    fn note_heading(&mut self, text: &str) {
        if let Some((_, heading)) = &mut self.heading {
            heading.push_str(text);
        }
    }

    fn start(&mut self, tag: Tag<'a>) {
        let tag = match tag {
            Tag::Heading { level, .. } => {
                self.heading = Some((self.done.len(), String::new()));
                let (id, classes, attrs) = (None, Vec::new(), Vec::new());
                Tag::Heading { level: shown_level(level), id, classes, attrs }
            }
            // Without the name of its language, of which nothing comes.
            Tag::CodeBlock(_) => Tag::CodeBlock(CodeBlockKind::Indented),
            Tag::HtmlBlock => return self.html_block = Some(String::new()),
            Tag::Link { link_type, dest_url, title, .. } => {
                let is_email = link_type == LinkType::Email;
                let url =
                    if is_email { format!("mailto:{dest_url}") } else { dest_url.to_string() };
                return self.start_link(Destination::of(&url), &title);
            }
            Tag::Image { dest_url, title, .. } => {
                return self.start_image(Destination::of(&dest_url), &title);
            }
            Tag::FootnoteDefinition(name) => {
                let name = self.footnote_name(name);
                self.footnotes_open.push((self.done.len(), name.clone()));
                Tag::FootnoteDefinition(name)
            }
            Tag::BlockQuote(Some(kind)) => {
                self.done.push(Event::Start(tag));
                return self.done.extend(alert_title(kind));
            }
            tag => tag,
        };
        self.done.push(Event::Start(tag));
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::HtmlBlock => self.end_html_block(),
            TagEnd::Heading(level) => {
                self.name_heading();
                self.done.push(Event::End(TagEnd::Heading(shown_level(level))));
            }
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::FootnoteDefinition => {
                self.done.push(Event::End(tag));
                if let Some((start, name)) = self.footnotes_open.pop() {
                    let footnote = self.done.drain(start..);
                    // Of two with one name, the first counts.
                    if self.footnote_names.insert(name) {
                        self.footnotes.extend(footnote);
                    }
                }
            }
            tag => self.done.push(Event::End(tag)),
        }
    }

    fn name_heading(&mut self) {
        let Some((start, text)) = self.heading.take() else { return };
        if let Some(Event::Start(Tag::Heading { id, .. })) = self.done.get_mut(start) {
            *id = Some(self.anchors.name(&text).into());
        }
    }

    fn end_html_block(&mut self) {
        let block = self.html_block.take().unwrap_or_default();
        if !is_comment(block.trim()) {
            self.done.push(Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)));
            self.text(&block);
            self.done.push(Event::End(TagEnd::CodeBlock));
        }
    }

    /// Where a link may not lead there, or is in another one, its text is all that is left.
    fn start_link(&mut self, destination: Destination, title: &str) {
        let end = match destination {
            Destination::Within(url) | Destination::Elsewhere(url) if !self.is_in_link() => {
                let (dest_url, title) = (url.into(), visible_name(title).into());
                let (link_type, id) = (LinkType::Inline, "".into());
                self.done.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                Some(TagEnd::Link)
            }
            _ => None,
        };
        self.links.push(Link { end, start: self.done.len() });
    }

    /// The page loads nothing from elsewhere: an image from there is a link.
    fn start_image(&mut self, destination: Destination, title: &str) {
        let Destination::Within(url) = destination else {
            return self.start_link(destination, title);
        };
        let (dest_url, title) = (url.into(), visible_name(title).into());
        let (link_type, id) = (LinkType::Inline, "".into());
        self.done.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
        self.links.push(Link { end: Some(TagEnd::Image), start: self.done.len() });
    }

    fn end_link(&mut self) {
        let Some(Link { end, start }) = self.links.pop() else { return };
        if end != Some(TagEnd::Image) && self.done.len() == start {
            self.text("image");
        }
        self.done.extend(end.map(Event::End));
    }

    fn is_in_link(&self) -> bool {
        self.links.iter().any(|link| link.end == Some(TagEnd::Link))
    }

    /// The name of a footnote in the page, which has nothing of the one in the text.
    fn footnote_name(&mut self, name: CowStr<'a>) -> CowStr<'a> {
        let number = self.footnote_numbers.len() + 1;
        let number = self.footnote_numbers.entry(name).or_insert(number);
        format!("{FOOTNOTE_PREFIX}{number}").into()
    }
}

/// The level at which a heading is shown: the page has an `h1`, and an `h2` above the text.
fn shown_level(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// A check box of a task list, with a label for those who do not see it.
fn check_box(is_done: bool) -> CowStr<'static> {
    if is_done {
        "<input type=\"checkbox\" disabled checked aria-label=\"Done\"> ".into()
    } else {
        "<input type=\"checkbox\" disabled aria-label=\"To do\"> ".into()
    }
}

/// The line that says what an alert is (`> [!NOTE]`).
fn alert_title(kind: BlockQuoteKind) -> [Event<'static>; 5] {
    let title = match kind {
        BlockQuoteKind::Note => "Note",
        BlockQuoteKind::Tip => "Tip",
        BlockQuoteKind::Important => "Important",
        BlockQuoteKind::Warning => "Warning",
        BlockQuoteKind::Caution => "Caution",
    };
    [
        Event::Start(Tag::Paragraph),
        Event::Start(Tag::Strong),
        Event::Text(title.into()),
        Event::End(TagEnd::Strong),
        Event::End(TagEnd::Paragraph),
    ]
}

/// Whether HTML is one comment and nothing else.
fn is_comment(html: &str) -> bool {
    let inner = html.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
    inner.is_some_and(|inner| !inner.contains("-->"))
}
