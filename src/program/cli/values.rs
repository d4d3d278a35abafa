//! How the values of flags are read, where their type does not define it.
//!
//! The error of each function is what it expected; clap adds the flag's name and the value that was
//! given.

use std::time::Duration;

/// About three years: longer than any use, and short enough for every clock to add.
const SECONDS_MAX: f64 = 1e8;

/// More slots than a machine has threads for.
const SLOTS_MAX: usize = 1_000_000;

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

/// `EXT=TYPE`; a dot before the extension is ignored.
pub(super) fn media_type(text: &str) -> Result<(String, String), String> {
    let is_type = |kind: &str| {
        kind.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
            && kind.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    match text.split_once('=') {
        Some((extension, kind)) if !extension.is_empty() && is_type(kind) => {
            let extension = extension.strip_prefix('.').unwrap_or(extension);
            Ok((extension.to_owned(), kind.to_owned()))
        }
        _ => Err("expected EXT=TYPE, such as md=text/plain".to_owned()),
    }
}
