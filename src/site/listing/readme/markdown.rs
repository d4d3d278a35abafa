//! The parser's events, made harmless before they become HTML.
//!
//! HTML becomes text; only our own check boxes and titles of alerts are passed on as HTML. This
//! file judges the destinations of links and images, and names headings and footnotes so that links
//! find them.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{BlockQuoteKind, CodeBlockKind, CowStr, Event, HeadingLevel, LinkType};
use pulldown_cmark::{Tag, TagEnd};

use super::destination::{ANCHOR_PREFIX, Destination};
use crate::site::listing::text::{visible_name, visible_text};

/// The deepest nesting of elements. Chromium flattens anything deeper than 512.
const DEPTH_MAX: usize = 256;

/// The most characters of a heading that form its name.
const ANCHOR_CHARACTERS_MAX: usize = 100;

/// The prefix of footnotes' names. Those of headings have another.
const FOOTNOTE_PREFIX: &str = "footnote-";

/// The rewritten events so far.
#[derive(Default)]
struct Events<'a> {
    done: Vec<Event<'a>>,
    /// Footnotes, which come last.
    footnotes: Vec<Event<'a>>,
    /// The numbers of footnotes by their names in the text.
    footnote_numbers: HashMap<CowStr<'a>, usize>,
    /// The names in the page of the footnotes seen.
    footnote_names: HashSet<CowStr<'a>>,
    /// The names of headings, each with the number to try next.
    anchors: HashMap<String, usize>,
    /// The start of the open heading.
    heading: usize,
    /// The open footnotes: their starts, and their names in the page.
    footnotes_open: Vec<(usize, CowStr<'a>)>,
    /// The start of the open HTML block, if there is one.
    html_block: Option<usize>,
    /// The open links and images: their ends, if they are shown as such, and the starts of their
    /// texts.
    links: Vec<(Option<TagEnd>, usize)>,
}

/// The events, rewritten so that the HTML made from them is harmless; `None` if they are nested too
/// deeply.
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
            Event::Code(code) => self.done.push(Event::Code(visible_text(&code).into())),
            Event::Html(html) | Event::InlineHtml(html) => {
                // Comments are not shown, as everywhere.
                if self.html_block.is_some() || !is_comment(&html) {
                    self.text(&html);
                }
            }
            Event::SoftBreak | Event::HardBreak | Event::Rule => self.done.push(event),
            Event::TaskListMarker(is_done) => self.done.push(Event::InlineHtml(check_box(is_done))),
            Event::FootnoteReference(name) => {
                let name = self.footnote_name(name);
                self.done.push(Event::FootnoteReference(name));
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.done.push(Event::Text(visible_text(text).into()));
    }

    fn start(&mut self, tag: Tag<'a>) {
        let tag = match tag {
            Tag::Heading { level, .. } => {
                self.heading = self.done.len();
                let (id, classes, attrs) = (None, Vec::new(), Vec::new());
                Tag::Heading { level: shown_level(level), id, classes, attrs }
            }
            // Without the name of its language, which nothing uses.
            Tag::CodeBlock(_) => Tag::CodeBlock(CodeBlockKind::Indented),
            Tag::HtmlBlock => {
                self.html_block = Some(self.done.len());
                Tag::CodeBlock(CodeBlockKind::Indented)
            }
            Tag::Link { link_type: LinkType::Email, dest_url, title, .. } => {
                return self.start_link(false, &format!("mailto:{dest_url}"), &title);
            }
            Tag::Link { dest_url, title, .. } => return self.start_link(false, &dest_url, &title),
            Tag::Image { dest_url, title, .. } => return self.start_link(true, &dest_url, &title),
            Tag::FootnoteDefinition(name) => {
                let name = self.footnote_name(name);
                self.footnotes_open.push((self.done.len(), name.clone()));
                Tag::FootnoteDefinition(name)
            }
            Tag::BlockQuote(Some(kind)) => {
                return self.done.extend([Event::Start(tag), alert_title(kind)]);
            }
            tag => tag,
        };
        self.done.push(Event::Start(tag));
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::HtmlBlock => {
                let start = self.html_block.take().unwrap_or_default();
                self.done.push(Event::End(TagEnd::CodeBlock));
                if is_comment(text_of(self.done.get(start..).unwrap_or_default()).trim()) {
                    self.done.truncate(start);
                }
            }
            TagEnd::Heading(level) => {
                let text = text_of(self.done.get(self.heading..).unwrap_or_default());
                if let Some(Event::Start(Tag::Heading { id, .. })) = self.done.get_mut(self.heading)
                {
                    *id = Some(anchor(&mut self.anchors, &text).into());
                }
                self.done.push(Event::End(TagEnd::Heading(shown_level(level))));
            }
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::FootnoteDefinition => {
                self.done.push(Event::End(tag));
                if let Some((start, name)) = self.footnotes_open.pop() {
                    let footnote = self.done.drain(start..);
                    // The first of two footnotes with one name counts.
                    if self.footnote_names.insert(name) {
                        self.footnotes.extend(footnote);
                    }
                }
            }
            tag => self.done.push(Event::End(tag)),
        }
    }

    /// A link to a forbidden destination, or within another link, is reduced to its text. The page
    /// loads nothing from other sites: an image from there becomes a link.
    fn start_link(&mut self, is_image: bool, url: &str, title: &str) {
        let (link_type, id, title) = (LinkType::Inline, "".into(), visible_name(title).into());
        let is_in_link = self.links.iter().any(|(end, _)| *end == Some(TagEnd::Link));
        let tag = match Destination::of(url) {
            Destination::Within(url) if is_image => {
                Some(Tag::Image { link_type, dest_url: url.into(), title, id })
            }
            Destination::Within(url) | Destination::Elsewhere(url) if !is_in_link => {
                Some(Tag::Link { link_type, dest_url: url.into(), title, id })
            }
            _ => None,
        };
        let end = tag.as_ref().map(Tag::to_end);
        self.done.extend(tag.map(Event::Start));
        self.links.push((end, self.done.len()));
    }

    fn end_link(&mut self) {
        let Some((end, start)) = self.links.pop() else { return };
        if end != Some(TagEnd::Image) && self.done.len() == start {
            self.text("image");
        }
        self.done.extend(end.map(Event::End));
    }

    /// The name of a footnote in the page, which contains nothing of its name in the text.
    fn footnote_name(&mut self, name: CowStr<'a>) -> CowStr<'a> {
        let number = self.footnote_numbers.len() + 1;
        let number = self.footnote_numbers.entry(name).or_insert(number);
        format!("{FOOTNOTE_PREFIX}{number}").into()
    }
}

/// The level at which a heading is shown: below the page's `h1` and the `h2` above the text.
fn shown_level(level: HeadingLevel) -> HeadingLevel {
    HeadingLevel::try_from(level as usize + 2).unwrap_or(HeadingLevel::H6)
}

/// The text of these events.
fn text_of(events: &[Event<'_>]) -> String {
    let texts = events.iter().map(|event| match event {
        Event::Text(text) | Event::Code(text) => text,
        Event::SoftBreak | Event::HardBreak => "\n",
        _ => "",
    });
    texts.collect()
}

/// A check box of a task list, with a label for screen readers.
fn check_box(is_done: bool) -> CowStr<'static> {
    let (checked, label) = if is_done { (" checked", "Done") } else { ("", "To do") };
    format!("<input type=\"checkbox\" disabled{checked} aria-label=\"{label}\"> ").into()
}

/// The line that names the kind of an alert (`> [!NOTE]`).
fn alert_title(kind: BlockQuoteKind) -> Event<'static> {
    let title = match kind {
        BlockQuoteKind::Note => "Note",
        BlockQuoteKind::Tip => "Tip",
        BlockQuoteKind::Important => "Important",
        BlockQuoteKind::Warning => "Warning",
        BlockQuoteKind::Caution => "Caution",
    };
    Event::Html(format!("<p><strong>{title}</strong></p>\n").into())
}

/// A unique name for the heading with this text, made as GitHub makes them, so that a text's own
/// links work here too. It has only letters, digits, `-` and `_`.
fn anchor(taken: &mut HashMap<String, usize>, heading: &str) -> String {
    let characters = heading.trim().chars().filter_map(|character| match character {
        ' ' | '\n' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    let wanted: String =
        characters.take(ANCHOR_CHARACTERS_MAX).flat_map(char::to_lowercase).collect();
    let mut number = taken.get(&wanted).copied().unwrap_or(0);
    let mut name = wanted.clone();
    while taken.contains_key(&name) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    // The next heading with this text skips the numbers that are taken.
    taken.insert(wanted, number.max(1));
    taken.entry(name.clone()).or_insert(1);
    format!("{ANCHOR_PREFIX}{name}")
}

/// Whether HTML is a single comment.
fn is_comment(html: &str) -> bool {
    let inner = html.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
    inner.is_some_and(|inner| !inner.contains("-->"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_text() {
        let mut taken = HashMap::new();
        let mut check = |text: &str, want: &str| {
            assert_eq!(anchor(&mut taken, text), format!("{ANCHOR_PREFIX}{want}"), "{text:?}");
        };
        check("Quick start", "quick-start");
        check(" What's `new`? (2.0) ", "whats-new-20");
        check("snake_case-1", "snake_case-1");
        check("Größe 日本", "größe-日本");
        check("\"><script>\u{202e}\0", "script");
        check(&"x".repeat(1_000), &"x".repeat(100));
    }

    #[test]
    fn no_two_headings_share_a_name() {
        let mut taken = HashMap::new();
        let texts = ["a", "a", "a-1", "a", "a-1", "A", "", "", "a-2", "-1"];
        let names = texts.map(|text| anchor(&mut taken, text));
        assert_eq!(names[..2], ["readme-a", "readme-a-1"]);
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name} in {names:?}");
        }
    }
}
