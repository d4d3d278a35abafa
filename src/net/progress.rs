//! How far a connection has come, and how fast it takes its answer.
//!
//! The kernel buffers the first megabytes of an answer within a second, however slow the client,
//! and mobile networks pause for seconds. So the recent pace covers five to ten seconds and leaves
//! out the first second of an answer.

use std::time::{Duration, Instant};

/// The recent pace covers at least this time, and at most twice as much.
pub(super) const WINDOW: Duration = Duration::from_secs(5);

/// The kernel's buffers fill within this time.
const BURST_TIME_MAX: Duration = Duration::from_secs(1);

/// Why a connection was ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Rule 1.
    OwedLongest,
    /// Rule 2; or it held the most memory while others waited for some.
    OverShare,
    /// Rule 3.
    TooSlow,
    /// It got no slot: the queue was full, or its time there was up.
    NoSlot,
    /// The server stopped.
    Stopping,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has been received.
    New,
    /// It owes the rest of its request or, while it lingers, the end of its stream.
    Receiving,
    /// Its request is whole.
    Sending(Progress),
    /// It was evicted while it owed its request: only bytes already received can be read.
    ReadClosed { at: Instant, cause: Cause },
    /// It was evicted, and its socket shut down.
    Closed { at: Instant, cause: Cause },
}

/// The bytes of an answer that the kernel took, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    began: Instant,
    bytes: u64,
    /// The starts of the previous and the current window: the time, and the bytes sent by then.
    /// `None` before the first byte.
    marks: Option<[(Instant, u64); 2]>,
}

impl Phase {
    /// When and why it was evicted, if it was.
    pub(super) fn eviction(self) -> Option<(Instant, Cause)> {
        match self {
            Self::ReadClosed { at, cause } | Self::Closed { at, cause } => Some((at, cause)),
            Self::New | Self::Receiving | Self::Sending(_) => None,
        }
    }

    /// Bytes per second since the answer began, once it has sent any.
    pub(super) fn average_pace(self, now: Instant) -> Option<u64> {
        match self {
            Self::Sending(Progress { began, bytes, .. }) if bytes > 0 => {
                Some(pace(bytes, now.saturating_duration_since(began)))
            }
            _ => None,
        }
    }
}

impl Progress {
    /// An answer that begins.
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, bytes: 0, marks: None }
    }

    /// Its thread waits for the kernel, which took this many bytes since the last wait.
    pub(super) fn note_wait(&mut self, now: Instant, bytes: u64) {
        self.bytes += bytes;
        let mark = (now, self.bytes);
        match &mut self.marks {
            None if self.bytes > 0 => self.marks = Some([mark; 2]),
            Some(marks) if now < self.began + BURST_TIME_MAX => *marks = [mark; 2],
            Some(marks) if now.saturating_duration_since(marks[1].0) >= WINDOW => {
                *marks = [marks[1], mark];
            }
            _ => {}
        }
    }

    /// Whether any of its bytes were sent.
    pub(super) fn has_begun(&self) -> bool {
        self.bytes > 0
    }

    /// Bytes per second over the window; `None` if the first wait is more recent.
    pub(super) fn recent_pace(&self, now: Instant) -> Option<u64> {
        let mut marks = self.marks.iter().flatten().rev();
        let &(at, bytes) = marks.find(|(at, _)| now >= *at + WINDOW)?;
        Some(pace(self.bytes - bytes, now - at))
    }
}

fn pace(bytes: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000) / milliseconds.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Progress {
        /// One with these paces, to the byte a second.
        pub(in crate::net) fn at_pace(
            began: Instant,
            now: Instant,
            average: u64,
            recent: Option<u64>,
        ) -> Self {
            let bytes = average * (now - began).as_secs();
            let span = Duration::from_secs(10);
            let before = |recent| {
                (began + (now - began).saturating_sub(span), bytes - recent * span.as_secs())
            };
            Self { began, bytes, marks: Some([recent.map_or((now, bytes), before); 2]) }
        }
    }

    /// Waits at so many quarters of a second, and the bytes before each.
    fn progress(waits: impl IntoIterator<Item = (u32, u64)>) -> (Progress, Instant) {
        let began = Instant::now();
        let mut progress = Progress::new(began);
        for (quarter, bytes) in waits {
            progress.note_wait(began + Duration::from_millis(250) * quarter, bytes);
        }
        (progress, began)
    }

    #[track_caller]
    fn check(
        waits: impl IntoIterator<Item = (u32, u64)>,
        second: u64,
        average: u64,
        recent: Option<u64>,
    ) {
        let (progress, began) = progress(waits);
        let now = began + Duration::from_secs(second);
        assert_eq!(Phase::Sending(progress).average_pace(now).unwrap_or(0), average);
        assert_eq!(progress.recent_pace(now), recent);
    }

    #[test]
    fn a_young_answer_has_no_recent_pace() {
        check([(0, 9000)], 4, 2250, None);
        check([(0, 0)], 10, 0, None);
        check([(0, 0), (4, 10)], 6, 1, Some(0));
        check([(0, 10), (3, 50), (4, 100)], 6, 26, Some(19));
    }

    #[test]
    fn the_first_burst_counts_on_average_only() {
        let takes_nothing = |quarters| (0..quarters).map(|at| (at, 2_000_000 * u64::from(at < 2)));
        check(takes_nothing(20), 5, 800_000, None);
        check(takes_nothing(25), 6, 666_666, Some(0));
        check(takes_nothing(160), 40, 100_000, Some(0));
        let a_trickle = (0..160).map(|at| (at, if at < 4 { 1_000_000 } else { 500 }));
        let (progress, began) = progress(a_trickle);
        let recent = progress.recent_pace(began + Duration::from_secs(40)).unwrap();
        assert!((1900..=2000).contains(&recent), "{recent}");
    }

    #[test]
    fn a_steady_pace_is_seen_whenever_it_is_looked_at() {
        for quarters in 25..400 {
            let (progress, began) = progress((0..quarters).map(|at| (at, 1250)));
            let now = began + Duration::from_millis(250) * quarters;
            let pace = progress.recent_pace(now).unwrap();
            assert!((4500..=5500).contains(&pace), "{pace} at {quarters}");
        }
        // A pause shorter than the window is no standstill, one of two windows is.
        for (quarters, is_standstill) in [(96, false), (124, true)] {
            let pauses = (0..quarters).map(|at| (at, if at < 80 { 25_000 } else { 0 }));
            let (progress, began) = progress(pauses);
            let pace = progress.recent_pace(began + Duration::from_millis(250) * quarters);
            assert_eq!(pace == Some(0), is_standstill, "{pace:?}");
            assert!(is_standstill || pace.is_some_and(|pace| pace > 4096), "{pace:?}");
        }
    }
}
