//! Every seat is taken: who loses his seat to a newcomer, who never does, and what a good client
//! sees of an attack by hundreds of slow ones.
//!
//! Times are printed, not asserted; `cargo test eviction -- --nocapture` shows them.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::sockopt;
use serde_json::Value;

use crate::support::{
    Httpd, PATIENCE, Reply, Tree, pattern, raise_descriptor_limit, read_head, read_to_end,
};

/// Larger than what the kernel takes into its buffers for a client that does not read.
const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What a slow client sends, byte by byte; then the last one again and again.
const ENDLESS_HEAD: &[u8] = b"GET / HTTP/1.0\r\nX: a";

/// How long a slow client pauses after each byte that it sends or reads.
const SLOW_PACE: Duration = Duration::from_secs(1);

/// How long a client that waits for its seat is watched.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Slow clients, driven by one thread until they are called off.
struct Attack<T> {
    over: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

/// A client that sends a byte a second, and comes back at once when it has lost its seat.
struct SlowSender {
    stream: TcpStream,
    sent: usize,
    next_byte: Instant,
}

impl Attack<usize> {
    /// `count` clients that never end their request. It counts how often one lost its seat.
    fn by_senders(address: SocketAddr, count: usize) -> Self {
        Self::start(move |over, here| {
            let mut senders: Vec<_> = (0..count).map(|_| SlowSender::new(address)).collect();
            here.send(()).unwrap();
            let mut evicted = 0;
            while !over.load(Ordering::Relaxed) {
                let sockets = senders.iter().map(|it| PollFd::new(&it.stream, PollFlags::IN));
                let mut sockets: Vec<_> = sockets.collect();
                let tick = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
                rustix::event::poll(&mut sockets, Some(&tick)).unwrap();
                let ended: Vec<_> = sockets.iter().map(|it| !it.revents().is_empty()).collect();
                for (sender, ended) in senders.iter_mut().zip(ended) {
                    if ended || sender.send() {
                        *sender = SlowSender::new(address);
                        evicted += 1;
                    }
                }
            }
            evicted
        })
    }
}

impl Attack<()> {
    /// `count` clients that ask for `target` and take a byte of it each second, while they can.
    fn by_readers(address: SocketAddr, count: usize, target: &str) -> Self {
        let request = format!("GET {target} HTTP/1.0\r\n\r\n");
        Self::start(move |over, here| {
            let connect = || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                stream.set_nonblocking(true).unwrap();
                stream
            };
            let mut readers: Vec<_> = (0..count).map(|_| connect()).collect();
            here.send(()).unwrap();
            let mut next_byte = Instant::now();
            while !over.load(Ordering::Relaxed) {
                if Instant::now() >= next_byte {
                    readers.retain_mut(|reader| match reader.read(&mut [0]) {
                        Ok(length) => length > 0,
                        Err(error) => error.kind() == ErrorKind::WouldBlock,
                    });
                    next_byte += SLOW_PACE;
                }
                thread::sleep(Duration::from_millis(20));
            }
            drop(readers);
        })
    }
}

impl<T: Send + 'static> Attack<T> {
    /// Returns when all of its clients are connected.
    fn start(run: impl FnOnce(&AtomicBool, Sender<()>) -> T + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let (here, all_here) = mpsc::channel();
        let thread = thread::spawn(move || run(&seen, here));
        all_here.recv().unwrap();
        Self { over, thread }
    }

    /// Calls it off.
    fn end(self) -> T {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl SlowSender {
    fn new(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        // Its port is free again at once: thousands a second would use up all that there are.
        sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        // Where it fails the client is evicted already, which the next look at it tells.
        let _ = stream.write_all(&ENDLESS_HEAD[..1]);
        stream.set_nonblocking(true).unwrap();
        Self { stream, sent: 1, next_byte: Instant::now() + SLOW_PACE }
    }

    /// Sends its next byte, if it is time; whether it finds that it has lost its seat.
    fn send(&mut self) -> bool {
        if Instant::now() < self.next_byte {
            return false;
        }
        self.next_byte += SLOW_PACE;
        let at = self.sent.min(ENDLESS_HEAD.len() - 1);
        self.sent += 1;
        self.stream.write_all(&ENDLESS_HEAD[at..=at]).is_err()
    }
}

#[test]
fn good_clients_are_served_during_an_attack() {
    raise_descriptor_limit();
    let page = pattern(10_000);
    let tree = Tree::with(&[("page.bin", &page)]);
    File::create(tree.join("large.bin")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    // While the readers have all the seats, nobody is served before they may be evicted (or stall):
    // once. So that everyday tests wait for that less, only a release build waits for the default.
    let stall_timeout = if cfg!(debug_assertions) { "3" } else { "30" };
    let flags = ["--max-connections", "64", "--stall-timeout", stall_timeout, "--quiet"];
    let httpd = Httpd::serve(tree.path(), &flags);
    let address = httpd.address();
    let senders: Vec<_> = (0..2).map(|_| Attack::by_senders(address, 250)).collect();
    let readers = Attack::by_readers(address, 64, "/large.bin");
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let asked = Instant::now();
            let reply = httpd.get("/page.bin");
            assert_eq!(reply.status, 200);
            assert!(reply.body == page, "{} bytes of {}", reply.body.len(), page.len());
            asked.elapsed()
        })
        .collect();
    times.sort_unstable();
    let evictions: usize = senders.into_iter().map(Attack::end).sum();
    readers.end();
    println!(
        "200 good requests among 500 slow senders ({evictions} evictions) and 64 slow readers: \
         median {:?}, 99th percentile {:?}, slowest {:?}",
        times[99], times[197], times[199],
    );
    assert!(evictions > 0, "nobody had to go");
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
fn who_drains_after_his_answer_can_be_evicted() {
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

/// Each newcomer finds the one seat taken by another whose request has come already.
#[test]
fn whose_request_is_whole_is_never_evicted() {
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
