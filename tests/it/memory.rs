//! What a connection costs in memory, and that nothing is left of it afterwards.
//!
//! Measured is what is resident of the process's own memory: its stacks and its heap.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;

use crate::attack::{Attack, Manner, loopback};
use crate::idle::{only_waits, unread_bytes};
use crate::support::{
    Httpd, Reply, Tree, eventually, pattern, raise_descriptor_limit, read_to_end, tool,
};

/// Clients that wait at once; fewer where a process may not have twice as many descriptors.
const WAITING_CLIENTS: usize = 5_000;

/// Resident bytes for each client that we wait for; a debug build's stacks need a page more.
const BYTES_PER_CLIENT_MAX: usize = if cfg!(debug_assertions) { 24_000 } else { 20_000 };

/// Its address space: a stack, the pages that guard it, and what the allocator reserves ahead.
const RESERVED_PER_CLIENT_MAX: usize = (256 + 64) * 1024;

/// `HEAD_BYTES_MAX` and `BODY_BYTES_MAX` of the product.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Requests before memory is measured, and before it is measured again.
const WARM_UP: usize = 500;
const REQUESTS: usize = 5_000;

/// What an allocator may keep for itself: 50 bytes for each request.
const SLACK_BYTES: usize = 50 * REQUESTS;

/// Resident bytes that thousands of clients may leave behind. A debug build has larger stacks, and
/// the parked threads keep theirs.
const CROWD_BYTES_LEFT_MAX: usize = if cfg!(debug_assertions) { 9 } else { 6 } * 1024 * 1024;

/// Bytes of listings that are held when another one is begun, at most.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Of the product: what a client that takes an archive holds beside its plan.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// What the allocator keeps of smaller pieces, after what was made in vain.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A folder whose listing is larger than what the kernel takes for a client.
const LISTED_FILES: usize = 8_000;
const NAME_BYTES: usize = 200;

/// All of them together ask for more than twice as much as may be held.
const SLOW_READERS: usize = 60;

/// Serves with one arena of the allocator: each of them has address space and slack of its own.
fn serve_with_one_arena(tree: &Tree, flags: &[&str]) -> Httpd {
    let mut command = Command::new("env");
    command.args(["MALLOC_ARENA_MAX=1", env!("CARGO_BIN_EXE_httpd"), "--port", "0", "--quiet"]);
    command.args(flags).arg(tree.path());
    Httpd::spawn(command)
}

/// Checks what each of `count` clients costs that have sent `bytes` and end nothing: resident bytes
/// beside those of its thread, and address space, whatever of it is used.
#[track_caller]
fn check_cost_of_each(count: usize, bytes: &[u8], buffers_max: usize) {
    let tree = Tree::new();
    let flags = ["--max-connections", "6000", "--request-timeout", "60"];
    let httpd = serve_with_one_arena(&tree, &flags);
    httpd.get("/");
    let before = httpd.usage();
    let waiting: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = TcpStream::connect(httpd.address()).unwrap();
            stream.write_all(bytes).unwrap();
            stream
        })
        .collect();
    // Beside those of the process itself: the main one, the housekeeper's, the log's.
    eventually("each has a thread", || httpd.usage().threads >= count + 3);
    eventually("all is read", || unread_bytes(httpd.address().port()) == 0);
    let now = httpd.usage();
    let resident = now.memory.saturating_sub(before.memory) / count;
    let reserved = (now.address_space - before.address_space) * 1024 / count;
    println!("{count} clients that have sent {} bytes: {resident} {reserved}", bytes.len());
    drop(waiting);
    assert!(resident <= buffers_max + BYTES_PER_CLIENT_MAX, "{resident} resident");
    assert!(reserved <= buffers_max + RESERVED_PER_CLIENT_MAX, "{reserved} of address space");
}

#[test]
fn a_waiting_connection_costs_little() {
    let spare = raise_descriptor_limit() / 2 - 500;
    check_cost_of_each(WAITING_CLIENTS.min(spare), b"G", 0);
}

#[test]
fn a_head_costs_at_most_its_limit() {
    let mut head = b"GET / HTTP/1.0\r\n".to_vec();
    while head.len() < HEAD_BYTES_MAX - 200 {
        head.extend_from_slice(format!("Name-{}: {}\r\n", head.len(), "v".repeat(150)).as_bytes());
    }
    check_cost_of_each(200, &head, HEAD_BYTES_MAX);
}

#[test]
fn a_body_costs_at_most_its_limit() {
    let mut request =
        format!("POST /post.html HTTP/1.0\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n")
            .into_bytes();
    request.resize(request.len() + BODY_BYTES_MAX - 1, b'i');
    check_cost_of_each(200, &request, HEAD_BYTES_MAX + BODY_BYTES_MAX);
}

#[test]
fn thousands_of_requests_leave_nothing_behind() {
    let tree = Tree::with(&[("a", b"hello"), ("folder/b", &pattern(100_000))]);
    let httpd = serve_with_one_arena(&tree, &["--thread-cache", "4"]);
    let ask = |number: usize| {
        let target = ["/a", "/folder/", "/folder/b", "/missing", "/%zz"][number % 5];
        httpd.get(target);
    };
    (0..WARM_UP).for_each(ask);
    let before = httpd.usage();
    (0..REQUESTS).for_each(ask);
    eventually("descriptors and threads are given back", || {
        let now = httpd.usage();
        now.descriptors <= before.descriptors && now.threads <= before.threads + 4
    });
    let after = httpd.usage();
    println!("before and after {REQUESTS} requests: {before:?} {after:?}");
    assert!(after.memory <= before.memory + SLACK_BYTES, "{before:?} {after:?}");
}

/// What a crowd needed goes back to the system when the crowd has gone.
#[test]
fn a_crowd_leaves_little_behind() {
    let count = WAITING_CLIENTS.min(raise_descriptor_limit() / 2 - 500);
    let tree = Tree::with(&[("a", b"hello")]);
    let flags = ["--max-connections", "6000", "--quiet", "--request-timeout", "60"];
    let httpd = Httpd::serve(tree.path(), &flags);
    httpd.get("/a");
    let before = httpd.usage();
    let crowd: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = TcpStream::connect(httpd.address()).unwrap();
            stream.write_all(b"GET /a HTTP/1.0\r\n").unwrap();
            stream
        })
        .collect();
    // Beside those of the process itself: the main one, the housekeeper's, the log's.
    eventually("each has a thread", || httpd.usage().threads >= count + 3);
    let during = httpd.usage();
    for mut stream in crowd {
        stream.write_all(b"\r\n").unwrap();
        assert!(read_to_end(&mut stream).ends_with(b"hello"));
    }
    println!("before and during {count} clients: {before:?} {during:?}");
    eventually("their memory is given back", || {
        httpd.usage().memory <= before.memory + CROWD_BYTES_LEFT_MAX
    });
}

/// Listings stay in memory until their clients have taken them. Those that would be too many wait
/// for their turn.
#[test]
fn listings_that_are_taken_slowly_are_bounded() {
    check_bounded("/", 0);
}

/// So do the plans of archives, of which each entry takes its path and 64 bytes.
#[test]
fn archives_that_are_taken_slowly_are_bounded() {
    check_bounded("/?format=tar", GATHERED_BYTES_MAX);
}

/// Many ask for what is at `target` and take none of it. Each that gets it has `bytes_beside` more.
#[track_caller]
fn check_bounded(target: &str, bytes_beside: usize) {
    let tree = Tree::new();
    for number in 0..LISTED_FILES {
        tree.write(format!("{number} {}", "n".repeat(NAME_BYTES)), b"");
    }
    let httpd = serve_with_one_arena(&tree, &["--stall-timeout", "60"]);
    let length = httpd.get(target).body.len();
    let before = httpd.usage().memory;
    let manner = Manner::Takes { path: target.to_owned(), bytes_a_second: 0 };
    let attack = Attack::start(httpd.address(), &[loopback(2)], SLOW_READERS, manner);
    let (mut held, mut looks) = (0, 0);
    // Nobody makes a further one when all only wait, each time that we look.
    eventually("others wait", || {
        let now = httpd.usage();
        held = now.memory.saturating_sub(before);
        let all_wait = now.threads > SLOW_READERS && only_waits(&httpd);
        looks = if all_wait { looks + 1 } else { 0 };
        looks > 30 && held > HELD_BYTES_MAX / 2
    });
    let beside = SLOW_READERS * (BYTES_PER_CLIENT_MAX + bytes_beside);
    let bound = HELD_BYTES_MAX + beside + KEPT_BYTES_MAX;
    println!("{SLOW_READERS} readers of {target}, {length} bytes: {held} resident bytes");
    assert!(held <= bound, "{held}, not {bound}");
    drop(attack);
    eventually("the next one is made", || httpd.get(target).status == 200);
    let reply = httpd.head(target);
    assert_eq!(reply.field("Content-Length"), Some(length.to_string().as_str()));
}

/// Where memory is short, large answers are refused, and the process lives on. It would be aborted
/// by the first allocation that fails.
#[test]
fn listings_that_find_no_memory_are_refused() {
    let Some(prlimit) = tool("prlimit") else { return };
    let tree = Tree::with(&[("small", b"hello"), ("listed/README.md", &b"- *a*\n".repeat(10_000))]);
    for number in 0..LISTED_FILES {
        tree.write(format!("listed/{number} {}", "n".repeat(NAME_BYTES)), b"");
    }
    let mut refused = 0;
    for kilobytes in [60_000, 90_000, 150_000, 200_000] {
        let mut command = Command::new(&prlimit);
        command.arg(format!("--as={}", kilobytes * 1_024)).arg(env!("CARGO_BIN_EXE_httpd"));
        command.args(["--port", "0", "--log-format", "json"]).arg(tree.path());
        let httpd = Httpd::spawn(command);
        let ask = |target: &&str| {
            let mut stream = httpd.connect();
            write!(stream, "GET {target} HTTP/1.0\r\n\r\n").unwrap();
            stream
        };
        for _ in 0..2 {
            // Each is held until all have their answers.
            let targets = ["/listed/", "/listed/?format=json", "/listed/?format=tar"];
            let streams: Vec<_> = targets.iter().cycle().take(12).map(ask).collect();
            assert_eq!(httpd.get("/small").body, b"hello", "{kilobytes}");
            for mut stream in streams {
                let reply = Reply::parse(&read_to_end(&mut stream));
                assert!(matches!(reply.status, 200 | 503), "{kilobytes}: {reply:?}");
                if reply.status == 503 {
                    httpd.log_line(|line| line.contains("no-memory"));
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 0, "there was memory for all");
}
