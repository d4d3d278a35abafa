//! `uppercase` and its client, over TCP and UDP.

use std::net::UdpSocket;
use std::thread;

use super::{check_failure, program, run, run_at, start};
use crate::support::{Httpd, PATIENCE, has_words, send_and_half_close};

/// The longest sentence that the server accepts over TCP.
const SENTENCE_BYTES_MAX: usize = 64 * 1024;

/// How many times the client sends a datagram.
const TRIES_MAX: usize = 3;

pub(super) fn start_udp() -> Httpd {
    let mut command = program("uppercase");
    command.args(["--port", "0", "--udp"]);
    Httpd::spawn(command)
}

/// A client's UDP socket.
fn datagrams(server: &Httpd) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server.address()).unwrap();
    socket
}

#[track_caller]
fn receive(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn a_sentence_ends_with_its_line_or_with_the_stream() {
    let server = start("uppercase");
    assert_eq!(server.raw("hello\n"), b"HELLO\n");
    for (sentence, want) in [
        (&b"hello"[..], "HELLO"),
        (b"hello\r\nmore\n", "HELLO\r\n"),
        ("straße, ŉ, привет 🦀\n".as_bytes(), "STRASSE, ʼN, ПРИВЕТ 🦀\n"),
        (b"", ""),
        (b"a\xffb\xc3\n", "A\u{fffd}B\u{fffd}\n"),
        (b"cut off: \xf0\x9f\xa6", "CUT OFF: \u{fffd}"),
    ] {
        let answer = send_and_half_close(&mut server.connect(), sentence);
        assert_eq!(String::from_utf8(answer).unwrap(), want, "{}", sentence.escape_ascii());
    }
}

#[test]
fn the_length_of_a_sentence_is_limited() {
    let server = start("uppercase");
    let longest = [&vec![b'a'; SENTENCE_BYTES_MAX - 1][..], b"\n"].concat();
    assert_eq!(server.raw(&longest), longest.to_ascii_uppercase());
    // However much follows, it does not reset the connection before the answer is read.
    for length in [SENTENCE_BYTES_MAX + 1, 1_000_000] {
        let answer = String::from_utf8(server.raw(vec![b'a'; length])).unwrap();
        assert!(has_words(&answer, &["65536"]) && answer.ends_with('\n'), "{answer:?}");
        assert_eq!(answer, answer.to_uppercase());
    }
}

#[test]
fn each_datagram_is_answered_by_another() {
    let server = start_udp();
    let sockets: Vec<_> = (0..8).map(|_| datagrams(&server)).collect();
    for (number, socket) in sockets.iter().enumerate() {
        socket.send(format!("größe {number}").as_bytes()).unwrap();
    }
    for (number, socket) in sockets.iter().enumerate() {
        assert_eq!(receive(socket), format!("GRÖSSE {number}"));
    }
    let socket = &sockets[0];
    socket.send(b"").unwrap();
    assert_eq!(receive(socket), "");
    socket.send(b"\xff\n").unwrap();
    assert_eq!(receive(socket), "\u{fffd}\n");
    // In capitals each character becomes three, so the answer is too long for a datagram; later
    // ones are not affected.
    socket.send("ΐ".repeat(32_000).as_bytes()).unwrap();
    socket.send(b"still there").unwrap();
    assert_eq!(receive(socket), "STILL THERE");
}

#[test]
fn the_client_prints_an_answer_for_each_line() {
    for (server, flags) in [(start("uppercase"), &[][..]), (start_udp(), &["--udp"])] {
        let input = "hello\nstraße\n\nno line end";
        let (status, stdout, stderr) = run_at("uppercase_client", &server, flags, input);
        assert_eq!((status, stderr.as_str()), (0, ""), "{flags:?}");
        assert_eq!(stdout, "HELLO\nSTRASSE\n\nNO LINE END\n", "{flags:?}");
    }
}

#[test]
fn the_client_asks_again_when_a_datagram_is_lost() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 100];
            let (_, lost) = socket.recv_from(&mut buffer).unwrap();
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], peer), (&b"one"[..], lost));
            // Two answers: the second one must not be taken for the answer to the next sentence.
            socket.send_to(b"ONE", peer).unwrap();
            socket.send_to(b"ONE", peer).unwrap();
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], b"two");
            socket.send_to(b"TWO", peer).unwrap();
        });
        let got = run("uppercase_client", &["127.0.0.1", &port, "--udp"], "one\ntwo\n");
        assert_eq!(got, (0, "ONE\nTWO\n".to_owned(), String::new()));
    });
}

#[test]
fn the_client_gives_up_after_three_tries() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let want = [&TRIES_MAX.to_string(), "500ms"];
    check_failure("uppercase_client", &["127.0.0.1", &port, "--udp"], "one\n", &want);
    silent.set_nonblocking(true).unwrap();
    let received = std::iter::from_fn(|| silent.recv(&mut [0; 100]).ok()).count();
    assert_eq!(received, TRIES_MAX);
}
