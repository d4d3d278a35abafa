//! Landlock: the rights that the running server drops, and what that prevents.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use httpd::sandbox::{Enforcement, Rules, restrict};

use rustix::fs::OFlags;
use rustix::process::Signal;

use crate::support::{
    Httpd, Tree, eventually, has_words, output_of, statuses_of_threads, tool, value_in,
};
use crate::systemd::PASS_SOCKET;

/// Set to the root for a child that must restrict itself: this test program, run again.
const RESTRICT: &str = "RESTRICT_YOURSELF_TO";

/// Rights of the first version: the server drops all but those in its rules.
#[rustfmt::skip]
const FIRST_RIGHTS: [&str; 13] = [
    "EXECUTE", "WRITE_FILE", "READ_FILE", "READ_DIR", "REMOVE_DIR", "REMOVE_FILE", "MAKE_CHAR",
    "MAKE_DIR", "MAKE_REG", "MAKE_SOCK", "MAKE_FIFO", "MAKE_BLOCK", "MAKE_SYM",
];

fn threads_with_new_privileges(httpd: &Httpd) -> usize {
    httpd.get("/");
    let statuses = statuses_of_threads(httpd.pid());
    statuses.iter().filter(|status| value_in(status, "NoNewPrivs") != "1").count()
}

/// Whether the kernel has Landlock; if not, the server's log must warn.
fn has_landlock(httpd: &Httpd) -> bool {
    let has_none = httpd.log_line(|line| line.contains("sandbox: ")).contains("not available");
    if has_none {
        eprintln!("skipped: this kernel has no Landlock");
        httpd.log_line(|line| has_words(line, &["WARN", "Landlock"]));
    }
    !has_none
}

/// A thread that starts before the sandbox would keep all its rights.
#[test]
fn every_thread_of_the_server_is_sandboxed() {
    let tree = Tree::new();
    let httpd = Httpd::serve(tree.path(), &[]);
    if has_landlock(&httpd) {
        assert_eq!(threads_with_new_privileges(&httpd), 0);
        let open = Httpd::serve(tree.path(), &["--no-sandbox"]);
        assert!(threads_with_new_privileges(&open) > 0);
    }
}

/// `root`, with a file whose name is as long as the path of `secret`; and `log`.
struct Folders {
    tree: Tree,
    log: String,
    secret: PathBuf,
    name: String,
}

impl Folders {
    fn new() -> Self {
        let tree = Tree::with(&[("secret", b"outside"), ("log/access.log", b"")]);
        // As in the rules, without links.
        let secret = tree.join("secret").canonicalize().unwrap();
        let name = "n".repeat(secret.as_os_str().len());
        tree.write(format!("root/{name}"), b"inside");
        let log = tree.join("log/access.log").to_str().unwrap().to_owned();
        Self { tree, log, secret, name }
    }

    fn path(&self, name: &str) -> String {
        self.secret.with_file_name(name).to_str().unwrap().to_owned()
    }

    /// The server under strace, with these flags for each; on request with a service manager's
    /// socket, and one for notifications.
    fn serve(&self, traced: &[&str], flags: &[&str], is_service: bool) -> Option<Httpd> {
        let mut command = Command::new(tool("strace")?);
        command.args(["-D", "-f"]).args(traced);
        if is_service {
            command.args(["sh", "-c", PASS_SOCKET, "sh"]).env("NOTIFY_SOCKET", self.path("notify"));
        }
        command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).args(flags);
        command.arg(self.tree.join("root"));
        let socket = OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        Some(Httpd::spawn_with(command, socket.into()))
    }
}

/// Checks the running server's rules: the rights of Landlock on each path, and that it dropped all
/// others.
#[track_caller]
fn check_rules(flags: &[&str], is_service: bool, want: &[(&str, &str)]) {
    let folders = Folders::new();
    let manager = UnixDatagram::bind(folders.path("notify")).unwrap();
    let trace = folders.path("trace");
    let flags: Vec<_> =
        flags.iter().map(|flag| if *flag == "LOG" { &folders.log } else { *flag }).collect();
    let traced = ["-y", "-o", &trace, "-e", "trace=/^landlock_"];
    let Some(httpd) = folders.serve(&traced, &flags, is_service) else { return };
    if !has_landlock(&httpd) {
        return;
    }
    drop((httpd.stop(), manager));
    let mut text = String::new();
    eventually("the trace is written", || {
        text = std::fs::read_to_string(&trace).unwrap();
        text.contains("+++ exited with 0")
    });
    let part = |line: &str, start: &str, end: &str| {
        let rest = line.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1;
        rest.split_once(end).unwrap().0.replace("LANDLOCK_ACCESS_FS_", "")
    };
    // The successful calls.
    let lines = |name: &str| -> Vec<&str> {
        let named = text.lines().filter(|line| line.contains(name));
        named.filter(|line| !line.contains(" = -1")).collect()
    };
    let rules = lines("landlock_add_rule(").into_iter().map(|line| {
        let path = part(part(line, "parent_fd=", "}").as_str(), "<", ">");
        (path, part(line, "allowed_access=", ","))
    });
    // Only newer kernels have a right for sockets, and this is the only one.
    let (to_manager, rules): (Vec<_>, Vec<_>) =
        rules.partition(|(path, _)| *path == folders.path("notify"));
    let want: Vec<_> =
        want.iter().map(|&(name, rights)| (folders.path(name), rights.to_owned())).collect();
    assert_eq!(rules, want, "{text}");
    assert!(to_manager.iter().all(|(_, rights)| ["0x10000", "RESOLVE_UNIX"].contains(&&**rights)));
    let handled: String =
        lines("handled_access_fs=").iter().map(|it| part(it, "handled_access_fs=", ",")).collect();
    let handled: Vec<_> = handled.split('|').collect();
    for right in FIRST_RIGHTS {
        assert_eq!(handled.contains(&right), !want.is_empty(), "{right}: {text}");
    }
    assert_eq!(lines("landlock_restrict_self(").len(), 1, "{text}");
}

#[test]
fn the_server_keeps_no_right_that_it_does_not_need() {
    let root = ("root", "READ_FILE|READ_DIR");
    let log = ("log", "WRITE_FILE|MAKE_REG");
    check_rules(&[], false, &[root]);
    check_rules(&["--log-file", "LOG"], false, &[root, log]);
    check_rules(&["--log-file", "LOG"], true, &[root, log]);
    // Links may lead anywhere then, so there are no rules for files, but all the others.
    check_rules(&["--symlinks", "follow", "--log-file", "LOG"], false, &[]);
}

/// In place of an attacker who has taken over a thread, strace makes the running server open
/// another path than intended, with other flags of `openat2`.
#[track_caller]
fn check_open(flags: &[&str], is_service: bool, path: &str, mode: OFlags, want: u16) {
    let folders = Folders::new();
    let log = ["--log-file", folders.log.as_str()];
    // No longer than the name, which it replaces in memory.
    let path = if path == "root" { folders.name.clone() } else { folders.path(path) };
    let hex =
        |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02x}")).collect::<Vec<_>>().concat();
    let how = [u64::from(mode.bits()).to_ne_bytes(), [0; 8], [0; 8]].concat();
    let (path, how) = (hex(&[path.as_bytes(), b"\0"].concat()), hex(&how));
    let fault = format!("inject=openat2:poke_enter=@arg2={path},@arg3={how}");
    let traced = ["-o", "/dev/null", "-P", &folders.name, "-e", &fault];
    let Some(httpd) = folders.serve(&traced, &[&log, flags].concat(), is_service) else { return };
    if has_landlock(&httpd) {
        assert_eq!(httpd.get(&format!("/{}", folders.name)).status, want, "{fault} {flags:?}");
    }
}

#[test]
fn a_server_that_is_taken_over_opens_no_other_file_and_writes_none() {
    let (read, write) = (OFlags::RDONLY, OFlags::RDWR);
    for is_service in [false, true] {
        check_open(&[], is_service, "secret", read, 403);
        check_open(&[], is_service, "secret", write, 403);
        check_open(&[], is_service, "root", read, 200);
        check_open(&[], is_service, "root", write, 403);
        // This shows that strace can do it.
        check_open(&["--no-sandbox"], is_service, "secret", write, 200);
        check_open(&["--no-sandbox"], is_service, "root", write, 200);
    }
}

/// The log is opened by its path: in the folder that had this path at the start, or nowhere.
#[test]
fn a_log_is_written_in_no_other_folder() {
    for (flags, is_made) in [(&[][..], false), (&["--no-sandbox"], true)] {
        let Folders { tree, log, .. } = Folders::new();
        let flags = [flags, &["--log-file", &log]].concat();
        let httpd = Httpd::serve(&tree.join("root"), &flags);
        if !has_landlock(&httpd) {
            return;
        }
        std::fs::rename(tree.join("log"), tree.join("old")).unwrap();
        std::fs::create_dir(tree.join("log")).unwrap();
        httpd.signal(Signal::HUP);
        httpd.log_line(|line| line.contains("reopen"));
        assert_eq!(Path::new(&log).exists(), is_made);
    }
}

/// Runs as a child of the test below: restricts itself, then tries what is forbidden.
#[test]
fn restrict_yourself() {
    let Some(root) = std::env::var_os(RESTRICT) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let rules = Rules { root: Some(root.as_ref()), log_folder: None, notify_socket: None };
    let name = SocketAddr::from_abstract_name(format!("httpd-{}", std::process::id())).unwrap();
    let _abstract = UnixListener::bind_addr(&name).unwrap();
    let path = Path::new(&root).join("socket");
    let _pathname = UnixListener::bind(&path).unwrap();
    let level = restrict(rules).unwrap();
    if !matches!(level, Enforcement::Landlock { .. }) {
        return eprintln!("skipped: this kernel has no Landlock");
    }
    let denied = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    denied(std::fs::read("/etc/passwd").unwrap_err());
    denied(std::fs::read_dir("/").unwrap_err());
    let inside = Path::new(&root).join("a.txt");
    assert_eq!(std::fs::read(&inside).unwrap(), b"hello");
    denied(std::fs::write(&inside, "changed").unwrap_err());
    denied(std::fs::remove_file(&inside).unwrap_err());
    // The rest depends on the version: denied exactly as the banner says.
    let banner = level.to_string();
    let check = |what: &str, result: std::io::Result<()>| {
        assert_eq!(result.is_err(), banner.contains(what), "{what}: {result:?}; {banner}");
        result.err().map(denied);
    };
    check("TCP", TcpStream::connect(address).map(drop));
    check("TCP", TcpListener::bind("127.0.0.1:0").map(drop));
    let udp = UdpSocket::bind("127.0.0.1:0");
    check("UDP", udp.and_then(|udp| udp.send_to(b"x", address)).map(drop));
    check("abstract sockets", UnixStream::connect_addr(&name).map(drop));
    check("pathname sockets", UnixStream::connect(&path).map(drop));
    let parent = rustix::process::getppid().unwrap();
    check("signals", rustix::process::test_kill_process(parent).map_err(Into::into));
    println!("restricted");
}

#[test]
fn the_banner_names_what_each_version_denies() {
    let check = |version, files, want: &str| {
        let banner = Enforcement::Landlock { version, files }.to_string();
        assert_eq!(banner, format!("Landlock {version}{want}"));
    };
    check(3, true, ", no other files");
    check(4, true, ", no other files, no TCP out");
    check(6, true, ", no other files, no TCP out, no abstract sockets, no signals");
    check(9, false, ", no TCP out, no abstract sockets, no signals");
    let all =
        "other files, no TCP out, no UDP, no abstract sockets, no pathname sockets, no signals";
    check(10, true, &format!(", no {all}"));
}

#[test]
fn a_restricted_process_can_open_no_other_files_and_cannot_connect() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["sandbox::restrict_yourself", "--exact", "--nocapture", "--test-threads=1"]);
    let output = output_of(child.env(RESTRICT, tree.path()));
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("restricted") || printed.contains("skipped"), "{printed}");
}
