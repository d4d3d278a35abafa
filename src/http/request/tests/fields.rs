//! Field lines by table: their grammar, and the rules for Host and the body's framing.

use super::*;

#[test]
fn field_lines_are_read() {
    let fields = b"A:b\r\na: \t b  c\t \nEmpty:\r\n!#$%&'*+-.^_`|~9z::\xff\t\r\n\r\n";
    let head = &[b"GET / HTTP/1.0\r\n", &fields[..]].concat();
    let Ok(Parsed::Complete { request, length }) = parse(head) else { panic!() };
    assert_eq!(length, head.len());
    assert_eq!(request.fields.len(), 4);
    assert_eq!(request.fields.list("a").unwrap(), &b"b, b  c"[..]);
    assert_eq!(request.fields.list("b"), None);
    assert_eq!(request.fields.first("empty"), Some(&b""[..]));
    assert_eq!(request.fields.first("!#$%&'*+-.^_`|~9z"), Some(&b":\xff"[..]));
    check_pieces(head);
}

#[test]
fn broken_field_lines_are_refused() {
    for (lines, want) in [
        (&["Foo", ":", ": x", "Fo o: x", "Foo\r: x", "(Foo): x"][..], Refusal::FieldName),
        (&["Foo : x", "Foo\t: x"], Refusal::SpaceBeforeColon),
        (&[" folded", "\tfolded: x", " "], Refusal::FoldedLine),
        (&["Foo: a\0b", "Foo: a\rBar: b", "Foo: \x1b[31m", "Foo: \x7f"], Refusal::FieldValue),
    ] {
        for line in lines {
            check(&format!("GET / HTTP/1.0\r\nA: b\r\n{line}\r\nFoo\r\n\r\n"), Err(want));
        }
    }
    check("GET / HTTP/1.0\r\n Host: a\r\n\r\n", Err(Refusal::FoldedLine));
}

#[test]
fn host_must_be_one() {
    #[track_caller]
    fn check_host(fields: &str, old: Result<usize, Refusal>, new: Result<usize, Refusal>) {
        let want = |version, fields: Result<usize, _>| fields.map(|fields| got(version, fields));
        check(&format!("GET / HTTP/1.0\r\n{fields}\r\n"), want(Version::Http10, old));
        check(&format!("GET / HTTP/1.1\r\n{fields}\r\n"), want(Version::Http11, new));
    }
    check_host("hOST:[::1]:8080\r\n", Ok(1), Ok(1));
    check_host("Host:\r\n", Ok(1), Ok(1));
    check_host("", Ok(0), Err(Refusal::HostMissing));
    check_host("Hosts: a\r\n", Ok(1), Err(Refusal::HostMissing));
    let repeated = Err(Refusal::HostRepeated);
    check_host("Host: a\r\nHost: a\r\n", repeated, repeated);
    check_host("Host: a\r\nA: b\r\nHOST:\r\n", repeated, repeated);
    let malformed = Err(Refusal::HostMalformed);
    check_host("Host: u@h\r\n", malformed, malformed);
}

#[test]
fn the_host_of_the_target_wins() {
    for (head, want) in [
        ("GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", Some(&b"a:80"[..])),
        ("GET http://b:81/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(b"b:81")),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Some(b"")),
        ("GET / HTTP/1.0\r\n\r\n", None),
    ] {
        let Ok(Parsed::Complete { request, .. }) = parse(head.as_bytes()) else { panic!() };
        assert_eq!(request.host(), want);
    }
    check("GET http://b/ HTTP/1.1\r\n\r\n", Err(Refusal::HostMissing));
    check("GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n", Err(Refusal::HostMalformed));
}

#[test]
fn bodies_are_framed() {
    #[track_caller]
    fn check_body(fields: &str, want: Result<Framing, Refusal>) {
        let fields = fields.replace('|', "\r\n");
        let lines = fields.matches('\n').count() + 1;
        let want = want.map(|body| (Method::Post, "", Version::Http10, lines, body));
        check(&format!("POST / HTTP/1.0\r\n{fields}\r\n\r\n"), want);
    }
    check_body("A: b", Ok(Framing::None));
    check_body("Content-Length: 18446744073709551615", Ok(Framing::Length(u64::MAX)));
    for fields in ["5", "00000000000000000000005", "5|content-length: 5", "5, 5 ,\t05"] {
        check_body(&format!("Content-Length: {fields}"), Ok(Framing::Length(5)));
    }
    for fields in [" chunked", " identity", "", " chunked|Content-Length: 5"] {
        check_body(&format!("Transfer-Encoding:{fields}"), Ok(Framing::Chunked));
    }
    for number in ["", "-1", "+5", "5 5", "5,", ",5", ",", "0x5", "5.0", "5;", "five", "\u{665}"] {
        let field = format!("Content-Length: {number}");
        check_body(&field, Err(Refusal::ContentLengthMalformed));
    }
    check_body("Content-Length: 18446744073709551616", Err(Refusal::ContentLengthMalformed));
    let both = "Content-Length: 5, 6|Transfer-Encoding: chunked";
    check_body(both, Err(Refusal::ContentLengthConflict));
}

#[test]
fn a_debug_line_shows_no_secrets() {
    let mut fields = Fields::default();
    for name in ["AUTHORIZATION", "Proxy-Authorization", "cookie", "Accept"] {
        fields.push(name.as_bytes(), b"value");
    }
    assert_eq!(format!("{fields:?}").matches("value").count(), 1, "{fields:?}");
}
