//! Which Content-Type a file's name stands for.
//!
//! By its name only: a file's content is never looked at, and browsers are asked not to guess from
//! it either (`X-Content-Type-Options: nosniff`). All text is taken to be UTF-8.

use std::collections::HashMap;
use std::path::Path;

/// For names without a known extension.
const UNKNOWN: &str = "application/octet-stream";

/// Names without an extension that are known to be text wherever they turn up.
const TEXT_NAMES: [&str; 10] = [
    "authors",
    "changelog",
    "changes",
    "contributing",
    "copying",
    "license",
    "makefile",
    "news",
    "readme",
    "todo",
];

/// The user's own types by extension (`--media-type`), asked before the well-known ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct MediaTypes {
    own: HashMap<String, String>,
}

impl MediaTypes {
    /// With `own` extensions and their types; a later one takes the place of an earlier.
    pub(crate) fn new(own: impl IntoIterator<Item = (String, String)>) -> Self {
        let own = own.into_iter().map(|(extension, kind)| (extension.to_ascii_lowercase(), kind));
        Self { own: own.collect() }
    }

    /// The media type of a file of that name, with a charset where it is text.
    #[must_use]
    pub(crate) fn of(&self, name: &[u8]) -> String {
        let name = String::from_utf8_lossy(name);
        let path = Path::new(&*name);
        let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
            let is_text = TEXT_NAMES.iter().any(|text| name.eq_ignore_ascii_case(text));
            return if is_text {
                "text/plain; charset=utf-8".to_owned()
            } else {
                UNKNOWN.to_owned()
            };
        };
        let extension = extension.to_ascii_lowercase();
        if let Some(own) = self.own.get(&extension) {
            return own.clone();
        }
        let known = mime_guess::from_ext(&extension).first_raw().unwrap_or(UNKNOWN);
        let known = correction(&extension).unwrap_or(known);
        if is_text(known) { format!("{known}; charset=utf-8") } else { known.to_owned() }
    }
}

/// Where the well-known table lacks an extension, or has a type that no one expects from a server.
fn correction(extension: &str) -> Option<&'static str> {
    match extension {
        "mjs" => Some("text/javascript"),
        "ts" | "mts" => Some("video/mp2t"),
        "diff" | "go" | "java" | "jsonl" | "lock" | "patch" => Some("text/plain"),
        "zst" => Some("application/zstd"),
        _ => None,
    }
}

/// Whether a type is text, whose charset we add: everything is taken to be UTF-8. JSON is not
/// among them, for its type has no such parameter (RFC 8259 section 11).
fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type.ends_with("+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &[u8], want: &str) {
        let own = [("LOG".to_owned(), "text/x-log".to_owned())];
        assert_eq!(MediaTypes::new(own).of(name), want);
    }

    #[test]
    fn names_have_types() {
        check(b"index.html", "text/html; charset=utf-8");
        check(b"INDEX.HTML", "text/html; charset=utf-8");
        check(b"style.css", "text/css; charset=utf-8");
        check(b"app.js", "text/javascript; charset=utf-8");
        check(b"module.mjs", "text/javascript; charset=utf-8");
        check(b"data.json", "application/json");
        check(b"logo.svg", "image/svg+xml; charset=utf-8");
        check(b"photo.jpeg", "image/jpeg");
        check(b"clip.webm", "video/webm");
        check(b"archive.tar.gz", "application/gzip");
        check(b"README", "text/plain; charset=utf-8");
        check(b"my.log", "text/x-log");
        check(b"a name with spaces.pdf", "application/pdf");
        check(b"unknown", UNKNOWN);
        check(b"unknown.", UNKNOWN);
        check(b"odd.\xff\xfe", UNKNOWN);
        check(b"\xff\xfe.png", "image/png");
    }
}
