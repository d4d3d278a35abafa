//! Which Host values are answered by a server that listens only on loopback.
//!
//! By DNS rebinding any web page can point a name of its own at 127.0.0.1 and then read the folder
//! as if it were its own site. The Host field still carries the page's name, so only those pass for
//! which no network answers: addresses, and `localhost` and names below it, which browsers resolve
//! themselves. Single labels, `.local`, `.test`, `.internal` and `.home.arpa` can't be registered,
//! but a hostile local network answers for them as it likes. This module only looks at names: it
//! resolves nothing, and does not know where the server listens.

use std::net::Ipv4Addr;

use super::syntax::{self, Host};

/// The domain whose names stand for the client's own machine, without a look-up (RFC 6761 section
/// 6.3).
const LOCALHOST: &str = "localhost";

/// The Host values that are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedHosts {
    /// Any.
    Any,
    /// Local ones, and these names.
    LocalAnd(Vec<String>),
}

impl AllowedHosts {
    /// Local ones and those that the person at the terminal names; `*` allows any Host.
    pub(crate) fn local_and(names: Vec<String>) -> Self {
        if names.iter().any(|name| name == "*") { Self::Any } else { Self::LocalAnd(names) }
    }

    /// Whether a request with this Host value is answered. Case, port and trailing dot do not
    /// count.
    pub(crate) fn allows(&self, host: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::LocalAnd(names) => {
                is_local(host) || names.iter().any(|name| is_same_name(name.as_bytes(), host))
            }
        }
    }
}

/// Whether a Host value, with or without port, is empty, an address, or `localhost` or a name below
/// it.
///
/// Old spellings of IPv4 addresses (`127.1`, `0x7f.1`) count as names: browsers rewrite them before
/// they send them.
fn is_local(host: &[u8]) -> bool {
    match syntax::host(host) {
        Some(Host::Ipv6(_)) => true,
        Some(Host::Name(name)) => {
            name.is_empty() || name.parse::<Ipv4Addr>().is_ok() || is_local_name(name)
        }
        None => false,
    }
}

fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    match (syntax::host(one), syntax::host(other)) {
        (Some(Host::Name(one)), Some(Host::Name(other))) => {
            without_trailing_dot(one).eq_ignore_ascii_case(without_trailing_dot(other))
        }
        _ => false,
    }
}

/// The root's dot may be written, and means the same name (RFC 1034 section 3.1).
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
/// have. Percent-encoding is not looked through: `evil%2Elocalhost` is not below `localhost`.
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
    fn check(host: &str, want: bool) {
        assert_eq!(is_local(host.as_bytes()), want, "{host}");
    }

    #[track_caller]
    fn check_allowed(names: &[&str], host: &str, want: bool) {
        let hosts = AllowedHosts::local_and(names.iter().map(|&name| name.to_owned()).collect());
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
    fn names_that_browsers_resolve_themselves_are_local() {
        for host in ["", "localhost", "localhost:8080", "LocalHost", "localhost."] {
            check(host, true);
        }
        for host in ["app.localhost", "a.b.localhost:3000", "web_1.LOCALHOST.:80"] {
            check(host, true);
        }
    }

    #[test]
    fn names_that_a_local_network_answers_for_are_not() {
        for host in ["nas", "nas:80", "my-laptop", "web_1", "nas.:8080", "2130706433", "x"] {
            check(host, false);
        }
        for host in ["a.test", "printer.local.", "db.internal", "HOME.ARPA", "nas.Home.Arpa.:80"] {
            check(host, false);
        }
        for host in ["a.LOCAL", "local", "test", "internal", "arpa", "evil%2Elocalhost"] {
            check(host, false);
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
        for host in
            [":", ":8080", ".", "..", "localhost..", ".localhost", "a..localhost", " localhost"]
        {
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
        check_allowed(&[], "nas", false);
        check_allowed(&["nas"], "NAS.:8080", true);
        check_allowed(&["nas.local"], "nas.local", true);
        check_allowed(&[], "www.example.com", false);
        check_allowed(&["www.example.com"], "www.example.com", true);
        check_allowed(&["www.example.com"], "WWW.Example.com.:8080", true);
        check_allowed(&["WWW.example.com.:80"], "www.example.com", true);
        check_allowed(&["a.com", "b.com"], "b.com", true);
        check_allowed(&["*"], "evil.com", true);
        check_allowed(&["a.com", "*"], "localhost:80:80", true);

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
            let hosts = AllowedHosts::local_and(vec![name]);
            prop_assert!(hosts.allows(changed.as_bytes()));
        }

        #[test]
        fn any_bytes_have_an_answer(host in prop_oneof![
            vec(any::<u8>(), 0..30),
            "[\\[\\]:.0-9a-f]{0,20}".prop_map(String::into_bytes),
        ]) {
            let hosts = AllowedHosts::local_and(vec!["example.com".to_owned()]);
            prop_assert!(hosts.allows(&host) || !is_local(&host));
        }
    }
}
