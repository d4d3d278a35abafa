//! The floor: one thread that answers every connection with the same bytes.
//!
//! It parses no request and opens no file, so it shows what the sockets themselves cost, and how
//! much load the bench's clients can produce. It runs as a separate process, to be measured as the
//! servers are.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use rustix::net::listen;

/// As long as the servers' queues; std's 128 is too short for 512 clients.
const BACKLOG: i32 = 4096;

const ANSWER: &str = "HTTP/1.0 200 OK\r\nServer: floor\r\nConnection: close\r\n\
    Content-Type: text/html\r\nContent-Length: 140\r\n\r\n\
    ......................................................................\
    ......................................................................";

/// Answers on this port until it is killed.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listen(&listener, BACKLOG)?;
    let mut request = [0; 4096];
    loop {
        let (mut client, _) = listener.accept()?;
        // A client that has already gone is no reason to stop.
        if client.read(&mut request).is_ok() {
            let _ = client.write(ANSWER.as_bytes());
        }
    }
}
