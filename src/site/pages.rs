//! The built-in pages, in HTML for people.
//!
//! An error page explains its status in a sentence. It never contains the cause, which is for the
//! log, nor an unescaped byte of the request.

use std::borrow::Cow;

use super::listing::{BASE_STYLE, PAGE_START};
use crate::auth::CHALLENGE;
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::http::target::Target;
use crate::text::escape_html;

/// The answer to a form without an `id`.
const NO_ID: &str = "You did not post your student id correctly.";

/// When to try again after 503.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// Added to the style shared with listings.
const STYLE: &str = "\
    main,footer{padding:0 .75rem}\
    h1{margin:0 0 1rem; font-size:1.4rem; font-weight:600; line-height:1.3}\
    footer{margin-top:3rem; color:var(--quiet); font-size:.85rem}";

/// `GET /get.html`.
pub(crate) fn get() -> Response {
    let text =
        "<p>This page is built in: the server made it for your <code>GET</code> request.</p>";
    page(Status::Ok, "GET works", text)
}

/// `HEAD /head.html`.
pub(crate) fn head() -> Response {
    let text = "<p>This page is for <code>HEAD</code> requests: they get the fields that you got, \
                and not this text.</p>";
    page(Status::Ok, "HEAD works", text)
}

/// `POST /post.html`: the posted `id`, or a sentence that it is missing.
pub(crate) fn echo_id(form: &[u8]) -> Response {
    let id = form_urlencoded::parse(form).find(|(name, _)| name == "id").map(|(_, value)| value);
    let text = match id.filter(|id| !id.is_empty()) {
        Some(id) => format!("<p>{}</p>", escape_html(&id)),
        None => format!("<p>{NO_ID}</p>"),
    };
    page(Status::Ok, "POST works", &text)
}

/// 301: the new place, as a field and as a link.
pub(crate) fn redirect(location: String) -> Response {
    let text =
        format!("<p>This page is now at <a href=\"{0}\">{0}</a>.</p>", escape_html(&location));
    page(Status::MovedPermanently, "Moved", &text).with("Location", location)
}

/// The page of an error status.
pub(crate) fn error(status: Status) -> Response {
    error_with(status, explanation(status), "")
}

/// The page of an error status, with a link to the root from this target.
pub(crate) fn error_at(status: Status, target: &Target<'_>) -> Response {
    error_with(status, explanation(status), &link_home(target))
}

/// A link to the root, relative, since a proxy may serve it below a path of its own.
fn link_home(target: &Target<'_>) -> String {
    let depth = target.names().count();
    let up = "../".repeat(depth.saturating_sub(usize::from(!target.is_directory())));
    if depth == 0 { String::new() } else { format!("<p><a href=\"./{up}\">Home</a></p>") }
}

fn error_with(status: Status, text: &str, link: &str) -> Response {
    let response = page(status, status.reason(), &format!("<p>{text}</p>{link}"));
    match status {
        Status::ServiceUnavailable => response.with("Retry-After", RETRY_AFTER_SECONDS),
        _ => response,
    }
}

/// 401: a user and a password are required (RFC 9110 section 15.5.2).
pub(crate) fn unauthorized() -> Response {
    error(Status::Unauthorized).with("WWW-Authenticate", CHALLENGE)
}

/// 405, with the methods that the target takes (RFC 9110 section 15.5.6).
pub(crate) fn method_not_allowed(allow: &'static str, target: &Target<'_>) -> Response {
    error_at(Status::MethodNotAllowed, target).with("Allow", allow)
}

/// 400: an unknown form of a folder.
pub(crate) fn unknown_format(target: &Target<'_>) -> Response {
    let text = "<code>?format=</code> takes <code>html</code>, <code>json</code> or \
                <code>tar</code>.";
    error_with(Status::BadRequest, text, &link_home(target))
}

/// 421: a Host that this server does not accept.
pub(crate) fn misdirected(host: &[u8]) -> Response {
    let host = String::from_utf8_lossy(host);
    let host = escape_html(&host);
    let text = format!(
        "This server only serves this machine, and does not accept the name \
         <strong>{host}</strong>: otherwise any web page could read it under a name of its own. \
         If the name is yours, start the server with <code>--allow-host {host}</code>."
    );
    error_with(Status::MisdirectedRequest, &text, "")
}

/// 403: a folder with more entries than an archive may have.
pub(crate) fn archive_refused(limit: usize, target: &Target<'_>) -> Response {
    let text = if limit == 0 {
        "This server makes no archives: it was started with <code>--archive-limit 0</code>."
            .to_owned()
    } else {
        format!(
            "This folder is too large for an archive: with all below it, it has more than \
             {limit} entries. The flag <code>--archive-limit</code> of the server sets the limit."
        )
    };
    error_with(Status::Forbidden, &text, &link_home(target))
}

fn page(status: Status, title: &str, text: &str) -> Response {
    let code = status.code();
    let heading = if code < 300 { title.to_owned() } else { format!("{code} {title}") };
    let html = format!(
        "{PAGE_START}{heading}</title>\n<style>{BASE_STYLE}{STYLE}</style>\n</head>\n<body>\n\
         <main>\n<h1>{heading}</h1>\n{text}\n</main>\n<footer>httpd</footer>\n</body>\n</html>\n"
    );
    Response::new(status, Body::Bytes(Cow::Owned(html.into_bytes())))
        .with("Content-Type", "text/html; charset=utf-8")
}

fn explanation(status: Status) -> &'static str {
    match status {
        Status::Ok
        | Status::NoContent
        | Status::PartialContent
        | Status::MovedPermanently
        | Status::NotModified => "",
        Status::BadRequest => "The request could not be understood.",
        Status::Unauthorized => "This site requires a user name and password.",
        Status::Forbidden => "The server may not read this file.",
        Status::NotFound => "This page does not exist.",
        Status::MethodNotAllowed => "This page does not support that method.",
        Status::RequestTimeout => "The request took too long to arrive.",
        Status::LengthRequired => "A request with content must state its length.",
        Status::PreconditionFailed => "A precondition of the request failed.",
        Status::ContentTooLarge => "The content of the request is too large.",
        Status::UriTooLong => "The request line is too long.",
        Status::RangeNotSatisfiable => "The file does not have these bytes.",
        Status::MisdirectedRequest => "This server does not accept that name.",
        Status::HeaderFieldsTooLarge => "The request has too many or too long header fields.",
        Status::InternalServerError => "The server failed; its log has the cause.",
        Status::NotImplemented => "The server does not know this method.",
        Status::ServiceUnavailable => "The server is too busy. Try again in a moment.",
        Status::VersionNotSupported => "The server only supports HTTP/1.0 and 1.1.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: &[u8], want: &str) {
        let response = echo_id(form);
        let Body::Bytes(bytes) = response.body() else { panic!("a page is bytes") };
        let html = str::from_utf8(bytes).unwrap();
        assert!(html.contains(&format!("<p>{want}</p>")), "{html}");
    }

    #[test]
    fn the_posted_id_is_decoded_and_escaped() {
        check(b"name=x&id=1+2%263", "1 2&amp;3");
        check(b"id=%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;alert(1)&lt;/script&gt;");
        check(b"id=a&id=b", "a");
        check(b"id=\xff", "\u{fffd}");
        for none in ["", "id", "id=", "ID=5", "student=5", "{\"id\":5}"] {
            check(none.as_bytes(), NO_ID);
        }
    }

    #[test]
    fn a_host_is_escaped_in_the_page_that_refuses_it() {
        let response = misdirected(b"<b>.example\xff");
        let Body::Bytes(bytes) = response.body() else { panic!("a page is bytes") };
        assert!(str::from_utf8(bytes).unwrap().contains("--allow-host &lt;b&gt;.example\u{fffd}<"));
    }
}
