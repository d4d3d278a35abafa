//! A blocking static file server: one OS thread per client, HTTP/1.0, one request per connection.
//!
//! The library below the program, as far as examples and tests use it:
//!
//! - [`net`]: sockets and threads; does not know HTTP, so any protocol can use it;
//! - [`http`]: the protocol as pure functions: bytes in, a request or a refusal out;
//! - [`outgoing`]: the other side, a connection to a server;
//! - [`sandbox`]: the process locks itself into a folder;
//! - [`signals`]: the signals that stop it;
//! - [`run`]: the program itself. Its site and its logs are not public.
//!
//! A request is a value that moves one way: bytes, `Request`, route, outcome, `Response`, bytes.
//!
//! ```
//! use httpd::http::request::{self, Parsed};
//! use httpd::http::response::{Body, Response};
//! use httpd::http::status::Status;
//!
//! let input = b"GET /a%20b HTTP/1.0\r\nUser-Agent: me\r\n\r\n";
//! let response = match request::parse(input) {
//!     Ok(Parsed::Complete { request, .. }) if request.target.path() == b"a b" => {
//!         Response::new(Status::Ok, Body::Bytes(b"Hello".into()))
//!     }
//!     Ok(Parsed::Complete { .. }) => Response::new(Status::NotFound, Body::None),
//!     Ok(Parsed::Partial) => unreachable!("the blank line is there"),
//!     Err(refusal) => Response::new(refusal.status(), Body::None),
//! };
//! let mut head = Vec::new();
//! response.write_head(&mut head, None, &[]);
//! assert!(head.starts_with(b"HTTP/1.0 200 OK\r\n"));
//! assert!(head.ends_with(b"\r\n\r\n"));
//! ```

pub mod http;
pub mod net;
pub mod outgoing;
pub mod sandbox;
pub mod signals;

mod access_log;
mod auth;
mod gate;
mod lock;
mod memory;
mod program;
mod serve;
mod site;
mod text;
mod transfers;

use std::process::ExitCode;

/// Runs the program `httpd`: reads the command line, and serves until a signal says to stop.
#[must_use]
pub fn run() -> ExitCode {
    program::run()
}
