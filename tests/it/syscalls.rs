//! Which system calls a request costs, according to strace.

use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::idle::settle;
use crate::support::{Httpd, Tree, eventually, has_words, is_reset, pattern, read_to_end, tool};

/// The system calls of the thread that served the marked target, in order: from `accept4` to the
/// second `close`. `None` where strace is missing.
fn calls_for(file: &[u8]) -> Option<Vec<String>> {
    let strace = tool("strace")?;
    let tree = Tree::with(&[("www/marked", file)]);
    let trace = tree.join("trace");
    let mut command = Command::new(strace);
    // With -D, strace is a grandchild, so that the process that we start is the server.
    command.args(["-D", "-f", "-o"]).arg(&trace);
    command.arg(env!("CARGO_BIN_EXE_httpd")).args(["--port", "0", "--quiet"]);
    let httpd = Httpd::spawn({
        command.arg(tree.join("www"));
        command
    });
    // The first requests create threads and buffers.
    for _ in 0..20 {
        httpd.get("/nothing");
    }
    assert!(httpd.get("/marked").body == file);
    let read = || std::fs::read_to_string(&trace).unwrap_or_default();
    eventually("strace has written the request's last call", || {
        calls_of(&read()).is_some_and(|calls| calls.iter().filter(|it| *it == "close").count() == 2)
    });
    calls_of(&read())
}

/// Extracts from strace's output the calls of the thread that received the marked request.
fn calls_of(trace: &str) -> Option<Vec<String>> {
    let marked = trace.lines().find(|line| line.contains("GET /marked"))?;
    let thread = marked.split_whitespace().next()?;
    let lines: Vec<_> = trace
        .lines()
        .filter(|line| line.split_whitespace().next() == Some(thread))
        .map(|line| line[thread.len()..].trim_start())
        .collect();
    let at = lines.iter().position(|line| line.contains("GET /marked"))?;
    let accepted = lines[..at].iter().rposition(|line| line.starts_with("accept4("))?;
    let calls = lines[accepted..].iter().filter(|line| !line.starts_with("<..."));
    let names = calls.map(|line| line.split('(').next().unwrap_or_default().to_owned());
    let mut names: Vec<String> = names.collect();
    let closed = names.iter().enumerate().filter(|(_, name)| *name == "close").nth(1);
    if let Some((end, _)) = closed {
        names.truncate(end + 1);
    }
    Some(names)
}

/// Serves `tree/www` with errors that strace puts in place of system calls: what its `inject=`
/// takes. With a path, only calls for that file fail. `None` where strace is missing.
fn serve_with_faults(tree: &Tree, inject: &str, path: Option<&str>) -> Option<Httpd> {
    let mut command = Command::new(tool("strace")?);
    command.args(["-D", "-f", "-o", "/dev/null", "-e", &format!("inject={inject}")]);
    command.args(path.iter().flat_map(|path| ["-P", path]));
    command.arg(env!("CARGO_BIN_EXE_httpd")).args(["--port", "0", "--log-format", "json"]);
    command.arg(tree.join("www"));
    Some(Httpd::spawn(command))
}

/// Whether a line of the JSON log is a message that warns.
fn is_warning(line: &str) -> bool {
    line.contains("\"level\":\"warn\"")
}

#[test]
fn an_error_of_accept_that_lasts_is_logged_once_and_does_not_spin() {
    let tree = Tree::with(&[("www/a.txt", b"hello")]);
    // EPERM: what a security module says, for as long as it likes.
    let faults = "accept4:error=EPERM:when=1..6";
    let started = Instant::now();
    let Some(httpd) = serve_with_faults(&tree, faults, None) else { return };
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    // strace counts for each thread, so every one of them has to wait six times.
    assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());
    let log = httpd.stop().stderr;
    let warnings =
        log.iter().filter(|line| is_warning(line) && has_words(line, &["accept"])).count();
    assert_eq!(warnings, 1, "{log:?}");
}

/// Requests a file three times while it cannot be opened.
#[track_caller]
fn check_open_error(error: &str, want: u16, warnings: usize) {
    let tree = Tree::with(&[("www/a.txt", b"hello")]);
    let faults = format!("openat2:error={error}");
    let Some(httpd) = serve_with_faults(&tree, &faults, Some("a.txt")) else { return };
    for _ in 0..3 {
        assert_eq!(httpd.get("/a.txt").status, want, "{error}");
    }
    let log = httpd.stop().stderr;
    let warned = log.iter().filter(|line| is_warning(line) && line.contains("/a.txt: ")).count();
    assert_eq!(warned, warnings, "{log:?}");
}

#[test]
fn a_name_that_the_file_system_cannot_hold_is_not_found() {
    check_open_error("EILSEQ", 404, 0);
}

/// The kernel counts the links of a path twice where it starts a lookup again, since something was
/// renamed meanwhile: then twenty seem to be more than forty.
#[test]
fn links_that_seem_too_many_once_are_followed() {
    let tree = Tree::with(&[("www/file", b"hello")]);
    tree.link("www/link", "file");
    let fault = "openat2:error=ELOOP:when=1";
    let Some(httpd) = serve_with_faults(&tree, fault, Some("link")) else { return };
    for _ in 0..3 {
        assert_eq!(httpd.get("/link").body, b"hello");
    }
}

#[test]
fn a_file_system_that_fails_is_logged_once() {
    check_open_error("EIO", 500, 1);
}

/// Requests a large file, and a range of it, while `sendfile` fails like this; both come whole.
#[track_caller]
fn check_sent_whole(fault: &str) {
    let content = pattern(3_000_000);
    let tree = Tree::with(&[("www/large", &content)]);
    let Some(httpd) = serve_with_faults(&tree, fault, None) else { return };
    assert!(httpd.get("/large").body == content, "{fault}");
    let part = httpd.request("GET", "/large", "Range: bytes=100000-2899998\r\n");
    assert!(part.body == content[100_000..=2_899_998], "{fault}");
    let ended = httpd.stop().stderr;
    assert!(!ended.iter().any(|line| is_warning(line)), "{ended:?}");
}

#[test]
fn a_file_system_without_sendfile_is_served_by_reads() {
    check_sent_whole("sendfile:error=EINVAL");
    check_sent_whole("sendfile:error=EINVAL:when=2");
}

#[test]
fn memory_that_is_short_for_a_moment_is_waited_for() {
    check_sent_whole("sendfile:error=ENOMEM:when=1..3");
    check_sent_whole("sendfile:error=ENOBUFS:when=2");
}

/// Each thread has to wait twice for its client, and the kernel has no memory for the first wait.
#[test]
fn a_wait_that_the_kernel_has_no_memory_for_is_no_lost_client() {
    let content = pattern(64 << 20);
    let tree = Tree::with(&[("www/a.txt", b"hello"), ("www/large", &content)]);
    let faults = "ppoll:error=ENOMEM:when=1..3";
    let Some(httpd) = serve_with_faults(&tree, faults, None) else { return };
    for _ in 0..5 {
        let mut stream = httpd.connect();
        stream.write_all(b"GET /a.txt HT").unwrap();
        settle(&httpd);
        stream.write_all(b"TP/1.0\r\n\r\n").unwrap();
        assert!(read_to_end(&mut stream).ends_with(b"hello"));
    }
    let mut stream = httpd.connect();
    stream.write_all(b"GET /large HTTP/1.0\r\n\r\n").unwrap();
    settle(&httpd);
    assert!(read_to_end(&mut stream).ends_with(&content));
}

#[test]
fn an_error_of_the_file_is_not_blamed_on_the_client() {
    let content = pattern(3_000_000);
    let tree = Tree::with(&[("www/large", &content)]);
    let fault = "sendfile:error=EOVERFLOW:when=2+";
    let Some(httpd) = serve_with_faults(&tree, fault, None) else { return };
    let mut stream = httpd.connect();
    stream.write_all(b"GET /large HTTP/1.0\r\n\r\n").unwrap();
    let mut got = Vec::new();
    assert!(is_reset(&stream.read_to_end(&mut got).unwrap_err()), "{} bytes", got.len());
    let log = httpd.stop().stderr;
    assert_eq!(
        log.iter().filter(|line| is_warning(line) && has_words(line, &["file"])).count(),
        1,
        "{log:?}"
    );
    assert!(log.iter().any(|line| line.contains("\"truncated\"")), "{log:?}");
}

#[test]
fn a_small_file_costs_eight_calls() {
    let Some(mut calls) = calls_for(b"hello") else { return };
    // A futex call may wake another thread. In a debug build the standard library checks with fcntl
    // that each descriptor is still open.
    calls.retain(|call| call != "futex" && call != "fcntl");
    let want = ["accept4", "recvfrom", "openat2", "fstat", "pread64", "sendto", "close", "close"];
    assert_eq!(calls, want);
}

#[test]
fn a_large_file_is_sent_only_with_sendfile() {
    let Some(calls) = calls_for(&pattern(10 << 20)) else { return };
    assert!(calls.iter().any(|call| call == "sendfile"), "{calls:?}");
    assert!(!calls.iter().any(|call| call.contains("read")), "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "sendto").count(), 1, "{calls:?}");
}
