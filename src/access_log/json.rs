//! An entry as one JSON object (RFC 8259) in one line, for programs.
//!
//! Every object has the same members in the same order; what is not known is `null`. Bytes that are
//! not UTF-8 become U+FFFD, since JSON is text. What could begin a line, command a terminal or
//! reorder text is escaped, so that no reader sees anything but one line.

use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use super::entry::Entry;
use crate::http::date::Date;
use crate::text::write_json_string;

/// Bytes as a JSON string, or `null`.
pub(super) struct Text<'a>(pub(super) Option<&'a [u8]>);

/// The entry's object.
pub(super) fn json(out: &mut String, entry: &Entry<'_>) -> fmt::Result {
    let words = entry.request_words();
    let (method, target) = words.map(|(method, target, _)| (method, target)).unzip();
    let protocol = words.and_then(|(_, _, protocol)| protocol);
    // The whole line, but only where its words are not given.
    let request = words.is_none().then_some(entry.request_line);
    write!(out, "{{\"time\":\"{}\"", time(entry.time))?;
    write!(out, ",\"client\":\"{}\"", entry.client.to_canonical())?;
    write!(out, ",\"user\":{}", Text(entry.user.map(str::as_bytes)))?;
    write!(out, ",\"method\":{}", Text(method))?;
    write!(out, ",\"target\":{}", Text(target))?;
    write!(out, ",\"protocol\":{}", Text(protocol))?;
    write!(out, ",\"request\":{}", Text(request))?;
    write!(out, ",\"status\":{}", entry.status)?;
    write!(out, ",\"bytes_sent\":{}", entry.bytes_sent)?;
    write!(out, ",\"referer\":{}", Text(entry.referer))?;
    write!(out, ",\"user_agent\":{}", Text(entry.user_agent))?;
    write!(out, ",\"duration_us\":{}", entry.duration.as_micros())?;
    let (outcome, cause) = entry.outcome.words();
    write!(out, ",\"outcome\":\"{outcome}\",\"cause\":{}}}", Text(cause.map(str::as_bytes)))
}

/// A time as RFC 3339 writes it, with milliseconds: `1994-11-06T08:49:37.250Z`.
pub(super) fn time(moment: SystemTime) -> String {
    let seconds = Date::clamped(moment).rfc3339();
    let millis = moment.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_millis();
    format!("{}.{millis:03}Z", seconds.trim_end_matches('Z'))
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write_json_string(out, &String::from_utf8_lossy(bytes)),
            None => out.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::entry::Outcome;
    use crate::access_log::format::Format;
    use crate::text::is_unprintable;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    fn entry(request_line: &[u8]) -> Entry<'_> {
        Entry {
            client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            user: None,
            time: UNIX_EPOCH + Duration::from_millis(784_111_777_050),
            request_line,
            status: 200,
            bytes_sent: 1_234,
            referer: None,
            user_agent: None,
            duration: Duration::from_micros(1_500),
            outcome: Outcome::Complete,
        }
    }

    fn parsed(entry: &Entry<'_>) -> Value {
        let line = Format::Json.line(entry, true);
        assert!(!line.chars().any(is_unprintable), "{line:?}");
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn an_object_holds_every_member() {
        let mut entry = entry(b"GET /a%20b?c HTTP/1.1");
        entry.user = Some("ann");
        entry.referer = Some(b"http://example.com/");
        entry.user_agent = Some(b"curl/8");
        let want = json!({
            "time": "1994-11-06T08:49:37.050Z", "client": "192.0.2.7", "user": "ann",
            "method": "GET", "target": "/a%20b?c", "protocol": "HTTP/1.1", "request": null,
            "status": 200, "bytes_sent": 1_234, "referer": "http://example.com/",
            "user_agent": "curl/8", "duration_us": 1_500, "outcome": "complete", "cause": null,
        });
        assert_eq!(parsed(&entry), want);
        assert!(Format::Json.line(&entry, false).starts_with("{\"time\":\"1994-11-06T"));
    }

    #[test]
    fn what_is_not_known_is_null() {
        let got = parsed(&entry(b""));
        let names = ["user", "method", "target", "protocol", "referer", "user_agent", "cause"];
        for name in names {
            assert_eq!(got[name], Value::Null, "{name}");
        }
        assert_eq!(got["request"], "");
        let simple = parsed(&entry(b"GET /old"));
        assert_eq!((&simple["target"], &simple["protocol"]), (&json!("/old"), &Value::Null));
    }

    #[test]
    fn a_refusal_has_its_cause() {
        let outcome = Outcome::Refused("encoded-slash");
        let got = parsed(&Entry { status: 404, outcome, ..entry(b"GET /a%2fb HTTP/1.0") });
        assert_eq!((&got["outcome"], &got["cause"]), (&json!("refused"), &json!("encoded-slash")));
    }

    #[test]
    fn a_time_before_1970_is_written_as_1970() {
        let mut entry = entry(b"GET / HTTP/1.0");
        entry.time = UNIX_EPOCH - Duration::from_millis(1);
        assert_eq!(parsed(&entry)["time"], "1970-01-01T00:00:00.000Z");
    }

    #[track_caller]
    fn check(user_agent: &[u8], want: &str) {
        let mut entry = entry(b"GET / HTTP/1.0");
        entry.user_agent = Some(user_agent);
        let line = Format::Json.line(&entry, false);
        let member = format!(",\"user_agent\":{want},\"duration_us\"");
        assert!(line.contains(&member), "{line}\nlacks {member}");
        let lossy = String::from_utf8_lossy(user_agent);
        assert_eq!(parsed(&entry)["user_agent"], lossy.as_ref());
    }

    #[test]
    fn strings_are_escaped() {
        check(b"", r#""""#);
        check("\u{e4} \u{1f600}".as_bytes(), "\"\u{e4} \u{1f600}\"");
        check(b"say \"no\" to C:\\", r#""say \"no\" to C:\\""#);
        check(b"</script>", r#""</script>""#);
        check(b"a\nb\r\t\0\x1b[31m\x7f", r#""a\u000ab\u000d\u0009\u0000\u001b[31m\u007f""#);
        check("\u{9b}31m\u{2028}\u{2029}".as_bytes(), r#""\u009b31m\u2028\u2029""#);
        check(b"\xff\xc3(", "\"\u{fffd}\u{fffd}(\"");
        check(b"\",\"status\":500,\"x\":\"", r#""\",\"status\":500,\"x\":\"""#);
    }

    proptest! {
        #[test]
        fn any_bytes_give_one_object(line: Vec<u8>, referer: Option<Vec<u8>>, agent: Vec<u8>) {
            let mut entry = entry(&line);
            entry.referer = referer.as_deref();
            entry.user_agent = Some(&agent);
            let got = parsed(&entry);
            prop_assert_eq!(got.as_object().map(serde_json::Map::len), Some(14));
            let lossy = String::from_utf8_lossy(&agent);
            prop_assert_eq!(got["user_agent"].as_str(), Some(lossy.as_ref()));
            if let Some(request) = got["request"].as_str() {
                prop_assert_eq!(request, String::from_utf8_lossy(&line));
            }
        }
    }
}
