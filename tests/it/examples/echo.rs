//! `echo`, and `multi_client`, which talks to it.

use std::io::Write;
use std::thread;

use super::{read_exactly, run_at, start};
use crate::support::{has_words, pattern, read_to_end, send_and_half_close};

#[test]
fn ten_million_bytes_from_each_of_eight_clients_come_back_unchanged() {
    let server = start("echo");
    let sent = pattern(10_000_000);
    thread::scope(|scope| {
        for client in 0..8 {
            let (mut stream, sent) = (server.connect(), &sent[client..]);
            let mut sender = stream.try_clone().unwrap();
            scope.spawn(move || sender.write_all(sent).unwrap());
            scope.spawn(move || {
                let received = read_exactly(&mut stream, sent.len());
                assert!(received == sent, "client {client}");
            });
        }
    });
}

#[test]
fn the_line_exit_closes_the_connection_and_no_other() {
    let server = start("echo");
    assert_eq!(server.raw(b"one\ntwo\nexit\n"), b"one\ntwo\nexit\n");
    assert_eq!(server.raw(b"exits\n\xff\0\nexit\r\nno more"), b"exits\n\xff\0\nexit\r\n");
    for input in ["exit", "EXIT\n", "exits\n", " exit\n", "exit\r\r\n", "ex\nit\n", ""] {
        let mut stream = server.connect();
        let received = send_and_half_close(&mut stream, input.as_bytes());
        assert_eq!(received, input.as_bytes(), "{input:?}");
    }
    let pieces = [&["hello\ne", "x", "i", "t", "\r", "\n"][..], &["\nex", "it\n"], &["exit", "\n"]];
    for pieces in pieces {
        let mut stream = server.connect();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
            // The echo shows that this piece was read, separately from the next.
            assert_eq!(read_exactly(&mut stream, piece.len()), piece.as_bytes());
        }
        assert_eq!(read_to_end(&mut stream), b"", "{pieces:?}");
    }
}

#[test]
fn multi_client_prints_what_each_connection_sent_and_received() {
    let server = start("echo");
    let (status, stdout, stderr) = run_at("multi_client", &server, &["50"], "");
    assert_eq!((status, stderr.as_str()), (0, ""));
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 100);
    for (number, lines) in (1..).zip(lines.chunks(2)) {
        let text = format!("message 1 of connection {number}\nmessage 2 of connection {number}\n");
        let (number, bytes) = (number.to_string(), text.len().to_string());
        for (line, word) in lines.iter().zip(["sent", "received"]) {
            assert!(has_words(line, &[&number, word, &bytes]), "{line}");
            assert!(line.ends_with(&format!("{text:?}")), "{line}");
        }
    }
    let (status, _, stderr) = run_at("multi_client", &start("hello"), &["2"], "");
    assert!(status == 1 && has_words(&stderr, &["connection", "1"]), "no echo: {stderr}");
}
