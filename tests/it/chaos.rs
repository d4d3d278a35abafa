//! Everything at once, for a few seconds: good, slow, garbling and vanishing clients, on a tree
//! that changes under them. Every good answer is exact, and afterwards no resource is still in use.
//!
//! A seed determines what each thread does; a failure prints it, and `HTTPD_CHAOS_SEED` sets it.
//! How the threads interleave is up to the scheduler.

use std::fs;
use std::io::{Read, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Httpd, Reply, Tree, eventually, pattern, read_head};

const SEED: u64 = 0x6a09_e667_f3bc_c908;

/// File sizes in bytes: empty, sent in one write with the head, sent by sendfile, and more than
/// fits into the kernel's buffers.
const SIZES: &[usize] = &[0, 1, 1_000, 32 * 1024, 32 * 1024 + 1, 300_000, 8 * 1024 * 1024];

/// The content of the file that is requested slowly.
static STEADY: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(300_000));

/// A file's content identifies the file and its state: every line is the same.
fn content(name: usize, state: u64, size: usize) -> Vec<u8> {
    let line = format!("file {name} in state {state:019}\n").into_bytes();
    line.iter().copied().cycle().take(size).collect()
}

/// The small generator of `support::pattern`, as an endless supply of choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Bytes, some of them special in HTTP.
    fn garbage(&mut self, length: usize) -> Vec<u8> {
        #[rustfmt::skip]
        const PIECES: &[&[u8]] = &[
            b"GET ", b"POST /post.html", b" HTTP/1.1", b"\r\n", b"\n", b"\0", b": ", b"Host: a",
            b"Content-Length: 99", b"\xff\xfe", b"%2e%2e/", b"Range: bytes=", b"\r\n\r\n", b"-1,",
        ];
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend_from_slice(self.pick::<&[u8]>(PIECES));
        }
        bytes
    }
}

/// Writes, replaces and removes files and folders until the time is up.
fn change(tree: &Tree, mut dice: Dice, until: Instant) {
    for state in 0.. {
        if Instant::now() >= until {
            return;
        }
        let name = dice.below(SIZES.len());
        let path = tree.join(format!("{name}"));
        match dice.below(6) {
            0 => drop(fs::remove_file(path)),
            1 => drop(fs::rename(tree.join("folder"), tree.join("folder, moved"))),
            2 => drop(fs::rename(tree.join("folder, moved"), tree.join("folder"))),
            _ => {
                let new = tree.write("folder, new/new", &content(name, state, SIZES[name]));
                fs::rename(new, path).unwrap();
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Requests a file, whole or in part; it must arrive in one of its states.
fn ask_well(httpd: &Httpd, dice: &mut Dice) {
    let name = dice.below(SIZES.len());
    let size = SIZES[name];
    let is_range = dice.below(3) == 0 && size > 10;
    let first = if is_range { dice.below(size - 1) } else { 0 };
    let range = if is_range { format!("Range: bytes={first}-\r\n") } else { String::new() };
    let reply = httpd.request("GET", &format!("/{name}"), &range);
    if reply.status == 404 {
        return;
    }
    assert_eq!(reply.status, if is_range { 206 } else { 200 }, "{reply:?}");
    assert_eq!(reply.field("content-length"), Some((size - first).to_string().as_str()));
    let line_length = format!("file {name} in state {:019}\n", 0).len();
    let later = reply.body.get(line_length..).unwrap_or_default();
    assert!(later == &reply.body[..later.len()], "/{name} mixes states");
    let start = content(name, 0, first + 7).split_off(first);
    assert!(first > 0 || reply.body.starts_with(&start[..size.min(7)]), "not /{name}");
    assert_eq!(reply.body.len(), size - first);
}

/// Sends part of a request, or a whole one without reading its answer to the end; then disconnects.
fn vanish(httpd: &Httpd, dice: &mut Dice) {
    let request = format!("GET /{} HTTP/1.0\r\n\r\n", dice.below(SIZES.len()));
    let sent = 1 + dice.below(request.len());
    let mut stream = httpd.ask(&request[..sent]);
    if sent == request.len() {
        read_head(&mut stream);
    }
}

/// Sends a request in small pieces, and reads its answer in small pieces.
fn ask_slowly(httpd: &Httpd, dice: &mut Dice) {
    let mut stream = httpd.connect();
    for piece in b"GET /folder/in HTTP/1.0\r\n\r\n".chunks(1 + dice.below(9)) {
        thread::sleep(Duration::from_millis(dice.below(10) as u64));
        stream.write_all(piece).unwrap();
    }
    let mut answer = Vec::new();
    while (&mut stream).take(16 * 1024).read_to_end(&mut answer).unwrap() > 0 {
        thread::sleep(Duration::from_millis(dice.below(3) as u64));
    }
    let reply = Reply::parse(&answer);
    assert!(reply.status == 404 || reply.body == *STEADY, "{}", reply.status_line);
}

/// Bytes that are not a request get an answer, or none; they never hang the server.
fn garble(httpd: &Httpd, dice: &mut Dice) {
    let mut stream = httpd.connect();
    let length = *dice.pick(&[1, 30, 500, 9_000, 40_000, 200_000]);
    // Once the server has answered and closed, writing or reading may fail; both are fine.
    let _ = stream.write_all(&dice.garbage(length));
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let is_whole = stream.read_to_end(&mut answer).is_ok();
    if is_whole && answer.starts_with(b"HTTP/1.0 ") {
        assert_ne!(Reply::parse(&answer).status, 500);
    }
}

#[test]
fn chaos_leaves_no_trace() {
    let seed = std::env::var("HTTPD_CHAOS_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    println!("HTTPD_CHAOS_SEED={seed}");
    let tree = Tree::with(&[("folder/in", &STEADY)]);
    for (name, &size) in SIZES.iter().enumerate() {
        tree.write(name.to_string(), &content(name, 0, size));
    }
    let flags = ["--thread-cache", "4", "--max-connections", "32", "--quiet"];
    let httpd = Httpd::serve(tree.path(), &flags);
    (0..200).for_each(|_| drop(httpd.get("/5")));
    let before = httpd.usage();
    let until = Instant::now() + Duration::from_secs(6);
    let done = [const { AtomicUsize::new(0) }; 4];
    let dice = |number: u64| Dice(seed ^ ((number + 1) << 32));
    thread::scope(|scope| {
        scope.spawn(|| change(&tree, dice(0), until));
        for number in 1..=6 {
            let (httpd, done) = (&httpd, &done);
            let mut dice = dice(number);
            scope.spawn(move || {
                while Instant::now() < until {
                    let turn = dice.below(done.len());
                    [ask_well, ask_slowly, garble, vanish][turn](httpd, &mut dice);
                    done[turn].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("well, slowly, garbled, vanished: {done:?}");
    assert!(done.iter().all(|done| done.load(Ordering::Relaxed) > 0), "{done:?}");
    eventually("descriptors and threads are released", || {
        let now = httpd.usage();
        now.descriptors <= before.descriptors && now.threads <= before.threads + 4
    });
    let after = httpd.usage();
    // An allocator may keep some.
    assert!(after.memory <= before.memory + 4 * 1024 * 1024, "{before:?} {after:?}");
    let ended = httpd.stop();
    assert!(ended.status.success(), "{}", ended.status);
    let panics = ended.stderr.iter().filter(|line| line.contains("panic")).count();
    assert_eq!(panics, 0, "{:?}", ended.stderr);
}
