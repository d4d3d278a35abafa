//! The server: bind, start, stop and drain.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::listener::{BindError, Listener};
use super::shared::Shared;
use super::slots::{SILENT_AT_STOP_TIME_MAX, Slots};
use super::state::{Limits, Stage, State};
use super::worker::spawner;

/// How long a server that stops goes on accepting what was queued, at most.
const LAST_ACCEPTS_TIME_MAX: Duration = Duration::from_secs(1);

/// How long threads whose connections were cut off may take to write their line into the log.
const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(1);

/// Threads that neither lead nor wait for a slot: those that make or check something that takes
/// long, and those that a disk holds up.
const BUSY_THREADS_MAX: usize = 512;

/// What stands for a time limit that no clock can count.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

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

/// A server that has its listeners, but does not accept yet.
pub struct Server {
    listeners: Vec<Listener>,
    options: Options,
    on_lost_listener: Box<dyn Fn() + Send + Sync>,
}

/// A server that accepts and serves, until it is stopped.
pub struct Running {
    shared: Arc<Shared>,
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

impl Server {
    /// Listens on each of `addresses`; port 0 takes a free one.
    pub fn bind(addresses: &[SocketAddr], options: Options) -> Result<Self, BindError> {
        let bind = |&address| Listener::bind(address, options.defer_accept);
        let listeners = addresses.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(listeners, options))
    }

    /// Listens on sockets that were passed to the process. They are left as they are when it stops:
    /// connections still queued belong to our successor.
    pub(crate) fn inherit(sockets: Vec<TcpListener>, options: Options) -> io::Result<Self> {
        let inherit = |socket| Listener::inherit(socket, options.defer_accept);
        let listeners = sockets.into_iter().map(inherit).collect::<io::Result<Vec<_>>>()?;
        Ok(Self::new(listeners, options))
    }

    fn new(listeners: Vec<Listener>, options: Options) -> Self {
        Self { listeners, options, on_lost_listener: Box::new(|| ()) }
    }

    /// Calls `tell` when clients can no longer reach a listener, though the server was not stopped.
    pub(crate) fn on_lost_listener(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_lost_listener: Box::new(tell), ..self }
    }

    /// The addresses that it listens on, with the ports that it really got.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Starts to accept. `handler` is called once per connection, on a thread of the connection's
    /// own, which closes it by dropping it. Each thread has a clone of `handler`, which may keep
    /// buffers from one connection to the next; after a panic the thread takes a fresh one. On an
    /// error, the listeners are closed.
    pub fn start<H>(self, handler: H) -> io::Result<Running>
    where
        H: FnMut(Connection) + Clone + Send + Sync + 'static,
    {
        let Self { listeners, options, on_lost_listener } = self;
        let inherited: Vec<_> = listeners.iter().map(Listener::is_inherited).collect();
        let limits = limits(&options, &inherited);
        let slots = Slots::new(options.max_connections, options.queue_max, options.queue_time_max);
        let state = State::new(limits, &inherited, slots);
        let shared = Shared::new(listeners, state, spawner(handler), on_lost_listener);
        let running = Running { shared };
        if let Err(error) = running.shared.start() {
            let _ = running.stop(Duration::ZERO);
            return Err(error);
        }
        Ok(running)
    }
}

/// As many threads may accept as there are cores, so that small requests can take all of them.
fn limits(options: &Options, inherited: &[bool]) -> Limits {
    let cores = available_parallelism().map_or(1, usize::from);
    let further = (cores - 1).min(options.thread_cache / inherited.len().max(1));
    let own = inherited.iter().filter(|is_inherited| !**is_inherited).count();
    let connections = options.max_connections.saturating_add(options.queue_max);
    Limits {
        acceptors_max: 1 + further,
        idle_max: options.thread_cache.saturating_sub(further * own),
        threads_max: connections
            .saturating_add(options.thread_cache)
            .saturating_add(inherited.len() + BUSY_THREADS_MAX),
        // Without a cache, each connection has a newly spawned thread.
        leads: options.thread_cache > 0,
    }
}

impl Running {
    /// Whether a listener was lost before the server stopped.
    pub(crate) fn has_lost_listener(&self) -> bool {
        self.shared.change(|state| state.stage == Stage::Lost)
    }

    /// Stops: accepts what is already queued, lets responses under way finish for at most `drain`,
    /// and returns how many connections were cut off. Clients that have sent nothing get 50 ms.
    #[must_use]
    pub fn stop(self, drain: Duration) -> usize {
        let deadline = Instant::now() + drain.min(FOREVER);
        let shared = &self.shared;
        shared.change(|state| state.stage = Stage::Stopping);
        for (index, listener) in shared.listeners.iter().enumerate() {
            listener.stop_waiting();
            // Threads that are blocked in `accept` can't be woken without closing the queue; so
            // another one, which does not block, takes what is queued, and then closes it.
            if !listener.is_inherited() {
                shared.change(|state| state.add_acceptor(index));
            }
        }
        let until = deadline.min(Instant::now() + LAST_ACCEPTS_TIME_MAX);
        shared.wait_until(until, State::has_no_acceptors);
        for listener in &shared.listeners {
            listener.shut_down();
        }
        let cut_off = self.drain(deadline);
        shared.change(State::end);
        cut_off
    }

    /// Waits until every connection is served; those that are not at `deadline` are cut off.
    /// Returns how many that were.
    fn drain(&self, deadline: Instant) -> usize {
        let shared = &self.shared;
        let is_served = |state: &State| state.serving == 0;
        while Instant::now() < deadline {
            shared.change(|state| state.slots.end_silent(Instant::now()));
            let next_look = Instant::now() + SILENT_AT_STOP_TIME_MAX;
            if shared.wait_until(deadline.min(next_look), is_served) {
                return 0;
            }
        }
        let cut_off = shared.change(|state| {
            state.stage = Stage::CuttingOff;
            state.slots.end_all(Instant::now());
            state.serving
        });
        // Their threads have only to notice, and to write their line into the log.
        shared.wait_until(Instant::now() + LAST_LINES_TIME_MAX, is_served);
        cut_off
    }
}
