//! `--probe`: the exit status says whether a server answers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use crate::start::check_refusal;
use crate::support::{Httpd, Tree, free_port, output_of, run};

/// Probes with these flags. Returns the exit status and the message. Nothing is printed.
#[track_caller]
fn probe(flags: &[&str]) -> (i32, String) {
    let (status, stdout, stderr) = run(&[&["--probe"], flags].concat());
    assert_eq!(stdout, "");
    (status, stderr)
}

/// One sentence with these words, and exit status 1.
#[track_caller]
fn check_failure(url: &str, words: &[&str]) {
    check_refusal(&["--probe", url], words);
}

/// A server that sends this answer to one client, and holds the connection open until it closes.
fn answer_once(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(answer).unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    url
}

#[test]
fn successes_and_redirects_are_healthy() {
    let tree = Tree::with(&[("index.html", b"hello"), ("folder/a b", b"1")]);
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/", "--no-listing"]);
    for target in ["", "/", "/folder/a%20b", "/folder/a%20b?x#y", "/old", "/folder"] {
        assert_eq!(probe(&[&httpd.url(target)]), (0, String::new()), "{target}");
    }
    for (target, status) in [("/missing", "404"), ("/folder/", "404"), ("/%2f", "404")] {
        check_failure(&httpd.url(target), &[&httpd.url(target), status]);
    }
    // The client stays to the end, and the log shows that it was the probe.
    let line = httpd.log_line(|line| line.contains("HEAD / "));
    assert!(line.contains(" 200 - ") && line.contains("\"httpd-probe/"), "{line}");
    let log = httpd.stop().stderr;
    assert!(!log.iter().any(|line| line.contains("client-gone")), "{log:?}");
}

#[test]
fn without_a_url_the_same_flags_and_variables_are_asked() {
    let tree = Tree::with(&[("index.html", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--bind", "::"]);
    let port = httpd.address().port().to_string();
    assert_eq!(probe(&["--port", &port, "--bind", "::"]), (0, String::new()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
    command.arg("--probe").env("HTTPD_PORT", &port).env("HTTPD_BIND", "::");
    assert_eq!(output_of(&mut command).status.code(), Some(0));
    check_refusal(&["--probe"], &["--probe", "--port", "0"]);
}

#[test]
fn being_asked_for_a_password_is_healthy_with_auth() {
    let locked = || answer_once(b"HTTP/1.0 401 Unauthorized\r\n\r\n");
    check_failure(&locked(), &["401"]);
    assert_eq!(probe(&[&locked(), "--auth", "passwords"]), (0, String::new()));
    let missing = answer_once(b"HTTP/1.0 404 Not Found\r\n\r\n");
    check_refusal(&["--probe", &missing, "--auth", "passwords"], &["404"]);
}

#[test]
fn no_answer_is_a_failure() {
    let port = free_port("127.0.0.3");
    let nobody = format!("http://127.0.0.3:{port}/");
    check_failure(&nobody, &["connect", &format!("127.0.0.3:{port}"), "refused"]);
    // Held open: the limit of two seconds ends it.
    let silent = answer_once(b"HTTP/1.0 200 OK\r\nA: b\r\n");
    check_failure(&silent, &[&silent, "2s"]);
    let other = answer_once(b"SSH-2.0-x\r\n");
    check_failure(&other, &[&other, "HTTP"]);
    check_failure("http://no-such-host.invalid/", &["no-such-host.invalid"]);
    // Those are wrong flags.
    let (status, said) = probe(&["https://127.0.0.1/"]);
    assert!(status == 2 && said.contains("http://HOST"), "{status}: {said}");
    assert_eq!(probe(&["--generate", "man"]).0, 2);
}
