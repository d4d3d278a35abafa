//! A line for each response that is shown: bar, share, rate, time left, client, path.
//!
//! `indicatif` draws the bar and estimates the rate; what it draws is caught as text, since only
//! one place may write to the terminal (see `access_log/footer.rs`).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex};

use indicatif::{
    HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike,
};

use super::transfer::{Description, Transfer};
use crate::access_log::Size;
use crate::lock::lock;

/// Bars are this wide on terminals of at least so many columns.
const BAR_WIDTHS: [(usize, usize); 3] = [(96, 24), (72, 16), (0, 8)];

/// What stands behind the bar: share, rate and time left, each as wide as it may get.
const NUMBERS: &str = " {percent:>3}% {decimal_bytes_per_sec:>11!} {left:>8!}";
const NUMBERS_WIDTH: usize = 1 + 4 + 1 + 11 + 1 + 8;

/// Filled, current, to come: what tells them apart without a colour, too.
const BAR_CHARACTERS: &str = "━╸─";

/// Narrower terminals show none.
const COLUMNS_MIN: usize = 48;

/// Rows that are left to the log, at least.
const LOG_ROWS_MIN: usize = 4;

/// Stands for what was cut off a target.
const CUT_MARK: &str = "...";

/// The bars of what is shown, by the numbers of the responses.
pub(super) struct Bars {
    colour: bool,
    bars: BTreeMap<u64, Bar>,
}

struct Bar {
    progress: ProgressBar,
    colour: bool,
    /// Those that its style is made for.
    columns: usize,
    drawn: Drawn,
}

/// What a bar has drawn.
#[derive(Clone, Debug, Default)]
struct Drawn(Arc<Mutex<String>>);

impl Bars {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour, bars: BTreeMap::new() }
    }

    /// The lines for the first of so many responses, as far as the terminal has room.
    pub(super) fn lines(
        &mut self,
        first: &[(u64, Arc<Transfer>)],
        count: usize,
        size: Size,
    ) -> Vec<String> {
        let room = size.rows.saturating_sub(LOG_ROWS_MIN);
        let room = if size.columns < COLUMNS_MIN { 0 } else { room };
        let shown = &first[..first.len().min(room)];
        self.bars.retain(|number, _| shown.iter().any(|(shown, _)| shown == number));
        // The last column stays empty: a terminal may begin another row when it is filled.
        let columns = size.columns.saturating_sub(1);
        let mut lines: Vec<_> = shown
            .iter()
            .map(|(number, transfer)| {
                let bar =
                    self.bars.entry(*number).or_insert_with(|| Bar::new(transfer, self.colour));
                bar.line(transfer, columns)
            })
            .collect();
        if count > shown.len() && room > 0 {
            lines.push(format!(" and {} more", count - shown.len()));
        }
        lines
    }
}

impl Bar {
    fn new(transfer: &Transfer, colour: bool) -> Self {
        let drawn = Drawn::default();
        let target = ProgressDrawTarget::term_like(Box::new(drawn.clone()));
        let progress = ProgressBar::with_draw_target(Some(transfer.description.bytes), target);
        let sent = transfer.sent();
        progress.update(|state| state.set_pos(sent));
        // The kernel has taken the first megabytes at once: they say nothing of the rate.
        progress.reset_eta();
        Self { progress, colour, columns: 0, drawn }
    }

    fn line(&mut self, transfer: &Transfer, columns: usize) -> String {
        let bar_width = bar_width(columns);
        if self.columns != columns {
            self.columns = columns;
            self.progress.set_style(style(bar_width, self.colour));
        }
        lock(&self.drawn.0).clear();
        let sent = transfer.sent();
        self.progress.update(|state| state.set_pos(sent));
        let drawn = lock(&self.drawn.0);
        let Description { client, target, .. } = &transfer.description;
        let rest = columns.saturating_sub(1 + bar_width + NUMBERS_WIDTH);
        let client = client.to_canonical().to_string();
        // The cursor rests on the first column.
        let line = format!(" {drawn}{}", client_and_target(&client, target, rest));
        line.trim_end().to_owned()
    }
}

fn bar_width(columns: usize) -> usize {
    let fitting = BAR_WIDTHS.into_iter().find(|&(columns_min, _)| columns >= columns_min);
    fitting.expect("the last fits everywhere").1
}

fn style(bar_width: usize, colour: bool) -> ProgressStyle {
    let (on, off) = if colour { ("\x1b[36m", "\x1b[0m") } else { ("", "") };
    let template = format!("{on}{{bar:{bar_width}}}{off}{NUMBERS}");
    let style = ProgressStyle::with_template(&template).expect("the template is well-formed");
    style.progress_chars(BAR_CHARACTERS).with_key("left", write_time_left)
}

/// Nothing where nothing moves.
fn write_time_left(state: &ProgressState, out: &mut dyn Write) {
    if state.per_sec() >= 1.0 {
        // An error would only leave it out.
        let _ = write!(out, "{:#} left", HumanDuration(state.eta()));
    }
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

/// The one line that a bar draws becomes the text; the spaces after it are left out.
impl TermLike for Drawn {
    fn width(&self) -> u16 {
        u16::MAX
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut drawn = lock(&self.0);
        if drawn.is_empty() {
            drawn.push_str(text);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(target: &str, sent: u64) -> Arc<Transfer> {
        let description = Description::new([192, 0, 2, 7].into(), target.as_bytes(), 1000);
        Arc::new(Transfer::new(description, sent))
    }

    #[track_caller]
    fn check_lines(count: u64, columns: usize, rows: usize, want: &[&str]) {
        let first: Vec<_> =
            (0..count.min(5)).map(|it| (it, transfer(&format!("/{it}"), it * 200))).collect();
        let count = usize::try_from(count).unwrap();
        let lines = Bars::new(false).lines(&first, count, Size { columns, rows });
        assert!(lines.iter().all(|line| line.chars().count() < columns), "{lines:#?}");
        assert_eq!(lines, want);
    }

    #[test]
    fn a_line_has_bar_share_rate_time_left_client_and_path() {
        let zero = " ────────────────   0%       0 B/s           192.0.2.7  /0";
        let first = " ━━━╸────────────  20%       0 B/s           192.0.2.7  /1";
        check_lines(2, 80, 24, &[zero, first]);
        let wide = " ────────────────────────   0%       0 B/s           192.0.2.7  /0";
        check_lines(1, 120, 24, &[wide]);
        check_lines(1, 60, 24, &[" ────────   0%       0 B/s           192.0.2.7  /0"]);
        check_lines(1, 48, 24, &[" ────────   0%       0 B/s           192.0.2.7"]);
        check_lines(0, 80, 24, &[]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let last_line = |count, rows| {
            let first: Vec<_> = (0..5).map(|it| (it, transfer("/", 0))).collect();
            let lines = Bars::new(false).lines(&first, count, Size { columns: 80, rows });
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
        let mut bar = Bar::new(&transfer, true);
        assert!(!bar.line(&transfer, 80).contains("left"));
        std::thread::sleep(std::time::Duration::from_millis(5));
        transfer.note(500);
        let line = bar.line(&transfer, 80);
        assert!(
            line.contains(" 50% ") && line.contains("B/s ") && line.contains(" left "),
            "{line}"
        );
        assert!(line.starts_with(" \x1b[36m━━━━━━━━╸───────\x1b[0m  50% "), "{line:?}");
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
