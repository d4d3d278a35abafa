//! Sockets and threads: who is connected, and which thread serves whom. Nothing here knows of HTTP.
//!
//! A server is four calls: listen, accept, spawn, serve.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::net::TcpListener;
//!
//! let listener = TcpListener::bind("127.0.0.1:7000")?;
//! loop {
//!     let (mut client, _) = listener.accept()?;
//!     std::thread::spawn(move || {
//!         let mut request = [0; 1024];
//!         let length = client.read(&mut request)?;
//!         client.write_all(&request[..length])
//!     });
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! That one works until somebody means it ill, or many mean it well. Two rules make the difference.
//!
//! **A thread serves at once what it accepts.** It keeps the connection from accept to close, so
//! none is handed between threads. The last thread in `accept` *leads*: it keeps the loop while it
//! serves, for a small request is over sooner than another thread is woken. Before it waits for
//! anything, it *steps aside*: another thread goes on accepting. Go's runtime does the same for
//! system calls: `handoffp` passes the processor on before a call that may block, `sysmon` retakes
//! it where a call took unexpectedly long. Here the *housekeeper* ends a lead that it sees twice.
//!
//! **A slot is for waiting.** A connection takes one of the `max_connections` slots when its thread
//! would have to wait for the client, not before: to receive, to send, to linger; and before a long
//! answer begins. So whoever is quick needs no slot, and nobody who is slow can keep a quick one
//! out, however many they are and wherever they come from. Where no slot is free, the connection is
//! queued, goes on as far as it can without a wait, and a slower one makes way for it.
//!
//! ```text
//! accept -> lead? -> serve --------------------------> close -> accept | fill an empty loop | idle
//!                      \-- about to wait                ^
//!                            step aside -> slot --------+
//!                                     \--> queue -> slot, or rejected
//!
//! housekeeper, every 2 ms while there is anything to see, else asleep:
//!     ends a lead that it sees twice, evicts for those that are queued, rejects what is queued for
//!     too long, fills empty loops, gives memory back after a peak
//! ```
//!
//! - `listener`: the listening socket, own or passed to the process;
//! - `worker`: the life of a thread: accept, serve, accept again;
//! - `connection`: a socket and every wait for it; `stream`: it as a stream, and its end;
//! - `state`: the one state behind the one lock, changed by pure transitions, with
//!   `slots`: who has one, who is queued; `eviction`: who makes way; `progress`: how fast it is;
//! - `server`: bind, start, stop; and that lock, with the effects of each transition, which happen
//!   without it.

mod connection;
mod eviction;
mod listener;
mod progress;
mod server;
mod slots;
mod state;
mod stream;
mod worker;

pub use connection::{Connection, Lost};
pub use eviction::Cause;
pub use listener::BindError;
pub use server::{Options, Running, Server};
