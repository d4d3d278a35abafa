//! A folder as an archive of everything below it.
//!
//! A walk notes the entries. They determine the length, the entity-tag and every byte, so an
//! archive is sent whole or in part like a file. The walk grants nothing: files are opened one by
//! one while they are sent, and must still be as noted. A file that has grown is cut at its noted
//! size. One that is gone, shorter, replaced or rewritten ends the response, since the client would
//! mistake the bytes of two states for one. A file rewritten in place with more bytes looks like
//! one that has grown.

mod plan;

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rustix::fs::{Access, AtFlags};

use self::plan::{Entry, Kind, Plan};
use super::bodies::Failure;
use super::representation::{self, Content, Representation};
use super::root::{Metadata, OpenError, Opened, Root};
use super::{Site, files, folder, listing, pages};
use crate::gate::{Permit, Requester};
use crate::http::date::Date;
use crate::http::range::ByteRange;
use crate::http::request::Request;
use crate::http::response::{self, Chunk, Response, Stream};
use crate::memory;

/// The name of the archived folder if it has none: the root of the file system.
const UNNAMED: &[u8] = b"root";

/// The longest path that can be opened, in bytes. Deeper files cannot be requested either.
const PATH_BYTES_MAX: usize = 4095;

/// This many bytes of a path count as another entry, so that the limit on entries also bounds the
/// memory for their paths.
const PATH_BYTES_OF_ONE: usize = 512;

/// Checks whether the client is still there after this many entries.
const LOOK_INTERVAL: usize = 16;

/// An archive being sent.
#[derive(Debug)]
struct Archive {
    root: Arc<Root>,
    folder: OwnedFd,
    /// The folder's path below the root.
    path: Vec<u8>,
    plan: Plan,
}

impl Site {
    /// The response with a folder as an archive.
    pub(super) fn archive(
        &self,
        folder: OwnedFd,
        request: &Request<'_>,
        now: Date,
        requester: &dyn Requester,
    ) -> Result<Response, Failure> {
        let target = &request.target;
        if self.options.archive_limit == 0 {
            return Ok(pages::archive_refused(0, target));
        }
        let path = target.path();
        let root_name = || self.root.real_path().file_name().map_or(UNNAMED, OsStr::as_bytes);
        let name = target.names().last().unwrap_or_else(root_name);
        let make = |maker: &Permit| {
            let (plan, rest, seen) = (Plan::default(), Vec::new(), 0);
            Walk { site: self, path, requester, maker, plan, rest, seen }.plan(&folder, name)
        };
        let (plan, permit) = self.bodies.make(requester, make, Plan::held_bytes)?;
        let representation = Representation {
            length: plan.length(),
            media_type: "application/x-tar".to_owned(),
            // No date: if an older file replaced the newest, the date would stay the same.
            etag: plan.etag(),
            modified: None,
            coding: None,
            varies_by: None,
            disposition: Some(response::attachment(&[name, b".tar"].concat())),
            content: Content::Stream(Box::new(Archive {
                root: Arc::clone(&self.root),
                folder,
                path: path.to_vec(),
                plan,
            })),
        };
        Ok(representation::respond(representation, request, now).holding(permit))
    }
}

impl Stream for Archive {
    fn parts(&self, span: ByteRange) -> Box<dyn Iterator<Item = Option<Chunk>> + '_> {
        Box::new(self.plan.parts(span).map(|part| match part {
            plan::Chunk::Bytes(bytes) => Some(Chunk::Bytes(bytes.into())),
            plan::Chunk::Content { entry, span } => Some(Chunk::File(self.open(entry)?, span)),
        }))
    }
}

impl Archive {
    /// Opens the file of an entry, if it is still the same.
    fn open(&self, entry: usize) -> Option<File> {
        let entry = self.plan.planned(entry);
        let (path, noted) = (self.plan.path_below(entry), entry.metadata);
        let opened = match entry.kind {
            Kind::Link => self.root.entry(&files::join(&self.path, path)),
            Kind::File | Kind::Folder => self.root.entry_below(&self.folder, path),
        };
        match opened {
            Ok(Opened::File(file, metadata))
                if metadata == noted
                    || metadata.inode == noted.inode && metadata.size > noted.size =>
            {
                Some(file)
            }
            Err(OpenError::Unavailable(errno) | OpenError::Failed(errno)) => {
                log::warn!("cannot open a file of an archive that is being sent: {errno}");
                None
            }
            Ok(_) | Err(OpenError::NotFound | OpenError::Forbidden) => None,
        }
    }
}

/// A walk through a folder and everything below it, for the entries of an archive.
///
/// They are those of listings: visible names, and links only if they lead to a file. Links to
/// folders are left out, so the walk always goes down and never in a circle. Unreadable ones are
/// left out too, and paths too long to be requested. Any other entry that cannot be examined at the
/// moment fails the walk: an archive that silently lacks something is worse than none.
struct Walk<'a> {
    site: &'a Site,
    /// The folder's path below the root.
    path: &'a [u8],
    requester: &'a dyn Requester,
    maker: &'a Permit,
    plan: Plan,
    /// The entries to come, the next one last. Only their names wait here: no folder stays open
    /// during the walk through its entries.
    rest: Vec<Entry>,
    /// The number of entries so far.
    seen: usize,
}

impl Walk<'_> {
    /// The plan of an archive of `folder`, which it calls `name`.
    fn plan(mut self, folder: &OwnedFd, name: &[u8]) -> Result<Plan, Failure> {
        let metadata = Metadata::of(folder).map_err(OpenError::from)?;
        self.rest.push(self.plan.entry(None, name, Kind::Folder, metadata)?);
        while let Some(entry) = self.rest.pop() {
            if entry.kind == Kind::Folder {
                let path = self.plan.path_below(&entry);
                let below = match self.site.root.entry_below(folder, path) {
                    Ok(Opened::Directory(below)) => below,
                    // It was there a moment ago. Only the archived folder itself must still be.
                    Err(OpenError::NotFound | OpenError::Forbidden) if !path.is_empty() => continue,
                    Ok(Opened::File(..)) => continue,
                    Err(error) => return Err(error.into()),
                };
                let start = self.rest.len();
                self.read(&below, &entry)?;
                let path = |entry: &Entry| self.plan.path_below(entry);
                self.rest[start..].sort_unstable_by(|a, b| path(b).cmp(path(a)));
            }
            self.plan.push(entry)?;
        }
        Ok(self.plan.finish())
    }

    /// Appends the visible entries of a folder. They count as seen even if they cannot be read.
    fn read(&mut self, folder: &OwnedFd, entry: &Entry) -> Result<(), Failure> {
        let path = self.plan.path_below(entry);
        let (length_above, from_root) = (path.len(), files::join(self.path, path));
        let mut looks = 0_usize;
        let read = folder::each_name(folder, self.maker, |file_name| {
            let name = file_name.to_bytes();
            if looks.is_multiple_of(LOOK_INTERVAL) && self.requester.is_gone() {
                return Err(Failure::Denied);
            }
            looks += 1;
            let length = length_above + "/".len() + name.len();
            if length > PATH_BYTES_MAX || !self.site.options.dotfiles.lists(name) {
                return Ok(());
            }
            self.seen += 1 + length / PATH_BYTES_OF_ONE;
            if self.seen > self.site.options.archive_limit {
                return Err(Failure::TooLarge);
            }
            match self.look(folder, &from_root, file_name) {
                Ok((kind, metadata)) => {
                    memory::reserve(&mut self.rest, 1)?;
                    self.rest.push(self.plan.entry(Some(entry), name, kind, metadata)?);
                }
                Err(OpenError::NotFound | OpenError::Forbidden) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        });
        match read {
            // The folder was removed a moment ago. For the archived one itself, that is an error.
            Err(Failure::Open(OpenError::NotFound)) if length_above > 0 => Ok(()),
            read => read,
        }
    }

    /// Examines this name, for an archive, in the folder at `path` below the root.
    fn look(
        &self,
        folder: &OwnedFd,
        path: &[u8],
        name: &CStr,
    ) -> Result<(Kind, Metadata), OpenError> {
        let folder::Entry { kind, is_link, metadata } =
            folder::look(&self.site.root, folder, path, name)?;
        let kind = match (kind, is_link) {
            (listing::Kind::Directory, false) => Kind::Folder,
            (listing::Kind::File, true) => Kind::Link,
            (listing::Kind::File, false) => {
                rustix::fs::accessat(folder, name, Access::READ_OK, AtFlags::empty())?;
                Kind::File
            }
            _ => return Err(OpenError::NotFound),
        };
        Ok((kind, metadata.ok_or(OpenError::NotFound)?))
    }
}

#[cfg(test)]
mod tests;
