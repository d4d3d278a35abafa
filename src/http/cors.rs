//! Cross-origin reads: the fields that `--cors` sends to browsers (the CORS protocol of the Fetch
//! standard).
//!
//! Pages of any origin may read what everyone may read. Browsers never send stored credentials
//! along, since `*` stands for the origin.

use super::request::{Fields, Method, Request, is_token};
use super::response::{Body, Response};
use super::status::Status;

/// The fields of every response. The second exposes further response fields to pages, for players,
/// document viewers and download tools.
pub(crate) const FIELDS: [(&str, &str); 2] = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, Content-Range, \
         ETag, Last-Modified, Retry-After, X-Total-Count",
    ),
];

/// The methods that any target takes; a preflight does not reveal which target takes which.
const METHODS: &str = "GET, HEAD, POST";

/// Request fields that are always allowed: those that the server obeys, and those that libraries
/// add.
const REQUEST_FIELDS: [&str; 8] = [
    "Cache-Control",
    "Content-Type",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
];

/// The most bytes of further fields from a preflight that are allowed by name.
const ASKED_BYTES_MAX: usize = 1024;

/// How long a browser may remember the answer, in seconds. All of them remember it for 2 hours.
const MAX_AGE_SECONDS: &str = "7200";

/// Whether a browser asks permission for a request from a page of another origin.
#[must_use]
pub(crate) fn is_preflight(request: &Request<'_>) -> bool {
    let has = |name| request.fields.first(name).is_some();
    request.method == Method::Options && has("origin") && has("access-control-request-method")
}

/// The answer to a preflight. It is the same for every target: browsers send preflights without
/// credentials, so the answer must not reveal which paths exist.
#[must_use]
pub(crate) fn preflight(fields: &Fields<'_>) -> Response {
    let asked = fields.list("access-control-request-headers");
    Response::new(Status::NoContent, Body::None)
        .with("Access-Control-Allow-Methods", METHODS)
        .with("Access-Control-Allow-Headers", allowed_fields(asked.as_deref()))
        .with("Access-Control-Max-Age", MAX_AGE_SECONDS)
}

/// `REQUEST_FIELDS`, and the fields asked for: the server ignores unknown ones, and a field that a
/// library adds should not keep a page from reading.
fn allowed_fields(asked: Option<&[u8]>) -> String {
    let mut allowed = REQUEST_FIELDS.join(", ");
    let bytes_max = allowed.len() + ASKED_BYTES_MAX;
    let asked = asked.unwrap_or_default().split(|&byte| byte == b',');
    let names = asked.map(<[u8]>::trim_ascii).filter(|name| is_token(name));
    for name in names.filter_map(|name| str::from_utf8(name).ok()) {
        if REQUEST_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        if allowed.len() + ", ".len() + name.len() > bytes_max {
            break;
        }
        allowed.push_str(", ");
        allowed.push_str(name);
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::{self, Parsed};

    #[track_caller]
    fn check_preflight(method: &str, fields: &str, want: bool) {
        let head = format!("{method} /a HTTP/1.0\r\n{fields}\r\n");
        let parsed = request::parse(head.as_bytes());
        let Ok(Parsed::Complete { request, .. }) = parsed else { panic!("{head}") };
        assert_eq!(is_preflight(&request), want, "{head}");
    }

    #[test]
    fn a_preflight_has_a_method_and_two_fields() {
        let (origin, asks) = ("Origin: http://a\r\n", "Access-Control-Request-Method: GET\r\n");
        let both = [origin, asks].concat();
        check_preflight("OPTIONS", &both, true);
        check_preflight("GET", &both, false);
        check_preflight("OPTIONS", origin, false);
        check_preflight("OPTIONS", asks, false);
    }

    /// Checks the fields allowed beyond the permanent ones.
    #[track_caller]
    fn check(asked: &str, want: &str) {
        let always = REQUEST_FIELDS.join(", ");
        let allowed = allowed_fields(Some(asked.as_bytes()));
        let more = allowed.strip_prefix(&always).unwrap();
        assert_eq!(more.trim_start_matches(", "), want, "{asked:?}");
    }

    #[test]
    fn fields_that_are_asked_for_are_allowed_up_to_a_limit() {
        assert_eq!(allowed_fields(None), REQUEST_FIELDS.join(", "));
        check("", "");
        check("if-none-match,range", "");
        check(" authorization,range ,\tX-Two", "authorization, X-Two");
        check(",, ,x-one,,*", "x-one, *");
        check("x one, x-one;q=1, caf\u{e9}, \"x\", x:y, (x), x-two", "x-two");
        let longest = "x".repeat(ASKED_BYTES_MAX - 2);
        check(&longest, &longest);
        check(&format!("{longest},y"), &longest);
        check(&format!("{longest}x,y"), "");
    }
}
