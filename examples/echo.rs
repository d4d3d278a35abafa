//! Echo: sends back whatever a client sends, until it sends the line `exit`.
//!
//!     cargo run --example echo -- --port 7000
//!     nc 127.0.0.1 7000
//!
//! Bytes, not text: lines matter only for recognising `exit`, which is sent back too. A client that
//! sends a lot must also read: as long as it does not receive its echo, we do not read either, and
//! TCP makes it wait.

#[path = "shared/command.rs"]
mod command;
#[path = "shared/server.rs"]
mod server;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use httpd::net::Connection;

/// The most bytes that one read takes.
const BUFFER_BYTES: usize = 64 * 1024;

/// How much of a line is remembered, which is enough to recognise `exit`.
const LINE_BYTES_MAX: usize = b"exit\r\n".len();

fn main() -> ExitCode {
    command::run(|flags: server::Flags| server::serve(flags.port, echo))
}

fn echo(mut client: &Connection) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut line = Vec::with_capacity(LINE_BYTES_MAX);
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let bytes = &buffer[..length];
        if let Some(end) = exit_line(&mut line, bytes) {
            return client.write_all(&bytes[..end]);
        }
        client.write_all(bytes)?;
    }
}

/// Where in `bytes` the line `exit` ends. A line may arrive in pieces: `line` holds the start of an
/// unfinished line between calls.
fn exit_line(line: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let mut end = 0;
    for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
        end += piece.len();
        let space = LINE_BYTES_MAX - line.len();
        line.extend_from_slice(&piece[..piece.len().min(space)]);
        if piece.ends_with(b"\n") {
            if matches!(&line[..], b"exit\n" | b"exit\r\n") {
                return Some(end);
            }
            line.clear();
        }
    }
    None
}
