//! The client of `message_server`: sends one request, and prints the answer.
//!
//!     cargo run --example message_client -- 127.0.0.1 7000 search socket
//!     cargo run --example message_client -- 127.0.0.1 7000 binary 'any bytes'
//!
//! The action `binary` sends the value as it is. Any other action sends a request in JSON:
//! `{"action": ..., "value": ...}`.

#[path = "shared/command.rs"]
mod command;
#[path = "shared/message.rs"]
mod message;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use clap::Parser;
use httpd::outgoing;
use message::Message;
use serde_json::{Value, json};

/// Send the message server one request
#[derive(Debug, Parser)]
#[command(name = "message_client")]
struct Flags {
    /// Name or address of the server
    host: String,

    /// Its port
    port: u16,

    /// What to do with the value: search, binary
    action: String,

    /// What to search for, or the bytes to send
    value: OsString,
}

fn main() -> ExitCode {
    command::run(|flags: Flags| ask(flags))
}

fn ask(flags: Flags) -> Result<(), Box<dyn Error>> {
    let request = match flags.action.as_str() {
        "binary" => Message::binary(flags.value.into_vec()),
        action => Message::json(&json!({ "action": action, "value": flags.value.to_str() })),
    };
    let request = request.encode()?;
    let mut stream = outgoing::connect(&flags.host, flags.port)?;
    let answer = stream
        .write_all(&request)
        .and_then(|()| message::receive(&stream, &mut Vec::new()))
        .map_err(|error| outgoing::reason(&error))?
        .ok_or("the server closed the connection without an answer")?;
    let mut output = io::stdout().lock();
    if answer.content_type != "text/json" {
        output.write_all(&answer.content)?;
        return Ok(writeln!(output)?);
    }
    let answer: Value = serde_json::from_slice(&answer.content)?;
    match (&answer["result"], &answer["error"]) {
        (Value::String(result), _) => Ok(writeln!(output, "{result}")?),
        (_, Value::String(error)) => Err(format!("the server reports: {error}").into()),
        _ => Ok(writeln!(output, "{answer}")?),
    }
}
