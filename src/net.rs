//! Sockets and threads: connections, and the threads that serve them. Nothing here knows HTTP.
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
//! That server works until it is attacked or popular. Two rules make the difference.
//!
//! **A thread serves at once what it accepts.** It keeps the connection from accept to close. The
//! last thread in `accept` *leads*: it keeps the loop while it serves, because a small request
//! takes less time than waking another thread. Before it waits for anything, it *steps aside*:
//! another thread goes on accepting. Go's runtime does the same for system calls: `handoffp` hands
//! the processor off before a call that may block, and `sysmon` retakes it when a call takes too
//! long. Here the *housekeeper* ends a lead that it sees twice.
//!
//! **A slot is for waiting.** A connection takes one of the `max_connections` slots when its thread
//! would have to wait for the client (to receive, to send, to linger) or before a long answer, and
//! not earlier. So a quick client needs no slot, and slow clients cannot keep it out, however many
//! they are and wherever they come from. If no slot is free, the connection is queued, goes on as
//! far as it can without waiting, and a slower one makes way for it.
//!
//! ```text
//! accept -> lead? -> serve --------------------------> close -> accept | fill an empty loop | idle
//!                      \-- about to wait                ^
//!                            step aside -> slot --------+
//!                                     \--> queue -> slot, or rejected
//!
//! housekeeper, every 2 ms while there is anything to see, else asleep:
//!     ends a lead that it sees twice, evicts for the queue, rejects what is queued for too long,
//!     fills empty loops, returns memory after a peak
//! ```
//!
//! - `listener`: a listening socket, our own or passed to the process
//! - `worker`: the life of a thread: accept, serve, accept again
//! - `connection`: a socket and every wait for it; `stream`: its use as a stream, and its end
//! - `state`: the one state behind the one lock, changed by pure transitions; part of it are
//!   `slots` and their queue, `eviction` (who makes way) and `progress` (how fast a client is)
//! - `server`: bind, start, stop; the lock, and the effects that run after it is released

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
pub use listener::BindError;
pub use progress::Cause;
pub use server::{Running, Server};
pub use state::Options;
