//! Imports between the library's top modules run one way, and `http` is pure.
//!
//! Everything in another top module is named from the root of the crate, one name at a time, so it
//! is enough to look at the text after `crate::`.

use super::{assert_none, product};

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

#[test]
fn imports_run_one_way_and_http_is_pure() {
    let mut offences = Vec::new();
    for source in product() {
        let module = source.path.strip_prefix("src").unwrap().with_extension("");
        let top = module.iter().next().unwrap().to_str().unwrap();
        if ["lib", "main", "program"].contains(&top) {
            continue;
        }
        let rule = MAY_IMPORT.iter().find(|(name, _)| *name == top);
        let (_, others) = rule.unwrap_or_else(|| panic!("there is no rule for {top}"));
        let to_the_root = "super::".repeat(module.iter().count());
        let lines = source.product().lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            let names = line.split("crate::").skip(1);
            let names = names.map(|it| it.split(|c: char| !c.is_alphanumeric() && c != '_').next());
            let is_foreign = |name: &str| name != top && !others.contains(&name);
            let is_impure = |name| line.replace("std::fs::File;", "").contains(name);
            if names.flatten().any(is_foreign)
                || line.contains(&to_the_root)
                || top == "http" && IMPURE.into_iter().any(is_impure)
            {
                offences.push(format!("{}: {}", source.path.display(), line.trim()));
            }
        }
    }
    assert_none("imports between modules run one way, and http is pure", &offences);
}
