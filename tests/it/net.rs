//! `net` by itself, with another protocol than HTTP on it: threads, seats, panics, stop.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, RwLock};
use std::time::Duration;

use httpd::net::{Client, Options, Running, Server};

use crate::support::{PATIENCE, eventually, read_to_end};

fn start<H>(options: Options, handler: H) -> (Running, SocketAddr)
where
    H: FnMut(&Client) + Clone + Send + Sync + 'static,
{
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], options).unwrap();
    let address = server.addresses()[0];
    (server.start(handler).unwrap(), address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a byte back, then closes.
fn echo_a_byte(mut client: &Client) {
    let mut byte = [0];
    if client.read_exact(&mut byte).is_ok() {
        client.write_all(&byte).unwrap();
    }
}

#[track_caller]
fn check_echo(address: SocketAddr, byte: u8) {
    let mut stream = connect(address);
    stream.write_all(&[byte]).unwrap();
    assert_eq!(read_to_end(&mut stream), [byte]);
}

#[test]
fn clients_are_served_one_after_another_and_at_once() {
    for thread_cache in [0, 1, 128] {
        let options = Options { thread_cache, ..Options::default() };
        let (running, address) = start(options, echo_a_byte);
        (0..50).for_each(|byte| check_echo(address, byte));
        let at_once: Vec<_> =
            (0..50).map(|byte| std::thread::spawn(move || check_echo(address, byte))).collect();
        for thread in at_once {
            thread.join().unwrap();
        }
        assert_eq!(running.stop(Duration::from_secs(5)), 0);
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}

#[test]
fn no_client_waits_behind_another() {
    let all_here = Arc::new(Barrier::new(20));
    let (running, address) = start(Options::default(), move |_: &Client| {
        all_here.wait();
    });
    let mut clients: Vec<_> = (0..20).map(|_| connect(address)).collect();
    for client in &mut clients {
        read_to_end(client);
    }
    assert_eq!(running.stop(PATIENCE), 0);
}

#[test]
fn a_panic_costs_one_client() {
    let (running, address) = start(Options::default(), |mut client: &Client| {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        assert_ne!(byte, [13]);
        client.write_all(&byte).unwrap();
    });
    for byte in 10..20 {
        let mut stream = connect(address);
        stream.write_all(&[byte]).unwrap();
        let want: &[u8] = if byte == 13 { &[] } else { &[byte] };
        assert_eq!(read_to_end(&mut stream), want);
    }
    assert_eq!(running.stop(PATIENCE), 0);
}

#[test]
fn no_more_clients_are_served_than_there_are_seats() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(RwLock::new(()));
    let shared = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&gate));
    let options = Options { max_connections: 3, ..Options::default() };
    let closed = gate.write().unwrap();
    let (running, address) = start(options, move |mut client: &Client| {
        let (now, most, gate) = &shared;
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        // An answer that has not begun to go out is not evicted.
        client.begin_answer().unwrap();
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        drop(gate.read().unwrap());
        client.write_all(&byte).unwrap();
        now.fetch_sub(1, Ordering::SeqCst);
    });
    let ask = || {
        let mut client = connect(address);
        client.write_all(b"x").unwrap();
        client
    };
    let mut clients = Vec::new();
    for served in 1..=3 {
        clients.push(ask());
        eventually("it is served", || now.load(Ordering::SeqCst) == served);
    }
    clients.extend((0..7).map(|_| ask()));
    drop(closed);
    for client in &mut clients {
        assert_eq!(read_to_end(client), b"x");
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(running.stop(PATIENCE), 0);
}

#[test]
fn a_newcomer_takes_the_seat_of_whoever_owes_the_longest() {
    let options = Options { max_connections: 2, ..Options::default() };
    let (running, address) = start(options, echo_a_byte);
    let mut first = connect(address);
    let mut second = connect(address);
    check_echo(address, 7);
    assert_eq!(read_to_end(&mut first), b"", "the oldest was evicted");
    second.write_all(b"s").unwrap();
    assert_eq!(read_to_end(&mut second), b"s", "the other was not");
    assert_eq!(running.stop(PATIENCE), 0);
}

#[test]
fn handlers_keep_their_state_from_client_to_client() {
    let mut count = 0_u8;
    let options = Options { thread_cache: 1, ..Options::default() };
    let (running, address) = start(options, move |mut client: &Client| {
        count += 1;
        client.write_all(&[count]).unwrap();
    });
    let counts: Vec<u8> = (0..20).map(|_| read_to_end(&mut connect(address))[0]).collect();
    assert!(counts.iter().any(|&count| count > 1), "{counts:?}");
    assert_eq!(running.stop(PATIENCE), 0);
}
