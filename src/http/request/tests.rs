//! Heads by table, each tried with all its shorter starts and with more bytes after it.

mod differential;
mod fields;
mod heads;

use super::*;

/// The meaning of a head: method, path, version, number of fields, body.
type Meaning<'a> = (Method, &'a str, Version, usize, Framing);

#[track_caller]
fn check(head: &str, want: Result<Meaning<'_>, Refusal>) {
    let parsed = parse(head.as_bytes());
    let got = parsed.as_ref().map(|parsed| match parsed {
        Parsed::Partial => panic!("partial: {head:?}"),
        Parsed::Complete { request, length } => {
            assert_eq!(*length, head.len(), "{head:?}");
            let path = str::from_utf8(request.target.path()).unwrap();
            (request.method, path, request.version, request.fields.len(), request.framing)
        }
    });
    assert_eq!(got, want.as_ref().copied(), "{head:?}");
    check_pieces(head.as_bytes());
}

/// There is no verdict before its last byte, and later bytes do not change it; so every shorter
/// start of an accepted head is partial. The byte that brings the verdict is news.
#[track_caller]
fn check_pieces(head: &[u8]) {
    let verdict = parse(head);
    let more = [head, b"\r\nGET /more HTTP/1.1\r\nHost: a\r\n\r\n\0"].concat();
    assert_eq!(parse(&more), verdict);
    let mut before = Ok(Parsed::Partial);
    for length in 1..=head.len() {
        let now = parse(&head[..length]);
        let is_consistent = now == Ok(Parsed::Partial) || now == verdict;
        assert!(is_consistent, "{length} bytes of {}: {now:?}", head.escape_ascii());
        assert!(now == before || has_news(&head[..length], length - 1), "{now:?}");
        before = now;
    }
}

/// A GET of `/` without a body, with this many fields.
fn got(version: Version, fields: usize) -> Meaning<'static> {
    (Method::Get, "", version, fields, Framing::None)
}

#[test]
fn request_lines_are_read() {
    check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Ok(got(Version::Http11, 1)));
    let post = (Method::Post, "a b", Version::Http10, 0, Framing::None);
    check("POST /a%20b?q HTTP/1.0\r\n\r\n", Ok(post));
    for (method, name) in Method::NAMES {
        let want = (method, "x", Version::Http10, 0, Framing::None);
        check(&format!("{name} /x HTTP/1.0\r\n\r\n"), Ok(want));
    }
    let options = (Method::Options, "", Version::Http10, 0, Framing::None);
    check("OPTIONS * HTTP/1.0\r\n\r\n", Ok(options));
    check("GET / HTTP/1.9\nHost: a\n\n", Ok(got(Version::Http11, 1)));
    check("GET /\n", Ok(got(Version::Http09, 0)));
    let simple = (Method::Get, "a/b", Version::Http09, 0, Framing::None);
    check("\r\nGET http://h/a/b?q\n", Ok(simple));
    check("\r\nGET / HTTP/1.0\n\r\n", Ok(got(Version::Http10, 0)));
    check("\nGET / HTTP/1.0\r\n\r\n", Ok(got(Version::Http10, 0)));
}

#[test]
fn broken_request_lines_are_refused() {
    #[track_caller]
    fn check_lines(lines: &str, want: Refusal) {
        for line in lines.split('|') {
            check(&format!("{line}\r\n : \r\n\r\n"), Err(want));
        }
    }
    check_lines("\n|\r\n|GET|/|POST /|get /|FOO /", Refusal::RequestLine);
    check_lines(" GET / HTTP/1.0|GET / HTTP/1.0 |GET /a b HTTP/1.0", Refusal::RequestLine);
    check_lines("\r|GET /\r HTTP/1.0|\rGET / HTTP/1.0|GET / HTTP/1.0\r", Refusal::ControlByte);
    check_lines("GET\t/\tHTTP/1.0|GET /\0 HTTP/1.0|GET /\x7f", Refusal::ControlByte);
    check_lines("G@T / HTTP/1.0|G:T / HTTP/2.0|GÉT / HTTP/1.0", Refusal::MethodMalformed);
    check_lines("GET / |GET / HTTP|GET / HTTP/1|GET / HTTP/1.", Refusal::VersionMalformed);
    check_lines("GET / HTTP/11.0|GET / http/1.0|GET / HTTP/1.x", Refusal::VersionMalformed);
    check_lines("GET / HTTP/0.9|PRI * HTTP/2.0|GET * HTTP/9.9", Refusal::VersionUnsupported);
    check_lines("get / HTTP/1.0|GETT / HTTP/1.0|CONNECT h:443 HTTP/1.1", Refusal::MethodUnknown);
}

#[test]
fn bad_targets_are_refused_before_the_fields() {
    for target in ["", "*"] {
        check(&format!("GET {target} HTTP/1.1\r\n : \r\n\r\n"), Err(Refusal::TargetForm));
        check(&format!("GET {target}\n"), Err(Refusal::TargetForm));
    }
    check("OPTIONS ** HTTP/1.0\r\n\r\n", Err(Refusal::TargetForm));
    check("GET /.. HTTP/1.1\r\n : \r\n\r\n", Err(Refusal::AboveRoot));
}

#[test]
fn a_tls_handshake_is_refused_as_soon_as_it_is_seen() {
    check("\x16\x03\x01\x02", Err(Refusal::TlsHandshake));
    check("\x16\x03 / HTTP/1.0\r\n\r\n", Err(Refusal::TlsHandshake));
    assert!(has_news(b"\x16\x03", 1) && !has_news(b"\x16", 0) && !has_news(b"GET /", 2));
    assert!(Refusal::TlsHandshake.raw_reply().is_some());
    assert!(Refusal::ControlByte.raw_reply().is_none());
}

#[test]
fn limits_are_exact() {
    let line = |bytes: usize| format!("GET /{} HTTP/1.0", "a".repeat(bytes - 14));
    let accepts = |head: &str| matches!(parse(head.as_bytes()), Ok(Parsed::Complete { .. }));
    let refusal = |head: &str| parse(head.as_bytes()).err();

    assert!(accepts(&(line(REQUEST_LINE_BYTES_MAX) + "\n\n")));
    assert!(accepts(&("\r\n".to_owned() + &line(REQUEST_LINE_BYTES_MAX) + "\r\n\r\n")));
    for end in ["", "\r", "\n", "\r\n\r\n", "a\r\n"] {
        let head = line(REQUEST_LINE_BYTES_MAX + 1) + end;
        assert_eq!(refusal(&head), Some(Refusal::RequestLineTooLong), "{end:?}");
    }
    assert_eq!(refusal(&(line(REQUEST_LINE_BYTES_MAX) + "\r")), None);
    let long = "a".repeat(REQUEST_LINE_BYTES_MAX + 1);
    assert_eq!(refusal(&long), Some(Refusal::RequestLineTooLong));
    assert!(has_news(long.as_bytes(), 1) && !has_news(&long.as_bytes()[1..], 1));

    let head = |bytes: usize| format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", "a".repeat(bytes - 23));
    assert!(accepts(&head(HEAD_BYTES_MAX)));
    let too_long = head(HEAD_BYTES_MAX + 1);
    assert_eq!(refusal(&too_long[..HEAD_BYTES_MAX - 1]), None);
    assert_eq!(refusal(&too_long[..HEAD_BYTES_MAX]), Some(Refusal::HeadTooLong));
    assert_eq!(refusal(&too_long), Some(Refusal::HeadTooLong));
    // Faults after the limit are not examined.
    assert_eq!(refusal(&(head(HEAD_BYTES_MAX + 2) + " : ")), Some(Refusal::HeadTooLong));

    let head = |fields: usize| format!("GET / HTTP/1.0\r\n{}\r\n", "A:\r\n".repeat(fields));
    assert!(accepts(&head(FIELDS_MAX)));
    assert_eq!(refusal(&head(FIELDS_MAX + 1)), Some(Refusal::TooManyFields));
    check_pieces(head(FIELDS_MAX).as_bytes());
}

#[test]
fn the_log_gets_the_first_line_as_it_came() {
    for (head, want) in [
        ("\r\n\n\r\nGET /\n", "GET /"),
        ("GET /\r", "GET /"),
        ("\r\n\r", ""),
        ("\x16\x02\0\r\r\n", "\x16\x02\0\r"),
        ("\x16\x03\x01\x02\0\x01\0", "TLS-handshake"),
    ] {
        assert_eq!(HeadSummary::of(head.as_bytes()).line, want.as_bytes());
    }
}

/// A head's summary: method, version, names of its fields.
#[track_caller]
fn check_known(head: &str, method: Option<Method>, version: Option<Version>, fields: &[&str]) {
    let summary = HeadSummary::of(head.as_bytes());
    assert_eq!((summary.method, summary.version), (method, version), "{head:?}");
    for (name, value) in [("X-Forwarded-For", "192.0.2.7"), ("User-Agent", "curl")] {
        let want = fields.contains(&name).then_some(value.as_bytes());
        assert_eq!(summary.fields.first(name), want, "{name} in {head:?}");
    }
    assert_eq!(summary.fields.len(), fields.len(), "{head:?}");
}

#[test]
fn what_is_right_in_a_refused_or_unfinished_head_is_known() {
    let (both, agent) = (["X-Forwarded-For", "User-Agent"], ["User-Agent"]);
    let (get, head) = (Some(Method::Get), Some(Method::Head));
    let (old, new) = (Some(Version::Http10), Some(Version::Http11));
    let fields = "X-Forwarded-For: 192.0.2.7\r\nUser-Agent: curl\r\n";
    check_known(&format!("GET /a%2fb HTTP/1.1\r\n{fields}\r\n"), get, new, &both);
    check_known(&format!("BREW / HTTP/1.0\r\n{fields}"), None, old, &both);
    let broken = "HEAD /%00 HTTP/1.0\r\n folded\r\nA B: c\r\n";
    check_known(&format!("{broken}{fields}\r\n"), head, old, &both);
    check_known("\r\nHEAD / HTTP/2.0\r\nUser-Agent: curl\r\nX-Forwarded", head, None, &agent);
    check_known("GET /unfinished HTT", None, None, &[]);
    check_known("GET /old\r\n", get, None, &[]);
    check_known("\u{1}\r\nUser-Agent: curl\n\n", None, None, &agent);
    // A proxy adds its field after a hundred of the client's.
    let many = "A: b\r\n".repeat(FIELDS_MAX);
    check_known(&format!("GET / HTTP/1.0\r\n{many}{fields}\r\n"), get, old, &both);
    check_known("\x16\x03\x01\0\r\nUser-Agent: curl\r\n\r\n", None, None, &[]);
}

#[test]
fn a_request_and_its_summary_say_the_same() {
    let head = b"HEAD / HTTP/1.0\r\nReferer: b\r\n\r\n";
    let Ok(Parsed::Complete { request, .. }) = parse(head) else { panic!("it is a request") };
    assert_eq!(HeadSummary::from(request), HeadSummary::of(head));
}
