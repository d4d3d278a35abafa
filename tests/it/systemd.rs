//! As a service: passed sockets, restarts that refuse nobody, messages to the manager, and the
//! files for it in `contrib/`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, Shutdown, SocketType};
use rustix::process::Signal;

use crate::balancer::Load;
use crate::support::{
    Httpd, Lines, PATIENCE, Tree, contrib, eventually, has_words, read_to_end, tool, wait_for_end,
    without_variables,
};

/// Moves the socket from standard input to the place of a service's first one.
pub const PASS_SOCKET: &str = r#"export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&0 </dev/null"#;

/// Requests to wait for in each state of the servers.
const REQUESTS: usize = 300;

/// Serves on a socket made by another process, as `systemd` passes it.
#[track_caller]
fn serve_on(listener: &TcpListener, root: &Path, flags: &[&str]) -> Httpd {
    let mut command = Command::new("sh");
    command.args(["-c", PASS_SOCKET, "sh", env!("CARGO_BIN_EXE_httpd"), "--root"]);
    command.arg(root).args(flags);
    let socket = OwnedFd::from(listener.try_clone().unwrap());
    Httpd::spawn_with(command, Stdio::from(socket))
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

#[test]
fn a_passed_socket_is_served_and_left_open() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let listener = listener();
    let httpd = serve_on(&listener, tree.path(), &["--port", "1"]);
    assert_eq!(httpd.address(), listener.local_addr().unwrap());
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    // The process that passes a socket is responsible for the names that reach it.
    let named = httpd.request("GET", "/a.txt", "Host: www.example.com\r\n");
    assert_eq!(named.status, 200);
    let mut queued = httpd.connect();
    let ended = httpd.stop();
    assert_eq!(ended.status.code(), Some(0));
    // The socket still listens: new and queued clients wait for the successor.
    queued.write_all(b"GET /a.txt?queued HTTP/1.0\r\n\r\n").unwrap();
    let successor = serve_on(&listener, tree.path(), &[]);
    assert!(read_to_end(&mut queued).ends_with(b"hello"));
    successor.log_line(|line| line.contains("/a.txt?queued"));
}

#[test]
fn a_restart_under_load_fails_no_request() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let listener = listener();
    let load = Load::on(listener.local_addr().unwrap());
    // As with `systemctl restart`: for a while there is no server, and the socket holds the queue.
    for _ in 0..3 {
        let httpd = serve_on(&listener, tree.path(), &[]);
        load.wait_for(REQUESTS);
        assert_eq!(httpd.stop().status.code(), Some(0));
    }
    // A new server takes over while the old one is still there.
    let mut old = serve_on(&listener, tree.path(), &[]);
    for _ in 0..3 {
        let new = serve_on(&listener, tree.path(), &[]);
        load.wait_for(REQUESTS);
        assert_eq!(old.stop().status.code(), Some(0));
        old = new;
    }
    load.wait_for(REQUESTS);
    assert_eq!(load.end(), 0);
}

#[test]
fn a_socket_that_does_not_listen_is_refused() {
    let udp = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    let deaf = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&deaf, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    for socket in [udp, deaf] {
        let mut command = Command::new("sh");
        command.args(["-c", PASS_SOCKET, "sh", env!("CARGO_BIN_EXE_httpd"), "--port", "0"]);
        without_variables(&mut command).stdin(Stdio::from(socket)).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = Lines::collect(child.stderr.take().unwrap());
        assert_eq!(wait_for_end(&mut child).code(), Some(1));
        let start = "httpd: cannot use passed socket 0 (LISTEN_FDS): ";
        let is_explained = |line: &str| line.starts_with(start).then_some(());
        assert!(said.wait_for(is_explained).is_some(), "{:?}", said.so_far());
    }
}

#[test]
fn a_passed_socket_that_is_shut_down_ends_the_server_with_an_error() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let listener = listener();
    let httpd = serve_on(&listener, tree.path(), &[]);
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    let address = httpd.address().to_string();
    rustix::net::shutdown(&listener, Shutdown::Both).unwrap();
    let ended = httpd.wait();
    assert_eq!(ended.status.code(), Some(1));
    let errors = ended.stderr.iter().filter(|line| has_words(line, &["ERROR", &address]));
    assert_eq!(errors.count(), 1, "{:?}", ended.stderr);
}

/// Serves the folder `root`, and reports to a manager at this socket.
#[track_caller]
fn serve_with_manager(socket: &Path, tree: &Tree, flag: Option<&str>) -> Httpd {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
    command.args(["--port", "0"]).args(flag).arg(tree.join("root")).env("NOTIFY_SOCKET", socket);
    Httpd::spawn(command)
}

/// The journal reads a line's priority from its start (sd-daemon(3)).
#[test]
fn messages_to_the_journal_have_their_priority() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    for (format, is_journal) in [("combined", true), ("json", true), ("combined", false)] {
        let (reader, writer) = std::io::pipe().unwrap();
        let writer = OwnedFd::from(writer);
        let stat = rustix::fs::fstat(&writer).unwrap();
        let inode = stat.st_ino + u64::from(!is_journal);
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$@" 2>&0 </dev/null"#, "sh", env!("CARGO_BIN_EXE_httpd")]);
        command.args(["--port", "0", "--dotfiles", "serve", "--log-format", format]);
        command.arg(tree.path()).env("JOURNAL_STREAM", format!("{}:{inode}", stat.st_dev));
        tree.write(".env", b"");
        let httpd = Httpd::spawn_with(command, Stdio::from(writer));
        httpd.get("/a.txt");
        assert_eq!(httpd.stop().status.code(), Some(0));
        let log = std::io::read_to_string(reader).unwrap();
        let starts = |start: &str| log.lines().filter(|line| line.starts_with(start)).count();
        let messages = log.lines().filter(|line| !line.contains("/a.txt")).count();
        assert_eq!(starts("<4>") > 0, is_journal, "{log}");
        assert_eq!(starts("<"), if is_journal { messages } else { 0 }, "{log}");
    }
}

#[test]
fn the_manager_is_told() {
    let tree = Tree::with(&[("root/a.txt", b"hello")]);
    for (name, flag) in [("sandboxed", None), ("free", Some("--no-sandbox"))] {
        let path = tree.join(name);
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let heard = || {
            let mut message = [0; 100];
            let length = manager.recv(&mut message).unwrap();
            String::from_utf8_lossy(&message[..length]).trim_end().to_owned()
        };
        let httpd = serve_with_manager(&path, &tree, flag);
        assert_eq!(heard(), "READY=1");
        httpd.signal(Signal::TERM);
        assert_eq!(heard(), "STOPPING=1");
        let log = httpd.wait().stderr;
        assert!(!log.iter().any(|line| line.contains("service manager")), "{log:?}");
    }
}

#[test]
fn a_manager_that_is_gone_stops_nothing() {
    let tree = Tree::with(&[("root/a.txt", b"hello")]);
    let httpd = serve_with_manager(&tree.join("nobody"), &tree, None);
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    let ended = httpd.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.iter().any(|line| line.contains("service manager")));
}

#[test]
fn the_units_are_sound() {
    let Some(tool) = tool("systemd-analyze") else { return };
    let tree = Tree::new();
    let service = contrib("httpd.service");
    assert!(service.contains("ExecStart=/usr/local/bin/httpd "));
    let service = service.replace("/usr/local/bin/httpd", env!("CARGO_BIN_EXE_httpd"));
    let service = tree.write("httpd.service", service.as_bytes());
    let socket = tree.write("httpd.socket", contrib("httpd.socket").as_bytes());
    let analyze = |arguments: &[&str], files: &[&Path]| {
        let output = Command::new(&tool).args(arguments).args(files).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    assert_eq!(analyze(&["verify", "--man=no"], &[&service, &socket]), "");
    // Out of 10.0 for a service with every right; the argument is in tenths.
    analyze(&["security", "--offline=yes", "--threshold=10"], &[&service]);
}

/// Twice, as `contrib/httpd.logrotate` does it: the second time compresses a file.
#[test]
fn logrotate_rotates_the_log_of_a_running_server() {
    let Some(logrotate) = tool("logrotate") else { return };
    let tree = Tree::with(&[("root/a.txt", b"hello"), ("log/access.log", b"")]);
    let log = tree.join("log/access.log");
    let flags = ["--log-file", log.to_str().unwrap()];
    let httpd = Httpd::serve(&tree.join("root"), &flags);
    let config = contrib("httpd.logrotate");
    let reload = "systemctl try-reload-or-restart httpd.service";
    assert!(config.contains("/var/log/httpd/access.log {") && config.contains(reload));
    let config = config
        .replace("/var/log/httpd/access.log", flags[1])
        .replace(reload, &format!("kill -HUP {}", httpd.pid()));
    let config = tree.write("logrotate.conf", config.as_bytes());
    for rotated in ["access.log.1", "access.log.2.gz"] {
        httpd.get("/a.txt");
        // An empty one would not be rotated.
        eventually("the log has a line", || fs::read(&log).is_ok_and(|log| !log.is_empty()));
        let mut command = Command::new(&logrotate);
        command.arg("--force").arg("--state").arg(tree.join("state")).arg(&config);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
        assert!(tree.join("log").join(rotated).exists(), "{rotated}");
        eventually("the log is there again", || log.exists());
    }
    httpd.get("/a.txt?last");
    assert_eq!(httpd.stop().status.code(), Some(0));
    assert!(fs::read_to_string(log).unwrap().contains("/a.txt?last"));
}

/// Adds the system calls of a filter set, and of the sets in it.
fn expand(tool: &Path, word: &str, calls: &mut BTreeSet<String>) {
    if !word.starts_with('@') {
        calls.insert(word.to_owned());
        return;
    }
    let output = Command::new(tool).args(["syscall-filter", word]).output().unwrap();
    assert!(output.status.success(), "{word}");
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#')) {
        expand(tool, line, calls);
    }
}

#[test]
fn the_unit_allows_every_system_call_that_is_made() {
    let (Some(analyze), Some(strace)) = (tool("systemd-analyze"), tool("strace")) else { return };
    let (mut allowed, mut denied) = (BTreeSet::new(), BTreeSet::new());
    let unit = contrib("httpd.service");
    for filter in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (words, calls) = match filter.strip_prefix('~') {
            Some(words) => (words, &mut denied),
            None => (filter, &mut allowed),
        };
        words.split(' ').for_each(|word| expand(&analyze, word, calls));
    }

    let tree = Tree::with(&[("root/a.txt", b"hello"), ("log/access.log", b"")]);
    tree.write("root/large", &vec![b'x'; 1 << 20]);
    let trace = tree.join("trace");
    let mut command = Command::new(strace);
    // The names of all calls. strace is a grandchild, so that the process started here is the
    // server.
    command.args(["-c", "-U", "name", "-D", "-f", "-qq", "-o"]).arg(&trace);
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0", "--log-file"]);
    command.arg(tree.join("log/access.log")).arg(tree.join("root"));
    let httpd = Httpd::spawn(command);
    for target in ["/", "/a.txt", "/large", "/missing"] {
        httpd.get(target);
    }
    httpd.signal(Signal::HUP);
    httpd.log_line(|line| line.contains("reopened"));
    httpd.stop();
    let names = || fs::read_to_string(&trace).unwrap();
    eventually("the summary is written", || names().ends_with("total\n"));
    let names = names();
    let calls = names.lines().filter(|name| !["syscall", "total"].contains(name));
    let calls: BTreeSet<_> = calls.filter(|name| !name.starts_with('-')).collect();
    assert!(calls.contains("accept4") && calls.contains("sendfile"), "{calls:?}");
    let is_refused = |name: &&&str| !allowed.contains(**name) || denied.contains(**name);
    let refused: Vec<_> = calls.iter().filter(is_refused).collect();
    assert!(refused.is_empty(), "{refused:?}");
}
