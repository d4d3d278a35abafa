//! Archives: what is known of a folder's entries in; a length, an entity-tag and the bytes of any
//! span out.
//!
//! Pure: `site::walk` reads the folders, `site::download` opens the files while they are sent. An
//! archive is a function of the names, sizes and times alone, so two downloads of an unchanged
//! folder have the same bytes, and their ranges fit together.

mod header;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use header::BLOCK_BYTES;

use crate::http::conditional::ETag;
use crate::http::range::ByteRange;
use crate::memory::{self, OutOfMemory};
use crate::site::root::Metadata;

/// What a content is filled up with to the end of its block; and all of it ends an archive. That is
/// not filled up to a record of twenty blocks, which only matters to tapes.
static ZEROS: [u8; 1024] = [0; 1024];

const END_BYTES: u64 = ZEROS.len() as u64;

/// The plan of an archive: where in it each entry begins, and so what every byte of it is. It holds
/// what was known of the entries when it was made, 64 bytes and the path of each. The first is the
/// folder that is archived.
#[derive(Debug)]
pub(crate) struct Plan {
    entries: Vec<Entry>,
    /// The paths of all entries, one after the other. Each begins with the name of the folder that
    /// is archived, and a folder's ends in a slash.
    paths: Vec<u8>,
    /// Bytes up to the end of the last entry.
    length: u64,
}

/// What an entry is in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A link to a file, which is archived as that file.
    Link,
}

#[derive(Debug)]
struct Entry {
    /// Where its header begins.
    start: u64,
    /// What is known of the folder or file; a folder's size is 0.
    metadata: Metadata,
    /// Where in `paths` its path is.
    path: Range<usize>,
    kind: Kind,
}

/// Part of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// These bytes.
    Bytes(Cow<'static, [u8]>),
    /// This span of the content of an entry.
    Content { entry: usize, span: ByteRange },
}

/// Why nothing more can be added to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The archive would have more bytes than can be counted.
    TooLarge,
    /// There is no memory for a larger plan.
    OutOfMemory,
}

/// The parts of a span, in order.
struct Parts<'a> {
    plan: &'a Plan,
    position: u64,
    end: u64,
    /// The entry that the position is in, or one before it.
    entry: usize,
}

impl Plan {
    /// The archive of a folder of that name, still empty.
    pub(crate) fn new(name: &[u8], metadata: Metadata) -> Self {
        let path = [name, b"/"].concat();
        let entry = Entry {
            start: 0,
            metadata: Metadata { size: 0, ..metadata },
            path: 0..path.len(),
            kind: Kind::Folder,
        };
        let length = header::length_of(&path) as u64;
        Self { entries: vec![entry], paths: path, length }
    }

    /// Adds what is at `path` below the folder that is archived.
    pub(crate) fn push(&mut self, path: &[u8], kind: Kind, metadata: Metadata) -> Result<(), Full> {
        let top = self.entries[0].path.clone();
        memory::reserve(&mut self.paths, top.len() + path.len() + 1)?;
        memory::reserve(&mut self.entries, 1)?;
        let path_start = self.paths.len();
        self.paths.extend_from_within(top);
        self.paths.extend_from_slice(path);
        let is_folder = kind == Kind::Folder;
        self.paths.extend(is_folder.then_some(b'/'));
        let metadata = if is_folder { Metadata { size: 0, ..metadata } } else { metadata };
        let path = path_start..self.paths.len();
        let entry = Entry { start: self.length, metadata, path, kind };
        let end = entry.padded_end(&self.paths);
        let end = end.filter(|end| end.checked_add(END_BYTES).is_some());
        self.length = end.ok_or(Full::TooLarge)?;
        self.entries.push(entry);
        Ok(())
    }

    /// No more entries come: gives back the memory that was kept for them.
    pub(crate) fn finish(mut self) -> Self {
        self.entries.shrink_to_fit();
        self.paths.shrink_to_fit();
        self
    }

    /// The length of the archive in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length + END_BYTES
    }

    /// Changes whenever anything that is known of an entry does, and with the version, which may
    /// write other headers. The digest is the same in each run of one build of the program.
    pub(crate) fn etag(&self) -> ETag {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        self.paths.hash(&mut hasher);
        for entry in &self.entries {
            let Metadata { size, modified_seconds, modified_nanoseconds, inode } = entry.metadata;
            (entry.path.end, entry.kind).hash(&mut hasher);
            (size, modified_seconds, modified_nanoseconds, inode).hash(&mut hasher);
        }
        ETag::from_digest(self.length(), hasher.finish())
    }

    /// Bytes of memory that it takes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.paths.capacity()
    }

    /// What is known of an entry.
    pub(crate) fn entry(&self, number: usize) -> (Kind, &Metadata) {
        let entry = &self.entries[number];
        (entry.kind, &entry.metadata)
    }

    /// The path of an entry, relative to the folder that is archived; empty for that folder.
    pub(crate) fn path_below(&self, number: usize) -> &[u8] {
        let path = &self.paths[self.entries[number].path.clone()][self.entries[0].path.len()..];
        path.strip_suffix(b"/").unwrap_or(path)
    }

    /// The parts that make up a span of the archive.
    pub(crate) fn parts(&self, span: ByteRange) -> impl Iterator<Item = Chunk> {
        let after = self.entries.partition_point(|entry| entry.start <= span.first);
        Parts { plan: self, position: span.first, end: span.end(), entry: after.saturating_sub(1) }
    }
}

impl Entry {
    /// Where its content begins.
    fn content_start(&self, paths: &[u8]) -> u64 {
        self.start + header::length_of(&paths[self.path.clone()]) as u64
    }

    /// Where its last block ends, if that can be counted.
    fn padded_end(&self, paths: &[u8]) -> Option<u64> {
        let content = self.metadata.size.checked_next_multiple_of(BLOCK_BYTES)?;
        self.content_start(paths).checked_add(content)
    }
}

impl From<OutOfMemory> for Full {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl Iterator for Parts<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let left = self.end.saturating_sub(self.position);
        let zeros = |length: u64| {
            let length = usize::try_from(length).expect("no more than END_BYTES");
            Chunk::Bytes(Cow::Borrowed(&ZEROS[..length]))
        };
        if left == 0 {
            return None;
        }
        let (part, length) = loop {
            let Some(entry) = self.plan.entries.get(self.entry) else {
                break (zeros(left), left);
            };
            let content_start = entry.content_start(&self.plan.paths);
            let content_end = content_start + entry.metadata.size;
            if self.position < content_start {
                let Metadata { size, modified_seconds, .. } = entry.metadata;
                let path = &self.plan.paths[entry.path.clone()];
                let mut header = header::header(path, size, modified_seconds);
                let from = usize::try_from(self.position - entry.start).expect("in the header");
                header.drain(..from);
                header.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let length = header.len() as u64;
                break (Chunk::Bytes(Cow::Owned(header)), length);
            }
            if self.position < content_end {
                let length = left.min(content_end - self.position);
                let span = ByteRange { first: self.position - content_start, length };
                break (Chunk::Content { entry: self.entry, span }, length);
            }
            let padded_end = content_end.next_multiple_of(BLOCK_BYTES);
            let length = left.min(padded_end.saturating_sub(self.position));
            if length > 0 {
                break (zeros(length), length);
            }
            self.entry += 1;
        };
        self.position += length;
        Some(part)
    }
}

#[cfg(test)]
mod tests;
