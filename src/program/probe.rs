//! `--probe`: asks a server once whether it serves, for health checks without curl.
//!
//! The answer is the exit status, and a sentence if it fails. The request is HEAD, which has the
//! status of GET without the content. Knows nothing of how this program serves.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::http::host;
use crate::outgoing;

/// Time limit for everything: finding the host, connecting, asking, and the answer.
const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// The most bytes of the answer read.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// The port of a URL without one (RFC 9110 section 4.2.1).
const DEFAULT_PORT: u16 = 80;

/// An `http` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// A name or an address, IPv6 without its brackets.
    host: String,
    port: u16,
    /// Path and query, as they are sent.
    target: String,
}

/// Reads a URL. The error says what was expected.
pub(crate) fn read_url(text: &str) -> Result<Url, &'static str> {
    parse(text).ok_or("expected http://HOST[:PORT][/PATH]")
}

/// A fragment is not sent, so it is not part of the request.
fn parse(text: &str) -> Option<Url> {
    let rest = text.strip_prefix("http://")?.split('#').next()?;
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = host::split(authority.as_bytes())?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let port = if port.is_empty() { DEFAULT_PORT } else { port.parse().ok()? };
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    (!host.is_empty() && port != 0).then_some(Url { host, port, target })
}

/// In the form that is read, always with its port.
impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", authority(self), self.target)
    }
}

/// The value of Host (RFC 9110 section 7.2). An IPv6 address is in brackets.
fn authority(Url { host, port, .. }: &Url) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Asks the URL. Anything but a success or a redirect in time is an error. A server that
/// `wants_password` shows by asking for it that it serves: a probe has none.
pub(crate) fn probe(url: &Url, wants_password: bool) -> Result<(), String> {
    let (sender, answer) = mpsc::channel();
    let asked = url.clone();
    // In its own thread, since nothing bounds the time in which the system finds a host.
    let in_thread = move || {
        // If the receiver is gone, it has given up.
        let _ = sender.send(ask(&asked));
    };
    let answer = match thread::Builder::new().spawn(in_thread) {
        Ok(_) => answer.recv_timeout(PROBE_TIME_MAX),
        // The user has no threads left; they may all be the server's. Ask without a limit then:
        // health checks have their own.
        Err(_) => Ok(ask(url)),
    };
    match answer {
        Ok(Ok(200..=399)) => Ok(()),
        Ok(Ok(401)) if wants_password => Ok(()),
        Ok(Ok(status)) => Err(format!("{url} answered with status {status}")),
        Ok(Err(reason)) => Err(reason),
        Err(_) => Err(format!("{url} did not answer within {PROBE_TIME_MAX:?}")),
    }
}

/// The status of the answer. The whole head is read, so that the server sees a client that stays to
/// the end.
fn ask(url: &Url) -> Result<u16, String> {
    let mut stream = outgoing::connect(&url.host, url.port)?;
    let because = |error| format!("cannot ask {url}: {}", outgoing::reason(&error));
    let (host, version) = (authority(url), env!("CARGO_PKG_VERSION"));
    let fields = format!("Host: {host}\r\nUser-Agent: httpd-probe/{version}\r\n");
    write!(stream, "HEAD {} HTTP/1.0\r\n{fields}\r\n", url.target).map_err(because)?;
    let mut lines = BufReader::new(stream.take(ANSWER_BYTES_MAX)).split(b'\n');
    let status_line = lines.next().transpose().map_err(because)?.unwrap_or_default();
    let status = status(&status_line).ok_or_else(|| format!("{url} did not answer in HTTP"))?;
    for line in lines {
        if line.map_err(because)?.trim_ascii().is_empty() {
            break;
        }
    }
    Ok(status)
}

/// The status code of a status line (RFC 9112 section 4).
fn status(line: &[u8]) -> Option<u16> {
    let (_version, rest) = str::from_utf8(line).ok()?.strip_prefix("HTTP/")?.split_once(' ')?;
    let code = rest.get(..3)?;
    code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let read = |text| read_url(text).unwrap().to_string();
        assert_eq!(read("http://a"), "http://a:80/");
        assert_eq!(read("http://a:"), "http://a:80/");
        assert_eq!(read("http://a:8080/b:c@d?e=f"), "http://a:8080/b:c@d?e=f");
        assert_eq!(read("http://[0:0::1]:1"), "http://[0:0::1]:1/");
        assert_eq!(read("http://a?b"), "http://a:80/?b");
        assert_eq!(read("http://a/b#c"), "http://a:80/b");
        // Anything else is no URL.
        for text in ["", "a", "127.0.0.1:80", "https://a/", "HTTP://a", "http:/a", "http://"] {
            assert!(read_url(text).is_err(), "{text}");
        }
        for text in [":80", "a:0", "a:65536", "a:b", "::1/", "u@a", "a/b c", "a/\r\nb", "ä/", "a/ä"]
        {
            assert!(read_url(&format!("http://{text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_status_line_has_three_digits() {
        assert_eq!(status(b"HTTP/1.0 200 OK\r"), Some(200));
        assert_eq!(status(b"HTTP/1.1 404"), Some(404));
        for line in ["HTTP/1.0", "HTTP/1.0 20", "HTTP/1.0 +20", "ICY 200 OK", "HTTP/1.0 2\u{e4}0"] {
            assert_eq!(status(line.as_bytes()), None, "{line}");
        }
        assert_eq!(status(b"\xff"), None);
    }
}
