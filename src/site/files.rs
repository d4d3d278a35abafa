//! Turns a target into a file or a folder.
//!
//! Looks a target up below the root, and chooses among the stored codings of a file. A failure to
//! open is an error, whose status is decided in `site`.

use std::fs::File;

use super::representation::{Content, Representation};
use super::root::{Metadata, OpenError, Opened};
use super::{Found, Site, media_type};
use crate::http::conditional::ETag;
use crate::http::negotiation;
use crate::http::request::Request;
use crate::http::target::Target;

/// The treatment of hidden files. `.well-known` (RFC 8615) is always served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dotfiles {
    /// They are not found.
    Deny,
    /// They are served, but not listed.
    Unlisted,
    /// They are served and listed.
    Serve,
}

impl Dotfiles {
    /// Whether an entry with this name is served.
    pub(crate) fn serves(self, name: &[u8]) -> bool {
        self != Self::Deny || !is_hidden(name)
    }

    /// Whether an entry with this name is listed.
    pub(crate) fn lists(self, name: &[u8]) -> bool {
        self == Self::Serve || !is_hidden(name)
    }
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") && name != b".well-known"
}

impl Site {
    /// The target of the request below the root.
    pub(super) fn find_stored(&self, request: &Request<'_>) -> Result<Found<'_>, OpenError> {
        let target = &request.target;
        let path = target.path();
        if !target.names().all(|name| self.options.dotfiles.serves(name)) {
            return Err(OpenError::NotFound);
        }
        let page = if target.is_directory() {
            self.index_of(path, request)
        } else {
            match self.root.entry(path) {
                Ok(Opened::Directory(_)) => return Ok(Found::WithoutSlash),
                Ok(Opened::File(file, metadata)) => {
                    Ok(self.represent(path, (file, metadata), request))
                }
                Err(error) => Err(error),
            }
        };
        match page {
            Err(OpenError::NotFound) => {}
            result => return result.map(Found::File),
        }
        // `about.html` for `about`, if this is enabled.
        if self.options.pretty_urls && !path.is_empty() {
            match self.file(&[path, b".html"].concat(), request) {
                Err(OpenError::NotFound) => {}
                result => return result.map(Found::File),
            }
        }
        if target.is_directory()
            && let Opened::Directory(folder) = self.root.entry(path)?
            && self.options.listing
        {
            return Ok(Found::Folder(folder));
        }
        Err(OpenError::NotFound)
    }

    /// The first existing index page of the folder at `path`.
    fn index_of(&self, path: &[u8], request: &Request<'_>) -> Result<Representation, OpenError> {
        let files = self.options.index.iter().map(|name| self.file(&join(path, name), request));
        let mut found = files.filter(|result| !matches!(result, Err(OpenError::NotFound)));
        found.next().unwrap_or(Err(OpenError::NotFound))
    }

    /// The answer for unknown paths: the root's index, for a single-page application whose script
    /// gives each path its meaning (`--spa`). Not for paths of files, nor for clients that prefer
    /// something else to HTML.
    pub(super) fn fallback(&self, request: &Request<'_>) -> Result<Representation, OpenError> {
        let accept = request.fields.list("accept");
        if !self.has_fallback(&request.target) || !negotiation::prefers_html(accept.as_deref()) {
            return Err(OpenError::NotFound);
        }
        let index = self.index_of(b"", request)?;
        Ok(Representation { varies_by: Some("Accept, Accept-Encoding"), ..index })
    }

    /// Whether only Accept decides if the index answers an unknown path.
    pub(super) fn has_fallback(&self, target: &Target<'_>) -> bool {
        self.options.spa && is_place(target)
    }

    /// The file at `path`, in the coding that the client prefers.
    fn file(&self, path: &[u8], request: &Request<'_>) -> Result<Representation, OpenError> {
        let file = self.root.file(path)?;
        Ok(self.represent(path, file, request))
    }

    /// Chooses the file itself, or one beside it in a coding that the client prefers.
    fn represent(
        &self,
        path: &[u8],
        plain: (File, Metadata),
        request: &Request<'_>,
    ) -> Representation {
        let accepted = request.fields.list("accept-encoding");
        let mut codings = negotiation::acceptable_codings(accepted.as_deref());
        // If a coded file cannot be opened for any reason, the plain one will do.
        let coded = codings.find_map(|coding| {
            let file = self.root.file(&[path, coding.extension().as_bytes()].concat());
            Some((file.ok()?, Some(coding)))
        });
        let ((file, metadata), coding) = coded.unwrap_or((plain, None));
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        let Metadata { size, modified_seconds, modified_nanoseconds, inode } = metadata;
        Representation {
            content: Content::File(file),
            length: size,
            media_type: media_type::of(name, &self.options.media_types),
            etag: ETag::from_file(size, modified_seconds, modified_nanoseconds, inode),
            modified: metadata.modified(),
            coding,
            varies_by: Some("Accept-Encoding"),
            disposition: None,
        }
    }
}

/// Whether the path could be one of an application. A last name with an extension is a file's; one
/// that starts with a dot is hidden, or it is `.well-known`, where programs look for certain files
/// (RFC 8615).
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
