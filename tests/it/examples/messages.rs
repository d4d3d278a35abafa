//! `message_server`, `message_client` and the messages between them.

#[path = "../../../examples/shared/message.rs"]
mod message;

use std::io::{self, Read, Write};
use std::net::TcpStream;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{run_at, start};
use crate::support::{has_words, pattern, read_to_end};
use message::{CONTENT_BYTES_MAX, Decoded, HEADER_BYTES_MAX, Malformed, Message, decode, receive};

/// A message with this header and no content.
fn with_header(header: &str) -> Vec<u8> {
    [&u16::try_from(header.len()).unwrap().to_be_bytes(), header.as_bytes()].concat()
}

/// A message without content, with this field in its header.
fn header_with(name: &str, value: Value) -> Vec<u8> {
    let mut header = json!({
        "byteorder": "big",
        "content-length": 0,
        "content-type": "text/json",
        "content-encoding": "utf-8",
    });
    header[name] = value;
    with_header(&header.to_string())
}

#[track_caller]
fn check(bytes: &[u8], want: &Result<Decoded, Malformed>) {
    assert_eq!(&decode(bytes), want, "{}", bytes.escape_ascii());
}

/// Bytes that are not a message, and why, in the order in which decoding finds out.
fn malformed() -> Vec<(Vec<u8>, Malformed)> {
    let mut rows = vec![
        (vec![0x10, 0x01], Malformed::HeaderTooLong(HEADER_BYTES_MAX + 1)),
        (with_header(""), Malformed::HeaderNotJson),
        (with_header("\u{0}"), Malformed::HeaderNotJson),
        (with_header(&"[".repeat(HEADER_BYTES_MAX)), Malformed::HeaderNotJson),
        (with_header("[]"), Malformed::Field("byteorder")),
        (header_with("byteorder", json!("middle")), Malformed::Field("byteorder")),
        (header_with("content-length", json!("5")), Malformed::Field("content-length")),
        (header_with("content-length", json!(-5)), Malformed::Field("content-length")),
        (header_with("content-length", json!(1_048_577)), Malformed::ContentTooLong(1_048_577)),
    ];
    for name in ["byteorder", "content-length", "content-type", "content-encoding"] {
        rows.push((header_with(name, Value::Null), Malformed::Field(name)));
    }
    rows
}

#[test]
fn messages_are_decoded() {
    let message = Message::json(&json!({"a": "é"}));
    let bytes = message.encode().unwrap();
    check(&bytes, &Ok(Decoded::Complete(message.clone(), bytes.len())));
    check(&[&bytes[..], b"more"].concat(), &Ok(Decoded::Complete(message, bytes.len())));
    let cut_off = receive(&bytes[..bytes.len() - 1], &mut Vec::new());
    assert_eq!(cut_off.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    let empty = Message { content: Vec::new(), ..Message::json(&Value::Null) };
    let bytes = header_with("an unknown field", json!([1]));
    check(&bytes, &Ok(Decoded::Complete(empty, bytes.len())));
    let padding = HEADER_BYTES_MAX + 2 - header_with("padding", json!("")).len();
    let longest = header_with("padding", json!("x".repeat(padding)));
    assert!(matches!(decode(&longest), Ok(Decoded::Complete(..))));
    let full = Message::binary(vec![0; CONTENT_BYTES_MAX]);
    assert!(matches!(decode(&full.encode().unwrap()), Ok(Decoded::Complete(..))));
    for (bytes, why) in malformed() {
        check(&bytes, &Err(why));
    }
}

#[test]
fn a_message_that_decoding_would_refuse_is_not_encoded() {
    let too_long = Message::binary(vec![0; CONTENT_BYTES_MAX + 1]);
    assert_eq!(too_long.encode(), Err(Malformed::ContentTooLong(CONTENT_BYTES_MAX as u64 + 1)));
    let wordy = Message { content_type: "x".repeat(HEADER_BYTES_MAX), ..Message::binary(vec![]) };
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
}

/// Sends these bytes and returns the answer.
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

/// What the server's table has for `socket`.
const FOUND: &str = "One end of a connection, held like a file.";

#[test]
fn broken_framing_gets_an_error_and_closes_the_connection() {
    let server = start("message_server");
    for (bytes, why) in malformed() {
        let mut stream = server.connect();
        // The bytes that follow must not reset the connection before the answer is read.
        let answer = ask(&mut stream, &[bytes, pattern(100_000)].concat());
        assert_eq!(value(&answer), json!({"error": why.to_string()}));
        assert_eq!(read_to_end(&mut stream), b"", "{why}");
    }
}

#[test]
fn a_request_that_makes_no_sense_gets_an_error_and_the_connection_stays_open() {
    let server = start("message_server");
    let mut stream = server.connect();
    let with = |content_type: &str, content_encoding: &str, content: &[u8]| Message {
        content_type: content_type.to_owned(),
        content_encoding: content_encoding.to_owned(),
        content: content.to_owned(),
    };
    for (request, want) in [
        (Message::json(&json!({"action": "dance"})), "action"),
        (Message::json(&json!([])), "action"),
        (Message::json(&json!({"action": "search"})), "value"),
        (with("text/json", "utf-8", b"\xff"), "JSON"),
        (with("text/json", "utf-8", &b"[".repeat(CONTENT_BYTES_MAX)), "JSON"),
        (with("text/json", "utf-16", b"{}"), "utf-8"),
        (with("text/plain", "utf-8", b"{}"), "text/json"),
    ] {
        let answer = value(&ask(&mut stream, &request.encode().unwrap()));
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("no error: {answer}"));
        assert!(has_words(error, &[want]), "{error:?} lacks {want:?}");
    }
    let answer = value(&ask(&mut stream, &search("socket").encode().unwrap()));
    assert_eq!(answer, json!({"result": FOUND}));
}

#[test]
fn the_client_prints_the_answer() {
    let server = start("message_server");
    let ask = |arguments: &[&str]| run_at("message_client", &server, arguments, "");
    let ok = |text: &str| (0, format!("{text}\n"), String::new());
    assert_eq!(ask(&["search", "socket"]), ok(FOUND));
    assert_eq!(ask(&["search", "☎"]), ok("A very old socket. 🔌"));
    assert_eq!(ask(&["search", "no such word"]), ok("no match"));
    assert_eq!(ask(&["binary", "12345"]), ok("5 bytes received"));
    let (status, stdout, stderr) = ask(&["dance", "x"]);
    assert_eq!((status, stdout.as_str(), stderr.lines().count()), (1, "", 1), "{stderr}");
    assert!(has_words(&stderr, &["action"]), "{stderr}");
}
