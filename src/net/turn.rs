//! Who holds an accept loop while it serves.
//!
//! A small request is over sooner than another thread is woken. So the last thread that accepts at
//! a listener keeps the loop while it serves, and accepts again afterwards. That is its turn. It
//! passes the loop on before anything that takes time: a wait for its client, a large file, a
//! listing. The watchman does so for a turn that it has seen twice: there must be a reason that no
//! one foresaw, such as a disk.
//!
//! ```text
//! accepts -> turn 7 begins -> serves -> turn 7 ends, by its holder -> accepts again
//!                                 \---> turn 7 ends, before a wait or by the watchman
//!                                        -> another thread accepts; this one only serves
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// After a turn that was held up, no loop is kept there for so many looks of the watchman: where
/// one request waits for a disk, the next ones may, too, and each would hold up those behind it.
const CAUTIOUS_LOOKS: u32 = 25;

/// The turns at one listener: the number of the one that is held, 0 while none is. Who changes it
/// to 0, holder or watchman, looks after the loop; so exactly one thread does.
#[derive(Debug, Default)]
pub(super) struct Turns {
    held: AtomicU64,
    count: AtomicU64,
    /// Looks of the watchman until the loop may be kept again.
    cautious_looks: AtomicU32,
}

/// What the watchman saw when it looked last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastLook {
    held: u64,
    count: u64,
}

/// What the watchman sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// No turn has begun since the last look, none is held, and one may begin.
    Quiet,
    /// Turns come and go.
    Moving,
    /// The turn that was held at the last look still was. Now it has ended, and who looks has to
    /// look after the loop.
    HeldUp,
}

/// What passes a loop on.
pub(super) trait Relay: Send + Sync {
    /// The turns at that listener.
    fn turns(&self, listener: usize) -> &Turns;

    /// Lets another thread accept at that listener.
    fn pass_on(&self, listener: usize);
}

/// A thread's turn. Where it is dropped, the loop is passed on.
pub(super) struct Turn {
    relay: Arc<dyn Relay>,
    listener: usize,
    number: u64,
}

impl Turns {
    /// Whether none was held up of late, so that the loop may be kept.
    pub(super) fn may_begin(&self) -> bool {
        self.cautious_looks.load(Ordering::Relaxed) == 0
    }

    fn begin(&self) -> u64 {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.held.store(number, Ordering::SeqCst);
        number
    }

    /// Ends that turn. Whether it was still held: then the caller looks after the loop.
    fn end(&self, number: u64) -> bool {
        self.held.compare_exchange(number, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The watchman looks, and ends a turn that it sees for the second time.
    pub(super) fn look(&self, last: &mut LastLook) -> Look {
        let now = LastLook {
            held: self.held.load(Ordering::SeqCst),
            count: self.count.load(Ordering::Relaxed),
        };
        let before = std::mem::replace(last, now);
        if now.held != 0 && now.held == before.held && self.end(now.held) {
            self.cautious_looks.store(CAUTIOUS_LOOKS, Ordering::Relaxed);
            return Look::HeldUp;
        }
        // Only the watchman changes it.
        let cautious_looks = self.cautious_looks.load(Ordering::Relaxed).saturating_sub(1);
        self.cautious_looks.store(cautious_looks, Ordering::Relaxed);
        if now.held == 0 && now.count == before.count && cautious_looks == 0 {
            Look::Quiet
        } else {
            Look::Moving
        }
    }
}

impl Turn {
    /// Begins a turn of the calling thread, which is the last one that accepts there.
    pub(super) fn begin(relay: Arc<dyn Relay>, listener: usize) -> Self {
        let number = relay.turns(listener).begin();
        Self { relay, listener, number }
    }

    /// Ends it. Whether it was still held: then the calling thread accepts again.
    pub(super) fn end(self) -> bool {
        self.relay.turns(self.listener).end(self.number)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.relay.turns(self.listener).end(self.number) {
            self.relay.pass_on(self.listener);
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "turn {}", self.number)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    /// A relay that counts how often it was asked to pass the loop on.
    #[derive(Default)]
    pub(crate) struct Fake {
        turns: Turns,
        pub(crate) passed_on: AtomicUsize,
    }

    impl Relay for Fake {
        fn turns(&self, listener: usize) -> &Turns {
            assert_eq!(listener, 5);
            &self.turns
        }

        fn pass_on(&self, _: usize) {
            self.passed_on.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(crate) fn begin(fake: &Arc<Fake>) -> Turn {
        let relay: Arc<dyn Relay> = Arc::<Fake>::clone(fake);
        Turn::begin(relay, 5)
    }

    #[test]
    fn a_turn_that_its_holder_ends_is_not_passed_on() {
        let fake = Arc::new(Fake::default());
        for _ in 0..3 {
            assert!(begin(&fake).end());
        }
        assert_eq!(fake.passed_on.load(Ordering::SeqCst), 0);
        drop(begin(&fake));
        assert_eq!(fake.passed_on.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_watchman_ends_a_turn_that_it_sees_twice() {
        let fake = Arc::new(Fake::default());
        let mut last = LastLook::default();
        let mut look = || fake.turns.look(&mut last);
        assert_eq!(look(), Look::Quiet);
        assert!(begin(&fake).end());
        assert_eq!(look(), Look::Moving, "one has begun since, and ended");
        assert_eq!(look(), Look::Quiet);
        let turn = begin(&fake);
        assert_eq!(look(), Look::Moving);
        assert_eq!(look(), Look::HeldUp);
        assert!(!turn.end(), "the watchman has looked after the loop");
        for _ in 1..CAUTIOUS_LOOKS {
            assert!(!fake.turns.may_begin());
            assert_eq!(look(), Look::Moving);
        }
        assert_eq!(look(), Look::Quiet);
        assert!(fake.turns.may_begin());
        drop(begin(&fake));
        let kept = begin(&fake);
        assert_eq!(look(), Look::Moving);
        assert!(kept.end());
        let next = begin(&fake);
        assert_eq!(look(), Look::Moving, "it is another turn");
        assert_eq!(look(), Look::HeldUp);
        drop(next);
        assert_eq!(fake.passed_on.load(Ordering::SeqCst), 1, "by the one that was dropped");
    }

    /// Holder and watchman race for the end of each turn: exactly one of them looks after the loop.
    #[test]
    fn exactly_one_looks_after_the_loop() {
        const TURNS: usize = 10_000;
        let fake = Arc::new(Fake::default());
        let held_up = AtomicUsize::new(0);
        let kept = thread::scope(|scope| {
            let watchman = scope.spawn(|| {
                let mut last = LastLook::default();
                while fake.turns.count.load(Ordering::Relaxed) < TURNS as u64 {
                    if fake.turns.look(&mut last) == Look::HeldUp {
                        held_up.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
            let mut kept = 0;
            for number in 0..TURNS {
                let turn = begin(&fake);
                if number % 3 == 0 {
                    thread::yield_now();
                }
                if number % 2 == 0 {
                    kept += usize::from(turn.end());
                }
            }
            watchman.join().unwrap();
            kept
        });
        let passed_on = fake.passed_on.load(Ordering::SeqCst);
        assert_eq!(kept + passed_on + held_up.into_inner(), TURNS);
    }
}
