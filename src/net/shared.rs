//! What every thread of a server sees: the accept loops, the seats, the threads; and what the
//! watchman does on a round.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::accept_loop::AcceptLoop;
use super::client::Client;
use super::listener::{Accepted, Listener};
use super::seats::{Seat, Seats};
use super::threads::Threads;
use super::turn::{LastLook, Look, Relay, Turn, Turns};
use super::watchman::Watchman;
use crate::lock::{lock, wait_for};
use crate::log_once::LogOnce;
use crate::memory;

/// How long to wait for a descriptor that the system refused, before it is asked for again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// How long to wait after an error of `accept` that may not pass.
const STRANGE_ERROR_INTERVAL: Duration = Duration::from_millis(100);

/// How long a newcomer is waited for by a thread that could not accept one.
const NEWCOMER_TIME_MAX: Duration = Duration::from_millis(100);

/// The watchman's rest between two rounds while there is something to watch: a loop that is held up
/// is passed on after twice as long.
const ROUND_INTERVAL: Duration = Duration::from_millis(2);

/// How long after a crowd has gone its memory is given back: its threads have ended by then.
const CROWD_GONE_INTERVAL: Duration = Duration::from_secs(1);

/// Stack of the watchman's thread, in bytes.
const WATCHMAN_STACK_BYTES: usize = 64 * 1024;

/// What every thread of a server sees.
pub(super) struct Shared {
    pub(super) loops: Vec<AcceptLoop>,
    pub(super) seats: Seats,
    pub(super) threads: Arc<Threads>,
    watchman: Watchman,
    pub(super) is_stopping: AtomicBool,
    /// Whether a listener ended before the server was stopped.
    pub(super) has_lost_listener: AtomicBool,
    on_lost_listener: Box<dyn Fn() + Send + Sync>,
    loop_ended: (Mutex<()>, Condvar),
    /// What the watchman saw of the turns on its last round, at each listener.
    last_looks: Mutex<Vec<LastLook>>,
    /// Whether a thread that accepts may keep the loop while it serves.
    keeps_loop: bool,
    exhausted: LogOnce,
    refused: LogOnce,
    strange: LogOnce,
}

impl Shared {
    pub(super) fn new(
        loops: Vec<AcceptLoop>,
        seats: Seats,
        threads: Arc<Threads>,
        keeps_loop: bool,
        on_lost_listener: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let last_looks = Mutex::new(vec![LastLook::default(); loops.len()]);
        Self {
            loops,
            seats,
            threads,
            watchman: Watchman::default(),
            is_stopping: AtomicBool::new(false),
            has_lost_listener: AtomicBool::new(false),
            on_lost_listener,
            loop_ended: Default::default(),
            last_looks,
            keeps_loop,
            exhausted: LogOnce::new(module_path!()),
            refused: LogOnce::new(module_path!()),
            strange: LogOnce::new(module_path!()),
        }
    }

    /// Accepts until a newcomer has a seat; `None`: the loop must end.
    pub(super) fn next_client(&self, accept_loop: &AcceptLoop) -> Option<Seat<'_>> {
        loop {
            let newcomer = self.accept(&accept_loop.listener)?;
            if let Some(seat) = self.seats.admit(newcomer) {
                return Some(seat);
            }
            self.watchman.call();
        }
    }

    /// The next client; `None`: the loop must end.
    fn accept(&self, listener: &Listener) -> Option<Client> {
        loop {
            match listener.accept() {
                Accepted::Client(client) => return Some(client),
                Accepted::None | Accepted::Failed(_)
                    if self.is_stopping.load(Ordering::Acquire) =>
                {
                    listener.shut_down();
                    return None;
                }
                Accepted::None => {}
                Accepted::Failed(errno) => {
                    self.strange.warn(format_args!("cannot accept: {errno}; trying again"));
                    thread::sleep(STRANGE_ERROR_INTERVAL);
                }
                Accepted::Closed => {
                    self.report_if_lost(listener);
                    return None;
                }
                Accepted::Exhausted(errno) => {
                    self.exhausted.warn(format_args!("cannot accept: {errno}; new clients wait"));
                    // The system refuses before it looks whether there is a client at all.
                    if listener.has_client_within(NEWCOMER_TIME_MAX) {
                        self.seats.make_way_for_a_stranger();
                        self.seats.wait_for_release(RETRY_INTERVAL);
                    }
                }
            }
        }
    }

    /// A listener has ended. If the server was not stopped, another process has shut it down.
    fn report_if_lost(&self, listener: &Listener) {
        let is_expected = self.is_stopping.load(Ordering::Acquire);
        if !is_expected && !self.has_lost_listener.swap(true, Ordering::AcqRel) {
            log::error!("{} was closed by others: no client can reach it", listener.address());
            (self.on_lost_listener)();
        }
    }

    /// Whether no thread needs to look for the next client.
    pub(super) fn is_ending(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire) || self.has_lost_listener.load(Ordering::Acquire)
    }

    /// The calling thread has accepted a client there. Its turn, if it is the last one that
    /// accepts: then it keeps the loop while it serves.
    pub(super) fn begin_turn(self: &Arc<Self>, listener: usize) -> Option<Turn> {
        if self.loops[listener].leave_to_others() {
            return None;
        }
        if !self.keeps_loop || !self.loops[listener].turns.may_begin() {
            self.find_acceptor(listener);
            return None;
        }
        let relay: Arc<dyn Relay> = Arc::<Self>::clone(self);
        let turn = Turn::begin(relay, listener);
        self.watchman.call_if_asleep();
        Some(turn)
    }

    /// Passes on the loops whose holders are held up. Whether there are no turns to watch.
    fn look_after_turns(&self) -> bool {
        let mut is_quiet = true;
        for (listener, last) in lock(&self.last_looks).iter_mut().enumerate() {
            let look = self.loops[listener].turns.look(last);
            is_quiet &= look == Look::Quiet;
            if look == Look::HeldUp {
                log::debug!("a request is held up; another thread accepts meanwhile");
                self.find_acceptor(listener);
            }
        }
        is_quiet
    }

    /// Calls a thread into a loop that the calling one is about to leave empty. Where the system
    /// refuses one, a client makes way, as when every seat is taken: its thread finds the empty
    /// loop when it ends its work. Until then the watchman looks after it.
    pub(super) fn find_acceptor(&self, listener: usize) {
        let Err(error) = self.threads.call(listener) else { return };
        self.loops[listener].leave();
        self.watchman.call();
        // As many as may be alive: one of them is about to end.
        if error.kind() != io::ErrorKind::QuotaExceeded {
            self.refused.warn(format_args!("cannot spawn a thread: {error}; new clients wait"));
            self.make_way_at(listener);
        }
    }

    /// Makes way for a client that waits to be accepted, if there is one.
    fn make_way_at(&self, listener: usize) {
        if self.loops[listener].listener.has_client_within(Duration::ZERO) {
            self.seats.make_way_for_a_stranger();
        }
    }

    /// Starts the watchman's thread.
    pub(super) fn post_watchman(self: &Arc<Self>) -> io::Result<()> {
        let shared = Arc::clone(self);
        let watch = move || shared.watchman.watch(|| shared.make_round());
        let builder = thread::Builder::new().name("watchman".to_owned());
        builder.stack_size(WATCHMAN_STACK_BYTES).spawn(watch).map(drop)
    }

    /// Passes on loops that are held up, makes way for clients that wait for a seat, finds threads
    /// for loops that have none, and gives back what a crowd needed. Gives the rest until the next
    /// round, if there is one.
    fn make_round(&self) -> Option<Duration> {
        let turns_are_quiet = self.look_after_turns();
        let clients_wait = self.seats.make_way();
        let is_ending = self.is_ending();
        let mut is_all_attended = true;
        for listener in 0..self.loops.len() {
            is_all_attended &= is_ending || self.attend(listener);
        }
        if !turns_are_quiet || clients_wait || !is_all_attended {
            return Some(ROUND_INTERVAL);
        }
        let quiet_for = self.threads.thinned_out_at()?.elapsed();
        if let Some(left) = CROWD_GONE_INTERVAL.checked_sub(quiet_for) {
            // No longer: whoever begins a turn takes a watchman that rests for one that looks.
            return Some(left.min(ROUND_INTERVAL));
        }
        self.threads.forget_the_crowd();
        memory::give_back();
        None
    }

    /// A thread is about to end.
    pub(super) fn tell_of_ended_thread(&self) {
        if self.threads.thinned_out_at().is_some() {
            self.watchman.call();
        }
    }

    /// Sees to it that a loop has a thread. Whether it has one.
    fn attend(&self, listener: usize) -> bool {
        let accept_loop = &self.loops[listener];
        if !accept_loop.is_empty() || !accept_loop.join() {
            return true;
        }
        let is_found = self.threads.call(listener).is_ok();
        if !is_found {
            accept_loop.leave();
            self.make_way_at(listener);
        }
        is_found
    }

    pub(super) fn tell_of_ended_loop(&self) {
        let (mutex, ended) = &self.loop_ended;
        drop(lock(mutex));
        ended.notify_all();
    }

    /// Waits until no thread accepts any more.
    pub(super) fn await_loops(&self, deadline: Instant) {
        let (mutex, ended) = &self.loop_ended;
        let mut guard = lock(mutex);
        while !self.loops.iter().all(AcceptLoop::is_empty) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            guard = wait_for(ended, guard, left);
        }
    }

    pub(super) fn dismiss_watchman(&self) {
        self.watchman.dismiss();
    }
}

impl Relay for Shared {
    fn turns(&self, listener: usize) -> &Turns {
        &self.loops[listener].turns
    }

    fn pass_on(&self, listener: usize) {
        self.find_acceptor(listener);
    }
}
