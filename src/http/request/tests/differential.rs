//! The same heads read by `httparse`: where both accept, they must read the same; elsewhere the
//! bytes must show one of the reasons below. A refusal of ours alone explains nothing: its evidence
//! is looked for again, by other means, in what the peer read.

use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::heads::{head, soup};
use super::*;

/// Why the two may disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    // We refuse what the peer takes.
    /// We skip one blank line, the peer any number.
    BlankLines,
    /// The peer leaves the limits to its caller.
    Limit,
    /// To the peer any token is a method.
    MethodUnknown,
    /// To the peer anything visible is a target, so all that concerns its parts is ours.
    Fragment,
    TargetForm,
    Authority,
    PercentTriplet,
    EncodedNul,
    EncodedSlash,
    AboveRoot,
    /// The peer gives no field a meaning.
    Host,
    ContentLength,
    // We take what the peer refuses.
    /// The peer does not know HTTP/0.9.
    SimpleRequest,
    /// The peer knows HTTP/1.0 and HTTP/1.1 only.
    LaterMinor,
    /// The peer holds the target as a `str`.
    TargetNotUtf8,
}

/// What the peer read, perhaps of a head that has not ended.
struct Peer<'a> {
    method: &'a str,
    path: &'a str,
    minor: u8,
    fields: Vec<(&'a str, &'a [u8])>,
    /// None while the head has not ended.
    length: Option<usize>,
}

impl<'a> Peer<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, httparse::Error> {
        let mut fields = [httparse::EMPTY_HEADER; 2 * FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes)? {
            httparse::Status::Partial => None,
            httparse::Status::Complete(length) => Some(length),
        };
        let fields = match length {
            Some(_) => request.headers.iter().map(|field| (field.name, field.value)).collect(),
            None => Vec::new(),
        };
        let (method, path) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        Ok(Self { method, path, minor: request.version.unwrap_or_default(), fields, length })
    }

    fn values(&self, name: &str) -> Vec<&'a [u8]> {
        let named = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|&(_, value)| value).collect()
    }

    /// The authority of an absolute-form target.
    fn authority(&self) -> Option<&'a str> {
        let (scheme, rest) = self.path.split_once("://")?;
        if scheme.contains('/') { None } else { rest.split(['/', '?']).next() }
    }

    /// The target without scheme, authority and query.
    fn raw_path(&self) -> &'a str {
        let path = match (self.authority(), self.path.split_once("://")) {
            (Some(host), Some((_, rest))) => &rest[host.len()..],
            _ => self.path,
        };
        path.split('?').next().unwrap()
    }
}

/// None where the two agree; an error where they differ without a reason.
fn compare(bytes: &[u8]) -> Result<Option<Difference>, String> {
    let unexplained = |what: &str| Err(format!("{what}: {}", bytes.escape_ascii()));
    match (judge(bytes), Peer::parse(bytes)) {
        (Err(_), Err(_)) | (Ok(Parsed::Partial), Ok(Peer { length: None, .. })) => Ok(None),
        (Ok(Parsed::Complete { request, length }), Ok(peer)) if peer.length == Some(length) => {
            check_agreement(bytes, &request, &peer);
            Ok(None)
        }
        // The peer judges each byte, we each line: so let the line end, and the head with it.
        (Ok(Parsed::Partial), Err(_)) if !bytes.ends_with(b"\n\n") => {
            compare(&[bytes, b"\n\n"].concat())
        }
        (Err(refusal), Ok(peer)) => match why_we_refuse(refusal, bytes, &peer) {
            Some(difference) => Ok(Some(difference)),
            None => unexplained(refusal.cause()),
        },
        (Ok(Parsed::Complete { request, .. }), Err(error)) => {
            match why_the_peer_refuses(error, bytes, &request) {
                Some(difference) => Ok(Some(difference)),
                None => unexplained(&error.to_string()),
            }
        }
        _ => unexplained("one sees the end of the head where the other does not"),
    }
}

#[track_caller]
fn check_agreement(bytes: &[u8], request: &Request<'_>, peer: &Peer<'_>) {
    let line = format!("{} {} HTTP/1.{}", peer.method, peer.path, peer.minor);
    assert_eq!(String::from_utf8_lossy(HeadSummary::of(bytes).line), line);
    assert_eq!(request.method.name(), peer.method);
    assert_eq!(request.version == Version::Http11, peer.minor == 1);
    let is_asterisk = peer.method == "OPTIONS" && peer.path == "*";
    let parse = || Target::parse(peer.path.as_bytes()).unwrap();
    let target = if is_asterisk { Target::asterisk() } else { parse() };
    assert_eq!(request.target, target);
    assert_eq!(request.fields.len(), peer.fields.len());
    for (name, _) in &peer.fields {
        assert_eq!(request.fields.all(name).collect::<Vec<_>>(), peer.values(name));
    }
}

fn why_we_refuse(refusal: Refusal, bytes: &[u8], peer: &Peer<'_>) -> Option<Difference> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let path = peer.raw_path();
    let has_ended = peer.length.is_some();
    let (is_shown, difference) = match refusal {
        Refusal::RequestLine => (text.starts_with("\n\n"), Difference::BlankLines),
        Refusal::RequestLineTooLong => {
            let line = bytes.trim_ascii_start().split(|&byte| byte == b'\n').next();
            (line.unwrap().trim_ascii_end().len() > REQUEST_LINE_BYTES_MAX, Difference::Limit)
        }
        Refusal::HeadTooLong => {
            let bytes_at_least = peer.length.unwrap_or(bytes.len() + 1);
            (bytes_at_least > HEAD_BYTES_MAX, Difference::Limit)
        }
        Refusal::TooManyFields => {
            (text.trim_start().matches('\n').count() > 1 + FIELDS_MAX, Difference::Limit)
        }
        Refusal::MethodUnknown => {
            let known = "GET HEAD POST PUT DELETE OPTIONS TRACE PATCH";
            (!known.split(' ').any(|name| name == peer.method), Difference::MethodUnknown)
        }
        Refusal::Fragment => (peer.path.contains('#'), Difference::Fragment),
        Refusal::TargetForm => {
            let scheme = peer.path.split("://").next().unwrap().to_ascii_lowercase();
            let is_uri = peer.path.contains("://") && (scheme == "http" || scheme == "https");
            let is_asterisk = peer.method == "OPTIONS" && peer.path == "*";
            let has_form = peer.path.starts_with('/') || is_uri || is_asterisk;
            (!has_form, Difference::TargetForm)
        }
        Refusal::TargetAuthority => {
            let host = peer.authority()?;
            let is_empty = host.is_empty() || host.starts_with(':');
            (is_empty || is_no_host(host.as_bytes()), Difference::Authority)
        }
        Refusal::PercentTriplet => (has_stray_percent(path), Difference::PercentTriplet),
        Refusal::EncodedNul => (path.contains("%00"), Difference::EncodedNul),
        Refusal::EncodedSlash => (path.replace('f', "F").contains("%2F"), Difference::EncodedSlash),
        Refusal::AboveRoot => (rises_above_root(path), Difference::AboveRoot),
        Refusal::HostMissing => {
            let is_missing = peer.minor == 1 && peer.values("Host").is_empty();
            (has_ended && is_missing, Difference::Host)
        }
        Refusal::HostRepeated => (peer.values("Host").len() > 1, Difference::Host),
        Refusal::HostMalformed => {
            let host = *peer.values("Host").first()?;
            (host.starts_with(b":") || is_no_host(host), Difference::Host)
        }
        Refusal::ContentLengthMalformed | Refusal::ContentLengthConflict => {
            let list = peer.values("Content-Length").join(&b","[..]);
            (!is_one_length(&String::from_utf8_lossy(&list)), Difference::ContentLength)
        }
        // The peer refuses these, too.
        Refusal::TlsHandshake
        | Refusal::ControlByte
        | Refusal::MethodMalformed
        | Refusal::VersionMalformed
        | Refusal::VersionUnsupported
        | Refusal::FoldedLine
        | Refusal::SpaceBeforeColon
        | Refusal::FieldName
        | Refusal::FieldValue => return None,
    };
    is_shown.then_some(difference)
}

fn why_the_peer_refuses(
    error: httparse::Error,
    bytes: &[u8],
    request: &Request<'_>,
) -> Option<Difference> {
    let words: Vec<_> = HeadSummary::of(bytes).line.split(|&byte| byte == b' ').collect();
    match (&words[..], error) {
        ([b"GET", _], httparse::Error::Token) if request.version == Version::Http09 => {
            Some(Difference::SimpleRequest)
        }
        ([_, _, [.., b'.', b'2'..=b'9']], httparse::Error::Version) => Some(Difference::LaterMinor),
        ([_, target, _], httparse::Error::Token) if str::from_utf8(target).is_err() => {
            Some(Difference::TargetNotUtf8)
        }
        _ => None,
    }
}

fn has_stray_percent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    (0..bytes.len()).any(|at| bytes[at] == b'%' && !(is_hex(at + 1) && is_hex(at + 2)))
}

fn rises_above_root(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    let steps = plain.split('/').map(|name| match name {
        "" | "." => 0,
        ".." => -1,
        _ => 1,
    });
    let depths = steps.scan(0, |depth: &mut i32, step| {
        *depth += step;
        Some(*depth)
    });
    depths.min().is_some_and(|lowest| lowest < 0)
}

/// Whether something in this can be in no host with a port.
fn is_no_host(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else { return true };
    let without_digits = text.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let name = without_digits.strip_suffix(':').unwrap_or(text);
    if let Some(rest) = name.strip_prefix('[') {
        return rest.strip_suffix(']').is_none_or(|ip| ip.parse::<Ipv6Addr>().is_err());
    }
    let is_foreign = |byte: u8| byte <= b' ' || byte >= 0x7f;
    let is_delimiter = |char: char| "\"/:<>?@[\\]^`{|}#".contains(char);
    name.bytes().any(is_foreign) || name.contains(is_delimiter) || has_stray_percent(name)
}

/// Whether all numbers of a Content-Length list are the same number below 2^64.
fn is_one_length(list: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let items: Vec<_> = list.split(',').map(|item| item.trim_matches([' ', '\t'])).collect();
    let numbers: Vec<_> = items.iter().map(|item| item.trim_start_matches('0')).collect();
    let is_small = |number: &str| (number.len(), number) <= (20, "18446744073709551615");
    items.iter().all(|item| digits(item))
        && numbers.iter().all(|number| is_small(number) && *number == numbers[0])
}

#[test]
fn each_difference_has_its_reason() {
    use Difference as D;
    #[track_caller]
    fn check(head: &[u8], want: Option<Difference>) {
        assert_eq!(compare(head), Ok(want));
    }
    let long = |bytes| "a".repeat(bytes);
    check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None);
    check(b"OPTIONS * HTTP/1.0\n\n", None);
    check(b"GET / HTTP/1.0\r\nA: b\r\n c\r\n\r\n", None);
    check(b"GET / HTTP/1.0\r\nA : b\r\n\r\n", None);
    check(b"GET / HTTP/2.0\r\n\r\n", None);
    check(b"GET / HT\xff", None);
    check(b"\n\nGET / HTTP/1.0\n\n", Some(D::BlankLines));
    check(format!("GET /{} HTTP/1.0\n\n", long(9000)).as_bytes(), Some(D::Limit));
    check(format!("GET / HTTP/1.0\nA: {}\n\n", long(17000)).as_bytes(), Some(D::Limit));
    check(format!("GET / HTTP/1.0\n{}\n", "A:\n".repeat(101)).as_bytes(), Some(D::Limit));
    check(b"BREW / HTTP/1.0\n\n", Some(D::MethodUnknown));
    check(b"CONNECT h:1 HTTP/1.1\n", Some(D::MethodUnknown));
    check(b"GET /a#b HTTP/1.0\n", Some(D::Fragment));
    check(b"GET index.html HTTP/1.0\n", Some(D::TargetForm));
    check(b"GET http://u@h/ HTTP/1.0\n", Some(D::Authority));
    check(b"GET /%a HTTP/1.0\n", Some(D::PercentTriplet));
    check(b"GET /%00 HTTP/1.0\n", Some(D::EncodedNul));
    check(b"GET /%2F HTTP/1.0\n", Some(D::EncodedSlash));
    check(b"GET /a/.%2e/.. HTTP/1.0\n", Some(D::AboveRoot));
    check(b"GET / HTTP/1.1\n\n", Some(D::Host));
    check(b"GET / HTTP/1.0\nHost: a\nHost: a\n\n", Some(D::Host));
    check(b"GET / HTTP/1.0\nHost: a:b\n\n", Some(D::Host));
    check(b"GET / HTTP/1.0\nHost: :80\n\n", Some(D::Host));
    check(b"GET / HTTP/1.0\nContent-Length: +1\n\n", Some(D::ContentLength));
    check(b"GET / HTTP/1.0\nContent-Length: 1\nContent-Length: 2\n\n", Some(D::ContentLength));
    check(b"GET /\n", Some(D::SimpleRequest));
    check(b"GET / HTTP/1.2\nHost: a\n\n", Some(D::LaterMinor));
    check(b"GET / HTTP/1.2", None);
    check(b"GET /\xff HTTP/1.0\n\n", Some(D::TargetNotUtf8));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(5000)))]

    #[test]
    fn every_difference_is_explained(head in head()) {
        compare(&head).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn any_soup_is_read_alike(soup in soup()) {
        compare(&soup).map_err(TestCaseError::fail)?;
    }
}
