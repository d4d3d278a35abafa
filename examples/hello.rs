//! Hello: the smallest web server. `/` is a greeting, everything else is 404.
//!
//!     cargo run --example hello -- --port 7000
//!     curl -i http://127.0.0.1:7000/
//!
//! HTTP/1.0, one request per connection, with the request parser and the response writer of
//! `httpd`. What `httpd` adds to these sixty lines: files, deadlines, and a log.

#[path = "shared/command.rs"]
mod command;
#[path = "shared/server.rs"]
mod server;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use httpd::http::date::Date;
use httpd::http::request::{self, Method, Parsed, Request};
use httpd::http::response::{Body, Response};
use httpd::http::status::Status;
use httpd::net::Connection;

/// The most bytes that one read takes.
const BUFFER_BYTES: usize = 4 * 1024;

fn main() -> ExitCode {
    command::run(|flags: server::Flags| server::serve(flags.port, hello))
}

fn hello(mut client: &Connection) -> io::Result<()> {
    let mut input = Vec::new();
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        // The parser refuses a head that is too long, so the input stays small.
        input.extend_from_slice(&buffer[..length]);
        let output = match request::parse(&input) {
            Ok(Parsed::Partial) => continue,
            Ok(Parsed::Complete { request, .. }) => answer(&request),
            Err(refusal) => {
                page(refusal.status(), "That is no request.\n", !input.starts_with(b"HEAD "))
            }
        };
        return client.write_all(&output);
    }
}

fn answer(request: &Request<'_>) -> Vec<u8> {
    let has_body = request.method != Method::Head;
    match (request.method, request.target.path()) {
        (Method::Get | Method::Head, b"") => page(Status::Ok, "Hello, world!\n", has_body),
        _ => page(Status::NotFound, "There is nothing here.\n", has_body),
    }
}

/// A response as bytes. The response to HEAD has no body, but the length that it would have.
fn page(status: Status, text: &'static str, has_body: bool) -> Vec<u8> {
    let response = Response::new(status, Body::Bytes(text.as_bytes().into()))
        .with("Content-Type", "text/plain; charset=utf-8");
    let mut output = Vec::new();
    response.write_head(&mut output, Some(Date::clamped(SystemTime::now())), &[]);
    if has_body {
        output.extend_from_slice(text.as_bytes());
    }
    output
}
