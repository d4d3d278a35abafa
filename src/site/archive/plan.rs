//! The plan of an archive: where in it each entry begins, and so what every byte of it is.
//!
//! It holds what was known of the entries when it was made, 64 bytes and the name for each, and
//! nothing of their content.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::size_of;

use super::header::{BLOCK_BYTES, Member};
use crate::http::conditional::ETag;
use crate::http::range::Span;
use crate::site::root::Metadata;

/// What a content is filled up with to the end of its block; and all of it ends an archive (POSIX,
/// pax, "ustar Interchange Format"). That is not filled up to a record of twenty blocks, which only
/// matters to tapes.
static ZEROS: [u8; 1024] = [0; 1024];

const END_BYTES: u64 = ZEROS.len() as u64;

/// The plan of an archive. Its first entry is the folder that is archived.
#[derive(Debug)]
pub(crate) struct Plan {
    entries: Vec<Entry>,
    /// The names of all entries, one after the other.
    names: Vec<u8>,
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
    /// Where its name begins.
    name_start: usize,
    name_length: u32,
    /// The entry of the folder that it is in.
    folder: u32,
    header_length: u32,
    kind: Kind,
}

/// Part of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// These bytes.
    Bytes(Cow<'static, [u8]>),
    /// This span of the content of an entry.
    Content { entry: usize, span: Span },
}

/// A length or a number beyond what can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

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
        let mut plan = Self { entries: Vec::new(), names: Vec::new(), length: 0 };
        plan.push(0, name, Kind::Folder, metadata).expect("one folder is not too large");
        plan
    }

    /// Adds what is called `name` in the folder that is the entry `folder`; returns its number.
    pub(crate) fn push(
        &mut self,
        folder: usize,
        name: &[u8],
        kind: Kind,
        metadata: Metadata,
    ) -> Result<usize, TooLarge> {
        let number = self.entries.len();
        let size = if kind == Kind::Folder { 0 } else { metadata.size };
        let mut entry = Entry {
            start: self.length,
            metadata: Metadata { size, ..metadata },
            name_start: self.names.len(),
            name_length: u32::try_from(name.len()).map_err(|_| TooLarge)?,
            folder: u32::try_from(folder).map_err(|_| TooLarge)?,
            header_length: 0,
            kind,
        };
        self.names.extend_from_slice(name);
        let header_length = entry.member(&self.path(&entry)).header_length();
        entry.header_length = u32::try_from(header_length).map_err(|_| TooLarge)?;
        let end = entry.padded_end().filter(|end| end.checked_add(END_BYTES).is_some());
        self.length = end.ok_or(TooLarge)?;
        self.entries.push(entry);
        Ok(number)
    }

    /// No more entries come: gives back the memory that was kept for them.
    pub(crate) fn finish(mut self) -> Self {
        self.entries.shrink_to_fit();
        self.names.shrink_to_fit();
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
        self.names.hash(&mut hasher);
        for entry in &self.entries {
            let Metadata { size, modified_seconds, modified_nanoseconds, inode } = entry.metadata;
            (entry.name_length, entry.folder, entry.kind).hash(&mut hasher);
            (size, modified_seconds, modified_nanoseconds, inode).hash(&mut hasher);
        }
        ETag::from_digest(self.length(), hasher.finish())
    }

    /// Bytes of memory that it takes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.names.capacity()
    }

    /// What is known of an entry.
    pub(crate) fn entry(&self, number: usize) -> (Kind, &Metadata) {
        let entry = &self.entries[number];
        (entry.kind, &entry.metadata)
    }

    /// The path of an entry, relative to the folder that is archived; empty for that folder.
    pub(crate) fn path_below(&self, number: usize) -> Vec<u8> {
        let path = self.path(&self.entries[number]);
        let top = path.iter().position(|&byte| byte == b'/').map_or(path.len(), |at| at + 1);
        let end = path.len() - usize::from(path.ends_with(b"/"));
        path[top.min(end)..end].to_vec()
    }

    /// The parts that make up a span of the archive.
    pub(crate) fn parts(&self, span: Span) -> impl Iterator<Item = Part> {
        let after = self.entries.partition_point(|entry| entry.start <= span.first);
        Parts { plan: self, position: span.first, end: span.end(), entry: after.saturating_sub(1) }
    }

    /// The path of an entry in the archive. A folder's ends in a slash.
    fn path(&self, entry: &Entry) -> Vec<u8> {
        let mut names = vec![entry];
        let mut above = entry;
        while above.start > 0 {
            above = &self.entries[above.folder as usize];
            names.push(above);
        }
        let mut path = Vec::with_capacity(names.len() * 16);
        for entry in names.iter().rev() {
            path.extend_from_slice(&self.names[entry.name_start..][..entry.name_length as usize]);
            path.push(b'/');
        }
        if entry.kind != Kind::Folder {
            path.pop();
        }
        path
    }
}

impl Entry {
    /// What its header says, where its path is that.
    fn member<'a>(&self, path: &'a [u8]) -> Member<'a> {
        let Metadata { size, modified_seconds, .. } = self.metadata;
        Member { path, size, modified_seconds }
    }

    /// Where its content begins.
    fn content_start(&self) -> u64 {
        self.start + u64::from(self.header_length)
    }

    /// Where its last block ends, if that can be counted.
    fn padded_end(&self) -> Option<u64> {
        let content = self.metadata.size.checked_next_multiple_of(BLOCK_BYTES)?;
        self.content_start().checked_add(content)
    }
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let left = self.end.saturating_sub(self.position);
        let zeros = |length: u64| {
            let length = usize::try_from(length).expect("no more than END_BYTES");
            Part::Bytes(Cow::Borrowed(&ZEROS[..length]))
        };
        if left == 0 {
            return None;
        }
        let (part, length) = loop {
            let Some(entry) = self.plan.entries.get(self.entry) else {
                break (zeros(left), left);
            };
            let content_start = entry.content_start();
            let content_end = content_start + entry.metadata.size;
            if self.position < content_start {
                let mut header = entry.member(&self.plan.path(entry)).header();
                let from = usize::try_from(self.position - entry.start).expect("in the header");
                header.drain(..from);
                header.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let length = header.len() as u64;
                break (Part::Bytes(Cow::Owned(header)), length);
            }
            if self.position < content_end {
                let length = left.min(content_end - self.position);
                let span = Span { first: self.position - content_start, length };
                break (Part::Content { entry: self.entry, span }, length);
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
