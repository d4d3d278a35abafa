//! What answers where nothing is found: the root's index, for a single-page application (`--spa`).
//!
//! Such an application has one page, whose script shows what each path means; so a link to any of
//! its paths must get that page. Requests for what is simply missing must not: those for files, and
//! those of clients that want something else than HTML.

use super::files::{self, ChosenFile, Options};
use super::root::{OpenError, Root};
use crate::http::negotiation;
use crate::http::request::Request;
use crate::http::target::Target;

/// The root's index, if the application could have such a path and the client wants HTML.
pub(super) fn find(
    root: &Root,
    options: &Options,
    request: &Request<'_>,
) -> Result<ChosenFile, OpenError> {
    let accept = request.fields.list("accept");
    if !is_possible(options, &request.target) || !negotiation::prefers_html(accept.as_deref()) {
        return Err(OpenError::NotFound);
    }
    files::index_of(root, options, request, b"").map(ChosenFile::chosen_by_accept)
}

/// Whether only Accept decides if the index answers where nothing is found.
pub(super) fn is_possible(options: &Options, target: &Target<'_>) -> bool {
    options.spa && is_place(target)
}

/// Whether an application could have such a path. A last name with an extension is that of a file;
/// a name that starts with a dot is hidden, or it is `.well-known`, where programs look for what
/// they know (RFC 8615).
fn is_place(target: &Target<'_>) -> bool {
    let has_dot_name = target.names().any(|name| name.starts_with(b"."));
    let last = target.names().last().unwrap_or_default();
    let has_extension = !target.is_directory() && last.contains(&b'.');
    !has_dot_name && !has_extension
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_and_hidden_names_are_no_places_of_an_application() {
        let check = |path: &str, want: bool| {
            let target = Target::parse(path.as_bytes()).unwrap();
            assert_eq!(is_place(&target), want, "{path}");
        };
        for place in ["/", "/a", "/a/b?c=d.e", "/a/", "/v1.2/intro", "/v1.2/", "/%61/./b"] {
            check(place, true);
        }
        for other in ["/a.js", "/a/b.c.css", "/a.", "/a%2ejs", "/.git", "/.git/", "/.well-known/a"]
        {
            check(other, false);
        }
    }
}
