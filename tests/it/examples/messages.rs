//! `message_server`, `message_client` and the messages between them.

#[path = "../../../examples/shared/message.rs"]
mod message;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{refusing_port, run, run_at, start};
use crate::support::{Httpd, pattern, read_to_end};
use message::{CONTENT_BYTES_MAX, Decoded, HEADER_BYTES_MAX, Malformed, Message, decode, receive};

/// A message with this header and no content.
fn with_header(header: &str) -> Vec<u8> {
    [&u16::try_from(header.len()).unwrap().to_be_bytes(), header.as_bytes()].concat()
}

/// A header, in which one field has been changed, or left out.
fn header_with(name: &str, value: Option<Value>) -> Vec<u8> {
    let mut header = json!({
        "byteorder": "big",
        "content-length": 0,
        "content-type": "text/json",
        "content-encoding": "utf-8",
    });
    let fields = header.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
    with_header(&header.to_string())
}

#[track_caller]
fn check(bytes: &[u8], want: &Result<Decoded, Malformed>) {
    assert_eq!(&decode(bytes), want, "{}", bytes.escape_ascii());
}

/// What is no message, and why; in the order in which it can be told.
fn malformed() -> Vec<(Vec<u8>, Malformed)> {
    let content_length = |value| header_with("content-length", Some(value));
    let mut rows = vec![
        (vec![0x10, 0x01], Malformed::HeaderTooLong(HEADER_BYTES_MAX + 1)),
        (vec![0xff, 0xff], Malformed::HeaderTooLong(65_535)),
        (with_header(""), Malformed::HeaderNotJson),
        (with_header("{"), Malformed::HeaderNotJson),
        (with_header("\u{0}"), Malformed::HeaderNotJson),
        (with_header(&"[".repeat(HEADER_BYTES_MAX)), Malformed::HeaderNotJson),
        (with_header("[]"), Malformed::Field("byteorder")),
        (with_header("\"byteorder\""), Malformed::Field("byteorder")),
        (header_with("byteorder", Some(json!("middle"))), Malformed::Field("byteorder")),
        (content_length(json!("5")), Malformed::Field("content-length")),
        (content_length(json!(-5)), Malformed::Field("content-length")),
        (content_length(json!(5.5)), Malformed::Field("content-length")),
        (content_length(json!(1e300)), Malformed::Field("content-length")),
        (content_length(json!(1_048_577)), Malformed::ContentTooLong(1_048_577)),
        (content_length(json!(u64::MAX)), Malformed::ContentTooLong(u64::MAX)),
    ];
    for name in ["byteorder", "content-length", "content-type", "content-encoding"] {
        rows.push((header_with(name, None), Malformed::Field(name)));
        rows.push((header_with(name, Some(Value::Null)), Malformed::Field(name)));
    }
    rows
}

#[test]
fn messages_are_decoded() {
    let message = Message::json(&json!({"a": "é"}));
    let bytes = message.encode().unwrap();
    check(&bytes, &Ok(Decoded::Complete(message.clone(), bytes.len())));
    check(&[&bytes[..], b"more"].concat(), &Ok(Decoded::Complete(message, bytes.len())));
    let empty = Message::json(&Value::Null);
    let empty = Message { content: Vec::new(), ..empty };
    let bytes = header_with("a field that we do not know", Some(json!([1])));
    check(&bytes, &Ok(Decoded::Complete(empty, bytes.len())));
    let longest = header_with("padding", Some(json!(""))).len() - 2;
    let longest = header_with("padding", Some(json!("x".repeat(HEADER_BYTES_MAX - longest))));
    assert!(matches!(decode(&longest), Ok(Decoded::Complete(..))));
    for (bytes, why) in malformed() {
        check(&bytes, &Err(why));
    }
}

#[test]
fn what_would_be_refused_is_not_encoded() {
    let full = Message::binary(vec![0; CONTENT_BYTES_MAX]);
    assert!(matches!(decode(&full.encode().unwrap()), Ok(Decoded::Complete(..))));
    let too_long = Message::binary(vec![0; CONTENT_BYTES_MAX + 1]);
    assert_eq!(too_long.encode(), Err(Malformed::ContentTooLong(CONTENT_BYTES_MAX as u64 + 1)));
    let wordy = Message { content_type: "x".repeat(HEADER_BYTES_MAX), ..full };
    assert!(matches!(wordy.encode(), Err(Malformed::HeaderTooLong(_))));
}

fn any_message() -> impl Strategy<Value = Message> {
    let content = proptest::collection::vec(any::<u8>(), 0..300);
    (".{0,20}", ".{0,20}", content).prop_map(|(content_type, content_encoding, content)| Message {
        content_type,
        content_encoding,
        content,
    })
}

/// A stream that returns its bytes in pieces of these lengths, again and again.
struct Pieces<'a> {
    rest: &'a [u8],
    lengths: std::iter::Cycle<std::vec::IntoIter<usize>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths.next().unwrap().min(buffer.len());
        self.rest.read(&mut buffer[..length])
    }
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_decodes_to_the_same_messages(
        messages in proptest::collection::vec(any_message(), 0..5),
        lengths in proptest::collection::vec(1..400_usize, 1..20),
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|it| it.encode().unwrap()).collect();
        let mut stream = Pieces { rest: &bytes, lengths: lengths.into_iter().cycle() };
        let mut pending = Vec::new();
        for message in messages {
            prop_assert_eq!(receive(&mut stream, &mut pending).unwrap(), Some(message));
        }
        prop_assert_eq!(receive(&mut stream, &mut pending).unwrap(), None);
    }

    #[test]
    fn any_start_of_a_message_is_partial(
        message in any_message(),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = message.encode().unwrap();
        let start = &bytes[..cut.index(bytes.len())];
        prop_assert_eq!(decode(start), Ok(Decoded::Partial));
        let ended = receive(start, &mut Vec::new());
        if start.is_empty() {
            prop_assert!(ended.unwrap().is_none());
        } else {
            prop_assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn any_bytes_at_all_are_judged(header in ".{0,100}", bytes: Vec<u8>) {
        let _ = decode(&bytes);
        let _ = decode(&[with_header(&header), bytes].concat());
    }
}

/// Sends these bytes and gives the answer.
#[track_caller]
fn ask(stream: &mut TcpStream, bytes: &[u8]) -> Message {
    stream.write_all(bytes).unwrap();
    receive(stream, &mut Vec::new()).unwrap().expect("an answer")
}

/// The value in a JSON message.
#[track_caller]
fn value(message: &Message) -> Value {
    assert_eq!((&*message.content_type, &*message.content_encoding), ("text/json", "utf-8"));
    serde_json::from_slice(&message.content).unwrap()
}

fn search(name: &str) -> Message {
    Message::json(&json!({"action": "search", "value": name}))
}

const FOUND: &str = "One end of a connection, held like a file.";

#[test]
fn several_messages_are_answered_on_each_of_several_connections() {
    let server = start("message_server");
    thread::scope(|scope| {
        for client in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut stream = server.connect();
                for _ in 0..3 {
                    let answer = ask(&mut stream, &search("socket").encode().unwrap());
                    assert_eq!(value(&answer), json!({"result": FOUND}));
                    let binary = Message::binary(pattern(1000 * client)).encode().unwrap();
                    let answer = ask(&mut stream, &binary);
                    assert_eq!(answer.content, format!("{} bytes came", 1000 * client).as_bytes());
                    assert_eq!(answer.content_encoding, "binary");
                }
            });
        }
    });
}

#[test]
fn messages_may_come_together_or_byte_by_byte() {
    let server = start("message_server");
    let messages = [search("socket"), Message::binary(pattern(10)), search("☎")];
    let bytes: Vec<u8> = messages.iter().flat_map(|it| it.encode().unwrap()).collect();
    for piece in [bytes.len(), 1] {
        let mut stream = server.connect();
        stream.set_nodelay(true).unwrap();
        for piece in bytes.chunks(piece) {
            stream.write_all(piece).unwrap();
        }
        let mut pending = Vec::new();
        let mut next = || receive(&stream, &mut pending).unwrap().unwrap();
        assert_eq!(value(&next()), json!({"result": FOUND}));
        assert_eq!(next().content, b"10 bytes came");
        assert_eq!(value(&next()), json!({"result": "A very old socket. 🔌"}));
    }
}

#[test]
fn content_of_one_mebibyte_is_taken() {
    let server = start("message_server");
    let largest = Message::binary(pattern(CONTENT_BYTES_MAX)).encode().unwrap();
    assert_eq!(ask(&mut server.connect(), &largest).content, b"1048576 bytes came");
}

#[test]
fn broken_framing_gets_an_error_and_the_connection_closes() {
    let server = start("message_server");
    for (bytes, why) in malformed() {
        let mut stream = server.connect();
        // What follows must not reset the connection before the answer is read.
        let answer = ask(&mut stream, &[bytes, pattern(100_000)].concat());
        assert_eq!(value(&answer), json!({"error": why.to_string()}));
        assert_eq!(read_to_end(&mut stream), b"", "{why}");
    }
}

/// The content makes no sense: an error, and the connection goes on.
#[track_caller]
fn check_fault(server: &Httpd, request: &Message, want: &str) {
    let mut stream = server.connect();
    let answer = ask(&mut stream, &request.encode().unwrap());
    assert_eq!(value(&answer), json!({"error": want}));
    let answer = ask(&mut stream, &search("nobody knows").encode().unwrap());
    assert_eq!(value(&answer), json!({"result": "no match"}));
}

#[test]
fn a_question_that_makes_no_sense_gets_an_error() {
    let server = start("message_server");
    let json = |value: Value| Message::json(&value);
    check_fault(&server, &json(json!({"action": "dance"})), "the only action is search");
    check_fault(&server, &json(json!([])), "the only action is search");
    let want = "the value to search for is not text";
    check_fault(&server, &json(json!({"action": "search"})), want);
    check_fault(&server, &json(json!({"action": "search", "value": 5})), want);
    let with = |content_type: &str, content_encoding: &str, content: &[u8]| Message {
        content_type: content_type.to_owned(),
        content_encoding: content_encoding.to_owned(),
        content: content.to_owned(),
    };
    let want = "the content is not JSON";
    check_fault(&server, &with("text/json", "utf-8", b""), want);
    check_fault(&server, &with("text/json", "utf-8", b"\xff"), want);
    check_fault(&server, &with("text/json", "utf-8", &b"[".repeat(CONTENT_BYTES_MAX)), want);
    let want = "JSON is read in utf-8 alone";
    check_fault(&server, &with("text/json", "utf-16", b"{}"), want);
    let want = "content is text/json or binary/...";
    check_fault(&server, &with("text/plain", "utf-8", b"{}"), want);
}

#[test]
fn the_client_prints_the_answer() {
    let server = start("message_server");
    let ask = |arguments: &[&str]| run_at("message_client", &server, arguments, "");
    let ok = |text: &str| (0, format!("{text}\n"), String::new());
    assert_eq!(ask(&["search", "socket"]), ok(FOUND));
    assert_eq!(ask(&["search", "☎"]), ok("A very old socket. 🔌"));
    assert_eq!(ask(&["search", "nobody knows"]), ok("no match"));
    assert_eq!(ask(&["binary", "12345"]), ok("5 bytes came"));
    let failed = |text: &str| (1, String::new(), format!("message_client: {text}\n"));
    assert_eq!(ask(&["dance", "x"]), failed("the server says: the only action is search"));
}

#[test]
fn the_client_says_in_one_sentence_what_is_wrong() {
    let (_guard, port) = refusing_port();
    let (status, _, stderr) = run("message_client", &["127.0.0.1", &port, "search", "x"], "");
    let want =
        format!("message_client: cannot connect to 127.0.0.1:{port}: the connection was refused\n");
    assert_eq!((status, stderr), (1, want));
    let (status, _, stderr) = run("message_client", &["127.0.0.1", &port, "search"], "");
    let want = "message_client: the following required arguments were not provided: <VALUE>\n";
    assert_eq!((status, stderr.as_str()), (1, want));
}
