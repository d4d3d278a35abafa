//! `net` by itself, with another protocol than HTTP: threads, slots, panics, stop.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use httpd::net::{Connection, Options, Running, Server};

use crate::support::{PATIENCE, eventually, is_reset, output_of, read_to_end, tool};

/// A running server and its address.
pub fn start<H>(options: Options, handler: H) -> (Running, SocketAddr)
where
    H: FnMut(Connection) + Clone + Send + Sync + 'static,
{
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], options).unwrap();
    let address = server.addresses()[0];
    (server.start(handler).unwrap(), address)
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a byte back, then closes.
#[expect(clippy::needless_pass_by_value, reason = "a handler takes the connection, to close it")]
fn echo_a_byte(connection: Connection) {
    let mut client = &connection;
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

/// Whatever the size of the cache; and a request for no limit gets none, without a panic.
#[test]
fn clients_are_served_one_after_another_and_at_once() {
    let without_limit = Options {
        max_connections: usize::MAX,
        queue_max: usize::MAX,
        queue_time_max: Duration::MAX,
        thread_cache: usize::MAX,
        ..Options::default()
    };
    let caches = [0, 1, 128].map(|thread_cache| Options { thread_cache, ..Options::default() });
    for options in caches.into_iter().chain([without_limit]) {
        let (running, address) = start(options, echo_a_byte);
        let mut slow = connect(address);
        (0..50).for_each(|byte| check_echo(address, byte));
        thread::scope(|scope| {
            (0..50).for_each(|byte| drop(scope.spawn(move || check_echo(address, byte))));
        });
        slow.write_all(b"s").unwrap();
        assert_eq!(read_to_end(&mut slow), b"s");
        let mut silent = connect(address);
        assert_eq!(running.stop(Duration::MAX), 0);
        assert_eq!(read_to_end(&mut silent), b"");
        assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}

/// A panic loses neither the thread that served it, nor the slot, nor the state of the handler.
#[test]
fn a_panic_costs_one_client() {
    const PANICS: usize = 40;
    let options = Options { max_connections: 2, thread_cache: 2, ..Options::default() };
    let mut is_spoilt = false;
    let served_by = Arc::new(Mutex::new(HashSet::new()));
    let threads = Arc::clone(&served_by);
    let (running, address) = start(options, move |connection: Connection| {
        let mut client = &connection;
        threads.lock().unwrap().insert(thread::current().id());
        assert!(!is_spoilt, "a handler goes on as it was when it panicked");
        let mut byte = [0];
        // This waits in a slot: the byte comes only once the connection was accepted.
        if client.read_exact(&mut byte).is_ok() {
            is_spoilt = byte == [13];
            assert!(!is_spoilt, "as the test wants it");
            client.write_all(&byte).unwrap();
        }
    });
    for byte in [10, 13].into_iter().cycle().take(2 * PANICS) {
        let mut stream = connect(address);
        stream.write_all(&[byte]).unwrap();
        let want: &[u8] = if byte == 13 { &[] } else { &[byte] };
        assert_eq!(read_to_end(&mut stream), want);
    }
    assert_eq!(running.stop(PATIENCE), 0);
    // A panic that is not caught ends its thread.
    let threads = served_by.lock().unwrap().len();
    assert!(threads < PANICS / 2, "{threads} threads for {PANICS} panics");
}

#[test]
fn no_more_clients_are_waited_for_than_there_are_slots() {
    let options = Options { max_connections: 3, ..Options::default() };
    let (running, address) = start(options, echo_a_byte);
    let clients: Vec<_> = (0..10).map(|_| connect(address)).collect();
    let is_evicted = |client: &TcpStream| client.peek(&mut [0]).is_ok_and(|length| length == 0);
    for client in &clients {
        client.set_nonblocking(true).unwrap();
    }
    let kept = || clients.iter().filter(|client| !is_evicted(client)).count();
    eventually("all but three are evicted", || kept() == 3);
    for mut client in clients.into_iter().filter(|client| !is_evicted(client)) {
        client.set_nonblocking(false).unwrap();
        client.write_all(b"x").unwrap();
        assert_eq!(read_to_end(&mut client), b"x");
    }
    assert_eq!(running.stop(PATIENCE), 0);
}

/// Its first bytes needed no slot; for the rest there was none in time. An ordinary end of the
/// stream would make the answer look complete.
#[test]
fn a_client_rejected_half_way_is_reset() {
    let (told, ended) = mpsc::channel();
    let queue_time_max = Duration::from_millis(300);
    let options = Options { max_connections: 1, queue_time_max, ..Options::default() };
    let (running, address) = start(options, move |connection: Connection| {
        let mut client = &connection;
        let result = client.write_all(&vec![b'x'; 64 << 20]);
        told.send((client.peer(), result.is_ok())).unwrap();
    });
    let mut holder = connect(address);
    holder.read_exact(&mut [0]).unwrap();
    let mut rejected = connect(address);
    let (peer, is_whole) = ended.recv_timeout(PATIENCE).unwrap();
    assert_eq!((peer, is_whole), (rejected.local_addr().unwrap(), false));
    let result = rejected.read_to_end(&mut Vec::new());
    assert!(result.as_ref().is_err_and(is_reset), "{result:?}");
    drop(holder);
    assert_eq!(running.stop(PATIENCE), 0);
}

/// Set for the process in which [`check_a_start_without_threads`] runs.
const WITHOUT_THREADS: &str = "TEST_WITHOUT_THREADS";

/// The system refuses a thread while a server with two listeners starts. Either the start fails,
/// and then nobody listens any more, or it serves both.
#[test]
fn a_start_that_fails_half_way_leaves_no_listener() {
    if std::env::var_os(WITHOUT_THREADS).is_some() {
        return check_a_start_without_threads();
    }
    let Some(strace) = tool("strace") else { return };
    for number in 1..=5 {
        let mut command = Command::new(&strace);
        let fault = format!("inject=clone3:error=EAGAIN:when={number}");
        // strace counts per thread: the one that runs the test starts the server.
        command.args(["-D", "-f", "-o", "/dev/null", "-e", &fault]);
        command.arg(std::env::current_exe().unwrap());
        command.args(["--exact", "net::a_start_that_fails_half_way_leaves_no_listener"]);
        command.args(["--test-threads", "1", "--nocapture"]).env(WITHOUT_THREADS, "1");
        let output = output_of(&mut command);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "thread {number} is refused: {text} {output:?}");
        assert!(text.contains("1 passed"), "{text}");
    }
}

fn check_a_start_without_threads() {
    let any = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(&[any, any], Options::default()).unwrap();
    let addresses = server.addresses();
    match server.start(echo_a_byte) {
        Ok(running) => {
            for &address in &addresses {
                check_echo(address, 7);
            }
            assert_eq!(running.stop(PATIENCE), 0);
        }
        Err(error) => println!("start: {error}"),
    }
    let is_closed = |address: &SocketAddr| TcpStream::connect(address).is_err();
    eventually("nobody listens", || addresses.iter().all(is_closed));
}

#[test]
fn threads_and_the_state_of_handlers_are_kept_as_the_cache_allows() {
    for thread_cache in [0, 1] {
        let mut count = 0_u8;
        let options = Options { thread_cache, ..Options::default() };
        let (running, address) = start(options, move |connection: Connection| {
            count += 1;
            (&connection).write_all(&[count]).unwrap();
        });
        let counts: Vec<u8> = (0..20).map(|_| read_to_end(&mut connect(address))[0]).collect();
        assert_eq!(counts.iter().any(|&count| count > 1), thread_cache > 0, "{counts:?}");
        assert_eq!(running.stop(PATIENCE), 0);
    }
}
