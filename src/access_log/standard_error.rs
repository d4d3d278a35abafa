//! What standard error is: a terminal of some kind and size, the journal, or something else.
//!
//! Only questions: what is written there is written by `writer`.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use rustix::fs::fstat;
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// A terminal that does not tell its size has this many columns and rows, as the first ones had.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// How many characters a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// The size of the terminal at this moment, if it is ours to draw on: after Ctrl-Z and `bg`, or
/// `&`, it is the shell's, and its cursor stands where someone types.
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

/// Whether it is a terminal whose user takes colours.
pub(crate) fn takes_colour() -> bool {
    io::stderr().is_terminal() && terminal_takes_colour()
}

/// Whether the terminal's user takes colours (<https://no-color.org/>), if there is a terminal.
pub(crate) fn terminal_takes_colour() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Whether it is a terminal whose cursor can be moved: then lines can stand below the log.
pub(crate) fn has_status_lines() -> bool {
    let moves_its_cursor = |name: &OsString| !name.is_empty() && name != "dumb";
    io::stderr().is_terminal() && env::var_os("TERM").as_ref().is_some_and(moves_its_cursor)
}

/// Whether systemd's journal reads it (`JOURNAL_STREAM` of systemd.exec(5)).
pub(super) fn is_journal() -> bool {
    let stream = env::var("JOURNAL_STREAM").unwrap_or_default();
    fstat(io::stderr()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}
