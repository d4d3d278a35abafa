//! Reply: answers `response` to every message, and shows that TCP has no messages.
//!
//!     cargo run --example reply -- --port 7000
//!     nc 127.0.0.1 7000
//!
//! This server takes whatever one read returns for a message. But TCP carries bytes: two messages
//! that are sent in quick succession may arrive as one, and a long one, such as
//! `seq 10000 | nc 127.0.0.1 7000`, as several, so there are too few or too many answers. The
//! message `close` closes the connection.

#[path = "shared/command.rs"]
mod command;
#[path = "shared/server.rs"]
mod server;

use std::io::{self, Read, Write};
use std::process::ExitCode;

use httpd::net::Connection;

/// The longest message: a longer one counts as several.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;

fn main() -> ExitCode {
    command::run(|flags: server::Flags| server::serve(flags.port, reply))
}

fn reply(mut client: &Connection) -> io::Result<()> {
    let mut buffer = [0; MESSAGE_BYTES_MAX];
    loop {
        let length = client.read(&mut buffer)?;
        match &buffer[..length] {
            b"" | b"close" | b"close\n" | b"close\r\n" => return Ok(()),
            _ => client.write_all(b"response")?,
        }
    }
}
