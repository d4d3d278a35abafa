//! The system has no more descriptors or threads to give: the server goes on, says so once, and
//! serves again as soon as it can.
//!
//! `RLIMIT_NOFILE` and `RLIMIT_AS` are lowered for the server alone. The latter makes the system
//! refuse threads also where everything runs as root, which `RLIMIT_NPROC` does not bind.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::support::{Httpd, PATIENCE, Reply, Tree, eventually, read_to_end};

/// How long a starved server is watched: it asks for more every 100 ms.
const A_WHILE: Duration = Duration::from_millis(500);

/// `httpd` under a limit that the shell's `ulimit` knows.
fn serve_limited(tree: &Tree, limit: &str, flags: &[&str]) -> Httpd {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).args(flags).arg(tree.path());
    Httpd::spawn(command)
}

/// So many clients that never end their requests.
fn hold(httpd: &Httpd, clients: usize) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(httpd.address()).unwrap();
        stream.write_all(b"G").unwrap();
        stream
    };
    (0..clients).map(connect).collect()
}

/// More clients than the limit allows, that never end their requests; then one that is in earnest.
#[track_caller]
fn check_starved(limit: &str, clients: usize, flags: &[&str], complaint: &str) {
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = serve_limited(&tree, limit, flags);
    assert_eq!(httpd.get("/a").body, b"hello");
    let holding = hold(&httpd, clients);
    httpd.log_line(|line| line.contains(complaint));
    let mut waits = httpd.connect();
    waits.write_all(b"GET /a HTTP/1.0\r\n\r\n").unwrap();
    waits.set_read_timeout(Some(A_WHILE)).unwrap();
    assert_eq!(waits.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(httpd.usage().threads < clients, "the limit {limit} limits nothing");

    drop(holding);
    waits.set_read_timeout(Some(PATIENCE)).unwrap();
    // The first moment may still be too early for its file.
    assert!([200, 503].contains(&Reply::parse(&read_to_end(&mut waits)).status));
    eventually("it serves again", || httpd.get("/a").body == b"hello");
    for _ in 0..20 {
        assert_eq!(httpd.get("/a").body, b"hello");
    }
    let ended = httpd.stop();
    assert!(ended.status.success(), "{}", ended.status);
    let said = ended.stderr.iter().filter(|line| line.contains(complaint)).count();
    assert_eq!(said, 1, "{:?}", ended.stderr);
}

#[test]
fn it_goes_on_without_descriptors() {
    check_starved("-n 20", 40, &[], "cannot accept clients");
}

#[test]
fn it_goes_on_without_threads() {
    check_starved("-v 60000", 300, &[], "no thread to be had");
    check_starved("-v 60000", 300, &["--thread-cache", "0"], "no thread to be had");
}

/// Threads end up with less and less room to start in: at some limit, the last one has its stack
/// and nothing beside it, which the standard library does not survive.
#[test]
fn no_thread_is_started_that_has_no_room() {
    let tree = Tree::with(&[("a", b"hello")]);
    for limit in (45_000..45_280).step_by(16) {
        let httpd = serve_limited(&tree, &format!("-v {limit}"), &["--quiet"]);
        let holding = hold(&httpd, 200);
        httpd.log_line(|line| line.contains("no thread to be had"));
        drop(holding);
        assert_eq!(httpd.get("/a").body, b"hello", "with {limit} kB");
    }
}

/// The last descriptor is the client's own, and there is none for the file that it asks for.
#[test]
fn what_cannot_be_opened_may_be_asked_for_later() {
    const LIMIT: usize = 20;
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = serve_limited(&tree, &format!("-n {LIMIT}"), &[]);
    // Those beyond the limit were inherited, and do not count towards it.
    let used = || {
        let all = std::fs::read_dir(format!("/proc/{}/fd", httpd.pid())).unwrap();
        let numbers = all.map(|fd| fd.unwrap().file_name().to_str().unwrap().parse::<usize>());
        numbers.filter(|number| *number.as_ref().unwrap() < LIMIT).count()
    };
    let idle = used();
    let mut holding = Vec::new();
    for held in idle + 1..LIMIT {
        let mut stream = httpd.connect();
        stream.write_all(b"G").unwrap();
        holding.push(stream);
        eventually("it is accepted", || used() == held);
    }
    assert_eq!(httpd.get("/a").status, 503);
    drop(holding);
    eventually("the file is there again", || httpd.get("/a").body == b"hello");
}
