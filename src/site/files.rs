//! A target becomes a file, and a file becomes a response.
//!
//! [`find`] finds out what a target is, and chooses among the codings that a file is stored in;
//! [`respond`] evaluates the preconditions and then the ranges, in the order of RFC 9110 section
//! 13.2.2. What could not be opened is an error, whose status is decided in `site`.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::os::fd::OwnedFd;

use super::media_type::MediaTypes;
use super::pages;
use super::root::{Metadata, OpenError, OpenFile, Opened, Root};
use crate::http::conditional::{self, ETag, Validators};
use crate::http::date::Date;
use crate::http::negotiation::{self, Coding};
use crate::http::range::{self, Multipart, Ranges, Span};
use crate::http::request::{Method, Request};
use crate::http::response::{Body, Piece, Response};
use crate::http::status::Status;

/// How files and folders are served.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Names that are served for a folder: the first one that is found.
    pub(crate) index: Vec<Vec<u8>>,
    /// Whether a folder without an index is listed; otherwise it is not found.
    pub(crate) listing: bool,
    /// Entries that a listing shows at most.
    pub(crate) listing_limit: usize,
    /// What becomes of names that start with a dot.
    pub(crate) dotfiles: Dotfiles,
    /// Whether `/about` is `about.html`, where there is no `about`.
    pub(crate) pretty_urls: bool,
    /// Whether the root's index answers where nothing is found.
    pub(crate) spa: bool,
    /// Which media type belongs to which file extension.
    pub(crate) media_types: MediaTypes,
}

/// What becomes of names that start with a dot. `.well-known` (RFC 8615) is always served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dotfiles {
    /// They are not found.
    Deny,
    /// They are served, but not listed.
    Unlisted,
    /// They are served and listed.
    Serve,
}

/// What a target is.
pub(crate) enum Found {
    /// A file.
    File(Representation),
    /// A folder without an index.
    Folder(OwnedFd),
    /// A folder, whose target should end in a slash.
    WithoutSlash,
}

/// A file in the coding that was chosen for this request.
pub(crate) struct Representation {
    file: OpenFile,
    coding: Option<Coding>,
    media_type: String,
    /// What it was chosen by.
    vary: &'static str,
}

impl Representation {
    /// The same file, for a client that would have got something else by another Accept.
    #[must_use]
    pub(super) fn chosen_by_accept(self) -> Self {
        Self { vary: "Accept, Accept-Encoding", ..self }
    }
}

impl Dotfiles {
    /// Whether an entry of that name is served.
    #[must_use]
    pub(crate) fn serves(self, name: &[u8]) -> bool {
        self != Self::Deny || !is_hidden(name)
    }

    /// Whether an entry of that name is listed.
    #[must_use]
    pub(crate) fn lists(self, name: &[u8]) -> bool {
        self == Self::Serve || !is_hidden(name)
    }
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && name != b".well-known"
}

/// What the request's target is below `root`.
pub(crate) fn find(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
) -> Result<Found, OpenError> {
    let target = &request.target;
    let path = target.path();
    if !target.names().all(|name| options.dotfiles.serves(name)) {
        return Err(OpenError::NotFound);
    }
    if target.is_directory() {
        return find_in_folder(root, options, request);
    }
    match root.entry(path) {
        Ok(Opened::File(file)) => Ok(Found::File(represent(root, options, request, path, file))),
        Ok(Opened::Directory(_)) => Ok(Found::WithoutSlash),
        Err(OpenError::NotFound) => pretty(root, options, request).map(Found::File),
        Err(error) => Err(error),
    }
}

/// The folder's index, or the page beside it that has its name, or the folder itself.
fn find_in_folder(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
) -> Result<Found, OpenError> {
    let path = request.target.path();
    let page = match index_of(root, options, request, path) {
        Err(OpenError::NotFound) => pretty(root, options, request),
        result => result,
    };
    match page {
        Err(OpenError::NotFound) => {}
        result => return result.map(Found::File),
    }
    match root.entry(path)? {
        Opened::Directory(folder) if options.listing => Ok(Found::Folder(folder)),
        _ => Err(OpenError::NotFound),
    }
}

/// The first index that is found in the folder at `path`.
pub(super) fn index_of(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
    path: &[u8],
) -> Result<Representation, OpenError> {
    for index in &options.index {
        let path = join(path, index);
        match root.file(&path) {
            Err(OpenError::NotFound) => {}
            result => return Ok(represent(root, options, request, &path, result?)),
        }
    }
    Err(OpenError::NotFound)
}

/// `about.html` for `about`, if URLs may be so written (`--pretty-urls`).
fn pretty(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
) -> Result<Representation, OpenError> {
    let path = request.target.path();
    if !options.pretty_urls || path.is_empty() {
        return Err(OpenError::NotFound);
    }
    let path = [path, b".html"].concat();
    let file = root.file(&path)?;
    Ok(represent(root, options, request, &path, file))
}

/// The path of `name` in the folder at `path`.
pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// Chooses the file itself, or what lies beside it in a coding that the client prefers.
fn represent(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
    path: &[u8],
    file: OpenFile,
) -> Representation {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let media_type = options.media_types.of(name);
    let vary = "Accept-Encoding";
    let accepted = request.fields.list("accept-encoding");
    for coding in negotiation::acceptable_codings(accepted.as_deref()) {
        // Whatever keeps this one from being opened, the plain file will do.
        if let Ok(file) = root.file(&[path, coding.extension().as_bytes()].concat()) {
            return Representation { file, coding: Some(coding), media_type, vary };
        }
    }
    Representation { file, coding: None, media_type, vary }
}

/// The response for a file: all of it, part of it, or none, as the preconditions decide.
#[must_use]
pub(crate) fn respond(
    representation: Representation,
    request: &Request<'_>,
    now: Date,
) -> Response {
    let Representation { file, coding, media_type, vary } = representation;
    let validators = validators(&file.metadata, now);
    let complete_length = file.metadata.size;
    let identify = |response: Response| identify(response, &validators).with("Vary", vary);
    let describe = |response: Response| describe(identify(response), &validators, coding);
    match conditional::evaluate(true, &request.fields, &validators) {
        conditional::Outcome::NotModified => {
            return identify(Response::new(Status::NotModified, Body::None));
        }
        conditional::Outcome::PreconditionFailed => {
            return pages::error(Status::PreconditionFailed);
        }
        conditional::Outcome::Proceed => {}
    }
    match requested_ranges(request, &validators, complete_length) {
        // Content-Encoding would say that the multipart itself is coded, which it is not.
        Ranges::Several(_) if coding.is_some() => describe(plain(Status::Ok, file, media_type)),
        Ranges::Whole => describe(plain(Status::Ok, file, media_type)),
        Ranges::One(span) => describe(
            Response::new(Status::PartialContent, Body::File(file.file, vec![Piece::Span(span)]))
                .with("Content-Type", media_type)
                .with("Content-Range", range::content_range(span, complete_length)),
        ),
        Ranges::Several(spans) => describe(multipart(file, &media_type, &spans)),
        Ranges::Unsatisfiable => pages::error(Status::RangeNotSatisfiable)
            .with("Content-Range", range::unsatisfied_content_range(complete_length)),
    }
}

/// The validators of a file in a response made at `now`.
fn validators(metadata: &Metadata, now: Date) -> Validators {
    let &Metadata { size, modified_seconds, modified_nanoseconds, inode } = metadata;
    let etag = ETag::from_file(size, modified_seconds, modified_nanoseconds, inode);
    Validators::new(etag, metadata.modified(), now)
}

/// A file as it is, without validators.
#[must_use]
pub(crate) fn plain(status: Status, file: OpenFile, media_type: String) -> Response {
    let whole = Piece::Span(Span { first: 0, length: file.metadata.size });
    Response::new(status, Body::File(file.file, vec![whole])).with("Content-Type", media_type)
}

/// The fields by which a cache knows the state that it may keep. A 304 has these, and of what it
/// leaves out the client has the values already (RFC 9110 section 15.4.5).
fn identify(response: Response, validators: &Validators) -> Response {
    response.with("ETag", validators.etag.to_string()).with("Cache-Control", "no-cache")
}

/// The fields of a response that has content: what state it is of, and in which coding.
fn describe(response: Response, validators: &Validators, coding: Option<Coding>) -> Response {
    let mut response = response.with("Accept-Ranges", "bytes");
    if let Some(date) = validators.last_modified {
        response = response.with("Last-Modified", date.to_string());
    }
    match coding {
        Some(coding) => response.with("Content-Encoding", coding.name()),
        None => response,
    }
}

/// Range only applies to GET (RFC 9110 section 14.2), and to the state that If-Range names.
fn requested_ranges(request: &Request<'_>, validators: &Validators, length: u64) -> Ranges {
    match request.fields.list("range") {
        Some(value)
            if request.method == Method::Get
                && conditional::if_range_holds(&request.fields, validators) =>
        {
            range::parse(&value, length)
        }
        _ => Ranges::Whole,
    }
}

/// Several spans, each with a head of its own (RFC 9110 section 15.3.7.2).
fn multipart(file: OpenFile, media_type: &str, spans: &[Span]) -> Response {
    // It cannot be guessed, so no file can be made to contain it.
    let boundary = format!("{:016x}", RandomState::new().build_hasher().finish());
    let frame = Multipart::new(&boundary, media_type, spans, file.metadata.size);
    let parts = frame.parts.into_iter();
    let mut pieces: Vec<Piece> = parts
        .flat_map(|part| [Piece::Bytes(part.head.into_bytes()), Piece::Span(part.span)])
        .collect();
    pieces.push(Piece::Bytes(frame.closing.into_bytes()));
    Response::new(Status::PartialContent, Body::File(file.file, pieces))
        .with("Content-Type", frame.content_type)
}
