//! The thread that accepts keeps the accept loop while it serves, and nobody waits for it: new
//! connections are accepted whatever one client or one disk does.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::thread;

use httpd::net::{Connection, Options};

use crate::net;
use crate::support::{HELD_UP, Httpd, PATIENCE, Tree, read_to_end};

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
    let mut slow: Vec<_> = (0..clients).map(|_| httpd.ask(&request)).collect();
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

/// Clients wait at a gate, unknown to the server, before they get a byte: the first of them holds
/// the accept loop meanwhile.
#[test]
fn a_stop_while_the_loop_is_held_loses_no_new_connection() {
    for _ in 0..20 {
        let gate = Arc::new(RwLock::new(()));
        let closed = gate.write().unwrap();
        let servers_gate = Arc::clone(&gate);
        let (running, address) = net::start(Options::default(), move |connection: Connection| {
            drop(servers_gate.read().unwrap());
            let _ = (&connection).write_all(b"x");
        });
        let mut clients: Vec<_> = (0..5).map(|_| net::connect(address)).collect();
        let stop = thread::spawn(move || running.stop(PATIENCE));
        drop(closed);
        for client in &mut clients {
            assert_eq!(read_to_end(client), b"x");
        }
        assert_eq!(stop.join().unwrap(), 0);
    }
}
