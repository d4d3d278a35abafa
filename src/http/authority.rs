//! `host[:port]`, as Host and absolute-form targets carry it (RFC 9110 section 7.2).
//!
//! The one parser of it. The check against DNS rebinding stands on it, and two parsers that read a
//! text in two ways are how such checks are evaded. The port is checked, and not needed afterwards.

use std::net::Ipv6Addr;

use super::percent::has_whole_triplets;

/// The host of an authority (RFC 3986 section 3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// A `reg-name`: a name, an IPv4 address, or nothing, where the authority is empty as a whole.
    Name(&'a str),
    /// An address in brackets. It must be IPv6, since no later version exists.
    Ipv6(Ipv6Addr),
}

/// The host of `uri-host [ ":" port ]`; `None` where the text is anything else. That excludes user
/// information, and a port without a host. A Host may be empty (RFC 9112 section 3.2).
pub(super) fn host(authority: &[u8]) -> Option<Host<'_>> {
    let text = str::from_utf8(authority).ok()?;
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        (Host::Ipv6(address.parse().ok()?), port)
    } else {
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (is_registered_name(name.as_bytes()).then_some(Host::Name(name))?, port)
    };
    let is_port_alone = host == Host::Name("") && !port.is_empty();
    (is_port(port) && !is_port_alone).then_some(host)
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

    #[track_caller]
    fn check(authority: &str, want: &str) {
        assert_eq!(host(authority.as_bytes()), Some(Host::Name(want)), "{authority}");
    }

    #[track_caller]
    fn check_ipv6(authority: &str, want: &str) {
        let want = want.parse().unwrap();
        assert_eq!(host(authority.as_bytes()), Some(Host::Ipv6(want)), "{authority}");
    }

    #[test]
    fn a_host_comes_with_a_port_or_without() {
        check("", "");
        check("a", "a");
        check("a:", "a");
        check("A:80", "A");
        check("a_b.example", "a_b.example");
        check("1.2.3.4:1", "1.2.3.4");
        check_ipv6("[::1]", "::1");
        check_ipv6("[::]:8080", "::");
        check_ipv6("[::1]:", "::1");

        check("999.1.1.1", "999.1.1.1");
        check("xn--4ca", "xn--4ca");
        check("a%20b", "a%20b");
        check("a:99999", "a");
        check("a,b", "a,b");
        check("~!$&'()*+;=", "~!$&'()*+;=");
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
