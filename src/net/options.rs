//! What a server may take, and what it does for clients that find no seat.

use std::time::Duration;

/// What a server may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// Clients that are served at once; others wait for a seat.
    pub max_connections: usize,
    /// Clients that wait for a seat at once, at most; the kernel's backlog holds the others.
    pub waiting_places: usize,
    /// How long a client waits for a seat before it is turned away.
    pub waiting_time_max: Duration,
    /// What a client that is turned away is sent.
    pub turned_away: Vec<u8>,
    /// Threads without a client that are kept for the next ones; 0 spawns one for each client.
    pub thread_cache: usize,
    /// Clients are accepted when their first bytes are there, or after about a second. For
    /// protocols in which the client speaks first, and at once.
    pub defer_accept: bool,
}

impl Default for Options {
    /// For a person at a terminal: clients are accepted while they are silent.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            waiting_places: 256,
            waiting_time_max: Duration::from_secs(10),
            turned_away: Vec::new(),
            thread_cache: 128,
            defer_accept: false,
        }
    }
}
