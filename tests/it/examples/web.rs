//! `hello` and `fetch`: the smallest web server and the smallest web client.

use std::thread;

use super::{run_at, start};
use crate::support::{Httpd, Reply, Tree};

#[test]
fn hello_serves_only_the_root() {
    let server = start("hello");
    assert_eq!(server.get("/").text(), "Hello, world!\n");
    let head = server.head("/");
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("14")));
    assert_eq!(head.text(), "");
    let long = format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(100_000));
    for (request, want) in [
        ("GET /?query HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("HEAD /other HTTP/1.0\r\n\r\n", 404),
        ("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", 404),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("nonsense\r\n", 400),
        (&long, 414),
    ] {
        assert_eq!(server.reply(request).status, want, "{request:?}");
    }
}

/// Runs `fetch`, which must succeed, and returns the answer that it printed.
#[track_caller]
fn fetch(server: &Httpd, arguments: &[&str]) -> Reply {
    let (status, stdout, stderr) = run_at("fetch", server, arguments, "");
    assert_eq!((status, stderr.as_str()), (0, ""));
    let answer = stdout.strip_prefix("From Server:\n");
    Reply::parse(answer.unwrap_or_else(|| panic!("{stdout}")).as_bytes())
}

#[test]
fn fetch_prints_the_whole_answer() {
    let long = "0123456789".repeat(30_000);
    let tree = Tree::with(&[("a b é.txt", b"spaces"), ("long.txt", long.as_bytes())]);
    let server = Httpd::serve(tree.path(), &[]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(fetch(&server, &["/long.txt"]).body, long.as_bytes()));
        }
    });
    assert_eq!(fetch(&server, &["a b é.txt"]).body, b"spaces");
    // It can't be made to send a second request.
    assert_eq!(fetch(&server, &["/ HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n"]).status, 404);
    let head = fetch(&server, &["--head", "/long.txt"]);
    assert_eq!((head.field("Content-Length"), &head.body[..]), (Some("300000"), &b""[..]));
    let posted = fetch(&server, &["--post", "id=4711 & <b>", "/post.html"]);
    assert_eq!(posted.status, 200);
    assert!(posted.text().contains("4711 &amp; &lt;b&gt;"), "{}", posted.text());
}
