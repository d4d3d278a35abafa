//! Lines against what Apache writes, and against what a hostile client would like them to be.

use super::super::Outcome;
use super::*;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TIME: &str = "06/Nov/1994:08:49:37 +0000";

fn entry(request_line: &[u8]) -> Entry<'_> {
    Entry {
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user: None,
        time: UNIX_EPOCH + Duration::from_secs(784_111_777),
        request_line,
        status: 200,
        bytes_sent: 2_326,
        referer: None,
        user_agent: None,
        duration: Duration::from_micros(350),
        outcome: Outcome::Complete,
    }
}

#[track_caller]
fn check_common(entry: &Entry<'_>, want: &str) {
    let want = want.replace("TIME", TIME);
    assert_eq!(Format::Common.line(entry, true), want);
    assert_eq!(Format::Combined.line(entry, true), format!("{want} \"-\" \"-\""));
}

#[test]
fn common_is_apaches_format() {
    let get = entry(b"GET /index.html HTTP/1.0");
    check_common(&get, r#"127.0.0.1 - - [TIME] "GET /index.html HTTP/1.0" 200 2326"#);

    let six = Entry { client: IpAddr::V6(Ipv6Addr::LOCALHOST), ..entry(b"GET /") };
    check_common(&six, r#"::1 - - [TIME] "GET /" 200 2326"#);

    let mapped = Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped();
    let mapped = Entry { client: IpAddr::V6(mapped), ..entry(b"GET /") };
    check_common(&mapped, r#"192.0.2.7 - - [TIME] "GET /" 200 2326"#);

    let head = Entry { bytes_sent: 0, ..entry(b"HEAD / HTTP/1.0") };
    check_common(&head, r#"127.0.0.1 - - [TIME] "HEAD / HTTP/1.0" 200 -"#);

    let user = Entry { user: Some("ann"), ..entry(b"GET /") };
    check_common(&user, r#"127.0.0.1 - ann [TIME] "GET /" 200 2326"#);
    let odd = Entry { user: Some("ann \"b\" [\u{e4}"), ..entry(b"GET /") };
    check_common(&odd, r#"127.0.0.1 - ann\x20\"b\"\x20[\xc3\xa4 [TIME] "GET /" 200 2326"#);

    let silent = Entry { status: 408, bytes_sent: 0, ..entry(b"") };
    check_common(&silent, r#"127.0.0.1 - - [TIME] "-" 408 -"#);
}

#[test]
fn combined_adds_where_from_and_what_with() {
    let mut entry = entry(b"GET / HTTP/1.0");
    entry.referer = Some(b"http://example.com/\"x");
    entry.user_agent = Some(b"");
    let want =
        format!(r#"127.0.0.1 - - [{TIME}] "GET / HTTP/1.0" 200 2326 "http://example.com/\"x" """#);
    assert_eq!(Format::Combined.line(&entry, false), want);
}

#[test]
fn a_time_that_no_date_can_hold_is_clamped() {
    let early = Entry { time: UNIX_EPOCH - Duration::from_secs(1), ..entry(b"GET /") };
    let want = r#"127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /" 200 2326"#;
    assert_eq!(Format::Common.line(&early, false), want);
}

#[track_caller]
fn check_escaped(bytes: &[u8], want: &str) {
    assert_eq!(Escaped(bytes).to_string(), want);
}

#[test]
fn bytes_are_escaped_as_apache_does() {
    check_escaped(b"", "");
    check_escaped(b"GET /~a b'<>{|}%0a HTTP/1.0", "GET /~a b'<>{|}%0a HTTP/1.0");
    check_escaped(br#"a"b\c"#, r#"a\"b\\c"#);
    check_escaped(b"\x08\n\r\t\x0b", r"\b\n\r\t\v");
    check_escaped(b"\0\x01\x07\x0c\x1b[2J\x1f", r"\x00\x01\x07\x0c\x1b[2J\x1f");
    check_escaped(b"\x7f\x80\xff", r"\x7f\x80\xff");
    check_escaped("\u{e4}".as_bytes(), r"\xc3\xa4");
    check_escaped(b"\" 200 1\n10.0.0.1 - - [", r#"\" 200 1\n10.0.0.1 - - ["#);
}

#[track_caller]
fn check_short(entry: &Entry<'_>, want: &str) {
    assert_eq!(Format::Short.line(entry, false), want);
}

#[test]
fn short_is_for_people() {
    check_short(&entry(b"GET /a.iso HTTP/1.1"), "08:49:37Z 127.0.0.1 GET /a.iso 200 2326 350us");
    check_short(&entry(b"GET /old"), "08:49:37Z 127.0.0.1 GET /old 200 2326 350us");

    let outcome = Outcome::ClientGone("connection-closed");
    let gone = Entry { outcome, ..entry(b"GET / HTTP/1.0") };
    let want = "08:49:37Z 127.0.0.1 GET / 200 2326 350us client-gone connection-closed";
    check_short(&gone, want);

    let outcome = Outcome::TimedOut("request-timeout");
    let silent = Entry { status: 408, bytes_sent: 0, outcome, ..entry(b"") };
    check_short(&silent, "08:49:37Z 127.0.0.1 - 408 0 350us timed-out request-timeout");

    let hostile = Entry { status: 400, ..entry(b"\x16\x03\x01 \x1b]0;x\x07") };
    check_short(&hostile, r"08:49:37Z 127.0.0.1 \x16\x03\x01 \x1b]0;x\x07 400 2326 350us");

    let refused = Entry {
        status: 404,
        outcome: Outcome::Refused("encoded-slash"),
        ..entry(b"GET /a%2fb HTTP/1.0")
    };
    let want = "08:49:37Z 127.0.0.1 GET /a%2fb 404 2326 350us refused encoded-slash";
    check_short(&refused, want);
}

#[test]
fn what_clients_say_is_cut_in_every_format() {
    let (most, more) = ([1; CLIENT_BYTES_MAX], [1; CLIENT_BYTES_MAX + 1]);
    let long = Entry { referer: Some(&more), user_agent: Some(&more), ..entry(&more) };
    let all = Entry { referer: Some(&most), user_agent: Some(&most), ..entry(&most) };
    for (format, escaped, fields) in [
        (Format::Short, r"\x01", 1),
        (Format::Common, r"\x01", 1),
        (Format::Combined, r"\x01", 3),
        (Format::Json, r"\u0001", 3),
    ] {
        let (cut, whole) = (format.line(&long, false), format.line(&all, false));
        let wanted = escaped.repeat(CLIENT_BYTES_MAX);
        assert_eq!(cut.matches(&(wanted.clone() + "...")).count(), fields, "{format:?}");
        assert_eq!(cut.replace("...", ""), whole, "{format:?}");
        assert_eq!(whole.matches(&wanted).count(), fields, "{format:?}");
    }
}

#[track_caller]
fn check_colour(status: u16, want: &str) {
    let entry =
        Entry { status, outcome: Outcome::Truncated("file-shrank"), ..entry(b"GET / HTTP/1.0") };
    let want = format!(
        "\x1b[2m08:49:37Z\x1b[0m 127.0.0.1 GET / {want}{status}\x1b[0m 2326 350us \
         \x1b[33mtruncated file-shrank\x1b[0m"
    );
    assert_eq!(Format::Short.line(&entry, true), want);
}

#[test]
fn colours_follow_the_status_class() {
    check_colour(206, "\x1b[32m");
    check_colour(304, "\x1b[36m");
    check_colour(404, "\x1b[33m");
    check_colour(503, "\x1b[31m");
}

#[track_caller]
fn check_words(line: &[u8], want: Option<(&str, &str, Option<&str>)>) {
    let words = entry(line).request_words();
    let got = words;
    let bytes = str::as_bytes;
    assert_eq!(got, want.map(|(a, b, c)| (bytes(a), bytes(b), c.map(bytes))));
}

#[test]
fn request_lines_split_into_their_words() {
    check_words(b"GET / HTTP/1.0", Some(("GET", "/", Some("HTTP/1.0"))));
    check_words(b"GET /old", Some(("GET", "/old", None)));
    check_words(b"", None);
    check_words(b"GET", None);
    check_words(b"GET ", None);
    check_words(b" / HTTP/1.0", None);
    check_words(b"GET  / HTTP/1.0", None);
    check_words(b"GET / HTTP/1.0 ", None);
    check_words(b"GET /a b HTTP/1.0", None);
    check_words(b"GET /a b", None);
}

proptest! {
    #[test]
    fn any_bytes_give_one_printable_line(
        line: Vec<u8>,
        referer: Option<Vec<u8>>,
        second in any::<i64>(),
    ) {
        let mut entry = entry(&line);
        entry.referer = referer.as_deref();
        entry.time = moment(second);
        for format in [Format::Short, Format::Common, Format::Combined] {
            let text = format.line(&entry, false);
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{:?}", text);
        }
    }
}

/// That many seconds from 1970, either way; 1970 where the system's clock has no such moment.
fn moment(second: i64) -> SystemTime {
    let distance = Duration::from_secs(second.unsigned_abs());
    let moved = match second {
        0.. => UNIX_EPOCH.checked_add(distance),
        _ => UNIX_EPOCH.checked_sub(distance),
    };
    moved.unwrap_or(UNIX_EPOCH)
}
