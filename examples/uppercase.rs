//! Uppercase: answers a sentence in capitals, over TCP or, with `--udp`, over UDP.
//!
//!     cargo run --example uppercase -- --port 7000
//!     cargo run --example uppercase_client -- 127.0.0.1 7000
//!
//! Over TCP a sentence ends with its line, or with the client's stream. It is collected completely
//! before it is decoded as text, since a character of several bytes may arrive in two pieces. After
//! one sentence the connection closes. Over UDP each datagram is a sentence, and so is each answer.

#[path = "shared/command.rs"]
mod command;
#[path = "shared/server.rs"]
mod server;

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::ExitCode;

use clap::Parser;
use httpd::net::Connection;

/// The longest sentence over TCP, including its line end.
const SENTENCE_BYTES_MAX: usize = 64 * 1024;

/// The longest datagram that UDP can carry over IPv4.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Convert sentences to capitals
#[derive(Debug, Parser)]
#[command(name = "uppercase")]
struct Flags {
    #[command(flatten)]
    server: server::Flags,

    /// Use UDP instead of TCP
    #[arg(long)]
    udp: bool,
}

fn main() -> ExitCode {
    command::run(|flags: Flags| {
        let port = flags.server.port;
        if flags.udp { serve_datagrams(port) } else { server::serve(port, answer_sentence) }
    })
}

fn answer_sentence(mut client: &Connection) -> io::Result<()> {
    let mut sentence = Vec::new();
    let one_too_many = SENTENCE_BYTES_MAX as u64 + 1;
    BufReader::new(client).take(one_too_many).read_until(b'\n', &mut sentence)?;
    if sentence.len() > SENTENCE_BYTES_MAX {
        return writeln!(client, "A SENTENCE HAS AT MOST {SENTENCE_BYTES_MAX} BYTES");
    }
    client.write_all(uppercase(&sentence).as_bytes())
}

/// Bytes that are not UTF-8 become replacement characters. The answer may be longer: `ß` is `SS`.
fn uppercase(sentence: &[u8]) -> String {
    String::from_utf8_lossy(sentence).to_uppercase()
}

/// Answers datagrams until Ctrl-C. Ending needs no care, since any datagram may get lost anyway.
fn serve_datagrams(port: u16) -> Result<(), Box<dyn Error>> {
    let mut signals = server::start_up()?;
    let socket = UdpSocket::bind(server::loopback(port))
        .map_err(|error| format!("cannot listen on UDP port {port}: {error}"))?;
    server::announce(socket.local_addr()?)?;
    std::thread::spawn(move || answer_datagrams(&socket));
    signals.wait_for_stop(|| {});
    Ok(())
}

fn answer_datagrams(socket: &UdpSocket) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let answered = socket.recv_from(&mut buffer).and_then(|(length, peer)| {
            log::info!("{length} bytes from {peer}");
            socket.send_to(uppercase(&buffer[..length]).as_bytes(), peer)
        });
        // The answer may be too long for a datagram; that does not affect later ones.
        if let Err(error) = answered {
            log::warn!("cannot answer a datagram: {error}");
        }
    }
}
