//! What answers where nothing is found: the root's index, for a single-page application (`--spa`).
//!
//! Such an application has one page, whose script shows what each path means; so a link to any of
//! its paths must get that page. Requests for what is simply missing must not: those for files, and
//! those of clients that want something else than HTML.

use super::files::{self, Options, Representation};
use super::root::{OpenError, Root};
use crate::http::negotiation;
use crate::http::request::Request;
use crate::http::target::Target;

/// The root's index, if the application could have such a path and the client wants HTML.
pub(super) fn find(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
) -> Result<Representation, OpenError> {
    let accept = request.fields.list("accept");
    if !is_possible(options, &request.target) || !negotiation::prefers_html(accept.as_deref()) {
        return Err(OpenError::NotFound);
    }
    files::index_of(root, options, request, b"").map(Representation::chosen_by_accept)
}

/// Whether only Accept decides if the index answers where nothing is found. A last name with an
/// extension is that of a file; a name that starts with a dot is hidden, or `.well-known`, where
/// programs look for what they know (RFC 8615).
pub(super) fn is_possible(options: &Options, target: &Target<'_>) -> bool {
    let has_dot_name = target.names().any(|name| name.starts_with(b"."));
    let last = target.names().last().unwrap_or_default();
    let has_extension = !target.is_directory() && last.contains(&b'.');
    options.spa && !has_dot_name && !has_extension
}
