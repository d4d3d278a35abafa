//! Turns a representation into a response: all of it, part of it, or none, as the request's
//! conditions decide.
//!
//! Preconditions come first and then ranges, in the order of RFC 9110 section 13.2.2, for files and
//! archives alike; [`files`](super::files) and [`archive`](super::archive) provide them.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};

use super::pages;
use crate::http::conditional::{self, ETag, Validators};
use crate::http::date::Date;
use crate::http::negotiation::Coding;
use crate::http::range::{self, ByteRange, Segment};
use crate::http::request::{Method, Request};
use crate::http::response::{Body, Response, Stream};
use crate::http::status::Status;

/// The content of a target with its metadata.
pub(super) struct Representation {
    pub(super) content: Content,
    /// The full length in bytes.
    pub(super) length: u64,
    pub(super) media_type: String,
    pub(super) etag: ETag,
    /// When it was modified, if HTTP can write that time.
    pub(super) modified: Option<Date>,
    /// Its content coding, if any.
    pub(super) coding: Option<Coding>,
    /// The request fields that it was chosen by.
    pub(super) varies_by: Option<&'static str>,
    /// How to save it, if it is not to be shown.
    pub(super) disposition: Option<String>,
}

/// The source of the bytes.
pub(super) enum Content {
    File(File),
    Stream(Box<dyn Stream>),
}

/// The response at `now`: all of it, part of it, or none, as the preconditions decide.
pub(super) fn respond(it: Representation, request: &Request<'_>, now: Date) -> Response {
    let Representation { content, length, mut media_type, coding, varies_by, .. } = it;
    let validators = Validators::new(it.etag, it.modified, now);
    match conditional::evaluate(&request.fields, &validators) {
        Some(Status::NotModified) => {
            let response = Response::new(Status::NotModified, Body::None);
            return identify(response, &validators, varies_by);
        }
        Some(status) => return pages::error(status),
        None => {}
    }
    let mut content_range = None;
    let ranges = requested_ranges(request, &validators, length)
        // Content-Encoding would mean that the multipart itself is coded, but it is not.
        .filter(|ranges| ranges.len() < 2 || coding.is_none());
    let (status, segments) = match ranges.as_deref() {
        None => (Status::Ok, vec![Segment::ByteRange(ByteRange { first: 0, length })]),
        Some([]) => {
            return pages::error(Status::RangeNotSatisfiable)
                .with("Content-Range", range::unsatisfied_content_range(length));
        }
        Some(&[span]) => {
            content_range = Some(range::content_range(span, length));
            (Status::PartialContent, vec![Segment::ByteRange(span)])
        }
        Some(spans) => {
            // Nobody can guess it, so no file can be made to contain it.
            let boundary = format!("{:016x}", RandomState::new().build_hasher().finish());
            let segments = range::multipart(&boundary, &media_type, spans, length);
            media_type = format!("multipart/byteranges; boundary={boundary}");
            (Status::PartialContent, segments)
        }
    };
    let body = match content {
        Content::File(file) => Body::File(file, segments),
        Content::Stream(stream) => Body::Streamed(stream, segments),
    };
    let mut response = Response::new(status, body).with("Content-Type", media_type);
    if let Some(content_range) = content_range {
        response = response.with("Content-Range", content_range);
    }
    response = identify(response, &validators, varies_by).with("Accept-Ranges", "bytes");
    if let Some(date) = validators.last_modified {
        response = response.with("Last-Modified", date.to_string());
    }
    if let Some(coding) = coding {
        response = response.with("Content-Encoding", coding.name());
    }
    if let Some(disposition) = it.disposition {
        response = response.with("Content-Disposition", disposition);
    }
    response
}

/// Adds the fields by which caches know the state to keep. A 304 has these; the client has the
/// values of all others already (RFC 9110 section 15.4.5).
fn identify(
    response: Response,
    validators: &Validators,
    varies_by: Option<&'static str>,
) -> Response {
    let response =
        response.with("ETag", validators.etag.to_string()).with("Cache-Control", "no-cache");
    match varies_by {
        Some(fields) => response.with("Vary", fields),
        None => response,
    }
}

/// The ranges, which only apply to GET (RFC 9110 section 14.2), and to the state that If-Range
/// names.
fn requested_ranges(
    request: &Request<'_>,
    validators: &Validators,
    length: u64,
) -> Option<Vec<ByteRange>> {
    let value = request.fields.list("range").filter(|_| request.method == Method::Get)?;
    let holds = conditional::if_range_holds(&request.fields, validators);
    if holds { range::parse(&value, length) } else { None }
}
