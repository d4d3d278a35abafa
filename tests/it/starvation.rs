//! The system has few descriptors or threads to give: then somebody makes way as when all slots are
//! taken, and good clients are served while others want to keep them out.
//!
//! `RLIMIT_NOFILE` and `RLIMIT_AS` are lowered for the server alone. The latter makes the system
//! refuse threads also where everything runs as root, which `RLIMIT_NPROC` does not bind.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::attack::{Attack, Manner, loopback};
use crate::idle::settle;
use crate::support::{Httpd, Reply, Tree, eventually, is_root, read_to_end, tool};

/// Requests of a good client among attackers.
const REQUESTS: usize = 30;

/// A user of that number exists nowhere, so no other process counts against its limit.
const SOMEONE: u32 = 471_100;

/// `httpd` under a limit that the shell's `ulimit` knows.
fn serve_limited(tree: &Tree, limit: &str, flags: &[&str]) -> Httpd {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).args(flags).arg(tree.path());
    Httpd::spawn(command)
}

/// Attackers that come back; good clients are answered meanwhile, and afterwards.
#[track_caller]
fn check_service(httpd: &Httpd, attackers: usize) {
    let attack = Attack::start(httpd.address(), &[loopback(2)], attackers, Manner::Sends);
    eventually("they have to make way", || {
        let _ = httpd.get("/a");
        attack.returns() > 0
    });
    for _ in 0..REQUESTS {
        assert_eq!(httpd.get("/a").body, b"hello");
    }
    drop(attack);
    for _ in 0..REQUESTS {
        assert_eq!(httpd.get("/a").body, b"hello");
    }
}

#[test]
fn clients_are_served_with_few_descriptors() {
    let tree = Tree::with(&[("a", b"hello"), ("folder/b", b"b")]);
    tree.link("folder/c", "../a");
    for limit in [24, 40, 100] {
        let httpd = serve_limited(&tree, &format!("-n {limit}"), &[]);
        httpd.log_line(|line| line.contains("WARN") && line.contains(" 1024"));
        check_service(&httpd, 3 * limit);
        // What a listing needs beside the client's socket is there as well.
        assert!(httpd.get("/folder/").text().contains("\"c\""));
        let ended = httpd.stop();
        assert!(ended.status.success(), "{}", ended.status);
        // So few slots were taken that the system had a descriptor for every client.
        assert!(!ended.stderr.iter().any(|line| line.contains("cannot accept")));
    }
}

#[test]
fn clients_are_served_with_few_threads() {
    let tree = Tree::with(&[("a", b"hello")]);
    for flags in [&[][..], &["--thread-cache", "0"]] {
        let httpd = serve_limited(&tree, "-v 60000", flags);
        check_service(&httpd, 150);
        assert!(httpd.usage().threads < 150, "the limit limits nothing");
        let ended = httpd.stop();
        assert!(ended.status.success(), "{}", ended.status);
        let refusals = ended.stderr.iter().filter(|line| line.contains("cannot spawn"));
        assert_eq!(refusals.count(), 1, "{:?}", ended.stderr);
    }
}

/// Each thread takes four mappings of memory, of which a process may have so many, and the standard
/// library does not survive that one is refused. strace makes the kernel's limit a small one.
#[test]
fn there_are_no_more_slots_than_threads_have_mappings() {
    let path = "/proc/sys/vm/max_map_count";
    // What strace puts in its place is "02000", then the end of the line.
    if std::fs::read_to_string(path).unwrap().len() != "02000\n".len() {
        eprintln!("skipped: {path} has not its usual number of digits");
        return;
    }
    let tree = Tree::with(&[("a", b"hello")]);
    let flags = ["--max-connections", "700"];
    let fault = "read:poke_exit=@arg2=30323030300a:when=1";
    let httpd = Httpd::serve_with_fault(tree.path(), &flags, fault, &[Path::new(path)]);
    let Some(httpd) = httpd else { return };
    let warns = |line: &str| ["WARN", "max_map_count", "700"].iter().all(|it| line.contains(it));
    let warning = httpd.log_line(warns);
    let numbers = warning.split(|c: char| !c.is_ascii_digit()).filter_map(|it| it.parse().ok());
    // A quarter of 2,000, less a margin for all that has no slot.
    let possible: Vec<usize> = numbers.filter(|it| (1..500).contains(it)).collect();
    assert!(!possible.is_empty(), "{warning}");
    check_service(&httpd, 50);
    assert!(httpd.stop().status.success());
}

/// More slots than the system has anything for.
#[test]
fn many_slots_are_no_reason_not_to_start() {
    let tree = Tree::with(&[("a", b"hello")]);
    for slots in ["100000", "1000000"] {
        let httpd = Httpd::serve(tree.path(), &["--max-connections", slots]);
        assert_eq!(httpd.get("/a").body, b"hello");
        assert!(httpd.stop().status.success());
    }
}

/// `httpd` as a user that may have so many threads, the main one included.
fn serve_with_threads(tree: &Tree, threads: u32) -> Option<Httpd> {
    if !is_root() {
        eprintln!("skipped: another user's threads can be limited by root only");
        return None;
    }
    let (setpriv, prlimit) = (tool("setpriv")?, tool("prlimit")?);
    // The user must be able to reach the program and the files.
    let program = tree.join("httpd");
    std::fs::copy(env!("CARGO_BIN_EXE_httpd"), &program).unwrap();
    std::fs::set_permissions(tree.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let user = format!("{}", SOMEONE + threads);
    let mut command = Command::new(setpriv);
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
    command
        .arg(prlimit)
        .arg(format!("--nproc={threads}"))
        .arg(program)
        .args(["--port", "0"])
        .arg(tree.path());
    Some(Httpd::spawn(command))
}

/// The main thread, the housekeeper's, the log's, and one that accepts and serves.
#[test]
fn one_thread_serves_one_client_after_the_other() {
    let tree = Tree::with(&[("a", b"hello")]);
    let Some(httpd) = serve_with_threads(&tree, 4) else { return };
    assert!(httpd.usage().threads <= 4);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(httpd.get("/a").body, b"hello");
                }
            });
        }
    });
    assert!(httpd.stop().status.success());
}

#[test]
fn with_few_threads_slow_clients_stop_nothing() {
    let tree = Tree::with(&[("a", b"hello")]);
    for (threads, slow) in [(5, 1), (6, 3)] {
        let Some(httpd) = serve_with_threads(&tree, threads) else { return };
        let _slow = Attack::start(httpd.address(), &[loopback(2)], slow, Manner::Sends);
        for _ in 0..REQUESTS {
            assert_eq!(httpd.get("/a").body, b"hello");
        }
    }
}

/// Threads end up with less and less room to start in: at some limit, the last one has its stack
/// and nothing beside it, which the standard library does not survive.
#[test]
fn no_thread_is_started_that_has_no_room() {
    let tree = Tree::with(&[("a", b"hello")]);
    // What it takes at rest, what must be free for one thread more, and room for some of them.
    let at_rest = serve_limited(&tree, "-v 100000", &["--quiet"]);
    assert_eq!(at_rest.get("/a").body, b"hello");
    settle(&at_rest);
    let size = at_rest.usage().address_space;
    let first = size + 37 * 1024;
    for limit in (first..first + 288).step_by(16) {
        let httpd = serve_limited(&tree, &format!("-v {limit}"), &["--quiet"]);
        let holding: Vec<_> = (0..200).map(|_| hold(&httpd)).collect();
        httpd.log_line(|line| line.contains("cannot spawn"));
        drop(holding);
        assert_eq!(httpd.get("/a").body, b"hello", "with {limit} kB");
    }
}

/// A client that does not end its request.
fn hold(httpd: &Httpd) -> TcpStream {
    let mut stream = TcpStream::connect(httpd.address()).unwrap();
    stream.write_all(b"G").unwrap();
    stream
}

/// The answer to a GET while at most so many more descriptors can be opened. The limit is lowered
/// when the client is connected, and raised again afterwards.
#[track_caller]
fn get_with_descriptors(httpd: &Httpd, free: usize, target: &str) -> Reply {
    let set_limit = |limit: usize| {
        let mut command = Command::new(tool("prlimit").unwrap());
        command.arg(format!("--pid={}", httpd.pid())).arg(format!("--nofile={limit}:"));
        assert!(command.status().unwrap().success());
    };
    let idle = httpd.usage().descriptors;
    let mut client = hold(httpd);
    eventually("it is accepted", || httpd.usage().descriptors > idle);
    let open = descriptors(httpd);
    set_limit((0..).filter(|number| !open.contains(number)).nth(free).unwrap());
    client.write_all(format!("ET {target} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let reply = Reply::parse(&read_to_end(&mut client));
    set_limit(1000);
    eventually("it has gone", || httpd.usage().descriptors == idle);
    reply
}

/// The numbers of the server's open descriptors.
fn descriptors(httpd: &Httpd) -> Vec<usize> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", httpd.pid())).unwrap();
    open.map(|fd| fd.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
}

/// The folder takes a descriptor, and so do a README and a link whose end is looked at. A thread
/// that waits in `accept` has one reserved, so how many it takes in all is tried.
#[test]
fn what_cannot_be_opened_may_be_asked_for_later_and_a_listing_lacks_nothing() {
    let Some(_) = tool("prlimit") else { return };
    let tree = Tree::with(&[("a", b"hello"), ("folder/file", b"1"), ("plain/README", b"text")]);
    tree.link("folder/link", "file");
    let httpd = Httpd::serve(tree.path(), &[]);
    for target in ["/a", "/folder/?format=json", "/folder/", "/plain/"] {
        let whole = get_with_descriptors(&httpd, 100, target).body;
        assert_eq!(get_with_descriptors(&httpd, 0, target).status, 503, "{target}");
        let replies: Vec<_> =
            (1..8).map(|free| get_with_descriptors(&httpd, free, target)).collect();
        for reply in &replies {
            assert!(reply.status == 503 || reply.body == whole, "{target}: {reply:?}");
        }
        assert_eq!(replies.last().unwrap().status, 200, "{target}");
    }
}
