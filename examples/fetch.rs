//! Fetch: the smallest web client. Prints a web server's answer, from its head to its end.
//!
//!     cargo run -- --port 8080 www
//!     cargo run --example fetch -- 127.0.0.1 8080 /get.html
//!
//! `--head` requests only the head, and `--post id=12345` posts a form, as a browser would. The
//! request is HTTP/1.0: one per connection, and the answer ends where the connection does.

#[path = "shared/command.rs"]
mod command;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use httpd::outgoing;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Characters that must be encoded in a request line. Bytes that are not ASCII are always encoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ');

/// Fetch one file from a web server
#[derive(Debug, Parser)]
#[command(name = "fetch")]
struct Flags {
    /// Name or address of the server
    host: String,

    /// Its port
    port: u16,

    /// Path of the file on the server
    file: String,

    /// Request only the head
    #[arg(long, conflicts_with = "post")]
    head: bool,

    /// Post a form with this field
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_field)]
    post: Option<(String, String)>,
}

fn main() -> ExitCode {
    command::run(|flags: Flags| fetch(&flags))
}

fn fetch(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let mut stream = outgoing::connect(&flags.host, flags.port)?;
    stream.write_all(request(flags).as_bytes()).map_err(|error| outgoing::reason(&error))?;
    let mut output = io::stdout().lock();
    writeln!(output, "From Server:")?;
    match io::copy(&mut stream, &mut output).map_err(|error| outgoing::reason(&error))? {
        0 => Err("the server closed the connection without an answer".into()),
        _ => Ok(output.flush()?),
    }
}

/// The request, head and body (RFC 1945 section 5).
fn request(flags: &Flags) -> String {
    let Flags { host, port, file, head, post } = flags;
    let path = utf8_percent_encode(file.strip_prefix('/').unwrap_or(file), ENCODED);
    // An IPv6 address is in brackets (RFC 3986 section 3.2.2).
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let rest = format!(" /{path} HTTP/1.0\r\nHost: {host}:{port}\r\n");
    match post {
        None if *head => format!("HEAD{rest}\r\n"),
        None => format!("GET{rest}\r\n"),
        Some((name, value)) => {
            let form =
                form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
            let length = form.len();
            format!(
                "POST{rest}Content-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {length}\r\n\r\n{form}"
            )
        }
    }
}

fn parse_field(text: &str) -> Result<(String, String), String> {
    let field = text.split_once('=').ok_or("expected NAME=VALUE, such as id=12345")?;
    Ok((field.0.to_owned(), field.1.to_owned()))
}
