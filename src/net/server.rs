//! The server: its listeners, the accept loop that goes from thread to thread, stop and drain.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::client::Client;
use super::listener::{Accepted, BindError, Listener};
use super::seats::Seats;
use super::threads::{Threads, Worker};
use crate::log_once::LogOnce;

/// Threads that wait in `accept` beside the one that always does: while one of two serves, the
/// other waits, and neither has to wake a third. More of them cost more than they save (measured:
/// 1.13 to 1.2 times the CPU of this at 8 clients with three, 1.4 times at 1 client with none).
const FURTHER_ACCEPTORS_MAX: usize = 1;

/// How long to wait before a descriptor is asked for again that the system refused.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How long a server that stops goes on accepting what was queued, at most.
const LAST_ACCEPTS_TIME_MAX: Duration = Duration::from_secs(1);

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
    loops: Vec<AcceptLoop>,
    seats: Seats,
    threads: Arc<Threads<usize>>,
    stopping: AtomicBool,
    loop_ended: (Mutex<()>, Condvar),
    exhausted: LogOnce,
}

/// A listener, and the threads that wait for its clients.
struct AcceptLoop {
    listener: Listener,
    /// Threads that are in `accept`, or on their way to it. Never 0 before the server stops.
    acceptors: AtomicUsize,
    acceptors_max: usize,
}

/// A thread's own side: it accepts a client, and serves it.
struct Follower<H> {
    shared: Weak<Shared>,
    handler: H,
    /// What a panic leaves of `handler` is thrown away.
    master: H,
    /// The accept loop that it took part in last.
    last: usize,
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
    pub(crate) fn inherit(sockets: Vec<TcpListener>, options: Options) -> io::Result<Self> {
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
        let count = listeners.len();
        let further = FURTHER_ACCEPTORS_MAX.min(options.thread_cache / count.max(1));
        let accept_loop = |listener: Listener| AcceptLoop {
            // Whoever waits for a passed socket is woken for every client, so one is enough there.
            acceptors_max: if listener.is_inherited() { 1 } else { 1 + further },
            listener,
            acceptors: AtomicUsize::new(1),
        };
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| {
            let shared = Weak::clone(shared);
            let hire = move || {
                let (handler, master) = (handler.clone(), handler.clone());
                let shared = Weak::clone(&shared);
                Box::new(Follower { shared, handler, master, last: 0 }) as Box<dyn Worker<usize>>
            };
            Shared {
                loops: listeners.into_iter().map(accept_loop).collect(),
                seats: Seats::new(options.max_connections),
                threads: Threads::new(
                    options.thread_cache - count * further,
                    options.max_connections + options.thread_cache + count,
                    hire,
                ),
                stopping: AtomicBool::new(false),
                loop_ended: Default::default(),
                exhausted: LogOnce::default(),
            }
        });
        for index in 0..count {
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
        for (index, accept_loop) in shared.loops.iter().enumerate() {
            accept_loop.listener.stop_waiting();
            if accept_loop.listener.is_inherited() {
                continue;
            }
            // Threads that are blocked in `accept` can't be woken without closing the queue; so
            // another one, which does not block, takes what is queued, and then closes it.
            accept_loop.acceptors.fetch_add(1, Ordering::AcqRel);
            if let Err(error) = shared.threads.try_pass(index) {
                log::warn!("no thread to accept those who are queued: {error}");
                accept_loop.acceptors.fetch_sub(1, Ordering::AcqRel);
            }
        }
        shared.await_loops(deadline.min(Instant::now() + LAST_ACCEPTS_TIME_MAX));
        for accept_loop in &shared.loops {
            accept_loop.listener.shut_down();
        }
        let cut_off = shared.seats.drain(deadline);
        shared.threads.close();
        cut_off
    }
}

impl<H: FnMut(&Client) + Clone> Worker<usize> for Follower<H> {
    /// Accepts one client, leaves another thread to accept the next, and serves the client.
    fn work(&mut self, index: usize) {
        self.last = index;
        let Some(shared) = self.shared.upgrade() else { return };
        let accept_loop = &shared.loops[index];
        let Some((stream, peer)) = shared.accept(&accept_loop.listener) else {
            accept_loop.acceptors.fetch_sub(1, Ordering::AcqRel);
            shared.tell_of_ended_loop();
            return;
        };
        let seat = shared.seats.take(stream, peer);
        if !accept_loop.leave_to_others() {
            shared.threads.pass(index);
        }
        let client = seat.client();
        if catch_unwind(AssertUnwindSafe(|| (self.handler)(client))).is_err() {
            log::error!("serving {peer} panicked; its connection is closed, the others go on");
            self.handler = self.master.clone();
        }
    }

    fn more(&mut self) -> Option<usize> {
        let shared = self.shared.upgrade()?;
        let may_join = !shared.stopping.load(Ordering::Acquire);
        (may_join && shared.loops[self.last].join()).then_some(self.last)
    }
}

impl AcceptLoop {
    /// Takes the calling thread off the acceptors, unless it is the last one: then another has to
    /// be found, and is counted already.
    fn leave_to_others(&self) -> bool {
        let fewer = |acceptors: usize| (acceptors > 1).then(|| acceptors - 1);
        self.acceptors.fetch_update(Ordering::AcqRel, Ordering::Acquire, fewer).is_ok()
    }

    /// Counts the calling thread among the acceptors, unless there are enough.
    fn join(&self) -> bool {
        let more = |acceptors| (acceptors < self.acceptors_max).then_some(acceptors + 1);
        self.acceptors.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }
}

impl Shared {
    /// The next client; `None`: this loop shall end.
    fn accept(&self, listener: &Listener) -> Option<(TcpStream, SocketAddr)> {
        loop {
            match listener.accept() {
                Accepted::Client(stream, peer) => return Some((stream, peer)),
                Accepted::Nobody if self.stopping.load(Ordering::Acquire) => {
                    listener.shut_down();
                    return None;
                }
                Accepted::Nobody => {}
                Accepted::Closed => return None,
                Accepted::Exhausted(error) => {
                    self.exhausted.say(format_args!(
                        "cannot accept clients: {error}; they wait until we can"
                    ));
                    self.seats.wait_for_release(RETRY_INTERVAL);
                }
            }
        }
    }

    fn tell_of_ended_loop(&self) {
        let (lock, ended) = &self.loop_ended;
        drop(lock.lock().unwrap_or_else(PoisonError::into_inner));
        ended.notify_all();
    }

    /// Waits until nobody accepts any more.
    fn await_loops(&self, deadline: Instant) {
        let (lock, ended) = &self.loop_ended;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let at_most = deadline.saturating_duration_since(Instant::now());
        let accepts = |it: &AcceptLoop| it.acceptors.load(Ordering::Acquire) > 0;
        drop(ended.wait_timeout_while(guard, at_most, |()| self.loops.iter().any(accepts)));
    }
}
