//! Eviction when all slots are in use: who loses a slot to a connection that must wait, who never
//! does, and the log of it.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::thread;

use serde_json::Value;

use crate::attack::loopback;
use crate::idle::settle;
use crate::queue::Holder;
use crate::stalls::is_unanswered;
use crate::support::{
    HELD_UP, Httpd, Reply, Tree, connect_from, is_reset, pattern, read_head, read_to_end,
};

/// Larger than the kernel's buffers for a client that does not read.
pub const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Larger than any answer that needs no slot, smaller than the kernel's buffers.
const MEDIUM_FILE_BYTES: usize = 300_000;

/// A folder with a small, a medium and a large file: `a`, `medium.bin` and `large.bin`.
pub fn tree_of_sizes() -> Tree {
    let tree = Tree::with(&[("a", b"hello"), ("medium.bin", &pattern(MEDIUM_FILE_BYTES))]);
    File::create(tree.join("large.bin")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    tree
}

/// A server with this many slots, whose log is JSON. On a busy machine a test may take a while.
pub fn serve_with_slots(tree: &Tree, slots: usize, flags: &[&str]) -> Httpd {
    let slots = slots.to_string();
    let own_flags = ["--max-connections", &slots, "--log-format", "json"];
    let patient = ["--request-timeout", "60"];
    let patient = if flags.contains(&patient[0]) { &[][..] } else { &patient };
    Httpd::serve(tree.path(), &[&own_flags, patient, flags].concat())
}

/// Sends this and waits until the server has done all that it can about it, so that connections
/// have a known order of age.
#[track_caller]
pub fn send(httpd: &Httpd, bytes: &[u8]) -> TcpStream {
    send_from(loopback(1), httpd, bytes)
}

#[track_caller]
pub fn send_from(source: IpAddr, httpd: &Httpd, bytes: &[u8]) -> TcpStream {
    let mut stream = connect_from(source, httpd.address());
    stream.write_all(bytes).unwrap();
    settle(httpd);
    stream
}

/// Requests this file from 127.0.0.`number`, and waits for nothing.
#[track_caller]
pub fn get_from(number: u8, httpd: &Httpd, name: &str) -> TcpStream {
    let mut stream = connect_from(loopback(number), httpd.address());
    stream.write_all(format!("GET /{name} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    stream
}

/// Waits for a line with this outcome of a request for `target`.
#[track_caller]
pub fn await_outcome(httpd: &Httpd, target: Option<&str>, outcome: &str) -> Value {
    httpd.log_entry(|it| it["target"].as_str() == target && it["outcome"] == outcome)
}

#[track_caller]
fn await_eviction(httpd: &Httpd, target: &str, cause: &str) -> Value {
    let entry = await_outcome(httpd, Some(target), "evicted");
    assert_eq!(entry["cause"], cause, "{entry}");
    entry
}

/// Sends the rest of a request for `/a`, and checks the answer.
#[track_caller]
fn finish(stream: &mut TcpStream, rest: &[u8]) {
    stream.write_all(rest).unwrap();
    assert_eq!(Reply::parse(&read_to_end(stream)).body, b"hello");
}

/// The number of evictions so far.
fn evictions(httpd: &Httpd) -> usize {
    httpd.log().iter().filter(|line| line.contains("\"outcome\":\"evicted\"")).count()
}

/// Another source's head is older.
#[test]
fn the_oldest_of_the_source_with_the_most_unfinished_requests_loses_its_slot() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 4, &[]);
    let mut alone = send_from(loopback(3), &httpd, b"GET /a HTTP/1.0\r\n");
    let mut oldest = send(&httpd, b"GET /oldest HTTP/1.0\r\n");
    let mut body = send(&httpd, b"POST /post.html HTTP/1.0\r\nContent-Length: 9\r\n\r\nid=");
    let mut third = send(&httpd, b"G");
    let mut fourth = send_from(loopback(4), &httpd, b"GET /a HTTP/1.0\r\n");
    assert_eq!(await_eviction(&httpd, "/oldest", "owed-longest")["bytes_sent"], 0);
    assert_eq!(read_to_end(&mut oldest), b"");

    let mut large = send_from(loopback(4), &httpd, b"GET /large.bin HTTP/1.0\r\n\r\n");
    assert_eq!(read_head(&mut large).status, 200);
    assert_eq!(await_eviction(&httpd, "/post.html", "owed-longest")["bytes_sent"], 0);
    assert_eq!(read_to_end(&mut body), b"");

    finish(&mut alone, b"\r\n");
    finish(&mut third, b"ET /a HTTP/1.0\r\n\r\n");
    finish(&mut fourth, b"\r\n");
    assert_eq!(evictions(&httpd), 2);
}

#[test]
fn a_lingering_client_can_be_evicted() {
    let tree = tree_of_sizes();
    tree.write("long", &b"x".repeat(257 * 1024));
    let httpd = serve_with_slots(&tree, 1, &[]);
    // So long an answer has the slot before it begins.
    let mut lingers = send(&httpd, b"GET /long HTTP/1.0\r\n\r\nand more");
    assert_eq!(Reply::parse(&read_to_end(&mut lingers)).body.len(), 257 * 1024);
    // At once: it lingers for only five seconds.
    let mut waits = httpd.ask("GET /a?b HTTP/1.0\r\n");
    await_eviction(&httpd, "/long", "owed-longest");
    finish(&mut waits, b"\r\n");
}

#[test]
fn the_slowest_answer_of_the_source_with_the_most_loses_its_slot() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 3, &[]);
    let many = [1, 2, 3]
        .map(|_| Holder::of(send_from(loopback(2), &httpd, b"GET /large.bin HTTP/1.0\r\n\r\n")));
    let _one = Holder::of(send_from(loopback(3), &httpd, b"GET /large.bin?one HTTP/1.0\r\n\r\n"));
    let evicted = await_eviction(&httpd, "/large.bin", "over-share");
    assert_eq!((&evicted["status"], &evicted["client"]), (&200.into(), &"127.0.0.2".into()));

    // Two answers of that source are not two more than the one of this.
    let mut another = send_from(loopback(3), &httpd, b"GET /large.bin?another HTTP/1.0\r\n\r\n");
    assert!(is_unanswered(&another));
    assert_eq!(evictions(&httpd), 1);
    let results = many.map(Holder::takes_the_rest);
    let resets = results.iter().filter(|it| it.as_ref().is_err_and(is_reset)).count();
    assert_eq!(resets, 1, "{results:?}");
    read_head(&mut another);
}

/// Only a connection whose client makes the server wait needs a slot.
#[test]
fn a_small_answer_evicts_no_one_and_waits_for_no_one() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 1, &[]);
    let mut head = send(&httpd, b"GET /a HTTP/1.0\r\n");
    (0..20).for_each(|_| assert_eq!(httpd.get("/a").body, b"hello"));
    finish(&mut head, b"\r\n");

    let mut large = send(&httpd, b"GET /large.bin HTTP/1.0\r\n\r\n");
    read_head(&mut large);
    (0..20).for_each(|_| assert_eq!(httpd.get("/a").body, b"hello"));
    assert_eq!(httpd.request("GET", "/medium.bin", "Range: bytes=0-99\r\n").body.len(), 100);
    assert_eq!(httpd.head("/medium.bin").status, 200);
    assert_eq!(read_to_end(&mut large).len() as u64, LARGE_FILE_BYTES);
    assert_eq!(evictions(&httpd), 0);
}

/// Answers held up by a disk are not evicted, even if their source has more than its share; nor is
/// any request of a crowd that competes for one slot.
#[test]
fn a_client_whose_request_is_whole_is_never_evicted() {
    let tree = tree_of_sizes();
    let flags = ["--max-connections", "2", "--request-timeout", "1"];
    let fault = format!("sendfile:{HELD_UP}");
    let paths = [&*tree.join("large.bin")];
    if let Some(httpd) = Httpd::serve_with_fault(tree.path(), &flags, &fault, &paths) {
        let mut held_up = [1, 2].map(|_| {
            let mut stream = get_from(2, &httpd, "large.bin");
            read_head(&mut stream);
            stream
        });
        assert_eq!(httpd.get("/medium.bin").status, 503, "it has waited in vain");
        httpd.release();
        for stream in &mut held_up {
            assert_eq!(read_to_end(stream).len() as u64, LARGE_FILE_BYTES);
        }
    }
    let httpd = serve_with_slots(&tree, 1, &[]);
    let medium = pattern(MEDIUM_FILE_BYTES);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..40 {
                    assert!(httpd.get("/medium.bin").body == medium);
                    let form = "POST /post.html HTTP/1.0\r\nContent-Length: 4\r\n\r\nid=7";
                    assert_eq!(httpd.reply(form).status, 200);
                }
            });
        }
    });
    assert_eq!(evictions(&httpd), 0);
}

/// Nobody loses a slot for being slow at more than 4 kB/s, however long others wait, and however
/// rarely the kernel reports progress.
#[test]
fn a_steady_reader_keeps_its_slot_while_others_want_it() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 2, &[]);
    // 20 kB a second. It is judged no later than the other one.
    let steady = Holder::with_step(get_from(2, &httpd, "large.bin?steady"), 2_000);
    settle(&httpd);
    let _stalled = get_from(3, &httpd, "large.bin?stalled");
    settle(&httpd);
    // One of them gets the slot of the reader that takes nothing, the other waits for the next.
    let waiting = [4, 5].map(|number| get_from(number, &httpd, "medium.bin"));
    await_eviction(&httpd, "/large.bin?stalled", "too-slow");
    assert_eq!(waiting.map(|mut it| Reply::parse(&read_to_end(&mut it)).status), [200, 200]);
    assert_eq!(steady.takes_the_rest().unwrap() as u64, LARGE_FILE_BYTES);
    assert_eq!(evictions(&httpd), 1);
}
