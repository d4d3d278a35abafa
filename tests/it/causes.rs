//! Causes of incomplete responses: each is a word in the log, with a row in the manual.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::support::{Httpd, Tree, read_head};

/// A JSON server with a large file, more than the kernel buffers for a client that does not read.
fn serve(flags: &[&str]) -> (Tree, Httpd) {
    let tree = Tree::new();
    File::create(tree.join("large")).unwrap().set_len(64 * 1024 * 1024).unwrap();
    let httpd = Httpd::serve(tree.path(), &[&["--log-format", "json"], flags].concat());
    (tree, httpd)
}

/// Waits for the access line of a target with this ending.
#[track_caller]
pub fn check(httpd: &Httpd, target: &str, status: u16, outcome: &str, cause: &str) {
    let entry = httpd.log_entry(|entry| entry["target"] == target);
    assert_eq!(entry["status"], status, "{entry}");
    assert_eq!((&entry["outcome"], &entry["cause"]), (&outcome.into(), &cause.into()), "{entry}");
}

#[test]
fn deadlines_are_told_apart() {
    let (_tree, httpd) = serve(&["--stall-timeout", "0.3", "--request-timeout", "0.3"]);
    let _late = httpd.ask("GET /late HTTP/1.0\r\n");
    check(&httpd, "/late", 408, "timed-out", "request-timeout");
    let _stuck = httpd.ask("GET /large?stuck HTTP/1.0\r\n\r\n");
    check(&httpd, "/large?stuck", 200, "timed-out", "stall-timeout");
}

#[test]
fn clients_that_go_and_files_that_shrink_are_told_apart() {
    let (tree, httpd) = serve(&[]);
    let ask = |target: &str| {
        let mut stream = httpd.ask(format!("GET {target} HTTP/1.0\r\n\r\n"));
        read_head(&mut stream);
        stream
    };
    drop(ask("/large?gone"));
    check(&httpd, "/large?gone", 200, "client-gone", "connection-closed");
    let mut stream = ask("/large");
    File::options().write(true).open(tree.join("large")).unwrap().set_len(5).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    check(&httpd, "/large", 200, "truncated", "file-shrank");
}

/// The text between these brackets and the ones that close them, wherever `start` ends in one.
fn arguments<'a>(code: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    let (open, close) = if start.ends_with('{') { ('{', '}') } else { ('(', ')') };
    code.match_indices(start).map(move |(at, _)| {
        let rest = &code[at + start.len()..];
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == open) - i32::from(c == close);
            depth == 0
        });
        &rest[..end.unwrap()]
    })
}

/// The words in quotes.
fn words(text: &str, quote: char) -> impl Iterator<Item = &str> {
    let quoted = text.split(quote).skip(1).step_by(2);
    quoted.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

/// The causes in the code: the words in each function `cause`, and those that outcomes and refusals
/// are made with.
fn causes_in(folder: &Path) -> BTreeSet<String> {
    let mut causes = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            causes.extend(causes_in(&path));
        } else if !path.ends_with("tests.rs") && path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let functions = code.split("fn cause(").skip(1);
            let bodies = functions.filter_map(|it| arguments(it, "{").next());
            let made = ["ClientGone(", "Truncated(", "TimedOut(", "Evicted(", "Refused("];
            let refused = ["refuse(", "refused(", "because("];
            let calls = made.into_iter().chain(refused).flat_map(|it| arguments(code, it));
            causes.extend(bodies.chain(calls).flat_map(|it| words(it, '"')).map(str::to_owned));
        }
    }
    causes
}

#[test]
fn the_manual_has_each_cause() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = std::fs::read_to_string(repository.join("docs/running.md")).unwrap();
    let table = manual.lines().skip_while(|line| !line.starts_with("| outcome | cause |"));
    let rows = table.take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(2));
    let told: BTreeSet<_> = cells.flat_map(|cell| words(cell, '`')).map(str::to_owned).collect();
    let given = causes_in(&repository.join("src"));
    assert!(given.len() > 40, "{given:?}");
    assert_eq!(given.difference(&told).collect::<Vec<_>>(), [""; 0], "not in the manual");
    assert_eq!(told.difference(&given).collect::<Vec<_>>(), [""; 0], "not in the code");
}
