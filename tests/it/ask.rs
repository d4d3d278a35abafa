//! Requests for tests: each GET is repeated as HEAD, and each reply is checked for its frame, the
//! fields of every response.

use crate::support::{Httpd, Reply};

/// The first fields of every head, in this order; a 204 and a 304 have no length.
const FRAME: [&str; 4] = ["Date", "Server", "Connection", "Content-Length"];

/// Sends a request and checks the frame of its reply. A GET is repeated as HEAD, which must get the
/// same head and nothing after it (RFC 9110 section 9.3.2).
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
        let dates = [head.field("Date"), reply.field("Date")];
        assert_eq!(without(&head, dates), without(&reply, dates));
    }
    reply
}

/// Like `ask`, with an HTTP/1.0 request and these field lines, each of which ends in CRLF.
#[track_caller]
pub fn ask_for(httpd: &Httpd, target: &str, fields: &str) -> Reply {
    ask(httpd, format!("GET {target} HTTP/1.0\r\n{fields}\r\n"))
}

/// Checks the fields of every response; its body has `length` bytes.
#[track_caller]
pub fn check_frame(reply: &Reply, length: usize) {
    assert!(reply.status_line.starts_with("HTTP/1.0 "), "{reply:?}");
    let has_length = ![204, 304].contains(&reply.status);
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

/// The fields without Date, and without a Last-Modified that was limited to the Date of either
/// reply: a second may have passed between them.
fn without<'a>(reply: &'a Reply, dates: [Option<&str>; 2]) -> Vec<&'a (String, String)> {
    reply.fields.iter().filter(|(_, value)| !dates.contains(&Some(value.as_str()))).collect()
}
