//! Writes a response: in slices, each of which must get somewhere within the stall timeout.
//!
//! A small body goes out with its head in one write; a large one straight from the file's pages
//! with `sendfile`, or by reads where the file system cannot do that; an archive's small files many
//! at once. Never more nor fewer bytes than Content-Length promised: where a file has become too
//! short, the connection is reset, so that the client can't take the part for the whole.

use std::fs::File;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::access_log::Outcome;
use crate::http::range::ByteRange;
use crate::http::response::{Body, Chunk, Segment, Stream};
use crate::net::{Connection, Lost};
use crate::transfers::Progress;

/// Up to this size, in bytes, a body is sent with the head in one write.
const ONE_WRITE_BYTES_MAX: u64 = 32 * 1024;

/// Bytes that one call of `sendfile` is asked for, so that progress is seen between the calls.
const SLICE_BYTES_MAX: u64 = 1024 * 1024;

/// How long to wait for memory of the kernel's: nothing tells when it has some again.
const NO_MEMORY_INTERVAL: Duration = Duration::from_millis(10);

/// Bytes that are sent with one write, at most.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// What became of a response.
#[derive(Default)]
pub(super) struct Sent {
    /// Bytes of the body that the kernel took.
    pub(super) body_bytes: u64,
    /// How it ended, if it did not go out whole.
    pub(super) failure: Option<Outcome>,
}

/// A response on its way.
struct Writer<'a> {
    connection: &'a Connection,
    stall_timeout: Duration,
    last_progress: Instant,
    /// Bytes that went out, head included.
    sent: u64,
    /// What is told how many they are.
    progress: Progress<'a>,
}

/// Sends the head in `output` and then `body`; `None` where the head is all.
pub(super) fn response(
    connection: &Connection,
    output: &mut Vec<u8>,
    body: Option<&Body>,
    stall_timeout: Duration,
    progress: Progress<'_>,
) -> Sent {
    let head_length = output.len() as u64;
    let last_progress = Instant::now();
    let mut writer = Writer { connection, stall_timeout, last_progress, sent: 0, progress };
    let result = match connection.begin_answer() {
        Ok(()) => writer.head_and_body(output, body),
        Err(lost) => Err(lost.into()),
    };
    if result.is_err() {
        connection.reset_on_close();
    }
    Sent { body_bytes: writer.sent.saturating_sub(head_length), failure: result.err() }
}

impl Writer<'_> {
    fn head_and_body(&mut self, output: &mut Vec<u8>, body: Option<&Body>) -> Result<(), Outcome> {
        match body {
            None | Some(Body::None) => self.bytes(output),
            Some(Body::Bytes(bytes)) => self.head_and_bytes(output, bytes),
            Some(Body::File(file, segments)) => match segments[..] {
                [Segment::ByteRange(span)] if span.length <= ONE_WRITE_BYTES_MAX => {
                    let result = append(output, file, span);
                    self.bytes(output)?;
                    result
                }
                _ => {
                    self.bytes(output)?;
                    segments.iter().try_for_each(|segment| self.segment(file, segment))
                }
            },
            Some(Body::Streamed(stream, segments)) => self.streamed(output, &**stream, segments),
        }
    }

    fn head_and_bytes(&mut self, output: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Outcome> {
        if bytes.len() as u64 <= ONE_WRITE_BYTES_MAX {
            output.extend_from_slice(bytes);
            return self.bytes(output);
        }
        self.bytes(output)?;
        self.bytes(bytes)
    }

    fn segment(&mut self, file: &File, segment: &Segment) -> Result<(), Outcome> {
        match segment {
            Segment::Bytes(bytes) => self.bytes(bytes),
            &Segment::ByteRange(span) => self.span(file, span),
        }
    }

    /// Sends bytes, holding back what does not fill a packet: it goes out with what follows, or
    /// with the end of the stream, which the close that comes next sends. That saves a packet.
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
                // The file has become shorter than it was.
                Ok(0) => return Err(Outcome::Truncated("file-shrank")),
                Ok(length) => self.advance(length),
                // A file system without pages to send from, as some in user space are.
                Err(Errno::INVAL) => {
                    return self.span_by_reads(
                        file,
                        ByteRange { first: offset, length: span.end() - offset },
                    );
                }
                Err(errno) if is_of_the_connection(errno) => self.wait_on(errno)?,
                Err(errno) => return Err(unreadable(errno)),
            }
        }
        Ok(())
    }

    /// The same through a buffer of the program's own.
    fn span_by_reads(&mut self, file: &File, span: ByteRange) -> Result<(), Outcome> {
        let mut buffer = Vec::new();
        let mut rest = span;
        while rest.length > 0 {
            let slice =
                ByteRange { first: rest.first, length: rest.length.min(ONE_WRITE_BYTES_MAX) };
            buffer.clear();
            let result = append(&mut buffer, file, slice);
            self.bytes(&buffer)?;
            result?;
            rest = ByteRange { first: slice.end(), length: rest.length - slice.length };
        }
        Ok(())
    }

    /// Sends the head in `output` and then the segments. A folder of a thousand small files would
    /// be thousands of small writes: so small files are gathered in a buffer first, which is given
    /// back while a large one is under way.
    fn streamed(
        &mut self,
        output: &mut Vec<u8>,
        stream: &dyn Stream,
        segments: &[Segment],
    ) -> Result<(), Outcome> {
        // A buffer of its own: the thread keeps the other one.
        let mut gathered = Vec::with_capacity(GATHERED_BYTES_MAX);
        gathered.append(output);
        let result = segments.iter().try_for_each(|segment| match segment {
            Segment::Bytes(bytes) => self.gather(&mut gathered, bytes),
            &Segment::ByteRange(span) => self.parts(&mut gathered, stream, span),
        });
        // What precedes a file that has changed goes out all the same.
        if matches!(result, Ok(()) | Err(Outcome::Truncated(_))) {
            self.bytes(&gathered)?;
        }
        result
    }

    fn parts(
        &mut self,
        gathered: &mut Vec<u8>,
        stream: &dyn Stream,
        span: ByteRange,
    ) -> Result<(), Outcome> {
        for part in stream.parts(span) {
            match part.ok_or(Outcome::Truncated("file-changed"))? {
                Chunk::Bytes(bytes) => self.gather(gathered, &bytes)?,
                Chunk::File(file, span) if span.length <= ONE_WRITE_BYTES_MAX => {
                    self.make_room(gathered, span.length)?;
                    append(gathered, &file, span)?;
                }
                Chunk::File(file, span) => {
                    self.bytes(&mem::take(gathered))?;
                    self.span(&file, span)?;
                }
            }
        }
        Ok(())
    }

    fn gather(&mut self, gathered: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Outcome> {
        self.make_room(gathered, bytes.len() as u64)?;
        gathered.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what is gathered, where so many bytes more would be too many.
    fn make_room(&mut self, gathered: &mut Vec<u8>, bytes: u64) -> Result<(), Outcome> {
        if gathered.len() as u64 + bytes > GATHERED_BYTES_MAX as u64 {
            self.bytes(gathered)?;
            gathered.clear();
        }
        Ok(())
    }

    /// The kernel took `length` bytes.
    fn advance(&mut self, length: usize) {
        self.sent += length as u64;
        self.last_progress = Instant::now();
        self.progress.note(self.last_progress, self.sent);
        self.connection.note_progress(length);
    }

    /// The kernel took nothing: waits until it may, if that can go on.
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
            // Its loss may be our own doing.
            _ => Err(match (self.connection.lost(), errno) {
                (Lost::Gone, Errno::PIPE | Errno::CONNRESET) => Lost::Gone.into(),
                (Lost::Gone, _) => Outcome::ClientGone("network-failed"),
                (lost, _) => lost.into(),
            }),
        }
    }
}

/// Whether an error of `sendfile` comes from the socket or from a lack of memory, and so says
/// nothing against the file.
fn is_of_the_connection(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::AGAIN
            | Errno::INTR
            | Errno::NOMEM
            | Errno::NOBUFS
            | Errno::PIPE
            | Errno::CONNRESET
            | Errno::CONNABORTED
            | Errno::NOTCONN
            | Errno::TIMEDOUT
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
    )
}

fn unreadable(errno: Errno) -> Outcome {
    log::warn!("cannot read a file that is being sent: {errno}");
    Outcome::Truncated("io-error")
}

/// Appends a span of a file with as few reads as it takes; an error if not all of it was there.
fn append(output: &mut Vec<u8>, file: &File, span: ByteRange) -> Result<(), Outcome> {
    let start = output.len();
    let end = start + usize::try_from(span.length).expect("at most ONE_WRITE_BYTES_MAX");
    output.reserve(end - start);
    while output.len() < end {
        let offset = span.first + (output.len() - start) as u64;
        match rustix::io::pread(file, spare_capacity(output), offset) {
            Ok(0) => return Err(Outcome::Truncated("file-shrank")),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(unreadable(errno)),
        }
    }
    // The file may have grown meanwhile: no more than was promised.
    output.truncate(end);
    Ok(())
}
