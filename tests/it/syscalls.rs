//! The system calls of a request, according to strace.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::causes;
use crate::idle::settle;
use crate::support::{Httpd, Tree, eventually, has_words, is_reset, pattern, read_to_end, tool};

const JSON: [&str; 2] = ["--log-format", "json"];

/// Requests whose system calls are examined.
const MARKED: usize = 15;

/// The system calls of each request for the marked target, in order: from `accept4` to the second
/// `close`. `None` if strace is missing.
fn calls_for(file: &[u8]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new(tool("strace")?);
    let tree = Tree::with(&[("www/marked", file)]);
    let traces = tree.join("traces");
    fs::create_dir(&traces).unwrap();
    // With -D, strace is a grandchild, so that the process started here is the server. With -ff,
    // each thread has a file of its own.
    command.args(["-D", "-ff", "-o"]).arg(traces.join("of"));
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0", "--quiet"]).arg(tree.join("www"));
    let httpd = Httpd::spawn(command);
    for _ in 0..MARKED {
        assert!(httpd.get("/marked").body == file);
    }
    let mut calls = Vec::new();
    eventually("strace has written the last call", || {
        let files = fs::read_dir(&traces).unwrap();
        let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        calls = texts.flat_map(|text| calls_of(&text)).collect();
        calls.len() == MARKED
    });
    Some(calls)
}

/// Extracts from the output for one thread the calls of each marked request that has ended.
fn calls_of(trace: &str) -> Vec<Vec<String>> {
    let accepted = trace.split("accept4(").skip(1).filter(|calls| calls.contains("GET /marked"));
    let calls = accepted.filter_map(|calls| {
        let names = calls.lines().skip(1).filter_map(|line| Some(line.split_once('(')?.0));
        let names: Vec<_> = ["accept4"].into_iter().chain(names).map(str::to_owned).collect();
        let (end, _) = names.iter().enumerate().filter(|(_, name)| *name == "close").nth(1)?;
        Some(names[..=end].to_vec())
    });
    calls.collect()
}

/// Whether a line of the JSON log is a warning.
fn is_warning(line: &str) -> bool {
    line.contains("\"level\":\"warn\"")
}

#[test]
fn an_error_of_accept_that_lasts_is_logged_once_and_does_not_spin() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    // EPERM: from a security module, for as long as it likes.
    let faults = "accept4:error=EPERM:when=1..6";
    let started = Instant::now();
    let Some(httpd) = Httpd::serve_with_fault(tree.path(), &JSON, faults, &[]) else { return };
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    // strace counts per thread, so every one of them has to wait six times.
    assert!(started.elapsed() >= Duration::from_millis(60), "{:?}", started.elapsed());
    let log = httpd.stop().stderr;
    let warned = log.iter().filter(|line| is_warning(line) && has_words(line, &["accept"]));
    assert_eq!(warned.count(), 1, "{log:?}");
}

/// The kernel counts a path's links twice if it restarts a look-up after a rename: then twenty look
/// like more than forty.
#[test]
fn each_error_of_opening_has_its_answer() {
    for (error, status, cause, warnings) in [
        ("EILSEQ", 404, None, 0),
        ("ELOOP:when=1", 200, None, 0),
        ("EMFILE", 503, Some("no-descriptors"), 0),
        ("ENFILE", 503, Some("no-descriptors"), 0),
        ("ENOMEM", 503, Some("no-memory"), 0),
        ("EAGAIN", 503, Some("renamed-meanwhile"), 0),
        ("EIO", 500, Some("io-error"), 1),
    ] {
        let tree = Tree::with(&[("a.txt", b"hello")]);
        let fault = format!("openat2:error={error}");
        let name = Path::new("a.txt");
        let httpd = Httpd::serve_with_fault(tree.path(), &JSON, &fault, &[name]);
        let Some(httpd) = httpd else { return };
        for _ in 0..3 {
            assert_eq!(httpd.get("/a.txt").status, status, "{error}");
        }
        if let Some(cause) = cause {
            causes::check(&httpd, "/a.txt", status, "refused", cause);
        }
        let log = httpd.stop().stderr;
        let warned = log.iter().filter(|line| is_warning(line) && line.contains("/a.txt: "));
        assert_eq!(warned.count(), warnings, "{log:?}");
    }
}

/// Both a large file and a range of it. Without `sendfile`, the server reads the file; without
/// memory, it waits.
#[test]
fn a_file_is_sent_whole_where_sendfile_fails() {
    let content = pattern(3_000_000);
    let tree = Tree::with(&[("large", &content)]);
    for fault in ["EINVAL", "EINVAL:when=2", "ENOMEM:when=1..3", "ENOBUFS:when=2"] {
        let fault = format!("sendfile:error={fault}");
        let Some(httpd) = Httpd::serve_with_fault(tree.path(), &JSON, &fault, &[]) else { return };
        assert!(httpd.get("/large").body == content, "{fault}");
        let part = httpd.request("GET", "/large", "Range: bytes=100000-2899998\r\n");
        assert!(part.body == content[100_000..=2_899_998], "{fault}");
        let log = httpd.stop().stderr;
        assert!(!log.iter().any(|line| is_warning(line)), "{log:?}");
    }
}

/// Each thread waits for its client twice, and the kernel has no memory for the first wait.
#[test]
fn a_wait_without_kernel_memory_loses_no_client() {
    let content = pattern(64 << 20);
    let tree = Tree::with(&[("a.txt", b"hello"), ("large", &content)]);
    let faults = "ppoll:error=ENOMEM:when=1..3";
    let Some(httpd) = Httpd::serve_with_fault(tree.path(), &JSON, faults, &[]) else { return };
    for _ in 0..5 {
        let mut stream = httpd.ask("GET /a.txt HT");
        settle(&httpd);
        stream.write_all(b"TP/1.0\r\n\r\n").unwrap();
        assert!(read_to_end(&mut stream).ends_with(b"hello"));
    }
    let mut stream = httpd.ask("GET /large HTTP/1.0\r\n\r\n");
    settle(&httpd);
    assert!(read_to_end(&mut stream).ends_with(&content));
}

#[test]
fn an_error_of_the_file_is_not_blamed_on_the_client() {
    let content = pattern(3_000_000);
    let tree = Tree::with(&[("large", &content)]);
    let fault = "sendfile:error=EOVERFLOW:when=2+";
    let Some(httpd) = Httpd::serve_with_fault(tree.path(), &JSON, fault, &[]) else { return };
    let mut stream = httpd.ask("GET /large HTTP/1.0\r\n\r\n");
    let mut got = Vec::new();
    assert!(is_reset(&stream.read_to_end(&mut got).unwrap_err()), "{} bytes", got.len());
    let log = httpd.stop().stderr;
    let warned = log.iter().filter(|line| is_warning(line) && has_words(line, &["file"]));
    assert_eq!(warned.count(), 1, "{log:?}");
    assert!(log.iter().any(|line| line.contains("\"truncated\"")), "{log:?}");
}

/// Most requests: a thread's first one allocates its buffers, and on a busy machine a client may be
/// accepted before it has sent its request.
#[test]
fn a_small_file_costs_eight_calls() {
    let Some(mut all) = calls_for(b"hello") else { return };
    // A futex call may wake another thread. In a debug build the standard library checks with fcntl
    // that each descriptor is still open.
    for calls in &mut all {
        calls.retain(|call| call != "futex" && call != "fcntl");
    }
    let want = ["accept4", "recvfrom", "openat2", "fstat", "pread64", "sendto", "close", "close"];
    let usual = all.iter().filter(|calls| **calls == want).count();
    assert!(usual > MARKED / 2, "{usual} of {all:?}");
}

#[test]
fn a_large_file_is_sent_only_with_sendfile() {
    for calls in calls_for(&pattern(10 << 20)).iter().flatten() {
        assert!(calls.iter().any(|call| call == "sendfile"), "{calls:?}");
        assert!(!calls.iter().any(|call| call.contains("read")), "{calls:?}");
        assert_eq!(calls.iter().filter(|call| *call == "sendto").count(), 1, "{calls:?}");
    }
}
