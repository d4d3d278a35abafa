//! Phases by table, and waits.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use super::*;
use crate::net::turn::tests::{Fake, begin};

/// A client from 192.0.2.`number`. All of them share one socket, for tests that send nothing.
pub(crate) fn client_of(number: u8) -> Client {
    static SOCKET: OnceLock<(TcpStream, TcpStream)> = OnceLock::new();
    let (_, accepted) = SOCKET.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (connected, listener.accept().unwrap().0)
    });
    Client::new(accepted.try_clone().unwrap(), ([192, 0, 2, number], 4711).into())
}

/// What can be done to a client, and whether it still can.
#[track_caller]
fn check(before: &[fn(&Client) -> bool], dismissed: bool, evicted: bool, answered: bool) {
    let fresh = || {
        let client = client_of(1);
        assert!(before.iter().all(|step| step(&client)));
        client
    };
    assert_eq!(fresh().dismiss(Instant::now()), dismissed, "to dismiss it");
    assert_eq!(fresh().evict(Instant::now()), evicted, "to evict it");
    assert_eq!(fresh().begin_answer().is_ok(), answered, "to answer it");
}

#[test]
fn a_client_loses_its_seat_only_when_it_is_its_move_or_while_bytes_go_out() {
    let first_bytes = |client: &Client| {
        client.note_first_bytes();
        true
    };
    let answer = |client: &Client| client.begin_answer().is_ok();
    let progress = |client: &Client| client.note_progress(1).is_ok();
    let drain = |client: &Client| client.begin_drain().is_ok();
    let dismiss = |client: &Client| client.dismiss(Instant::now());
    let evict = |client: &Client| client.evict(Instant::now());
    check(&[], true, false, true);
    check(&[first_bytes], true, false, true);
    check(&[first_bytes, answer], false, false, true);
    check(&[answer, progress], false, true, true);
    check(&[answer, progress, drain], true, false, true);
    // What had come when it was dismissed may be a whole request.
    check(&[first_bytes, dismiss], false, false, true);
    check(&[first_bytes, dismiss, answer, progress], false, true, true);
    check(&[answer, progress, evict], false, false, false);
}

#[test]
fn one_that_has_lost_its_seat_gets_no_further() {
    for lose in [
        |client: &Client| client.dismiss(Instant::now()),
        |client: &Client| client.evict_in_any_phase(Instant::now()),
    ] {
        let client = client_of(1);
        assert!(lose(&client) && client.has_lost_its_seat());
        assert_eq!(client.note_progress(1), Err(Evicted));
        assert_eq!(client.begin_drain(), Err(Evicted));
    }
    let client = client_of(1);
    assert!(client.evict_in_any_phase(Instant::now()));
    assert!(!client.evict_in_any_phase(Instant::now()), "only once");
}

#[test]
fn waits_end_at_their_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _far_end = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    let client = Client::new(stream, peer);
    let soon = Instant::now() + Duration::from_millis(20);
    assert_eq!(client.wait_to_receive(Some(soon)), Err(Lost::TimedOut));
    assert!(Instant::now() >= soon);
    assert_eq!(client.wait_to_receive(Some(soon)), Err(Lost::TimedOut));
}

/// Whatever a thread is about to wait for, it passes its loop on first.
#[test]
fn a_turn_is_passed_on_before_any_wait() {
    let waits: [fn(&Client); 4] = [
        |client| client.about_to_wait(),
        |client| _ = client.wait_to_receive(Some(Instant::now())),
        |client| _ = client.wait_to_send(Some(Instant::now())),
        |client| _ = client.finish(),
    ];
    for wait in waits {
        let fake = Arc::new(Fake::default());
        let client = client_of(1);
        client.hold(Some(begin(&fake)));
        client.note_first_bytes();
        client.begin_answer().unwrap();
        assert_eq!(fake.passed_on.load(Ordering::SeqCst), 0);
        wait(&client);
        assert_eq!(fake.passed_on.load(Ordering::SeqCst), 1);
        assert!(client.release().is_none());
    }
}
