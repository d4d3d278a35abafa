//! A log whose reader has stopped reading, or whose file may not grow: lines are lost, and counted;
//! no client waits for them, and neither does the end.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{Ended, Httpd, Tree, eventually, has_words, pseudo_terminal};

/// Far longer than an answer or an end takes, far shorter than thousands of waits for a log.
const AT_ONCE: Duration = Duration::from_secs(3);

/// More lines than any pipe or terminal holds that is not read.
const REQUESTS: usize = 4_000;

/// A server whose standard error is this descriptor. For a pipe or a terminal that no one reads, a
/// shell has to pass it on, since the tests collect what a server writes.
#[track_caller]
fn serve(tree: &Tree, standard_error: OwnedFd) -> Httpd {
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$@" 2>&0 </dev/null"#, "sh", env!("CARGO_BIN_EXE_httpd")]);
    command.args(["--port", "0", "--verbose"]).arg(tree.path());
    Httpd::spawn_with(command, Stdio::from(standard_error))
}

/// Sends so many requests from a few clients at once, each of which is answered at once.
#[track_caller]
fn ask_often(httpd: &Httpd) {
    let ask = || {
        for _ in 0..REQUESTS / 8 {
            let asked = Instant::now();
            assert_eq!(httpd.get("/a.txt").body, b"hello");
            assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        }
    };
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(ask);
        }
    });
    println!("{REQUESTS} requests in {:?}", started.elapsed());
}

#[track_caller]
fn check_end(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.took < AT_ONCE, "{:?}", ended.took);
}

/// What there is to read at this moment, in whole lines.
fn read_what_is_there(mut reader: impl Read) -> Vec<String> {
    let mut bytes = Vec::new();
    // It ends with an error where there is no more for now.
    let _ = reader.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A pipe whose reader does not block.
fn pipe() -> (File, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    let reader = File::from(OwnedFd::from(reader));
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    (reader, writer.into())
}

#[test]
fn a_pipe_that_is_not_read_costs_lines_only() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let (_reader, writer) = pipe();
    let httpd = serve(&tree, writer);
    ask_often(&httpd);
    check_end(&httpd.stop());
}

#[test]
fn lost_lines_are_counted_when_the_pipe_is_read_again() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let (reader, writer) = pipe();
    let httpd = serve(&tree, writer);
    ask_often(&httpd);
    let before = read_what_is_there(&reader);
    let is_whole = |line: &String| line.starts_with("127.0.0.1 - - [") && line.ends_with("\"-\"");
    let is_access = |line: &&String| line.contains("GET /a.txt");
    assert!(before.iter().filter(is_access).all(is_whole), "{before:?}");
    let written = before.iter().filter(is_access).count();
    assert!(written < REQUESTS, "{written}");
    httpd.get("/a.txt?again");
    let mut after = Vec::new();
    eventually("it is written again", || {
        after.extend(read_what_is_there(&reader));
        after.iter().any(|line| line.contains("/a.txt?again"))
    });
    check_end(&httpd.stop());
    after.extend(read_what_is_there(&reader));
    let lost = after.iter().find(|line| line.contains("WARN") && line.contains("lost: "));
    let lost: usize = lost.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    // Debug lines are lost too, if there were any.
    assert!(lost >= REQUESTS - written, "{lost}, {written}");
    assert!(after.iter().any(|line| has_words(line, &["INFO", "stopping"])), "{after:?}");
}

#[test]
fn a_terminal_that_shows_nothing_costs_lines_only() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let (_screen, line) = pseudo_terminal();
    let httpd = serve(&tree, line.into());
    ask_often(&httpd);
    check_end(&httpd.stop());
}

#[test]
fn a_terminal_that_is_stopped_costs_lines_only() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let (screen, line) = pseudo_terminal();
    let mut screen = File::from(screen);
    // Ctrl-S.
    screen.write_all(b"\x13").unwrap();
    let httpd = serve(&tree, line.into());
    ask_often(&httpd);
    check_end(&httpd.stop());
}

#[test]
fn a_limit_on_the_size_of_files_costs_lines_only() {
    let tree = Tree::with(&[("root/a.txt", b"hello"), ("log/access.log", b"")]);
    let log = tree.join("log/access.log");
    let mut command = Command::new("sh");
    // The unit is 512 bytes in some shells, 1 KiB in others.
    command.args(["-c", r#"ulimit -f 8; exec "$@""#, "sh", env!("CARGO_BIN_EXE_httpd")]);
    command.args(["--port", "0", "--log-file"]).arg(&log).arg(tree.join("root"));
    let httpd = Httpd::spawn(command);
    let is_about_loss = |line: &str| has_words(line, &["ERROR"]) && line.contains("access.log");
    for _ in 0..300 {
        assert_eq!(httpd.get("/a.txt").body, b"hello");
    }
    httpd.log_line(is_about_loss);
    std::fs::rename(&log, tree.join("log/old")).unwrap();
    httpd.signal(Signal::HUP);
    // A line may still go into the old file when the new one is there.
    eventually("lines are written again", || {
        httpd.get("/a.txt?again");
        std::fs::read_to_string(&log).is_ok_and(|lines| lines.contains("/a.txt?again"))
    });
    let ended = httpd.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stderr.iter().filter(|line| is_about_loss(line)).count(), 1);
}
