//! What texts are made of in HTTP: tokens, percent-encoded names, and authorities.
//!
//! There is one parser of each. The check against DNS rebinding stands on that of authorities, and
//! two parsers that read a text in two ways are how such checks are evaded.

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_encode};

/// What is encoded in a path segment: all but the unreserved characters and six delimiters that
/// mean nothing in a path, in HTML or in a header field (RFC 3986 sections 2.2, 2.3 and 3.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',');

/// The host of an authority (RFC 3986 section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    /// A `reg-name`: a name, an IPv4 address, or nothing, where the authority is empty as a whole.
    Name(&'a str),
    /// An address in brackets. It must be IPv6, since no later version exists.
    Ipv6(Ipv6Addr),
}

/// Whether this is a token: a method, a field name, a parameter's name.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// One name as it stands in a path, percent-encoded. Also safe as a relative reference, where a
/// colon would otherwise make a scheme of what is before it (RFC 3986 section 4.2).
pub(crate) fn encode_segment(name: &[u8]) -> PercentEncode<'_> {
    percent_encode(name, ENCODED)
}

/// Whether two hexadecimal digits follow each percent sign.
pub(super) fn has_whole_triplets(text: &[u8]) -> bool {
    let mut after_percent = text.split(|&byte| byte == b'%').skip(1);
    after_percent.all(|rest| {
        rest.first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// The host of an authority; `None` where the text is anything else.
pub(super) fn host(authority: &[u8]) -> Option<Host<'_>> {
    host_and_port(authority).map(|(host, _)| host)
}

/// The parts of `uri-host [ ":" port ]`, of which the port may be empty; `None` where the text is
/// anything else. That excludes user information, and a port without a host. A Host may be empty
/// (RFC 9112 section 3.2).
pub(crate) fn host_and_port(authority: &[u8]) -> Option<(Host<'_>, &str)> {
    let text = str::from_utf8(authority).ok()?;
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        (Host::Ipv6(address.parse().ok()?), port)
    } else {
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (is_registered_name(name.as_bytes()).then_some(Host::Name(name))?, port)
    };
    let is_port_alone = host == Host::Name("") && !port.is_empty();
    (is_port(port) && !is_port_alone).then_some((host, port.trim_start_matches(':')))
}

/// The characters of `reg-name`, among them all IPv4 addresses.
fn is_registered_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte);
    name.iter().all(is_allowed) && has_whole_triplets(name)
}

/// Nothing, or a colon and digits, of which there may be none.
fn is_port(text: &str) -> bool {
    let are_digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    text.is_empty() || text.strip_prefix(':').is_some_and(are_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded() {
        #[track_caller]
        fn check(name: &[u8], want: &str) {
            assert_eq!(encode_segment(name).to_string(), want);
        }
        check(b"Read-me_1.0~.txt", "Read-me_1.0~.txt");
        check(b"a!$()*,b", "a!$()*,b");
        check(b"a b", "a%20b");
        check(b"50%", "50%25");
        check(b"/?#:;+&=@", "%2F%3F%23%3A%3B%2B%26%3D%40");
        check(b"\"'<>`", "%22%27%3C%3E%60");
        check(b"\\[]{}|^", "%5C%5B%5D%7B%7D%7C%5E");
        check(b"\r\n\t\x00\x7f\xc3\xa4", "%0D%0A%09%00%7F%C3%A4");
    }

    #[test]
    fn triplets_are_a_sign_and_two_digits() {
        #[track_caller]
        fn check(text: &str, want: bool) {
            assert_eq!(has_whole_triplets(text.as_bytes()), want, "{text}");
        }
        check("", true);
        check("plain", true);
        check("%41%4a%4F", true);
        check("%410", true);
        check("%", false);
        check("%4", false);
        check("%4%41", false);
        check("%zz", false);
        check("%%41", false);
        check("%+1", false);
        check("%u0041", false);
    }

    #[track_caller]
    fn check_host(authority: &str, want: &str) {
        assert_eq!(host(authority.as_bytes()), Some(Host::Name(want)), "{authority}");
    }

    #[track_caller]
    fn check_ipv6(authority: &str, want: &str) {
        let want = want.parse().unwrap();
        assert_eq!(host(authority.as_bytes()), Some(Host::Ipv6(want)), "{authority}");
    }

    #[test]
    fn a_host_comes_with_a_port_or_without() {
        check_host("", "");
        check_host("a", "a");
        check_host("a:", "a");
        check_host("A:80", "A");
        check_host("a_b.example", "a_b.example");
        check_host("1.2.3.4:1", "1.2.3.4");
        check_ipv6("[::1]", "::1");
        check_ipv6("[::]:8080", "::");
        check_ipv6("[::1]:", "::1");

        check_host("999.1.1.1", "999.1.1.1");
        check_host("xn--4ca", "xn--4ca");
        check_host("a%20b", "a%20b");
        check_host("a:99999", "a");
        check_host("a,b", "a,b");
        check_host("~!$&'()*+;=", "~!$&'()*+;=");
        check_ipv6("[::ffff:1.2.3.4]", "::ffff:1.2.3.4");
    }

    #[test]
    fn anything_else_is_no_authority() {
        for text in ["a b", "a@b", "a/b", "a?b", "a#b", "a\\b", "a\"", "<a>", "ä", " a", "a\0"] {
            assert_eq!(host(text.as_bytes()), None, "{text}");
        }
        for text in ["a%", "a%2", "a%zz", "a:b", "a:+1", "a: 1", "a:1 ", "a:1:2", "::1", "a]"] {
            assert_eq!(host(text.as_bytes()), None, "{text}");
        }
        for text in ["[::1", "::1]", "[]", "[a]", "[1.2.3.4]", "[::1]a", "[::1]:a", "x[::1]"] {
            assert_eq!(host(text.as_bytes()), None, "{text}");
        }
        for text in ["[fe80::1%25lo]", "[v1.a]", "[[::1]]", "[::1]]", "[ ::1]", "user:1@[::1]"] {
            assert_eq!(host(text.as_bytes()), None, "{text}");
        }
        for text in [":", ":80", ":80:80", ":x"] {
            assert_eq!(host(text.as_bytes()), None, "{text}");
        }
        assert_eq!(host(b"\xff"), None);
        assert_eq!(host(b"[\xff]"), None);
    }
}
