//! DNS rebinding: a page of another origin points its own name at our address to read our files.

use crate::support::{Httpd, Tree};

#[track_caller]
fn check(flags: &[&str], host: &str, want: u16) {
    let tree = Tree::with(&[("a.txt", b"secret")]);
    let httpd = Httpd::serve(tree.path(), flags);
    let reply = httpd.reply(format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!(reply.status, want, "{host}");
    assert_eq!(reply.text().contains("secret"), want == 200, "{host}");
    let reply = httpd.reply(format!("GET http://{host}/a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_eq!(reply.status, want, "absolute form: {host}");
}

#[test]
fn a_loopback_server_only_answers_to_local_names() {
    for host in ["localhost", "127.0.0.1:8080", "[::1]", "app.localhost:8080"] {
        check(&[], host, 200);
    }
    for host in ["printer", "nas.local", "x.test:80", "db.internal", "nas.home.arpa"] {
        check(&[], host, 421);
    }
    for host in ["rebind.example.com", "127.0.0.1.nip.io", "localhost.evil.org:8080", "evil.org."] {
        check(&[], host, 421);
    }
}

/// Every browser sends Host, so no page of another origin can make such a request.
#[test]
fn a_request_without_host_is_served() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    assert_eq!(Httpd::serve(tree.path(), &[]).get("/a.txt").status, 200);
}

#[test]
fn names_can_be_allowed() {
    check(&["--allow-host", "Files.Example.com"], "files.example.com:8080", 200);
    check(&["--allow-host", "files.example.com"], "www.example.com", 421);
    check(&["--allow-host", "printer,nas.local"], "nas.local:8080", 200);
    check(&["--allow-host", "*"], "www.example.com", 200);
}

#[test]
fn host_is_not_checked_behind_a_proxy_or_on_the_network() {
    check(&["--trusted-proxy", "10.0.0.0/8"], "www.example.com", 200);
    check(&["--bind", "0.0.0.0"], "www.example.com", 200);
}

#[test]
fn the_page_shows_the_flag_that_allows_the_name() {
    let httpd = Httpd::serve(Tree::new().path(), &[]);
    let reply = httpd.reply("GET / HTTP/1.1\r\nHost: files.example.com\r\n\r\n");
    assert_eq!(reply.status, 421);
    assert!(reply.text().contains("--allow-host files.example.com"), "{}", reply.text());
}
