//! `reply`: a message is whatever one read returns.

use std::io::Write;
use std::thread;

use super::{read_exactly, start};
use crate::support::{pattern, read_to_end, send_and_half_close};

#[test]
fn each_message_is_answered() {
    let server = start("reply");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut stream = server.connect();
                for message in ["hello", "\n", "close the door\n", "Close", "\0"] {
                    stream.write_all(message.as_bytes()).unwrap();
                    assert_eq!(read_exactly(&mut stream, 8), b"response", "{message:?}");
                }
            });
        }
    });
}

#[test]
fn the_message_close_closes_the_connection() {
    let server = start("reply");
    for message in ["close", "close\n", "close\r\n"] {
        let mut stream = server.connect();
        stream.write_all(b"hello").unwrap();
        assert_eq!(read_exactly(&mut stream, 8), b"response");
        stream.write_all(message.as_bytes()).unwrap();
        assert_eq!(read_to_end(&mut stream), b"", "{message:?}");
    }
}

#[test]
fn a_long_message_counts_as_several() {
    let server = start("reply");
    let answer = send_and_half_close(&mut server.connect(), &pattern(100_000));
    assert!(answer.len() >= 100_000 / 4096 * 8, "{}", answer.len());
    assert_eq!(answer, b"response".repeat(answer.len() / 8));
}
