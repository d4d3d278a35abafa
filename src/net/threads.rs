//! A thread for each piece of work: one that is parked, or a newly spawned one.
//!
//! Work is to take part in the accept loop of a listener, whose number it is: to accept a client
//! there and to serve it. It is given to the thread that parked last, whose caches are warm; where
//! none is parked, to a new thread. The system may refuse one; then the caller goes on without.
//!
//! ```text
//! spawned -> works -> finds more work by itself -> works
//!              ^  \-> parks -> is woken with work -> works
//!              |        \----> not needed for a minute, or too many are parked -> ends
//! ```

use std::hint::black_box;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// A parked thread ends when it has not been needed for this long.
const PARKED_TIME_MAX: Duration = Duration::from_secs(60);

/// Stack of a thread, in bytes.
const STACK_BYTES: usize = 256 * 1024;

/// Address space that must be free before a thread is spawned: for its stack, for its own start
/// (where the standard library aborts if it can't have it), and for the running threads to go on.
/// Above 32 MiB, so that asking for it does not teach glibc to keep large buffers in its heap.
const SPARE_BYTES: usize = 33 * 1024 * 1024;

/// So many threads more than stay parked are a crowd.
const CROWD: usize = 64;

/// What a thread is: it does one piece of work after another.
pub(super) trait Worker {
    /// Takes part in the accept loop of that listener.
    fn work(&mut self, listener: usize);

    /// The listener at which it finds more to do by itself.
    fn more(&mut self) -> Option<usize>;
}

/// The threads, parked ones and those at work.
pub(super) struct Threads {
    state: Mutex<State>,
    parked_max: usize,
    alive_max: usize,
    hire: Box<dyn Fn() -> Box<dyn Worker> + Send + Sync>,
}

struct State {
    /// Threads without work, the one that parked last at the end.
    parked: Vec<Arc<Slot>>,
    /// Threads that have not decided to end.
    alive: usize,
    /// When the last of many ended that were alive at once, if it has not been asked for yet.
    thinned_out_at: Option<Instant>,
    /// Whether many more were alive than stay when they have nothing to do.
    was_crowded: bool,
    is_closed: bool,
}

/// Where a parked thread finds what to do next.
struct Slot {
    thread: Thread,
    order: Mutex<Option<Order>>,
}

#[derive(Clone, Copy)]
enum Order {
    Work { listener: usize },
    End,
}

impl Threads {
    /// At most `parked_max` threads stay parked, and no new one is spawned while there are
    /// `alive_max`. `hire` makes the worker of each new thread.
    pub(super) fn new(
        parked_max: usize,
        alive_max: usize,
        hire: impl Fn() -> Box<dyn Worker> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let state = State {
            parked: Vec::new(),
            alive: 0,
            was_crowded: false,
            thinned_out_at: None,
            is_closed: false,
        };
        Arc::new(Self { state: Mutex::new(state), parked_max, alive_max, hire: Box::new(hire) })
    }

    /// Lets a parked thread or a new one work at that listener, unless none can be had.
    pub(super) fn call(self: &Arc<Self>, listener: usize) -> io::Result<()> {
        if self.wake(listener) { Ok(()) } else { self.spawn(listener) }
    }

    /// Wakes the thread that parked last, if there is one.
    fn wake(&self, listener: usize) -> bool {
        let parked = lock(&self.state).parked.pop();
        if let Some(slot) = &parked {
            slot.give(Order::Work { listener });
        }
        parked.is_some()
    }

    fn spawn(self: &Arc<Self>, listener: usize) -> io::Result<()> {
        if !has_memory_for_a_thread() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let mut state = lock(&self.state);
        if state.alive >= self.alive_max {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        state.alive += 1;
        state.was_crowded |= state.alive >= self.parked_max + CROWD;
        drop(state);
        let threads = Arc::clone(self);
        let spawned = thread::Builder::new()
            .name("client".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || threads.live(listener));
        if spawned.is_err() {
            self.end(lock(&self.state));
        }
        spawned.map(drop)
    }

    /// Ends the parked threads; those at work end when their work does.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        for slot in parked {
            slot.give(Order::End);
        }
    }

    /// A thread's life.
    fn live(&self, listener: usize) {
        let mut worker = (self.hire)();
        let slot = Arc::new(Slot { thread: thread::current(), order: Mutex::new(None) });
        let mut next = Some(listener);
        while let Some(listener) = next {
            worker.work(listener);
            next = worker.more().or_else(|| self.park(&slot));
        }
    }

    /// Parks the calling thread until there is work for it; `None`: it must end.
    fn park(&self, slot: &Arc<Slot>) -> Option<usize> {
        let mut state = lock(&self.state);
        if state.is_closed || state.parked.len() >= self.parked_max {
            self.end(state);
            return None;
        }
        state.parked.push(Arc::clone(slot));
        drop(state);
        let order = slot.wait(PARKED_TIME_MAX).or_else(|| self.leave(slot));
        match order {
            Some(Order::Work { listener }) => Some(listener),
            Some(Order::End) => {
                self.end(lock(&self.state));
                None
            }
            None => None,
        }
    }

    /// Ends the parking of a thread that was not needed; `None`: it must end. Where it has been
    /// taken off the list meanwhile, an order is on its way.
    fn leave(&self, slot: &Arc<Slot>) -> Option<Order> {
        let mut state = lock(&self.state);
        let Some(at) = state.parked.iter().position(|other| Arc::ptr_eq(other, slot)) else {
            drop(state);
            return slot.wait(Duration::MAX);
        };
        state.parked.remove(at);
        self.end(state);
        None
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        state.alive -= 1;
        if state.was_crowded && state.alive < self.parked_max + CROWD {
            state.was_crowded = false;
            state.thinned_out_at = Some(Instant::now());
        }
    }

    /// Since when no more than usual are alive, after a time in which many were.
    pub(super) fn thinned_out_at(&self) -> Option<Instant> {
        lock(&self.state).thinned_out_at
    }

    /// What a crowd of threads needed has been given back.
    pub(super) fn forget_the_crowd(&self) {
        lock(&self.state).thinned_out_at = None;
    }
}

impl Slot {
    fn give(&self, order: Order) {
        *lock(&self.order) = Some(order);
        self.thread.unpark();
    }

    /// Parks the calling thread until it has an order, but no longer than `time_max`.
    fn wait(&self, time_max: Duration) -> Option<Order> {
        let parked = Instant::now();
        loop {
            if let Some(order) = lock(&self.order).take() {
                return Some(order);
            }
            let left = time_max.checked_sub(parked.elapsed()).filter(|left| !left.is_zero())?;
            thread::park_timeout(left);
        }
    }
}

/// Whether the address space (`RLIMIT_AS`) still holds what a new thread and the others need.
fn has_memory_for_a_thread() -> bool {
    let mut probe = Vec::<u8>::new();
    let reserved = probe.try_reserve_exact(SPARE_BYTES).is_ok();
    black_box(&probe);
    reserved
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::thread::ThreadId;

    /// A worker that tells of each piece of work and ends it when it is told to.
    struct Fake {
        report: Sender<(ThreadId, usize)>,
        /// What it finds by itself when it has done a piece.
        then: Arc<Mutex<Receiver<Option<usize>>>>,
        next: Option<usize>,
    }

    impl Worker for Fake {
        fn work(&mut self, listener: usize) {
            self.report.send((thread::current().id(), listener)).unwrap();
            self.next = lock(&self.then).recv().unwrap();
        }

        fn more(&mut self) -> Option<usize> {
            self.next.take()
        }
    }

    struct Staff {
        threads: Arc<Threads>,
        reports: Receiver<(ThreadId, usize)>,
        then: Sender<Option<usize>>,
    }

    impl Staff {
        fn new(parked_max: usize, alive_max: usize) -> Self {
            let (report, reports) = mpsc::channel();
            let (then, received) = mpsc::channel();
            let received = Arc::new(Mutex::new(received));
            let hire = move || {
                let (report, then) = (report.clone(), Arc::clone(&received));
                Box::new(Fake { report, then, next: None }) as Box<dyn Worker>
            };
            Self { threads: Threads::new(parked_max, alive_max, hire), reports, then }
        }

        /// Calls for work at that listener; the thread that does it.
        #[track_caller]
        fn call(&self, listener: usize) -> ThreadId {
            self.threads.call(listener).unwrap();
            self.report(listener)
        }

        #[track_caller]
        fn report(&self, listener: usize) -> ThreadId {
            let (thread, reported) = self.reports.recv().unwrap();
            assert_eq!(reported, listener);
            thread
        }

        /// Lets a thread end its work and find no more by itself.
        fn end_work(&self) {
            self.then.send(None).unwrap();
        }

        /// Waits until so many are parked, and so many alive.
        fn await_threads(&self, parked: usize, alive: usize) {
            let has_come = || {
                let state = lock(&self.threads.state);
                (state.parked.len(), state.alive) == (parked, alive)
            };
            while !has_come() {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn the_thread_that_parked_last_is_woken_first() {
        let staff = Staff::new(2, 2);
        let first = staff.call(1);
        let second = staff.call(2);
        assert_ne!(first, second);
        staff.end_work();
        staff.await_threads(1, 2);
        staff.end_work();
        staff.await_threads(2, 2);
        let last_parked = lock(&staff.threads.state).parked[1].thread.id();
        assert_eq!(staff.call(3), last_parked);
        staff.end_work();
        staff.await_threads(2, 2);
        staff.threads.close();
        staff.await_threads(0, 0);
    }

    #[test]
    fn a_thread_goes_on_with_work_that_it_finds_by_itself() {
        let staff = Staff::new(1, 1);
        let thread = staff.call(1);
        staff.then.send(Some(2)).unwrap();
        assert_eq!(staff.report(2), thread);
        staff.end_work();
        staff.await_threads(1, 1);
        staff.threads.close();
        staff.await_threads(0, 0);
    }

    #[test]
    fn no_more_are_spawned_than_may_be_alive() {
        let staff = Staff::new(1, 1);
        staff.call(1);
        let refusal = staff.threads.call(2).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::QuotaExceeded);
        staff.end_work();
        staff.await_threads(1, 1);
        staff.call(2);
        staff.end_work();
    }

    #[test]
    fn no_more_are_parked_than_may_be() {
        let staff = Staff::new(0, 2);
        let first = staff.call(1);
        staff.end_work();
        staff.await_threads(0, 0);
        assert_ne!(staff.call(2), first);
        staff.end_work();
        staff.await_threads(0, 0);
    }

    #[test]
    fn after_the_close_no_thread_parks() {
        let staff = Staff::new(1, 1);
        staff.call(1);
        staff.threads.close();
        staff.end_work();
        staff.await_threads(0, 0);
    }
}
