//! Causes of incomplete responses: each is a word in the log, with a row in the manual.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Httpd, Tree, read_head, tool};

/// More than the kernel buffers for a client that does not read.
const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A server, with these words before its command, that has a small and a large file.
fn serve(tree: &Tree, before: &[&str], flags: &[&str]) -> Httpd {
    tree.write("www/a.txt", b"hello");
    File::create(tree.join("www/large")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    let mut command = Command::new("env");
    command.args(before).args([env!("CARGO_BIN_EXE_httpd"), "--port", "0", "--log-format", "json"]);
    command.args(flags).arg(tree.join("www"));
    Httpd::spawn(command)
}

/// Waits for the access line of a target with this ending.
#[track_caller]
fn check(httpd: &Httpd, target: &str, status: u16, outcome: &str, cause: &str) {
    let line = httpd.log_line(|line| line.contains(&format!("\"target\":\"{target}\"")));
    let entry: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(entry["status"], status, "{line}");
    assert_eq!((&entry["outcome"], &entry["cause"]), (&outcome.into(), &cause.into()), "{line}");
}

#[test]
fn deadlines_and_clients_that_go_are_told_apart() {
    let tree = Tree::new();
    let flags = ["--stall-timeout", "0.3", "--request-timeout", "0.3"];
    let httpd = serve(&tree, &[], &flags);
    let mut late = httpd.connect();
    late.write_all(b"GET /late HTTP/1.0\r\n").unwrap();
    check(&httpd, "/late", 408, "timed-out", "request-timeout");
    let mut stuck = httpd.connect();
    stuck.write_all(b"GET /large?stuck HTTP/1.0\r\n\r\n").unwrap();
    check(&httpd, "/large?stuck", 200, "timed-out", "stall-timeout");
    let tree = Tree::new();
    let httpd = serve(&tree, &[], &[]);
    let mut gone = httpd.connect();
    gone.write_all(b"GET /large?gone HTTP/1.0\r\n\r\n").unwrap();
    read_head(&mut gone);
    drop(gone);
    check(&httpd, "/large?gone", 200, "client-gone", "connection-closed");
}

#[test]
fn a_file_that_shrinks_is_the_cause_of_its_end() {
    let tree = Tree::new();
    let httpd = serve(&tree, &[], &[]);
    let mut stream = httpd.connect();
    stream.write_all(b"GET /large HTTP/1.0\r\n\r\n").unwrap();
    read_head(&mut stream);
    File::options().write(true).open(tree.join("www/large")).unwrap().set_len(5).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    check(&httpd, "/large", 200, "truncated", "file-shrank");
}

/// Checks the log for this error of the file system when the small file is opened.
#[track_caller]
fn check_open_error(errno: &str, status: u16, cause: &str) {
    let Some(strace) = tool("strace") else { return };
    let tree = Tree::new();
    let fault = format!("inject=openat2:error={errno}");
    let strace = [strace.to_str().unwrap(), "-D", "-f", "-o", "/dev/null"];
    let before = [&strace[..], &["-P", "a.txt", "-e", &fault]].concat();
    let httpd = serve(&tree, &before, &[]);
    assert_eq!(httpd.get("/a.txt").status, status);
    check(&httpd, "/a.txt", status, "refused", cause);
}

#[test]
fn errors_of_the_file_system_are_in_the_log() {
    check_open_error("EMFILE", 503, "no-descriptors");
    check_open_error("ENFILE", 503, "no-descriptors");
    check_open_error("ENOMEM", 503, "no-memory");
    check_open_error("EAGAIN", 503, "renamed-meanwhile");
    check_open_error("EIO", 500, "io-error");
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
