//! Standard error, which may block: a pipe that is full, a terminal that is stopped (Ctrl-S).
//!
//! A line waits a moment for a reader that is behind, and is lost after that; while lines are being
//! lost, none waits. No thread waits with the lock held, so none queues behind another that waits.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags, fstat};

use super::sink::{Lines, Notice};
use crate::lock::lock;

/// How long a line waits for a reader that is behind.
const WAIT_TIME_MAX: Duration = Duration::from_millis(100);

/// What a pipe takes without blocking once `poll` calls it writable: `PIPE_BUF` of pipe(7).
const WRITE_BYTES_MAX: usize = 4096;

/// Standard error, for all threads.
pub(super) struct StandardError {
    lines: Mutex<Lines<Unblocked>>,
}

/// Takes what standard error takes at once. Where that is nothing, the error is `WouldBlock`.
struct Unblocked(File);

impl StandardError {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { lines: Mutex::new(Lines::new(Unblocked(open()?))) })
    }

    /// Writes the line, or counts it as lost.
    pub(super) fn write(&self, line: &str) -> Option<Notice> {
        let deadline = Instant::now() + WAIT_TIME_MAX;
        loop {
            let mut lines = lock(&self.lines);
            let result = lines.attempt(line);
            if !lines.may_wait(&result) || Instant::now() >= deadline {
                return lines.note(result);
            }
            drop(lines);
            let left = deadline.saturating_duration_since(Instant::now());
            // If this fails, the next attempt says why.
            let _ = is_writable(left);
        }
    }
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
