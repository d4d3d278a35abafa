//! A blocking static file server: one OS thread for each client, HTTP/1.0, one request for each
//! connection.

pub mod http;
pub mod net;
pub mod sandbox;
pub mod signals;

mod access_log;
mod connection;
mod lock;
mod log_once;
mod memory;
mod program;
mod site;
mod text;

use std::process::ExitCode;

/// Runs the program `httpd`: reads the command line, and serves until a signal says to stop.
#[must_use]
pub fn run() -> ExitCode {
    program::run()
}
