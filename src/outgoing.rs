//! The client side: a connection to a server, and plain words for its errors.
//!
//! Used by `--probe` and the clients in `examples/`. Every wait has a limit, so that a silent
//! server cannot hang a client for ever. Knows no protocol, and nothing of the server in `net`.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Time limit for each of a server's addresses to accept a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Time limit for a server that neither sends nor receives.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);

/// Connects to the first address of the host that accepts.
pub fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs();
    let addresses = addresses.map_err(|error| format!("cannot find the host {host}: {error}"))?;
    let mut failure = format!("the host {host} has no address");
    for address in addresses {
        let stream = TcpStream::connect_timeout(&address, CONNECT_TIME_MAX).and_then(|stream| {
            stream.set_read_timeout(Some(SILENCE_TIME_MAX))?;
            stream.set_write_timeout(Some(SILENCE_TIME_MAX))?;
            Ok(stream)
        });
        match stream {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("cannot connect to {address}: {}", reason(&error)),
        }
    }
    Err(failure)
}

/// Why an operation on a connection failed, in plain words.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset by the server".to_owned(),
        ErrorKind::UnexpectedEof => "the connection closed too early".to_owned(),
        // A socket's timeout shows as one of these two (socket(7)).
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}
