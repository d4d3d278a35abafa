//! Many clients in one: opens many connections to `echo` at once, and sends messages on each.
//!
//!     cargo run --example echo -- --port 7000
//!     cargo run --example multi_client -- 127.0.0.1 7000 10
//!
//! No threads are needed: while we use one connection, the kernel buffers what arrives on the
//! others. One read is not one message, so we read until the whole answer has arrived.

#[path = "shared/command.rs"]
mod command;

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use clap::Parser;
use httpd::outgoing;

/// Connections at once; the usual limit is 1024 open files and sockets per process.
const CONNECTIONS_MAX: u16 = 1000;

/// Send messages to echo on many connections at once
#[derive(Debug, Parser)]
#[command(name = "multi_client")]
struct Flags {
    /// Name or address of the server
    host: String,

    /// Its port
    port: u16,

    /// How many connections to open, 1 to 1000
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(CONNECTIONS_MAX)))]
    connections: u16,
}

fn main() -> ExitCode {
    command::run(|flags: Flags| talk(&flags))
}

fn talk(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let connect = |_| outgoing::connect(&flags.host, flags.port);
    let mut streams = (1..=flags.connections).map(connect).collect::<Result<Vec<_>, _>>()?;
    let lost =
        |number, error: io::Error| format!("connection {number}: {}", outgoing::reason(&error));
    for (number, stream) in (1..).zip(&mut streams) {
        for message in messages(number) {
            stream.write_all(message.as_bytes()).map_err(|error| lost(number, error))?;
        }
    }
    let mut output = io::stdout().lock();
    for (number, stream) in (1..).zip(streams) {
        let sent = messages(number).concat();
        let received = read_back(stream, sent.len()).map_err(|error| lost(number, error))?;
        let (sent_bytes, received_bytes) = (sent.len(), received.len());
        writeln!(output, "connection {number}: sent {sent_bytes} bytes, {sent:?}")?;
        writeln!(output, "connection {number}: received {received_bytes} bytes, {received:?}")?;
        if received != sent {
            return Err(format!("connection {number}: the answer is not what was sent").into());
        }
    }
    Ok(())
}

fn messages(number: u16) -> [String; 2] {
    [format!("message 1 of connection {number}\n"), format!("message 2 of connection {number}\n")]
}

/// Reads exactly `length` bytes; the connection closes when the stream is dropped.
fn read_back(mut stream: TcpStream, length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
