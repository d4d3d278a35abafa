//! Which Host values a server that listens on loopback alone answers.
//!
//! By DNS rebinding any web page can point a name of its own at 127.0.0.1 and then read the folder
//! as if it were its own site. The Host field still carries the page's name, so a name that anybody
//! could have registered is turned away; addresses and names that only exist locally pass. This
//! module looks at names alone: it resolves nothing, and does not know where the server listens.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Domains in which nobody can register a public name: RFC 6761, RFC 6762, RFC 8375, and `internal`
/// by ICANN's resolution of 29 July 2024.
const LOCAL_DOMAINS: [&[u8]; 5] = [b"localhost", b"test", b"local", b"internal", b"home.arpa"];

/// The names that the person at the terminal allows besides the local ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts {
    names: Vec<String>,
}

impl AllowedHosts {
    /// Takes the names as they are given; `*` allows any Host.
    #[must_use]
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect() }
    }

    /// Whether a request with this Host value is answered. Case, port and trailing dot do not
    /// count.
    #[must_use]
    pub(crate) fn allows(&self, host: &[u8]) -> bool {
        let is_named = |name: &String| name == "*" || is_same_name(name.as_bytes(), host);
        is_local(host) || self.names.iter().any(is_named)
    }
}

/// Whether a Host value, with or without port, is empty, an address, a single label, or a name
/// within a local domain.
///
/// Old spellings of IPv4 addresses (`127.1`, `0x7f.1`) count as names: browsers rewrite them before
/// they send them.
#[must_use]
pub(crate) fn is_local(host: &[u8]) -> bool {
    without_port(host)
        .is_some_and(|host| host.is_empty() || is_address(host) || is_local_name(host))
}

fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (without_port(one), without_port(other));
    one.zip(other).is_some_and(|(one, other)| {
        without_trailing_dot(one).eq_ignore_ascii_case(without_trailing_dot(other))
    })
}

/// The host of `host [":" port]` (RFC 9110 section 7.2); `None` where what follows is no port. The
/// colons between brackets belong to the address (RFC 3986 section 3.2.2).
fn without_port(value: &[u8]) -> Option<&[u8]> {
    let in_brackets =
        if value.starts_with(b"[") { value.iter().position(|&byte| byte == b']')? } else { 0 };
    let colon = value[in_brackets..].iter().position(|&byte| byte == b':');
    let Some(colon) = colon.map(|at| in_brackets + at) else { return Some(value) };
    value[colon + 1..].iter().all(u8::is_ascii_digit).then(|| &value[..colon])
}

/// The root's dot may be written, and means the same name (RFC 1034 section 3.1).
fn without_trailing_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

fn is_address(host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else { return false };
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

fn is_local_name(host: &[u8]) -> bool {
    let name = without_trailing_dot(host);
    let is_well_formed = name.split(|&byte| byte == b'.').all(is_label);
    let is_single = !name.contains(&b'.');
    is_well_formed && (is_single || LOCAL_DOMAINS.iter().any(|domain| is_within(name, domain)))
}

/// Letters, digits and hyphens (RFC 1123 section 2.1), and the underscore, which local names often
/// have. Other bytes are not looked through: `evil%2Ecom` is no single label.
fn is_label(label: &[u8]) -> bool {
    let is_label_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.iter().all(is_label_byte)
}

/// Whether `name` is `domain` or ends in a dot and `domain`, in any case.
fn is_within(name: &[u8], domain: &[u8]) -> bool {
    let Some(start) = name.len().checked_sub(domain.len()) else { return false };
    let (above, end) = name.split_at(start);
    end.eq_ignore_ascii_case(domain) && (above.is_empty() || above.ends_with(b"."))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(host: &str, want: bool) {
        assert_eq!(is_local(host.as_bytes()), want, "{host}");
    }

    #[track_caller]
    fn check_allowed(names: &[&str], host: &str, want: bool) {
        let hosts = AllowedHosts::new(names.iter().map(|&name| name.to_owned()));
        assert_eq!(hosts.allows(host.as_bytes()), want, "{host} with {names:?}");
    }

    #[test]
    fn addresses_are_local() {
        for host in ["127.0.0.1", "127.0.0.1:8080", "0.0.0.0", "192.168.1.20:80", "8.8.8.8:"] {
            check(host, true);
        }
        for host in ["[::1]", "[::1]:8080", "[::]", "[fe80::1]:", "[2001:DB8::1]:443"] {
            check(host, true);
        }
        check("[::ffff:127.0.0.1]:8080", true);
    }

    #[test]
    fn local_names_are_local() {
        for host in ["", ":8080", "localhost", "localhost:8080", "LocalHost", "localhost."] {
            check(host, true);
        }
        for host in ["nas", "nas:80", "my-laptop", "web_1", "nas.:8080", "2130706433", "x"] {
            check(host, true);
        }
        for host in ["app.localhost", "a.b.localhost:3000", "a.test", "printer.local."] {
            check(host, true);
        }
        for host in ["db.internal", "HOME.ARPA", "nas.Home.Arpa.:80", "a.LOCAL", "arpa"] {
            check(host, true);
        }
    }

    #[test]
    fn public_looking_names_are_not() {
        for host in ["evil.com", "EVIL.com:8080", "evil.com.", "evil.com.:80", "a.b.c.evil.com"] {
            check(host, false);
        }
        for host in ["127.0.0.1.nip.io", "localhost.evil.com", "localtest.me", "local.com"] {
            check(host, false);
        }
        for host in ["evillocalhost.com", "evil.notlocal", "evil.latest", "evilhome.arpa"] {
            check(host, false);
        }
        for host in ["evil.arpa", "home.arpa.evil.com", "test.internal.com", "xn--e1a.com"] {
            check(host, false);
        }
    }

    #[test]
    fn odd_and_malformed_values_are_not() {
        for host in ["127.1", "0x7f.1", "0177.0.0.1", "127.0.0.01", "127.0.0.256", "127.0.0.1."] {
            check(host, false);
        }
        for host in ["[::1", "::1]", "::1", "[::1]x", "x[::1]", "[]", "[127.0.0.1]", "[::1%25lo]"] {
            check(host, false);
        }
        for host in
            ["localhost:http", "localhost:80:80", "localhost:-1", "localhost:80 ", "[::1]:x"]
        {
            check(host, false);
        }
        for host in [".", "..", "localhost..", ".localhost", "a..localhost", " localhost"] {
            check(host, false);
        }
        for host in
            ["evil%2Ecom", "evil\u{3002}com", "a@b", "a/b", "a,b", "a\0", "evil.com,nas", "*"]
        {
            check(host, false);
        }
        assert!(!is_local(b"\xff"));
        assert!(!is_local(b"[\xff]"));
    }

    #[test]
    fn allowed_names_pass_too() {
        check_allowed(&[], "nas", true);
        check_allowed(&[], "www.example.com", false);
        check_allowed(&["www.example.com"], "www.example.com", true);
        check_allowed(&["www.example.com"], "WWW.Example.com.:8080", true);
        check_allowed(&["WWW.example.com.:80"], "www.example.com", true);
        check_allowed(&["a.com", "b.com"], "b.com", true);
        check_allowed(&["*"], "evil.com", true);
        check_allowed(&["*"], "localhost:80:80", true);

        check_allowed(&["www.example.com"], "localhost:8080", true);
        check_allowed(&["example.com"], "www.example.com", false);
        check_allowed(&["www.example.com"], "example.com", false);
        check_allowed(&["example.com"], "example.com.evil.com", false);
        check_allowed(&["example.com"], "example.com..", false);
        check_allowed(&["example.com"], "example.com:x", false);
        check_allowed(&["*.example.com"], "www.example.com", false);
        check_allowed(&[""], "evil.com", false);
    }

    proptest! {
        #[test]
        fn nothing_in_a_public_domain_is_local(
            above in "([a-z0-9\\[\\]:%_-]{1,9}\\.){0,4}(localhost|127\\.0\\.0\\.1|nas)?",
            domain in prop_oneof![Just("com"), Just("io"), Just("example.org"), Just("notlocal")],
            end in "\\.?(:[0-9]{0,5})?",
        ) {
            let host = format!("x{above}.{domain}{end}");
            prop_assert!(!is_local(host.as_bytes()), "{}", host);
        }

        #[test]
        fn case_port_and_trailing_dot_do_not_count(
            name in "[a-z]{1,5}(\\.[a-z]{1,5}){0,2}(\\.(local|test|home\\.arpa))?",
            port in "\\.?(:[0-9]{0,5})?",
        ) {
            let changed = name.to_uppercase() + &port;
            prop_assert_eq!(is_local(name.as_bytes()), is_local(changed.as_bytes()));
            let hosts = AllowedHosts::new([name]);
            prop_assert!(hosts.allows(changed.as_bytes()));
        }

        #[test]
        fn any_bytes_have_an_answer(host in prop_oneof![
            vec(any::<u8>(), 0..30),
            "[\\[\\]:.0-9a-f]{0,20}".prop_map(String::into_bytes),
        ]) {
            let hosts = AllowedHosts::new(["example.com".to_owned()]);
            prop_assert!(hosts.allows(&host) || !is_local(&host));
        }
    }
}
