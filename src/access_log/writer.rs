//! The writers: one thread for standard error, and one for the log file if there is one.
//!
//! Other threads queue lines for them and never wait: a line that finds no room, or cannot be
//! written, is lost and counted. So a stalled disk, a stopped terminal, or a pipe that nobody reads
//! costs lines, never service.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, fcntl_setfl};

use super::terminal::{Source, StatusLines};
use crate::lock::{lock, wait_while};

/// Bytes of queued lines, at most. As many again may be on their way out.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// The pause between two writes, in which lines gather, so that a busy server wakes the thread a
/// hundred times a second instead of once per line.
const GATHER_TIME: Duration = Duration::from_millis(10);

/// The time between two redraws of the status lines.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// How long shutdown waits for queued lines.
const END_TIME_MAX: Duration = Duration::from_secs(1);

/// Stack of a writer thread, in bytes.
const STACK_BYTES: usize = 256 * 1024;

/// The queued lines of one place; shared by all threads.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The log file's path, from which another program may rename it away (logrotate does); `None`
    /// for standard error.
    path: Option<PathBuf>,
    /// The place itself, until the thread takes it.
    out: Mutex<Option<File>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The queued lines, each with its newline.
    lines: Vec<u8>,
    count: u64,
    /// Reopen the file when this many bytes of them have been written.
    reopen_at: Option<usize>,
    /// Number of lines that the thread is writing.
    under_way: u64,
    /// Number of lines lost, and how many of them have been reported.
    lost: u64,
    told: u64,
    /// Whether the status lines are to be drawn.
    is_called: bool,
    is_closed: bool,
    has_ended: bool,
}

/// The state of a writer thread.
struct Writer {
    queue: Arc<Queue>,
    out: Box<dyn Write + Send>,
    /// Whether the last text was cut off within a line.
    is_torn: bool,
    status_lines: StatusLines,
}

/// A named pipe without a reader is an error, so that nothing waits for one. Its reader may be
/// slow.
fn open(path: &Path) -> io::Result<File> {
    let how = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(path, how | OFlags::NONBLOCK, Mode::from_raw_mode(0o640))?;
    fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file.into())
}

impl Queue {
    /// The queue of standard error, or of a log file, which is opened for appending and created
    /// (mode 0640) if it does not exist.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Arc<Self>> {
        let out = match path {
            Some(path) => open(path)?,
            None => io::stderr().as_fd().try_clone_to_owned()?.into(),
        };
        let (state, changed) = Default::default();
        let path = path.map(Path::to_owned);
        Ok(Arc::new(Self { path, out: Mutex::new(Some(out)), state, changed }))
    }

    /// Starts the thread, unless it has been started.
    pub(super) fn start(self: &Arc<Self>, source: Option<Source>) -> io::Result<()> {
        let Some(out) = lock(&self.out).take() else { return Ok(()) };
        let (queue, out, status_lines) = (self.clone(), Box::new(out), StatusLines::new(source));
        let writer = Writer { queue, out, is_torn: false, status_lines };
        let builder = thread::Builder::new().name("log".to_owned()).stack_size(STACK_BYTES);
        builder.spawn(|| writer.write_until_closed()).map(drop)
    }

    /// Makes the thread redraw the status lines.
    pub(crate) fn redraw(&self) {
        lock(&self.state).is_called = true;
        self.changed.notify_all();
    }

    /// Queues a line, or counts it as lost if there is no room.
    pub(super) fn hand_over(&self, line: &str) {
        let mut state = lock(&self.state);
        if state.lines.len() + line.len() >= QUEUE_BYTES_MAX {
            return self.lose(state, 1, &"it takes no more");
        }
        // The thread sleeps only while there are no lines.
        let is_first = state.lines.is_empty();
        state.lines.extend_from_slice(line.as_bytes());
        state.lines.push(b'\n');
        state.count += 1;
        drop(state);
        if is_first {
            self.changed.notify_all();
        }
    }

    /// Sends the lines queued from now on to a new file at the path, after a rename.
    pub(super) fn reopen(&self) {
        let mut state = lock(&self.state);
        state.reopen_at = Some(state.lines.len());
        drop(state);
        self.changed.notify_all();
    }

    /// Ends the thread. It has a second to write all queued lines.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        if mem::replace(&mut state.is_closed, true) {
            return;
        }
        self.changed.notify_all();
        let is_busy = |state: &mut State| !state.has_ended;
        let mut state = wait_while(&self.changed, state, END_TIME_MAX, is_busy);
        if !state.has_ended {
            state.lost += state.under_way + state.count;
        }
    }

    /// The number of lines lost so far.
    pub(super) fn lost(&self) -> u64 {
        lock(&self.state).lost
    }

    /// Waits up to `time_max` for something to do, and takes the queued lines; the previous ones
    /// have been written. Returns them; the length of those that go out before the file is
    /// reopened, if it is to be; and whether the queue is closed.
    fn take(&self, time_max: Duration) -> (Vec<u8>, Option<usize>, bool) {
        let mut state = lock(&self.state);
        state.under_way = 0;
        state = wait_while(&self.changed, state, time_max, |state| {
            state.count == 0 && state.reopen_at.is_none() && !state.is_called && !state.is_closed
        });
        state.is_called = false;
        state.under_way = mem::take(&mut state.count);
        let lines = mem::take(&mut state.lines);
        (lines, state.reopen_at.take(), state.is_closed)
    }

    /// Counts lines as lost. For a file, the first loss is an error on standard error. If that
    /// loses lines too, nowhere is left to report it.
    fn lose(&self, mut state: MutexGuard<'_, State>, lines: u64, why: &dyn Display) {
        let is_first = state.lost == state.told;
        state.lost += lines;
        drop(state);
        if let Some(path) = self.path.as_deref().filter(|_| is_first) {
            log::error!("access lines are lost: {} cannot be written: {why}", path.display());
        }
    }

    /// Reports the end of a loss, if there was one.
    fn tell_of_loss(&self) {
        let mut state = lock(&self.state);
        let untold = state.lost - state.told;
        state.told = state.lost;
        drop(state);
        if untold > 0 {
            let path = self.path.as_ref();
            let place = path.map_or("standard error".into(), |it| it.to_string_lossy());
            log::warn!("{place} can be written again; lines lost: {untold}");
        }
    }
}

impl Writer {
    fn write_until_closed(mut self) {
        loop {
            let are_shown = self.status_lines.are_shown;
            let time_max = if are_shown { REDRAW_INTERVAL } else { Duration::MAX };
            let (lines, reopen_at, is_closed) = self.queue.take(time_max);
            let mut rest = &lines[..];
            if let Some(length) = reopen_at {
                self.write(&rest[..length]);
                rest = &rest[length..];
                self.reopen();
            }
            if self.write(rest) && !rest.is_empty() {
                self.queue.tell_of_loss();
            }
            if !is_closed {
                thread::sleep(GATHER_TIME);
            } else if lines.is_empty() {
                // Otherwise there may be more to write, if only the number of lost lines.
                lock(&self.queue.state).has_ended = true;
                return self.queue.changed.notify_all();
            }
        }
    }

    /// Reopens the log file's path. If that fails, lines still go to the old file.
    fn reopen(&mut self) {
        let Some(path) = self.queue.path.as_deref() else { return };
        match open(path) {
            Ok(file) => {
                (self.out, self.is_torn) = (Box::new(file), false);
                log::info!("reopened {}", path.display());
            }
            Err(error) => log::error!("cannot reopen {}: {error}", path.display()),
        }
    }

    /// Writes the lines, with the status lines below the last one. Returns whether all of it was
    /// written; otherwise lines were lost, and counted.
    fn write(&mut self, lines: &[u8]) -> bool {
        let Some((erase, draw)) = self.status_lines.around(lines) else { return true };
        // The rest of a torn line must not become the start of this one.
        let start = if self.is_torn { format!("\n{erase}") } else { erase.to_owned() };
        let result = self.write_all(&[start.as_bytes(), lines, draw.as_bytes()].concat());
        self.status_lines.note(result.is_ok());
        let Err((written, error)) = result else { return true };
        let written = written.saturating_sub(start.len()).min(lines.len());
        let lost = lines[written..].split(|&byte| byte == b'\n').count() - 1;
        self.queue.lose(lock(&self.queue.state), lost as u64, &error);
        false
    }

    /// Like `Write::write_all`, but an error comes with the number of bytes written. Waits if the
    /// descriptor does not block, which another program may have caused.
    fn write_all(&mut self, text: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < text.len() {
            match self.out.write(&text[written..]) {
                Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
                Ok(length) => {
                    written += length;
                    self.is_torn = written < text.len() && text[written - 1] != b'\n';
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(GATHER_TIME),
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
