//! Asking as every table of requests does: a GET also as HEAD, and no reply without its frame.

use crate::support::{Httpd, Reply};

/// The fields that every response has, in the order in which a head starts; a 304 has no length.
const FRAME: [&str; 4] = ["Date", "Server", "Connection", "Content-Length"];

/// Sends a request and checks the frame of its reply. A GET goes out once more as HEAD, which must
/// get the same head and nothing after it (RFC 9110 section 9.3.2).
#[track_caller]
pub fn ask(httpd: &Httpd, request: impl AsRef<[u8]>) -> Reply {
    let request = request.as_ref();
    let reply = httpd.reply(request);
    check_frame(&reply, reply.body.len());
    let start = request.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    let (blank, line) = request.split_at(start);
    if let Some(rest) = line.strip_prefix(b"GET ") {
        let head = [blank, b"HEAD ", rest].concat();
        let head = httpd.reply(head);
        assert_eq!((head.text().as_str(), &head.status_line), ("", &reply.status_line));
        assert_eq!(without_date(&head), without_date(&reply));
    }
    reply
}

/// `ask`, by HTTP/1.0, with these field lines, each of which ends in CRLF.
#[track_caller]
pub fn ask_for(httpd: &Httpd, target: &str, fields: &str) -> Reply {
    ask(httpd, format!("GET {target} HTTP/1.0\r\n{fields}\r\n"))
}

/// What must be there whatever was asked, around a body of that many bytes.
#[track_caller]
pub fn check_frame(reply: &Reply, length: usize) {
    assert!(reply.status_line.starts_with("HTTP/1.0 "), "{reply:?}");
    let has_length = reply.status != 304;
    let frame = &FRAME[..if has_length { 4 } else { 3 }];
    let names: Vec<&str> = reply.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.starts_with(frame), "{reply:?}");
    let is_printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    assert!(reply.fields.iter().all(|(_, value)| is_printable(value)), "{reply:?}");
    assert_eq!(reply.field("Date").unwrap().len(), "Sun, 06 Nov 1994 08:49:37 GMT".len());
    assert_eq!(reply.field("Connection"), Some("close"));
    assert_eq!(reply.field("X-Content-Type-Options"), Some("nosniff"));
    let want = has_length.then(|| length.to_string());
    assert_eq!(reply.field("Content-Length"), want.as_deref());
    assert_eq!(reply.field("Content-Type").is_some(), has_length, "{reply:?}");
}

/// The fields but Date, and but a Last-Modified that was held back to it.
fn without_date(reply: &Reply) -> Vec<&(String, String)> {
    let date = reply.field("Date");
    reply.fields.iter().filter(|(_, value)| Some(value.as_str()) != date).collect()
}
