//! The server: its listeners, the accept loop that goes from thread to thread, stop and drain.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::client::Client;
use super::complaint::Complaint;
use super::listener::{Accepted, BindError, Listener};
use super::seats::Seats;
use super::threads::Threads;

/// How long to wait before a descriptor is asked for again that the system refused.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// How long a server that stops goes on accepting what was queued, at most.
const LAST_ACCEPTS: Duration = Duration::from_secs(1);

/// What a server may take, and how it treats its sockets.
#[derive(Clone, Debug)]
pub struct Options {
    /// Clients that are served at once; the next one waits, and the others in the kernel's backlog.
    pub max_connections: usize,
    /// Threads without a client that are kept for the next ones; 0 spawns one for each client.
    pub thread_cache: usize,
    /// Clients' sockets have this `SO_RCVTIMEO` when they are accepted.
    pub receive_timeout: Option<Duration>,
    /// Clients' sockets have this `SO_SNDTIMEO` when they are accepted.
    pub send_timeout: Option<Duration>,
    /// Clients are accepted when their first bytes are there, or after about a second. For
    /// protocols in which the client speaks first, and at once.
    pub defer_accept: bool,
}

/// A server that has its listeners, but does not accept yet.
pub struct Server {
    listeners: Vec<Listener>,
    options: Options,
}

/// A server that accepts and serves, until it is told to stop.
pub struct Running {
    shared: Arc<Shared>,
}

/// What every thread of a server sees.
struct Shared {
    listeners: Vec<Listener>,
    seats: Seats,
    threads: Arc<Threads<usize>>,
    stopping: AtomicBool,
    /// How many accept loops there are; `loops_ended` tells of each that ends.
    loops: Mutex<usize>,
    loops_ended: Condvar,
    exhausted: Complaint,
}

impl Default for Options {
    /// For a person at a terminal: no time limits, and clients are accepted while they are silent.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            thread_cache: 128,
            receive_timeout: None,
            send_timeout: None,
            defer_accept: false,
        }
    }
}

impl Server {
    /// Listens on each of `addresses`; port 0 takes a free one.
    pub fn bind(addresses: &[SocketAddr], options: Options) -> Result<Self, BindError> {
        let bind = |&address| Listener::bind(address, &options);
        let listeners = addresses.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { listeners, options })
    }

    /// Listens on sockets that were passed to the process. They are left as they are when it stops:
    /// who is queued there by then is our successor's.
    pub fn inherit(sockets: Vec<TcpListener>, options: Options) -> io::Result<Self> {
        let inherit = |socket| Listener::inherit(socket, &options);
        let listeners = sockets.into_iter().map(inherit).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { listeners, options })
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
        let Self { listeners, options } = self;
        let loops = listeners.len();
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let shared = Weak::clone(shared);
            let threads = Threads::new(options.thread_cache, move || {
                let (shared, master) = (Weak::clone(&shared), handler.clone());
                let mut handler = handler.clone();
                Box::new(move |listener| {
                    if let Some(shared) = shared.upgrade() {
                        shared.lead(listener, &mut handler, &master);
                    }
                })
            });
            Shared {
                listeners,
                seats: Seats::new(options.max_connections),
                threads,
                stopping: AtomicBool::new(false),
                loops: Mutex::new(loops),
                loops_ended: Condvar::new(),
                exhausted: Complaint::default(),
            }
        });
        for index in 0..loops {
            shared.threads.try_pass(index)?;
        }
        Ok(Running { shared })
    }
}

impl Running {
    /// Stops: accepts what is already queued, lets responses under way finish for at most `drain`,
    /// and returns how many were cut off. Clients that have sent nothing get 50 ms.
    #[must_use]
    pub fn stop(self, drain: Duration) -> usize {
        let deadline = Instant::now() + drain;
        let shared = &self.shared;
        shared.stopping.store(true, Ordering::Release);
        for (index, listener) in shared.listeners.iter().enumerate() {
            listener.stop_waiting();
            if listener.is_inherited() {
                continue;
            }
            // The loop that is blocked in `accept` can't be woken without closing the queue; so
            // another one, which does not block, takes what is queued, and then closes it.
            shared.begin_loop();
            if let Err(error) = shared.threads.try_pass(index) {
                log::warn!("no thread to accept those who are queued: {error}");
                shared.end_loop();
            }
        }
        shared.await_loops(deadline.min(Instant::now() + LAST_ACCEPTS));
        for listener in &shared.listeners {
            listener.close();
        }
        let cut_off = shared.seats.drain(deadline);
        shared.threads.close();
        cut_off
    }
}

impl Shared {
    /// Accepts one client, passes the accept loop on, and serves the client.
    fn lead<H>(&self, listener: usize, handler: &mut H, master: &H)
    where
        H: FnMut(&Client) + Clone,
    {
        let Some((stream, peer)) = self.accept(&self.listeners[listener]) else {
            self.end_loop();
            return;
        };
        let seat = self.seats.take(stream, peer);
        self.threads.pass(listener);
        let client = seat.client();
        if catch_unwind(AssertUnwindSafe(|| handler(client))).is_err() {
            log::error!("serving {peer} panicked; its connection is closed, the others go on");
            *handler = master.clone();
        }
    }

    /// The next client; `None`: this loop shall end.
    fn accept(&self, listener: &Listener) -> Option<(TcpStream, SocketAddr)> {
        loop {
            match listener.accept() {
                Accepted::Client(stream, peer) => return Some((stream, peer)),
                Accepted::Nobody if self.stopping.load(Ordering::Acquire) => {
                    listener.close();
                    return None;
                }
                Accepted::Nobody => {}
                Accepted::Closed => return None,
                Accepted::Exhausted(error) => {
                    self.exhausted.say(format_args!(
                        "cannot accept clients: {error}; they wait until we can"
                    ));
                    self.seats.wait_for_release(ASK_AGAIN_AFTER);
                }
            }
        }
    }

    fn begin_loop(&self) {
        *self.loops.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn end_loop(&self) {
        *self.loops.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.loops_ended.notify_all();
    }

    fn await_loops(&self, deadline: Instant) {
        let loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        let at_most = deadline.saturating_duration_since(Instant::now());
        drop(self.loops_ended.wait_timeout_while(loops, at_most, |loops| *loops > 0));
    }
}
