//! Imports between the library's top modules run one way, and `http` is pure.
//!
//! Everything in another top module is named from the root of the crate, one name at a time, so it
//! is enough to look at the text after `crate::`.

use super::{Source, assert_none, rust_files};

/// Each top module, and those that it may import from. `program` may import from all of them.
const MAY_IMPORT: [(&str, &[&str]); 14] = [
    ("access_log", &["http", "lock", "text"]),
    ("auth", &["gate", "http", "lock"]),
    ("gate", &["lock"]),
    ("http", &[]),
    ("lock", &[]),
    ("memory", &["lock"]),
    ("net", &["gate", "lock", "memory"]),
    ("outgoing", &[]),
    ("sandbox", &[]),
    ("serve", &["access_log", "gate", "http", "lock", "net", "site", "text", "transfers"]),
    ("signals", &[]),
    ("site", &["auth", "gate", "http", "lock", "memory", "text"]),
    ("text", &[]),
    ("transfers", &["access_log", "lock", "text"]),
];

/// The clock, files, sockets, processes, threads and the log. A response may hold an open file.
#[rustfmt::skip]
const IMPURE: [&str; 14] = [
    "File::", "Instant::now", "SystemTime::now", "TcpListener", "TcpStream", "UdpSocket", "libc::",
    "log::", "rustix::", "std::env", "std::fs", "std::process", "std::thread", "stdin",
];

/// The names of the module in a file below `src`: `site` and `root` for `src/site/root.rs`.
fn names(source: &Source) -> Vec<String> {
    let path = source.path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    path.with_extension("").iter().map(|name| name.to_str().unwrap().to_owned()).collect()
}

/// The offences that `judge` finds in the library's files, given the names of their modules.
fn offences(judge: impl Fn(&[String], &str) -> Option<String>) -> Vec<String> {
    let sources = rust_files("src").into_iter().filter(|source| !source.is_test());
    let judge_file = |source: Source| {
        let lines = source.product().lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = lines.filter_map(|line| judge(&names(&source), line));
        found.map(|what| format!("{}: {what}", source.path.display())).collect::<Vec<_>>()
    };
    sources.flat_map(judge_file).collect()
}

#[test]
fn imports_run_one_way() {
    let judge = |names: &[String], line: &str| {
        let top = names[0].as_str();
        if ["lib", "main", "program"].contains(&top) {
            return None;
        }
        let rule = MAY_IMPORT.iter().find(|(name, _)| *name == top);
        let is_allowed = |name: &str| rule.is_some_and(|(_, others)| others.contains(&name));
        let mut imported = line.split("crate::").skip(1);
        let is_foreign = imported.any(|rest| {
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next();
            name.is_none_or(|name| name != top && !is_allowed(name))
        });
        let leaves = line.contains(&"super::".repeat(names.len()));
        (rule.is_none() || is_foreign || leaves).then(|| line.trim().to_owned())
    };
    assert_none("imports between modules run one way", &offences(judge));
}

#[test]
fn http_is_pure() {
    let judge = |names: &[String], line: &str| {
        let line = line.replace("std::fs::File;", "");
        let found = IMPURE.iter().find(|impure| line.contains(*impure))?;
        (names[0] == "http").then(|| format!("{found} in {}", line.trim()))
    };
    assert_none("http is pure", &offences(judge));
}
