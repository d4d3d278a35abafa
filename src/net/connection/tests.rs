//! What a connection does before it waits, and what ends a wait.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::net::server::FOREVER;
use crate::net::state::{Options, Stage, State};

/// A server without threads: it counts those that would be spawned.
struct Server {
    shared: Arc<Shared>,
    spawned: Arc<AtomicUsize>,
}

impl Server {
    fn new(slots: usize, places: usize) -> Self {
        let spawned = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&spawned);
        let spawn = Box::new(move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        let options = Options { max_connections: slots, queue_max: places, ..Options::default() };
        let state = State::new(&options, &[false], 1);
        let shared = Shared::new(Vec::new(), state, spawn, Box::new(|| ()));
        Self { shared, spawned }
    }

    /// An accepted connection, and its far end. The calling thread leads.
    fn accept(&self) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far_end = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let (id, leads) = self.shared.change(|state| state.accepted(0));
        LEAD.set(leads.then_some(0));
        (Connection::new(Arc::clone(&self.shared), stream, peer, (id, Instant::now())), far_end)
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(20)
}

/// Whatever a thread is about to wait for, another one accepts meanwhile.
#[test]
fn a_thread_steps_aside_before_any_wait() {
    let waits: [fn(&Connection); 5] = [
        |it| it.step_aside(),
        |it| _ = it.take_slot(),
        |it| _ = it.wait_to_receive(soon()),
        |it| _ = it.wait_to_send(soon()),
        |it| _ = it.finish(),
    ];
    for wait in waits {
        let server = Server::new(1, 1);
        let (connection, far_end) = server.accept();
        let spawned = || server.spawned.load(Ordering::SeqCst);
        let before = spawned();
        connection.begin_receiving();
        connection.begin_answer().unwrap();
        connection.note_progress(7);
        assert_eq!(spawned(), before);
        drop(far_end);
        wait(&connection);
        let has_waited = connection.is_waited_for.get() || LEAD.get().is_none();
        assert_eq!(spawned() - before, usize::from(has_waited));
        wait(&connection);
        assert_eq!(spawned() - before, usize::from(has_waited), "but once");
    }
}

#[test]
fn what_needs_no_wait_needs_no_slot() {
    let server = Server::new(1, 0);
    let (slow, _slow_end) = server.accept();
    slow.take_slot().unwrap();
    let (quick, mut far_end) = server.accept();
    far_end.write_all(b"x").unwrap();
    quick.begin_answer().unwrap();
    quick.note_progress(7);
    assert_eq!(quick.eviction(), None);
    // Now it has to wait, and there is no place for that.
    assert_eq!(quick.wait_to_receive(soon()), Err(Lost::Evicted(Cause::NoSlot)));
    assert!(quick.begin_answer().is_ok(), "it may still be told so");
    assert_eq!(quick.wait_to_send(soon()), Err(Lost::Evicted(Cause::NoSlot)));
}

#[test]
fn waits_end_at_their_deadline_and_when_bytes_come() {
    let server = Server::new(1, 1);
    let (first, _first_end) = server.accept();
    first.begin_answer().unwrap();
    first.take_slot().unwrap();
    let (queued, mut far_end) = server.accept();
    let deadline = soon();
    assert_eq!(queued.wait_to_receive(deadline), Err(Lost::TimedOut));
    assert!(Instant::now() >= deadline);
    far_end.write_all(b"x").unwrap();
    assert_eq!(queued.wait_to_receive(Instant::now() + FOREVER), Ok(()));
    assert_eq!(queued.eviction(), None);
}

#[test]
fn a_long_answer_waits_for_a_slot_and_gets_that_of_another() {
    let server = Server::new(1, 1);
    let (first, _first_end) = server.accept();
    first.begin_answer().unwrap();
    first.take_slot().unwrap();
    let (second, _second_end) = server.accept();
    second.begin_answer().unwrap();
    // It cannot leave this thread, so another one closes the first.
    thread::scope(|scope| {
        let shared = &server.shared;
        scope.spawn(move || {
            while !shared.change(|state| state.slots.has_queued()) {
                thread::yield_now();
            }
            drop(first);
        });
        assert_eq!(second.take_slot(), Ok(()));
    });
}

#[test]
fn a_long_answer_that_waits_for_a_slot_ends_with_its_client() {
    let server = Server::new(1, 1);
    let (first, _first_end) = server.accept();
    first.take_slot().unwrap();
    let (second, far_end) = server.accept();
    second.begin_answer().unwrap();
    rustix::net::sockopt::set_socket_linger(&far_end, Some(Duration::ZERO)).unwrap();
    drop(far_end);
    first.begin_answer().unwrap();
    assert_eq!(second.take_slot(), Err(Lost::Gone));
}

#[test]
fn a_connection_that_owes_makes_way_and_is_answered_if_its_request_is_whole() {
    let server = Server::new(1, 1);
    let (owes, mut far_end) = server.accept();
    assert_eq!(owes.wait_to_receive(soon()), Err(Lost::TimedOut));
    far_end.write_all(b"the rest").unwrap();
    let (queued, _queued_end) = server.accept();
    assert_eq!(queued.wait_to_receive(soon()), Err(Lost::TimedOut));
    assert_eq!(owes.eviction(), Some(Cause::OwedLongest));
    assert_eq!(owes.wait_to_receive(soon()), Ok(()), "there is the end of the stream");
    owes.begin_answer().unwrap();
    assert_eq!(owes.eviction(), None);
    assert_eq!(owes.wait_to_send(soon()), Ok(()));
}

/// As streams of bytes: every byte is progress, and eviction is no ordinary end.
#[test]
fn a_client_that_talks_keeps_its_slot_and_a_silent_one_loses_it() {
    let server = Server::new(2, 1);
    let [(talks, mut far_end), (silent, _silent_end), (queued, _queued_end)] =
        [(); 3].map(|()| server.accept());
    far_end.write_all(b"hi").unwrap();
    let mut bytes = [0; 2];
    (&talks).read_exact(&mut bytes).unwrap();
    for connection in [&talks, &silent, &queued] {
        assert_eq!(connection.wait_to_receive(soon()), Err(Lost::TimedOut));
    }
    assert_eq!(talks.eviction(), None);
    assert_eq!((&silent).read(&mut bytes).unwrap_err().kind(), ErrorKind::ConnectionAborted);
    (&talks).write_all(&bytes).unwrap();
    drop(talks);
    assert_eq!(std::io::read_to_string(far_end).unwrap(), "hi");
}

#[test]
fn one_that_is_shut_down_gets_no_further() {
    let server = Server::new(1, 1);
    let (connection, _far_end) = server.accept();
    connection.take_slot().unwrap();
    server.shared.change(|state| {
        state.stage = Stage::CuttingOff;
        state.slots.end_all(Instant::now());
    });
    let stopped = Err(Lost::Evicted(Cause::Stopping));
    assert_eq!(connection.wait_to_receive(Instant::now() + FOREVER), stopped);
    assert_eq!(connection.wait_to_send(Instant::now() + FOREVER), stopped);
    assert_eq!(connection.begin_answer(), stopped);
    assert_eq!(connection.finish(), stopped);
}

#[test]
fn a_holder_knows_the_pace_and_can_end_the_connection() {
    let server = Server::new(1, 1);
    let (connection, _far_end) = server.accept();
    let holder = connection.holder();
    assert_eq!(holder.pace(), None, "it makes nobody wait");
    connection.begin_answer().unwrap();
    connection.take_slot().unwrap();
    assert_eq!(holder.pace(), None, "nothing is out");
    connection.note_progress(1_000_000);
    connection.wait_to_send(soon()).unwrap();
    assert!(holder.pace().is_some_and(|pace| pace > 0));
    holder.make_way();
    assert_eq!(connection.eviction(), Some(Cause::OverShare));
    drop(connection);
    assert_eq!(holder.pace(), None);
    holder.make_way();
}
