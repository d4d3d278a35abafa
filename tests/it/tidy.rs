//! The house rules that a machine can check: who imports whom, and how long things may get.

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 300;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;

/// Each module of the library, and the modules that it may import from.
const MAY_IMPORT: [(&str, &[&str]); 8] = [
    ("access_log", &["http"]),
    ("connection", &["access_log", "http", "net", "site"]),
    ("log_once", &[]),
    ("http", &[]),
    ("net", &["log_once"]),
    ("sandbox", &[]),
    ("signals", &[]),
    ("site", &["log_once", "http"]),
];

/// What the pure module must not touch: the clock, files, sockets, threads, the log. Types that
/// only hold a value (an address, an open file to be sent) are no touching.
const IMPURE: [&str; 7] = [
    "SystemTime::now",
    "Instant::now",
    "std::env",
    "std::net::Tcp",
    "std::thread",
    "log::",
    "rustix::",
];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The text without the tests at its end.
    fn product(&self) -> &str {
        self.text.split("\n#[cfg(test)]\n").next().unwrap()
    }

    fn is_test(&self) -> bool {
        let path = self.path.to_string_lossy();
        path.ends_with("/tests.rs") || path.contains("/tests/")
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
fn imports_run_one_way() {
    let mut offences = Vec::new();
    for source in rust_files("src") {
        let below_src = source.path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
        let first = below_src.unwrap().iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        if ["main", "lib", "program"].contains(&module) {
            continue;
        }
        let rule = MAY_IMPORT.iter().find(|(name, _)| *name == module);
        let (_, allowed) = rule.unwrap_or_else(|| panic!("{module} has no rule here"));
        for (at, _) in source.product().match_indices("crate::") {
            let rest = &source.product()[at + "crate::".len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap();
            let imported = &rest[..end];
            if imported != module && !allowed.contains(&imported) {
                offences.push(format!("{} imports {imported}", source.path.display()));
            }
        }
    }
    assert_none("imports run one way", &offences);
}

#[test]
fn http_is_pure() {
    let mut offences = Vec::new();
    for source in rust_files("src/http") {
        for word in IMPURE {
            if source.product().contains(word) {
                offences.push(format!("{} touches {word}", source.path.display()));
            }
        }
    }
    assert_none("http is pure", &offences);
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
fn functions_fit_a_screen() {
    let mut offences = Vec::new();
    for source in everything() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let is_function = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn "]
                .iter()
                .any(|head| code.starts_with(head));
            if !is_function || line.ends_with(';') {
                continue;
            }
            let end = format!("{}}}", &line[..line.len() - code.len()]);
            let length = lines[start..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            if length > FUNCTION_LINES_MAX {
                offences.push(format!("{}:{}: {length} lines", source.path.display(), start + 1));
            }
        }
    }
    assert_none("functions fit a screen", &offences);
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
