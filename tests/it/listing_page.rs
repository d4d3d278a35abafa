//! A parser for the listing's page, and its links resolved as a browser would resolve them.
//!
//! It is strict where a careless writer could go wrong: a row that does not look exactly like a
//! row, or a reference that a browser could take for a host or a scheme, fails the test.

use percent_encoding::percent_decode_str;

use crate::support::{Httpd, Reply};

/// A parsed page; all texts are as a reader sees them.
pub struct Page {
    pub title: String,
    /// Reference and text of each parent folder, the root first.
    pub breadcrumbs: Vec<(String, String)>,
    /// The target of the first row, except in the root.
    pub parent: Option<String>,
    pub rows: Vec<Row>,
    /// The note above the table, if entries are missing.
    pub note: Option<String>,
    /// The counts below the table, and the exact size of all files.
    pub counts: String,
    pub total_size: String,
    pub readme: Option<Readme>,
}

/// An entry's row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Without its query.
    pub href: String,
    pub query: Option<String>,
    /// With a slash at its end for a folder.
    pub shown: String,
    pub modified: Option<String>,
    /// The exact size, from the cell's title.
    pub size: Option<String>,
}

/// The README below the table.
pub struct Readme {
    pub href: String,
    /// The text, or its HTML if it is shown as Markdown.
    pub text: String,
    pub note: Option<String>,
}

/// The unparsed part of a page.
struct Rest<'a>(&'a str);

impl Page {
    /// Fetches the listing at `target`, which must exist.
    #[track_caller]
    pub fn fetch(httpd: &Httpd, target: &str) -> Self {
        let reply = httpd.get(target);
        assert_eq!(reply.status, 200, "{target}");
        Self::parse(&reply)
    }

    #[track_caller]
    pub fn parse(reply: &Reply) -> Self {
        assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"));
        let page = str::from_utf8(&reply.body).expect("a page is UTF-8");
        let mut rest = Rest(page);
        rest.expect("<!DOCTYPE html>\n<html lang=\"en\">\n");
        rest.until("<title>");
        let title = unescape(rest.until("</title>"));
        rest.until("<h1>");
        let breadcrumbs = breadcrumbs(rest.until("</h1>"));
        rest.until("<main>\n");
        let note = rest.note();
        rest.expect("<table>\n<caption>");
        rest.until("</thead>\n<tbody>\n");
        let parent = rest.parent_row();
        let mut rows = Vec::new();
        while !rest.accept("</tbody>\n<tfoot>\n") {
            rows.push(rest.row());
        }
        rest.expect("<tr><th scope=row>");
        let counts = rest.until("<td>").to_owned();
        let total_size = rest.size().unwrap_or_default();
        rest.expect("</tfoot>\n</table>\n");
        let readme = rest.readme();
        rest.expect("</main>\n<script>");
        rest.until("</script>");
        rest.expect("\n</body>\n</html>\n");
        assert_eq!(rest.0, "", "nothing follows the page");
        Self { title, breadcrumbs, parent, rows, note, counts, total_size, readme }
    }

    /// The names in the rows' links, which must be text; a folder's ends with a slash.
    #[track_caller]
    pub fn texts(&self) -> Vec<String> {
        self.rows.iter().map(|row| String::from_utf8(row.name()).unwrap()).collect()
    }

    #[track_caller]
    pub fn row(&self, shown: &str) -> &Row {
        let row = self.rows.iter().find(|row| row.shown == shown);
        row.unwrap_or_else(|| panic!("no {shown:?} among {:?}", self.rows))
    }
}

impl Row {
    /// The bytes of the name in the row's link.
    pub fn name(&self) -> Vec<u8> {
        percent_decode_str(&self.href).collect()
    }

    pub fn is_folder(&self) -> bool {
        self.href.ends_with('/')
    }
}

impl<'a> Rest<'a> {
    #[track_caller]
    fn until(&mut self, mark: &str) -> &'a str {
        let Some((before, after)) = self.0.split_once(mark) else {
            panic!("no {mark:?} in {:.300}", self.0)
        };
        self.0 = after;
        before
    }

    fn accept(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    #[track_caller]
    fn expect(&mut self, text: &str) {
        assert!(self.accept(text), "{text:?} is not the start of {:.300}", self.0);
    }

    #[track_caller]
    fn parent_row(&mut self) -> Option<String> {
        if !self.0.starts_with("<tr><th scope=row><a href=\"../") {
            return None;
        }
        self.expect("<tr><th scope=row><a href=\"");
        let href = unescape(self.until("\" title=\""));
        assert_ne!(unescape(self.until("\">")), "");
        self.expect("../</a><td><td>\n");
        Some(href)
    }

    #[track_caller]
    fn row(&mut self) -> Row {
        self.expect("<tr><th scope=row><a href=\"");
        let href = unescape(self.until("\""));
        let (href, query) = match href.split_once('?') {
            Some((href, query)) => (href.to_owned(), Some(query.to_owned())),
            None => (href, None),
        };
        self.expect("><bdi>");
        let shown = unescape(self.until("</bdi>")) + if self.accept("/") { "/" } else { "" };
        self.expect("</a><td>");
        let modified = self.accept("<time datetime=\"").then(|| {
            let moment = self.until("\">").to_owned();
            let (day, minute) = (&moment[..10], &moment[11..16]);
            assert_eq!(self.until("</time>"), format!("{day} {minute}"));
            moment
        });
        let size = self.size();
        assert_eq!(href.ends_with('/'), shown.ends_with('/'), "{href}");
        Row { href, query, shown, modified, size }
    }

    /// The last cell of a row, and the end of the row.
    #[track_caller]
    fn size(&mut self) -> Option<String> {
        if self.accept("<td>\n") {
            return None;
        }
        self.expect("<td title=\"");
        let exactly = self.until("\">").to_owned();
        assert!(self.until("\n").ends_with('B'), "a size has a unit");
        Some(exactly)
    }

    fn note(&mut self) -> Option<String> {
        self.accept("<p role=\"note\">").then(|| self.until("</p>\n").to_owned())
    }

    fn readme(&mut self) -> Option<Readme> {
        if !self.accept("<section>\n<h2><a href=\"") {
            return None;
        }
        let href = self.until("\"").to_owned();
        self.until("</h2>\n");
        let text = if self.accept("<article dir=\"auto\">\n") {
            self.until("</article>\n").to_owned()
        } else {
            self.expect("<pre dir=\"auto\">\n");
            unescape(self.until("</pre>\n"))
        };
        let note = self.note();
        self.expect("</section>\n");
        Some(Readme { href, text, note })
    }
}

fn breadcrumbs(heading: &str) -> Vec<(String, String)> {
    let links = heading.split("<a href=").skip(1);
    let link = |link: &str| {
        let (tag, text) = link.split_once("</a>").unwrap().0.split_once('>').unwrap();
        let href = tag.split(' ').next().unwrap().trim_matches('"');
        (unescape(href), unescape(text.trim_start_matches("<bdi>").trim_end_matches("</bdi>")))
    };
    links.map(link).collect()
}

/// The text between two tags, which must be fully escaped.
#[track_caller]
fn unescape(html: &str) -> String {
    assert!(!html.contains(['<', '>', '"', '\'']), "not escaped: {html:?}");
    let references =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let replace = |text: String, (reference, meant): (&str, &str)| text.replace(reference, meant);
    references.into_iter().fold(html.to_owned(), replace)
}

/// The target that a browser requests when `href` is clicked on the page of `folder`.
#[track_caller]
pub fn resolve(folder: &str, href: &str) -> String {
    let folder = folder.split('?').next().unwrap_or(folder);
    assert!(folder.ends_with('/'), "{folder}");
    if let Some(rest) = href.strip_prefix("../") {
        let above = folder.trim_end_matches('/');
        resolve(&above[..=above.rfind('/').expect("the root has no parent")], rest)
    } else {
        assert!(!href.starts_with('/') && !href.contains(':'), "{href} leads elsewhere");
        format!("{folder}{href}")
    }
}
