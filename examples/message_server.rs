//! Messages: a protocol with a length before each message, so that its end is always known.
//!
//!     cargo run --example message_server -- --port 7000
//!     cargo run --example message_client -- 127.0.0.1 7000 search socket
//!
//! Answers `{"action": "search", "value": ...}` from a small table, and binary content with its
//! length. A connection may carry any number of messages. A message whose framing is broken gets an
//! error, and the connection closes; for a request that makes no sense, it stays open.

#[path = "shared/command.rs"]
mod command;
#[path = "shared/message.rs"]
mod message;
#[path = "shared/server.rs"]
mod server;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use httpd::net::Connection;
use message::Message;
use serde_json::{Value, json};

/// The table for `search`.
const TABLE: [(&str, &str); 6] = [
    ("socket", "One end of a connection, held like a file."),
    ("port", "A number that tells the programs of one host apart."),
    ("backlog", "Connections that wait in the kernel for accept."),
    ("datagram", "A packet that may get lost, come twice, or overtake another."),
    ("handshake", "Three packets, and both sides know that the other can hear them."),
    ("☎", "A very old socket. 🔌"),
];

fn main() -> ExitCode {
    command::run(|flags: server::Flags| server::serve(flags.port, converse))
}

fn converse(mut client: &Connection) -> io::Result<()> {
    let mut pending = Vec::new();
    loop {
        let (response, is_last) = match message::receive(client, &mut pending) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => (answer(&request), false),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                (fault(&error.to_string()), true)
            }
            Err(error) => return Err(error),
        };
        client.write_all(&response.encode().expect("every answer is short"))?;
        if is_last {
            return Ok(());
        }
    }
}

fn answer(request: &Message) -> Message {
    match (request.content_type.as_str(), request.content_encoding.as_str()) {
        ("text/json", "utf-8") => match serde_json::from_slice(&request.content) {
            Ok(request) => answer_request(&request),
            Err(_) => fault("the content is not JSON"),
        },
        ("text/json", _) => fault("JSON must be encoded as utf-8"),
        (kind, _) if kind.starts_with("binary/") => {
            Message::binary(format!("{} bytes received", request.content.len()).into_bytes())
        }
        _ => fault("the content type must be text/json or binary/..."),
    }
}

fn answer_request(request: &Value) -> Message {
    match (request["action"].as_str(), request["value"].as_str()) {
        (Some("search"), Some(value)) => {
            let found = TABLE.iter().find(|(name, _)| *name == value);
            Message::json(&json!({ "result": found.map_or("no match", |(_, text)| text) }))
        }
        (Some("search"), None) => fault("the value to search for must be text"),
        _ => fault("the action must be search"),
    }
}

fn fault(reason: &str) -> Message {
    Message::json(&json!({ "error": reason }))
}
