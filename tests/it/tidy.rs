//! The house rules that a machine can check: imports, and the lengths of files and lines. Clippy
//! limits the lengths of functions (`clippy.toml`).
//!
//! Each rule collects all offences before it fails, so that one run shows everything to fix. Paths
//! are relative to the repository, where tests run.

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
}

/// All files below a folder.
pub fn files_below(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut folders = vec![folder.as_ref().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = if path.is_dir() { &mut folders } else { &mut files };
            kind.push(path);
        }
    }
    assert!(!files.is_empty(), "{} is empty", folder.as_ref().display());
    files
}

fn sources(folder: &str) -> impl Iterator<Item = Source> {
    let paths = files_below(folder).into_iter();
    let paths = paths.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    paths.map(|path| Source { text: fs::read_to_string(&path).unwrap(), path })
}

/// The library's files that are not all tests.
fn product() -> impl Iterator<Item = Source> {
    let is_test = |it: &Source| it.path.iter().any(|name| name == "tests" || name == "tests.rs");
    sources("src").filter(move |source| !is_test(source))
}

#[track_caller]
fn assert_none(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

#[test]
fn the_product_stays_small() {
    let mut offences = Vec::new();
    let mut public = 0;
    for source in product() {
        let product = source.product();
        let lines = product.lines().count();
        if lines > FILE_LINES_MAX {
            offences.push(format!("{} has {lines} lines", source.path.display()));
        }
        public += product.lines().filter(|line| line.trim_start().starts_with("pub ")).count();
    }
    assert_none("files fit a sitting", &offences);
    assert!(public <= PUBLIC_ITEMS_MAX, "{public} items and fields are public");
}

#[test]
fn lines_fit_and_files_say_what_they_own() {
    let mut offences = Vec::new();
    for source in ["src", "tests", "examples", "benches"].into_iter().flat_map(sources) {
        let path = source.path.display();
        let wide = source.text.lines().filter(|line| line.chars().count() > COLUMNS_MAX);
        offences.extend(wide.map(|line| format!("{path}: over {COLUMNS_MAX} columns: {line}")));
        if !source.text.starts_with("//!") {
            offences.push(format!("{path} does not say what it owns"));
        }
    }
    assert_none("lines fit, and files say what they own", &offences);
}
