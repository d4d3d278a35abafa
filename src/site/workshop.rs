//! Where bodies are made that stay in memory until the client has taken them: listings, and the
//! plans of archives.
//!
//! A listing of 10,000 entries takes a core for 10 ms and 2 MB of memory for as long as its client
//! takes it. So no more are made at once than there are cores, and a new one is begun only while
//! all that are held are within a bound. The others wait for their turn, in order.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::audience::Audience;
use crate::lock::{lock, wait_for};

/// Bytes of what has been made that are held when another one is begun, at most. So all together
/// take no more than this and one for each core.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// How long a request waits for its turn.
const WAITING_TIME_MAX: Duration = Duration::from_secs(10);

/// How many requests wait. Each has a seat, which it keeps, since its answer has not begun.
const WAITING_MAX: usize = 64;

/// How often one that waits looks whether its client is still there.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The workshop, of which there is one.
pub(crate) struct Workshop {
    state: Mutex<State>,
    changed: Condvar,
    makers_max: usize,
    held_bytes_max: usize,
    waiting_time_max: Duration,
}

#[derive(Default)]
struct State {
    makers: usize,
    held_bytes: usize,
    /// The tickets of those who wait.
    queue: VecDeque<u64>,
    next_ticket: u64,
}

/// The right to make a body.
pub(crate) struct Permit {
    workshop: Arc<Workshop>,
}

/// What has been made. Its bytes count until it is dropped.
pub(crate) struct Made<T> {
    content: T,
    // Dropped after the content.
    held: Held,
}

/// Bytes that count.
struct Held {
    bytes: usize,
    workshop: Arc<Workshop>,
}

impl Workshop {
    pub(crate) fn new() -> Arc<Self> {
        let makers_max = available_parallelism().map_or(1, usize::from);
        Self::with(makers_max, HELD_BYTES_MAX, WAITING_TIME_MAX)
    }

    fn with(makers_max: usize, held_bytes_max: usize, waiting_time_max: Duration) -> Arc<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Arc::new(Self { state, changed, makers_max, held_bytes_max, waiting_time_max })
    }

    /// Waits for the caller's turn; `None` where that takes too long, where too many wait already,
    /// or where the client goes away.
    pub(crate) fn enter(self: &Arc<Self>, audience: &dyn Audience) -> Option<Permit> {
        let deadline = Instant::now() + self.waiting_time_max;
        let mut state = lock(&self.state);
        if state.queue.len() >= WAITING_MAX {
            return None;
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.queue.push_back(ticket);
        let is_in = loop {
            let has_room = state.makers < self.makers_max && state.held_bytes < self.held_bytes_max;
            if has_room && state.queue.front() == Some(&ticket) {
                state.makers += 1;
                break true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || audience.has_gone() {
                break false;
            }
            state = wait_for(&self.changed, state, left.min(LOOK_INTERVAL));
        };
        state.queue.retain(|&other| other != ticket);
        let is_next_waiting = !state.queue.is_empty();
        drop(state);
        if is_next_waiting {
            self.changed.notify_all();
        }
        is_in.then(|| Permit { workshop: Arc::clone(self) })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut lock(&self.state));
        self.changed.notify_all();
    }
}

impl Permit {
    /// A body is made, and is held from now on.
    pub(crate) fn finish(self, body: Vec<u8>) -> Made<Vec<u8>> {
        let bytes = body.capacity();
        self.finish_with(body, bytes)
    }

    /// Something is made that takes so many bytes, and is held from now on.
    pub(crate) fn finish_with<T>(self, content: T, bytes: usize) -> Made<T> {
        let workshop = Arc::clone(&self.workshop);
        lock(&workshop.state).held_bytes += bytes;
        Made { content, held: Held { bytes, workshop } }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.workshop.change(|state| state.makers -= 1);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.workshop.change(|state| state.held_bytes -= self.bytes);
    }
}

impl AsRef<[u8]> for Made<Vec<u8>> {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

impl<T> Deref for Made<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.content
    }
}

impl<T> fmt::Debug for Made<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.held.bytes)
    }
}

impl fmt::Debug for Workshop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Workshop")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    /// A client that stays, or has gone.
    struct Client {
        has_gone: bool,
    }

    impl Audience for Client {
        fn before_long_work(&self) {}

        fn has_gone(&self) -> bool {
            self.has_gone
        }
    }

    const STAYS: &dyn Audience = &Client { has_gone: false };

    const SOON: Duration = Duration::from_millis(20);
    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn no_more_are_made_at_once_than_may_be() {
        let workshop = Workshop::with(2, 100, SOON);
        let first = workshop.enter(STAYS).unwrap();
        let _second = workshop.enter(STAYS).unwrap();
        assert!(workshop.enter(STAYS).is_none());
        drop(first);
        assert!(workshop.enter(STAYS).is_some());
    }

    #[test]
    fn who_has_gone_and_who_is_one_too_many_do_not_wait() {
        let workshop = Workshop::with(1, 100, PATIENCE);
        let _permit = workshop.enter(STAYS).unwrap();
        assert!(workshop.enter(&Client { has_gone: true }).is_none());
        lock(&workshop.state).queue.extend(1_000..1_000 + WAITING_MAX as u64);
        assert!(workshop.enter(STAYS).is_none());
    }

    #[test]
    fn what_is_held_lets_no_other_begin_until_it_is_dropped() {
        let workshop = Workshop::with(9, 100, SOON);
        let small = workshop.enter(STAYS).unwrap().finish(vec![0; 99]);
        let large = workshop.enter(STAYS).unwrap().finish(vec![0; 1_000]);
        assert_eq!(large.as_ref().len(), 1_000);
        assert!(workshop.enter(STAYS).is_none());
        drop(small);
        assert!(workshop.enter(STAYS).is_none());
        drop(large);
        assert!(workshop.enter(STAYS).is_some());
        assert_eq!(lock(&workshop.state).held_bytes, 0);
    }

    #[test]
    fn those_who_wait_have_their_turns_in_order() {
        let workshop = Workshop::with(1, 100, PATIENCE);
        let mut permit = workshop.enter(STAYS);
        let (tell, turns) = mpsc::channel();
        thread::scope(|scope| {
            for number in 0..5 {
                let (workshop, tell) = (&workshop, tell.clone());
                scope.spawn(move || {
                    let _permit = workshop.enter(STAYS).unwrap();
                    tell.send(number).unwrap();
                });
                while lock(&workshop.state).queue.len() <= number {
                    thread::yield_now();
                }
            }
            permit.take();
            let turns: Vec<_> = turns.iter().take(5).collect();
            assert_eq!(turns, [0, 1, 2, 3, 4]);
        });
    }
}
