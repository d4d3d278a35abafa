//! The route table: which method on which path is answered by what.
//!
//! The user's redirects come first, then files, then the built-in rows, so that a real file of the
//! same name wins and no user's folder is ever shadowed. Rows match method and path: a file only
//! takes GET and HEAD, so `POST /post.html` works beside a file of that name.

use std::str::FromStr;

use super::pages;
use crate::http::request::Method;
use crate::http::response::Response;
use crate::http::target::Target;

/// A row of the table.
pub(super) struct Row {
    method: Method,
    path: &'static str,
    pub(super) handler: Handler,
}

/// What answers a request.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// A built-in page.
    Page(fn() -> Response),
    /// 301 to that path.
    Redirect(&'static str),
    /// The 404 page.
    NotFound,
    /// A page made from the body of the request.
    Form(fn(&[u8]) -> Response),
}

/// The built-in rows. A row for GET answers HEAD as well.
const BUILT_IN: [Row; 5] = [
    row(Method::Get, "get.html", Handler::Page(pages::get)),
    row(Method::Get, "redirect.html", Handler::Redirect("/get.html")),
    row(Method::Get, "notfound.html", Handler::NotFound),
    row(Method::Get, "head.html", Handler::Page(pages::head)),
    row(Method::Post, "post.html", Handler::Form(pages::echo_id)),
];

const fn row(method: Method, path: &'static str, handler: Handler) -> Row {
    Row { method, path, handler }
}

/// The built-in rows for that path, whatever their method.
pub(super) fn built_in(target: &Target<'_>) -> impl Iterator<Item = &'static Row> {
    let is_there = |row: &&Row| !target.is_directory() && row.path.as_bytes() == target.path();
    BUILT_IN.iter().filter(is_there)
}

impl Row {
    /// Whether it answers that method.
    pub(super) fn takes(&self, method: Method) -> bool {
        self.method == method || (self.method == Method::Get && method == Method::Head)
    }
}

/// A redirect that the user asked for (`--redirect FROM=TO`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// The path, as [`Target`] decodes it.
    path: Vec<u8>,
    is_directory: bool,
    to: String,
}

impl Redirect {
    /// Whether that target is the one that moved.
    pub(super) fn matches(&self, target: &Target<'_>) -> bool {
        self.path == target.path() && self.is_directory == target.is_directory()
    }

    /// Where it moved to; a query goes along unless the new place has one.
    pub(super) fn location(&self, query: Option<&[u8]>) -> String {
        with_query(self.to.clone(), query.filter(|_| !self.to.contains(['?', '#'])))
    }
}

/// `location` with the query, in which only what may stand there is left as it came.
pub(super) fn with_query(mut location: String, query: Option<&[u8]>) -> String {
    if let Some(query) = query {
        location.push('?');
        for &byte in query {
            match byte {
                b'!'..=b'~' if !b"\"<>\\^`{|}".contains(&byte) => location.push(char::from(byte)),
                _ => location.push_str(percent_encoding::percent_encode_byte(byte)),
            }
        }
    }
    location
}

/// Reads `FROM=TO`.
impl FromStr for Redirect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((from, to)) = text.split_once('=') else {
            return Err("expected FROM=TO".to_owned());
        };
        let target = Target::parse(from.as_bytes());
        let Some(target) = target.ok().filter(|_| from.starts_with('/')) else {
            return Err(format!("'{}' is not a path such as /old", from.escape_debug()));
        };
        let to_is_safe = !to.is_empty()
            && to.bytes().all(|byte| byte.is_ascii_graphic())
            && !to.contains('\\')
            && !to.starts_with("//");
        if !to_is_safe {
            return Err(format!("'{}' is not a path such as /new or a URL", to.escape_debug()));
        }
        let (path, is_directory) = (target.path().to_vec(), target.is_directory());
        Ok(Self { path, is_directory, to: to.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(redirect: &str, asked: &str, want: Option<&str>) {
        let redirect: Redirect = redirect.parse().unwrap();
        let target = Target::parse(asked.as_bytes()).unwrap();
        let location = redirect.matches(&target).then(|| redirect.location(target.query()));
        assert_eq!(location.as_deref(), want);
    }

    #[test]
    fn redirects_match_the_decoded_path_and_keep_the_query() {
        check("/old=/new", "/old", Some("/new"));
        check("/old=/new", "/%6fld?a=b&c", Some("/new?a=b&c"));
        check("/old=/new?x=1", "/old?a=b", Some("/new?x=1"));
        check("/old=https://example.org/", "/old", Some("https://example.org/"));
        check("/a%20b=/c", "/a b", Some("/c"));
        check("/old=/new=er", "/old", Some("/new=er"));
        check("/old/=/new/", "/old/", Some("/new/"));
        check("/old=/new", "/old/", None);
        check("/old=/new", "/older", None);
        check("/old=/new", "/old?\"<\\>", Some("/new?%22%3C%5C%3E"));
    }

    #[test]
    fn wrong_redirects_are_refused() {
        for wrong in ["", "/old", "old=/new", "/old=", "/old=//evil", "/old=/\\evil", "/old=/a b"] {
            assert!(wrong.parse::<Redirect>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_row_for_get_answers_head_and_nothing_else() {
        let target = Target::parse(b"/get.html").unwrap();
        let rows: Vec<_> = built_in(&target).collect();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].takes(Method::Get) && rows[0].takes(Method::Head));
        assert!(!rows[0].takes(Method::Post));
        assert_eq!(built_in(&Target::parse(b"/get.html/").unwrap()).count(), 0);
    }
}
