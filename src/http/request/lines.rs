//! The lines of a head, within its limits.

/// The longest head, in bytes, from the first to the end of the empty line that closes it.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The most field lines in a head.
pub(crate) const FIELDS_MAX: usize = 100;

/// The lines that have ended within [`HEAD_BYTES_MAX`], in CRLF or in LF alone, which a server may
/// take for one (RFC 9112 section 2.2).
pub(super) struct Lines<'a> {
    head: &'a [u8],
    /// Bytes of the lines so far, with their ends.
    pub(super) consumed: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { head: &bytes[..bytes.len().min(HEAD_BYTES_MAX)], consumed: 0 }
    }

    /// What is there of the line that has not ended; a CR at its end may be half of a line end.
    pub(super) fn unfinished(&self) -> &'a [u8] {
        without_return(&self.head[self.consumed..])
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = &self.head[self.consumed..];
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        self.consumed += end + 1;
        Some(without_return(&rest[..end]))
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
