//! What a server may take.

use std::time::Duration;

/// What a server may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that may make the server wait at once: slots.
    pub max_connections: usize,
    /// Connections that may be queued for a slot.
    pub queue_max: usize,
    /// How long a connection is queued before it is rejected.
    pub queue_time_max: Duration,
    /// Threads without a client that are kept for the next ones; 0 spawns one per client.
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
            queue_max: 256,
            queue_time_max: Duration::from_secs(20),
            thread_cache: 128,
            defer_accept: false,
        }
    }
}
