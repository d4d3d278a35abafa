//! What standard error is, and the status lines below the log if it is a terminal.
//!
//! Only queries and texts; `writer` writes them. After drawing the status lines, the cursor goes
//! back to the start of the first. So they can be erased without counting the rows that they take,
//! which change when the terminal is resized. Log lines and status lines go out in one text.

use std::env;
use std::io::{self, IsTerminal};

use rustix::fs::fstat;
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// For a terminal that does not tell its size: that of the first ones.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// To the start of the row, and clears the screen from there on (ECMA-48 sections 8.3.15, 8.3.39).
const ERASE: &str = "\r\x1b[J";
/// Clears the rest of the row.
const ERASE_REST_OF_ROW: &str = "\x1b[K";
/// Clears the rest of the screen.
const ERASE_REST: &str = "\x1b[J";

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Returns the current status lines, none wider than the terminal. `None`: another program has the
/// terminal and its cursor.
pub(crate) type Source = Box<dyn FnMut() -> Option<Vec<String>> + Send>;

/// The lines below the log.
pub(super) struct StatusLines {
    source: Option<Source>,
    /// The lines that should be on the screen.
    lines: Vec<String>,
    /// Whether these or older ones may be on the screen, and must be redrawn.
    pub(super) are_shown: bool,
}

/// The current size of the terminal, if we may draw on it. After Ctrl-Z and `bg`, or with `&`, it
/// is the shell's, and its cursor is where someone types.
pub(crate) fn size() -> Option<Size> {
    if tcgetpgrp(io::stderr()).is_ok_and(|group| group != getpgrp()) {
        return None;
    }
    Some(match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
        }
        _ => USUAL_SIZE,
    })
}

/// Whether a stream is a terminal, and its user wants colours (<https://no-color.org/>).
pub(crate) fn takes_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Whether standard error is a terminal with a movable cursor, which status lines need.
pub(crate) fn has_status_lines() -> bool {
    let name = env::var_os("TERM").unwrap_or_default();
    io::stderr().is_terminal() && !name.is_empty() && name != "dumb"
}

/// Whether standard error goes to systemd's journal (`JOURNAL_STREAM` of systemd.exec(5)).
pub(super) fn is_journal() -> bool {
    let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
    fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

impl StatusLines {
    pub(super) fn new(source: Option<Source>) -> Self {
        Self { source, lines: Vec::new(), are_shown: false }
    }

    /// The texts before and after these log lines, which may be none. `None`: there is nothing to
    /// write.
    pub(super) fn around(&mut self, log: &[u8]) -> Option<(&'static str, String)> {
        if let Some(lines) = self.source.as_mut().and_then(|source| source()) {
            let is_same = lines == self.lines && self.are_shown != lines.is_empty();
            self.lines = lines;
            if is_same && log.is_empty() {
                return None;
            }
        } else {
            (self.lines, self.are_shown) = (Vec::new(), false);
        }
        // Status lines in the same place are drawn over.
        let erases = self.are_shown && (!log.is_empty() || self.lines.is_empty());
        Some((if erases { ERASE } else { "" }, self.drawn()))
    }

    /// Notes whether the last text was written whole. Otherwise any part of it may be there.
    pub(super) fn note(&mut self, is_written: bool) {
        self.are_shown = !self.lines.is_empty() || self.are_shown && !is_written;
    }

    /// Draws the lines from the cursor's row down, over older ones, and goes back.
    fn drawn(&self) -> String {
        if self.lines.is_empty() {
            return String::new();
        }
        let lines = self.lines.join(&format!("{ERASE_REST_OF_ROW}\n"));
        let up = match self.lines.len() - 1 {
            0 => String::new(),
            rows => format!("\x1b[{rows}A"),
        };
        format!("\r{lines}{ERASE_REST}{up}\r")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZero;
    use std::sync::{Arc, Mutex};

    /// Status lines on a small terminal, and its screen.
    struct Shown {
        wanted: Arc<Mutex<Option<Vec<String>>>>,
        status_lines: StatusLines,
        terminal: vt100::Parser,
    }

    impl Shown {
        fn new() -> Self {
            let [rows, columns] = [6, 20].map(|it| NonZero::new(it).unwrap());
            let wanted = Arc::new(Mutex::new(Some(Vec::new())));
            let source = Arc::clone(&wanted);
            let status_lines =
                StatusLines::new(Some(Box::new(move || source.lock().unwrap().clone())));
            Self { wanted, status_lines, terminal: vt100::Parser::new(rows, columns, 0) }
        }

        fn text(&mut self, log: &str) -> Option<String> {
            let (erase, draw) = self.status_lines.around(log.as_bytes())?;
            Some(format!("{erase}{log}{draw}"))
        }

        fn log(&mut self, log: &str) {
            if let Some(text) = self.text(log) {
                self.terminal.process(text.replace('\n', "\r\n").as_bytes());
                self.status_lines.note(true);
            }
        }

        fn want(&mut self, lines: &[&str]) {
            *self.wanted.lock().unwrap() = Some(lines.iter().map(ToString::to_string).collect());
        }

        fn show(&mut self, lines: &[&str]) {
            self.want(lines);
            self.log("");
        }

        #[track_caller]
        fn check(&self, want: &str) {
            assert_eq!(self.terminal.screen().contents(), want);
        }
    }

    #[test]
    fn they_stay_below_the_log() {
        let mut shown = Shown::new();
        shown.log("one\n");
        shown.show(&[" a", " b"]);
        shown.check("one\n a\n b");
        assert_eq!(shown.text(""), None, "the same lines are not drawn twice");
        shown.log("two\n");
        shown.check("one\ntwo\n a\n b");
        assert_eq!(shown.terminal.screen().cursor_position(), (2, 0));
        // At the foot of the screen it scrolls.
        shown.log("three\nfour\n");
        shown.log("five\n");
        shown.check("two\nthree\nfour\nfive\n a\n b");
    }

    #[test]
    fn others_leave_nothing_of_the_old_ones() {
        let mut shown = Shown::new();
        shown.log("one\n");
        shown.show(&[" long long", " b", " c"]);
        shown.show(&[" short"]);
        shown.check("one\n short");
        shown.show(&[]);
        shown.check("one");
        shown.log("two\n");
        shown.check("one\ntwo");
        assert_eq!(shown.text("x\n").unwrap(), "x\n");
        assert_eq!(shown.text(""), None);
    }

    #[test]
    fn a_line_as_wide_as_the_terminal_is_whole() {
        let mut shown = Shown::new();
        shown.show(&[" a"]);
        let line = "x".repeat(20) + "\n";
        shown.log(&line);
        shown.check(&format!("{line} a"));
        shown.log(&format!("y{line}"));
        shown.check(&format!("{line}y{line} a"));
    }

    #[test]
    fn what_may_have_been_written_counts_as_shown() {
        let mut shown = Shown::new();
        shown.want(&[" a"]);
        assert!(shown.text("").is_some());
        shown.status_lines.note(false);
        assert!(shown.text("x\n").unwrap().starts_with(ERASE));
        shown.want(&[]);
        for text in ["", "x\n", ""] {
            assert_eq!(shown.text(text).unwrap(), format!("{ERASE}{text}"));
            shown.status_lines.note(false);
        }
        assert!(shown.text("").is_some());
        shown.status_lines.note(true);
        assert_eq!(shown.text(""), None);
    }

    #[test]
    fn on_the_terminal_of_another_program_nothing_is_erased() {
        let mut shown = Shown::new();
        shown.show(&[" a"]);
        assert!(shown.status_lines.are_shown);
        *shown.wanted.lock().unwrap() = None;
        assert_eq!(shown.text("x\n").unwrap(), "x\n");
        assert!(!shown.status_lines.are_shown);
    }
}
