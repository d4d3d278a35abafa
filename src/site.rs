//! The site: turns a request into a response, from routes, files, folders and pages.
//!
//! It decides first: `Site::find` finds out what a target is, and one `match` here makes the
//! response. The methods of a target follow from the same, so Allow agrees with GET. An error
//! becomes a status in `Site::failed`, which also names its cause.

mod access;
mod archive;
mod bodies;
pub(crate) mod files;
mod folder;
mod listing;
mod media_type;
pub(crate) mod pages;
mod representation;
pub(crate) mod root;
pub(crate) mod routes;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

pub(crate) use access::{Access, Authorized, Unauthorized};

use rustix::io::Errno;

use bodies::{Bodies, Failure};
use files::Dotfiles;
use representation::Representation;
use root::{OpenError, Root};
use routes::{Handler, Redirect};

use crate::gate::Requester;
use crate::http::date::Date;
use crate::http::range::{ByteRange, Segment};
use crate::http::request::{Method, Request};
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::http::target::{Target, encode_segment};
use crate::lock::LogOnce;

/// The methods of all targets together: Allow for the server as a whole.
const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// The page for 404, if the root has its own.
const NOT_FOUND_PAGE: &[u8] = b"404.html";

/// The settings of the site.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Redirected paths.
    pub(crate) redirects: Vec<Redirect>,
    /// Names of index pages: a folder gets the first that exists.
    pub(crate) index: Vec<Vec<u8>>,
    /// Whether folders without an index are listed; otherwise they are not found.
    pub(crate) listing: bool,
    /// The most entries shown in a listing.
    pub(crate) listing_limit: usize,
    /// The most entries in an archive; 0 disables archives.
    pub(crate) archive_limit: usize,
    /// The treatment of hidden files.
    pub(crate) dotfiles: Dotfiles,
    /// Whether `/about` is `about.html` if there is no `about`.
    pub(crate) pretty_urls: bool,
    /// Whether the root's index answers unknown paths.
    pub(crate) spa: bool,
    /// Media types by file extension, in lower case; they take precedence over the well-known ones.
    pub(crate) media_types: HashMap<String, String>,
}

/// The served folder, with its settings.
pub(crate) struct Site {
    root: Arc<Root>,
    options: Options,
    access: Access,
    bodies: Bodies,
    unavailable: LogOnce,
    failed: LogOnce,
}

/// The kinds of targets, in the order of the search.
enum Found<'a> {
    /// A redirected path, with its new place.
    Moved(&'a str),
    /// A file.
    File(Representation),
    /// A folder without an index.
    Folder(OwnedFd),
    /// A folder whose target should end in a slash.
    WithoutSlash,
    /// A row of the route table.
    BuiltIn(Handler),
}

/// An answer to a request.
pub(crate) enum Answer {
    /// The response.
    Response(Response),
    /// A function that makes the response from the request's body.
    Form(fn(&[u8]) -> Response),
}

impl Site {
    /// The site below `root`, for clients with access.
    pub(crate) fn new(root: Root, options: Options, access: Access) -> Self {
        let log_once = || LogOnce::new(module_path!());
        Self {
            root: Arc::new(root),
            options,
            access,
            bodies: Bodies::new(),
            unavailable: log_once(),
            failed: log_once(),
        }
    }

    /// The rules of access.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Answers a request of an authorized client; `now` is when it came.
    pub(crate) fn answer(
        &self,
        _proof: &Authorized<'_>,
        request: &Request<'_>,
        now: Date,
        requester: &dyn Requester,
    ) -> Answer {
        match request.method {
            Method::Get | Method::Head => {
                let response = self.get(request, now, requester);
                Answer::Response(response.unwrap_or_else(|failure| self.failed(request, &failure)))
            }
            _ => self.other(request),
        }
    }

    /// The page of an error status: for 404 the site's own, if there is one.
    fn error(&self, status: Status, target: &Target<'_>) -> Response {
        let own_page = (status == Status::NotFound).then(|| self.root.file(NOT_FOUND_PAGE).ok());
        let Some((file, metadata)) = own_page.flatten() else {
            return pages::error_at(status, target);
        };
        let whole = Segment::ByteRange(ByteRange { first: 0, length: metadata.size });
        Response::new(status, Body::File(file, vec![whole]))
            .with("Content-Type", "text/html; charset=utf-8")
    }

    /// Finds the target among redirects, stored files and folders, built-in pages and the fallback,
    /// in this order.
    fn find(&self, request: &Request<'_>) -> Result<Found<'_>, OpenError> {
        let mut redirects = self.options.redirects.iter();
        if let Some(to) = redirects.find_map(|redirect| redirect.new_place(&request.target)) {
            return Ok(Found::Moved(to));
        }
        match self.find_stored(request) {
            Err(OpenError::NotFound) => match routes::built_in(&request.target) {
                Some(handler) => Ok(Found::BuiltIn(handler)),
                None => self.fallback(request).map(Found::File),
            },
            result => result,
        }
    }

    fn get(
        &self,
        request: &Request<'_>,
        now: Date,
        requester: &dyn Requester,
    ) -> Result<Response, Failure> {
        let target = &request.target;
        Ok(match self.find(request)? {
            Found::Moved(to) | Found::BuiltIn(Handler::Redirect(to)) => {
                pages::redirect(routes::with_query(to, target.query()))
            }
            Found::File(file) => representation::respond(file, request, now),
            Found::Folder(folder) => return self.folder(folder, request, now, requester),
            Found::WithoutSlash => {
                // Relative (RFC 9110 section 10.2.2), since a proxy may serve us below a path of
                // its own. An encoded name cannot look like a scheme or a host.
                let name = target.names().last().unwrap_or_default();
                let location = encode_segment(name).to_string() + "/";
                pages::redirect(routes::with_query(&location, target.query()))
            }
            Found::BuiltIn(Handler::Page(page)) => page(),
            Found::BuiltIn(Handler::NotFound) => self.error(Status::NotFound, target),
            Found::BuiltIn(Handler::Form(_)) => {
                pages::method_not_allowed(self.allow(request), target)
            }
        })
    }

    /// All methods but GET and HEAD: OPTIONS lists the methods of a target; only built-in rows take
    /// any others.
    fn other(&self, request: &Request<'_>) -> Answer {
        let (method, target) = (request.method, &request.target);
        if let (Method::Post, Some(Handler::Form(form))) = (method, routes::built_in(target)) {
            return Answer::Form(form);
        }
        let allow = self.allow(request);
        Answer::Response(if allow.is_empty() {
            self.failed(request, &OpenError::NotFound.into())
        } else if method == Method::Options {
            Response::new(Status::NoContent, Body::None).with("Allow", allow)
        } else {
            pages::method_not_allowed(allow, target)
        })
    }

    /// The methods of the target, as the Allow field lists them; empty if there is no target.
    fn allow(&self, request: &Request<'_>) -> &'static str {
        if request.target.is_asterisk() {
            return METHODS;
        }
        let takes_get = !matches!(
            self.find(request),
            Err(OpenError::NotFound) | Ok(Found::BuiltIn(Handler::Form(_)))
        );
        let takes_post = matches!(routes::built_in(&request.target), Some(Handler::Form(_)));
        match (takes_get, takes_post) {
            (true, true) => METHODS,
            (true, false) => "GET, HEAD, OPTIONS",
            (false, true) => "POST, OPTIONS",
            (false, false) => "",
        }
    }

    /// The response for a target that was not found or could not be made; the cause is for the log.
    fn failed(&self, request: &Request<'_>, failure: &Failure) -> Response {
        let target = &request.target;
        let (status, errno) = match failure {
            Failure::TooLarge => {
                return pages::archive_refused(self.options.archive_limit, target);
            }
            // If the client has gone, nobody reads it.
            Failure::Denied => {
                let page = pages::error_at(Status::ServiceUnavailable, target);
                return page.because("listings-busy");
            }
            Failure::Open(OpenError::NotFound) if self.has_fallback(target) => {
                return self.error(Status::NotFound, target).with("Vary", "Accept");
            }
            Failure::Open(OpenError::NotFound) => return self.error(Status::NotFound, target),
            Failure::Open(OpenError::Forbidden) => return self.error(Status::Forbidden, target),
            Failure::Open(OpenError::Unavailable(errno)) => {
                self.unavailable.warn(format_args!("cannot answer for now: {errno}"));
                (Status::ServiceUnavailable, *errno)
            }
            Failure::Open(OpenError::Failed(errno)) => {
                self.failed.warn(format_args!("{}: {errno}", target.encoded_path()));
                (Status::InternalServerError, *errno)
            }
        };
        self.error(status, target).because(cause(errno))
    }
}

/// The file system's error, as a word for the log.
fn cause(errno: Errno) -> &'static str {
    match errno {
        Errno::MFILE | Errno::NFILE => "no-descriptors",
        Errno::NOMEM | Errno::NOBUFS => "no-memory",
        Errno::AGAIN => "renamed-meanwhile",
        _ => "io-error",
    }
}
