//! Every form of a request, sent over a raw socket, and the status that it gets.
//!
//! The grammar has its own tables in `http::request`. Here each refusal is tested once from
//! outside, with its status and the frame of its reply, and each GET once more as HEAD.

use std::process::Command;

use crate::ask::ask;
use crate::support::{Httpd, Reply, Tree, output_of, send_and_half_close, tool};

/// A folder with the names that the rows request, and a server for it.
fn site() -> (Tree, Httpd) {
    let tree = Tree::with(&[
        ("a.txt", b"hello"),
        ("%41.txt", b"a percent sign"),
        ("a?b#c.txt", b"delimiters"),
        ("dir/b.txt", b"deeper"),
    ]);
    tree.write_bytes_name(b"\xff\n.txt", b"not text");
    let httpd = Httpd::serve(tree.path(), &[]);
    (tree, httpd)
}

#[track_caller]
fn check(httpd: &Httpd, request: impl AsRef<[u8]>, want_status: u16) -> Reply {
    let request = request.as_ref();
    let reply = ask(httpd, request);
    assert_eq!(reply.status, want_status, "{:?}", String::from_utf8_lossy(request));
    reply
}

#[test]
fn any_version_1_with_any_well_formed_fields_is_answered() {
    let (_tree, httpd) = site();
    for request in [
        "GET /a.txt HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.9\r\nHost:\r\n\r\n",
        "\nGET /a.txt HTTP/1.0\nHost: localhost\r\n\n",
        "GET /a.txt HTTP/1.1\r\nHOST:\t[::1]:8080 \t\r\nX:\r\nX: \tcaf\u{e9}\t \r\n\r\n",
        "GET /a.txt HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /a.txt HTTP/1.0\r\nAccept-Encoding: ;;;=,,\"\r\nAccept: /\r\nReferer: \"\r\n\r\n",
        // A body that nobody expects is ignored.
        "GET /a.txt HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
        "GET /a.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(check(&httpd, request, 200).body, b"hello");
    }
}

#[test]
fn each_refusal_has_its_status() {
    let (_tree, httpd) = site();
    for (line, status) in [
        ("GET  /a.txt HTTP/1.0", 400),
        ("hello", 400),
        ("\r\n\r\nGET /a.txt HTTP/1.0", 400),
        ("GET /a.txt HTTP/1.0\rX: y", 400),
        ("\x16\x02\x01\x02\0\x01", 400),
        ("G@T /a.txt HTTP/1.0", 400),
        ("BREW /a.txt HTTP/1.0", 501),
        ("get /a.txt HTTP/1.0", 501),
        ("CONNECT example.org:443 HTTP/1.0", 501),
        ("GET /a.txt HTTP/1.10", 400),
        ("GET /a.txt HTTP/0.9", 505),
        // The start of an HTTP/2 client (RFC 9113 section 3.4).
        ("PRI * HTTP/2.0", 505),
        ("GET /a.txt#fragment HTTP/1.0", 400),
        ("GET a.txt HTTP/1.0", 400),
        ("GET * HTTP/1.0", 400),
        ("GET http://user@localhost/ HTTP/1.0", 400),
        ("GET /100% HTTP/1.0", 400),
        ("GET /a.txt%00.html HTTP/1.0", 400),
        ("GET /dir%2fb.txt HTTP/1.0", 404),
        ("GET /%2e%2E/etc/passwd HTTP/1.0", 400),
        ("GET /a.txt HTTP/1.0\r\nX: y\r\n folded", 400),
        ("GET /a.txt HTTP/1.0\r\nX : y", 400),
        ("GET /a.txt HTTP/1.0\r\nno colon", 400),
        ("GET /a.txt HTTP/1.0\r\nX: \x1b[31m", 400),
        ("GET /a.txt HTTP/1.1", 400),
        ("GET /a.txt HTTP/1.1\r\nHost: localhost\r\nhost: www.example.com", 400),
        ("GET /a.txt HTTP/1.1\r\nHost: local host", 400),
        ("POST /post.html HTTP/1.0\r\nContent-Length: 18446744073709551616", 400),
        ("POST /post.html HTTP/1.0\r\nContent-Length: 3\r\nContent-Length: 4", 400),
    ] {
        check(&httpd, format!("{line}\r\n\r\n"), status);
    }
}

#[test]
fn http_0_9_requests_get_only_the_body() {
    let (_tree, httpd) = site();
    for request in ["GET /a.txt\n", "\r\nGET /a.txt\r\n", "GET /a.txt\r\nX: y\r\n"] {
        assert_eq!(httpd.raw(request), b"hello", "{request:?}");
    }
    assert!(httpd.raw("GET /missing\r\n").starts_with(b"<!DOCTYPE html>"));
    // The second space makes a third word, which is empty: not a version.
    assert!(httpd.raw("GET /a.txt \r\n").starts_with(b"HTTP/1.0 400 "));
    // HTTP/0.9 only has GET.
    assert_eq!(httpd.reply("HEAD /a.txt\r\n").status, 400);
}

#[test]
fn targets() {
    let (_tree, httpd) = site();
    let found: [(&[u8], &str); 7] = [
        (b"/a.txt?/../../etc/passwd%", "hello"),
        (b"//dir///b.txt", "deeper"),
        (b"/missing/../dir/%2e%2e/./a.txt", "hello"),
        (b"https://[::1]/%61%2Etxt?x", "hello"),
        (b"/%2541.txt", "a percent sign"),
        (b"/a%3fb%23c.txt", "delimiters"),
        (b"/\xff%0A.txt", "not text"),
    ];
    for (target, want) in found {
        let request = [b"GET ", target, b" HTTP/1.0\r\n\r\n"].concat();
        assert_eq!(check(&httpd, request, 200).text(), want);
    }
    let (deep, long) = (format!("/{}", "a/".repeat(2000)), format!("/{}", "a".repeat(300)));
    for missing in ["/missing", "/a.txt/", "/a.txt/.", "/A.TXT", "/dir\\b.txt", &deep, &long] {
        check(&httpd, format!("GET {missing} HTTP/1.0\r\n\r\n"), 404);
    }
}

#[test]
fn sizes() {
    let (_tree, httpd) = site();
    let line = |length: usize| {
        let rest = "HEAD /a.txt? HTTP/1.0".len();
        format!("GET /a.txt?{} HTTP/1.0\r\n\r\n", "x".repeat(length - rest))
    };
    // As HEAD it is one byte longer: exactly at the limit.
    check(&httpd, line(8192), 200);
    check(&httpd, line(8194), 414);
    check(&httpd, "x".repeat(8193), 414);

    let fields = |count: usize| format!("GET /a.txt HTTP/1.0\r\n{}\r\n", "X: y\r\n".repeat(count));
    check(&httpd, fields(100), 200);
    check(&httpd, fields(101), 431);

    let head = |length: usize| {
        let frame = "HEAD /a.txt HTTP/1.0\r\nX: \r\n\r\n".len();
        format!("GET /a.txt HTTP/1.0\r\nX: {}\r\n\r\n", "y".repeat(length - frame))
    };
    check(&httpd, head(16 * 1024), 200);
    check(&httpd, head(16 * 1024 + 2), 431);
    // A field name of this length crashes a well-known server.
    check(&httpd, format!("GET /a.txt HTTP/1.0\r\n{}: y\r\n\r\n", "x".repeat(66_000)), 431);
}

#[test]
fn a_form_needs_a_length_of_at_most_64_kib() {
    let (_tree, httpd) = site();
    let post = |fields: &str, body: &str, want_status| {
        let request = format!("POST /post.html HTTP/1.0\r\n{fields}\r\n\r\n{body}");
        check(&httpd, request, want_status).text()
    };
    assert!(post("Content-Length: 12", "x=y&id=%3Cb>", 200).contains(">&lt;b&gt;<"));
    let shorter = post("Content-Length: 5", "id=s12345", 200);
    assert!(shorter.contains(">s1<"), "{shorter}");
    // The page that reports a missing id names that field.
    assert!(post("Content-Length: 0", "", 200).contains(" id "));
    let long = format!("id=s12345&x={}", "y".repeat(65_536 - "id=s12345&x=".len()));
    assert!(post("Content-Length: 65536", &long, 200).contains(">s12345<"));
    post("Content-Length: 65537", "", 413);
    post("X: no length", "", 411);
    post("Transfer-Encoding: gzip\r\nContent-Length: 3", "id=", 411);
}

#[test]
fn every_prefix_of_a_request_is_incomplete() {
    let (_tree, httpd) = site();
    let request =
        "\r\nPOST /post.html HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nid=x";
    for length in 1..request.len() {
        let answer = send_and_half_close(&mut httpd.connect(), &request.as_bytes()[..length]);
        assert_eq!(answer, b"", "{:?}", &request[..length]);
    }
    check(&httpd, request, 200);
}

#[test]
fn a_tls_client_gets_an_alert_at_once() {
    // Longer than any wait in a test.
    let flags = ["--log-format", "json", "--request-timeout", "300"];
    let httpd = Httpd::serve(Tree::new().path(), &flags);
    // Neither is a whole handshake, and neither has a line end.
    for start in [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], b"\x16\x03"] {
        // A fatal alert, `protocol_version` (RFC 8446 section 6.2).
        assert_eq!(httpd.raw(start), [0x15, 3, 1, 0, 2, 2, 70]);
    }
    let line = httpd.log_line(|line| line.contains("tls-handshake"));
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&entry["request"], &entry["status"]), (&"TLS-handshake".into(), &400.into()));
    assert_eq!((&entry["method"], &entry["bytes_sent"]), (&serde_json::Value::Null, &0.into()));

    let Some(curl) = tool("curl") else { return };
    let url = httpd.url("/").replace("http:", "https:");
    let output = output_of(Command::new(curl).args(["--silent", "--insecure", &url]));
    // 35 is CURLE_SSL_CONNECT_ERROR.
    assert_eq!(output.status.code(), Some(35));
}
