//! The floor: one thread that answers every connection with the same bytes.
//!
//! It reads no request line and opens no file, so it shows what the sockets alone cost, and what
//! the bench's own clients can ask for. It runs as a process of its own, to be measured as others.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use rustix::net::listen;

/// As long a queue as the servers ask for; std's 128 is too short for 512 clients.
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
        // A client that is gone already is no reason to stop.
        if client.read(&mut request).is_ok() {
            let _ = client.write(ANSWER.as_bytes());
        }
    }
}
