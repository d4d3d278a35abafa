//! `echo`, and `multi_client`, which talks to it.

use std::io::{Read, Write};
use std::thread;

use super::{read_exactly, refusing_port, run, run_at, start};
use crate::support::{Httpd, pattern, send_and_half_close};

/// What a client of the first test sends, in bytes.
const MANY_BYTES: usize = 10_000_000;

#[test]
fn ten_million_bytes_from_each_of_eight_clients_come_back_unchanged() {
    let server = start("echo");
    let sent = pattern(MANY_BYTES);
    thread::scope(|scope| {
        for client in 0..8 {
            let (server, sent) = (&server, &sent[client..]);
            scope.spawn(move || {
                let stream = server.connect();
                thread::scope(|scope| {
                    scope.spawn(|| (&stream).write_all(sent).unwrap());
                    let mut received = vec![0; sent.len()];
                    (&stream).read_exact(&mut received).unwrap();
                    assert!(received == sent, "client {client}");
                });
            });
        }
    });
}

/// Sends `input`, keeps its own side open, and reads to the end.
#[track_caller]
fn check_closes(server: &Httpd, input: &[u8], want: &[u8]) {
    assert_eq!(server.raw(input), want, "{}", input.escape_ascii());
}

#[test]
fn the_line_exit_closes() {
    let server = start("echo");
    check_closes(&server, b"exit\n", b"exit\n");
    check_closes(&server, b"exit\r\n", b"exit\r\n");
    check_closes(&server, b"one\ntwo\nexit\n", b"one\ntwo\nexit\n");
    check_closes(&server, b"\nexit\nno more", b"\nexit\n");
    check_closes(&server, b"exits\nexit\r\nexit\n", b"exits\nexit\r\n");
    check_closes(&server, b"\xff\0\nexit\n", b"\xff\0\nexit\n");
}

#[test]
fn what_only_looks_like_exit_does_not() {
    let server = start("echo");
    for input in [
        "exit",
        "EXIT\n",
        "exits\n",
        " exit\n",
        "exit \n",
        "xexit\n",
        "exit\r\r\n",
        "exit\rx\n",
        "ex\nit\n",
        "exit\0\n",
        "",
    ] {
        let mut stream = server.connect();
        let received = send_and_half_close(&mut stream, input.as_bytes());
        assert_eq!(received, input.as_bytes(), "{input:?}");
    }
}

#[test]
fn exit_may_come_in_pieces() {
    let server = start("echo");
    for pieces in [&["hello\ne", "x", "i", "t", "\r", "\n"][..], &["\nex", "it\n"], &["exit", "\n"]]
    {
        let mut stream = server.connect();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
            // Its echo tells that this piece was read, and by itself.
            assert_eq!(read_exactly(&mut stream, piece.len()), piece.as_bytes());
        }
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{pieces:?}");
    }
}

#[test]
fn multi_client_says_what_each_connection_sent_and_received() {
    let server = start("echo");
    let (status, stdout, stderr) = run_at("multi_client", &server, &["50"], "");
    assert_eq!((status, stderr.as_str()), (0, ""));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 100);
    for (number, lines) in (1..).zip(lines.chunks(2)) {
        let text = format!("message 1 of connection {number}\nmessage 2 of connection {number}\n");
        let bytes = text.len();
        assert_eq!(lines[0], format!("connection {number}: sent {bytes} bytes, {text:?}"));
        assert_eq!(lines[1], format!("connection {number}: received {bytes} bytes, {text:?}"));
    }
}

#[test]
fn multi_client_says_in_one_sentence_what_is_wrong() {
    let not_an_echo = start("hello");
    let (status, _, stderr) = run_at("multi_client", &not_an_echo, &["2"], "");
    let want = "multi_client: connection 1: what came back is not what was sent\n";
    assert_eq!((status, stderr.as_str()), (1, want));

    let (_guard, port) = refusing_port();
    let (status, _, stderr) = run("multi_client", &["127.0.0.1", &port, "2"], "");
    let want =
        format!("multi_client: cannot connect to 127.0.0.1:{port}: the connection was refused\n");
    assert_eq!((status, stderr), (1, want));

    for connections in ["0", "1001", "some"] {
        let (status, _, stderr) = run("multi_client", &["127.0.0.1", "7000", connections], "");
        assert_eq!((status, stderr.lines().count()), (1, 1), "{stderr}");
    }
}
