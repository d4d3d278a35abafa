//! Files that change while they are sent: never more bytes than Content-Length promised, never
//! padding, and never a part that a client could mistake for the whole.
//!
//! The large file exceeds what the kernel buffers for a client that does not read, so a change made
//! after the head has arrived is a change during the transfer.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::LazyLock;
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{
    Httpd, Reply, Tree, eventually, is_reset, pattern, raise_descriptor_limit, read_head,
};

const LARGE_FILE_BYTES: usize = 64 * 1024 * 1024;

/// More than the kernel buffers for a client that does not read.
const BUFFERED_BYTES_MAX: usize = 16 * 1024 * 1024;

const CLIENTS_THAT_VANISH: usize = 200;

static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(LARGE_FILE_BYTES));

/// Changes a large file, at this path in this tree, while it is sent to a client that has read only
/// the head. The client must get no other bytes than the file had at the start. Returns their
/// number, whether the connection was reset, and the log's entry.
#[track_caller]
fn transfer(change: impl FnOnce(&Tree, &Path)) -> (usize, bool, Value) {
    let tree = Tree::with(&[("folder/large.bin", &LARGE)]);
    let httpd = Httpd::serve(tree.path(), &["--log-format", "json"]);
    let mut stream = httpd.connect();
    stream.write_all(b"GET /folder/large.bin HTTP/1.0\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert_eq!(head.field("content-length"), Some(LARGE_FILE_BYTES.to_string().as_str()));
    change(&tree, &tree.join("folder/large.bin"));
    let mut body = Vec::with_capacity(LARGE_FILE_BYTES);
    let is_reset = read_body(&mut stream, &mut body);
    assert!(body.len() <= LARGE_FILE_BYTES, "{} bytes", body.len());
    assert!(body == LARGE[..body.len()], "other bytes than the file had");
    let line = httpd.log_line(|line| line.contains("/folder/large.bin"));
    (body.len(), is_reset, serde_json::from_str(&line).unwrap())
}

/// Reads to the end of the connection. Returns whether that was a reset.
#[track_caller]
pub fn read_body(stream: &mut TcpStream, body: &mut Vec<u8>) -> bool {
    match stream.read_to_end(body) {
        Ok(_) => false,
        Err(error) if is_reset(&error) => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_file_that_shrinks_causes_a_reset() {
    for new_length in [LARGE_FILE_BYTES - 1, 0] {
        let (length, is_reset, entry) = transfer(|_, file| {
            let file = File::options().write(true).open(file).unwrap();
            file.set_len(new_length as u64).unwrap();
        });
        assert!(is_reset, "{length} bytes");
        assert!(length <= new_length.max(BUFFERED_BYTES_MAX), "{length} bytes");
        assert_eq!(entry["outcome"], "truncated");
        let sent = usize::try_from(entry["bytes_sent"].as_u64().unwrap()).unwrap();
        assert!((length..LARGE_FILE_BYTES).contains(&sent), "{sent}");
    }
}

/// Checks that the file is sent whole, as it was at the start, despite the change.
#[track_caller]
fn check_whole(change: impl FnOnce(&Tree, &Path)) {
    let (length, is_reset, entry) = transfer(change);
    assert_eq!((length, is_reset), (LARGE_FILE_BYTES, false));
    assert_eq!((&entry["outcome"], &entry["bytes_sent"]), (&"complete".into(), &length.into()));
}

#[test]
fn a_file_that_grows_moves_or_vanishes_is_sent_as_it_was() {
    check_whole(|_, file| {
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        file.write_all(b"more than was promised").unwrap();
    });
    check_whole(|tree, file| {
        let new = tree.write("new.bin", &[b'n'; 1000]);
        fs::rename(new, file).unwrap();
    });
    check_whole(|tree, file| {
        fs::rename(tree.join("folder"), tree.join("folder, renamed")).unwrap();
        assert!(!file.exists());
        fs::remove_file(tree.join("folder, renamed/large.bin")).unwrap();
    });
}

/// A small file is sent in one write with its head, which must not be padded either.
#[test]
fn a_small_file_that_changes_is_never_padded() {
    let content = pattern(30_000);
    let tree = Tree::with(&[("small.bin", &content)]);
    let httpd = Httpd::serve(tree.path(), &["--quiet"]);
    let until = Instant::now() + Duration::from_secs(1);
    let (mut whole, mut cut_off) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(tree.join("small.bin")).unwrap();
            while Instant::now() < until {
                // To nothing: if a page is cut in two, the kernel itself may show zeros.
                file.set_len(0).unwrap();
                file.write_all(&content).unwrap();
            }
        });
        while Instant::now() < until {
            let mut stream = httpd.connect();
            stream.write_all(b"GET /small.bin HTTP/1.0\r\n\r\n").unwrap();
            let mut bytes = Vec::new();
            let is_reset = read_body(&mut stream, &mut bytes);
            if bytes.is_empty() {
                assert!(is_reset);
                continue;
            }
            let reply = Reply::parse(&bytes);
            let promised: usize = reply.field("content-length").unwrap().parse().unwrap();
            let length = reply.body.len();
            assert!(reply.body == content[..length], "other bytes than the file ever had");
            assert!(length <= promised && (length < promised) == is_reset, "{length} {is_reset}");
            *(if is_reset { &mut cut_off } else { &mut whole }) += 1;
        }
    });
    println!("a small file that changes: sent whole {whole} times, cut off {cut_off} times");
    assert!(whole > 0);
}

#[test]
fn clients_that_vanish_mid_transfer_leave_nothing_behind() {
    raise_descriptor_limit();
    let tree = Tree::new();
    File::create(tree.join("large.bin")).unwrap().set_len(LARGE_FILE_BYTES as u64).unwrap();
    let httpd = Httpd::serve(tree.path(), &["--thread-cache", "4", "--log-format", "json"]);
    httpd.get("/missing");
    let before = httpd.usage();
    let mut clients: Vec<_> = (0..CLIENTS_THAT_VANISH).map(|_| httpd.connect()).collect();
    for client in &mut clients {
        client.write_all(b"GET /large.bin HTTP/1.0\r\n\r\n").unwrap();
        read_head(client);
    }
    assert!(httpd.usage().threads >= before.threads + CLIENTS_THAT_VANISH - 4);
    drop(clients);
    eventually("descriptors and threads are released", || {
        let now = httpd.usage();
        // The cache, and another thread in `accept` for each core.
        let kept = 4 + available_parallelism().unwrap().get();
        now.descriptors <= before.descriptors && now.threads <= before.threads + kept
    });
    let is_gone = |line: &&String| line.contains("client-gone");
    eventually("each client is logged as gone", || {
        httpd.log().iter().filter(is_gone).count() == CLIENTS_THAT_VANISH
    });
    assert_eq!(httpd.get("/missing").status, 404);
}
