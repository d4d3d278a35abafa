//! Turns a folder into a response: reads its entries and shows the visible ones.
//!
//! An entry is left out if, and only if, a request for it gets 404. If an entry cannot be examined
//! at the moment, the whole listing fails. Only links are opened, to see where they lead;
//! everything else is known from the folder itself.

use std::ffi::CStr;
use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, RawDir, SeekFrom};
use rustix::io::Errno;

use super::bodies::Failure;
use super::listing::{self, Kind, Listing, Order, README_BYTES_MAX, Readme};
use super::root::{Metadata, OpenError, Opened, Root};
use super::{Site, files, pages};
use crate::gate::{Permit, Requester};
use crate::http::date::Date;
use crate::http::negotiation;
use crate::http::request::Request;
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::memory;

/// The files shown below the list: the first that exists.
const README_NAMES: [&[u8]; 4] = [b"README.md", b"README.markdown", b"README", b"README.txt"];

/// Bytes of names read from a folder at once.
const NAMES_BYTES: usize = 32 * 1024;

/// Names read between two notes of progress, which show that the disk still answers, and two checks
/// for free memory.
const NAMES_BETWEEN_CHECKS: usize = 64;

/// The entry behind a name in a folder.
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) is_link: bool,
    /// `None` if it exists but may not be read.
    pub(super) metadata: Option<Metadata>,
}

impl Site {
    /// The response for a folder without an index, in the form that the client wants: as `?format=`
    /// says or, without it, Accept.
    pub(super) fn folder(
        &self,
        folder: OwnedFd,
        request: &Request<'_>,
        now: Date,
        requester: &dyn Requester,
    ) -> Result<Response, Failure> {
        let query = request.target.query().unwrap_or_default();
        let format = form_urlencoded::parse(query).find(|(name, _)| name == "format");
        let is_json = match format.as_ref().map(|(_, format)| &**format) {
            Some("html") => false,
            Some("json") => true,
            Some("tar") => return self.archive(folder, request, now, requester),
            Some(_) => return Ok(pages::unknown_format(&request.target)),
            None => negotiation::prefers_json(request.fields.list("accept").as_deref()),
        };
        self.listing(&folder, request, is_json, requester)
    }

    /// The response for a folder, as a page or as JSON.
    fn listing(
        &self,
        folder: &OwnedFd,
        request: &Request<'_>,
        is_json: bool,
        requester: &dyn Requester,
    ) -> Result<Response, Failure> {
        let path = request.target.path();
        let mut total = 0;
        let make = |maker: &Permit| {
            let order = Order::from_query(request.target.query());
            let listing = self.list(folder, path, order, maker)?;
            total = listing.total();
            if is_json {
                return Ok(listing::json(&listing)?);
            }
            let readme = read_me(&self.root, path)?;
            let has_archive = self.options.archive_limit > 0;
            Ok(listing::page(path, &listing, readme.as_ref(), has_archive)?)
        };
        // HEAD gets the length of the page, which is not sent.
        let (body, permit) = self.bodies.make(requester, make, Vec::capacity)?;
        let media_type = if is_json { "application/json" } else { "text/html; charset=utf-8" };
        // No validator would be true: a file's size can change without a trace on its folder.
        Ok(Response::new(Status::Ok, Body::Bytes(body.into()))
            .holding(permit)
            .with("Content-Type", media_type)
            .with("Cache-Control", "no-cache")
            .with("Vary", "Accept")
            // JSON has no place for it, and would look complete when cut at the limit.
            .with("X-Total-Count", total.to_string())
            .with("Content-Security-Policy", listing::CONTENT_SECURITY_POLICY))
    }

    /// The visible entries: the first ones in this order, at most `listing_limit`.
    fn list(
        &self,
        folder: &OwnedFd,
        path: &[u8],
        order: Order,
        maker: &Permit,
    ) -> Result<Listing, OpenError> {
        let mut listing = Listing::new(order, self.options.listing_limit);
        each_name(folder, maker, |name| {
            if !self.options.dotfiles.lists(name.to_bytes()) {
                return Ok(());
            }
            match look(&self.root, folder, path, name) {
                Ok(Entry { kind, metadata, .. }) => {
                    let size = metadata.filter(|_| kind == Kind::File).map(|it| it.size);
                    let modified = metadata.and_then(|it| it.modified());
                    let name = name.to_bytes().to_vec();
                    Ok(listing.push(listing::Entry::new(name, kind, size, modified))?)
                }
                // A request for it would get 404, or it has vanished.
                Err(OpenError::NotFound) => Ok(()),
                // Other errors may be over in a moment: they must not make a listing incomplete.
                Err(error) => Err(error),
            }
        })?;
        Ok(listing.finish())
    }
}

/// Calls `take` with each name in the folder but `.` and `..`, until it fails. Also fails if memory
/// is short, so that names can be kept.
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
            maker.note_progress();
        }
        count += 1;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            take(entry.file_name())?;
        }
    }
    Ok(())
}

/// Examines a name in the folder at `path` below the root. An entry is not found if, and only if, a
/// request for it gets 404.
pub(super) fn look(
    root: &Root,
    folder: &OwnedFd,
    path: &[u8],
    name: &CStr,
) -> Result<Entry, OpenError> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let file_type = FileType::from_raw_mode(stat.st_mode);
    let is_link = file_type == FileType::Symlink;
    let (kind, metadata) = match file_type {
        FileType::RegularFile => (Kind::File, Some(Metadata::from(&stat))),
        FileType::Directory => (Kind::Directory, Some(Metadata::from(&stat))),
        FileType::Symlink => match root.entry(&files::join(path, name.to_bytes())) {
            Ok(Opened::File(_, metadata)) => (Kind::File, Some(metadata)),
            Ok(Opened::Directory(folder)) => (Kind::Directory, Some(Metadata::of(&folder)?)),
            // A request for it would get 403, so it exists, but its kind is unknown.
            Err(OpenError::Forbidden) => (Kind::Other, None),
            Err(error) => return Err(error),
        },
        _ => return Err(OpenError::NotFound),
    };
    Ok(Entry { kind, is_link, metadata })
}

/// The first README that exists and may be read, up to the length that the page shows.
fn read_me(root: &Root, path: &[u8]) -> Result<Option<Readme>, OpenError> {
    for name in README_NAMES {
        match root.file(&files::join(path, name)) {
            Ok((file, _)) => {
                let mut text = Vec::new();
                let read = file.take(README_BYTES_MAX as u64 + 1).read_to_end(&mut text);
                let errno = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
                read.map_err(errno)?;
                return Ok(Some(Readme { name, text }));
            }
            Err(OpenError::NotFound | OpenError::Forbidden) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
