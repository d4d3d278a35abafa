//! What every TCP client here has in common: the way to a server, and plain words where it fails.
//!
//! Every wait has a bound, so that no client hangs for ever on a server that is silent. Knows no
//! protocol.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a server may take to accept a connection, at each of its addresses.
const CONNECT_AT_MOST: Duration = Duration::from_secs(5);

/// How long a server may be silent, or take nothing.
const SILENCE_AT_MOST: Duration = Duration::from_secs(30);

/// Connects to the first of the host's addresses that answers.
pub(crate) fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs();
    let addresses = addresses.map_err(|error| format!("cannot find the host {host}: {error}"))?;
    let mut failure = format!("the host {host} has no address");
    for address in addresses {
        match open(&address) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("cannot connect to {address}: {}", reason(&error)),
        }
    }
    Err(failure)
}

fn open(address: &std::net::SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, CONNECT_AT_MOST)?;
    stream.set_read_timeout(Some(SILENCE_AT_MOST))?;
    stream.set_write_timeout(Some(SILENCE_AT_MOST))?;
    Ok(stream)
}

/// Why a call on a connection failed, in plain words.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        ErrorKind::ConnectionReset => "the connection was broken off".to_owned(),
        ErrorKind::UnexpectedEof => "the connection ended too early".to_owned(),
        // What a time-out set on a socket looks like (socket(7)).
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "there was no answer in time".to_owned(),
        _ => error.to_string(),
    }
}
