//! A line for each response that is shown: bar, share, rate, time left, client, path.
//!
//! Pure, but for the number that the sending thread stores: what is known of a response, the time
//! and the terminal's size in, lines out.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::access_log::{Escaped, Size};
use crate::lock::lock;
use crate::text::{Human, push_human_size};

/// The most that is kept of a target, in bytes before they are escaped: its end.
const TARGET_BYTES_MAX: usize = 256;

/// Bars are this wide on terminals of at least so many columns.
const BAR_WIDTHS: [(usize, usize); 3] = [(96, 24), (72, 16), (0, 8)];

/// Share, rate and time left, each as wide as it may get.
const NUMBERS_WIDTH: usize = 1 + 4 + 1 + 8 + 1 + 11;

/// Narrower terminals show none.
const COLUMNS_MIN: usize = 48;

/// Rows that are left to the log, at least.
const LOG_ROWS_MIN: usize = 4;

/// Stands for what was cut off a target.
const CUT_MARK: &str = "...";

/// The rate is that of the last seconds: once or twice so many.
const RATE_TIME: Duration = Duration::from_secs(4);

/// Before this time, a rate says nothing, and is not shown.
const RATE_TIME_MIN: Duration = Duration::from_millis(500);

/// A response under way. One thread sends it, another draws it.
#[derive(Debug)]
pub(crate) struct Transfer {
    client: IpAddr,
    /// The request target as a terminal can show it.
    target: String,
    /// The bytes that there are to send.
    bytes: u64,
    /// Those that are out.
    sent: AtomicU64,
    pace: Mutex<Pace>,
}

/// What was sent by two moments of the last seconds.
#[derive(Debug)]
struct Pace([(Instant, u64); 2]);

impl Transfer {
    /// A response of so many bytes, some of which are out, to a request for this target, of which
    /// the end is kept.
    pub(crate) fn new(client: IpAddr, target: &[u8], bytes: u64, sent: u64) -> Self {
        let start = target.len().saturating_sub(TARGET_BYTES_MAX);
        let target = Escaped(&target[start..]).to_string();
        // The kernel has taken the first megabytes at once: they say nothing of the rate.
        let pace = Mutex::new(Pace([(Instant::now(), sent); 2]));
        Self { client, target, bytes: bytes.max(1), sent: sent.into(), pace }
    }

    pub(super) fn note(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn line(&self, columns: usize, colour: bool, now: Instant) -> String {
        let (bytes, sent) = (self.bytes, self.sent());
        let rate = lock(&self.pace).rate(now, sent);
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
        // Nothing where nothing moves.
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

impl Pace {
    /// Bytes a second, where so many have been sent by now; `None`: it is not known yet.
    fn rate(&mut self, now: Instant, sent: u64) -> Option<u64> {
        if now.saturating_duration_since(self.0[1].0) > RATE_TIME {
            self.0 = [self.0[1], (now, sent)];
        }
        let (from, sent_before) = self.0[0];
        let time = now.saturating_duration_since(from);
        if time < RATE_TIME_MIN {
            return None;
        }
        let rate = u128::from(sent.saturating_sub(sent_before)) * 1_000 / time.as_millis();
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

/// The lines for the first of so many responses, as far as the terminal has room.
pub(super) fn lines(
    first: &[Arc<Transfer>],
    count: usize,
    size: Size,
    colour: bool,
) -> Vec<String> {
    let room = size.rows.saturating_sub(LOG_ROWS_MIN);
    let room = if size.columns < COLUMNS_MIN { 0 } else { room };
    let shown = &first[..first.len().min(room)];
    // The last column stays empty: a terminal may begin another row when it is filled.
    let columns = size.columns.saturating_sub(1);
    let now = Instant::now();
    let mut lines: Vec<_> = shown.iter().map(|it| it.line(columns, colour, now)).collect();
    if count > shown.len() && room > 0 {
        lines.push(format!(" and {} more", count - shown.len()));
    }
    lines
}

/// Filled, current, to come: what tells them apart without a colour, too.
fn bar(filled: usize, has_begun: bool, width: usize) -> String {
    let current = usize::from(has_begun && filled < width);
    "━".repeat(filled) + &"╸".repeat(current) + &"─".repeat(width - filled - current)
}

/// So much of the whole as was sent of these bytes.
fn part(sent: u64, bytes: u64, whole: usize) -> usize {
    let part = u128::from(sent.min(bytes)) * whole as u128 / u128::from(bytes);
    usize::try_from(part).unwrap_or(whole)
}

/// Both in so many columns: of a long target, only the end. Both are printable ASCII.
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

    fn transfer(target: &str, sent: u64) -> Arc<Transfer> {
        Arc::new(Transfer::new([192, 0, 2, 7].into(), target.as_bytes(), 1000, sent))
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
        check_lines(1, 47, 24, &[]);
    }

    #[test]
    fn rate_and_time_left_follow_what_is_sent() {
        let transfer = transfer("/a", 100);
        let began = lock(&transfer.pace).0[0].0;
        let line =
            |seconds, colour| transfer.line(79, colour, began + Duration::from_millis(seconds));
        for time in [0, 499] {
            let line = line(time, false);
            assert!(!line.contains("left") && !line.contains("/s"), "{line}");
        }
        assert!(line(500, false).contains(" 0 B/s "), "{}", line(500, false));
        transfer.note(500);
        let want = " ━━━━━━━━╸───────  50%  200 B/s   2.0s left  192.0.2.7  /a";
        assert_eq!(line(2_000, false), want);
        assert!(line(2_000, true).starts_with(" \x1b[36m━━━━━━━━╸───────\x1b[0m  50% "));
        // What was long ago is forgotten.
        for (time, rate) in [(5_000, 80), (6_000, 66), (10_000, 0), (15_000, 0)] {
            assert!(line(time, false).contains(&format!(" {rate} B/s ")), "{}", line(time, false));
        }
    }

    #[test]
    fn a_target_is_escaped_and_its_end_is_kept() {
        let target = |bytes| Transfer::new([192, 0, 2, 7].into(), bytes, 100, 0).target;
        assert_eq!(target(b"/a%20b\x1b[2J"), "/a%20b\\x1b[2J");
        let long = [&b"/start/"[..], &[b'x'; 300]].concat();
        assert_eq!(target(&long), "x".repeat(TARGET_BYTES_MAX));
    }

    #[track_caller]
    fn check_cut(target: &str, columns: usize, want: &str) {
        assert_eq!(client_and_target("192.0.2.7", target, columns), want);
    }

    #[test]
    fn of_a_long_path_the_end_is_shown() {
        check_cut("/a/b.iso", 21, "  192.0.2.7  /a/b.iso");
        check_cut("/a/b.iso", 20, "  192.0.2.7  ....iso");
        check_cut("/a/b.iso", 17, "  192.0.2.7  ...o");
        check_cut("/a/b.iso", 16, "  192.0.2.7  ");
        check_cut("/a/b.iso", 5, "  192");
        check_cut("/", 0, "");
    }
}
