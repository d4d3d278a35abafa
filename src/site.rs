//! What is served: a request becomes a response here, from routes, files, folders and pages.
//!
//! Decide first: [`files`] finds out what a target is, and one `match` here makes the response from
//! it. What is not found goes on to the built-in rows; any other error becomes a status in
//! `Site::failed`, which logs its cause.

pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod html;
pub(crate) mod listing;
pub(crate) mod media_type;
pub(crate) mod pages;
pub(crate) mod root;
pub(crate) mod routes;
mod workshop;

use std::sync::Arc;

use files::Found;
use root::{OpenError, Root};
use routes::{Handler, Redirect};
use workshop::Workshop;

use crate::http::date::Date;
use crate::http::host::AllowedHosts;
use crate::http::request::{Method, Request};
use crate::http::response::Response;
use crate::http::status::Status;
use crate::log_once::LogOnce;

/// The page for 404, if the root has one of its own.
const NOT_FOUND_PAGE: &[u8] = b"404.html";

/// How the site is served.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Paths that have moved.
    pub(crate) redirects: Vec<Redirect>,
    /// The names that Host may carry.
    pub(crate) allowed_hosts: AllowedHosts,
    /// How files and folders are served.
    pub(crate) files: files::Options,
}

/// The folder that is served, and how.
#[derive(Debug)]
pub(crate) struct Site {
    root: Root,
    options: Options,
    workshop: Arc<Workshop>,
    unavailable: LogOnce,
    failed: LogOnce,
}

/// What a request comes to.
pub(crate) enum Answer {
    /// The response.
    Response(Response),
    /// The response can be made by that function, once the request's body is there.
    Form(fn(&[u8]) -> Response),
}

impl Site {
    /// The site below `root`.
    #[must_use]
    pub(crate) fn new(root: Root, options: Options) -> Self {
        let log_once = || LogOnce::new(module_path!());
        Self {
            root,
            options,
            workshop: Workshop::new(),
            unavailable: log_once(),
            failed: log_once(),
        }
    }

    /// Answers a request; `now` is when it came. `before_long_work` is called before what takes
    /// more than a moment.
    #[must_use]
    pub(crate) fn answer(
        &self,
        request: &Request<'_>,
        now: Date,
        before_long_work: &dyn Fn(),
    ) -> Answer {
        if let Some(host) = request.host()
            && !self.options.allowed_hosts.allows(host)
        {
            return Answer::Response(pages::misdirected(host));
        }
        match request.method {
            Method::Get | Method::Head => {
                Answer::Response(self.get(request, now, before_long_work))
            }
            method => self.other(method, request),
        }
    }

    /// The page of an error status: the site's own for 404, where there is one.
    #[must_use]
    pub(crate) fn error(&self, status: Status) -> Response {
        if status == Status::NotFound
            && let Ok(file) = self.root.file(NOT_FOUND_PAGE)
        {
            return files::plain(status, file, "text/html; charset=utf-8".to_owned());
        }
        pages::error(status)
    }

    /// GET and HEAD: redirects, files, built-in pages, in this order.
    fn get(&self, request: &Request<'_>, now: Date, before_long_work: &dyn Fn()) -> Response {
        let target = &request.target;
        if let Some(redirect) = self.redirect(request) {
            return pages::redirect(redirect.location(target.query()));
        }
        let options = &self.options.files;
        let error = match files::find(&self.root, options, request) {
            Ok(Found::File(file)) => return files::respond(file, request, now),
            Ok(Found::Folder(folder)) => {
                before_long_work();
                match folder::respond(&self.root, options, &self.workshop, &folder, request) {
                    Ok(response) => return response,
                    Err(error) => error,
                }
            }
            Ok(Found::WithoutSlash) => {
                let location = target.encoded_path() + "/";
                return pages::redirect(routes::with_query(location, target.query()));
            }
            Err(OpenError::NotFound) => return self.built_in(request),
            Err(error) => error,
        };
        self.failed(request, &error)
    }

    fn built_in(&self, request: &Request<'_>) -> Response {
        let mut rows = routes::built_in(&request.target).peekable();
        if rows.peek().is_none() {
            return self.error(Status::NotFound);
        }
        match rows.find(|row| row.takes(request.method)).map(|row| row.handler) {
            Some(Handler::Page(page)) => page(),
            Some(Handler::Redirect(to)) => {
                pages::redirect(routes::with_query(to.to_owned(), request.target.query()))
            }
            Some(Handler::NotFound) => self.error(Status::NotFound),
            Some(Handler::Form(_)) | None => pages::method_not_allowed(self.allow(request)),
        }
    }

    /// Every method but GET and HEAD: only the built-in rows take any.
    fn other(&self, method: Method, request: &Request<'_>) -> Answer {
        let row = routes::built_in(&request.target).find(|row| row.takes(method));
        if let Some(Handler::Form(form)) = row.map(|row| row.handler) {
            return Answer::Form(form);
        }
        let allow = self.allow(request);
        Answer::Response(if allow.is_empty() {
            self.error(Status::NotFound)
        } else {
            pages::method_not_allowed(allow)
        })
    }

    /// The methods that the target takes, as the Allow field lists them; empty where there is none.
    fn allow(&self, request: &Request<'_>) -> String {
        let takes = |method| routes::built_in(&request.target).any(|row| row.takes(method));
        let is_found = || {
            let found = files::find(&self.root, &self.options.files, request);
            self.redirect(request).is_some() || !matches!(found, Err(OpenError::NotFound))
        };
        let get = if takes(Method::Get) || is_found() { &["GET", "HEAD"][..] } else { &[] };
        let post = if takes(Method::Post) { &["POST"][..] } else { &[] };
        [get, post].concat().join(", ")
    }

    fn redirect(&self, request: &Request<'_>) -> Option<&Redirect> {
        self.options.redirects.iter().find(|redirect| redirect.matches(&request.target))
    }

    /// The response for what could not be opened; the cause is for the log.
    fn failed(&self, request: &Request<'_>, error: &OpenError) -> Response {
        let status = match error {
            OpenError::NotFound => Status::NotFound,
            OpenError::Forbidden => Status::Forbidden,
            OpenError::Unavailable(errno) => {
                self.unavailable.warn(format_args!("cannot open files for now: {errno}"));
                Status::ServiceUnavailable
            }
            OpenError::Failed(errno) => {
                self.failed.warn(format_args!("{}: {errno}", request.target.encoded_path()));
                Status::InternalServerError
            }
        };
        self.error(status)
    }
}
