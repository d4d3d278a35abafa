//! Starting: the listening line, or one line that explains why the server cannot start.

use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{
    Httpd, Tree, connect_from, eventually, has_words, is_root, output_of, read_to_end, run, tool,
    without_variables,
};

/// Checks that with these flags, and a free port, the exit status is 1, and that standard error has
/// one line with these words.
#[track_caller]
pub fn check_refusal(flags: &[&str], want: &[&str]) {
    let (status, stdout, stderr) = run(&[&["--port", "0"], flags].concat());
    assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.starts_with("httpd: ") && stderr.ends_with('\n'), "{stderr:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr:?}");
    assert!(has_words(&stderr, want), "{stderr:?} lacks one of {want:?}");
}

/// Checks for exit status 2 and a message that contains all of these.
#[track_caller]
fn check_usage(flags: &[&str], want: &[&str]) {
    let (status, stdout, stderr) = run(flags);
    assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
    assert!(want.iter().all(|want| stderr.contains(want)), "{stderr:?} lacks one of {want:?}");
}

#[test]
fn it_prints_and_logs_where_it_listens() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--bind", "127.0.0.1", "--bind", "::1"]);
    eventually("both lines are there", || httpd.addresses().len() == 2);
    let addresses = httpd.addresses();
    for address in &addresses {
        assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
        let mut stream = connect_from(address.ip(), *address);
        stream.write_all(b"GET /a.txt HTTP/1.0\r\n\r\n").unwrap();
        assert!(read_to_end(&mut stream).ends_with(b"\r\n\r\nhello"), "{address}");
    }
    let [first, second] = [0, 1].map(|at| addresses[at].to_string());
    let root = tree.path().canonicalize().unwrap();
    let words = [env!("CARGO_PKG_VERSION"), root.to_str().unwrap(), &first, &second, "sandbox"];
    httpd.log_line(|line| has_words(line, &["INFO"]) && has_words(line, &words));
    assert_eq!(httpd.stop().stdout.len(), 2);
}

#[test]
fn a_failed_start_is_explained_on_one_line() {
    let tree = Tree::with(&[("file", b""), ("closed/file", b""), ("other/file", b"")]);
    let root = tree.path().to_str().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let port = taken.port().to_string();
    let words = [&port, "127.0.0.1", "use", "--port", "0"];
    check_refusal(&["--bind", &taken.to_string(), root], &words);
    check_refusal(&["--bind", "192.0.2.1", root], &["192.0.2.1", "address"]);
    check_refusal(&["8000"], &["folder", "8000", "-p"]);
    let [missing, file, closed, other, log] =
        ["missing", "file", "closed", "other", "no/such/log"].map(|name| format!("{root}/{name}"));
    check_refusal(&[&missing], &["no", "folder", &missing]);
    check_refusal(&[&file], &["not", "folder", &file]);
    if !is_root() {
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
        check_refusal(&[&closed], &["read", "folder", &closed]);
    }
    // 2 is ENOENT.
    check_refusal(&["--log-file", &log, &other], &["log", &log, "2"]);
    let password = ["--auth", "ann:secret", root];
    check_refusal(&password, &["--auth", "htpasswd", "-B", "-C", "12"]);
    assert!(!run(&password).2.contains("secret"));
}

/// The error names remedies: three ways to a port that only root may bind.
#[test]
fn a_privileged_port_is_explained() {
    let Some(setpriv) = tool("setpriv") else { return };
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first.is_ok_and(|first| first.trim() == "0") {
        return eprintln!("skipped: every port is free for all");
    }
    let tree = Tree::new();
    let mut command = Command::new(setpriv);
    command.args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]);
    command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "80"]).arg(tree.path());
    let output = output_of(without_variables(&mut command));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(has_words(&said, &["80", "--port", "root", "setcap"]), "{said}");
}

#[test]
fn flags_may_be_named_as_elsewhere() {
    for name in ["--host", "--address", "--addr", "--interfaces", "--listen", "-i"] {
        check_usage(&[name, "nowhere"], &["'nowhere'", "--bind"]);
    }
    for name in ["--directory", "-d"] {
        check_refusal(&[name, "/no/folder"], &["no", "folder", "/no/folder"]);
    }
}

#[test]
fn flags_of_other_servers_are_explained() {
    check_usage(&["-a", "0.0.0.0"], &["'-a'", "--bind", "--auth"]);
    check_usage(&["--upload"], &["'--upload'", "upload"]);
    check_usage(&["--tls-cert=cert.pem"], &["'--tls-cert'", "proxy"]);
    check_usage(&["--open"], &["'--open'", "browser"]);
    check_usage(&[".", "8000"], &["'8000'", "-p 8000"]);
}

/// A wrong tip is worse than none.
#[test]
fn tips_are_right() {
    let tip = |flag: &str| {
        let said = run(&[flag]).2;
        let tips = said.lines().filter(|line| line.contains("tip:")).map(str::to_owned);
        tips.collect::<Vec<_>>().join("\n")
    };
    for (flag, meant) in [("--prot", "port"), ("--log", "log-file"), ("--colrs", "cors")] {
        assert!(tip(flag).contains(&format!("'--{meant}'")), "{}", tip(flag));
    }
    for flag in ["--open", "--upload", "--tls-key"] {
        assert!(!tip(flag).contains("'--"), "{}", tip(flag));
    }
    for flag in ["--hidden", "--title", "--listing", "--dirs", "-x", "--xyzzy"] {
        assert_eq!(tip(flag), "");
    }
    let tree = Tree::with(&[("--xyzzy/a.txt", b"hello")]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
    let output = output_of(command.arg("--xyzzy").current_dir(tree.path()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("-- --xyzzy"));
}

#[test]
fn a_log_in_the_served_folder_is_refused() {
    let tree = Tree::with(&[("root/a.txt", b"")]);
    let real = tree.path().canonicalize().unwrap().join("root");
    let (root, log) = (real.to_str().unwrap(), real.join("new.log"));
    check_refusal(&["--log-file", log.to_str().unwrap(), root], &[log.to_str().unwrap(), root]);
    assert!(!log.exists());
    // Where a dangling link leads is known only once the log is made.
    tree.link("link", log);
    let link = tree.join("link");
    check_refusal(&["--log-file", link.to_str().unwrap(), root], &[link.to_str().unwrap(), root]);
}

#[test]
fn standard_error_in_the_served_folder_is_warned_about() {
    let tree = Tree::with(&[("root/a.txt", b"")]);
    let mut command = Command::new("sh");
    let script = r#"exec "$0" --port 0 root 2>root/my.log"#;
    command.args(["-c", script, env!("CARGO_BIN_EXE_httpd")]).current_dir(tree.path());
    Httpd::spawn(command).stop();
    let log = std::fs::read_to_string(tree.join("root/my.log")).unwrap();
    let warns = |line: &&str| line.contains(" WARN ") && line.contains("/root/my.log");
    assert_eq!(log.lines().filter(warns).count(), 1, "{log}");
}

#[test]
fn wrong_flags_end_with_status_2() {
    check_usage(&["--port", "65536"], &["--port", "'65536'"]);
    check_usage(&["--bind", "localhost.example"], &["--bind", "'localhost.example'"]);
    check_usage(&["--max-connections", "0"], &["--max-connections", "'0'", "1000000"]);
    let too_many = u64::MAX.to_string();
    check_usage(&["--thread-cache", &too_many], &["--thread-cache", &too_many, "1000000"]);
    check_usage(&["--request-timeout", "0"], &["--request-timeout", "'0'"]);
    check_usage(&["--stall-timeout", "soon"], &["--stall-timeout", "'soon'", "seconds"]);
    check_usage(&["--redirect", "/old"], &["--redirect", "'/old'", "FROM=TO"]);
    check_usage(&["--header", "Content-Length: 5"], &["--header", "'Content-Length: 5'"]);
    check_usage(&["--header", "X: a\r\nY: b"], &["--header", "'X: a\r'"]);
    check_usage(&["--media-type", "md"], &["--media-type", "'md'", "EXT=TYPE"]);
    check_usage(&["--trusted-proxy", "10.0.0.0/33"], &["--trusted-proxy", "'10.0.0.0/33'", "32"]);
    check_usage(&["--index", ""], &["--index"]);
    check_usage(&["--dotfiles", "maybe"], &["--dotfiles", "'maybe'", "deny"]);
    check_usage(&[".", "--root", "."], &["[ROOT]", "--root"]);
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = format!("httpd {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (0, version, String::new()));
}

/// Checks that a server with these flags has started with one warning per element of `want`, each
/// with these words; `PORT` stands for the server's port.
#[track_caller]
fn check_warnings(root: &Path, flags: &[&str], want: &[&[&str]]) {
    let httpd = Httpd::serve(root, flags);
    let port = httpd.address().port().to_string();
    let log = httpd.stop().stderr;
    let warnings = log.iter().filter(|line| line.contains(" WARN ") && !line.contains("Landlock"));
    let warnings: Vec<_> = warnings.map(|line| line.replace(&port, "PORT")).collect();
    assert_eq!(warnings.len(), want.len(), "{warnings:?}");
    for (warning, want) in warnings.iter().zip(want) {
        assert!(has_words(warning, want), "{warning:?} lacks one of {want:?}");
    }
}

#[test]
fn settings_that_may_be_unintended_are_warned_about() {
    let tree = Tree::with(&[(".env", b"SECRET=1"), (".git/config", b"")]);
    check_warnings(tree.path(), &[], &[]);
    let names: [&[&str]; 2] = [&[".git", "--dotfiles"], &[".env", "--dotfiles"]];
    check_warnings(tree.path(), &["--dotfiles", "unlisted"], &names);
    check_warnings(tree.path(), &["--bind", "0.0.0.0"], &[&["PORT"]]);
    check_warnings(tree.path(), &["--spa"], &[&["--spa", "index"]]);
    check_warnings(tree.path(), &["--spa", "--index", ".env"], &[]);
    let others = Tree::with(&[("passwords", crate::auth::ANN.as_bytes())]);
    let passwords = others.join("passwords");
    let auth = ["--bind", "0.0.0.0", "--auth", passwords.to_str().unwrap()];
    let cost: &[&str] = &["cost", "4", "htpasswd"];
    check_warnings(tree.path(), &auth, &[cost, &["PORT", "passwords", "TLS"]]);
    let proxied = [&auth[..], &["--trusted-proxy", "127.0.0.1"]].concat();
    check_warnings(tree.path(), &proxied, &[cost]);
    others.write("passwords", crate::auth::ANN.replace("$04$", "$10$").as_bytes());
    check_warnings(tree.path(), &proxied, &[]);
    check_warnings("/".as_ref(), &[], &[&["root", "/"]]);
    if let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) {
        check_warnings(&home, &[], &[&["root", "home"]]);
    }
}

#[test]
fn the_descriptor_limit_is_raised_as_far_as_possible() {
    let tree = Tree::new();
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -S -n 100; exec "$@""#, "sh", env!("CARGO_BIN_EXE_httpd")]);
    command.args(["--port", "0"]).arg(tree.path());
    let httpd = Httpd::spawn(command);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", httpd.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    // Three per slot (1024) and per queued connection (256), and a few more.
    assert!((3 * 1280..3 * 1280 + 64).contains(&limit), "{limit}");
}
