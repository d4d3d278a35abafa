//! A log whose disk is stalled or full, whose reader has stopped reading, or whose terminal is
//! stopped: lines are lost and counted; neither a client nor the shutdown waits for them.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::Signal;

use crate::support::{
    HELD_UP, Httpd, Tree, eventually, has_words, is_root, pseudo_terminal, status_of, tool,
    value_in,
};

/// Together with lines of 8 kB, far more than any pipe, terminal or queue holds.
const REQUESTS: usize = 800;

/// Fewer slots than requests: one that waited for the log would not come back.
const FLAGS: [&str; 4] = ["--max-connections", "4", "--log-format", "combined"];

/// A server with this descriptor as standard error. A shell has to pass on a pipe or a terminal
/// that nobody reads, since the tests collect a server's output.
#[track_caller]
fn serve(tree: &Tree, standard_error: OwnedFd, before: &[&str]) -> Httpd {
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$@" 2>&0 </dev/null"#, "sh"]).args(before);
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).args(FLAGS).arg(tree.path());
    Httpd::spawn_with(command, Stdio::from(standard_error))
}

/// Sends [`REQUESTS`] from a few clients at once. Each must be answered and its connection closed
/// although the log is blocked.
#[track_caller]
fn ask_often(httpd: &Httpd) {
    // Escaped, these take 8 kB.
    let quotes = "\"".repeat(2_000);
    let fields = format!("Referer: {quotes}\r\nUser-Agent: {quotes}\r\n");
    let ask = || assert_eq!(httpd.request("GET", "/a.txt", &fields).body, b"hello");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..REQUESTS / 4).for_each(|_| ask()));
        }
    });
}

/// The whole lines that can be read at once.
fn read_what_is_there(mut reader: impl Read) -> Vec<String> {
    let mut bytes = Vec::new();
    // Ends with an error when there is no more for now.
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

/// The numbers of lost lines in messages, in order.
fn lost(log: &[String]) -> Vec<usize> {
    let told = log.iter().filter(|line| line.contains("WARN"));
    let numbers = told.filter_map(|line| line.rsplit_once("lost: ").map(|(_, number)| number));
    numbers.map(|number| number.parse().unwrap()).collect()
}

/// Access lines, all of which must be complete.
#[track_caller]
fn access_lines(log: &[String]) -> usize {
    let is_whole = |line: &&String| line.starts_with("127.0.0.1 - - [") && line.ends_with("\\\"\"");
    let lines: Vec<_> = log.iter().filter(|line| line.contains("GET /a.txt")).collect();
    assert!(lines.iter().all(is_whole), "{lines:?}");
    lines.len()
}

#[test]
fn lost_lines_are_counted_when_the_pipe_is_read_again() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let (reader, writer) = pipe();
    let httpd = serve(&tree, writer, &[]);
    ask_often(&httpd);
    let mut log = Vec::new();
    let mut rest = Vec::new();
    eventually("it is told", || {
        // The last line may be incomplete.
        let _ = (&reader).read_to_end(&mut rest);
        let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8(rest.drain(..whole).collect()).unwrap();
        log.extend(text.lines().map(str::to_owned));
        lost(&log).iter().sum::<usize>() + access_lines(&log) == REQUESTS
    });
    assert!(rest.is_empty(), "{rest:?}");
    httpd.get("/a.txt?again");
    assert_eq!(httpd.stop().status.code(), Some(0));
    let last = read_what_is_there(&reader);
    assert!(last.iter().any(|line| line.contains("/a.txt?again")), "{last:?}");
    assert!(last.iter().any(|line| has_words(line, &["INFO", "stopping"])), "{last:?}");
    assert_eq!(lost(&last), [REQUESTS - access_lines(&log)], "the last line has the sum");
}

/// It is stopped by Ctrl-S.
#[track_caller]
fn check_stuck_terminal(mode: u32, before: &[&str]) {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    std::fs::set_permissions(tree.path(), Permissions::from_mode(0o755)).unwrap();
    let (screen, line) = pseudo_terminal();
    line.set_permissions(Permissions::from_mode(mode)).unwrap();
    let mut screen = File::from(screen);
    screen.write_all(b"\x13").unwrap();
    let httpd = serve(&tree, line.into(), before);
    ask_often(&httpd);
    assert_eq!(httpd.stop().status.code(), Some(0));
}

#[test]
fn a_terminal_that_shows_nothing_costs_lines_only() {
    check_stuck_terminal(0o620, &[]);
}

/// As with `sudo -u nobody httpd`: the terminal cannot be opened again.
#[test]
fn a_stopped_terminal_of_another_user_costs_lines_only() {
    let Some(setpriv) = tool("setpriv").filter(|_| is_root()) else {
        return eprintln!("skipped: only root can become another user");
    };
    let setpriv = setpriv.to_str().unwrap();
    let as_nobody = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"];
    check_stuck_terminal(0o600, &as_nobody);
}

/// A folder with a served one and a log.
fn tree_with_log() -> Tree {
    Tree::with(&[("root/a.txt", b"hello"), ("log/access.log", b"")])
}

#[test]
fn a_stalled_disk_costs_lines_only() {
    let tree = tree_with_log();
    let log = tree.join("log/access.log");
    let flags = [&FLAGS[..], &["--log-file", log.to_str().unwrap()]].concat();
    let fault = format!("write:{HELD_UP}");
    let httpd = Httpd::serve_with_fault(&tree.join("root"), &flags, &fault, &[&log]);
    let Some(httpd) = httpd else { return };
    ask_often(&httpd);
    httpd.log_line(|line| has_words(line, &["ERROR"]) && line.contains("access.log"));
    httpd.signal(Signal::TERM);
    eventually("it ends", || value_in(&status_of(httpd.pid()), "State").starts_with('Z'));
    httpd.release();
    let ended = httpd.wait();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(lost(&ended.stderr), [REQUESTS]);
}

/// A pipe does not tell how much it took of lines written together, so they count as lost.
#[test]
fn a_named_pipe_that_is_not_read_costs_lines_only() {
    let tree = tree_with_log();
    let log = tree.join("log/pipe");
    rustix::fs::mkfifoat(CWD, &log, Mode::RUSR | Mode::WUSR).unwrap();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let reader = File::from(rustix::fs::open(&log, flags, Mode::empty()).unwrap());
    let flags = [&FLAGS[..], &["--log-file", log.to_str().unwrap()]].concat();
    let httpd = Httpd::serve(&tree.join("root"), &flags);
    ask_often(&httpd);
    let ended = httpd.stop();
    assert_eq!(ended.status.code(), Some(0));
    let written = read_what_is_there(&reader).iter().filter(|line| line.ends_with('"')).count();
    let lost = *lost(&ended.stderr).last().unwrap();
    assert!((REQUESTS - written..=REQUESTS).contains(&lost), "{lost}, {written}");
}

#[test]
fn a_limit_on_the_size_of_files_costs_lines_only() {
    let tree = tree_with_log();
    let log = tree.join("log/access.log");
    let mut command = Command::new("sh");
    // The unit is 512 bytes in some shells, 1 KiB in others.
    command.args(["-c", r#"ulimit -f 200; exec "$@""#, "sh", env!("CARGO_BIN_EXE_httpd")]);
    command.args(["--port", "0", "--log-file"]).arg(&log).args(FLAGS).arg(tree.join("root"));
    let httpd = Httpd::spawn(command);
    let is_about_loss = |line: &str| has_words(line, &["ERROR"]) && line.contains("access.log");
    ask_often(&httpd);
    httpd.log_line(is_about_loss);
    std::fs::rename(&log, tree.join("log/old")).unwrap();
    httpd.signal(Signal::HUP);
    eventually("the log is there again", || log.exists());
    httpd.get("/a.txt?again");
    httpd.log_line(|line| line.contains("WARN") && line.contains("access.log"));
    let ended = httpd.stop();
    assert_eq!(ended.status.code(), Some(0));
    let texts = [tree.join("log/old"), log].map(|path| fs::read_to_string(path).unwrap());
    assert!(texts[1].contains("again"));
    // A connection closes before its line is queued, so the last lines may go to the new file.
    let written = texts.iter().map(|text| text.matches("\\\"\"\n").count()).sum::<usize>();
    let not_written = REQUESTS - written;
    // Each loss is reported once it has ended, and all of them in the last line.
    let lost = lost(&ended.stderr);
    let (sum, losses) = lost.split_last().unwrap();
    assert_eq!((losses.iter().sum(), *sum), (not_written, not_written));
    let errors = ended.stderr.iter().filter(|line| is_about_loss(line)).count();
    assert_eq!(errors, losses.len(), "{losses:?}");
}
