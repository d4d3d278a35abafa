//! A walk through a folder and all below it: what of it an archive has.
//!
//! It has what listings show: names that may be seen, and links only where they lead to a file. A
//! link to a folder is left out, so a walk goes down and never in a circle. Left out as well is
//! what may not be read, and what lies too deep to be asked for. Only that: where an entry cannot
//! be looked at for now, the walk fails, since an archive that silently lacks something is worse
//! than none.
//!
//! A walk permits nothing. It only notes what each file must still be when it is opened to be sent,
//! and that opening is the check. No more than four of the folders and files are open at once: the
//! archived folder, two below it, and what a link there leads to.

use std::ffi::CStr;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::vec;

use rustix::fs::{Access, AtFlags};

use super::archive::{Full, Kind, Plan};
use super::bodies::Failure;
use super::entries::{self, Entry};
use super::files::{self, Dotfiles};
use super::listing;
use super::root::{Metadata, OpenError, Opened, Root};
use crate::gate::{Permit, Requester};
use crate::memory::{self, OutOfMemory};

/// The longest path that can be opened, in bytes. What is deeper cannot be asked for, either.
const PATH_BYTES_MAX: usize = 4095;

/// So many bytes of a path count as another entry, so that the limit on entries bounds the memory
/// that their paths take, too.
const PATH_BYTES_OF_ONE: usize = 512;

/// Entries after which we look whether the client is still there.
const LOOK_INTERVAL: usize = 16;

/// Where to go, and how far.
pub(crate) struct Walk<'a> {
    pub(super) root: &'a Root,
    pub(super) dotfiles: Dotfiles,
    /// The entries that are looked at, at most.
    pub(super) limit: usize,
    /// The folder's path below the root.
    pub(super) path: &'a [u8],
    pub(super) requester: &'a dyn Requester,
    pub(super) maker: &'a Permit,
}

/// A folder on the way down, and what of it is still to come.
struct Level {
    /// The length of its path below the folder that is archived.
    path_length: usize,
    children: vec::IntoIter<Child>,
    /// All their names: one large buffer leaves no holes behind in memory, thousands of names do.
    names: Vec<u8>,
}

/// What is in a folder.
struct Child {
    name: Range<usize>,
    kind: Kind,
    metadata: Metadata,
}

impl Walk<'_> {
    /// The plan of an archive of `folder`, in which that is called `name`.
    pub(super) fn plan(&self, folder: &OwnedFd, name: &[u8]) -> Result<Plan, Failure> {
        let mut plan = Plan::new(name, Metadata::of(folder).map_err(OpenError::from)?);
        let mut seen = 0;
        let mut path = Vec::new();
        // The folder that was opened last, and the length of its path. What is in it is opened from
        // there, since the kernel goes through each folder of a path.
        let mut last: Option<(usize, OwnedFd)> = None;
        let mut levels = vec![self.level(folder, &path, &mut seen)?];
        while let Some(level) = levels.last_mut() {
            let Some(Child { name, kind, metadata }) = level.children.next() else {
                levels.pop();
                continue;
            };
            path.truncate(level.path_length);
            path.extend((!path.is_empty()).then_some(b'/'));
            let name = &level.names[name];
            path.extend_from_slice(name);
            if kind != Kind::Folder {
                plan.push(&path, kind, metadata)?;
                continue;
            }
            let opened = match &last {
                Some((length, above)) if *length == level.path_length => {
                    self.root.entry_below(above, name)
                }
                _ => self.root.entry_below(folder, &path),
            };
            match opened {
                Ok(Opened::Directory(below)) => {
                    plan.push(&path, kind, Metadata::of(&below).map_err(OpenError::from)?)?;
                    levels.push(self.level(&below, &path, &mut seen)?);
                    last = Some((path.len(), below));
                }
                // It was a folder a moment ago.
                Ok(Opened::File(_)) | Err(OpenError::NotFound | OpenError::Forbidden) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(plan.finish())
    }

    /// What is in the folder at `path` below the one that is archived, sorted by the names' bytes,
    /// as far as it may be seen. It counts as seen, even if it may not be read.
    fn level(&self, folder: &OwnedFd, path: &[u8], seen: &mut usize) -> Result<Level, Failure> {
        let from_root = files::join(self.path, path);
        let (mut children, mut text, mut looks) = (Vec::new(), Vec::new(), 0_usize);
        let read = entries::each_name(folder, self.maker, |file_name| {
            let name = file_name.to_bytes();
            if looks.is_multiple_of(LOOK_INTERVAL) && self.requester.is_gone() {
                return Err(Failure::ClientGone);
            }
            looks += 1;
            let length = path.len() + "/".len() + name.len();
            if length > PATH_BYTES_MAX || !self.dotfiles.lists(name) {
                return Ok(());
            }
            *seen += 1 + length / PATH_BYTES_OF_ONE;
            if *seen > self.limit {
                return Err(Failure::TooLarge);
            }
            match self.look(folder, &from_root, file_name) {
                Ok((kind, metadata)) => {
                    memory::reserve(&mut text, name.len())?;
                    memory::reserve(&mut children, 1)?;
                    let start = text.len();
                    text.extend_from_slice(name);
                    children.push(Child { name: start..text.len(), kind, metadata });
                }
                Err(OpenError::NotFound | OpenError::Forbidden) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        });
        match read {
            // The folder was removed a moment ago; the archived one itself was not there.
            Err(Failure::Open(OpenError::NotFound)) if !path.is_empty() => {}
            read => read?,
        }
        children.sort_unstable_by(|a, b| text[a.name.clone()].cmp(&text[b.name.clone()]));
        Ok(Level { path_length: path.len(), children: children.into_iter(), names: text })
    }

    /// What that name in the folder, which is at `path` below the root, is in an archive.
    fn look(
        &self,
        folder: &OwnedFd,
        path: &[u8],
        name: &CStr,
    ) -> Result<(Kind, Metadata), OpenError> {
        let Entry { kind, is_link, metadata } = entries::look(self.root, folder, path, name)?;
        let kind = match (kind, is_link) {
            (listing::Kind::Directory, false) => Kind::Folder,
            (listing::Kind::File, true) => Kind::Link,
            (listing::Kind::File, false) => {
                rustix::fs::accessat(folder, name, Access::READ_OK, AtFlags::empty())?;
                Kind::File
            }
            (listing::Kind::Directory, true) | (listing::Kind::Other, _) => {
                return Err(OpenError::NotFound);
            }
        };
        Ok((kind, metadata.ok_or(OpenError::NotFound)?))
    }
}

impl From<Full> for Failure {
    fn from(full: Full) -> Self {
        match full {
            Full::TooLarge => Self::TooLarge,
            Full::OutOfMemory => OutOfMemory.into(),
        }
    }
}
