//! Landlock: the running server is restricted, and what that prevents.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::process::Command;

use httpd::sandbox::{Enforcement, Rules, restrict};

use crate::support::{Httpd, Tree, has_words, output_of};

/// Set to the root for a child that must restrict itself: this test program, run again.
const RESTRICT: &str = "RESTRICT_YOURSELF_TO";

fn no_new_privileges(httpd: &Httpd) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", httpd.pid())).unwrap();
    status.lines().any(|line| line == "NoNewPrivs:\t1")
}

/// Whether the kernel has Landlock; where it has not, the server's log warns of that.
fn has_landlock(httpd: &Httpd) -> bool {
    httpd.get("/");
    let has_none = httpd.log().iter().any(|line| has_words(line, &["WARN", "Landlock"]));
    if has_none {
        eprintln!("skipped: this kernel has no Landlock");
    }
    !has_none
}

#[test]
fn the_server_is_sandboxed_by_default() {
    let tree = Tree::new();
    let httpd = Httpd::serve(tree.path(), &[]);
    if has_landlock(&httpd) {
        assert!(no_new_privileges(&httpd));
        let open = Httpd::serve(tree.path(), &["--no-sandbox"]);
        assert!(!no_new_privileges(&open));
    }
}

#[test]
fn a_sandboxed_server_still_serves_links_and_writes_its_log() {
    let tree = Tree::with(&[("root/a.txt", b"hello")]);
    let root = tree.join("root");
    tree.link("root/absolute", root.join("a.txt"));
    let log = tree.join("logs/access.log");
    std::fs::create_dir(tree.join("logs")).unwrap();
    let httpd = Httpd::serve(&root, &["--log-file", log.to_str().unwrap()]);
    assert_eq!(httpd.get("/absolute").body, b"hello");
    assert_eq!(httpd.stop().status.code(), Some(0));
    assert!(std::fs::read_to_string(log).unwrap().contains("GET /absolute"));
}

#[test]
fn following_all_links_lifts_the_rules_for_files() {
    let tree = Tree::with(&[("root/a.txt", b"inside"), ("secret", b"outside")]);
    tree.link("root/away", tree.join("secret"));
    let httpd = Httpd::serve(&tree.join("root"), &["--symlinks", "follow"]);
    assert_eq!(httpd.get("/away").body, b"outside");
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
    let path = std::path::Path::new(&root).join("socket");
    let _pathname = UnixListener::bind(&path).unwrap();
    let level = restrict(rules).unwrap();
    if !matches!(level, Enforcement::Landlock { .. }) {
        return eprintln!("skipped: this kernel has no Landlock");
    }
    let denied = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    denied(std::fs::read("/etc/passwd").unwrap_err());
    denied(std::fs::read_dir("/").unwrap_err());
    let inside = std::path::Path::new(&root).join("a.txt");
    assert_eq!(std::fs::read(&inside).unwrap(), b"hello");
    denied(std::fs::write(&inside, "changed").unwrap_err());
    denied(std::fs::remove_file(&inside).unwrap_err());
    // The rest depends on the version: it is denied exactly where the banner says so.
    let banner = level.to_string();
    let check = |what: &str, result: std::io::Result<()>| {
        assert_eq!(result.is_err(), banner.contains(what), "{what}: {result:?}; {banner}");
        result.err().map(denied);
    };
    check("TCP", TcpStream::connect(address).map(drop));
    check("TCP", TcpListener::bind("127.0.0.1:0").map(drop));
    check(
        "UDP",
        UdpSocket::bind("127.0.0.1:0").and_then(|udp| udp.send_to(b"x", address)).map(drop),
    );
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
