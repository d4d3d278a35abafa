//! A representation becomes a response: all of it, part of it, or none, as the request's conditions
//! decide.
//!
//! The preconditions come first and then the ranges, in the order of RFC 9110 section 13.2.2. That
//! is the same for a file and for an archive; what they are, [`files`](super::files) and
//! [`download`](super::download) find out.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};

use super::pages;
use crate::http::conditional::{self, Validators};
use crate::http::negotiation::Coding;
use crate::http::range::{self, ByteRange};
use crate::http::request::{Method, Request};
use crate::http::response::{Body, Response, Segment, Stream};
use crate::http::status::Status;

/// What the target of a request has to offer.
pub(crate) struct Representation {
    pub(super) content: Content,
    /// Bytes of all of it.
    pub(super) length: u64,
    pub(super) media_type: String,
    pub(super) description: Description,
}

/// Where the bytes come from.
pub(crate) enum Content {
    File(File),
    Stream(Box<dyn Stream>),
}

/// What is said of it.
pub(crate) struct Description {
    pub(super) validators: Validators,
    /// Which coding it is in, if in any.
    pub(super) coding: Option<Coding>,
    /// Which fields of the request it was chosen by.
    pub(super) varies_by: Option<&'static str>,
    /// How it is to be shown or saved.
    pub(super) disposition: Option<String>,
}

impl Content {
    fn body(self, segments: Vec<Segment>) -> Body {
        match self {
            Self::File(file) => Body::File(file, segments),
            Self::Stream(stream) => Body::Streamed(stream, segments),
        }
    }
}

impl Description {
    /// The fields by which a cache knows the state that it may keep. A 304 has these, and of what
    /// it leaves out the client has the values already (RFC 9110 section 15.4.5).
    fn identify(&self, response: Response) -> Response {
        let response = response
            .with("ETag", self.validators.etag.to_string())
            .with("Cache-Control", "no-cache");
        match self.varies_by {
            Some(fields) => response.with("Vary", fields),
            None => response,
        }
    }

    /// The fields of a response that has content: what state it is of, and in which coding.
    fn describe(&self, response: Response) -> Response {
        let mut response = self.identify(response).with("Accept-Ranges", "bytes");
        if let Some(date) = self.validators.last_modified {
            response = response.with("Last-Modified", date.to_string());
        }
        if let Some(coding) = self.coding {
            response = response.with("Content-Encoding", coding.name());
        }
        if let Some(disposition) = &self.disposition {
            response = response.with("Content-Disposition", disposition.clone());
        }
        response
    }
}

/// The response: all of it, part of it, or none, as the preconditions decide.
#[must_use]
pub(crate) fn respond(representation: Representation, request: &Request<'_>) -> Response {
    let Representation { content, length, media_type, description } = representation;
    match conditional::evaluate(&request.fields, &description.validators) {
        Some(Status::NotModified) => {
            return description.identify(Response::new(Status::NotModified, Body::None));
        }
        Some(status) => return pages::error(status),
        None => {}
    }
    let ranges = requested_ranges(request, &description.validators, length)
        // Content-Encoding would say that the multipart itself is coded, which it is not.
        .filter(|ranges| ranges.len() < 2 || description.coding.is_none());
    let one = |status, content: Content, span| {
        Response::new(status, content.body(vec![Segment::ByteRange(span)]))
            .with("Content-Type", media_type.clone())
    };
    match ranges.as_deref() {
        None => description.describe(one(Status::Ok, content, ByteRange { first: 0, length })),
        Some([]) => pages::error(Status::RangeNotSatisfiable)
            .with("Content-Range", range::unsatisfied_content_range(length)),
        Some(&[span]) => description.describe(
            one(Status::PartialContent, content, span)
                .with("Content-Range", range::content_range(span, length)),
        ),
        Some(spans) => description.describe(multipart(content, &media_type, spans, length)),
    }
}

/// Range only applies to GET (RFC 9110 section 14.2), and to the state that If-Range names.
fn requested_ranges(
    request: &Request<'_>,
    validators: &Validators,
    length: u64,
) -> Option<Vec<ByteRange>> {
    let value = request.fields.list("range").filter(|_| request.method == Method::Get)?;
    let holds = conditional::if_range_holds(&request.fields, validators);
    if holds { range::parse(&value, length) } else { None }
}

/// Several spans, each with a head of its own (RFC 9110 section 15.3.7.2).
fn multipart(content: Content, media_type: &str, spans: &[ByteRange], length: u64) -> Response {
    // It cannot be guessed, so no file can be made to contain it.
    let boundary = format!("{:016x}", RandomState::new().build_hasher().finish());
    let segments = range::multipart(&boundary, media_type, spans, length);
    Response::new(Status::PartialContent, content.body(segments))
        .with("Content-Type", format!("multipart/byteranges; boundary={boundary}"))
}
