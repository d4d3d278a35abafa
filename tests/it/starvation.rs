//! Descriptors or threads are short: connections are evicted as when all slots are in use, and good
//! clients are served while others want to keep them out.
//!
//! `RLIMIT_NOFILE` and `RLIMIT_AS` are lowered for the server alone. The latter makes the system
//! refuse threads even if everything runs as root, which `RLIMIT_NPROC` does not bind.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::attack::{Attack, Manner, loopback};
use crate::idle::settle;
use crate::support::{Httpd, Reply, Tree, eventually, is_root, read_to_end, tool};

/// `httpd` under a limit of the shell's `ulimit`.
fn serve_limited(tree: &Tree, limit: &str, flags: &[&str]) -> Httpd {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).args(flags).arg(tree.path());
    Httpd::spawn(command)
}

/// Requests of a good client.
#[track_caller]
fn check_answers(httpd: &Httpd) {
    (0..30).for_each(|_| assert_eq!(httpd.get("/a").body, b"hello"));
}

/// Attackers come back; good clients are answered during the attack and afterwards.
#[track_caller]
fn check_service(httpd: &Httpd, attackers: usize) {
    let attack = Attack::start(httpd.address(), &[loopback(2)], attackers, Manner::Sends);
    eventually("they have to make way", || {
        let _ = httpd.get("/a");
        attack.returns() > 0
    });
    check_answers(httpd);
    drop(attack);
    check_answers(httpd);
}

#[test]
fn clients_are_served_with_few_descriptors() {
    let tree = Tree::with(&[("a", b"hello"), ("folder/b", b"b")]);
    tree.link("folder/c", "../a");
    for limit in [24, 40, 100] {
        let httpd = serve_limited(&tree, &format!("-n {limit}"), &[]);
        let warning = httpd.log_line(|line| line.contains("WARN") && line.contains(" 1024"));
        let numbers = warning.split(' ').filter_map(|word| word.parse::<usize>().ok());
        // Each takes three descriptors.
        assert!(numbers.min().is_some_and(|slots| slots > 0 && 3 * slots < limit), "{warning}");
        check_service(&httpd, 3 * limit);
        // The further descriptors of a listing are there, too.
        assert!(httpd.get("/folder/").text().contains("\"c\""));
        assert!(httpd.stop().status.success());
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

/// A thread takes four memory maps of a limited number, and the standard library does not survive a
/// refusal. strace makes the kernel's limit look small.
#[test]
fn there_are_no_more_slots_than_threads_have_mappings() {
    let path = "/proc/sys/vm/max_map_count";
    // strace puts "02000" in its place; the rest of the line must fit.
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
    // A quarter of 2,000, minus a margin for everything without a slot.
    let possible: Vec<usize> = numbers.filter(|it| (1..500).contains(it)).collect();
    assert!(!possible.is_empty(), "{warning}");
    check_service(&httpd, 50);
    assert!(httpd.stop().status.success());
}

/// `httpd` as a user with this limit of threads, the main one included.
fn serve_with_threads(tree: &Tree, threads: usize) -> Option<Httpd> {
    if !is_root() {
        eprintln!("skipped: another user's threads can be limited by root only");
        return None;
    }
    let mut command = Command::new(tool("setpriv")?);
    // The user must be able to reach the program and the files.
    let program = tree.join("httpd");
    std::fs::copy(env!("CARGO_BIN_EXE_httpd"), &program).unwrap();
    std::fs::set_permissions(tree.path(), PermissionsExt::from_mode(0o755)).unwrap();
    // No user has this number, so no other process counts against its limit.
    let user = format!("{}", 471_100 + threads);
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(tool("prlimit")?);
    command.arg(format!("--nproc={threads}")).arg(program).args(["--port", "0"]).arg(tree.path());
    Some(Httpd::spawn(command))
}

/// The threads of main, housekeeper and log, and those that accept and serve: one serves one client
/// after the other, and with more of them, slow clients stop nothing.
#[test]
fn clients_are_served_with_hardly_any_threads() {
    let tree = Tree::with(&[("a", b"hello")]);
    for (threads, slow) in [(4, 0), (5, 1), (6, 3)] {
        let Some(httpd) = serve_with_threads(&tree, threads) else { return };
        let _slow = Attack::start(httpd.address(), &[loopback(2)], slow, Manner::Sends);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| check_answers(&httpd));
            }
        });
        assert!(httpd.usage().threads <= threads);
        assert!(httpd.stop().status.success());
    }
}

/// Threads get less and less room to start: at some limit, the last one has its stack and nothing
/// else, which the standard library does not survive.
#[test]
fn no_thread_is_started_without_room() {
    let tree = Tree::with(&[("a", b"hello")]);
    // Its size at rest, the memory that must be free for another thread, and room for some threads.
    let at_rest = serve_limited(&tree, "-v 100000", &["--quiet"]);
    assert_eq!(at_rest.get("/a").body, b"hello");
    settle(&at_rest);
    let size = at_rest.usage().address_space;
    let first = size + 37 * 1024;
    for limit in (first..first + 288).step_by(16) {
        let httpd = serve_limited(&tree, &format!("-v {limit}"), &["--quiet"]);
        let holding: Vec<_> = (0..200).map(|_| httpd.ask("G")).collect();
        httpd.log_line(|line| line.contains("cannot spawn"));
        drop(holding);
        assert_eq!(httpd.get("/a").body, b"hello", "with {limit} kB");
    }
}

/// The answer to a GET while at most this many more descriptors can be opened. The limit is lowered
/// once the client is connected, and raised again afterwards.
#[track_caller]
fn get_with_descriptors(httpd: &Httpd, free: usize, target: &str) -> Reply {
    let set_limit = |limit: usize| {
        let pid = Pid::from_raw(httpd.pid().try_into().unwrap());
        let limit = Rlimit { current: Some(limit as u64), ..getrlimit(Resource::Nofile) };
        prlimit(pid, Resource::Nofile, limit).unwrap();
    };
    let idle = httpd.usage().descriptors;
    let mut client = httpd.ask("G");
    eventually("it is accepted", || httpd.usage().descriptors > idle);
    let folder = std::fs::read_dir(format!("/proc/{}/fd", httpd.pid())).unwrap();
    let open = folder.map(|fd| fd.unwrap().file_name().to_str().unwrap().parse().unwrap());
    let open: Vec<usize> = open.collect();
    set_limit((0..).filter(|number| !open.contains(number)).nth(free).unwrap());
    client.write_all(format!("ET {target} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let reply = Reply::parse(&read_to_end(&mut client));
    set_limit(1000);
    eventually("it has gone", || httpd.usage().descriptors == idle);
    reply
}

/// The folder takes a descriptor, and so do a README and a link whose target is examined. A thread
/// that waits in `accept` has one reserved, so the total number is found by trial.
#[test]
fn without_descriptors_the_answer_is_503_and_no_listing_is_incomplete() {
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
