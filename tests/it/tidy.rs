//! The house rules that a machine can check: what imports what, and how long things may get.
//!
//! Each rule collects all offences before it fails, so that one run shows everything to mend.

mod documents;
mod imports;
mod paths;

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// The library's public items and fields: what examples and tests need, and little more. Dead code
/// that is not public is found by the compiler.
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

/// Whether a line of code begins a function, whatever stands before `fn`.
fn begins_function(code: &str) -> bool {
    let unrestricted = code.strip_prefix("pub(").and_then(|rest| Some(rest.split_once(") ")?.1));
    let code = unrestricted.or_else(|| code.strip_prefix("pub ")).unwrap_or(code);
    let qualifiers = ["async", "const", "default", "extern", "safe", "unsafe"];
    let is_qualifier = |word: &&str| qualifiers.contains(word) || word.starts_with('"');
    code.split(' ').find(|word| !is_qualifier(word)) == Some("fn")
}

/// The lines of the function that begins with the first of these, if its end is among them: a brace
/// that stands where the function began, or a semicolon where it has no body.
fn function_length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let (indent, _) = first.split_at(first.len() - first.trim_start().len());
    let ends = |line: &&str| {
        let code = line.strip_prefix(indent).filter(|code| !code.starts_with(' '));
        code.is_some_and(|code| code == "}" || code.ends_with("{}") || code.ends_with(';'))
    };
    lines.iter().position(ends).map(|last| last + 1)
}

#[test]
fn functions_fit_a_screen() {
    let mut offences = Vec::new();
    for source in everything() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            if !begins_function(line.trim_start()) {
                continue;
            }
            let place = format!("{}:{}", source.path.display(), start + 1);
            match function_length(&lines[start..]) {
                None => offences.push(format!("{place}: no end found")),
                Some(length) if length > FUNCTION_LINES_MAX => {
                    offences.push(format!("{place}: {length} lines"));
                }
                Some(_) => {}
            }
        }
    }
    assert_none("functions fit a screen", &offences);
}

#[test]
fn functions_are_seen_with_any_head_and_to_their_end() {
    for head in ["", "pub ", "pub(crate) ", "pub(in crate::a) ", "pub(super) const ", "async "] {
        assert!(begins_function(&format!("{head}fn f() {{")), "{head}");
    }
    for head in ["pub const ", "pub unsafe ", "const unsafe ", "unsafe extern \"C\" ", "extern "] {
        assert!(begins_function(&format!("{head}fn f() {{")), "{head}");
    }
    for other in ["const F: fn() = f;", "// fn f()", "pub struct Fn;", "f: fn(u8),", "", "fn_()"] {
        assert!(!begins_function(other), "{other}");
    }
    assert_eq!(function_length(&["fn f() {", "    {", "    }", "}", "}"]), Some(4));
    assert_eq!(function_length(&["    fn f(", "    ) {", "        x;", "    }", "}"]), Some(4));
    assert_eq!(function_length(&["fn f() {}", "}"]), Some(1));
    assert_eq!(function_length(&["    fn f(", "        x: u8,", "    );", "}"]), Some(3));
    assert_eq!(function_length(&["    fn f() {", "        x", "}"]), None);
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
