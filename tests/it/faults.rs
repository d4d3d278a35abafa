//! Failing system calls, one kind per run: the first that each thread makes from then on, or the
//! second. A failure harms at most one client, every other answer is exact, no loop is left without
//! a thread, and the server stops when told to.
//!
//! `cargo test --test it faults -- --include-ignored`, as in `.ci/run`.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::idle::settle;
use crate::support::{
    Httpd, Reply, Tree, eventually, pattern, statuses_of_threads, tool, value_in, wait_for_end,
};

/// The calls of a thread for a request, for its own start and end, for the log, and at the stop, as
/// strace names them: not every machine has `open`.
#[rustfmt::skip]
const CALLS: [&str; 22] = [
    "accept4", "clock_nanosleep", "clone3", "faccessat", "fstat", "getdents64", "gettid", "lseek",
    "madvise", "newfstatat", OF_REOPENING, "openat2", "ppoll", "prctl", "pread64", "recvfrom",
    "sched_getaffinity", "sendfile", "sendto", "set_robust_list", "shutdown", "write",
];

/// Calls that cannot fail, or whose failure no process survives. Linux closes a descriptor whatever
/// `close` returns; the server checks before `mmap` and `mprotect` whether there is memory
/// (`starvation`); and a lock that fails is no lock.
#[rustfmt::skip]
const NOT_FAILING: [&str; 19] = [
    "<...", "+++", "---", "brk", "close", "exit", "exit_group", "fcntl", "futex", "ioctl", "mmap",
    "mprotect", "munmap", "prlimit64", "restart_syscall", "rseq", "rt_sigprocmask", "rt_sigreturn",
    "sigaltstack",
];

/// With these, a log is opened again.
const OF_REOPENING: &str = "?open,openat";

/// Requests of every kind, each in the pieces in which it is sent.
const REQUESTS: [&[&str]; 7] = [
    &["GET /small HTTP/1.0\r\n\r\n"],
    &["GET /large HTTP/1.0\r\n\r\n"],
    &["GET /folder/ HTTP/1.0\r\n\r\n"],
    &["GET /folder/?format=tar HTTP/1.0\r\n\r\n"],
    &["GET /missing HTTP/1.0\r\n\r\n"],
    &["POST /post.html HTTP/1.0\r\nContent-Length: 4\r\n\r\n", "id=7"],
    &["GET /small HT", "TP/1.0\r\n\r\n"],
];

fn site() -> Tree {
    let tree = Tree::with(&[("www/small", b"hello"), ("www/folder/x", b"1"), ("log/a.log", b"")]);
    tree.write("www/large", &pattern(600_000));
    tree.link("www/folder/link", "x");
    tree
}

fn serve(tree: &Tree) -> Httpd {
    let log = tree.join("log/a.log");
    let flags = ["--thread-cache", "2", "--log-file", log.to_str().unwrap()];
    Httpd::serve(&tree.join("www"), &flags)
}

/// The answer without its date; `None` if there is none.
fn ask(httpd: &Httpd, request: &[&str]) -> Option<Reply> {
    let mut stream = httpd.connect();
    for (number, piece) in request.iter().enumerate() {
        if number > 0 {
            thread::yield_now();
        }
        stream.write_all(piece.as_bytes()).ok()?;
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("{request:?} hangs"),
        result => result.ok().filter(|_| !answer.is_empty())?,
    };
    let mut reply = Reply::parse(&answer);
    reply.fields.retain(|(name, _)| name != "Date");
    Some(reply)
}

/// Sends each request from several clients at once. Returns the number of wrong answers.
fn harmed(httpd: &Httpd, want: &[Option<Reply>]) -> usize {
    let ask_all = || {
        let answers = REQUESTS.iter().map(|request| ask(httpd, request));
        answers.zip(want).filter(|(got, want)| got != *want).count()
    };
    thread::scope(|scope| {
        let clients = [(); 3].map(|()| scope.spawn(ask_all));
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    })
}

/// Makes strace trace the server from now on, with these flags.
#[track_caller]
fn trace(httpd: &Httpd, trace: &str, flags: &[&str]) -> Child {
    let mut command = Command::new(tool("strace").unwrap());
    command.args(["-f", "-q", "-o", trace, "-p", &httpd.pid().to_string()]).args(flags);
    let strace = command.stderr(Stdio::null()).spawn().unwrap();
    eventually("strace has all threads", || {
        statuses_of_threads(httpd.pid()).iter().all(|status| value_in(status, "TracerPid") != "0")
    });
    strace
}

/// Makes one call fail, while clients send requests or when the server stops. Returns how often it
/// failed.
#[track_caller]
fn check(call: &str, error: &str, is_at_stop: bool) -> usize {
    let tree = site();
    let httpd = serve(&tree);
    let want: Vec<_> = REQUESTS.iter().map(|request| ask(&httpd, request)).collect();
    let statuses = want.iter().flatten().map(|reply| reply.status).collect::<Vec<_>>();
    assert_eq!(statuses, [200, 200, 200, 200, 404, 200, 200]);
    settle(&httpd);
    let file = tree.join("trace");
    // The main thread has already begun to receive.
    let when = if call == "recvfrom" { 2 } else { 1 };
    let fault = format!("inject={call}:error={error}:when={when}");
    let only = format!("trace={call}");
    let mut strace = trace(&httpd, file.to_str().unwrap(), &["-e", &only, "-e", &fault]);
    if call == OF_REOPENING {
        httpd.signal(Signal::HUP);
    }
    let mut harmed_by_it = 0;
    if !is_at_stop {
        harmed_by_it = harmed(&httpd, &want);
        kill_process(Pid::from_child(&strace), Signal::TERM).unwrap();
        wait_for_end(&mut strace);
        assert_eq!(harmed(&httpd, &want), 0, "{fault}: afterwards");
    }
    let mut held = httpd.ask("GET /small HTTP/1.0\r\n");
    httpd.signal(Signal::TERM);
    let _ = (held.write_all(b"\r\n"), held.read(&mut [0]));
    let ended = httpd.wait();
    wait_for_end(&mut strace);
    let injected = fs::read_to_string(file).unwrap().matches("(INJECTED)").count();
    assert_eq!(ended.status.code(), Some(0), "{fault}: {:?}", ended.stderr);
    // A signal that interrupts these harms nobody.
    let tried_again = ["accept4", "ppoll", "recvfrom", "sendfile", "sendto"];
    let is_tried_again = error == "EINTR" && tried_again.contains(&call);
    let harmed_max = if is_tried_again { 0 } else { injected };
    assert!(harmed_by_it <= harmed_max, "{fault}: {harmed_by_it} harmed by {injected} failures");
    injected
}

#[test]
#[ignore = "hundreds of servers are started"]
fn a_call_that_fails_harms_one_client_at_most() {
    let Some(_) = tool("strace") else { return };
    let mut never_made = Vec::new();
    for call in CALLS {
        let mut failures = 0;
        for error in ["ENOMEM", "EMFILE", "EINTR", "EIO", "EAGAIN"] {
            failures += check(call, error, false);
            // With these, `signal-hook` wakes the main thread from a signal handler: if the kernel
            // had no memory for that pair of sockets, no signal would come.
            if !["recvfrom", "sendto"].contains(&call) {
                failures += check(call, error, true);
            }
        }
        println!("{call}: {failures} failures");
        if failures == 0 {
            never_made.push(call);
        }
    }
    assert!(never_made.is_empty(), "{never_made:?}");
}

/// All calls of the server must be in one of the lists above.
#[test]
#[ignore = "it goes with the others"]
fn every_call_that_can_fail_is_tried() {
    let Some(_) = tool("strace") else { return };
    let tree = site();
    let httpd = serve(&tree);
    let file = tree.join("trace");
    let mut strace = trace(&httpd, file.to_str().unwrap(), &[]);
    let want: Vec<_> = REQUESTS.iter().map(|request| ask(&httpd, request)).collect();
    assert_eq!(harmed(&httpd, &want), 0);
    httpd.stop();
    wait_for_end(&mut strace);
    let text = fs::read_to_string(file).unwrap();
    let names = text.lines().filter_map(|line| line.split_whitespace().nth(1)?.split('(').next());
    let tried: Vec<_> = CALLS.iter().flat_map(|call| call.split(&['?', ','])).collect();
    let other = names.filter(|name| !tried.contains(name) && !NOT_FAILING.contains(name));
    let other: std::collections::BTreeSet<_> = other.collect();
    assert!(other.is_empty(), "{other:?}");
}
