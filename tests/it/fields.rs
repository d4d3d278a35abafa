//! The fields of every kind of response: which ones there are, and that no input can inject one.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::Duration;

use httpdate::HttpDate;

use crate::ask::{ask, ask_for};
use crate::support::{Httpd, Reply, Tree, read_to_end};

fn site() -> Tree {
    let tree = Tree::with(&[
        ("a.txt", b"hello"),
        ("listed/b.txt", b"deeper"),
        ("indexed/index.html", b"<h1>index</h1>"),
    ]);
    for folder in ["\\evil", "evil", "a b\r\nSet-Cookie: x=1"] {
        fs::create_dir(tree.join(folder)).unwrap();
    }
    tree
}

/// The fields that `--cors` adds at the end of every response.
const CORS: &str = "Access-Control-Allow-Origin Access-Control-Expose-Headers";

/// Checks the names of a reply's fields; `want` omits those of every response, and `end`, which the
/// server adds at the end.
#[track_caller]
fn check(reply: &Reply, want_status: u16, want: &str, end: &str) {
    let names: Vec<&str> = reply.fields.iter().map(|(name, _)| name.as_str()).collect();
    let length = if [204, 304].contains(&want_status) { "" } else { "Content-Length" };
    let want = format!("Date Server Connection {length} {want} X-Content-Type-Options {end}");
    let want: Vec<&str> = want.split_whitespace().collect();
    assert_eq!((reply.status, names), (want_status, want));
}

#[test]
fn each_kind_of_response_has_its_fields_and_no_others() {
    let tree = site();
    let flags = ["--redirect", "/old=/new", "--cors"];
    for (flags, end) in [(&flags[..2], ""), (&flags, CORS)] {
        check_each_kind(&tree, &Httpd::serve(tree.path(), flags), end);
    }
    let httpd = Httpd::serve(tree.path(), &["--cors", "--request-timeout", "0.1"]);
    check(&httpd.reply("GET /a.txt HTTP/1.0\r\n"), 408, "Content-Type", CORS);
    let preflight = "Access-Control-Allow-Methods Access-Control-Allow-Headers \
                     Access-Control-Max-Age";
    let asks = "Origin: null\r\nAccess-Control-Request-Method: GET\r\n";
    let httpd = Httpd::serve(tree.path(), &["--cors"]);
    check(&ask(&httpd, format!("OPTIONS /missing HTTP/1.0\r\n{asks}\r\n")), 204, preflight, CORS);
}

#[track_caller]
fn check_each_kind(tree: &Tree, httpd: &Httpd, end: &str) {
    let file = "Content-Type ETag Cache-Control Vary Accept-Ranges Last-Modified";
    let listing = "Content-Type Cache-Control Vary X-Total-Count Content-Security-Policy";
    let archive = "Content-Type ETag Cache-Control Accept-Ranges Content-Disposition";
    let many = "X: y\r\n".repeat(101);
    for (target, fields, want_status, want) in [
        ("/a.txt", "", 200, file),
        ("/indexed/", "", 200, file),
        ("/listed/", "", 200, listing),
        ("/listed/?format=tar", "", 200, archive),
        ("/get.html", "", 200, "Content-Type"),
        ("/listed", "", 301, "Content-Type Location"),
        ("/old", "", 301, "Content-Type Location"),
        ("/redirect.html", "", 301, "Content-Type Location"),
        ("/a.txt", "If-None-Match: *\r\n", 304, "ETag Cache-Control Vary"),
        ("/a.txt", "If-Match: \"x\"\r\n", 412, "Content-Type"),
        ("/missing", "", 404, "Content-Type"),
        ("/notfound.html", "", 404, "Content-Type"),
        ("/post.html", "", 405, "Content-Type Allow"),
        ("/..", "", 400, "Content-Type"),
        ("/a.txt", "Host: example.com\r\n", 421, "Content-Type"),
        ("/a.txt", &many, 431, "Content-Type"),
    ] {
        check(&ask_for(httpd, target, fields), want_status, want, end);
    }
    // Range applies only to GET, so these are not repeated as HEAD.
    let part = "Content-Type Content-Range ETag Cache-Control Vary Accept-Ranges Last-Modified";
    for (range, want_status, want) in
        [("1-2", 206, part), ("0-0,4-4", 206, file), ("5-", 416, "Content-Type Content-Range")]
    {
        let reply = httpd.request("GET", "/a.txt", &format!("Range: bytes={range}\r\n"));
        check(&reply, want_status, want, end);
    }
    for (line, want_status, want) in [
        ("POST /post.html HTTP/1.0\r\nContent-Length: 0", 200, "Content-Type"),
        ("POST /post.html HTTP/1.0", 411, "Content-Type"),
        ("POST /post.html HTTP/1.0\r\nContent-Length: 65537", 413, "Content-Type"),
        ("PUT /a.txt HTTP/1.0", 405, "Content-Type Allow"),
        ("OPTIONS /a.txt HTTP/1.0", 204, "Allow"),
        ("OPTIONS * HTTP/1.0", 204, "Allow"),
        ("OPTIONS /missing HTTP/1.0", 404, "Content-Type"),
        ("BREW /a.txt HTTP/1.0", 501, "Content-Type"),
        ("GET / HTTP/2.0", 505, "Content-Type"),
    ] {
        check(&ask(httpd, format!("{line}\r\n\r\n")), want_status, want, end);
    }
    tree.write("404.html", b"nothing here");
    check(&ask_for(httpd, "/missing", ""), 404, "Content-Type", end);
    fs::remove_file(tree.join("404.html")).unwrap();
}

#[test]
fn a_files_fields_have_the_right_values() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = ask_for(&httpd, "/a.txt", "");
    assert_eq!(reply.status_line, "HTTP/1.0 200 OK");
    for (name, want) in [
        ("Server", concat!("httpd/", env!("CARGO_PKG_VERSION"))),
        ("Content-Length", "5"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-cache"),
        ("Vary", "Accept-Encoding"),
    ] {
        assert_eq!(reply.field(name), Some(want), "{name}");
    }
    let etag = reply.field("ETag").unwrap();
    assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
}

/// The client is accepted a second earlier, and the file changes in between.
#[test]
fn times_are_those_of_the_request_not_of_the_connection() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--log-format", "json"]);
    let mut stream = httpd.connect();
    stream.write_all(b"GET /a.txt HTTP/1.0\r\n").unwrap();
    thread::sleep(Duration::from_millis(1_200));
    let changed = fs::metadata(tree.write("a.txt", b"hallo")).unwrap().modified().unwrap();
    stream.write_all(b"\r\n").unwrap();
    let reply = Reply::parse(&read_to_end(&mut stream));

    let date = reply.field("Date").unwrap();
    let changed = HttpDate::from(changed);
    assert!(date.parse::<HttpDate>().unwrap() >= changed, "{date} is before {changed}");
    assert_eq!(reply.field("Last-Modified"), Some(changed.to_string().as_str()));
    let line = httpd.log_line(|line| line.contains("/a.txt"));
    let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
    // The time of day in RFC 3339 and in HTTP's format.
    assert_eq!(&entry["time"].as_str().unwrap()[11..19], &date[17..25], "{line}");
    assert!(entry["duration_us"].as_u64().unwrap() > 1_000_000, "{line}");
}

#[test]
fn a_location_stays_on_this_server_and_keeps_the_query() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/new", "--redirect", "//x=/y?z"]);
    for (target, want) in [
        ("/listed", "listed/"),
        ("/listed?a=b&c=d", "listed/?a=b&c=d"),
        ("/listed?it's", "listed/?it's"),
        ("http://localhost/listed?x", "listed/?x"),
        ("/old?a=b", "/new?a=b"),
        ("/x?a=b", "/y?z"),
        ("/redirect.html?a=b", "/get.html?a=b"),
        ("//evil", "evil/"),
        ("/listed/..//evil", "evil/"),
        ("/%5cevil", "%5Cevil/"),
        ("/evil?//evil", "evil/?//evil"),
        ("/evil?\\\"<>`{|}^caf\u{e9}", "evil/?%5C%22%3C%3E%60%7B%7C%7D%5Ecaf%C3%A9"),
    ] {
        let reply = ask_for(&httpd, target, "");
        assert_eq!((reply.status, reply.field("Location")), (301, Some(want)), "{target}");
        let link = want.replace('&', "&amp;").replace('\'', "&#39;");
        assert!(reply.text().contains(&format!("href=\"{link}\"")), "{}", reply.text());
    }
    for target in ["/%2fevil", "/%2f%2fevil", "/%2F%5Cevil", "/..//evil", "//evil/.."] {
        let reply = ask_for(&httpd, target, "");
        assert_eq!(reply.field("Location"), None, "{target}");
    }
}

#[test]
fn no_input_can_inject_a_field() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/new"]);
    let injected = "%0d%0aSet-Cookie:%20x=1";
    for target in [
        format!("/{injected}"),
        format!("/a%20b{injected}"),
        format!("/a%20b{injected}?{injected}"),
        format!("/listed?{injected}"),
        format!("/old?{injected}"),
        format!("/redirect.html?{injected}"),
        format!("/{injected}/../listed?{injected}"),
        "/listed?\u{85}\u{2028}Set-Cookie: x=1".replace(' ', "%20"),
        "/a.txt".to_owned(),
    ] {
        let fields =
            "Host: a.b\r\nReferer: \\r\\nSet-Cookie: x=1\r\nIf-Range: %0d%0aSet-Cookie: x\r\n";
        for fields in ["", fields, "Host: %0d%0aSet-Cookie%3a.example.com\r\n"] {
            let reply = ask_for(&httpd, &target, fields);
            assert_eq!(reply.field("Set-Cookie"), None, "{target}");
        }
    }
    let reply = ask_for(&httpd, "/a%20b%0d%0aSet-Cookie:%20x=1", "");
    assert_eq!(reply.field("Location"), Some("a%20b%0D%0ASet-Cookie%3A%20x%3D1/"));
    for bare in ["/\rSet-Cookie:x", "/listed?\rSet-Cookie:x=1"] {
        let reply = httpd.reply(format!("GET {bare} HTTP/1.0\r\n\r\n"));
        assert_eq!((reply.status, reply.field("Set-Cookie")), (400, None), "{bare:?}");
    }
}
