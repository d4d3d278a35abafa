//! Starting: the listening line, and one plain sentence where it cannot start.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Httpd, Tree, free_port, is_root, run};

/// Exit status 1 and one sentence on standard error.
#[track_caller]
fn check_refusal(flags: &[&str], want: &str) {
    let (status, stdout, stderr) = run(flags);
    assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    assert_eq!(stderr, format!("httpd: {want}\n"));
}

#[track_caller]
fn check_usage(flags: &[&str], want: &str) {
    let (status, stdout, stderr) = run(flags);
    assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains(want), "{stderr}");
}

#[test]
fn it_says_where_it_listens() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    assert!(httpd.address().ip().is_loopback());
    assert_ne!(httpd.address().port(), 0);
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    let ended = httpd.stop();
    assert_eq!(ended.stdout.len(), 1, "{:?}", ended.stdout);
}

#[test]
fn several_addresses_are_served_at_once() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--bind", "127.0.0.1", "--bind", "::1"]);
    for address in httpd.addresses() {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, b"GET /a.txt HTTP/1.0\r\n\r\n").unwrap();
        assert!(crate::support::read_to_end(&mut stream).ends_with(b"\r\n\r\nhello"), "{address}");
    }
    assert_eq!(httpd.stop().stdout.len(), 2);
}

#[test]
fn all_of_ipv4_and_all_of_ipv6_share_a_port() {
    let tree = Tree::new();
    let port = free_port("0.0.0.0");
    let flags = ["--port", &port.to_string(), "--bind", "0.0.0.0", "--bind", "::"];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_httpd"));
    command.args(flags).arg(tree.path());
    let httpd = Httpd::spawn(command);
    assert_eq!(httpd.get("/").status, 200);
    assert_eq!(httpd.stop().stdout.len(), 2);
}

#[test]
fn what_keeps_it_from_starting_is_one_sentence() {
    let tree = Tree::with(&[("file", b"")]);
    let root = tree.path().to_str().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    check_refusal(
        &["--port", &port.to_string(), root],
        &format!("port {port} on 127.0.0.1 is already in use"),
    );
    let missing = format!("{root}/missing");
    check_refusal(&["--port", "0", &missing], &format!("there is no folder {missing}"));
    let file = format!("{root}/file");
    check_refusal(&["--port", "0", &file], &format!("{file} is not a folder"));
    check_refusal(
        &["--port", "0", "--bind", "192.0.2.1", root],
        "192.0.2.1 is not an address of this machine",
    );
    let log = format!("{root}/no/such/log");
    let (status, _, stderr) = run(&["--port", "0", "--log-file", &log, root]);
    assert_eq!(status, 1);
    assert!(stderr.starts_with(&format!("httpd: cannot open the log file {log}: ")), "{stderr}");
}

#[test]
fn a_folder_that_may_not_be_read_is_said() {
    if is_root() {
        return eprintln!("skipped: permissions do not bind root");
    }
    let tree = Tree::new();
    let closed = tree.join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let path = closed.to_str().unwrap();
    check_refusal(&["--port", "0", path], &format!("the folder {path} may not be read"));
}

#[test]
fn wrong_flags_end_with_status_2() {
    check_usage(&["--prot", "80"], "--port");
    check_usage(&["--port", "65536"], "65536");
    check_usage(&["--bind", "localhost.example"], "localhost.example");
    check_usage(&["--max-connections", "0"], "from 1 to");
    check_usage(&["--request-timeout", "0"], "more than 0");
    check_usage(&["--stall-timeout", "soon"], "expected seconds");
    check_usage(&["--redirect", "/old"], "expected FROM=TO");
    check_usage(&["--header", "Content-Length: 5"], "set by the server itself");
    check_usage(&["--header", "X: a\r\nY: b"], "one line");
    check_usage(&["--media-type", "md"], "expected EXT=TYPE");
    check_usage(&["--trusted-proxy", "10.0.0.0/33"], "10.0.0.0/33");
    check_usage(&["--dotfiles", "maybe"], "deny");
    check_usage(&[".", "--root", "."], "cannot be used with");
}

#[test]
fn help_and_version_end_with_status_0() {
    let (status, stdout, _) = run(&["--help"]);
    assert_eq!(status, 0);
    assert!(stdout.contains("Usage: httpd [OPTIONS] [ROOT]"), "{stdout}");
    let (status, stdout, _) = run(&["--version"]);
    assert_eq!((status, stdout), (0, format!("httpd {}\n", env!("CARGO_PKG_VERSION"))));
}

/// Warnings that a start with these flags gives, and no others.
#[track_caller]
fn check_warnings(root: &std::path::Path, flags: &[&str], want: &[&str]) {
    let ended = Httpd::serve(root, flags).stop();
    let warnings = ended.stderr.iter().filter(|line| line.contains(" WARN "));
    let warnings: Vec<_> = warnings.filter(|line| !line.contains("no Landlock")).collect();
    assert_eq!(warnings.len(), want.len(), "{warnings:?}");
    for (warning, want) in warnings.iter().zip(want) {
        assert!(warning.contains(want), "{warning}");
    }
}

#[test]
fn what_one_may_not_have_meant_is_said_at_the_start() {
    let tree = Tree::with(&[(".env", b"SECRET=1"), (".git/config", b"")]);
    check_warnings(tree.path(), &[], &[]);
    check_warnings(tree.path(), &["--dotfiles", "unlisted"], &[".git is in", ".env is in"]);
    check_warnings(tree.path(), &["--bind", "0.0.0.0"], &["can be reached from other machines"]);
    check_warnings("/".as_ref(), &[], &["the root is /"]);
    if let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) {
        check_warnings(&home, &[], &["home folder"]);
    }
}

#[test]
fn the_descriptor_limit_is_raised_as_far_as_it_may_be() {
    let tree = Tree::new();
    let start = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_httpd"), "--port", "0"]);
        command.arg(tree.path());
        Httpd::spawn(command)
    };
    let httpd = start(r#"ulimit -S -n 100; exec "$@""#);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", httpd.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    // Three for each of 1024 seats, one for each of 256 places to wait, and a few.
    assert!((3 * 1024 + 256..3 * 1024 + 256 + 64).contains(&limit), "{limit}");
    let httpd = start(r#"ulimit -n 100; exec "$@""#);
    let warning = httpd.log_line(|line| line.contains("WARN") && line.contains(" 1024"));
    assert!(warning.contains("ulimit -n"), "{warning}");
    assert_eq!(httpd.get("/").status, 200);
}
