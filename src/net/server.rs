//! The server: bind, start, stop and drain; and what its threads share: the listeners, and the
//! state under its one lock.
//!
//! `state` decides, this module acts: it spawns and wakes threads and shuts down sockets, without
//! holding the lock.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::listener::{BindError, Listener};
use super::slots::{Effect, SILENT_AT_STOP_TIME_MAX};
use super::state::{Housekeeper, Options, ROUND_INTERVAL, Stage, State};
use super::worker::spawner;
use crate::lock::{LogOnce, lock, wait_for, wait_while};
use crate::memory;

/// How long a stopping server goes on accepting from the kernel's queue, and then gives the threads
/// of cut-off connections to log their line, at most.
const LAST_STEP_TIME_MAX: Duration = Duration::from_secs(1);

/// Stack of the housekeeper's thread, in bytes.
const HOUSEKEEPER_STACK_BYTES: usize = 64 * 1024;

/// In place of no time limit.
pub(super) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A server that listens, but does not accept yet.
pub struct Server {
    listeners: Vec<Listener>,
    options: Options,
    on_lost_listener: Box<dyn Fn() + Send + Sync>,
}

/// A running server.
pub struct Running {
    shared: Arc<Shared>,
}

/// Spawns a worker that starts by accepting at this listener.
pub(super) type Spawner = Box<dyn Fn(Arc<Shared>, usize) -> io::Result<()> + Send + Sync>;

/// What the threads of a server share.
pub(super) struct Shared {
    pub(super) listeners: Vec<Listener>,
    state: Mutex<State>,
    /// Wakes the housekeeper, and the thread that stops the server.
    changed: Condvar,
    spawn_worker: Spawner,
    on_lost_listener: Box<dyn Fn() + Send + Sync>,
}

impl Server {
    /// Listens on each of `addresses`; port 0 takes a free one.
    pub fn bind(addresses: &[SocketAddr], options: Options) -> Result<Self, BindError> {
        let bind = |&address| Listener::bind(address, options.defer_accept);
        let listeners = addresses.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { listeners, options, on_lost_listener: Box::new(|| ()) })
    }

    /// Listens on sockets that were passed to the process. It leaves them open when it stops: the
    /// connections in their queue belong to our successor.
    pub(crate) fn inherit(sockets: Vec<TcpListener>, options: Options) -> io::Result<Self> {
        let inherit = |socket| Listener::inherit(socket, options.defer_accept);
        let listeners = sockets.into_iter().map(inherit).collect::<io::Result<Vec<_>>>()?;
        Ok(Self { listeners, options, on_lost_listener: Box::new(|| ()) })
    }

    /// Calls `tell` when a listener was shut down by another process.
    pub(crate) fn on_lost_listener(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { on_lost_listener: Box::new(tell), ..self }
    }

    /// The addresses that it listens on, with the ports that it really got.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Starts to accept. `handler` is called once per connection, on the connection's own thread,
    /// and closes the connection by dropping it. Each thread has a clone of `handler`, which may
    /// keep buffers from one connection to the next; after a panic the thread takes a fresh one. On
    /// an error, the listeners are closed.
    pub fn start<H>(self, handler: H) -> io::Result<Running>
    where
        H: FnMut(Connection) + Clone + Send + Sync + 'static,
    {
        let Self { listeners, options, on_lost_listener } = self;
        let inherited: Vec<_> = listeners.iter().map(Listener::is_inherited).collect();
        let cores = available_parallelism().map_or(1, usize::from);
        let state = State::new(&options, &inherited, cores);
        let shared = Shared::new(listeners, state, spawner(handler), on_lost_listener);
        let running = Running { shared };
        if let Err(error) = running.shared.start() {
            let _ = running.stop(Duration::ZERO);
            return Err(error);
        }
        Ok(running)
    }
}

impl Running {
    /// Whether a listener was lost before the server stopped.
    pub(crate) fn has_lost_listener(&self) -> bool {
        self.shared.change(|state| state.stage == Stage::Lost)
    }

    /// Stops: accepts what is in the kernel's queue, lets responses under way finish for at most
    /// `drain`, and returns how many connections were cut off. Clients that have sent nothing get
    /// 50 ms.
    #[must_use]
    pub fn stop(self, drain: Duration) -> usize {
        let deadline = Instant::now() + drain.min(FOREVER);
        let shared = &self.shared;
        shared.change(|state| state.stage = Stage::Stopping);
        for (index, listener) in shared.listeners.iter().enumerate() {
            listener.stop_waiting();
            // To wake threads blocked in `accept` would close the kernel's queue. So another
            // thread, which does not block, empties the queue and then closes it.
            if !listener.is_inherited() {
                shared.change(|state| state.add_acceptor(index));
            }
        }
        let last_accept = Instant::now() + LAST_STEP_TIME_MAX;
        shared.wait_until(deadline.min(last_accept), State::has_no_acceptors);
        for listener in &shared.listeners {
            listener.shut_down();
        }
        let cut_off = self.drain(deadline);
        shared.change(State::end);
        cut_off
    }

    /// Waits until all connections are served. At `deadline`, cuts off the rest and returns their
    /// number.
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
        // Their threads only have to notice and to log their line.
        shared.wait_until(Instant::now() + LAST_STEP_TIME_MAX, is_served);
        cut_off
    }
}

impl Shared {
    pub(super) fn new(
        listeners: Vec<Listener>,
        state: State,
        spawn_worker: Spawner,
        on_lost_listener: Box<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Arc::new(Self { listeners, state, changed, spawn_worker, on_lost_listener })
    }

    /// Makes a transition of the state, and then runs its effects.
    pub(super) fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let effects = std::mem::take(&mut state.slots.effects);
        drop(state);
        self.run(effects);
        result
    }

    /// Waits for a condition until the deadline. Returns whether it holds.
    pub(super) fn wait_until(&self, deadline: Instant, is_so: impl Fn(&State) -> bool) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let state = wait_while(&self.changed, lock(&self.state), left, |state| !is_so(state));
        is_so(&state)
    }

    /// Evicts a connection, if a client waits to be accepted.
    pub(super) fn evict_for_client_at(self: &Arc<Self>, listener: usize, time_max: Duration) {
        if self.listeners[listener].has_client_within(time_max) {
            self.change(|state| state.slots.evict_for_unknown(Instant::now()));
        }
    }

    /// A listener has ended. Unless the server is stopping, another process shut it down.
    pub(super) fn report_if_lost(self: &Arc<Self>, listener: &Listener) {
        let stage = self.change(|state| {
            let stage = state.stage;
            state.stage = stage.max(Stage::Lost);
            stage
        });
        if stage == Stage::Running {
            log::error!("{} was shut down by another process", listener.address);
            (self.on_lost_listener)();
        }
    }

    /// Starts the housekeeper, and a worker per listener.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        let shared = Arc::clone(self);
        let builder = thread::Builder::new().name("housekeeper".to_owned());
        builder.stack_size(HOUSEKEEPER_STACK_BYTES).spawn(move || shared.keep_house())?;
        (0..self.listeners.len()).try_for_each(|listener| self.spawn(listener))
    }

    /// The housekeeper's life: rounds while there is anything to see, else sleep.
    fn keep_house(self: &Arc<Self>) {
        while !self.change(|state| state.stage == Stage::Ended) {
            if self.change(|state| state.make_round(Instant::now())) {
                log::debug!("a request is held up; another thread accepts meanwhile");
            }
            for listener in self.change(|state| state.empty_loops()) {
                self.evict_for_client_at(listener, Duration::ZERO);
            }
            let state = lock(&self.state);
            let is_asleep = state.housekeeper == Housekeeper::Asleep;
            let rest = if is_asleep { FOREVER } else { ROUND_INTERVAL };
            drop(wait_for(&self.changed, state, rest));
        }
    }

    /// Runs the effects of a transition.
    fn run(self: &Arc<Self>, effects: Vec<Effect>) {
        static REFUSED: LogOnce = LogOnce::new(module_path!());
        static REJECTED: LogOnce = LogOnce::new(module_path!());
        for effect in effects {
            match effect {
                Effect::Unpark(thread) => thread.unpark(),
                // An error means that the client has gone.
                Effect::ShutDown(stream, side) => drop(stream.shutdown(side)),
                Effect::Spawn(listener) => {
                    if let Err(error) = self.spawn(listener) {
                        let what = "cannot spawn a thread";
                        REFUSED.warn(format_args!("{what}: {error}; new clients wait"));
                    }
                }
                Effect::TellAll => self.changed.notify_all(),
                Effect::WarnOfRejection => {
                    REJECTED.warn("all connections in use and the queue is full: some get 503");
                }
                Effect::GiveMemoryBack => memory::give_back(),
            }
        }
    }

    fn spawn(self: &Arc<Self>, listener: usize) -> io::Result<()> {
        // The standard library aborts if a new thread has no memory for its own start.
        let checked =
            if self.change(|state| state.kept_stacks > 0) { Ok(()) } else { memory::check(0) };
        let spawned = checked
            .map_err(|_| io::ErrorKind::OutOfMemory.into())
            .and_then(|()| (self.spawn_worker)(Arc::clone(self), listener));
        self.change(|state| state.spawned(listener, spawned.is_ok()));
        spawned
    }
}
