//! `reply`: a message is whatever one read returns.

use std::io::Write;
use std::thread;

use super::{read_exactly, start};
use crate::support::{pattern, read_to_end, send_and_half_close};

#[test]
fn each_message_is_answered_until_one_is_close() {
    let server = start("reply");
    thread::scope(|scope| {
        for last in ["close", "close\n", "close\r\n"] {
            let mut stream = server.connect();
            scope.spawn(move || {
                for message in ["hello", "\n", "close the door\n", "Close", "\0"] {
                    stream.write_all(message.as_bytes()).unwrap();
                    assert_eq!(read_exactly(&mut stream, 8), b"response", "{message:?}");
                }
                stream.write_all(last.as_bytes()).unwrap();
                assert_eq!(read_to_end(&mut stream), b"", "{last:?}");
            });
        }
    });
}

#[test]
fn a_long_message_counts_as_several() {
    let server = start("reply");
    let answer = send_and_half_close(&mut server.connect(), &pattern(100_000));
    assert!(answer.len() >= 100_000 / 4096 * 8, "{}", answer.len());
    assert_eq!(answer, b"response".repeat(answer.len() / 8));
}
