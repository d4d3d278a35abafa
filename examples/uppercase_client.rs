//! The client of `uppercase`: sends each line of its input as a sentence, and prints the answer.
//!
//!     cargo run --example uppercase -- --port 7000 --udp
//!     cargo run --example uppercase_client -- 127.0.0.1 7000 --udp
//!
//! TCP retransmits lost data by itself. UDP does not: a client must wait for an answer, but not for
//! ever, and then ask again, but not for ever either.

#[path = "shared/command.rs"]
mod command;

use std::error::Error;
use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use httpd::outgoing;

/// How long to wait for the answer to a datagram before one of the two counts as lost.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(500);

/// How many times a sentence is sent as a datagram.
const TRIES_MAX: u32 = 3;

/// The longest answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Convert each line of the input to capitals
#[derive(Debug, Parser)]
#[command(name = "uppercase_client")]
struct Flags {
    /// Name or address of the server
    host: String,

    /// Its port
    port: u16,

    /// Use UDP instead of TCP
    #[arg(long)]
    udp: bool,
}

fn main() -> ExitCode {
    command::run(|flags: Flags| converse(&flags))
}

fn converse(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let input = io::stdin().lock();
    let prompt = if input.is_terminal() { "> " } else { "" };
    let mut output = io::stdout().lock();
    write!(output, "{prompt}")?;
    output.flush()?;
    for sentence in input.split(b'\n') {
        let ask = if flags.udp { ask_by_datagram } else { ask_by_connection };
        output.write_all(&ask(&flags.host, flags.port, &sentence?)?)?;
        write!(output, "\n{prompt}")?;
        output.flush()?;
    }
    Ok(())
}

fn ask_by_connection(host: &str, port: u16, sentence: &[u8]) -> Result<Vec<u8>, String> {
    let mut stream = outgoing::connect(host, port)?;
    let mut answer = Vec::new();
    let asked = stream
        .write_all(&[sentence, b"\n"].concat())
        .and_then(|()| stream.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut answer));
    match asked {
        Err(error) => Err(outgoing::reason(&error)),
        Ok(_) if answer.pop() != Some(b'\n') => Err("the answer is incomplete".to_owned()),
        Ok(_) => Ok(answer),
    }
}

fn ask_by_datagram(host: &str, port: u16, sentence: &[u8]) -> Result<Vec<u8>, String> {
    let because =
        |error| format!("cannot ask {host} on UDP port {port}: {}", outgoing::reason(&error));
    // A new socket for each sentence: otherwise a late answer to the previous sentence, which may
    // have been sent twice, could be taken for the answer to this one.
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(because)?;
    socket.connect((host, port)).map_err(because)?;
    socket.set_read_timeout(Some(ANSWER_TIME_MAX)).map_err(because)?;
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    for _ in 0..TRIES_MAX {
        socket.send(sentence).map_err(because)?;
        match socket.recv(&mut answer) {
            Ok(length) => {
                answer.truncate(length);
                return Ok(answer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(because(error)),
        }
    }
    Err(format!("no answer to {TRIES_MAX} datagrams, {ANSWER_TIME_MAX:?} after each"))
}
