//! Lines that stand below the last line of the log on a terminal, and are drawn again and again.
//!
//! Pure: texts for the terminal out. Where they have been drawn, the cursor goes back to the start
//! of the first, so that all of them can be erased without counting how many rows the terminal
//! makes of them: it may have been resized. A line of the log goes out in one text with them: no
//! thread's line ever meets half of a footer.

/// To the start of the row, and clears the screen from there on (ECMA-48 sections 8.3.15, 8.3.39).
const ERASE: &str = "\r\x1b[J";
/// Clears the rest of the row.
const ERASE_REST_OF_ROW: &str = "\x1b[K";
/// Clears the rest of the screen.
const ERASE_REST: &str = "\x1b[J";

/// The lines below the log.
#[derive(Debug, Default)]
pub(super) struct Footer {
    /// What ought to be on the screen.
    lines: Vec<String>,
    /// Whether these or older ones may be there.
    is_shown: bool,
}

impl Footer {
    /// A line of the log, with the footer below it.
    pub(super) fn below(&self, line: &str) -> String {
        let erase = if self.is_shown { ERASE } else { "" };
        format!("{erase}{line}\n{}", self.drawn())
    }

    /// Takes other lines, and gives the text that draws them in place of the old ones. None if
    /// nothing is to be changed.
    pub(super) fn replaced_by(&mut self, lines: Vec<String>) -> Option<String> {
        if lines == self.lines && self.is_shown != lines.is_empty() {
            return None;
        }
        self.lines = lines;
        Some(if self.lines.is_empty() { ERASE.to_owned() } else { self.drawn() })
    }

    /// Notes whether the last text was written whole. Otherwise any part of it may be there.
    pub(super) fn note(&mut self, is_written: bool) {
        self.is_shown = !self.lines.is_empty() || self.is_shown && !is_written;
    }

    /// There is no footer any more: the cursor has been moved, by another program.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Draws the lines from the cursor's row on, over what may stand there, and goes back.
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

    /// A footer on a small terminal, and what the screen shows.
    struct Shown {
        footer: Footer,
        terminal: vt100::Parser,
    }

    impl Shown {
        fn new() -> Self {
            let [rows, columns] = [6, 20].map(|it| NonZero::new(it).unwrap());
            Self { footer: Footer::default(), terminal: vt100::Parser::new(rows, columns, 0) }
        }

        fn take(&mut self, text: &str) {
            self.terminal.process(text.replace('\n', "\r\n").as_bytes());
            self.footer.note(true);
        }

        fn log(&mut self, line: &str) {
            let text = self.footer.below(line);
            self.take(&text);
        }

        fn replace(&mut self, lines: &[&str]) {
            let lines = lines.iter().map(ToString::to_string).collect();
            if let Some(text) = self.footer.replaced_by(lines) {
                self.take(&text);
            }
        }

        #[track_caller]
        fn check(&self, want: &str) {
            assert_eq!(self.terminal.screen().contents(), want);
        }
    }

    #[test]
    fn without_a_footer_there_are_only_lines() {
        let mut footer = Footer::default();
        assert_eq!(footer.below("one"), "one\n");
        assert_eq!(footer.replaced_by(Vec::new()), None);
    }

    #[test]
    fn the_footer_stays_below_the_log() {
        let mut shown = Shown::new();
        shown.log("one");
        shown.replace(&[" a", " b"]);
        shown.check("one\n a\n b");
        shown.log("two");
        shown.check("one\ntwo\n a\n b");
        assert_eq!(shown.terminal.screen().cursor_position(), (2, 0));
        // At the foot of the screen it scrolls.
        shown.log("three");
        shown.log("four");
        shown.log("five");
        shown.check("two\nthree\nfour\nfive\n a\n b");
    }

    #[test]
    fn another_footer_leaves_nothing_of_the_old_one() {
        let mut shown = Shown::new();
        shown.log("one");
        shown.replace(&[" long long", " b", " c"]);
        shown.replace(&[" short"]);
        shown.check("one\n short");
        shown.replace(&[]);
        shown.check("one");
        shown.log("two");
        shown.check("one\ntwo");
        assert_eq!(shown.footer.below("x"), "x\n");
    }

    #[test]
    fn a_line_as_wide_as_the_terminal_is_whole() {
        let mut shown = Shown::new();
        shown.replace(&[" a"]);
        let line = "x".repeat(20);
        shown.log(&line);
        shown.check(&format!("{line}\n a"));
        shown.log(&"y".repeat(21));
        shown.check(&format!("{line}\n{}y\n a", "y".repeat(20)));
    }

    #[test]
    fn a_footer_on_its_way_counts_as_shown() {
        let mut footer = Footer::default();
        assert!(footer.replaced_by(vec![" a".to_owned()]).is_some());
        footer.note(false);
        assert!(footer.below("x").starts_with(ERASE));
        assert_eq!(footer.replaced_by(Vec::new()).as_deref(), Some(ERASE));
        footer.note(false);
        assert_eq!(footer.below("x"), format!("{ERASE}x\n"));
        // It is tried again until it is written.
        assert_eq!(footer.replaced_by(Vec::new()).as_deref(), Some(ERASE));
        footer.note(true);
        assert_eq!(footer.replaced_by(Vec::new()), None);
    }

    #[test]
    fn the_same_footer_is_not_drawn_twice() {
        let mut footer = Footer::default();
        assert!(footer.replaced_by(vec![" a".to_owned()]).is_some());
        footer.note(true);
        assert_eq!(footer.replaced_by(vec![" a".to_owned()]), None);
        footer.forget();
        assert_eq!(footer.below("x"), "x\n");
    }
}
