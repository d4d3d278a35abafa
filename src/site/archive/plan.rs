//! The layout of an archive: a folder's entries in; a length, an entity-tag and the bytes of any
//! range out.
//!
//! Pure, but for asking for memory. `site::archive` reads the folders, and opens the files while
//! they are sent. An archive is a function of names, sizes and times alone, so two downloads of an
//! unchanged folder have the same bytes, and their ranges fit together. The format is GNU tar's,
//! which all readers know.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter;
use std::ops::Range;

use tar::{EntryType, Header};

use crate::http::conditional::ETag;
use crate::http::range::ByteRange;
use crate::memory;
use crate::site::bodies::Failure;
use crate::site::root::Metadata;

/// An archive consists of blocks of this many bytes.
const BLOCK_BYTES: u64 = 512;

/// Zeros at the end of an archive. It is not padded to a record of twenty blocks, which only
/// matters to tapes.
const END_BYTES: u64 = 2 * BLOCK_BYTES;

/// The longest path that fits in a header, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// The plan of an archive: the start of each entry, and so the meaning of every byte. It has the
/// metadata of the entries at the time of the walk, 64 bytes each, and their paths. The first entry
/// is the archived folder.
#[derive(Debug, Default)]
pub(super) struct Plan {
    entries: Vec<Entry>,
    /// The paths of all entries, one after the other: one large buffer leaves no holes in memory,
    /// unlike thousands of names. Each starts with the name of the archived folder, and a folder's
    /// ends in a slash.
    paths: Vec<u8>,
    /// Bytes up to the end of the last entry.
    length: u64,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A link to a file, archived as that file.
    Link,
}

/// An entry of the plan, before or after it is added.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// The metadata of the folder or file; a folder's size is 0.
    pub(super) metadata: Metadata,
    /// The start of its header.
    start: u64,
    /// The place of its path in `paths`.
    path: Range<usize>,
}

/// Part of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// These bytes.
    Bytes(Vec<u8>),
    /// This range of the content of an entry.
    Content { entry: usize, span: ByteRange },
}

impl Plan {
    /// A new entry for `push`, with this name, in a folder that is an entry itself; only the first
    /// entry has none.
    pub(super) fn entry(
        &mut self,
        folder: Option<&Entry>,
        name: &[u8],
        kind: Kind,
        metadata: Metadata,
    ) -> Result<Entry, Failure> {
        let above = folder.map_or(&b""[..], |folder| self.path(folder));
        let is_folder = kind == Kind::Folder;
        let path = [above, name, if is_folder { b"/" } else { b"" }].concat();
        let start = self.paths.len();
        memory::reserve(&mut self.paths, path.len())?;
        self.paths.extend_from_slice(&path);
        let metadata = if is_folder { Metadata { size: 0, ..metadata } } else { metadata };
        Ok(Entry { kind, metadata, start: 0, path: start..self.paths.len() })
    }

    /// Adds an entry at the end.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), Failure> {
        memory::reserve(&mut self.entries, 1)?;
        let entry = Entry { start: self.length, ..entry };
        let content = entry.metadata.size.checked_next_multiple_of(BLOCK_BYTES);
        let end = content.and_then(|content| Self::content_start(&entry).checked_add(content));
        let is_countable = |end: &u64| end.checked_add(END_BYTES).is_some();
        self.length = end.filter(is_countable).ok_or(Failure::TooLarge)?;
        self.entries.push(entry);
        Ok(())
    }

    /// No more entries come: frees the memory reserved for them.
    pub(super) fn finish(mut self) -> Self {
        self.entries.shrink_to_fit();
        self.paths.shrink_to_fit();
        self
    }

    /// The length of the archive in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length + END_BYTES
    }

    /// Changes whenever the metadata of an entry does, and with the program's version, which may
    /// write other headers. The digest is the same in all runs of one build.
    pub(super) fn etag(&self) -> ETag {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        for entry in &self.entries {
            (self.path(entry), entry.kind, entry.metadata).hash(&mut hasher);
        }
        ETag::from_digest(self.length(), hasher.finish())
    }

    /// The bytes of memory that it takes.
    pub(super) fn held_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.paths.capacity()
    }

    /// An entry, counted from 0.
    pub(super) fn planned(&self, number: usize) -> &Entry {
        &self.entries[number]
    }

    fn path(&self, entry: &Entry) -> &[u8] {
        &self.paths[entry.path.clone()]
    }

    /// The path of an entry, relative to the archived folder, without a slash at its end; empty for
    /// that folder itself.
    pub(super) fn path_below(&self, entry: &Entry) -> &[u8] {
        let top = self.paths.iter().position(|&byte| byte == b'/').unwrap_or_default();
        let path = self.path(entry).get(top + "/".len()..).unwrap_or_default();
        path.strip_suffix(b"/").unwrap_or(path)
    }

    /// The start of its content: after as many bytes as its `header` has.
    fn content_start(entry: &Entry) -> u64 {
        let path_bytes = entry.path.len() as u64 + 1;
        let is_long = entry.path.len() > NAME_BYTES_MAX;
        let long = if is_long { BLOCK_BYTES + path_bytes } else { 0 };
        entry.start + long.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES
    }

    /// The parts of a range of the archive.
    pub(super) fn parts(&self, span: ByteRange) -> impl Iterator<Item = Chunk> {
        let mut position = span.first;
        iter::from_fn(move || {
            let chunk = (position < span.end()).then(|| self.part(position, span.end()))?;
            position += match &chunk {
                Chunk::Bytes(bytes) => bytes.len() as u64,
                Chunk::Content { span, .. } => span.length,
            };
            Some(chunk)
        })
    }

    /// The part at a position: of a header, of a content, or of the padding of its last block.
    fn part(&self, position: u64, end: u64) -> Chunk {
        let behind = self.entries.partition_point(|entry| entry.start <= position);
        let number = behind - 1;
        let entry = &self.entries[number];
        let content_start = Self::content_start(entry);
        let content_end = content_start + entry.metadata.size;
        let length = |part_end: u64| part_end.min(end) - position;
        let count = |part_end: u64| usize::try_from(length(part_end)).expect("a few blocks");
        if position < content_start {
            let header = header(self.path(entry), &entry.metadata);
            let from = usize::try_from(position - entry.start).expect("in the header");
            Chunk::Bytes(header[from..][..count(content_start)].to_vec())
        } else if position < content_end {
            let span = ByteRange { first: position - content_start, length: length(content_end) };
            Chunk::Content { entry: number, span }
        } else {
            let next = self.entries.get(behind).map_or(self.length(), |next| next.start);
            Chunk::Bytes(vec![0; count(next)])
        }
    }
}

/// The header before an entry's content. A path too long for it is in an entry of its own before
/// it, and numbers too large for octal digits are in binary. Paths are bytes, and stay unchanged.
fn header(path: &[u8], metadata: &Metadata) -> Vec<u8> {
    let mut blocks = Vec::new();
    if path.len() > NAME_BYTES_MAX {
        // A zero byte ends it.
        let length = path.len() as u64 + 1;
        push_header(&mut blocks, b"././@LongLink", EntryType::GNULongName, length, 0);
        blocks.extend_from_slice(path);
        blocks.push(0);
        blocks.resize(blocks.len().next_multiple_of(size_of::<Header>()), 0);
    }
    let kind = if path.ends_with(b"/") { EntryType::Directory } else { EntryType::Regular };
    push_header(&mut blocks, path, kind, metadata.size, metadata.modified_seconds);
    blocks
}

fn push_header(
    blocks: &mut Vec<u8>,
    path: &[u8],
    kind: EntryType,
    size: u64,
    modified_seconds: i64,
) {
    let mut header = Header::new_gnu();
    let length = path.len().min(NAME_BYTES_MAX);
    header.as_old_mut().name[..length].copy_from_slice(&path[..length]);
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(modified_seconds.unsigned_abs());
    if modified_seconds < 0 {
        // The crate writes no negative numbers. In this form they are the two's complement of all
        // bytes.
        let field = &mut header.as_old_mut().mtime;
        field.fill(0xff);
        field[4..].copy_from_slice(&modified_seconds.to_be_bytes());
    }
    header.set_cksum();
    blocks.extend_from_slice(header.as_bytes());
}

#[cfg(test)]
pub(super) mod tests;
