//! The server: its listeners, the accept loop that goes from thread to thread, stop and drain.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::accept_loop::AcceptLoop;
use super::client::Client;
use super::follower::Follower;
use super::listener::{BindError, Listener};
use super::options::Options;
use super::seats::Seats;
use super::shared::Shared;
use super::threads::{Threads, Worker};

/// How long a server that stops goes on accepting what was queued, at most.
const LAST_ACCEPTS_TIME_MAX: Duration = Duration::from_secs(1);

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

impl Server {
    /// Listens on each of `addresses`; port 0 takes a free one.
    pub fn bind(addresses: &[SocketAddr], options: Options) -> Result<Self, BindError> {
        let bind = |&address| Listener::bind(address, &options);
        let listeners = addresses.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::new(listeners, options))
    }

    /// Listens on sockets that were passed to the process. They are left as they are when it stops:
    /// connections still queued belong to our successor.
    pub(crate) fn inherit(sockets: Vec<TcpListener>, options: Options) -> io::Result<Self> {
        let inherit = |socket| Listener::inherit(socket, &options);
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

    /// Starts to accept. `handler` is called once for each client, on a thread of the client's own;
    /// when it returns, the connection is closed. Each thread has a clone of it, which may keep
    /// buffers from one client to the next; after a panic the thread takes a fresh one.
    pub fn start<H>(self, handler: H) -> io::Result<Running>
    where
        H: FnMut(&Client) + Clone + Send + Sync + 'static,
    {
        let Self { listeners, options, on_lost_listener } = self;
        let count = listeners.len();
        // The last one that accepts keeps the loop while it serves: so that small requests can take
        // all cores, as many may accept as there are.
        let cores = available_parallelism().map_or(1, usize::from);
        let further = (cores - 1).min(options.thread_cache / count.max(1));
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let shared = Weak::clone(shared);
            let hire = move || {
                let follower = Follower::new(Weak::clone(&shared), handler.clone());
                Box::new(follower) as Box<dyn Worker>
            };
            let accept_loop = |listener| AcceptLoop::new(listener, further);
            let loops: Vec<_> = listeners.into_iter().map(accept_loop).collect();
            let further: usize = loops.iter().map(AcceptLoop::further_max).sum();
            let parked_max = options.thread_cache.saturating_sub(further);
            let alive_max = options.max_connections + options.thread_cache + count;
            let threads = Threads::new(parked_max, alive_max, hire);
            // Without a cache, each client has a newly spawned thread.
            let keeps_loop = options.thread_cache > 0;
            Shared::new(loops, Seats::new(&options), threads, keeps_loop, on_lost_listener)
        });
        shared.post_watchman()?;
        for index in 0..count {
            shared.threads.call(index)?;
        }
        Ok(Running { shared })
    }
}

impl Running {
    /// Whether a listener was lost before the server stopped.
    pub(crate) fn has_lost_listener(&self) -> bool {
        self.shared.has_lost_listener.load(Ordering::Acquire)
    }

    /// Stops: accepts what is already queued, lets responses under way finish for at most `drain`,
    /// and returns how many clients were cut off. Those that have sent nothing get 50 ms.
    #[must_use]
    pub fn stop(self, drain: Duration) -> usize {
        let deadline = Instant::now() + drain;
        let shared = &self.shared;
        shared.is_stopping.store(true, Ordering::Release);
        for (index, accept_loop) in shared.loops.iter().enumerate() {
            accept_loop.listener.stop_waiting();
            if accept_loop.listener.is_inherited() {
                continue;
            }
            // Threads that are blocked in `accept` can't be woken without closing the queue; so
            // another one, which does not block, takes what is queued, and then closes it.
            accept_loop.add_last();
            if let Err(error) = shared.threads.call(index) {
                log::warn!("no thread to accept the clients that are queued: {error}");
                accept_loop.leave();
            }
        }
        shared.await_loops(deadline.min(Instant::now() + LAST_ACCEPTS_TIME_MAX));
        for accept_loop in &shared.loops {
            accept_loop.listener.shut_down();
        }
        let cut_off = shared.seats.drain(deadline);
        shared.threads.close();
        shared.dismiss_watchman();
        cut_off
    }
}
