//! The header fields of a request, as the parser found them.
//!
//! Names are in any case, values are bytes, and lines of one name stay apart until they are asked
//! for. What a field means is up to the module that reads it.

use std::borrow::Cow;
use std::fmt;

/// Fields whose values are secrets.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// A request's fields, in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    lines: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Adds a field line; `value` comes without the white space around it.
    pub(crate) fn push(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.lines.push((name, value));
    }

    /// How many field lines there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The values of every line of that name; names are case-insensitive (RFC 9110 section 5.1).
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.lines
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|&(_, value)| value)
    }

    /// The first value of that name: for fields that hold one value, not a list.
    #[must_use]
    pub(crate) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// All values of that name as one list, joined by a comma (RFC 9110 section 5.3).
    #[must_use]
    pub(crate) fn list(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut values = self.all(name);
        let mut list = Cow::Borrowed(values.next()?);
        for value in values {
            list.to_mut().extend_from_slice(b", ");
            list.to_mut().extend_from_slice(value);
        }
        Some(list)
    }
}

/// Shows no secrets.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines.iter().map(|&(name, value)| {
            let is_secret = SECRET.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()));
            let value = if is_secret { b"..." } else { value };
            (String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        });
        out.debug_list().entries(lines).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_lists_join() {
        let mut fields = Fields::default();
        fields.push(b"Accept", b"text/html");
        fields.push(b"Host", b"localhost");
        fields.push(b"ACCEPT", b"*/*;q=0.1");
        assert_eq!(fields.first("accept"), Some(&b"text/html"[..]));
        assert_eq!(fields.list("Accept").as_deref(), Some(&b"text/html, */*;q=0.1"[..]));
        assert_eq!(fields.list("host").as_deref(), Some(&b"localhost"[..]));
        assert_eq!(fields.list("range"), None);
        assert_eq!(fields.len(), 3);
    }

    #[test]
    fn a_debug_line_shows_no_secrets() {
        let mut fields = Fields::default();
        fields.push(b"AUTHORIZATION", b"Basic YTpi");
        fields.push(b"Proxy-Authorization", b"Basic YTpi");
        fields.push(b"Accept", b"text/html");
        let line = format!("{fields:?}");
        assert!(!line.contains("YTpi") && line.contains("text/html"), "{line}");
    }
}
