//! Long responses: a terminal shows the progress of each below the log.
//!
//! One line for each: bar, share, rate, time left, client, path. A sender's thread only keeps the
//! time; once its response has lasted a second, it registers it here, and then stores a number now
//! and then. The thread that writes the log asks for the lines. Without a terminal, this module
//! does nothing.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::access_log::{self, Escaped, Queue, Size, Source};
use crate::lock::lock;
use crate::text::{Human, push_human_size};

/// A response is shown after this time.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Responses shown at once; the others are counted.
const SHOWN_MAX: usize = 5;

/// The most bytes of a target kept, before escaping: its end.
const TARGET_BYTES_MAX: usize = 256;

/// The width of bars on terminals of at least this many columns.
const BAR_WIDTHS: [(usize, usize); 3] = [(96, 24), (72, 16), (0, 8)];

/// Share, rate and time left at their greatest widths.
const NUMBERS_WIDTH: usize = 1 + 4 + 1 + 8 + 1 + 11;

/// Narrower terminals show no responses.
const COLUMNS_MIN: usize = 48;

/// Rows left to the log, at least.
const LOG_ROWS_MIN: usize = 4;

/// Marks the cut in a target.
const CUT_MARK: &str = "...";

/// The rate covers this time, or up to twice this time.
const RATE_TIME: Duration = Duration::from_secs(4);

/// A rate over less time says nothing, and is not shown.
const RATE_TIME_MIN: Duration = Duration::from_millis(500);

/// The responses that have lasted a second and are under way; for all threads.
#[derive(Clone, Debug)]
pub(crate) struct Transfers {
    state: Arc<Mutex<State>>,
    /// The queue whose thread draws them.
    standard_error: Arc<Queue>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first; at most as many as there are slots.
    under_way: Vec<Arc<Transfer>>,
    is_closed: bool,
}

/// A response from its start until this is dropped. It costs nothing in its first second.
pub(crate) struct Progress<'a> {
    transfers: Option<&'a Transfers>,
    client: IpAddr,
    target: &'a [u8],
    /// The bytes to send.
    bytes: u64,
    began: Instant,
    registered: Option<Arc<Transfer>>,
}

/// A response on the screen. One thread sends it, another draws it.
#[derive(Debug)]
struct Transfer {
    client: IpAddr,
    /// The request target, made safe for a terminal.
    target: String,
    bytes: u64,
    began: Instant,
    /// The bytes sent.
    sent: AtomicU64,
    /// The bytes sent by two moments in the last seconds.
    pace: Mutex<[(Instant, u64); 2]>,
}

impl Transfers {
    /// None so far.
    pub(crate) fn new(standard_error: &Arc<Queue>) -> Self {
        Self { state: Arc::default(), standard_error: Arc::clone(standard_error) }
    }

    /// The status lines.
    pub(crate) fn status_lines(&self, colour: bool) -> Source {
        let state = Arc::clone(&self.state);
        Box::new(move || {
            let size = access_log::size()?;
            let state = lock(&state);
            let count = if state.is_closed { 0 } else { state.under_way.len() };
            let first = state.under_way[..count.min(SHOWN_MAX)].to_vec();
            drop(state);
            Some(lines(&first, count, size, colour))
        })
    }

    /// Clears the status lines for good. Returns the number of responses under way that have lasted
    /// a second.
    pub(crate) fn close(&self) -> usize {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let under_way = state.under_way.len();
        drop(state);
        self.standard_error.redraw();
        under_way
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let (Some(transfers), Some(transfer)) = (self.transfers, &self.registered) {
            lock(&transfers.state).under_way.retain(|it| !Arc::ptr_eq(it, transfer));
        }
    }
}

impl<'a> Progress<'a> {
    /// A response of this many bytes that starts now; with `None` it is never shown.
    pub(crate) fn new(
        transfers: Option<&'a Transfers>,
        client: IpAddr,
        target: &'a [u8],
        bytes: u64,
    ) -> Self {
        Self { transfers, client, target, bytes, began: Instant::now(), registered: None }
    }

    /// Notes the number of bytes sent by now.
    pub(crate) fn note(&mut self, now: Instant, sent: u64) {
        let Some(transfers) = self.transfers else { return };
        match &self.registered {
            Some(transfer) => transfer.sent.store(sent, Ordering::Relaxed),
            None if now.saturating_duration_since(self.began) < SHOWN_AFTER => {}
            None => {
                let transfer = Arc::new(Transfer::new(self, sent));
                let mut state = lock(&transfers.state);
                let at = state.under_way.partition_point(|it| it.began <= transfer.began);
                state.under_way.insert(at, Arc::clone(&transfer));
                drop(state);
                self.registered = Some(transfer);
                transfers.standard_error.redraw();
            }
        }
    }
}

impl Transfer {
    /// Some bytes are already sent. Only the end of a long target is kept.
    fn new(progress: &Progress<'_>, sent: u64) -> Self {
        let Progress { client, target, bytes, began, .. } = *progress;
        let start = target.len().saturating_sub(TARGET_BYTES_MAX);
        let target = Escaped(&target[start..]).to_string();
        // The kernel took the first megabytes at once: they say nothing about the rate.
        let pace = Mutex::new([(Instant::now(), sent); 2]);
        Self { client, target, bytes: bytes.max(1), began, sent: sent.into(), pace }
    }

    fn line(&self, columns: usize, colour: bool, now: Instant) -> String {
        let (bytes, sent) = (self.bytes, self.sent.load(Ordering::Relaxed));
        let rate = rate(&mut lock(&self.pace), now, sent);
        let width = BAR_WIDTHS.into_iter().find(|&(columns_min, _)| columns >= columns_min);
        let width = width.map_or(0, |(_, width)| width);
        let (on, off) = if colour { ("\x1b[36m", "\x1b[0m") } else { ("", "") };
        let bar = bar(part(sent, bytes, width), sent > 0, width);
        let percent = part(sent, bytes, 100);
        let mut speed = String::new();
        if let Some(rate) = rate {
            push_human_size(&mut speed, rate);
            speed.push_str("/s");
        }
        // Without progress, there is no estimate.
        let left = bytes.saturating_sub(sent).checked_div(rate.unwrap_or(0));
        let left = left.map(Duration::from_secs);
        let left = left.map_or(String::new(), |left| format!("{} left", Human(left)));
        let rest = columns.saturating_sub(1 + width + NUMBERS_WIDTH);
        let rest = client_and_target(&self.client.to_canonical().to_string(), &self.target, rest);
        // The cursor rests on the first column.
        let line = format!(" {on}{bar}{off} {percent:>3}% {speed:>8} {left:>11}{rest}");
        line.trim_end().to_owned()
    }
}

/// Bytes per second, given the number sent by now; `None` if it is not known yet.
fn rate(pace: &mut [(Instant, u64); 2], now: Instant, sent: u64) -> Option<u64> {
    if now.saturating_duration_since(pace[1].0) > RATE_TIME {
        *pace = [pace[1], (now, sent)];
    }
    let (from, sent_before) = pace[0];
    let time = now.saturating_duration_since(from);
    if time < RATE_TIME_MIN {
        return None;
    }
    let rate = u128::from(sent.saturating_sub(sent_before)) * 1_000 / time.as_millis();
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// The lines for the first of `count` responses, as far as the terminal has room.
fn lines(first: &[Arc<Transfer>], count: usize, size: Size, colour: bool) -> Vec<String> {
    let room = size.rows.saturating_sub(LOG_ROWS_MIN);
    let room = if size.columns < COLUMNS_MIN { 0 } else { room };
    let shown = &first[..first.len().min(room)];
    // The last column stays empty: some terminals wrap when it is filled.
    let columns = size.columns.saturating_sub(1);
    let now = Instant::now();
    let mut lines: Vec<_> = shown.iter().map(|it| it.line(columns, colour, now)).collect();
    if count > shown.len() && room > 0 {
        lines.push(format!(" and {} more", count - shown.len()));
    }
    lines
}

/// Filled, current and remaining cells, distinct even without colour.
fn bar(filled: usize, has_begun: bool, width: usize) -> String {
    let current = usize::from(has_begun && filled < width);
    "━".repeat(filled) + &"╸".repeat(current) + &"─".repeat(width - filled - current)
}

/// The part of `whole` that corresponds to the bytes sent.
fn part(sent: u64, bytes: u64, whole: usize) -> usize {
    let part = u128::from(sent.min(bytes)) * whole as u128 / u128::from(bytes);
    usize::try_from(part).unwrap_or(whole)
}

/// Both in this many columns; a long target shows only its end. Both are printable ASCII.
fn client_and_target(client: &str, target: &str, columns: usize) -> String {
    let text = format!("  {client}  ");
    let room = columns.saturating_sub(text.len());
    if target.len() <= room {
        return text + target;
    }
    if room > CUT_MARK.len() {
        return text + CUT_MARK + &target[target.len() - (room - CUT_MARK.len())..];
    }
    text.chars().take(columns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Size = Size { columns: 80, rows: 24 };

    /// A response of 1000 bytes that starts now.
    fn progress<'a>(transfers: Option<&'a Transfers>, target: &'a [u8]) -> Progress<'a> {
        Progress::new(transfers, [192, 0, 2, 7].into(), target, 1000)
    }

    fn transfer(target: &str, sent: u64) -> Arc<Transfer> {
        Arc::new(Transfer::new(&progress(None, target.as_bytes()), sent))
    }

    #[test]
    fn only_a_response_that_lasts_is_registered_until_it_ends() {
        let transfers = Transfers::new(&Queue::open(None).unwrap());
        let sent = || {
            let state = lock(&transfers.state);
            let sent = state.under_way.iter().map(|it| it.sent.load(Ordering::Relaxed));
            sent.collect::<Vec<_>>()
        };
        let mut first = progress(Some(&transfers), b"/a");
        let mut second = progress(Some(&transfers), b"/b");
        let later = second.began + SHOWN_AFTER;
        first.note(first.began, 10);
        assert_eq!(sent(), [0; 0]);
        second.note(later, 20);
        first.note(later, 25);
        assert_eq!(sent(), [25, 20], "the oldest first");
        first.note(later, 30);
        assert_eq!(sent(), [30, 20]);
        drop(first);
        assert_eq!(sent(), [20]);
        assert_eq!(transfers.close(), 1);
    }

    #[track_caller]
    fn check_lines(count: u64, columns: usize, rows: usize, want: &[&str]) {
        let first: Vec<_> =
            (0..count.min(5)).map(|it| transfer(&format!("/{it}"), it * 200)).collect();
        let count = usize::try_from(count).unwrap();
        let lines = lines(&first, count, Size { columns, rows }, false);
        assert!(lines.iter().all(|line| line.chars().count() < columns), "{lines:#?}");
        assert_eq!(lines, want);
    }

    #[test]
    fn a_line_has_bar_share_rate_time_left_client_and_path() {
        let zero = " ────────────────   0%                       192.0.2.7  /0";
        let first = " ━━━╸────────────  20%                       192.0.2.7  /1";
        check_lines(2, 80, 24, &[zero, first]);
        let wide = " ────────────────────────   0%                       192.0.2.7  /0";
        check_lines(1, 120, 24, &[wide]);
        check_lines(1, 60, 24, &[" ────────   0%                       192.0.2.7  /0"]);
        check_lines(1, 48, 24, &[" ────────   0%                       192.0.2.7"]);
        check_lines(1, 47, 24, &[]);
        check_lines(0, 80, 24, &[]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let last_line = |count, rows| {
            let first: Vec<_> = (0..5).map(|_| transfer("/", 0)).collect();
            let lines = lines(&first, count, Size { rows, ..TERMINAL }, false);
            (lines.len(), lines.last().cloned().unwrap_or_default())
        };
        assert_eq!(last_line(8, 24), (6, " and 3 more".to_owned()));
        assert_eq!(last_line(8, 6), (3, " and 6 more".to_owned()));
        assert_eq!(last_line(8, 4), (0, String::new()));
    }

    #[test]
    fn rate_and_time_left_follow_what_is_sent() {
        let transfer = transfer("/a", 100);
        let began = lock(&transfer.pace)[0].0;
        let line =
            |seconds, colour| transfer.line(79, colour, began + Duration::from_millis(seconds));
        for time in [0, 499] {
            let line = line(time, false);
            assert!(!line.contains("left") && !line.contains("/s"), "{line}");
        }
        assert!(line(500, false).contains(" 0 B/s "), "{}", line(500, false));
        transfer.sent.store(500, Ordering::Relaxed);
        let want = " ━━━━━━━━╸───────  50%  200 B/s   2.0s left  192.0.2.7  /a";
        assert_eq!(line(2_000, false), want);
        assert!(line(2_000, true).starts_with(" \x1b[36m━━━━━━━━╸───────\x1b[0m  50% "));
        // Old progress is forgotten.
        for (time, rate) in [(5_000, 80), (6_000, 66), (10_000, 0), (15_000, 0)] {
            assert!(line(time, false).contains(&format!(" {rate} B/s ")), "{}", line(time, false));
        }
    }

    #[test]
    fn a_target_is_escaped_and_its_end_is_kept() {
        let target = |bytes| Transfer::new(&progress(None, bytes), 0).target;
        assert_eq!(target(b"/a%20b\x1b[2J"), "/a%20b\\x1b[2J");
        let long = [&b"/start/"[..], &[b'x'; 300]].concat();
        assert_eq!(target(&long), "x".repeat(TARGET_BYTES_MAX));
    }

    #[test]
    fn of_a_long_path_the_end_is_shown() {
        let cut = |columns| client_and_target("192.0.2.7", "/a/b.iso", columns);
        assert_eq!(cut(21), "  192.0.2.7  /a/b.iso");
        assert_eq!(cut(20), "  192.0.2.7  ....iso");
        assert_eq!(cut(16), "  192.0.2.7  ");
        assert_eq!(cut(5), "  192");
    }
}
