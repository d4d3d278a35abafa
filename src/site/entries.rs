//! What is in a folder, for listings and archives: its names, and what they lead to.
//!
//! Nothing is here for which a request gets 404. Only links are opened, to see where they lead;
//! everything else is known from the folder itself.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, RawDir, SeekFrom};

use super::files;
use super::listing::Kind;
use super::root::{Metadata, OpenError, Opened, Root};
use crate::gate::Permit;
use crate::memory;

/// Bytes of names that are read from a folder at once.
const NAMES_BYTES: usize = 32 * 1024;

/// Names that are read before we look again whether there is memory for more.
const NAMES_BETWEEN_CHECKS: usize = 1_024;

/// Names that are read before it is noted that the disk still answers.
const NAMES_BETWEEN_NOTES: usize = 64;

/// What a name in a folder leads to.
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) is_link: bool,
    /// Unknown of what is there, but may not be read.
    pub(super) metadata: Option<Metadata>,
}

/// Calls `take` with each name in the folder but its own and its parent's, from the first one on,
/// until that fails. So that names can be kept, it fails where memory is short.
pub(super) fn each_name<E: From<OpenError>>(
    folder: &OwnedFd,
    maker: &Permit,
    mut take: impl FnMut(&CStr) -> Result<(), E>,
) -> Result<(), E> {
    rustix::fs::seek(folder, SeekFrom::Start(0)).map_err(OpenError::from)?;
    let mut buffer = Vec::with_capacity(NAMES_BYTES);
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    let mut count = 0_usize;
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(OpenError::from)?;
        if count.is_multiple_of(NAMES_BETWEEN_CHECKS) {
            memory::check(0).map_err(OpenError::from)?;
        }
        if count.is_multiple_of(NAMES_BETWEEN_NOTES) {
            maker.note_progress();
        }
        count += 1;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            take(entry.file_name())?;
        }
    }
    Ok(())
}

/// What that name leads to, in the folder that is at `path` below the root.
pub(super) fn look(
    root: &Root,
    folder: &OwnedFd,
    path: &[u8],
    name: &CStr,
) -> Result<Entry, OpenError> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => return follow(root, &files::join(path, name.to_bytes())),
        _ => return Err(OpenError::NotFound),
    };
    Ok(Entry { kind, is_link: false, metadata: Some(Metadata::from(&stat)) })
}

/// What the link at that path leads to.
fn follow(root: &Root, path: &[u8]) -> Result<Entry, OpenError> {
    let (kind, metadata) = match root.entry(path) {
        Ok(Opened::File(file)) => (Kind::File, Some(file.metadata)),
        Ok(Opened::Directory(folder)) => (Kind::Directory, Some(Metadata::of(&folder)?)),
        // A request for it would get 403, so it is there; what it is cannot be known.
        Err(OpenError::Forbidden) => (Kind::Other, None),
        Err(error) => return Err(error),
    };
    Ok(Entry { kind, is_link: true, metadata })
}
