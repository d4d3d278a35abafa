//! A response as a value: status, fields, body; and its head as bytes.
//!
//! A response is built once, from a decided outcome, and never patched afterwards. No value can end
//! its field's line, wherever it comes from: control bytes are replaced as the value comes in.

use std::borrow::Cow;
use std::fs::File;
use std::str::FromStr;

use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::date::Date;
use super::range::{ByteRange, Segment};
use super::request::is_token;
use super::status::Status;
use super::target::PATH_ENCODED;

/// The value of the Server field.
pub(crate) const SERVER: &str = concat!("httpd/", env!("CARGO_PKG_VERSION"));

/// Fields that frame a message or describe one representation: set by the server only.
const RESERVED: [&str; 14] = [
    "Accept-Ranges",
    "Allow",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Transfer-Encoding",
    "WWW-Authenticate",
];

/// Encoded in `filename*`: all characters encoded in a path, and any others that are not
/// `attr-char` (RFC 8187 section 3.2.1).
const ATTR_CHAR_ENCODED: &AsciiSet = &PATH_ENCODED.add(b'(').add(b')').add(b'*').add(b',');

/// A response: a status, its own fields beside those of every response, and a body.
pub struct Response {
    status: Status,
    fields: Vec<(&'static str, Cow<'static, str>)>,
    body: Body,
    /// Why the request could not be served, for the log only.
    cause: Option<&'static str>,
    /// Released once the response has been sent.
    _held: Option<Box<dyn Send>>,
}

/// The content after the head.
pub enum Body {
    /// Nothing, and no Content-Length: for 204 and 304.
    None,
    /// These bytes.
    Bytes(Cow<'static, [u8]>),
    /// Segments, some of which are ranges of this file.
    File(File, Vec<Segment>),
    /// Segments, some of which are ranges of this stream.
    Streamed(Box<dyn Stream>, Vec<Segment>),
}

/// Content that is generated while it is sent, such as an archive.
pub trait Stream: Send {
    /// The chunks of a range, in order. `None`, the last one, is a chunk that has changed since its
    /// length was promised.
    fn parts(&self, span: ByteRange) -> Box<dyn Iterator<Item = Option<Chunk>> + '_>;
}

/// A part of a stream.
pub enum Chunk {
    /// These bytes.
    Bytes(Cow<'static, [u8]>),
    /// These bytes of that file.
    File(File, ByteRange),
}

/// A field that the user adds to every response (`--header`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraField {
    name: String,
    value: String,
}

impl Response {
    /// A response without fields of its own.
    #[must_use]
    pub fn new(status: Status, body: Body) -> Self {
        Self { status, fields: Vec::new(), body, cause: None, _held: None }
    }

    /// The same response, which holds a permit until it is dropped.
    #[must_use]
    pub(crate) fn holding(self, permit: impl Send + 'static) -> Self {
        Self { _held: Some(Box::new(permit)), ..self }
    }

    /// The same response, with the cause for the log: why the request could not be served. No byte
    /// of the cause is sent.
    #[must_use]
    pub(crate) fn because(self, cause: &'static str) -> Self {
        Self { cause: Some(cause), ..self }
    }

    /// Why the request could not be served, if there is a cause.
    #[must_use]
    pub(crate) fn cause(&self) -> Option<&'static str> {
        self.cause
    }

    /// The same response with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let value = value.into();
        let is_safe = !value.contains(is_control);
        let value = if is_safe { value } else { value.replace(is_control, " ").into() };
        self.fields.push((name, value));
        self
    }

    /// Its status.
    #[must_use]
    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// Its body.
    #[must_use]
    pub(crate) fn body(&self) -> &Body {
        &self.body
    }

    /// Appends the head: status line, the fields of every response, its own, and `extra`. A field
    /// in `extra` replaces ours with the same name, except Vary, of which both are sent (RFC 9110
    /// section 5.3: as one list). `date` may be omitted for 5xx responses that are not sent at once
    /// (RFC 9110 section 6.6.1).
    pub fn write_head(&self, out: &mut Vec<u8>, date: Option<Date>, extra: &[ExtraField]) {
        // Joined, not formatted: formatting took a quarter of a small request's time in the
        // program.
        let mut write = |parts: &[&str]| {
            for part in parts {
                out.extend_from_slice(part.as_bytes());
            }
        };
        write(&["HTTP/1.0 ", &self.status.code().to_string(), " ", self.status.reason(), "\r\n"]);
        let mut line = |name: &str, value: &str| {
            let is_replaced = extra.iter().any(|field| field.replaces(name));
            if !is_replaced {
                write(&[name, ": ", value, "\r\n"]);
            }
        };
        if let Some(date) = date {
            line("Date", &date.to_string());
        }
        line("Server", SERVER);
        line("Connection", "close");
        if let Some(length) = self.body.length() {
            line("Content-Length", &length.to_string());
        }
        for (name, value) in &self.fields {
            line(name, value);
        }
        line("X-Content-Type-Options", "nosniff");
        for ExtraField { name, value } in extra {
            write(&[name, ": ", value, "\r\n"]);
        }
        write(&["\r\n"]);
    }
}

impl Body {
    /// The length in bytes; `None` if there is no Content-Length.
    #[must_use]
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(_, segments) | Self::Streamed(_, segments) => {
                Some(segments.iter().map(Segment::length).sum())
            }
        }
    }
}

impl ExtraField {
    /// A field with a known good name and value.
    #[must_use]
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned() }
    }

    /// Whether it replaces our field of this name. Vary states facts, and another one does not make
    /// ours untrue.
    pub(crate) fn replaces(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) && !name.eq_ignore_ascii_case("Vary")
    }
}

/// Reads `NAME: VALUE`.
impl FromStr for ExtraField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once(':') else {
            return Err("expected 'NAME: VALUE'".to_owned());
        };
        let value = value.trim_matches([' ', '\t']);
        if !is_token(name.as_bytes()) {
            return Err(format!("'{}' is not a field name", name.escape_debug()));
        }
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(format!("{name} is set by the server itself"));
        }
        if value.contains(is_control) || !value.is_ascii() {
            return Err("a value is printable ASCII on one line".to_owned());
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

fn is_control(character: char) -> bool {
    character.is_control() && character != '\t'
}

/// The value of Content-Disposition for content to be saved under this name (RFC 6266): `filename`
/// in ASCII for old clients, `filename*` in UTF-8 for all others (RFC 8187). No name ends its
/// parameter or its field. Bytes that are not UTF-8 are replaced.
#[must_use]
pub(crate) fn attachment(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).replace(char::is_control, "_");
    // Some clients would decode a percent sign and two digits (RFC 6266 appendix D).
    let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(&name, ATTR_CHAR_ENCODED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(response: &Response, extra: &[ExtraField]) -> String {
        let mut out = Vec::new();
        let date = Date::from_unix(784_111_777).unwrap();
        response.write_head(&mut out, Some(date), extra);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_has_the_common_fields_and_its_own() {
        let response = Response::new(Status::Ok, Body::Bytes(Cow::Borrowed(b"hello")))
            .with("Content-Type", "text/plain");
        let want = format!(
            "HTTP/1.0 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: {SERVER}\r\n\
             Connection: close\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\
             X-Content-Type-Options: nosniff\r\n\r\n"
        );
        assert_eq!(head(&response, &[]), want);
    }

    #[test]
    fn a_response_holds_its_permit_and_knows_its_cause() {
        let permit = std::sync::Arc::new(());
        let response = Response::new(Status::Ok, Body::None).because("why").holding(permit.clone());
        assert_eq!((response.cause(), std::sync::Arc::strong_count(&permit)), (Some("why"), 2));
    }

    #[test]
    fn a_value_cannot_end_its_line() {
        let response = Response::new(Status::NotModified, Body::None)
            .with("Location", "/a\r\nSet-Cookie: x=1\0".to_owned());
        let head = head(&response, &[]);
        assert!(head.contains("Location: /a  Set-Cookie: x=1 \r\n"), "{head}");
        assert!(!head.contains("Content-Length"), "{head}");
    }

    #[test]
    fn extra_fields_are_added_or_take_the_place_of_ours() {
        let response = Response::new(Status::Ok, Body::None)
            .with("Cache-Control", "no-cache")
            .with("Vary", "Accept-Encoding");
        let extra = ["cache-control: max-age=60", "X-Frame-Options:DENY", "vary: Origin"];
        let head = head(&response, &extra.map(|field| field.parse().unwrap()));
        let (_, fields) = head.split_once("Connection: close\r\n").unwrap();
        // Another Vary is sent beside ours.
        let want = "Vary: Accept-Encoding\r\nX-Content-Type-Options: nosniff\r\n\
                    cache-control: max-age=60\r\nX-Frame-Options: DENY\r\nvary: Origin\r\n\r\n";
        assert_eq!(fields, want);
    }

    #[test]
    fn fields_that_describe_the_one_response_and_malformed_ones_are_refused() {
        for name in RESERVED.into_iter().chain(["etag", "LAST-MODIFIED"]) {
            let error = format!("{name}: x").parse::<ExtraField>().unwrap_err();
            assert!(error.contains(name), "{error}");
        }
        for wrong in ["no colon", ": x", "a b: x", "é: x", "X: a\nb", "X: é"] {
            assert!(wrong.parse::<ExtraField>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_name_is_given_in_both_forms_and_ends_neither_parameter() {
        for (name, plain, encoded) in [
            (&b"a b+c.tar"[..], "a b+c.tar", "a%20b%2Bc.tar"),
            (b"\xc3\xbc\xff.tar", "__.tar", "%C3%BC%EF%BF%BD.tar"),
            (b"a\"; x=\"\\.tar", "a_; x=__.tar", "a%22%3B%20x%3D%22%5C.tar"),
            (b"a\r\nB: x\0.tar", "a__B: x_.tar", "a__B%3A%20x_.tar"),
            (b"%41'.tar", "_41'.tar", "%2541%27.tar"),
        ] {
            let want = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
            assert_eq!(attachment(name), want);
        }
    }
}
