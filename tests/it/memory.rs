//! The memory that a connection costs, all of which must be released afterwards.
//!
//! Measured is the process's own resident memory: its stacks and its heap.

use std::io::Write;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::attack::{Attack, Manner, loopback};
use crate::idle::unread_bytes;
use crate::support::{
    Httpd, Reply, Tree, eventually, pattern, raise_descriptor_limit, read_to_end, tool,
};

/// Resident bytes per client that makes the server wait; a debug build's stacks need a page more.
const BYTES_PER_CLIENT_MAX: usize = if cfg!(debug_assertions) { 24_000 } else { 20_000 };

/// The product's limits.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Bytes that an allocator may keep for itself.
const SLACK_BYTES: usize = 1024 * 1024;

/// Entries of a folder whose listing exceeds the kernel's buffers for a client.
const LISTED_FILES: usize = 8_000;
const NAME_BYTES: usize = 200;

/// Fills such a folder.
pub fn add_long_names(tree: &Tree, folder: &str) {
    for number in 0..LISTED_FILES {
        tree.write(format!("{folder}/{number} {}", "n".repeat(NAME_BYTES)), b"");
    }
}

/// For thousands of clients whose requests take as long as they like.
const FLAGS: [&str; 5] = ["--max-connections", "6000", "--quiet", "--request-timeout", "60"];

/// Resident bytes per client, for 200 clients that have sent `bytes` and leave it unfinished.
#[track_caller]
fn cost_of_each(bytes: &[u8]) -> usize {
    const COUNT: usize = 200;
    let tree = Tree::new();
    let httpd = Httpd::serve(tree.path(), &FLAGS);
    httpd.get("/");
    let before = httpd.usage();
    let waiting: Vec<_> = (0..COUNT).map(|_| httpd.ask(bytes)).collect();
    eventually("each has a thread", || httpd.usage().threads >= before.threads + COUNT - 1);
    eventually("all is read", || unread_bytes(httpd.address().port()) == 0);
    let cost = httpd.usage().memory.saturating_sub(before.memory) / COUNT;
    println!("{COUNT} clients that have sent {} bytes: {cost} resident bytes each", bytes.len());
    drop(waiting);
    cost
}

#[test]
fn a_head_costs_at_most_its_limit() {
    let mut head = b"GET / HTTP/1.0\r\n".to_vec();
    while head.len() < HEAD_BYTES_MAX - 200 {
        head.extend_from_slice(format!("Name-{}: {}\r\n", head.len(), "v".repeat(150)).as_bytes());
    }
    let cost = cost_of_each(&head);
    assert!(cost <= HEAD_BYTES_MAX + BYTES_PER_CLIENT_MAX, "{cost}");
}

#[test]
fn a_body_costs_at_most_its_limit() {
    let mut request =
        format!("POST /post.html HTTP/1.0\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n")
            .into_bytes();
    request.resize(request.len() + BODY_BYTES_MAX - 1, b'i');
    let cost = cost_of_each(&request);
    assert!(cost <= HEAD_BYTES_MAX + BODY_BYTES_MAX + BYTES_PER_CLIENT_MAX, "{cost}");
}

#[test]
fn thousands_of_requests_leave_nothing_behind() {
    let tree = Tree::with(&[("a", b"hello"), ("folder/b", &pattern(100_000))]);
    let httpd = Httpd::serve(tree.path(), &["--thread-cache", "4", "--quiet"]);
    let ask = |number: usize| {
        let target = ["/a", "/folder/", "/folder/b", "/missing", "/%zz"][number % 5];
        httpd.get(target);
    };
    (0..500).for_each(ask);
    let before = httpd.usage();
    (0..20_000).for_each(ask);
    eventually("descriptors and threads are given back", || {
        let now = httpd.usage();
        now.descriptors <= before.descriptors && now.threads <= before.threads + 4
    });
    let after = httpd.usage();
    assert!(after.memory <= before.memory + SLACK_BYTES, "{before:?} {after:?}");
}

/// A peak costs little per client, and its memory returns to the system afterwards.
#[test]
fn a_crowd_leaves_little_behind() {
    // Fewer if a process may not have twice as many descriptors.
    let count = 5_000.min(raise_descriptor_limit() / 2 - 500);
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &FLAGS);
    httpd.get("/a");
    let before = httpd.usage();
    let crowd: Vec<_> = (0..count).map(|_| httpd.ask("GET /a HTTP/1.0\r\n")).collect();
    eventually("each has a thread", || httpd.usage().threads >= before.threads + count - 1);
    let during = httpd.usage();
    for mut stream in crowd {
        stream.write_all(b"\r\n").unwrap();
        assert!(read_to_end(&mut stream).ends_with(b"hello"));
    }
    println!("before and during {count} clients: {before:?} {during:?}");
    let cost = during.memory.saturating_sub(before.memory) / count;
    assert!(cost <= BYTES_PER_CLIENT_MAX, "{cost}");
    // A debug build has larger stacks, and parked threads keep theirs.
    let left_max = if cfg!(debug_assertions) { 9 } else { 6 } * 1024 * 1024;
    eventually("their memory is given back", || httpd.usage().memory <= before.memory + left_max);
}

/// Listings stay in memory until their clients have taken them. Others wait once there are too
/// many.
#[test]
fn listings_that_are_taken_slowly_are_bounded() {
    check_bounded("/", |page| page);
}

/// So do the plans of archives, in which each entry takes its path and 64 bytes.
#[test]
fn archives_that_are_taken_slowly_are_bounded() {
    let plan = LISTED_FILES * (NAME_BYTES + 16 + 64);
    // Beside its plan, a client that takes an archive needs some room to gather it.
    check_bounded("/?format=tar", |_| plan + 64 * 1024);
}

/// Many clients take `target` slowly; `bytes_of` computes the memory of each answer from its
/// length.
#[track_caller]
fn check_bounded(target: &str, bytes_of: impl Fn(usize) -> usize) {
    const SLOW_READERS: usize = 60;
    let tree = Tree::new();
    add_long_names(&tree, ".");
    let httpd = Httpd::serve(tree.path(), &["--quiet"]);
    let length = httpd.get(target).body.len();
    let each = bytes_of(length);
    let before = httpd.usage().memory;
    let manner = Manner::Takes { path: target.to_owned(), bytes_a_second: 1_000 };
    let attack = Attack::start(httpd.address(), &[loopback(2)], SLOW_READERS, manner);
    eventually("most have a thread", || httpd.usage().threads > SLOW_READERS / 2);
    // The most that is held when another one begins, and those that are made meanwhile.
    let bound = 32 * 1024 * 1024
        + 3 * each.next_power_of_two() / 2 * available_parallelism().unwrap().get()
        + 8 * SLACK_BYTES
        + SLOW_READERS * BYTES_PER_CLIENT_MAX;
    let mut most = 0;
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(20));
        most = most.max(httpd.usage().memory.saturating_sub(before));
    }
    println!("{SLOW_READERS} readers of {target}, {length} bytes: {most} resident bytes");
    assert!(most <= bound, "{most}, not {bound}");
    drop(attack);
    eventually("the next one is made", || httpd.get(target).status == 200);
    let head = httpd.head(target);
    assert_eq!(head.field("Content-Length"), Some(length.to_string().as_str()));
}

/// If memory is short, large answers are refused, and the process lives on. A failed allocation
/// would abort it.
#[test]
fn listings_that_find_no_memory_are_refused() {
    let Some(prlimit) = tool("prlimit") else { return };
    let tree = Tree::with(&[("small", b"hello"), ("listed/README.md", &b"- *a*\n".repeat(10_000))]);
    add_long_names(&tree, "listed");
    let mut refused = 0;
    for kilobytes in [60_000, 90_000, 150_000, 200_000] {
        let mut command = Command::new(&prlimit);
        command.arg(format!("--as={}", kilobytes * 1_024)).arg(env!("CARGO_BIN_EXE_httpd"));
        command.args(["--port", "0", "--log-format", "json"]).arg(tree.path());
        let httpd = Httpd::spawn(command);
        let ask = |target: &&str| httpd.ask(format!("GET {target} HTTP/1.0\r\n\r\n"));
        for _ in 0..2 {
            // Each is held until all have been answered.
            let targets = ["/listed/", "/listed/?format=json", "/listed/?format=tar"];
            let streams: Vec<_> = targets.iter().cycle().take(12).map(ask).collect();
            assert_eq!(httpd.get("/small").body, b"hello", "{kilobytes}");
            for mut stream in streams {
                let reply = Reply::parse(&read_to_end(&mut stream));
                assert!(matches!(reply.status, 200 | 503), "{kilobytes}: {reply:?}");
            }
        }
        let log = httpd.stop().stderr;
        refused += log.iter().filter(|line| line.contains("no-memory")).count();
    }
    assert!(refused > 0, "there was memory for all");
}
