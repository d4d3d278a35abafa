//! Hosts of authorities, and the Host values that a server on loopback accepts.
//!
//! By DNS rebinding, any web page can point its own name at 127.0.0.1 and read the folder as its
//! own site. The Host field still has the page's name. So only hosts pass that no network resolves:
//! addresses, and `localhost` and names below it, which browsers resolve themselves. Single labels,
//! `.local`, `.test`, `.internal` and `.home.arpa` cannot be registered, but a hostile local
//! network resolves them as it likes. This module resolves nothing, and does not know where the
//! server listens.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The domain of the client's own machine, resolved without a look-up (RFC 6761 section 6.3).
const LOCALHOST: &str = "localhost";

/// The host of `uri-host [ ":" port ]` (RFC 3986 section 3.2.2): a name, an IPv4 address, an IPv6
/// address in brackets, or nothing if the whole authority is empty (RFC 9112 section 3.2). `None`
/// for any other text, such as one with user information, or a port without a host. All authorities
/// are parsed here: two parsers that disagree are how such checks are evaded.
pub(super) fn parse(authority: &[u8]) -> Option<&str> {
    split(authority).map(|(host, _)| host)
}

/// The same, with the port, which may be empty.
pub(crate) fn split(authority: &[u8]) -> Option<(&str, &str)> {
    let text = str::from_utf8(authority).ok()?;
    let length = match text.strip_prefix('[') {
        // No later version of the address exists.
        Some(rest) => {
            let address = rest.split(']').next()?;
            address.parse::<Ipv6Addr>().ok()?;
            address.len() + "[]".len()
        }
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at_checked(length)?;
    let is_host = host.starts_with('[') || is_registered_name(host.as_bytes());
    let is_port_alone = host.is_empty() && !port.is_empty();
    (is_host && is_port(port) && !is_port_alone).then(|| (host, port.trim_start_matches(':')))
}

/// The characters of `reg-name`, which include all IPv4 addresses.
fn is_registered_name(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte);
    name.iter().all(is_allowed) && has_whole_triplets(name)
}

/// Whether two hexadecimal digits follow each percent sign.
pub(super) fn has_whole_triplets(text: &[u8]) -> bool {
    let mut after_percent = text.split(|&byte| byte == b'%').skip(1);
    after_percent.all(|rest| {
        rest.first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Nothing, or a colon and any number of digits, even none.
fn is_port(text: &str) -> bool {
    let are_digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    text.is_empty() || text.strip_prefix(':').is_some_and(are_digits)
}

/// Whether a request with this Host value is answered: a local one, or one of these names; `*`
/// allows any. Case, port and a trailing dot do not matter.
pub(crate) fn is_allowed(host: &[u8], names: &[String]) -> bool {
    let is_same = |name: &String| name == "*" || is_same_name(name.as_bytes(), host);
    is_local(host) || names.iter().any(is_same)
}

/// Whether a Host value, with or without port, is empty, an address, `localhost`, or a name below
/// it.
///
/// Old spellings of IPv4 addresses (`127.1`, `0x7f.1`) count as names: browsers rewrite them before
/// sending them.
fn is_local(host: &[u8]) -> bool {
    parse(host).is_some_and(|host| {
        let is_address = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
        host.is_empty() || is_address || is_local_name(host)
    })
}

fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|host| parse(host).map(without_trailing_dot));
    one.zip(other).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// The root's dot may be written, and does not change the name (RFC 1034 section 3.1).
fn without_trailing_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_local_name(name: &str) -> bool {
    let name = without_trailing_dot(name);
    let is_below_localhost =
        name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(LOCALHOST));
    is_below_localhost && name.split('.').all(is_label)
}

/// Letters, digits and hyphens (RFC 1123 section 2.1), and the underscore, which local names often
/// have. Percent-encoding is not decoded: `evil%2Elocalhost` is not below `localhost`.
fn is_label(label: &str) -> bool {
    let is_label_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.bytes().all(is_label_byte)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(hosts: &[&str], want: bool) {
        for host in hosts {
            assert_eq!(is_local(host.as_bytes()), want, "{host}");
        }
    }

    #[track_caller]
    fn check_allowed(names: &[&str], host: &str, want: bool) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(is_allowed(host.as_bytes(), &names), want, "{host} with {names:?}");
    }

    #[test]
    fn a_host_comes_with_a_port_or_without() {
        assert_eq!(parse(b"A:"), Some("A"));
        assert_eq!(parse(b"a_b.example:99999"), Some("a_b.example"));
        assert_eq!(parse(b"a%20b~!$&'()*+;="), Some("a%20b~!$&'()*+;="));
        assert_eq!(parse(b"[::]:8080"), Some("[::]"));
        assert_eq!(parse(b"[::ffff:1.2.3.4]"), Some("[::ffff:1.2.3.4]"));
        // Anything else is no authority.
        let names = ["a b", "a@b", "a/b", "a?b", "a\\b", "<a>", "ä", "a\0", "a%", "a%zz", "a]"];
        let ports = ["a:b", "a:+1", "a: 1", "a:1 ", "a:1:2", "::1", ":", ":80", "[::1]:a"];
        let addresses = ["[::1", "[]", "[a]", "[1.2.3.4]", "[::1]a", "x[::1]", "[fe80::1%25lo]"];
        for text in [&names[..], &ports, &addresses].concat() {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"[\xff]"), None);
    }

    #[test]
    fn addresses_and_names_that_browsers_resolve_themselves_are_local() {
        check(
            &["127.0.0.1", "0.0.0.0", "192.168.1.20:80", "8.8.8.8:", "[::1]", "[fe80::1]:"],
            true,
        );
        check(&["", "localhost", "LocalHost.", "a.b.localhost:3000", "web_1.LOCALHOST.:80"], true);
    }

    #[test]
    fn names_that_a_network_answers_for_are_not() {
        check(&["nas", "nas:80", "my-laptop", "web_1", "2130706433", "127.1", "0x7f.1"], false);
        check(&["a.test", "printer.local.", "db.internal", "nas.Home.Arpa.:80", "local"], false);
        check(&["evil.com", "EVIL.com.:80", "127.0.0.1.nip.io", "127.0.0.01", "*"], false);
        check(&["localhost.evil.com", "evillocalhost.com", "evil.notlocal"], false);
        check(&["evil%2Elocalhost", ".", "localhost..", ".localhost", "127.0.0.1.", "a,b"], false);
    }

    #[test]
    fn allowed_names_pass_too() {
        check_allowed(&["www.example.com"], "WWW.Example.com.:8080", true);
        check_allowed(&["a.com", "WWW.example.com.:80"], "www.example.com", true);
        check_allowed(&["a.com", "*"], "localhost:80:80", true);
        check_allowed(&["www.example.com"], "localhost:8080", true);
        check_allowed(&["example.com"], "www.example.com", false);
        check_allowed(&["example.com"], "example.com..", false);
        check_allowed(&["example.com"], "example.com:x", false);
        check_allowed(&["*.example.com"], "www.example.com", false);
    }

    proptest! {
        #[test]
        fn nothing_in_a_public_domain_is_local(
            above in "([a-z0-9\\[\\]:%_-]{1,9}\\.){0,4}(localhost|127\\.0\\.0\\.1|nas)?",
            domain in prop_oneof![Just("com"), Just("local"), Just("example.org"), Just("a.test")],
            end in "\\.?(:[0-9]{0,5})?",
        ) {
            let host = format!("x{above}.{domain}{end}");
            prop_assert!(!is_local(host.as_bytes()), "{}", host);
        }

        #[test]
        fn case_port_and_trailing_dot_do_not_count(
            name in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}(\\.(localhost|local))?",
            port in "\\.?(:[0-9]{0,5})?",
        ) {
            let changed = name.to_uppercase() + &port;
            prop_assert_eq!(is_local(name.as_bytes()), is_local(changed.as_bytes()));
            prop_assert!(is_allowed(changed.as_bytes(), &[name]));
        }

        #[test]
        fn any_bytes_have_an_answer(host in prop_oneof![
            vec(any::<u8>(), 0..30),
            "[\\[\\]:.0-9a-f]{0,20}".prop_map(String::into_bytes),
        ]) {
            prop_assert!(!is_local(&host) || parse(&host).is_some());
            let _ = is_allowed(&host, &["example.com".to_owned()]);
        }
    }
}
