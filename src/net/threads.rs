//! A thread for each piece of work: one that is parked, or a newly spawned one.
//!
//! Work is whatever keeps the server going (here: the right to run an accept loop). It is passed to
//! the thread that parked last, whose caches are warm; where none is parked, to a new thread; where
//! the system refuses one, it is offered to the first thread that ends what it does.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::log_once::LogOnce;

/// A parked thread ends when nobody has needed it for this long.
const PARKED_TIME_MAX: Duration = Duration::from_secs(60);

/// How long to wait before the system is asked again for a thread that it refused.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Stack of a thread, in bytes.
const STACK_BYTES: usize = 256 * 1024;

/// Address space that must be free before a thread is spawned: for its stack, for its own start
/// (where the standard library aborts if it can't have it), and for the running threads to go on.
/// Above 32 MiB, so that asking for it does not teach glibc to keep large buffers in its heap.
const SPARE_BYTES: usize = 33 * 1024 * 1024;

/// What a thread is: it does one piece of work after another.
pub(super) trait Worker<W> {
    /// Does a piece of work.
    fn work(&mut self, work: W);

    /// Another piece that it finds by itself; asked when nobody needs a thread urgently.
    fn more(&mut self) -> Option<W>;
}

/// The threads, parked ones and those at work.
pub(super) struct Threads<W> {
    state: Mutex<State<W>>,
    offer_taken: Condvar,
    parked_max: usize,
    alive_max: usize,
    hire: Box<dyn Fn() -> Box<dyn Worker<W>> + Send + Sync>,
    refused: LogOnce,
    /// How many offers there are, to be read without the lock.
    offers: AtomicUsize,
}

struct State<W> {
    /// Threads without work, the one that parked last at the end.
    parked: Vec<Arc<Slot<W>>>,
    /// Work for which the system refused a thread, each under the ticket of the thread that waits.
    offers: VecDeque<(u64, W)>,
    next_ticket: u64,
    /// Threads that have not decided to end.
    alive: usize,
    closed: bool,
}

/// Where a parked thread finds what to do next.
struct Slot<W> {
    thread: Thread,
    order: Mutex<Option<Order<W>>>,
}

enum Order<W> {
    Work(W),
    End,
}

impl<W: Copy + Send + 'static> Threads<W> {
    /// At most `parked_max` threads stay parked, and no new one is spawned for work that is passed
    /// while there are `alive_max`: then one is about to end, and takes it. `hire` makes the
    /// worker of each new thread.
    pub(super) fn new(
        parked_max: usize,
        alive_max: usize,
        hire: impl Fn() -> Box<dyn Worker<W>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let state = State {
            parked: Vec::new(),
            offers: VecDeque::new(),
            next_ticket: 0,
            alive: 0,
            closed: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            offer_taken: Condvar::new(),
            parked_max,
            alive_max,
            hire: Box::new(hire),
            refused: LogOnce::default(),
            offers: AtomicUsize::new(0),
        })
    }

    /// Hands `work` to another thread. Returns when one has it, however long that takes.
    pub(super) fn pass(self: &Arc<Self>, work: W) {
        while !self.wake(work) {
            let is_full = self.lock().alive >= self.alive_max;
            if !is_full {
                let Err(error) = self.spawn(work) else { return };
                self.refused.say(format_args!(
                    "no thread to be had for the next client: {error}; clients wait until one is"
                ));
            }
            if self.offer(work, is_full) {
                return;
            }
        }
    }

    /// Hands `work` to a parked thread or a new one, unless the system refuses one.
    pub(super) fn try_pass(self: &Arc<Self>, work: W) -> io::Result<()> {
        if self.wake(work) { Ok(()) } else { self.spawn(work) }
    }

    /// Hands `work` to the thread that parked last, if there is one.
    fn wake(&self, work: W) -> bool {
        let parked = self.lock().parked.pop();
        if let Some(slot) = &parked {
            slot.give(Order::Work(work));
        }
        parked.is_some()
    }

    fn spawn(self: &Arc<Self>, work: W) -> io::Result<()> {
        if !has_room_for_a_thread() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.lock().alive += 1;
        let threads = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("client".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || threads.work(work));
        if spawned.is_err() {
            self.lock().alive -= 1;
        }
        spawned.map(drop)
    }

    /// Ends the parked threads; those at work end when their work does.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        for slot in parked {
            slot.give(Order::End);
        }
    }

    /// A thread's life.
    fn work(&self, first: W) {
        let mut worker = (self.hire)();
        let slot = Arc::new(Slot { thread: thread::current(), order: Mutex::new(None) });
        let mut next = Some(first);
        while let Some(work) = next {
            worker.work(work);
            let offered = if self.offers.load(Ordering::Acquire) > 0 {
                self.take_offer(&mut self.lock())
            } else {
                None
            };
            next = offered.or_else(|| worker.more()).or_else(|| self.park(&slot));
        }
    }

    fn take_offer(&self, state: &mut State<W>) -> Option<W> {
        let (_, work) = state.offers.pop_front()?;
        self.offers.fetch_sub(1, Ordering::AcqRel);
        self.offer_taken.notify_all();
        Some(work)
    }

    /// Parks the calling thread until there is work for it; `None`: it shall end.
    fn park(&self, slot: &Arc<Slot<W>>) -> Option<W> {
        let mut state = self.lock();
        if let Some(work) = self.take_offer(&mut state) {
            return Some(work);
        }
        if state.closed || state.parked.len() >= self.parked_max {
            state.alive -= 1;
            return None;
        }
        state.parked.push(Arc::clone(slot));
        drop(state);
        let order = slot.wait(PARKED_TIME_MAX).or_else(|| {
            let mut state = self.lock();
            let at = state.parked.iter().position(|other| Arc::ptr_eq(other, slot));
            if let Some(at) = at {
                state.parked.remove(at);
                return Some(Order::End);
            }
            drop(state);
            // Whoever took the slot off the list is about to give it an order.
            slot.wait(Duration::MAX)
        });
        match order {
            Some(Order::Work(work)) => Some(work),
            Some(Order::End) | None => {
                self.lock().alive -= 1;
                None
            }
        }
    }

    /// Offers `work` to the threads that end theirs, for a moment; whether one took it. Where one
    /// has parked or ended just before, there is nothing to wait for.
    fn offer(&self, work: W, was_full: bool) -> bool {
        let mut state = self.lock();
        if !state.parked.is_empty() || was_full && state.alive < self.alive_max {
            return false;
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.offers.push_back((ticket, work));
        self.offers.fetch_add(1, Ordering::AcqRel);
        let is_open = |state: &mut State<W>| state.offers.iter().any(|&(other, _)| other == ticket);
        let (mut state, timeout) = self
            .offer_taken
            .wait_timeout_while(state, RETRY_INTERVAL, is_open)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let at = state.offers.iter().position(|&(other, _)| other == ticket);
            if let Some(at) = at {
                state.offers.remove(at);
                self.offers.fetch_sub(1, Ordering::AcqRel);
            }
            return at.is_none();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Slot<W> {
    fn give(&self, order: Order<W>) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
        self.thread.unpark();
    }

    /// Parks the calling thread until it has an order, but no longer than `at_most`.
    fn wait(&self, at_most: Duration) -> Option<Order<W>> {
        let parked = Instant::now();
        loop {
            if let Some(order) = self.order.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Some(order);
            }
            let left = at_most.checked_sub(parked.elapsed()).filter(|left| !left.is_zero())?;
            thread::park_timeout(left);
        }
    }
}

/// Whether the address space (`RLIMIT_AS`) still holds what a new thread and the others need.
fn has_room_for_a_thread() -> bool {
    let mut probe = Vec::<u8>::new();
    let reserved = probe.try_reserve_exact(SPARE_BYTES).is_ok();
    black_box(&probe);
    reserved
}
