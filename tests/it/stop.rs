//! Stopping: no queued client is refused, no answer in progress is cut off, and no time is wasted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use rustix::process::Signal;

use crate::screen::OnScreen;
use crate::support::{Httpd, Reply, Tree, eventually, has_words, pattern, read_to_end};

/// Longer than any wait in a test: a server that waited for this would fail it.
const FOREVER: [&str; 2] = ["--drain-timeout", "300"];

/// A client with the start of an answer that exceeds the kernel's buffers.
#[track_caller]
fn begin(httpd: &Httpd) -> (TcpStream, [u8; 1000]) {
    let (mut stream, mut start) = (httpd.ask("GET /large HTTP/1.0\r\n\r\n"), [0; 1000]);
    stream.read_exact(&mut start).unwrap();
    (stream, start)
}

/// Wherever the log goes: `ExecReload=kill -HUP` must not end a service.
#[test]
fn sighup_ends_nothing_off_a_terminal() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    // The tests may run with the signal ignored, as under nohup.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_httpd"), "--port", "0"]);
    command.arg(tree.path());
    let httpd = Httpd::spawn(command);
    httpd.signal(Signal::HUP);
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    // Signals are handled in order.
    assert_eq!(httpd.stop().status.code(), Some(0));
}

#[test]
fn sighup_ends_it_on_a_terminal() {
    let tree = Tree::new();
    let mut httpd = OnScreen::start_by(&["env", "--default-signal=HUP"], tree.path());
    httpd.wait_for("it listens", |rows| rows.iter().any(|row| row.contains("listening on ")));
    httpd.signal(Signal::HUP);
    assert_eq!(httpd.wait().code(), None);
}

#[test]
fn a_response_in_progress_is_finished_and_a_request_in_progress_answered() {
    let content = pattern(32 << 20);
    let tree = Tree::with(&[("large", &content), ("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let (mut response, start) = begin(&httpd);
    let mut request = httpd.ask("GET /a.txt HTT");
    // An answer to a later client shows that the server has accepted this one.
    httpd.get("/a.txt");
    httpd.signal(Signal::TERM);
    httpd.log_line(|line| line.contains("stopping"));
    request.write_all(b"P/1.0\r\n\r\n").unwrap();
    assert!(read_to_end(&mut request).ends_with(b"hello"));
    let rest = read_to_end(&mut response);
    assert!(Reply::parse(&[&start[..], &rest].concat()).body == content);
    assert_eq!(httpd.wait().status.code(), Some(0));
}

/// Nor does the signal matter.
#[test]
fn a_silent_client_does_not_delay_the_end() {
    for signal in [Signal::INT, Signal::TERM] {
        let httpd = Httpd::serve(Tree::new().path(), &FOREVER);
        let before = httpd.usage().descriptors;
        let mut silent = httpd.connect();
        eventually("it is accepted", || httpd.usage().descriptors > before);
        httpd.signal(signal);
        assert_eq!(read_to_end(&mut silent), b"");
        assert_eq!(httpd.wait().status.code(), Some(0));
    }
}

#[test]
fn a_response_that_takes_too_long_is_cut_off() {
    let tree = Tree::with(&[("large", &pattern(32 << 20))]);
    let httpd = Httpd::serve(tree.path(), &["--drain-timeout", "0.2"]);
    let _stuck = begin(&httpd);
    let ended = httpd.stop();
    assert_eq!(ended.status.code(), Some(0));
    let is_cut_off = |line: &String| has_words(line, &["WARN", "1", "connection", "200ms"]);
    assert!(ended.stderr.iter().any(is_cut_off), "{:?}", ended.stderr);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let tree = Tree::with(&[("large", &pattern(32 << 20))]);
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let httpd = Httpd::serve(tree.path(), &FOREVER);
        let _stuck = begin(&httpd);
        httpd.signal(signal);
        httpd.log_line(|line| line.contains("stopping"));
        httpd.signal(signal);
        assert_eq!(httpd.wait().status.code(), Some(status));
    }
}
