//! A target becomes a file, and a file becomes a response.
//!
//! [`find`] finds out what a target is, and chooses among the codings that a file is stored in;
//! [`respond`] says what is known of it. What could not be opened is an error, whose status is
//! decided in `site`.

use std::os::fd::OwnedFd;

use super::media_type::MediaTypes;
use super::representation::{self, Content, Description, Representation};
use super::root::{Metadata, OpenError, OpenFile, Opened, Root};
use crate::http::conditional::{ETag, Validators};
use crate::http::date::Date;
use crate::http::negotiation::{self, Coding};
use crate::http::range::ByteRange;
use crate::http::request::Request;
use crate::http::response::{Body, Response, Segment};
use crate::http::status::Status;
use crate::http::target::Target;

/// How files and folders are served.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Names that are served for a folder: the first one that is found.
    pub(crate) index: Vec<Vec<u8>>,
    /// Whether a folder without an index is listed; otherwise it is not found.
    pub(crate) listing: bool,
    /// Entries that a listing shows at most.
    pub(crate) listing_limit: usize,
    /// Entries that an archive has at most; none is made where this is 0.
    pub(crate) archive_limit: usize,
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
    File(ChosenFile),
    /// A folder without an index.
    Folder(OwnedFd),
    /// A folder, whose target should end in a slash.
    WithoutSlash,
}

/// A file in the coding that was chosen for this request.
pub(crate) struct ChosenFile {
    file: OpenFile,
    coding: Option<Coding>,
    media_type: String,
    /// What it was chosen by.
    vary: &'static str,
}

impl ChosenFile {
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
) -> Result<ChosenFile, OpenError> {
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
fn pretty(root: &Root, options: &Options, request: &Request<'_>) -> Result<ChosenFile, OpenError> {
    let path = request.target.path();
    if !options.pretty_urls || path.is_empty() {
        return Err(OpenError::NotFound);
    }
    let path = [path, b".html"].concat();
    let file = root.file(&path)?;
    Ok(represent(root, options, request, &path, file))
}

/// What answers where nothing is found: the root's index, for an application with one page, whose
/// script shows what each path means (`--spa`). Neither where a file is meant, nor for clients that
/// want something else than HTML.
pub(super) fn fallback(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
) -> Result<ChosenFile, OpenError> {
    let accept = request.fields.list("accept");
    if !has_fallback(options, &request.target) || !negotiation::prefers_html(accept.as_deref()) {
        return Err(OpenError::NotFound);
    }
    index_of(root, options, request, b"").map(ChosenFile::chosen_by_accept)
}

/// Whether only Accept decides if the index answers where nothing is found.
pub(super) fn has_fallback(options: &Options, target: &Target<'_>) -> bool {
    options.spa && is_place(target)
}

/// Whether an application could have such a path. A last name with an extension is that of a file;
/// a name that starts with a dot is hidden, or it is `.well-known`, where programs look for what
/// they know (RFC 8615).
fn is_place(target: &Target<'_>) -> bool {
    let has_dot_name = target.names().any(|name| name.starts_with(b"."));
    let last = target.names().last().unwrap_or_default();
    let has_extension = !target.is_directory() && last.contains(&b'.');
    !has_dot_name && !has_extension
}

/// The path of `name` in the folder at `path`. Either may be empty.
pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if path.is_empty() || name.is_empty() { b"" } else { b"/" };
    [path, slash, name].concat()
}

/// Chooses the file itself, or what lies beside it in a coding that the client prefers.
fn represent(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
    path: &[u8],
    file: OpenFile,
) -> ChosenFile {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let media_type = options.media_types.of(name);
    let vary = "Accept-Encoding";
    let accepted = request.fields.list("accept-encoding");
    for coding in negotiation::acceptable_codings(accepted.as_deref()) {
        // Whatever keeps this one from being opened, the plain file will do.
        if let Ok(file) = root.file(&[path, coding.extension().as_bytes()].concat()) {
            return ChosenFile { file, coding: Some(coding), media_type, vary };
        }
    }
    ChosenFile { file, coding: None, media_type, vary }
}

/// The response for a file, made at `now`.
#[must_use]
pub(crate) fn respond(chosen: ChosenFile, request: &Request<'_>, now: Date) -> Response {
    let ChosenFile { file: OpenFile { file, metadata }, coding, media_type, vary } = chosen;
    let validators = validators(&metadata, now);
    let description = Description { validators, coding, varies_by: Some(vary), disposition: None };
    let (content, length) = (Content::File(file), metadata.size);
    representation::respond(Representation { content, length, media_type, description }, request)
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
    let whole = Segment::ByteRange(ByteRange { first: 0, length: file.metadata.size });
    Response::new(status, Body::File(file.file, vec![whole])).with("Content-Type", media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_and_hidden_names_are_no_places_of_an_application() {
        let check = |path: &str, want: bool| {
            let target = Target::parse(path.as_bytes()).unwrap();
            assert_eq!(is_place(&target), want, "{path}");
        };
        for place in ["/", "/a", "/a/b?c=d.e", "/a/", "/v1.2/intro", "/v1.2/", "/%61/./b"] {
            check(place, true);
        }
        for other in ["/a.js", "/a/b.c.css", "/a.", "/a%2ejs", "/.git", "/.git/", "/.well-known/a"]
        {
            check(other, false);
        }
    }
}
