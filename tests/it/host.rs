//! DNS rebinding: a page of another origin points its own name at our address to read our files.

use crate::support::{Httpd, Tree};

/// Checks which of these Host values a server with these flags answers.
#[track_caller]
fn check(flags: &[&str], hosts: &[&str], want: u16) {
    let tree = Tree::with(&[("a.txt", b"secret")]);
    let httpd = Httpd::serve(tree.path(), flags);
    for host in hosts {
        let reply = httpd.reply(format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.status, want, "{host}");
        assert_eq!(reply.text().contains("secret"), want == 200, "{host}");
        // The page shows the flag that allows the name.
        let flag = format!("--allow-host {}", host.trim_end_matches(":8080"));
        assert_eq!(reply.text().contains(&flag), want == 421, "{}", reply.text());
        // The target's authority takes precedence over Host (RFC 9112 section 3.2.2).
        let other = if want == 200 { "www.example.com" } else { "localhost" };
        let absolute = format!("GET http://{host}/a.txt HTTP/1.1\r\nHost: {other}\r\n\r\n");
        assert_eq!(httpd.reply(absolute).status, want, "absolute form: {host}");
    }
}

#[test]
fn a_loopback_server_only_answers_to_local_names() {
    check(&[], &["localhost", "127.0.0.1:8080", "[::1]", "app.localhost:8080"], 200);
    check(&[], &["printer", "nas.local", "127.0.0.1.nip.io", "localhost.evil.org:8080"], 421);
}

#[test]
fn names_can_be_allowed() {
    check(&["--allow-host", "printer,Files.Example.com"], &["files.example.com:8080"], 200);
    check(&["--allow-host", "files.example.com"], &["other.example.com"], 421);
    check(&["--allow-host", "*"], &["files.example.com"], 200);
    // Behind a proxy and on the network, none is checked.
    check(&["--trusted-proxy", "10.0.0.0/8"], &["files.example.com"], 200);
    check(&["--bind", "0.0.0.0"], &["files.example.com"], 200);
}
