//! A blocking static file server: one OS thread for each client, HTTP/1.0, one request for each
//! connection.
//!
//! The rooms, from the outside in:
//!
//! - [`net`]: sockets and threads; knows nothing of HTTP, so any protocol can stand on it;
//! - [`http`]: the protocol as pure functions; no I/O, no clock, no log;
//! - [`site`]: what is served: routes, built-in pages, files, folders;
//! - [`connection`]: one client's life, which joins the three: read, dispatch, write, log;
//! - [`access_log`]: one line for each response;
//! - [`sandbox`]: the process locks itself into the folder that it serves;
//! - [`signals`]: which signals stop it, or reopen its log.
//!
//! Imports run one way. `connection` may use all of these; `site` and `access_log` use `http`;
//! `net` and `http` know nobody. Each room takes the options that it needs, and none sees the whole
//! configuration, which only the program's `main` and its flags know. A test holds that.

pub mod access_log;
mod complaint;
pub mod connection;
pub mod http;
pub mod net;
pub mod sandbox;
pub mod signals;
pub mod site;
