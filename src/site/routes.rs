//! The route table: the handler of each method on each path.
//!
//! The user's redirects come first, then files, then the built-in rows, so that a real file of the
//! same name wins and no user's folder is ever shadowed. A file takes only GET and HEAD, so
//! `POST /post.html` works beside a file of that name.

use std::str::FromStr;

use percent_encoding::percent_encode;

use super::pages;
use crate::http::response::Response;
use crate::http::target::{Target, URL_ENCODED};

/// The handler of a request.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// A built-in page.
    Page(fn() -> Response),
    /// 301 to this path.
    Redirect(&'static str),
    /// The 404 page.
    NotFound,
    /// A page made from the body of a POST request. All other handlers are for GET and HEAD.
    Form(fn(&[u8]) -> Response),
}

/// The built-in rows.
const BUILT_IN: [(&str, Handler); 5] = [
    ("get.html", Handler::Page(pages::get)),
    ("redirect.html", Handler::Redirect("/get.html")),
    ("notfound.html", Handler::NotFound),
    ("head.html", Handler::Page(pages::head)),
    ("post.html", Handler::Form(pages::echo_id)),
];

/// The row for this path, whatever the method.
pub(super) fn built_in(target: &Target<'_>) -> Option<Handler> {
    let is_there =
        |&&(path, _): &&(&str, _)| !target.is_directory() && path.as_bytes() == target.path();
    BUILT_IN.iter().find(is_there).map(|&(_, handler)| handler)
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
    /// The new place of this target, if it is the redirected one.
    pub(super) fn new_place(&self, target: &Target<'_>) -> Option<&str> {
        let is_it = self.path == target.path() && self.is_directory == target.is_directory();
        is_it.then_some(&self.to)
    }
}

/// The new place, with the query unless it has its own. Characters not allowed in a query are
/// encoded.
pub(super) fn with_query(to: &str, query: Option<&[u8]>) -> String {
    let mut location = to.to_owned();
    if let Some(query) = query.filter(|_| !to.contains(['?', '#'])) {
        location.push('?');
        location.extend(percent_encode(query, URL_ENCODED));
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
        let location = redirect.new_place(&target).map(|to| with_query(to, target.query()));
        assert_eq!(location.as_deref(), want);
    }

    #[test]
    fn redirects_match_the_decoded_path_and_keep_the_query() {
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
}
