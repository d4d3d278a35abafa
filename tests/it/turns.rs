//! The thread that accepts keeps the accept loop while it serves, and nobody waits for it: whatever
//! one client or one disk does, new connections are accepted.

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use httpd::net::{Connection, Options, Server};

use crate::attack::{Attack, Manner, loopback};
use crate::support::{HELD_UP, Httpd, PATIENCE, Tree, eventually, read_to_end, tool};

/// While each such system call for one file does not come back, others are answered, however many
/// ask for that file.
#[track_caller]
fn check_slow_call(call: &str, slow_clients: usize) {
    let Some(strace) = tool("strace") else { return };
    let tree = Tree::with(&[("www/slow", b"slow"), ("www/fast", b"fast")]);
    let mut command = Command::new(strace);
    let fault = format!("inject={call}:{HELD_UP}");
    // By the name below the root when it is opened, by its path when it is open.
    command.args(["-D", "-f", "-o", "/dev/null", "-e", &fault, "-P", "slow", "-P"]);
    command.arg(tree.join("www/slow"));
    command.arg(env!("CARGO_BIN_EXE_httpd")).args(["--port", "0"]).arg(tree.join("www"));
    let httpd = Httpd::spawn(command);
    let mut slow: Vec<_> = (0..slow_clients)
        .map(|_| {
            let mut stream = httpd.connect();
            stream.write_all(b"GET /slow HTTP/1.0\r\n\r\n").unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(httpd.get("/fast").body, b"fast");
    }
    assert!(slow.iter().all(is_unanswered), "{call} was not slow");
    httpd.release();
    for stream in &mut slow {
        assert!(read_to_end(stream).ends_with(b"slow"));
    }
}

/// Whether nothing has come yet, not even the end.
pub fn is_unanswered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let result = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_disk_that_is_slow_to_open_a_file_holds_up_no_one_else() {
    check_slow_call("openat2", 3);
}

#[test]
fn a_disk_that_is_slow_to_tell_of_a_file_holds_up_no_one_else() {
    check_slow_call("fstat", 3);
}

#[test]
fn a_disk_that_is_slow_to_read_a_file_holds_up_no_one_else() {
    check_slow_call("pread64", 3);
}

/// Folders that hang, twice as many requests for them as there are cores: others are listed.
#[test]
fn a_folder_that_hangs_stops_no_other_listing() {
    let Some(strace) = tool("strace") else { return };
    let tree = Tree::with(&[("www/slow/a", b"a"), ("www/fast/b", b"b")]);
    let mut command = Command::new(strace);
    let fault = format!("inject=getdents64:{HELD_UP}");
    command.args(["-D", "-f", "-o", "/dev/null", "-e", &fault, "-P"]).arg(tree.join("www/slow"));
    command.arg(env!("CARGO_BIN_EXE_httpd")).args(["--port", "0"]).arg(tree.join("www"));
    let httpd = Httpd::spawn(command);
    let hanging = 2 * thread::available_parallelism().map_or(1, usize::from).min(8);
    let mut slow: Vec<_> = (0..hanging)
        .map(|_| {
            let mut stream = httpd.connect();
            stream.write_all(b"GET /slow/ HTTP/1.0\r\n\r\n").unwrap();
            stream
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(httpd.get("/fast/").status, 200);
    }
    assert!(slow.iter().all(is_unanswered), "the folder does not hang");
    httpd.release();
    for stream in &mut slow {
        assert!(read_to_end(stream).starts_with(b"HTTP/1.0 200 "));
    }
}

/// If each of them were found out by the housekeeper, the last ones would wait for seconds.
#[test]
fn many_who_wait_for_a_disk_hold_up_no_one_else() {
    check_slow_call("pread64", 500);
}

/// A thread steps aside before it waits for its client, and does not leave it to the housekeeper to
/// find out: else each slow sender would cost the time between two of its rounds.
#[test]
fn slow_senders_are_not_left_to_the_housekeeper() {
    const SENDERS: usize = 400;
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--verbose"]);
    let _attack = Attack::start(httpd.address(), &[loopback(2)], SENDERS, Manner::Sends);
    eventually("all of them are served", || httpd.usage().threads > SENDERS);
    assert_eq!(httpd.get("/a").body, b"hello");
    let log = httpd.log();
    let held_up = log.iter().filter(|line| line.contains("held up")).count();
    // Some, since on a busy machine a thread may just not get to run.
    assert!(held_up < SENDERS / 8, "{held_up} of {SENDERS}");
}

/// A server whose clients wait for a gate before they get a byte, in a way that it does not know
/// of: the first of them holds the accept loop meanwhile.
fn serve_behind_a_gate(
    options: Options,
    gate: &Arc<RwLock<()>>,
) -> (httpd::net::Running, impl Fn() -> TcpStream + use<>) {
    let gate = Arc::clone(gate);
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], options).unwrap();
    let address = server.addresses()[0];
    let handler = move |connection: Connection| {
        let mut client = &connection;
        drop(gate.read().unwrap());
        let _ = client.write_all(b"x");
    };
    let connect = move || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    (server.start(handler).unwrap(), connect)
}

#[test]
fn a_stop_while_the_loop_is_held_loses_no_client() {
    for _ in 0..20 {
        let gate = Arc::new(RwLock::new(()));
        let closed = gate.write().unwrap();
        let (running, connect) = serve_behind_a_gate(Options::default(), &gate);
        let mut clients: Vec<_> = (0..5).map(|_| connect()).collect();
        let stop = thread::spawn(move || running.stop(PATIENCE));
        drop(closed);
        for client in &mut clients {
            assert_eq!(read_to_end(client), b"x");
        }
        assert_eq!(stop.join().unwrap(), 0);
    }
}

#[test]
fn an_eviction_while_the_loop_is_held_loses_no_new_connection() {
    for _ in 0..20 {
        let gate = Arc::new(RwLock::new(()));
        let closed = gate.write().unwrap();
        let options = Options { max_connections: 1, ..Options::default() };
        let (running, connect) = serve_behind_a_gate(options, &gate);
        let (mut first, mut second) = (connect(), connect());
        drop(closed);
        // The first may have lost its slot before it had its byte.
        read_to_end(&mut first);
        assert_eq!(read_to_end(&mut second), b"x");
        assert_eq!(running.stop(PATIENCE), 0);
    }
}

#[test]
fn without_a_cache_each_client_has_a_thread_of_its_own() {
    let served_by = Arc::new(Mutex::new(HashSet::new()));
    let options = Options { thread_cache: 0, ..Options::default() };
    let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], options).unwrap();
    let address = server.addresses()[0];
    let running = server.start({
        let served_by = Arc::clone(&served_by);
        move |connection: Connection| {
            let mut client = &connection;
            served_by.lock().unwrap().insert(thread::current().id());
            client.write_all(b"x").unwrap();
        }
    });
    for _ in 0..10 {
        assert_eq!(read_to_end(&mut TcpStream::connect(address).unwrap()), b"x");
    }
    assert_eq!(running.unwrap().stop(PATIENCE), 0);
    assert_eq!(served_by.lock().unwrap().len(), 10);
}
