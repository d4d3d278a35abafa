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
//! That one works until somebody means it ill, or many mean it well. Each file adds one thing:
//!
//! - `listener`: a long enough queue, IPv6 beside IPv4, sockets that a service manager passes;
//! - `threads`: threads that are used again instead of a new one for each client, and a limit;
//! - `accept_loop`: how many of them wait for the next client;
//! - `turn`: which of them keeps the loop while it serves;
//! - `client`: deadlines for every wait, and a note of whose move it is;
//! - `presence`: whether it still waits, while an answer takes long;
//! - `conversation`: a client as a stream, for simple protocols;
//! - `progress`: how fast a client takes its answer;
//! - `seats`: a limit on the clients that are served at once;
//! - `table`: which client has which seat;
//! - `origin`: which of them come from one place;
//! - `eviction`: who makes way for a newcomer when every seat is taken;
//! - `waiting_room`: where those wait that find no seat, and who is next;
//! - `watchman`: a thread that looks after them;
//! - `linger`: an end of the connection that does not destroy the answer;
//! - `descriptors`: the seats that the limit of open files allows;
//! - `follower`: a client thread; `shared`: what all of them see;
//! - `server`: all of it together, and an end that loses no client.
//!
//! The shape is *leader/followers*: the thread that accepts a client keeps it, so none is handed
//! between threads. As many wait in `accept` as there are cores; the one that is left alone there
//! holds the loop while it serves, and accepts again afterwards, for a small request is over sooner
//! than another thread is woken. It passes the loop on before it waits for anything, and the
//! watchman does so for it where it is held up by a disk. So no client waits behind another for
//! more than a few milliseconds.
//!
//! A thread:
//!
//! ```text
//! spawned -> accepts -> has a client with a seat -> serves -> another waits for the seat -> serves
//!              ^                                      |
//!              |                                      v nobody waits
//!              +- holds the turn, or is needed -- accepts again, or parks -> (a minute) -> ends
//! ```
//!
//! A client, and what a newcomer may take from it when every seat is taken:
//!
//! ```text
//! accepted -> waiting room -> seated
//!    \____________________/      |
//!                                v
//!              silent -> owing -> answered -> draining -> gone
//!              \____________/        |        \______/
//!              loses its seat        |        loses its seat
//!                        loses its seat only if its origin has more than its share, or if it is
//!                        slower than any network
//! ```

mod accept_loop;
mod client;
mod conversation;
mod descriptors;
mod eviction;
mod follower;
mod linger;
mod listener;
mod options;
mod origin;
mod presence;
mod progress;
mod seats;
mod server;
mod shared;
mod table;
mod threads;
mod turn;
mod waiting_room;
mod watchman;

pub(crate) use client::Lost;
pub use client::{Client, Evicted};
pub use descriptors::{Capacity, raise_descriptor_limit};
pub use listener::BindError;
pub use options::Options;
pub(crate) use origin::Origin;
pub(crate) use presence::Presence;
pub use server::{Running, Server};
