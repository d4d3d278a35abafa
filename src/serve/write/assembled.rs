//! Writes a body that is put together while it is sent: small parts many at once, large ones by
//! themselves.
//!
//! A folder of a thousand small files would be thousands of small writes. So what is small is
//! gathered in a buffer first, which is given back whenever a large file is under way.

use std::mem;

use super::{ONE_WRITE_BYTES_MAX, Writer, append};
use crate::access_log::Outcome;
use crate::http::range::ByteRange;
use crate::http::response::{Chunk, Segment, Stream};

/// Bytes that are sent with one write, at most.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

impl Writer<'_> {
    /// Sends the head in `output` and then the segments.
    pub(super) fn assembled(
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
            match part.map_err(|_| Outcome::Truncated("file-changed"))? {
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
}
