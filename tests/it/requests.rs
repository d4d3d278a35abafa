//! Every form of a request, sent over a raw socket, and the status that it gets.
//!
//! The grammar has its own tables in `http::request`. Here each of its branches is tested once from
//! outside, with its status and the frame of its reply, and each GET once more as HEAD.

use std::fmt::Write as _;
use std::process::Command;

use crate::ask::ask;
use crate::support::{Httpd, Reply, Tree, output_of, tool};

/// A folder with the names that the rows request, and a server for it.
fn site() -> (Tree, Httpd) {
    let tree = Tree::with(&[
        ("a.txt", b"hello"),
        ("a b.txt", b"a space"),
        ("%41.txt", b"a percent sign"),
        ("a?b#c.txt", b"delimiters"),
        ("caf\u{e9}.txt", b"not ASCII"),
        ("dir/b.txt", b"deeper"),
        (".hidden", b"hidden"),
        ("post.html", b"a file of that name"),
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

/// Requests a target over HTTP/1.0, without fields.
#[track_caller]
fn check_target(httpd: &Httpd, target: impl AsRef<[u8]>, want: Result<&str, u16>) {
    let request = [b"GET ", target.as_ref(), b" HTTP/1.0\r\n\r\n"].concat();
    let reply = check(httpd, request, want.err().unwrap_or(200));
    if let Ok(want) = want {
        assert_eq!(reply.text(), want);
    }
}

/// Requests `/a.txt` over HTTP/1.1, with these lines between the request line and the empty one.
#[track_caller]
fn check_fields(httpd: &Httpd, fields: &str, want_status: u16) {
    check(httpd, format!("GET /a.txt HTTP/1.1\r\n{fields}\r\n"), want_status);
}

/// Posts to the echo page over HTTP/1.0, with these fields and this body.
#[track_caller]
fn check_post(httpd: &Httpd, fields: &str, body: &str, want: Result<&str, u16>) {
    let request = format!("POST /post.html HTTP/1.0\r\n{fields}\r\n{body}");
    let reply = check(httpd, request, want.err().unwrap_or(200));
    if let Ok(want) = want {
        assert!(reply.text().contains(want), "{}", reply.text());
    }
}

#[test]
fn request_lines() {
    let (_tree, httpd) = site();
    for good in [
        "GET /a.txt HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.9\r\nHost:\r\n\r\n",
        "\nGET /a.txt HTTP/1.0\nHost: localhost\r\n\n",
    ] {
        assert_eq!(check(&httpd, good, 200).body, b"hello");
    }
    // The second is the start of an HTTP/2 client (RFC 9113 section 3.4).
    for version in ["GET /a.txt HTTP/0.9\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        check(&httpd, version, 505);
    }
    for bad in [
        "\r\n\r\nGET /a.txt HTTP/1.0\r\n\r\n",
        "GET  /a.txt HTTP/1.0\r\n\r\n",
        "GET /a.txt HTTP/1.10\r\n\r\n",
        "GET /a.txt HTTP/1.0\rX: y\r\n\r\n",
        "G@T /a.txt HTTP/1.0\r\n\r\n",
        "\x16\x02\x01\x02\0\x01\n",
        "hello\r\n",
    ] {
        check(&httpd, bad, 400);
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
fn methods() {
    let (_tree, httpd) = site();
    for method in ["PUT", "DELETE", "TRACE", "PATCH", "POST"] {
        let reply = check(&httpd, format!("{method} /a.txt HTTP/1.0\r\n\r\n"), 405);
        assert_eq!(reply.field("Allow"), Some("GET, HEAD, OPTIONS"), "{method}");
    }
    for (target, want) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("*", "GET, HEAD, POST, OPTIONS"),
        ("/dir", "GET, HEAD, OPTIONS"),
        ("/dir/", "GET, HEAD, OPTIONS"),
        ("/get.html", "GET, HEAD, OPTIONS"),
        ("/redirect.html", "GET, HEAD, OPTIONS"),
        ("/post.html", "GET, HEAD, POST, OPTIONS"),
    ] {
        let reply = check(&httpd, format!("OPTIONS {target} HTTP/1.0\r\n\r\n"), 204);
        assert_eq!(reply.field("Allow"), Some(want), "{target}");
    }
    check(&httpd, "PUT /missing HTTP/1.0\r\n\r\n", 404);
    check(&httpd, "DELETE /.hidden HTTP/1.0\r\n\r\n", 404);
    check(&httpd, "TRACE * HTTP/1.0\r\n\r\n", 400);

    for method in ["CONNECT", "get", "X!#$%&'*+.^_`|~9"] {
        check(&httpd, format!("{method} /a.txt HTTP/1.0\r\n\r\n"), 501);
    }
}

#[test]
fn targets() {
    let (_tree, httpd) = site();
    let check = |target: &str, want: Result<&str, u16>| check_target(&httpd, target, want);
    check("/a.txt?/../../etc/passwd%", Ok("hello"));
    check("//dir///b.txt", Ok("deeper"));
    check("/missing/../dir/%2e%2e/./a.txt", Ok("hello"));
    check("https://[::1]/a.txt?x", Ok("hello"));
    check("/%61%2Etxt", Ok("hello"));
    check("/a%20b.txt", Ok("a space"));
    check("/%2541.txt", Ok("a percent sign"));
    check("/a%3fb%23c.txt", Ok("delimiters"));
    check("/caf\u{e9}.txt", Ok("not ASCII"));
    check("/caf%c3%A9.txt", Ok("not ASCII"));
    check_target(&httpd, b"/\xff%0A.txt", Ok("not text"));

    for missing in ["/missing", "/a.txt/", "/a.txt/.", "/A.TXT", "/.hidden", "/a+b.txt"] {
        check(missing, Err(404));
    }
    for missing in ["/dir%2fb.txt", "/dir\\b.txt", "/..%2fa.txt", "/%252e%252e/a.txt"] {
        check(missing, Err(404));
    }
    for bad in ["/a.txt#fragment", "a.txt", "*", "ftp://localhost/a.txt", "http://user@localhost/"]
    {
        check(bad, Err(400));
    }
    for bad in ["/../../etc/passwd", "/%2e%2E/etc/passwd", "/a.txt%00.html", "/100%"] {
        check(bad, Err(400));
    }
}

#[test]
fn hosts() {
    let (_tree, httpd) = site();
    for (fields, status) in [
        ("HOST:\t[::1]:8080 \t\r\n", 200),
        ("Host:\r\n", 200),
        ("", 400),
        ("Host: localhost\r\nhost: www.example.com\r\n", 400),
        ("Host: local host\r\n", 400),
        ("Host: :80\r\n", 400),
    ] {
        check_fields(&httpd, fields, status);
    }
}

#[test]
fn field_lines() {
    let (_tree, httpd) = site();
    let check =
        |lines: &str, want| check_fields(&httpd, &format!("Host: localhost\r\n{lines}"), want);
    check("X:\r\nX: \ty z\t \r\n", 200);
    check("X: caf\u{e9}\r\n", 200);
    check("!#$%&'*+-.^_`|~9: y\r\n", 200);
    check("Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", 200);
    check("Accept-Encoding: ;;;=,,\"\r\nAccept: /\r\nReferer: \"\r\n", 200);
    for bad in ["X : y", "X: y\r\n folded", "no colon", "X(: y", "X: y\rZ: z", "X: \x1b[31m"] {
        check(&format!("{bad}\r\n"), 400);
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

    let fields = |count: usize| {
        let lines = "X: y\r\n".repeat(count);
        format!("GET /a.txt HTTP/1.0\r\n{lines}\r\n")
    };
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
    check(&httpd, format!("GET /{} HTTP/1.0\r\n\r\n", "a/".repeat(2000)), 404);
    check(&httpd, format!("GET /{} HTTP/1.0\r\n\r\n", "a".repeat(300)), 404);
}

#[test]
fn posts() {
    let (_tree, httpd) = site();
    let check = |fields: &str, body: &str, want| check_post(&httpd, fields, body, want);
    // The page that reports a missing id names that field.
    let none = Ok(" id ");
    check("Content-Length: 9, 9\r\ncontent-length:009\r\n", "id=s12345", Ok(">s12345<"));
    check("Content-Length: 12\r\n", "x=y&id=%3Cb>", Ok(">&lt;b&gt;<"));
    check("Content-Length: 5\r\n", "id=s12345", Ok(">s1<"));
    check("Content-Length: 0\r\n", "", none);
    check("Content-Length: 2\r\n", "id", none);
    let long = format!("id=s12345&x={}", "y".repeat(65_536 - "id=s12345&x=".len()));
    check("Content-Length: 65536\r\n", &long, Ok(">s12345<"));

    check("", "", Err(411));
    check("Transfer-Encoding: chunked\r\n", "3\r\nid=\r\n0\r\n\r\n", Err(411));
    check("Transfer-Encoding: gzip\r\nContent-Length: 3\r\n", "id=", Err(411));
    check("Content-Length: 65537\r\n", "", Err(413));
    check("Content-Length: 18446744073709551616\r\n", "", Err(400));
    check("Content-Length: 3\r\nContent-Length: 4\r\n", "id=", Err(400));
}

#[test]
fn an_unexpected_body_is_ignored() {
    let (_tree, httpd) = site();
    for fields in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        let request = format!("GET /a.txt HTTP/1.0\r\n{fields}\r\n0\r\n\r\n");
        assert_eq!(check(&httpd, request, 200).body, b"hello");
    }
    check(&httpd, "POST /a.txt HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 405);
}

#[test]
fn every_prefix_of_a_request_is_incomplete() {
    let (_tree, httpd) = site();
    let mut request = "\r\nPOST /post.html HTTP/1.1\r\nHost: localhost\r\n".to_owned();
    write!(request, "Content-Length: 4\r\n\r\nid=x").unwrap();
    for length in 1..request.len() {
        let answer = {
            let mut stream = httpd.connect();
            crate::support::send_and_half_close(&mut stream, &request.as_bytes()[..length])
        };
        assert_eq!(answer, b"", "{:?}", &request[..length]);
    }
    check(&httpd, request, 200);
}

/// A TLS client reads this as a fatal alert, `protocol_version` (RFC 8446 section 6.2).
const TLS_ALERT: [u8; 7] = [0x15, 3, 1, 0, 2, 2, 70];

#[test]
fn a_tls_client_gets_an_alert_at_once() {
    // Longer than any wait in a test.
    let flags = ["--log-format", "json", "--request-timeout", "300"];
    let httpd = Httpd::serve(Tree::new().path(), &flags);
    // Neither is a whole handshake, and neither has a line end.
    for start in [&b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"[..], b"\x16\x03"] {
        assert_eq!(httpd.raw(start), TLS_ALERT);
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
