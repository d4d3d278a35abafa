//! Every seat is taken: who loses a seat to a newcomer, who never does, and that good clients are
//! served while hundreds of attackers from other addresses want to keep them out.
//!
//! How long good clients wait is printed, not asserted:
//! `cargo test --release eviction -- --include-ignored --nocapture --test-threads 1`.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::attack::{Attack, Manner, loopback};
use crate::support::{
    Httpd, PATIENCE, Reply, Tree, connect_from, eventually, pattern, raise_descriptor_limit,
    read_head, read_to_end,
};

/// Larger than what the kernel takes into its buffers for a client that does not read.
const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Between two requests of good clients: time for attackers to come back.
const GOOD_INTERVAL: Duration = Duration::from_millis(10);

/// How long a client that waits for its seat is watched.
const A_MOMENT: Duration = Duration::from_millis(200);

/// A folder with a page and a large file.
fn tree_to_attack() -> (Tree, Vec<u8>) {
    raise_descriptor_limit();
    let page = pattern(10_000);
    let tree = Tree::with(&[("page.bin", &page)]);
    File::create(tree.join("large.bin")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    (tree, page)
}

fn readers(bytes_a_second: usize) -> Manner {
    Manner::Takes { path: "/large.bin".to_owned(), bytes_a_second }
}

/// Asks for the page again and again, each time from the next of these addresses; every answer must
/// be exact. Gives how long each took.
#[track_caller]
fn ask_often(httpd: &Httpd, page: &[u8], sources: &[IpAddr], count: usize) -> Vec<Duration> {
    let asks = sources.iter().cycle().take(count).map(|&source| {
        thread::sleep(GOOD_INTERVAL);
        let asked = Instant::now();
        let mut stream = connect_from(source, httpd.address());
        stream.write_all(b"GET /page.bin HTTP/1.0\r\n\r\n").unwrap();
        let reply = Reply::parse(&read_to_end(&mut stream));
        assert_eq!(reply.status, 200);
        assert!(reply.body == page, "{} bytes of {}", reply.body.len(), page.len());
        asked.elapsed()
    });
    asks.collect()
}

/// Good clients from three addresses, among attackers from others.
#[track_caller]
fn check_attack(what: &str, seats: usize, requests: usize, attacks: &[(&[u8], usize, Manner)]) {
    let (tree, page) = tree_to_attack();
    let httpd = Httpd::serve(tree.path(), &["--max-connections", &seats.to_string(), "--quiet"]);
    let under_way: Vec<_> = attacks
        .iter()
        .map(|(sources, count, manner)| {
            let sources: Vec<_> = sources.iter().map(|&number| loopback(number)).collect();
            Attack::start(httpd.address(), &sources, *count, manner.clone())
        })
        .collect();
    // The process's own threads are few: nearly all of them have a client.
    eventually("every seat is taken", || httpd.usage().threads >= seats);
    let sources = [loopback(1), loopback(101), loopback(102)];
    let mut times = ask_often(&httpd, &page, &sources, requests);
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    let returns: usize = under_way.iter().map(Attack::returns).sum();
    println!(
        "{what}, {seats} seats, {returns} returns, {requests} good requests: median {:?}, \
         99th percentile {:?}, slowest {:?}",
        at(50),
        at(99),
        at(100),
    );
}

#[test]
fn good_clients_are_served_among_slow_senders() {
    check_attack("500 senders", 64, 50, &[(&[2], 500, Manner::Sends)]);
}

#[test]
fn good_clients_are_served_among_slow_readers() {
    check_attack("200 readers of 2 kB/s", 64, 50, &[(&[2], 200, readers(2_000))]);
}

#[test]
fn good_clients_are_served_among_readers_that_take_nothing_and_come_back() {
    check_attack("400 stallers", 64, 50, &[(&[2], 400, readers(0))]);
}

#[test]
fn good_clients_are_served_among_attackers_of_every_kind_and_of_several_addresses() {
    let attacks: &[(&[u8], usize, Manner)] = &[
        (&[2, 3], 200, Manner::Sends),
        (&[4], 100, readers(1_000)),
        (&[5, 6], 100, readers(10_000)),
        (&[7], 100, readers(100_000)),
        (&[8], 100, readers(0)),
    ];
    check_attack("all at once", 64, 50, attacks);
}

/// The table in docs/security.md.
#[test]
#[ignore = "it takes minutes, and prints times, which tests don't assert"]
fn attacks_are_measured() {
    for (seats, count) in [(64, 400), (1_024, 2_000)] {
        for (what, manner) in [
            ("senders", Manner::Sends),
            ("stallers", readers(0)),
            ("readers of 1 kB/s", readers(1_000)),
            ("readers of 10 kB/s", readers(10_000)),
            ("readers of 100 kB/s", readers(100_000)),
        ] {
            check_attack(&format!("{count} {what}"), seats, 500, &[(&[2], count, manner)]);
        }
        let attacks: &[(&[u8], usize, Manner)] = &[
            (&[2, 3], count / 2, Manner::Sends),
            (&[4], count / 4, readers(1_000)),
            (&[5, 6], count / 4, readers(10_000)),
            (&[7], count / 4, readers(100_000)),
            (&[8], count / 4, readers(0)),
        ];
        check_attack(&format!("{} of all kinds", count + count / 2), seats, 500, attacks);
    }
}

/// It has two answers fewer under way than any attacker's address, and takes what it is given.
#[test]
fn a_steady_reader_keeps_its_seat_while_others_want_it() {
    let (tree, page) = tree_to_attack();
    let flags = ["--max-connections", "4", "--log-format", "json"];
    let httpd = Httpd::serve(tree.path(), &flags);
    let mut steady = connect_from(loopback(101), httpd.address());
    steady.write_all(b"GET /large.bin HTTP/1.0\r\n\r\n").unwrap();
    read_head(&mut steady);
    let attacks = [
        Attack::start(httpd.address(), &[loopback(2)], 20, readers(50_000)),
        Attack::start(httpd.address(), &[loopback(3)], 20, Manner::Sends),
    ];
    eventually("every seat is taken", || attacks.iter().any(|attack| attack.returns() > 0));
    let mut taken = vec![0; 5_000];
    for _ in 0..30 {
        steady.read_exact(&mut taken).unwrap();
        ask_often(&httpd, &page, &[loopback(1)], 3);
    }
    let is_of_the_steady = |line: &str| line.contains("127.0.0.101") && line.contains("evicted");
    assert!(!httpd.log().iter().any(|line| is_of_the_steady(line)));
}

/// A server with so few seats, whose log is JSON.
fn serve_with_seats(tree: &Tree, seats: usize) -> Httpd {
    Httpd::serve(tree.path(), &["--max-connections", &seats.to_string(), "--log-format", "json"])
}

fn send(httpd: &Httpd, bytes: &[u8]) -> TcpStream {
    let mut stream = httpd.connect();
    stream.write_all(bytes).unwrap();
    stream
}

/// Waits for a line that says so of a request for `target`.
#[track_caller]
fn await_outcome(httpd: &Httpd, target: Option<&str>, outcome: &str) -> Value {
    let parse = |line: &str| serde_json::from_str::<Value>(line).ok();
    let is_it = |entry: Value| entry["target"].as_str() == target && entry["outcome"] == outcome;
    parse(&httpd.log_line(|line| parse(line).is_some_and(is_it))).unwrap()
}

#[test]
fn the_oldest_unfinished_request_loses_its_seat() {
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = serve_with_seats(&tree, 3);
    let mut oldest = send(&httpd, b"GET /oldest HTTP/1.0\r\n");
    let mut body = send(&httpd, b"POST /post.html HTTP/1.0\r\nContent-Length: 9\r\n\r\nid=");
    let mut youngest = send(&httpd, b"G");
    assert_eq!(httpd.get("/a").body, b"hello");
    await_outcome(&httpd, Some("/oldest"), "evicted");
    assert_eq!(read_to_end(&mut oldest), b"");

    let _another = send(&httpd, b"G");
    assert_eq!(httpd.get("/a").body, b"hello");
    let evicted = await_outcome(&httpd, Some("/post.html"), "evicted");
    assert_eq!(evicted["bytes_sent"], 0);
    assert_eq!(read_to_end(&mut body), b"");

    youngest.write_all(b"ET /a HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(Reply::parse(&read_to_end(&mut youngest)).body, b"hello");
}

#[test]
fn a_draining_client_can_be_evicted() {
    let tree = Tree::with(&[("a", b"hello"), ("b", b"hello")]);
    let httpd = serve_with_seats(&tree, 1);
    let mut drains = send(&httpd, b"GET /a HTTP/1.0\r\n\r\nand more");
    assert_eq!(Reply::parse(&read_to_end(&mut drains)).body, b"hello");
    assert_eq!(httpd.get("/b").body, b"hello");
    let evicted = await_outcome(&httpd, Some("/a"), "evicted");
    assert_eq!(evicted["bytes_sent"], 5);
}

#[test]
fn a_newcomer_waits_while_answers_are_under_way() {
    let tree = Tree::with(&[("a", b"hello")]);
    File::create(tree.join("large.bin")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    let httpd = serve_with_seats(&tree, 1);
    let mut seated = send(&httpd, b"GET /large.bin HTTP/1.0\r\n\r\n");
    read_head(&mut seated);
    let mut waits = send(&httpd, b"GET /a HTTP/1.0\r\n\r\n");
    waits.set_read_timeout(Some(A_MOMENT)).unwrap();
    assert_eq!(waits.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(read_to_end(&mut seated).len() as u64, LARGE_FILE_BYTES);
    waits.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(Reply::parse(&read_to_end(&mut waits)).body, b"hello");
    await_outcome(&httpd, Some("/large.bin"), "complete");
}

#[test]
fn a_newcomer_that_has_waited_for_too_long_gets_503() {
    let tree = Tree::with(&[("a", b"hello")]);
    File::create(tree.join("large.bin")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    let flags = ["--max-connections", "1", "--request-timeout", "0.3", "--cors"];
    let httpd = Httpd::serve(tree.path(), &flags);
    let mut seated = send(&httpd, b"GET /large.bin HTTP/1.0\r\n\r\n");
    read_head(&mut seated);
    let mut waits = send(&httpd, b"GET /a HTTP/1.0\r\n\r\n");
    let reply = Reply::parse(&read_to_end(&mut waits));
    assert_eq!((reply.status, reply.field("Content-Length")), (503, Some("0")));
    assert!(reply.field("Retry-After").is_some(), "{reply:?}");
    assert_eq!(reply.field("Access-Control-Allow-Origin"), Some("*"));
}

/// Each newcomer finds the one seat taken by another whose request has come already.
#[test]
fn a_client_whose_request_is_whole_is_never_evicted() {
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = serve_with_seats(&tree, 1);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    assert_eq!(httpd.get("/a").body, b"hello");
                    let form = "POST /post.html HTTP/1.0\r\nContent-Length: 4\r\n\r\nid=7";
                    assert_eq!(httpd.reply(form).status, 200);
                }
            });
        }
    });
    assert!(!httpd.log().iter().any(|line| line.contains("evicted")));
}
