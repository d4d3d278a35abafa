//! A folder becomes a response: its entries are read, those that may be seen are chosen and shown.
//!
//! Nothing is listed for which a request gets 404, and only that is left out: where an entry
//! cannot be looked at for now, the whole listing fails.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::bodies::{Bodies, Failure};
use super::entries::{self, Entry};
use super::files;
use super::listing::{self, Listing, Order, README_BYTES_MAX, Readme, Selection};
use super::root::{OpenError, OpenFile, Root};
use crate::gate::{Permit, Requester};
use crate::http::negotiation;
use crate::http::request::Request;
use crate::http::response::{Body, Response};
use crate::http::status::Status;

/// The files that are shown below the list, the first one found.
const README_NAMES: [&[u8]; 4] = [b"README.md", b"README.markdown", b"README", b"README.txt"];

/// The form of a folder that a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A listing for people.
    Page,
    /// A listing for programs.
    Json,
    /// The folder itself, and all below it.
    Archive,
}

/// The response for a folder, as a page or as JSON.
pub(crate) fn respond(
    root: &Root,
    options: &files::Options,
    bodies: &Bodies,
    folder: &OwnedFd,
    request: &Request<'_>,
    format: Format,
    requester: &dyn Requester,
) -> Result<Response, Failure> {
    let path = request.target.path();
    let order = Order::from_query(request.target.query());
    let is_json = format == Format::Json;
    let media_type = if is_json { "application/json" } else { "text/html; charset=utf-8" };
    let mut total = 0;
    let make = |maker: &Permit| {
        let listing = read(root, options, folder, (path, order), maker)?;
        total = listing.total();
        if is_json {
            return Ok(listing::json(&listing)?);
        }
        let readme = read_me(root, path)?;
        let has_archive = options.archive_limit > 0;
        Ok(listing::page(path, &listing, order, readme.as_ref(), has_archive)?)
    };
    // HEAD gets the length of the page, which is not sent.
    let (body, permit) = bodies.make(requester, make, Vec::capacity)?;
    // No validator would be true: a file's size can change without a trace on its folder.
    Ok(Response::new(Status::Ok, Body::Bytes(body.into()))
        .holding(permit)
        .with("Content-Type", media_type)
        .with("Cache-Control", "no-cache")
        .with("Vary", "Accept")
        // JSON has no place for it, and cut at the limit it looks whole.
        .with("X-Total-Count", total.to_string())
        .with("Content-Security-Policy", listing::CONTENT_SECURITY_POLICY))
}

/// `?format=` decides; without it, Accept does. `None`: there is no such format.
pub(crate) fn wanted_format(request: &Request<'_>) -> Option<Format> {
    let query = request.target.query().unwrap_or_default();
    let format = form_urlencoded::parse(query).find(|(name, _)| name == "format");
    match format.as_ref().map(|(_, format)| &**format) {
        Some("html") => Some(Format::Page),
        Some("json") => Some(Format::Json),
        Some("tar") => Some(Format::Archive),
        Some(_) => None,
        None if negotiation::prefers_json(request.fields.list("accept").as_deref()) => {
            Some(Format::Json)
        }
        None => Some(Format::Page),
    }
}

/// The entries that may be seen: the first ones in that order, at most `listing_limit`.
fn read(
    root: &Root,
    options: &files::Options,
    folder: &OwnedFd,
    (path, order): (&[u8], Order),
    maker: &Permit,
) -> Result<Listing, OpenError> {
    let mut selection = Selection::new(order, options.listing_limit);
    entries::each_name(folder, maker, |name| {
        if !options.dotfiles.lists(name.to_bytes()) {
            return Ok(());
        }
        match entries::look(root, folder, path, name) {
            Ok(Entry { kind, metadata, .. }) => Ok(selection.push(listing::Entry {
                name: name.to_bytes().to_vec(),
                kind,
                size: metadata.map_or(0, |metadata| metadata.size),
                modified: metadata.and_then(|metadata| metadata.modified()),
            })?),
            // A request for it would get 404, or it has vanished.
            Err(OpenError::NotFound) => Ok(()),
            // Anything else may be over in a moment: no listing lacks an entry because of it.
            Err(error) => Err(error),
        }
    })?;
    Ok(selection.finish()?)
}

/// The first README that is there and may be read.
fn read_me(root: &Root, path: &[u8]) -> Result<Option<Readme>, OpenError> {
    for name in README_NAMES {
        match root.file(&files::join(path, name)) {
            Ok(OpenFile { file, .. }) => {
                return Ok(Some(Readme { name: name.to_vec(), text: beginning(&file)? }));
            }
            Err(OpenError::NotFound | OpenError::Forbidden) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// As much of a README as the page takes.
fn beginning(file: &File) -> rustix::io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(README_BYTES_MAX + 1);
    while text.len() <= README_BYTES_MAX {
        let offset = text.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut text), offset) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(text)
}
