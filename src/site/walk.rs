//! A walk through a folder and all below it: what of it an archive has.
//!
//! It has what listings show: names that may be seen, and links only where they lead to a file. A
//! link to a folder is left out, so a walk goes down and never in a circle. What may not be read is
//! left out as well, and only that: where an entry cannot be opened for now, the walk fails, since
//! an archive that silently lacks something is worse than none. Opening is the check here too, and
//! no more than two of the folders and files are open at once.

use std::os::fd::OwnedFd;
use std::vec;

use rustix::fs::{AtFlags, FileType, RawDir};

use super::archive::{Kind, Plan, TooLarge};
use super::audience::Audience;
use super::files::{self, Dotfiles};
use super::root::{Metadata, OpenError, Opened, Root};

/// Bytes of names that are read from a folder at once.
const NAMES_BYTES: usize = 32 * 1024;

/// Entries after which we look whether the client is still there.
const LOOK_INTERVAL: usize = 16;

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// More entries than the limit, or more bytes than can be counted.
    TooLarge,
    /// The client has gone meanwhile.
    ClientGone,
    /// A file or folder could not be opened.
    Open(OpenError),
}

/// Where to go, and how far.
pub(crate) struct Walk<'a> {
    pub(super) root: &'a Root,
    pub(super) dotfiles: Dotfiles,
    /// The entries that are looked at, at most.
    pub(super) limit: usize,
    /// The folder's path below the root.
    pub(super) path: &'a [u8],
    pub(super) audience: &'a dyn Audience,
}

/// A folder on the way down, and what of it is still to be looked at.
struct Level {
    /// Its entry in the plan.
    entry: usize,
    names: vec::IntoIter<Name>,
}

/// A name in a folder.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    bytes: Box<[u8]>,
    is_link: bool,
}

impl Walk<'_> {
    /// The plan of an archive of `folder`, in which that is called `name`.
    pub(super) fn plan(&self, folder: &OwnedFd, name: &[u8]) -> Result<Plan, Failure> {
        let mut plan = Plan::new(name, metadata_of(folder)?);
        let mut seen = 0;
        let names = self.names_in(folder, &mut seen)?;
        let mut levels = vec![Level { entry: 0, names }];
        let mut looked = 0_usize;
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.names.next() else {
                levels.pop();
                continue;
            };
            if looked.is_multiple_of(LOOK_INTERVAL) && self.audience.has_gone() {
                return Err(Failure::ClientGone);
            }
            looked += 1;
            let above = level.entry;
            let path = files::join(&plan.path_below(above), &name.bytes);
            match self.open(folder, &path, name.is_link) {
                Ok(Opened::File(file)) => {
                    let kind = if name.is_link { Kind::Link } else { Kind::File };
                    plan.push(above, &name.bytes, kind, file.metadata)?;
                }
                Ok(Opened::Directory(_)) if name.is_link => {}
                Ok(Opened::Directory(folder)) => {
                    let metadata = metadata_of(&folder)?;
                    let entry = plan.push(above, &name.bytes, Kind::Folder, metadata)?;
                    levels.push(Level { entry, names: self.names_in(&folder, &mut seen)? });
                }
                Err(OpenError::NotFound | OpenError::Forbidden) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(plan.finish())
    }

    /// Opens what is at `path` below the folder; a link in the way that requests go.
    fn open(&self, folder: &OwnedFd, path: &[u8], is_link: bool) -> Result<Opened, OpenError> {
        if is_link {
            self.root.entry(&files::join(self.path, path))
        } else {
            self.root.entry_below(folder, path)
        }
    }

    /// The names in a folder that may be seen, sorted by their bytes. They count as seen.
    fn names_in(&self, folder: &OwnedFd, seen: &mut usize) -> Result<vec::IntoIter<Name>, Failure> {
        let mut names = Vec::new();
        let mut buffer = Vec::with_capacity(NAMES_BYTES);
        let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(OpenError::from)?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") || !self.dotfiles.lists(bytes) {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems don't say it with the name.
                FileType::Unknown => {
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    match rustix::fs::statat(folder, entry.file_name(), flags) {
                        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                        Err(errno) => match OpenError::from(errno) {
                            OpenError::NotFound | OpenError::Forbidden => continue,
                            error => return Err(error.into()),
                        },
                    }
                }
                kind => kind,
            };
            let is_link = match kind {
                FileType::RegularFile | FileType::Directory => false,
                FileType::Symlink => true,
                _ => continue,
            };
            *seen += 1;
            if *seen > self.limit {
                return Err(Failure::TooLarge);
            }
            names.push(Name { bytes: bytes.into(), is_link });
        }
        names.sort_unstable();
        Ok(names.into_iter())
    }
}

fn metadata_of(folder: &OwnedFd) -> Result<Metadata, OpenError> {
    let stat = rustix::fs::fstat(folder)?;
    Ok(Metadata::from(&stat))
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<TooLarge> for Failure {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}
