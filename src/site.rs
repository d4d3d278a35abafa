//! What is served: a request becomes a response here, from routes, files, folders and pages.
//!
//! Decide first: `Site::find` finds out what a target is, and one `match` here makes the response
//! from it. The methods that a target takes follow from the same, so that Allow agrees with GET. An
//! error becomes a status in `Site::failed`, which logs its cause.

mod access;
mod archive;
mod bodies;
mod download;
mod entries;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod listing;
pub(crate) mod media_type;
pub(crate) mod pages;
mod representation;
pub(crate) mod root;
pub(crate) mod routes;
mod walk;

use std::os::fd::OwnedFd;
use std::sync::Arc;

pub(crate) use access::{Access, Authorized, Unauthorized};

use rustix::io::Errno;

use bodies::{Bodies, Failure};
use files::Found;
use folder::Format;
use root::{OpenError, Root};
use routes::{Handler, Redirect};

use crate::gate::Requester;
use crate::http::date::Date;
use crate::http::request::{Method, Request};
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::http::target::{Target, encode_segment};
use crate::lock::LogOnce;

/// The methods that some target takes, as Allow lists them for the server as a whole.
const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// The page for 404, if the root has one of its own.
const NOT_FOUND_PAGE: &[u8] = b"404.html";

/// How the site is served.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Paths that have moved.
    pub(crate) redirects: Vec<Redirect>,
    /// How files and folders are served.
    pub(crate) files: files::Options,
}

/// The folder that is served, and how.
pub(crate) struct Site {
    root: Arc<Root>,
    options: Options,
    access: Access,
    bodies: Bodies,
    unavailable: LogOnce,
    failed: LogOnce,
}

/// What a target is, in the order in which it is looked for.
enum Resource<'a> {
    /// A path that has moved.
    Moved(&'a Redirect),
    /// A file or folder.
    Stored(Found),
    /// What the built-in rows have for it.
    BuiltIn,
}

/// What a request comes to.
pub(crate) enum Answer {
    /// The response.
    Response(Response),
    /// The response can be made by that function, once the request's body is there.
    Form(fn(&[u8]) -> Response),
}

impl Site {
    /// The site below `root`, for those who have access.
    #[must_use]
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

    /// Who may ask.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Answers a request of a client that may ask; `now` is when it came.
    #[must_use]
    pub(crate) fn answer(
        &self,
        _proof: &Authorized<'_>,
        request: &Request<'_>,
        now: Date,
        requester: &dyn Requester,
    ) -> Answer {
        match request.method {
            Method::Get | Method::Head => Answer::Response(self.get(request, now, requester)),
            method => self.other(method, request),
        }
    }

    /// The page of an error status: the site's own for 404, where there is one.
    #[must_use]
    pub(crate) fn error(&self, status: Status) -> Response {
        self.own_page(status).unwrap_or_else(|| pages::error(status))
    }

    fn error_at(&self, status: Status, target: &Target<'_>) -> Response {
        self.own_page(status).unwrap_or_else(|| pages::error_at(status, target))
    }

    fn own_page(&self, status: Status) -> Option<Response> {
        let file = (status == Status::NotFound).then(|| self.root.file(NOT_FOUND_PAGE).ok())??;
        Some(files::plain(status, file, "text/html; charset=utf-8".to_owned()))
    }

    /// What the target is: redirects, what is stored, built-in pages, the fallback, in this order.
    fn find(&self, request: &Request<'_>) -> Result<Resource<'_>, OpenError> {
        let (target, files) = (&request.target, &self.options.files);
        let mut redirects = self.options.redirects.iter();
        if let Some(redirect) = redirects.find(|redirect| redirect.matches(target)) {
            return Ok(Resource::Moved(redirect));
        }
        match files::find(&self.root, files, request) {
            Err(OpenError::NotFound) => {}
            result => return result.map(Resource::Stored),
        }
        if routes::built_in(target).next().is_some() {
            return Ok(Resource::BuiltIn);
        }
        let fallback = files::fallback(&self.root, files, request);
        fallback.map(|file| Resource::Stored(Found::File(file)))
    }

    fn get(&self, request: &Request<'_>, now: Date, requester: &dyn Requester) -> Response {
        let target = &request.target;
        let error = match self.find(request) {
            Ok(Resource::Moved(redirect)) => {
                return pages::redirect(redirect.location(target.query()));
            }
            Ok(Resource::Stored(Found::File(file))) => return files::respond(file, request, now),
            Ok(Resource::Stored(Found::Folder(folder))) => {
                match self.folder(folder, request, now, requester) {
                    Ok(response) => return response,
                    Err(Failure::TooLarge) => {
                        return pages::archive_refused(self.options.files.archive_limit, target);
                    }
                    // Of a client that has gone, no one reads it.
                    Err(Failure::Busy | Failure::ClientGone) => {
                        let page = pages::error_at(Status::ServiceUnavailable, target);
                        return page.because("listings-busy");
                    }
                    Err(Failure::Open(error)) => error,
                }
            }
            Ok(Resource::Stored(Found::WithoutSlash)) => {
                // Relative (RFC 9110 section 10.2.2), since a proxy may serve us below a path of
                // its own. A name that is encoded has nothing of a scheme or a host.
                let name = target.names().last().unwrap_or_default();
                let location = encode_segment(name).to_string() + "/";
                return pages::redirect(routes::with_query(location, target.query()));
            }
            Ok(Resource::BuiltIn) => return self.built_in(request),
            Err(error) => error,
        };
        self.failed(request, &error)
    }

    /// A folder without an index, in the form that the client wants: its listing, or an archive of
    /// it.
    fn folder(
        &self,
        folder: OwnedFd,
        request: &Request<'_>,
        now: Date,
        requester: &dyn Requester,
    ) -> Result<Response, Failure> {
        let (root, options) = (&self.root, &self.options.files);
        let Some(format) = folder::wanted_format(request) else {
            return Ok(pages::unknown_format(&request.target));
        };
        if format == Format::Archive && options.archive_limit == 0 {
            return Ok(pages::archive_refused(0, &request.target));
        }
        let bodies = &self.bodies;
        match format {
            Format::Archive => {
                download::respond(root, options, bodies, folder, request, now, requester)
            }
            format => folder::respond(root, options, bodies, &folder, request, format, requester),
        }
    }

    fn built_in(&self, request: &Request<'_>) -> Response {
        let mut rows = routes::built_in(&request.target);
        match rows.find(|row| row.takes(request.method)).map(|row| row.handler) {
            Some(Handler::Page(page)) => page(),
            Some(Handler::Redirect(to)) => {
                pages::redirect(routes::with_query(to.to_owned(), request.target.query()))
            }
            Some(Handler::NotFound) => self.error_at(Status::NotFound, &request.target),
            Some(Handler::Form(_)) | None => {
                pages::method_not_allowed(self.allow(request), &request.target)
            }
        }
    }

    /// Every method but GET and HEAD: OPTIONS says what a target takes, and only the built-in rows
    /// take any other.
    fn other(&self, method: Method, request: &Request<'_>) -> Answer {
        let row = routes::built_in(&request.target).find(|row| row.takes(method));
        if let Some(Handler::Form(form)) = row.map(|row| row.handler) {
            return Answer::Form(form);
        }
        let allow = self.allow(request);
        Answer::Response(if allow.is_empty() {
            self.failed(request, &OpenError::NotFound)
        } else if method == Method::Options {
            Response::new(Status::NoContent, Body::None).with("Allow", allow)
        } else {
            pages::method_not_allowed(allow, &request.target)
        })
    }

    /// The methods that the target takes, as the Allow field lists them; empty where there is none.
    fn allow(&self, request: &Request<'_>) -> String {
        if request.target.is_asterisk() {
            return METHODS.to_owned();
        }
        let takes = |method| routes::built_in(&request.target).any(|row| row.takes(method));
        let takes_get = match self.find(request) {
            Ok(Resource::BuiltIn) => takes(Method::Get),
            Err(OpenError::NotFound) => false,
            Ok(Resource::Moved(_) | Resource::Stored(_)) | Err(_) => true,
        };
        let mut methods = Vec::new();
        if takes_get {
            methods.extend([Method::Get, Method::Head]);
        }
        if takes(Method::Post) {
            methods.push(Method::Post);
        }
        if !methods.is_empty() {
            methods.push(Method::Options);
        }
        methods.into_iter().map(Method::name).collect::<Vec<_>>().join(", ")
    }

    /// The response for what was not found or could not be opened; the cause is for the log.
    fn failed(&self, request: &Request<'_>, error: &OpenError) -> Response {
        let target = &request.target;
        let (status, errno) = match error {
            OpenError::NotFound if files::has_fallback(&self.options.files, target) => {
                return self.error_at(Status::NotFound, target).with("Vary", "Accept");
            }
            OpenError::NotFound => return self.error_at(Status::NotFound, target),
            OpenError::Forbidden => return self.error_at(Status::Forbidden, target),
            OpenError::Unavailable(errno) => {
                self.unavailable.warn(format_args!("cannot answer for now: {errno}"));
                (Status::ServiceUnavailable, *errno)
            }
            OpenError::Failed(errno) => {
                self.failed.warn(format_args!("{}: {errno}", target.encoded_path()));
                (Status::InternalServerError, *errno)
            }
        };
        self.error_at(status, target).because(cause(errno))
    }
}

/// What the file system said, as a word for the log.
fn cause(errno: Errno) -> &'static str {
    match errno {
        Errno::MFILE | Errno::NFILE => "no-descriptors",
        Errno::NOMEM | Errno::NOBUFS => "no-memory",
        Errno::AGAIN => "renamed-meanwhile",
        _ => "io-error",
    }
}
