//! The queue, with all slots in use and nobody to evict: who waits, is next, or is rejected.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use crate::attack::loopback;
use crate::eviction::{await_outcome, get_from, send, send_from, serve_with_slots, tree_of_sizes};
use crate::idle::settle;
use crate::stalls::is_unanswered;
use crate::support::{Httpd, Reply, eventually, is_reset, read_head, read_to_end};

/// A client that has a slot and takes its answer, slowly enough to keep it but too fast to be
/// evicted for it. It leaves when this is dropped.
pub struct Holder {
    stream: TcpStream,
    /// It pauses between two steps while this exists.
    pauses: Option<Sender<()>>,
    reader: Option<JoinHandle<io::Result<usize>>>,
}

impl Holder {
    /// Takes far less than the server sends, and far more than the slowest pace tolerated.
    pub fn of(stream: TcpStream) -> Self {
        Self::with_step(stream, 64 * 1024)
    }

    /// Takes this many bytes ten times per second, on average.
    pub fn with_step(mut stream: TcpStream, bytes: usize) -> Self {
        assert_eq!(read_head(&mut stream).status, 200);
        let (mut stream, ours) = (stream.try_clone().unwrap(), stream);
        let (pauses, pause) = mpsc::channel();
        let reader = thread::spawn(move || {
            let (mut buffer, mut taken, mut next) = (vec![0; bytes], 0, Instant::now());
            loop {
                match stream.read(&mut buffer)? {
                    0 => return Ok(taken),
                    length => taken += length,
                }
                next += Duration::from_millis(100);
                let _ = pause.recv_timeout(next.saturating_duration_since(Instant::now()));
            }
        });
        Self { stream: ours, pauses: Some(pauses), reader: Some(reader) }
    }

    /// Takes the rest at once, and returns the length of the answer.
    pub fn takes_the_rest(mut self) -> io::Result<usize> {
        self.pauses = None;
        self.reader.take().unwrap().join().unwrap()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // So that the server does not mistake it for a client that just has no more to send.
        let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Takes a slot and keeps it: an answer that does not fit into the kernel's buffers.
#[track_caller]
fn hold_a_slot(httpd: &Httpd, source: IpAddr) -> Holder {
    Holder::of(send_from(source, httpd, b"GET /large.bin?holds HTTP/1.0\r\n\r\n"))
}

/// Joins the queue.
#[track_caller]
fn queue_up(httpd: &Httpd, number: u8, name: &str) -> TcpStream {
    let stream = get_from(number, httpd, &format!("large.bin?{name}"));
    settle(httpd);
    assert!(is_unanswered(&stream), "{name}");
    stream
}

/// Waits until one of these is answered, and takes it out.
#[track_caller]
fn next_answered(queued: &mut Vec<(&'static str, TcpStream)>) -> (&'static str, TcpStream) {
    let mut answered = None;
    eventually("one is answered", || {
        answered = queued.iter().position(|(_, stream)| !is_unanswered(stream));
        answered.is_some()
    });
    queued.remove(answered.unwrap())
}

#[test]
fn a_freed_slot_goes_to_the_source_with_the_fewest() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 2, &[]);
    let _keeps = hold_a_slot(&httpd, loopback(2));
    let mut holder = hold_a_slot(&httpd, loopback(3));
    // The first one's source holds a slot, two sources have none and two in the queue, one has none
    // and one in the queue.
    let in_order = [(2, "a2"), (4, "c1"), (5, "e1"), (4, "c2"), (6, "d1"), (5, "e2")];
    let mut queued: Vec<_> =
        in_order.into_iter().map(|(number, name)| (name, queue_up(&httpd, number, name))).collect();
    settle(&httpd);
    let mut served = Vec::new();
    while !queued.is_empty() {
        drop(holder);
        let (name, stream) = next_answered(&mut queued);
        holder = Holder::of(stream);
        served.push(name);
        settle(&httpd);
        assert!(queued.iter().all(|(_, stream)| is_unanswered(stream)), "{served:?}");
    }
    assert_eq!(served, ["d1", "c1", "c2", "e1", "e2", "a2"]);
}

/// An answer like the program's other errors, and a line in the log.
#[track_caller]
fn check_rejected(httpd: &Httpd, mut stream: TcpStream, target: &str, has_body: bool) {
    let reply = Reply::parse(&read_to_end(&mut stream));
    assert_eq!(reply.status, 503, "{target}: {reply:?}");
    assert!(reply.field("Retry-After").is_some(), "{reply:?}");
    assert_eq!(reply.field("X-Extra"), Some("yes"));
    let length = reply.field("Content-Length").unwrap().parse::<usize>().unwrap();
    assert!(length > 0, "{reply:?}");
    assert_eq!(reply.body.len(), if has_body { length } else { 0 });
    let entry = await_outcome(httpd, Some(target), "refused");
    assert_eq!((&entry["cause"], &entry["status"]), (&"no-slot".into(), &503.into()));
    assert_eq!(entry["bytes_sent"], reply.body.len());
}

#[test]
fn a_client_that_waits_for_too_long_is_rejected() {
    let tree = tree_of_sizes();
    let flags = ["--request-timeout", "0.3", "--header", "X-Extra: yes"];
    let httpd = serve_with_slots(&tree, 1, &flags);
    let _holder = hold_a_slot(&httpd, loopback(2));
    let waits = send(&httpd, b"GET /medium.bin HTTP/1.0\r\n\r\n");
    check_rejected(&httpd, waits, "/medium.bin", true);
}

#[test]
fn from_a_full_queue_the_newest_of_the_source_with_the_most_is_rejected() {
    let tree = tree_of_sizes();
    let flags = ["--request-timeout", "60", "--header", "X-Extra: yes"];
    let httpd = serve_with_slots(&tree, 1, &flags);
    let _holder = hold_a_slot(&httpd, loopback(2));
    let few: Vec<_> = (0..20).map(|_| get_from(3, &httpd, "large.bin?few")).collect();
    // One place of 256 is left.
    let many: Vec<_> = (21..256).map(|_| get_from(4, &httpd, "large.bin?many")).collect();
    settle(&httpd);
    let newest = queue_up(&httpd, 4, "newest");
    assert!(many.iter().chain(&few).all(is_unanswered), "the queue has more places");

    let another = get_from(5, &httpd, "large.bin?another");
    check_rejected(&httpd, newest, "/large.bin?newest", true);
    assert!(many.iter().chain(&few).chain([&another]).all(is_unanswered));

    // Its own source still has the most. HEAD gets no body, even if the head is not whole.
    let head = send_from(loopback(4), &httpd, b"HEAD /a?head HTTP/1.0\r\n");
    check_rejected(&httpd, head, "/a?head", false);
    assert!(few.iter().chain([&another]).all(is_unanswered));
}

/// A thread that ends the waits of others has no time to read their further input.
#[test]
fn a_client_that_sends_without_a_pause_is_cut_off_when_it_is_rejected() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 1, &["--request-timeout", "0.3"]);
    let _holder = hold_a_slot(&httpd, loopback(2));
    let mut stream = httpd.connect();
    sockopt::set_socket_send_buffer_size(&stream, 64 * 1024).unwrap();
    stream.write_all(b"GET /medium.bin HTTP/1.0\r\n\r\n").unwrap();
    // What the server reads, and what both kernels hold, is 6 MiB on a busy machine. One that
    // lingers in a slot may send 16 MiB.
    let more = vec![b'x'; 8 * 1024 * 1024];
    let error = stream.write_all(&more).expect_err("all is taken");
    assert!(is_reset(&error), "{error}");
    assert_eq!(await_outcome(&httpd, Some("/medium.bin"), "refused")["cause"], "no-slot");
}

/// A client that is queued when the server is told to stop is answered.
#[test]
fn a_queued_client_is_answered_at_the_stop() {
    let tree = tree_of_sizes();
    let httpd = serve_with_slots(&tree, 1, &[]);
    let holder = hold_a_slot(&httpd, loopback(2));
    let mut queued: Vec<_> =
        (0..8).map(|_| send(&httpd, b"GET /medium.bin HTTP/1.0\r\n\r\n")).collect();
    assert!(queued.iter().all(is_unanswered));
    httpd.signal(rustix::process::Signal::TERM);
    httpd.log_line(|line| line.contains("stopping"));
    assert!(holder.takes_the_rest().is_ok());
    for stream in &mut queued {
        assert_eq!(Reply::parse(&read_to_end(stream)).status, 200);
    }
    assert_eq!(httpd.wait().status.code(), Some(0));
}
