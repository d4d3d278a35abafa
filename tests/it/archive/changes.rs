//! A folder that changes while its archive is sent, and clients that go away meanwhile.
//!
//! A large file comes first. A client that has only read the head keeps the server there, so that a
//! file behind it changes before it is opened.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;

use super::TARGET;
use crate::exact_bytes::read_body;
use crate::support::{Httpd, Tree, eventually, pattern, read_head, read_to_end};

const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The sizes of files after the large one: one that is gathered with others, and one that is not.
const SIZES: [usize; 2] = [20_000, 50_000];

/// Sends an archive in which this change to `b`, a file of this many bytes, comes too late for the
/// walk. Returns the body, whether it is complete, and the log's entry.
#[track_caller]
fn transfer(bytes: usize, change: impl FnOnce(&Path)) -> (Vec<u8>, bool, Value) {
    let tree = Tree::with(&[("www/b", &pattern(bytes)), ("www/c", b"the end")]);
    File::create(tree.join("www/a")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    let httpd = Httpd::serve(&tree.join("www"), &["--log-format", "json"]);
    let mut stream = httpd.connect();
    write!(stream, "GET {TARGET} HTTP/1.0\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    let length: usize = head.field("Content-Length").unwrap().parse().unwrap();
    change(&tree.join("www/b"));
    let mut body = Vec::with_capacity(length);
    let is_whole = !read_body(&mut stream, &mut body);
    assert_eq!(body.len() == length, is_whole, "{} of {length} bytes", body.len());
    let line = httpd.log_line(|line| line.contains("format=tar"));
    (body, is_whole, serde_json::from_str(&line).unwrap())
}

/// The archive's own tests have the other changes.
#[test]
fn a_file_that_has_grown_is_sent_as_it_was() {
    for bytes in SIZES {
        let (body, is_whole, entry) = transfer(bytes, |file| {
            let mut file = OpenOptions::new().append(true).open(file).unwrap();
            file.write_all(b"more than was promised").unwrap();
        });
        assert_eq!((is_whole, &entry["outcome"]), (true, &"complete".into()));
        let start = usize::try_from(LARGE_FILE_BYTES).unwrap() + 3 * 512;
        assert!(body[start..start + bytes] == pattern(bytes));
        assert!(body[start + bytes..].windows(7).any(|window| window == b"the end"));
    }
}

#[test]
fn a_missing_file_ends_in_a_reset() {
    for bytes in SIZES {
        let (_, is_whole, entry) = transfer(bytes, |file| fs::remove_file(file).unwrap());
        assert_eq!((is_whole, &entry["outcome"]), (false, &"truncated".into()));
    }
}

/// A server whose walks take seconds, 20 ms per file. `None` if strace is missing.
fn serve_slowly(tree: &Tree) -> Option<Httpd> {
    for number in 0..150 {
        tree.write(format!("{number}"), b"content");
    }
    let flags = ["--log-format", "json"];
    Httpd::serve_with_fault(tree.path(), &flags, "faccessat:delay_enter=20000", &[])
}

fn ask(httpd: &Httpd) -> TcpStream {
    let mut stream = httpd.connect();
    write!(stream, "GET {TARGET} HTTP/1.0\r\n\r\n").unwrap();
    stream
}

#[test]
fn a_client_that_goes_away_ends_the_walk() {
    let tree = Tree::new();
    let Some(httpd) = serve_slowly(&tree) else { return };
    // How many walks ended because their clients had gone.
    let ended_walks = || {
        let ended = |line: &&String| line.contains("client-gone") && line.contains("503");
        httpd.log().iter().filter(ended).count()
    };
    // On a busy machine a client may have gone before its request was read; then try another.
    let check = |stay: Duration, go: fn(TcpStream)| {
        let ended_before = ended_walks();
        eventually("a walk ends early", || {
            let stream = ask(&httpd);
            std::thread::sleep(stay);
            go(stream);
            std::thread::sleep(Duration::from_millis(100));
            ended_walks() > ended_before
        });
    };
    check(Duration::from_millis(200), |stream| {
        set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        drop(stream);
    });
    // After a second, the end of its stream means the same.
    check(Duration::from_millis(1_500), drop);
}

#[test]
fn a_client_that_closes_only_its_own_side_is_answered() {
    let tree = Tree::new();
    let Some(httpd) = serve_slowly(&tree) else { return };
    let mut stream = ask(&httpd);
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = read_to_end(&mut stream);
    assert!(answer.starts_with(b"HTTP/1.0 200 OK") && answer.len() > 150 * 1024);
}
