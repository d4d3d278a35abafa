//! The thread that accepts keeps the accept loop while it serves, and nobody waits for it: new
//! connections are accepted whatever one client or one disk does.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::thread;

use httpd::net::{Connection, Options, Running};

use crate::attack::{Attack, Manner, loopback};
use crate::net;
use crate::support::{HELD_UP, Httpd, PATIENCE, Tree, eventually, read_to_end};

/// While every such system call for one file or folder blocks, other requests are answered, however
/// many clients wait for that one.
#[track_caller]
fn check_slow_call(call: &str, slow: &str, clients: usize) {
    let tree = Tree::with(&[("slow", b"slow"), ("folder/a", b"a"), ("fast/b", b"fast")]);
    // By the name below the root when it is opened, by its path once it is open.
    let paths = [Path::new(slow), &tree.join(slow)];
    let fault = format!("{call}:{HELD_UP}");
    let Some(httpd) = Httpd::serve_with_fault(tree.path(), &[], &fault, &paths) else { return };
    let request = format!("GET /{slow} HTTP/1.0\r\n\r\n");
    let ask = |_| {
        let mut stream = httpd.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let mut slow: Vec<_> = (0..clients).map(ask).collect();
    for _ in 0..20 {
        assert_eq!(httpd.get("/fast/b").body, b"fast");
    }
    assert_eq!(httpd.get("/fast/").status, 200);
    assert!(slow.iter().all(is_unanswered), "{call} was not slow");
    httpd.release();
    for stream in &mut slow {
        assert!(read_to_end(stream).starts_with(b"HTTP/1.0 200 "), "{call}");
    }
}

/// Whether nothing has arrived yet, not even the end.
pub fn is_unanswered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let result = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_slow_disk_blocks_no_other_clients() {
    check_slow_call("openat2", "slow", 3);
    check_slow_call("fstat", "slow", 3);
    check_slow_call("pread64", "slow", 3);
    // Twice as many requests for listings as may be made at once.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    check_slow_call("getdents64", "folder/", 2 * cores.min(8));
}

/// If the housekeeper had to find each of them, the last ones would wait for seconds.
#[test]
fn many_clients_that_wait_for_a_disk_block_no_others() {
    check_slow_call("pread64", "slow", 500);
}

/// A thread steps aside before it waits for its client, instead of being found by the housekeeper:
/// otherwise each slow sender would cost the time between two of its rounds.
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
    // A few are possible, since on a busy machine a thread may just not get to run.
    assert!(held_up < SENDERS / 8, "{held_up} of {SENDERS}");
}

/// A server whose clients wait at a gate, unknown to the server, before they get a byte: the first
/// of them holds the accept loop meanwhile.
fn serve_behind_a_gate(gate: &Arc<RwLock<()>>) -> (Running, SocketAddr) {
    let gate = Arc::clone(gate);
    net::start(Options::default(), move |connection: Connection| {
        drop(gate.read().unwrap());
        let _ = (&connection).write_all(b"x");
    })
}

#[test]
fn a_stop_while_the_loop_is_held_loses_no_new_connection() {
    for _ in 0..20 {
        let gate = Arc::new(RwLock::new(()));
        let closed = gate.write().unwrap();
        let (running, address) = serve_behind_a_gate(&gate);
        let mut clients: Vec<_> = (0..5).map(|_| net::connect(address)).collect();
        let stop = thread::spawn(move || running.stop(PATIENCE));
        drop(closed);
        for client in &mut clients {
            assert_eq!(read_to_end(client), b"x");
        }
        assert_eq!(stop.join().unwrap(), 0);
    }
}
