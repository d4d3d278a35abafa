//! How the values of flags are read, where their type does not define it.
//!
//! The error of each function is what it expected; clap adds the flag's name and the value that was
//! given.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// About three years: longer than any use, and short enough for every clock to add.
const SECONDS_MAX: f64 = 1e8;

/// More slots than a machine has threads for.
const SLOTS_MAX: usize = 1_000_000;

/// An address, perhaps with a port of its own.
pub(super) fn listener(text: &str) -> Result<(IpAddr, Option<u16>), &'static str> {
    let numeric = match text.strip_prefix("localhost") {
        Some(rest) if rest.is_empty() || rest.starts_with(':') => format!("127.0.0.1{rest}"),
        _ => text.to_owned(),
    };
    let with_port = numeric.parse().map(|it: SocketAddr| (it.ip(), Some(it.port())));
    let address = with_port.or_else(|_| numeric.parse().map(|ip| (ip, None)));
    address.map_err(|_| "expected an address, such as 0.0.0.0, ::1, localhost or [::1]:8080")
}

/// At least a millisecond: to a socket, a timeout of zero means none at all.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        timeout if timeout < Duration::from_millis(1) => Err("expected more than 0".to_owned()),
        timeout => Ok(timeout),
    }
}

/// Seconds, whole or not.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    let seconds = seconds.map(Duration::from_secs_f64);
    seconds.ok_or_else(|| "expected seconds, such as 10 or 0.5".to_owned())
}

/// A number of slots.
pub(super) fn slots(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=SLOTS_MAX).contains(count));
    count.ok_or_else(|| format!("expected a number from 1 to {SLOTS_MAX}"))
}

/// A number of threads without a client.
pub(super) fn idle_threads(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (0..=SLOTS_MAX).contains(count));
    count.ok_or_else(|| format!("expected a number from 0 to {SLOTS_MAX}"))
}

/// `EXT=TYPE`; a dot before the extension is ignored, and so is its case.
pub(super) fn media_type(text: &str) -> Result<(String, String), String> {
    let is_type = |kind: &str| {
        kind.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
            && kind.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    match text.split_once('=') {
        Some((extension, kind)) if !extension.is_empty() && is_type(kind) => {
            let extension = extension.strip_prefix('.').unwrap_or(extension);
            Ok((extension.to_ascii_lowercase(), kind.to_owned()))
        }
        _ => Err("expected EXT=TYPE, such as md=text/plain".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<(&str, Option<u16>)>) {
        let want = want.map(|(ip, port)| (ip.parse().unwrap(), port));
        assert_eq!(listener(text).ok(), want, "{text}");
    }

    #[test]
    fn a_listener_is_an_address_perhaps_with_a_port() {
        check("0.0.0.0", Some(("0.0.0.0", None)));
        check("127.0.0.1:9000", Some(("127.0.0.1", Some(9000))));
        check("::", Some(("::", None)));
        check("::1:8080", Some(("::1:8080", None)));
        check("[::1]:8080", Some(("::1", Some(8080))));
        check("localhost", Some(("127.0.0.1", None)));
        check("localhost:0", Some(("127.0.0.1", Some(0))));
        for wrong in ["", "8080", ":8080", "localhost1", "localhost.example", "localhost:x"] {
            check(wrong, None);
        }
        for wrong in ["127.0.0.1:", "127.0.0.1:65536", "[::1]", "[::1", "::1]", "[::1]:", "a b"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_media_type_has_its_extension_in_small_letters() {
        let want = ("log".to_owned(), "text/x-log".to_owned());
        assert_eq!(media_type(".LOG=text/x-log"), Ok(want));
    }
}
