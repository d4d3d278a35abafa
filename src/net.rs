//! Sockets and threads: who is connected, and which thread serves whom.
//!
//! Nothing here knows of HTTP. A [`Server`] hands each [`Client`] to a closure, on a thread that is
//! the client's own from accept to close; any protocol can stand on it.
//!
//! The shape is *leader/followers*: the thread that accepts a client keeps it, and leaves the
//! accept loop to another thread: one that waits in `accept` already, or else one that it wakes or
//! spawns. So no client waits behind another, none is handed between threads, and most small
//! requests cost no wake-up but the one by which the kernel announces the client.

mod client;
mod descriptors;
mod linger;
mod listener;
mod seats;
mod server;
mod threads;

pub use client::{Client, Evicted};
pub use descriptors::{TooFewDescriptors, raise_descriptor_limit};
pub use listener::BindError;
pub use server::{Options, Running, Server};
