//! How fast a client takes its answer.
//!
//! The kernel takes the first megabytes of an answer at once, however slow the client, and a mobile
//! network pauses for seconds. So the pace is that of the last ten to twenty seconds, not of the
//! last moment, and not of all the time.

use std::time::{Duration, Instant};

/// The pace is looked at over at least this time, and at most twice as long.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// The bytes of an answer that the kernel has taken, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    began: Instant,
    bytes: u64,
    /// Where the window before this one began, and where this one did.
    marks: [Mark; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: Instant,
    bytes: u64,
}

impl Progress {
    /// An answer that begins.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, bytes: 0, marks: [Mark { at: now, bytes: 0 }; 2] }
    }

    /// The kernel has taken so many bytes more.
    pub(super) fn note(&mut self, now: Instant, bytes: u64) {
        if now.saturating_duration_since(self.marks[1].at) >= WINDOW {
            self.marks = [self.marks[1], Mark { at: now, bytes: self.bytes }];
        }
        self.bytes += bytes;
    }

    /// Whether any of its bytes are out.
    pub(super) fn has_begun(&self) -> bool {
        self.bytes > 0
    }

    /// Bytes a second since the answer began.
    pub(super) fn average_pace(&self, now: Instant) -> u64 {
        pace(self.bytes, now.saturating_duration_since(self.began))
    }

    /// Bytes a second over the window; `None` while the answer is younger than that.
    pub(super) fn recent_pace(&self, now: Instant) -> Option<u64> {
        let mark = self.marks.iter().rev().find(|mark| now >= mark.at + WINDOW)?;
        Some(pace(self.bytes - mark.bytes, now - mark.at))
    }
}

fn pace(bytes: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000) / milliseconds.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes of seconds and bytes; then what the paces are at some second.
    #[track_caller]
    fn check(notes: &[(u64, u64)], second: u64, average: u64, recent: Option<u64>) {
        let began = Instant::now();
        let at = |second| began + Duration::from_secs(second);
        let mut progress = Progress::new(began);
        for &(second, bytes) in notes {
            progress.note(at(second), bytes);
        }
        assert_eq!(progress.average_pace(at(second)), average, "{notes:?} at {second}");
        assert_eq!(progress.recent_pace(at(second)), recent, "{notes:?} at {second}");
    }

    #[test]
    fn a_young_answer_has_no_recent_pace() {
        check(&[], 9, 0, None);
        check(&[(0, 9000)], 9, 1000, None);
        check(&[], 10, 0, Some(0));
    }

    #[test]
    fn the_first_burst_counts_for_one_window_only() {
        let burst_then_a_trickle: Vec<_> =
            [(0, 4_000_000)].into_iter().chain((1..40).map(|second| (second, 2000))).collect();
        check(&burst_then_a_trickle[..15], 15, 268_533, Some(268_533));
        check(&burst_then_a_trickle, 40, 101_950, Some(2000));
        check(&[(0, 4_000_000)], 40, 100_000, Some(100_000));
        check(&[(0, 4_000_000), (11, 1)], 40, 100_000, Some(0));
    }

    #[test]
    fn a_steady_pace_is_seen_whenever_it_is_looked_at() {
        let steady: Vec<_> = (0..100).map(|second| (second, 5000)).collect();
        for second in 10..100 {
            let notes = &steady[..usize::try_from(second).unwrap()];
            let mut progress = Progress::new(Instant::now());
            let began = progress.began;
            for &(second, bytes) in notes {
                progress.note(began + Duration::from_secs(second), bytes);
            }
            let pace = progress.recent_pace(began + Duration::from_secs(second)).unwrap();
            assert!((4500..=5500).contains(&pace), "{pace} at {second}");
        }
    }

    #[test]
    fn a_pause_shorter_than_the_window_is_no_standstill() {
        let before: Vec<_> = (0..20).map(|second| (second, 100_000)).collect();
        let mut progress = Progress::new(Instant::now());
        let began = progress.began;
        for &(second, bytes) in &before {
            progress.note(began + Duration::from_secs(second), bytes);
        }
        assert!(progress.recent_pace(began + Duration::from_secs(28)).unwrap() > 4096);
    }
}
