//! Writes a response in slices, each of which must make progress within the stall timeout.
//!
//! A small body is sent with its head in one write; a large one straight from the file's pages with
//! `sendfile`, or by reads if the file system cannot do that; an archive's small files many at
//! once. Exactly as many bytes are sent as Content-Length promised: if a file has become too short,
//! the connection is reset, so that the client cannot take the part for the whole.

use std::fs::File;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::access_log::Outcome;
use crate::http::range::{ByteRange, Segment};
use crate::http::response::{Body, Chunk, Stream};
use crate::net::{Connection, Lost};
use crate::transfers::Progress;

/// A body or part of up to this many bytes is sent in one write with the bytes before it.
const ONE_WRITE_BYTES_MAX: u64 = 32 * 1024;

/// The most bytes per call of `sendfile`, so that progress is seen between calls.
const SLICE_BYTES_MAX: u64 = 1024 * 1024;

/// The pause after the kernel ran out of memory: nothing tells when it has some again.
const NO_MEMORY_INTERVAL: Duration = Duration::from_millis(10);

/// The most bytes gathered for one write. A folder of a thousand small files would otherwise be
/// thousands of small writes.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// Bytes of the buffer that a thread keeps between answers: a small one, with its head.
const KEPT_BYTES_MAX: usize = 36 * 1024;

/// A response being sent.
struct Writer<'a> {
    connection: &'a Connection,
    /// The bytes of the next write; first the head.
    gathered: &'a mut Vec<u8>,
    stall_timeout: Duration,
    last_progress: Instant,
    /// Bytes sent, head included.
    sent: u64,
    /// Told about the bytes sent.
    progress: Progress<'a>,
}

/// Sends the head in `output` and then `body`; `None` if there is only a head. Returns the number
/// of bytes of the body that the kernel took, and the failure if not all of it was sent.
pub(super) fn response(
    connection: &Connection,
    output: &mut Vec<u8>,
    body: Option<&Body>,
    stall_timeout: Duration,
    progress: Progress<'_>,
) -> (u64, Result<(), Outcome>) {
    let head_length = output.len() as u64;
    let (gathered, last_progress) = (output, Instant::now());
    let mut writer =
        Writer { connection, gathered, stall_timeout, last_progress, sent: 0, progress };
    let result = match connection.begin_answer() {
        Ok(()) => writer.head_and_body(body),
        Err(lost) => Err(lost.into()),
    };
    if result.is_err() {
        connection.reset_on_close();
    }
    let body_bytes = writer.sent.saturating_sub(head_length);
    writer.gathered.clear();
    writer.gathered.shrink_to(KEPT_BYTES_MAX);
    (body_bytes, result)
}

impl Writer<'_> {
    fn head_and_body(&mut self, body: Option<&Body>) -> Result<(), Outcome> {
        let result = self.body(body);
        // The bytes before a file that has changed are still sent.
        if matches!(result, Ok(()) | Err(Outcome::Truncated(_))) {
            self.flush()?;
        }
        result
    }

    fn body(&mut self, body: Option<&Body>) -> Result<(), Outcome> {
        match body {
            None | Some(Body::None) => Ok(()),
            Some(Body::Bytes(bytes)) => self.gather(bytes),
            Some(Body::File(file, segments)) => {
                segments.iter().try_for_each(|segment| match segment {
                    Segment::Bytes(bytes) => self.gather(bytes),
                    &Segment::ByteRange(span) => self.file(file, span),
                })
            }
            Some(Body::Streamed(stream, segments)) => {
                self.gathered.reserve_exact(GATHERED_BYTES_MAX.saturating_sub(self.gathered.len()));
                segments.iter().try_for_each(|segment| match segment {
                    Segment::Bytes(bytes) => self.gather(bytes),
                    &Segment::ByteRange(span) => self.parts(&**stream, span),
                })
            }
        }
    }

    fn parts(&mut self, stream: &dyn Stream, span: ByteRange) -> Result<(), Outcome> {
        for part in stream.parts(span) {
            match part.ok_or(Outcome::Truncated("file-changed"))? {
                Chunk::Bytes(bytes) => self.gather(&bytes)?,
                Chunk::File(file, span) => self.file(&file, span)?,
            }
        }
        Ok(())
    }

    /// A small range is read and gathered; a large one is sent without a buffer.
    fn file(&mut self, file: &File, span: ByteRange) -> Result<(), Outcome> {
        if span.length > ONE_WRITE_BYTES_MAX {
            self.flush()?;
            *self.gathered = Vec::new();
            return self.span(file, span);
        }
        self.make_room(span.length)?;
        append(self.gathered, file, span)
    }

    fn gather(&mut self, bytes: &[u8]) -> Result<(), Outcome> {
        if bytes.len() as u64 > ONE_WRITE_BYTES_MAX {
            self.flush()?;
            return self.bytes(bytes);
        }
        self.make_room(bytes.len() as u64)?;
        self.gathered.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends the gathered bytes if this many more would be too many.
    fn make_room(&mut self, bytes: u64) -> Result<(), Outcome> {
        let is_enough = self.gathered.len() as u64 + bytes <= GATHERED_BYTES_MAX as u64;
        if is_enough { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Outcome> {
        let mut gathered = mem::take(self.gathered);
        self.bytes(&gathered)?;
        gathered.clear();
        *self.gathered = gathered;
        Ok(())
    }

    /// Sends bytes. A partly filled packet is held back until more bytes follow, or the end of the
    /// stream, which the close sends next. That saves a packet.
    fn bytes(&mut self, mut bytes: &[u8]) -> Result<(), Outcome> {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        while !bytes.is_empty() {
            match rustix::net::send(&self.connection.stream, bytes, flags) {
                Ok(length) => {
                    bytes = &bytes[length..];
                    self.advance(length);
                }
                Err(errno) => self.wait_on(errno)?,
            }
        }
        Ok(())
    }

    fn span(&mut self, file: &File, span: ByteRange) -> Result<(), Outcome> {
        let mut offset = span.first;
        while offset < span.end() {
            let slice =
                usize::try_from((span.end() - offset).min(SLICE_BYTES_MAX)).expect("one slice");
            match rustix::fs::sendfile(&self.connection.stream, file, Some(&mut offset), slice) {
                // The file has shrunk.
                Ok(0) => return Err(Outcome::Truncated("file-shrank")),
                Ok(length) => self.advance(length),
                // The file system has no pages to send from, like some in user space.
                Err(Errno::INVAL) => {
                    let length = (span.end() - offset).min(ONE_WRITE_BYTES_MAX);
                    let slice = ByteRange { first: offset, length };
                    let mut buffer = Vec::new();
                    let result = append(&mut buffer, file, slice);
                    self.bytes(&buffer)?;
                    result?;
                    offset = slice.end();
                }
                Err(errno) if is_of_the_connection(errno) => self.wait_on(errno)?,
                Err(errno) => return Err(unreadable(errno)),
            }
        }
        Ok(())
    }

    /// Notes that the kernel took `length` bytes.
    fn advance(&mut self, length: usize) {
        self.sent += length as u64;
        self.last_progress = Instant::now();
        self.progress.note(self.last_progress, self.sent);
        self.connection.note_progress(length);
    }

    /// The kernel took no bytes: waits until it may, unless the error is final.
    fn wait_on(&mut self, errno: Errno) -> Result<(), Outcome> {
        match errno {
            Errno::INTR => Ok(()),
            Errno::AGAIN => {
                let deadline = self.last_progress + self.stall_timeout;
                self.progress.note(Instant::now(), self.sent);
                self.connection.wait_to_send(deadline).map_err(Outcome::from)
            }
            Errno::NOMEM | Errno::NOBUFS if self.last_progress.elapsed() < self.stall_timeout => {
                thread::sleep(NO_MEMORY_INTERVAL);
                Ok(())
            }
            Errno::NOMEM | Errno::NOBUFS => Err(Outcome::TimedOut("no-memory")),
            // Losing the connection may be our own doing.
            _ => Err(match (self.connection.lost(), errno) {
                (Lost::Gone, Errno::PIPE | Errno::CONNRESET) => Lost::Gone.into(),
                (Lost::Gone, _) => Outcome::ClientGone("network-failed"),
                (lost, _) => lost.into(),
            }),
        }
    }
}

/// Whether an error of `sendfile` is one of the socket or a lack of memory, and so no fault of the
/// file.
fn is_of_the_connection(errno: Errno) -> bool {
    // The kernel numbers network errors consecutively.
    let network = Errno::NETDOWN.raw_os_error()..=Errno::HOSTUNREACH.raw_os_error();
    network.contains(&errno.raw_os_error())
        || matches!(errno, Errno::AGAIN | Errno::INTR | Errno::NOMEM | Errno::PIPE)
}

fn unreadable(errno: Errno) -> Outcome {
    log::warn!("cannot read a file that is being sent: {errno}");
    Outcome::Truncated("io-error")
}

/// Appends a range of a file with as few reads as possible; fails if not all of it is there.
fn append(output: &mut Vec<u8>, file: &File, span: ByteRange) -> Result<(), Outcome> {
    let start = output.len();
    let end = start + usize::try_from(span.length).expect("at most ONE_WRITE_BYTES_MAX");
    output.resize(end, 0);
    let mut at = start;
    let result = loop {
        if at == end {
            break Ok(());
        }
        match rustix::io::pread(file, &mut output[at..], span.first + (at - start) as u64) {
            Ok(0) => break Err(Outcome::Truncated("file-shrank")),
            Ok(length) => at += length,
            Err(Errno::INTR) => {}
            Err(errno) => break Err(unreadable(errno)),
        }
    };
    // What was read is still sent.
    output.truncate(at);
    result
}
