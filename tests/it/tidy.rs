//! The house rules that a machine can check: imports, and the lengths of files and lines. Clippy
//! limits the lengths of functions (`clippy.toml`).
//!
//! Each rule collects all offences before it fails, so that one run shows everything to fix.

mod documents;
mod imports;

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 100;

/// The library's public items and fields: those that examples and tests need, and little more. The
/// compiler finds dead code that is not public.
const PUBLIC_ITEMS_MAX: usize = 119;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The text without the tests, which end a file.
    fn product(&self) -> &str {
        let Some((product, tests)) = self.text.split_once("\n#[cfg(test)]\n") else {
            return &self.text;
        };
        let tests = tests.strip_prefix("pub(super) ").unwrap_or(tests);
        let is_last = tests == "mod tests;\n"
            || tests.starts_with("mod tests {\n") && tests.find("\n}\n") == Some(tests.len() - 3);
        assert!(is_last, "{}: something follows the tests", self.path.display());
        product
    }

    fn is_test(&self) -> bool {
        let below_root = self.path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        below_root.iter().any(|name| name == "tests" || name == "tests.rs")
    }
}

fn rust_files(folder: &str) -> Vec<Source> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "{folder} is empty");
    sources
}

fn everything() -> Vec<Source> {
    ["src", "tests", "examples", "benches"].into_iter().flat_map(rust_files).collect()
}

#[track_caller]
fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

#[test]
fn files_fit_a_sitting() {
    let mut offences = Vec::new();
    for source in rust_files("src").into_iter().filter(|source| !source.is_test()) {
        let lines = source.product().lines().count();
        if lines > FILE_LINES_MAX {
            offences.push(format!("{} has {lines} lines", source.path.display()));
        }
    }
    assert_none("files fit a sitting", &offences);
}

#[test]
fn lines_fit_and_files_say_what_they_own() {
    let mut offences = Vec::new();
    for source in everything() {
        let path = source.path.display();
        for (number, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                offences.push(format!("{path}:{}: over {COLUMNS_MAX} columns", number + 1));
            }
        }
        if !source.text.starts_with("//!") {
            offences.push(format!("{path} does not say what it owns"));
        }
    }
    assert_none("lines fit, and files say what they own", &offences);
}

#[test]
fn the_public_surface_stays_small() {
    let sources: Vec<_> = rust_files("src").into_iter().filter(|it| !it.is_test()).collect();
    let lines = sources.iter().flat_map(|source| source.product().lines());
    let public = lines.filter(|line| line.trim_start().starts_with("pub ")).count();
    assert!(public <= PUBLIC_ITEMS_MAX, "{public} items and fields are public");
}
