//! Lines compared with Apache's, and attempts of hostile clients to forge them.

use super::super::Outcome;
use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

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
    assert_eq!(Format::Common.line(entry), want);
    assert_eq!(Format::Combined.line(entry), format!("{want} \"-\" \"-\""));
}

#[test]
fn common_and_combined_are_apaches_formats() {
    let get = entry(b"GET /index.html HTTP/1.0");
    check_common(&get, r#"127.0.0.1 - - [TIME] "GET /index.html HTTP/1.0" 200 2326"#);

    let client = "::ffff:192.0.2.7".parse().unwrap();
    let odd = Entry { client, user: Some("ann \"b\" [\u{e4}"), ..entry(b"GET /") };
    check_common(&odd, r#"192.0.2.7 - ann\x20\"b\"\x20[\xc3\xa4 [TIME] "GET /" 200 2326"#);

    let silent = Entry { status: 408, bytes_sent: 0, ..entry(b"") };
    check_common(&silent, r#"127.0.0.1 - - [TIME] "-" 408 -"#);

    let entry = Entry { referer: Some(b"http://a/\"x"), user_agent: Some(b""), ..entry(b"GET /") };
    let want = format!(r#"127.0.0.1 - - [{TIME}] "GET /" 200 2326 "http://a/\"x" """#);
    assert_eq!(Format::Combined.line(&entry), want);
}

#[test]
fn a_time_that_no_date_can_hold_is_clamped() {
    let early = Entry { time: UNIX_EPOCH - Duration::from_secs(1), ..entry(b"GET /") };
    let want = r#"127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /" 200 2326"#;
    assert_eq!(Format::Common.line(&early), want);
    assert_eq!(parsed(&early)["time"], "1970-01-01T00:00:00.000Z");
}

#[test]
fn bytes_are_escaped_as_apache_does() {
    let escaped = |bytes: &[u8]| Escaped(bytes).to_string();
    assert_eq!(escaped(b"GET /~a b'<>{|}%0a HTTP/1.0"), "GET /~a b'<>{|}%0a HTTP/1.0");
    assert_eq!(escaped(b"a\"b\\c\x08\n\r\t\x0b"), r#"a\"b\\c\b\n\r\t\v"#);
    assert_eq!(escaped(b"\0\x07\x0c\x1b[2J\x1f\x7f"), r"\x00\x07\x0c\x1b[2J\x1f\x7f");
    assert_eq!(escaped(b"\xc3\xa4\x80\xff"), r"\xc3\xa4\x80\xff");
}

#[test]
fn short_is_for_people() {
    let line = |entry: &Entry<'_>| Format::Short { colour: false }.line(entry);
    let get = entry(b"GET /a.iso HTTP/1.1");
    assert_eq!(line(&get), "08:49:37Z 127.0.0.1 GET /a.iso 200 2326 350us");
    let outcome = Outcome::TimedOut("request-timeout");
    let silent = Entry { status: 408, bytes_sent: 0, outcome, ..entry(b"") };
    assert_eq!(line(&silent), "08:49:37Z 127.0.0.1 - 408 0 350us timed-out request-timeout");
    let hostile = Entry { user: Some("a b"), ..entry(b"\x16\x03 \x1b]0;x\x07") };
    assert_eq!(line(&hostile), r"08:49:37Z 127.0.0.1 a\x20b \x16\x03 \x1b]0;x\x07 200 2326 350us");
}

#[test]
fn what_clients_say_is_cut_in_every_format() {
    let (most, more) = ([1; CLIENT_BYTES_MAX], [1; CLIENT_BYTES_MAX + 1]);
    let long = Entry { referer: Some(&more), user_agent: Some(&more), ..entry(&more) };
    let all = Entry { referer: Some(&most), user_agent: Some(&most), ..entry(&most) };
    for (format, escaped, fields) in [
        (Format::Short { colour: false }, r"\x01", 1),
        (Format::Common, r"\x01", 1),
        (Format::Combined, r"\x01", 3),
        (Format::Json, r"\u0001", 3),
    ] {
        let (cut, whole) = (format.line(&long), format.line(&all));
        let wanted = escaped.repeat(CLIENT_BYTES_MAX);
        assert_eq!(cut.matches(&(wanted.clone() + "...")).count(), fields, "{format:?}");
        assert_eq!(cut.replace("...", ""), whole, "{format:?}");
        assert_eq!(whole.matches(&wanted).count(), fields, "{format:?}");
        let half = [1; CLIENT_BYTES_MAX - 1];
        let line = format.line(&entry(&[&half[..], b" ", &half].concat()));
        let bytes = line.matches(escaped).count();
        assert!((half.len()..=CLIENT_BYTES_MAX).contains(&bytes), "{format:?}: {bytes}");
    }
}

#[test]
fn colours_follow_the_status_class() {
    let outcome = Outcome::Truncated("file-shrank");
    for (status, colour) in [(206, 32), (304, 36), (404, 33), (503, 31)] {
        let entry = Entry { status, outcome, ..entry(b"GET / HTTP/1.0") };
        let want = format!(
            "\x1b[2m08:49:37Z\x1b[0m 127.0.0.1 GET / \x1b[{colour}m{status}\x1b[0m 2326 350us \
             \x1b[33mtruncated file-shrank\x1b[0m"
        );
        assert_eq!(Format::Short { colour: true }.line(&entry), want);
    }
}

#[test]
fn request_lines_split_into_their_words() {
    let words = |line| request_words(line).unwrap();
    assert_eq!(words(b"GET / HTTP/1.0"), [&b"GET"[..], b"/", b"HTTP/1.0"]);
    assert_eq!(words(b"GET /old"), [&b"GET"[..], b"/old"]);
    for line in ["", "GET", "GET ", " / HTTP/1.0", "GET / HTTP/1.0 ", "GET /a b"] {
        assert_eq!(request_words(line.as_bytes()), None, "{line}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_one_printable_line(
        line: Vec<u8>,
        referer: Option<Vec<u8>>,
        second in any::<i64>(),
    ) {
        let distance = Duration::from_secs(second.unsigned_abs());
        let after = UNIX_EPOCH.checked_add(distance).filter(|_| second > 0);
        let time = after.or_else(|| UNIX_EPOCH.checked_sub(distance)).unwrap_or(UNIX_EPOCH);
        let entry = Entry { referer: referer.as_deref(), time, ..entry(&line) };
        for format in [Format::Short { colour: false }, Format::Common, Format::Combined] {
            let text = format.line(&entry);
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{:?}", text);
        }
    }
}

fn parsed(entry: &Entry<'_>) -> Value {
    let line = Format::Json.line(entry);
    assert!(!line.chars().any(is_unprintable), "{line:?}");
    serde_json::from_str(&line).unwrap()
}

#[test]
fn an_object_holds_every_member() {
    let entry = Entry {
        user: Some("ann"),
        referer: Some(b"http://example.com/"),
        user_agent: Some(b"curl/8"),
        time: UNIX_EPOCH + Duration::from_millis(784_111_777_050),
        outcome: Outcome::Refused("encoded-slash"),
        ..entry(b"GET /a%20b?c HTTP/1.1")
    };
    let want = serde_json::json!({
        "time": "1994-11-06T08:49:37.050Z", "client": "127.0.0.1", "user": "ann",
        "method": "GET", "target": "/a%20b?c", "protocol": "HTTP/1.1", "request": null,
        "status": 200, "bytes_sent": 2_326, "referer": "http://example.com/",
        "user_agent": "curl/8", "duration_us": 350, "outcome": "refused",
        "cause": "encoded-slash",
    });
    assert_eq!(parsed(&entry), want);
    assert!(Format::Json.line(&entry).starts_with("{\"time\":\"1994-11-06T"));
}

#[test]
fn what_is_not_known_is_null() {
    let got = parsed(&entry(b""));
    for name in ["user", "method", "target", "protocol", "referer", "user_agent", "cause"] {
        assert_eq!(got[name], Value::Null, "{name}");
    }
    assert_eq!(got["request"], "");
    let simple = parsed(&entry(b"GET /old"));
    assert_eq!((&simple["target"], &simple["protocol"]), (&"/old".into(), &Value::Null));
}

proptest! {
    #[test]
    fn any_bytes_give_one_object(line: Vec<u8>, referer: Option<Vec<u8>>, agent: Vec<u8>) {
        let (referer, user_agent) = (referer.as_deref(), Some(&agent[..]));
        let got = parsed(&Entry { referer, user_agent, ..entry(&line) });
        prop_assert_eq!(got.as_object().map(serde_json::Map::len), Some(14));
        let lossy = String::from_utf8_lossy(&agent);
        prop_assert_eq!(got["user_agent"].as_str(), Some(lossy.as_ref()));
        if let Some(request) = got["request"].as_str() {
            prop_assert_eq!(request, String::from_utf8_lossy(&line));
        }
    }
}

#[test]
fn messages_are_one_harmless_line_with_time_level_and_perhaps_their_module() {
    let message = |format: Format| {
        let now = UNIX_EPOCH + Duration::from_millis(784_111_777_250);
        let mut record = Record::builder();
        record.level(Level::Warn).target("httpd::net");
        format.message(&record.args(format_args!("'ä\\\n\x1b[2J\u{202e}\"")).build(), now)
    };
    let [plain, coloured] = [false, true].map(|colour| message(Format::Short { colour }));
    let text = r#"'ä\\n\u{1b}[2J\u{202e}""#;
    assert_eq!(plain, format!("08:49:37Z WARN  {text}"));
    assert_eq!(coloured, format!("08:49:37Z \x1b[33mWARN \x1b[0m {text}"));
    let want = format!("1994-11-06T08:49:37Z WARN  httpd::net: {text}");
    assert_eq!(message(Format::Combined), want);
    let start = r#"{"time":"1994-11-06T08:49:37.250Z","level":"warn","target":"httpd::net","#;
    let rest = r#""message":"'ä\\\u000a\u001b[2J\u202e\""}"#;
    assert_eq!(message(Format::Json), [start, rest].concat());
    assert_eq!(priority(Level::Warn), "<4>");
}
