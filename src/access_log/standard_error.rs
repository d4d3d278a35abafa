//! Standard error, which may block: a pipe that is full, a terminal that is stopped (Ctrl-S).
//!
//! A line waits a moment for a reader that is behind, and is lost after that; while lines are being
//! lost, none waits. No thread waits with the lock held, so none queues behind another that waits.
//!
//! On a terminal, a few lines may stand below the last one: see `footer`. They are written under
//! the same lock, together with the line above them, and wait for nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use super::footer::Footer;
use super::sink::{Lines, Notice};
use crate::lock::lock;

/// How long a line waits for a reader that is behind.
const WAIT_TIME_MAX: Duration = Duration::from_millis(100);

/// What a pipe takes without blocking once `poll` calls it writable: `PIPE_BUF` of pipe(7).
const WRITE_BYTES_MAX: usize = 4096;

/// A terminal that does not tell its size has this many columns and rows, as the first ones had.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// Standard error, for all threads.
#[derive(Debug)]
pub(crate) struct StandardError {
    written: Mutex<Written>,
}

/// How many characters a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

#[derive(Debug)]
struct Written {
    lines: Lines<Unblocked>,
    footer: Footer,
}

/// Takes what standard error takes at once. Where that is nothing, the error is `WouldBlock`.
#[derive(Debug)]
struct Unblocked(File);

impl StandardError {
    pub(super) fn open() -> io::Result<Self> {
        let lines = Lines::new(Unblocked(open()?));
        Ok(Self { written: Mutex::new(Written { lines, footer: Footer::default() }) })
    }

    /// Writes the line, or counts it as lost.
    pub(super) fn write(&self, line: &str) -> Option<Notice> {
        let deadline = Instant::now() + WAIT_TIME_MAX;
        loop {
            let mut written = lock(&self.written);
            let Written { lines, footer } = &mut *written;
            let result = lines.attempt(&footer.below(line));
            footer.note(result.is_ok());
            if !lines.may_wait(&result) || Instant::now() >= deadline {
                return lines.note(result);
            }
            drop(written);
            let left = deadline.saturating_duration_since(Instant::now());
            // If this fails, the next attempt says why.
            let _ = is_writable(left);
        }
    }

    /// Shows these lines below the last one, in place of those that were shown there: on a terminal
    /// that moves its cursor, none of them wider than the terminal. Where it takes no more for now,
    /// they are left out.
    pub(crate) fn show_below(&self, footer_lines: Vec<String>) {
        let mut written = lock(&self.written);
        let Written { lines, footer } = &mut *written;
        if !is_in_foreground() {
            return footer.forget();
        }
        let Some(text) = footer.replaced_by(footer_lines) else { return };
        let result = lines.attempt(&text);
        footer.note(result.is_ok());
    }

    /// The size of the terminal at this moment.
    pub(crate) fn size() -> Size {
        match tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
            }
            _ => USUAL_SIZE,
        }
    }
}

/// Whether the terminal is ours to draw on: after Ctrl-Z and `bg`, or `&`, it is the shell's, and
/// its cursor stands where someone types.
fn is_in_foreground() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |group| group == getpgrp())
}

/// Pipes and terminals are opened anew where the system lets us, since a terminal that takes a part
/// of a write blocks until it has the rest. The flag against that belongs to the open file, and the
/// one that we were given is also that of the shell.
fn open() -> io::Result<File> {
    let given = io::stderr();
    let is_pipe = FileType::from_raw_mode(fstat(&given)?.st_mode).is_fifo();
    if is_pipe || given.is_terminal() {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(flags.bits().cast_signed());
        if let Ok(file) = options.open("/proc/self/fd/2") {
            return Ok(file);
        }
    }
    given.as_fd().try_clone_to_owned().map(File::from)
}

/// Whether standard error takes bytes, or an error would tell why it does not, within this time.
fn is_writable(time_max: Duration) -> io::Result<bool> {
    let time_max = Timespec::try_from(time_max).expect("a fraction of a second");
    let ready = poll(&mut [PollFd::new(&io::stderr(), PollFlags::OUT)], Some(&time_max))?;
    Ok(ready > 0)
}

impl Write for Unblocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_writable(Duration::ZERO)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.0.write(&bytes[..bytes.len().min(WRITE_BYTES_MAX)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
