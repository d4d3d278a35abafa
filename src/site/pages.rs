//! The built-in pages: the program's own words, in HTML for people.
//!
//! An error page explains its status in a sentence. It never has the cause, which is for the log,
//! nor a byte of the request that is not escaped.

use std::borrow::Cow;

use crate::http::credentials::CHALLENGE;
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::text::escape_html;

/// The answer to a form without an `id`.
const NO_ID: &str = "You did not post your student id correctly.";

/// When a client that gets 503 may try again.
pub(crate) const RETRY_AFTER_SECONDS: &str = "5";

/// Small, readable in the dark and on a phone.
const STYLE: &str = "\
    :root{color-scheme:light dark}\
    body{font:1.1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.2rem}\
    h1{font-size:1.5rem;line-height:1.3}\
    p{overflow-wrap:anywhere}\
    footer{margin-top:3rem;font-size:.85rem;opacity:.65}";

/// `GET /get.html`.
#[must_use]
pub(crate) fn get() -> Response {
    let text =
        "<p>This page is built in: the server made it for your <code>GET</code> request.</p>";
    page(Status::Ok, "GET works", text)
}

/// `HEAD /head.html`.
#[must_use]
pub(crate) fn head() -> Response {
    let text = "<p>This page is for <code>HEAD</code> requests: they get the fields that you got, \
                and not this text.</p>";
    page(Status::Ok, "HEAD works", text)
}

/// `POST /post.html`: the posted `id`, or a sentence that there was none.
#[must_use]
pub(crate) fn echo_id(form: &[u8]) -> Response {
    let id = form_urlencoded::parse(form).find(|(name, _)| name == "id").map(|(_, value)| value);
    let text = match id.filter(|id| !id.is_empty()) {
        Some(id) => format!("<p>{}</p>", escape_html(&id)),
        None => format!("<p>{NO_ID}</p>"),
    };
    page(Status::Ok, "POST works", &text)
}

/// 301: the new place, as a field and as a link.
#[must_use]
pub(crate) fn redirect(location: String) -> Response {
    let text =
        format!("<p>This page is now at <a href=\"{0}\">{0}</a>.</p>", escape_html(&location));
    page(Status::MovedPermanently, "Moved", &text).with("Location", location)
}

/// The page of an error status.
#[must_use]
pub(crate) fn error(status: Status) -> Response {
    let text = format!("<p>{}</p>", explanation(status));
    let response = page(status, status.reason(), &text);
    match status {
        Status::ServiceUnavailable => response.with("Retry-After", RETRY_AFTER_SECONDS),
        _ => response,
    }
}

/// 401: a user and a password are wanted (RFC 9110 section 15.5.2).
#[must_use]
pub(crate) fn unauthorized() -> Response {
    error(Status::Unauthorized).with("WWW-Authenticate", CHALLENGE)
}

/// 405, with the methods that the target does take (RFC 9110 section 15.5.6).
#[must_use]
pub(crate) fn method_not_allowed(allow: String) -> Response {
    error(Status::MethodNotAllowed).with("Allow", allow)
}

/// 421: a Host that this server does not accept.
#[must_use]
pub(crate) fn misdirected(host: &[u8]) -> Response {
    let host = String::from_utf8_lossy(host);
    let host = escape_html(&host);
    let text = format!(
        "<p>This server only serves this machine, and does not accept the name \
         <strong>{host}</strong>: otherwise any web page could read it under a name of its own. \
         If the name is yours, start the server with <code>--allow-host {host}</code>.</p>"
    );
    page(Status::MisdirectedRequest, Status::MisdirectedRequest.reason(), &text)
}

/// 403: a folder that has more entries than an archive may have.
#[must_use]
pub(crate) fn archive_refused(limit: usize) -> Response {
    let text = if limit == 0 {
        "<p>This server makes no archives: it was started with <code>--archive-limit 0</code>.</p>"
            .to_owned()
    } else {
        format!(
            "<p>This folder is too large for an archive: with all below it, it has more than \
             {limit} entries. The flag <code>--archive-limit</code> of the server sets the limit.\
             </p>"
        )
    };
    page(Status::Forbidden, Status::Forbidden.reason(), &text)
}

fn page(status: Status, title: &str, text: &str) -> Response {
    let code = status.code();
    let heading = if code < 300 { title.to_owned() } else { format!("{code} {title}") };
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{heading}</h1>\n{text}\n<footer>httpd</footer>\n</body>\n</html>\n"
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
        Status::Unauthorized => "This folder is for those who have a user name and a password.",
        Status::Forbidden => "The server may not read this file.",
        Status::NotFound => "There is nothing here under this name.",
        Status::MethodNotAllowed => "This page does not take that method.",
        Status::RequestTimeout => "The request took too long to arrive.",
        Status::LengthRequired => "A request with content must state its length.",
        Status::PreconditionFailed => "A condition of the request does not hold.",
        Status::ContentTooLarge => "The content of the request is too large.",
        Status::UriTooLong => "The request line is too long.",
        Status::RangeNotSatisfiable => "The file has no such range of bytes.",
        Status::MisdirectedRequest => "This server does not accept that name.",
        Status::HeaderFieldsTooLarge => "The request has too many or too long header fields.",
        Status::InternalServerError => "The server failed; its log has the cause.",
        Status::NotImplemented => "The server does not know this method.",
        Status::ServiceUnavailable => "The server is too busy for this now. Try again in a moment.",
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
        check(b"id=s12345", "s12345");
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
