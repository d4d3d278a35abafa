//! What every thread of a server sees: the state under its one lock, and the listeners.
//!
//! Whatever is decided is decided in `state`. Here it is done: threads are spawned and woken,
//! sockets shut down, all of it without the lock.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::listener::Listener;
use super::slots::{Effect, Effects};
use super::state::{Stage, State};
use crate::lock::{lock, wait, wait_for};
use crate::log_once::LogOnce;
use crate::memory;

/// Stack of the housekeeper's thread, in bytes.
const HOUSEKEEPER_STACK_BYTES: usize = 64 * 1024;

/// Spawns a worker that begins by accepting at that listener.
pub(super) type Spawner = Box<dyn Fn(Arc<Shared>, usize) -> io::Result<()> + Send + Sync>;

/// What every thread of a server sees.
pub(super) struct Shared {
    pub(super) listeners: Vec<Listener>,
    state: Mutex<State>,
    /// Something has changed that a thread may wait for.
    changed: Condvar,
    /// The housekeeper has something to see.
    called: Condvar,
    spawn_worker: Spawner,
    on_lost_listener: Box<dyn Fn() + Send + Sync>,
    refused: LogOnce,
    rejected: LogOnce,
    pub(super) exhausted: LogOnce,
    pub(super) strange: LogOnce,
}

impl Shared {
    pub(super) fn new(
        listeners: Vec<Listener>,
        state: State,
        spawn_worker: Spawner,
        on_lost_listener: Box<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        let log_once = || LogOnce::new(module_path!());
        Arc::new(Self {
            listeners,
            state: Mutex::new(state),
            changed: Condvar::new(),
            called: Condvar::new(),
            spawn_worker,
            on_lost_listener,
            refused: log_once(),
            rejected: log_once(),
            exhausted: log_once(),
            strange: log_once(),
        })
    }

    /// Changes the state, and does then what that makes necessary.
    pub(super) fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let effects = std::mem::take(&mut state.slots.effects);
        drop(state);
        self.run(effects);
        result
    }

    /// Waits until that is so, but no longer than until the deadline. Whether it is.
    pub(super) fn wait_until(&self, deadline: Instant, is_so: impl Fn(&State) -> bool) -> bool {
        let mut state = lock(&self.state);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if is_so(&state) || left.is_zero() {
                return is_so(&state);
            }
            state = wait_for(&self.changed, state, left);
        }
    }

    /// Evicts one connection for a client that waits to be accepted, if there is one.
    pub(super) fn evict_for_client_at(self: &Arc<Self>, listener: usize, time_max: Duration) {
        if self.listeners[listener].has_client_within(time_max) {
            self.change(|state| state.slots.evict_for_unknown(Instant::now()));
        }
    }

    /// A listener has ended. If the server was not stopped, another process has shut it down.
    pub(super) fn report_if_lost(self: &Arc<Self>, listener: &Listener) {
        let stage = self.change(|state| {
            let stage = state.stage;
            state.stage = stage.max(Stage::Lost);
            stage
        });
        if stage == Stage::Running {
            log::error!("{} was shut down by another process", listener.address());
            (self.on_lost_listener)();
        }
    }

    /// Starts the housekeeper's thread, and one that accepts at each listener.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        let shared = Arc::clone(self);
        let builder = thread::Builder::new().name("housekeeper".to_owned());
        builder.stack_size(HOUSEKEEPER_STACK_BYTES).spawn(move || shared.keep_house())?;
        for listener in 0..self.listeners.len() {
            let mut state = lock(&self.state);
            state.begin(listener);
            let effects = std::mem::take(&mut state.slots.effects);
            drop(state);
            for effect in effects {
                match effect {
                    Effect::Spawn(listener) => self.spawn(listener)?,
                    other => self.run(vec![other]),
                }
            }
        }
        Ok(())
    }

    /// The housekeeper's life: it makes rounds while there is something to see, and sleeps on the
    /// lock of the state while there is not.
    fn keep_house(self: &Arc<Self>) {
        loop {
            let rest = self.change(|state| state.make_round(Instant::now()));
            for listener in self.change(|state| state.empty_loops()) {
                self.evict_for_client_at(listener, Duration::ZERO);
            }
            let mut state = lock(&self.state);
            state = match rest {
                Some(rest) => wait_for(&self.called, state, rest),
                None if state.needs_housekeeper() => state,
                None => wait(&self.called, state),
            };
            state.housekeeper_wakes();
            if state.stage == Stage::Ended {
                return;
            }
        }
    }

    /// Does what a change made necessary.
    fn run(self: &Arc<Self>, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Unpark(thread) => thread.unpark(),
                // An error: the client has gone already.
                Effect::ShutDown(stream, side) => drop(stream.shutdown(side)),
                Effect::Spawn(listener) => {
                    if let Err(error) = self.spawn(listener) {
                        let refused = format_args!("cannot spawn a thread: {error}");
                        self.refused.warn(format_args!("{refused}; new clients wait"));
                        self.evict_for_client_at(listener, Duration::ZERO);
                    }
                }
                Effect::WakeHousekeeper => self.called.notify_one(),
                Effect::TellAll => self.changed.notify_all(),
                Effect::WarnOfRejection => {
                    self.rejected
                        .warn("all connections in use and the queue is full: some get 503");
                }
                Effect::NoteHeldUp => {
                    log::debug!("a request is held up; another thread accepts meanwhile");
                }
                Effect::GiveMemoryBack => memory::give_back(),
            }
        }
    }

    fn spawn(self: &Arc<Self>, listener: usize) -> io::Result<()> {
        // Where a thread has no memory for its own start, the standard library aborts.
        let spawned = memory::check(0)
            .map_err(|_| io::ErrorKind::OutOfMemory.into())
            .and_then(|()| (self.spawn_worker)(Arc::clone(self), listener));
        if spawned.is_err() {
            self.change(|state| state.thread_refused(listener));
        }
        spawned
    }
}
