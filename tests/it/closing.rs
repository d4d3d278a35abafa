//! How connections end: a client that can still read gets the whole answer, whatever it sends.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::ask::check_frame;
use crate::support::{
    Httpd, PATIENCE, Reply, Tree, is_reset, pattern, read_to_end, read_up_to, send_and_half_close,
};

/// Long enough for a client to send a request, short enough for a test to wait for.
const REQUEST_TIMEOUT: [&str; 2] = ["--request-timeout", "0.3"];

fn site(flags: &[&str]) -> (Tree, Httpd) {
    let tree = Tree::with(&[("a.txt", b"hello"), ("large.bin", &pattern(1_000_000))]);
    let httpd = Httpd::serve(tree.path(), flags);
    (tree, httpd)
}

/// Checks that this is one answer with nothing after it.
#[track_caller]
fn check(answer: &[u8], want_status: u16) -> Reply {
    let reply = Reply::parse(answer);
    check_frame(&reply, reply.body.len());
    assert_eq!(reply.status, want_status, "{}", reply.text());
    reply
}

/// Sends the start of a request and eight megabytes more before it reads.
#[track_caller]
fn check_early(httpd: &Httpd, start: &str, want_status: u16) {
    let mut stream = httpd.connect();
    stream.write_all(start.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; 8 * 1024 * 1024]).unwrap();
    check(&read_to_end(&mut stream), want_status);
}

#[test]
fn an_early_answer_arrives_whole_while_the_client_keeps_sending() {
    let (_tree, httpd) = site(&[]);
    let length = "Content-Length: 8388608\r\n\r\n";
    check_early(&httpd, &format!("POST /post.html HTTP/1.0\r\n{length}"), 413);
    check_early(&httpd, &format!("POST /a.txt HTTP/1.0\r\n{length}"), 405);
    check_early(&httpd, &format!("GET /large.bin HTTP/1.0\r\n{length}"), 200);
    check_early(&httpd, "GET /", 414);
    check_early(&httpd, "GET /a.txt HTTP/1.0\r\nX : y\r\n", 400);
}

#[test]
fn an_endless_upload_is_cut_off() {
    let (_tree, httpd) = site(&[]);
    let mut stream = httpd.ask("POST /post.html HTTP/1.0\r\n\r\n");
    let megabyte = vec![b'x'; 1024 * 1024];
    // The server drains 16 MiB; the rest is what the kernel buffers on both sides.
    let at_most = 16 + 48;
    let written = (0..at_most).map(|_| stream.write_all(&megabyte)).take_while(Result::is_ok);
    let megabytes = written.count();
    assert!((8..at_most).contains(&megabytes), "{megabytes}");
    assert!(is_reset(&stream.write_all(&megabyte).unwrap_err()));
}

/// A client that has its answer and keeps its connection, silent or still sending, is waited for,
/// but not for long. The server's own measure of the time is checked.
#[test]
fn a_client_that_does_not_close_is_closed_after_five_seconds() {
    let (_tree, httpd) = site(&["--log-format", "json", "--request-timeout", "60"]);
    let ask = |target: &str| {
        let mut stream = httpd.ask(format!("BREW {target} HTTP/1.0\r\n\r\n"));
        check(&read_to_end(&mut stream), 501);
        stream
    };
    let (silent, mut talkative) = (ask("/silent"), ask("/talkative"));
    let started = Instant::now();
    while talkative.write_all(b"x").is_ok() {
        assert!(started.elapsed() < PATIENCE, "its connection is kept");
        std::thread::sleep(Duration::from_millis(50));
    }
    for target in ["/silent", "/talkative"] {
        let entry = httpd.log_entry(|entry| entry["target"] == target);
        let lingered = Duration::from_micros(entry["duration_us"].as_u64().unwrap());
        assert!((4..15).contains(&lingered.as_secs()), "{target}: {lingered:?}");
    }
    drop(silent);
}

#[test]
fn each_connection_gets_one_answer() {
    let (_tree, httpd) = site(&[]);
    let get = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(check(&httpd.raw(get.repeat(1000)), 200).body, b"hello");
    let post = "POST /post.html HTTP/1.0\r\nContent-Length: 4\r\n\r\nid=7";
    assert!(check(&httpd.raw(format!("{post}{get}")), 200).text().contains(">7<"));
    assert_eq!(httpd.raw("GET /a.txt\r\nGET /a.txt\r\n"), b"hello");
}

#[test]
fn a_half_closed_connection_still_gets_its_answer() {
    let (_tree, httpd) = site(&[]);
    let ask = |request: &str| send_and_half_close(&mut httpd.connect(), request.as_bytes());
    assert!(check(&ask("GET /large.bin HTTP/1.0\r\n\r\n"), 200).body == pattern(1_000_000));
    check(&ask("POST /post.html HTTP/1.0\r\nContent-Length: 4\r\n\r\nid=7"), 200);
    check(&ask("GET /\0 HTTP/1.0\r\n"), 400);
}

#[test]
fn a_request_can_arrive_one_byte_at_a_time() {
    let (_tree, httpd) = site(&[]);
    for (request, want) in [
        ("\r\nGET /a.txt HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n", "hello"),
        ("POST /post.html HTTP/1.0\r\nContent-Length: 7\r\n\r\nid=1234", ">1234<"),
    ] {
        let mut stream = httpd.connect();
        stream.set_nodelay(true).unwrap();
        for byte in request.bytes() {
            stream.write_all(&[byte]).unwrap();
        }
        assert!(check(&read_to_end(&mut stream), 200).text().contains(want), "{request:?}");
    }
}

#[test]
fn trickling_bytes_do_not_extend_the_deadline() {
    let (_tree, httpd) = site(&REQUEST_TIMEOUT);
    assert_eq!(httpd.raw(""), b"", "a client that says nothing");
    for start in [
        "GET /a.txt HTTP/1.0\r\nX: ",
        "POST /post.html HTTP/1.0\r\nContent-Length: 65536\r\n\r\nid=",
    ] {
        let (answer, sent) = trickle(&mut httpd.ask(start));
        check(&answer, 408);
        assert!(sent >= 2, "{sent}");
        // Noticing it takes no further byte either.
        let started = Instant::now();
        check(&httpd.raw(start), 408);
        assert!(started.elapsed() >= Duration::from_millis(250), "{:?}", started.elapsed());
    }
    let line = httpd.log_line(|line| line.contains(" 408 "));
    assert!(line.contains("\"GET /a.txt HTTP/1.0\""), "{line}");
}

/// Sends a byte every 20 ms until the answer arrives; returns it, and the number of bytes sent.
#[track_caller]
fn trickle(stream: &mut TcpStream) -> (Vec<u8>, usize) {
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    for sent in 0..500 {
        match stream.read_to_end(&mut answer) {
            Ok(_) => return (answer, sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        stream.write_all(b"x").unwrap();
    }
    panic!("there is no deadline");
}

#[test]
fn a_client_that_expects_100_gets_it_at_once() {
    let (_tree, httpd) = site(&[]);
    for expectation in ["100-continue", "100-Continue"] {
        let fields = format!("Host: localhost\r\nContent-Length: 4\r\nExpect: {expectation}\r\n");
        let head = format!("POST /post.html HTTP/1.1\r\n{fields}\r\n");
        let mut stream = httpd.ask(head);
        assert_eq!(read_up_to(&mut stream, b"\r\n"), b"HTTP/1.1 100 Continue\r\n");
        stream.write_all(b"id=7").unwrap();
        let rest = read_to_end(&mut stream);
        let answer = rest.strip_prefix(b"\r\n").expect("an interim response ends in an empty line");
        assert!(check(answer, 200).text().contains(">7<"));
    }
}

#[test]
fn a_client_that_need_not_send_its_body_gets_no_100() {
    let (_tree, httpd) = site(&[]);
    for (request, length, want) in [
        ("GET /a.txt HTTP/1.1", "4", "200 OK"),
        ("POST /a.txt HTTP/1.1", "4", "405 Method Not Allowed"),
        ("POST /post.html HTTP/1.1", "65537", "413 Content Too Large"),
        ("POST /post.html HTTP/1.1", "0", "200 OK"),
    ] {
        let fields =
            format!("Host: localhost\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n");
        let reply = httpd.reply(format!("{request}\r\n{fields}\r\n"));
        assert_eq!(reply.status_line, format!("HTTP/1.0 {want}"));
    }
    // A client that has sent its body does not wait for it.
    let fields = "Host: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n";
    let sent = httpd.raw(format!("POST /post.html HTTP/1.1\r\n{fields}\r\nid=7"));
    assert!(check(&sent, 200).text().contains(">7<"));
    // An unknown expectation is ignored (RFC 9110 section 10.1.1 makes 417 optional).
    let unknown = "GET /a.txt HTTP/1.1\r\nHost: localhost\r\nExpect: the-impossible\r\n\r\n";
    check(&httpd.raw(unknown), 200);
    // HTTP/1.0 has no interim responses.
    let (_tree, httpd) = site(&REQUEST_TIMEOUT);
    check(&httpd.raw(format!("POST /post.html HTTP/1.0\r\n{fields}\r\n")), 408);
}
