//! The destinations of links in a README.
//!
//! A destination is first written in the characters of a URL (RFC 3986 section 2), and only then
//! judged. So nothing is left that browsers drop before they look for a scheme, such as the tab in
//! `java\tscript:`, and no backslash, which they take for a slash.

use percent_encoding::utf8_percent_encode;

use crate::http::target::URL_ENCODED;

/// The prefix of headings' names, so that none is a name that the page itself may use.
pub(super) const ANCHOR_PREFIX: &str = "readme-";

/// The schemes allowed in links.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// A destination, in a form that keeps its meaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// A reference within this site.
    Within(String),
    /// A page of another site, or a mail address; its scheme in lower case.
    Elsewhere(String),
    /// Anything else, such as a script.
    Refused,
}

impl Destination {
    pub(super) fn of(text: &str) -> Self {
        let url = utf8_percent_encode(text, URL_ENCODED).to_string();
        if url.starts_with("//") {
            return Self::Elsewhere(url);
        }
        match scheme(&url).map(str::to_ascii_lowercase) {
            Some(scheme) if SCHEMES.contains(&scheme.as_str()) => {
                Self::Elsewhere(scheme.clone() + &url[scheme.len()..])
            }
            Some(_) => Self::Refused,
            None => Self::Within(within(url)),
        }
    }
}

/// The scheme as a browser finds it (RFC 3986 section 3.1).
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme)
}

/// A reference without a scheme. One to an anchor is pointed to the anchors of this text; any other
/// gets a start that cannot be read as a scheme (RFC 3986 section 4.2).
fn within(url: String) -> String {
    if let Some(fragment) = url.strip_prefix('#') {
        format!("#{ANCHOR_PREFIX}{fragment}")
    } else if ["/", "?", "./", "../"].iter().any(|start| url.starts_with(start)) {
        url
    } else {
        format!("./{url}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_within(text: &str, want: &str) {
        assert_eq!(Destination::of(text), Destination::Within(want.into()), "{text:?}");
    }

    #[track_caller]
    fn check_elsewhere(text: &str, want: &str) {
        assert_eq!(Destination::of(text), Destination::Elsewhere(want.into()), "{text:?}");
    }

    #[test]
    fn references_stay_on_this_site() {
        check_within("../up?x=1&y", "../up?x=1&y");
        check_within(".javascript:", "./.javascript:");
        check_within("/from/the/root", "/from/the/root");
        check_within("?sort=size", "?sort=size");
        check_within("#Quick-Start", "#readme-Quick-Start");
        check_within("größe", "./gr%C3%B6%C3%9Fe");
        check_within("a/b:c", "./a/b:c");
        check_within("1:2", "./1:2");
    }

    #[test]
    fn some_lead_elsewhere_but_no_other_scheme_passes() {
        check_elsewhere("HTTPS://Example.com/a?b=c#d", "https://Example.com/a?b=c#d");
        check_elsewhere("http:x", "http:x");
        check_elsewhere("mailto:a@b.c?subject=x y", "mailto:a@b.c?subject=x%20y");
        check_elsewhere("//example.com", "//example.com");
        let schemes = ["javascript", "JaVaScRiPt", "vbscript", "data", "file", "blob", "a+b-c.d"];
        for scheme in schemes.into_iter().chain(["httpx", "view-source", "h2"]) {
            for rest in ["alert(1)", "//example.com/%0Aalert(1)"] {
                let url = format!("{scheme}:{rest}");
                assert_eq!(Destination::of(&url), Destination::Refused, "{url:?}");
            }
        }
    }

    #[test]
    fn nothing_becomes_a_scheme_or_a_host_in_a_browser() {
        check_within("java\tscript:x", "./java%09script:x");
        check_within("\u{1}javascript:x", "./%01javascript:x");
        check_within(" javascript:x", "./%20javascript:x");
        check_within("javascript\u{ff1a}x", "./javascript%EF%BC%9Ax");
        check_within(":javascript:x", "./:javascript:x");
        check_within("java%73cript:x", "./java%73cript:x");
        check_within("/\\example.com", "/%5Cexample.com");
        check_within("/\t/example.com", "/%09/example.com");
        check_within("\" onerror=x <b>`", "./%22%20onerror=x%20%3Cb%3E%60");
    }
}
