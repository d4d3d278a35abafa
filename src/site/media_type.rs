//! The Content-Type of a file, by its name.
//!
//! A file's content is never looked at, and browsers are asked not to guess from it either
//! (`X-Content-Type-Options: nosniff`). All text is assumed to be UTF-8.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

/// For names without a known extension.
const UNKNOWN: &str = "application/octet-stream";

/// For text without a type of its own, or with one that browsers save instead of showing it.
const TEXT: &str = "text/plain";

/// Names without an extension that always mean text, whole or up to a hyphen.
const TEXT_NAMES: &str = "authors changelog changes containerfile contributing copying dockerfile \
    gemfile jenkinsfile justfile license makefile news notice procfile rakefile readme todo \
    vagrantfile";

/// Extensions of text, mostly of programs, that the well-known table lacks or gives an unexpected
/// type. `ts` used to mean a film.
const TEXT_EXTENSIONS: &str = "\
    adoc awk bash bat bib clj cls cmake cts dart diff el erl ex exs fish go gradle graphql \
    groovy hcl hs java jl jsonc jsonl jsx kt kts lisp lock ml ndjson nim nix patch php pl pm po \
    properties proto ps1 r rb rst scala sed service sh socket sql srt sty svelte swift tcl tex \
    tf timer ts tsx vim vue zig zsh";

/// The media type of a file with this name, with a charset if it is text. `own` has the user's
/// types by extension in lower case (`--media-type`), which take precedence over the well-known
/// ones.
pub(super) fn of(name: &[u8], own: &HashMap<String, String>) -> String {
    let name = String::from_utf8_lossy(name);
    let Some(extension) = Path::new(&*name).extension().and_then(OsStr::to_str) else {
        let start = name.split('-').next().unwrap_or_default();
        let is_text = has_word(TEXT_NAMES, &start.to_ascii_lowercase());
        return with_charset(if is_text { TEXT } else { UNKNOWN });
    };
    let extension = extension.to_ascii_lowercase();
    if let Some(own) = own.get(&extension) {
        return own.clone();
    }
    let known = mime_guess::from_ext(&extension).first_raw().unwrap_or(UNKNOWN);
    with_charset(correction(&extension).unwrap_or(known))
}

/// Types for extensions that the well-known table lacks or gives an unexpected type.
fn correction(extension: &str) -> Option<&'static str> {
    match extension {
        "ipynb" => Some("application/json"),
        "mjs" => Some("text/javascript"),
        "mts" => Some("video/mp2t"),
        "rss" => Some("application/xml"),
        "zst" => Some("application/zstd"),
        _ => has_word(TEXT_EXTENSIONS, extension).then_some(TEXT),
    }
}

fn has_word(list: &str, word: &str) -> bool {
    list.split(' ').any(|other| other == word)
}

/// A text type with its charset, always UTF-8. JSON is not text: its type has no such parameter
/// (RFC 8259 section 11).
fn with_charset(media_type: &str) -> String {
    let is_text = media_type.starts_with("text/") || media_type.ends_with("+xml");
    if is_text { format!("{media_type}; charset=utf-8") } else { media_type.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_types() {
        let own = [("log".to_owned(), "text/x-log".to_owned())].into();
        let check = |name: &[u8], want| assert_eq!(of(name, &own), want, "{}", name.escape_ascii());
        check(b"INDEX.HTML", "text/html; charset=utf-8");
        check(b"module.mjs", "text/javascript; charset=utf-8");
        check(b"data.json", "application/json");
        check(b"logo.svg", "image/svg+xml; charset=utf-8");
        check(b"archive.tar.gz", "application/gzip");
        let text = "README LICENSE LICENSE-MIT Makefile Dockerfile a.sh a.sql a.RB a.ts a.lock";
        for text in text.split(' ') {
            check(text.as_bytes(), "text/plain; charset=utf-8");
        }
        check(b"a.ipynb", "application/json");
        check(b"feed.rss", "application/xml");
        check(b"my-license", UNKNOWN);
        check(b"my.LOG", "text/x-log");
        check(b"unknown.", UNKNOWN);
        check(b"\xff\xfe.png", "image/png");
    }
}
