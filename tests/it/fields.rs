//! The fields of every kind of response: which ones there are, and that no input can inject one.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::Duration;

use httpdate::HttpDate;

use crate::ask::{ask, ask_for};
use crate::support::{Httpd, Reply, Tree, read_to_end};

/// The first fields of every response.
const START: &str = "Date Server Connection Content-Length";

fn site() -> Tree {
    let tree = Tree::with(&[
        ("a.txt", b"hello"),
        ("listed/b.txt", b"deeper"),
        ("indexed/index.html", b"<h1>index</h1>"),
        ("indexed/style.mycss", b""),
    ]);
    fs::create_dir(tree.join("\\evil")).unwrap();
    fs::create_dir(tree.join("evil")).unwrap();
    fs::create_dir(tree.join("a b\r\nSet-Cookie: x=1")).unwrap();
    tree
}

/// The fields that `--cors` adds at the end of every response.
const CORS: &str = "Access-Control-Allow-Origin Access-Control-Expose-Headers";

/// Checks the names of a reply's fields; `want` omits those of every response.
#[track_caller]
fn check(reply: &Reply, want_status: u16, want: &str) {
    check_to_the_end(reply, want_status, want, "");
}

/// Likewise, for a server that adds more at the end.
#[track_caller]
fn check_to_the_end(reply: &Reply, want_status: u16, want: &str, end: &str) {
    let names: Vec<&str> = reply.fields.iter().map(|(name, _)| name.as_str()).collect();
    let has_length = ![204, 304].contains(&want_status);
    let start = if has_length { START } else { "Date Server Connection" };
    let want = format!("{start} {want} X-Content-Type-Options {end}").replace("  ", " ");
    assert_eq!((reply.status, names.join(" ").as_str()), (want_status, want.trim_end()));
}

#[track_caller]
fn check_location(httpd: &Httpd, target: &str, want: &str) {
    let reply = ask_for(httpd, target, "");
    assert_eq!((reply.status, reply.field("Location")), (301, Some(want)), "{target}");
    let link = want.replace('&', "&amp;").replace('\'', "&#39;");
    assert!(reply.text().contains(&format!("href=\"{link}\"")), "{}", reply.text());
}

#[test]
fn each_kind_of_response_has_its_fields_and_no_others() {
    let tree = site();
    let flags = ["--redirect", "/old=/new", "--cors"];
    for (flags, end) in [(&flags[..2], ""), (&flags, CORS)] {
        check_each_kind(&tree, &Httpd::serve(tree.path(), flags), end);
    }
    let httpd = Httpd::serve(tree.path(), &["--cors", "--request-timeout", "0.1"]);
    check_to_the_end(&httpd.reply("GET /a.txt HTTP/1.0\r\n"), 408, "Content-Type", CORS);
    let preflight = "Access-Control-Allow-Methods Access-Control-Allow-Headers \
                     Access-Control-Max-Age";
    let asks = "Origin: null\r\nAccess-Control-Request-Method: GET\r\n";
    let httpd = Httpd::serve(tree.path(), &["--cors"]);
    let request = format!("OPTIONS /missing HTTP/1.0\r\n{asks}\r\n");
    check_to_the_end(&ask(&httpd, request), 204, preflight, CORS);
}

#[track_caller]
fn check_each_kind(tree: &Tree, httpd: &Httpd, end: &str) {
    let check = |reply: &Reply, want_status, want: &str| {
        check_to_the_end(reply, want_status, want, end);
    };
    let get = |target: &str, fields: &str| ask_for(httpd, target, fields);
    let file = "Content-Type ETag Cache-Control Vary Accept-Ranges Last-Modified";
    check(&get("/a.txt", ""), 200, file);
    check(&get("/indexed/", ""), 200, file);
    let listing = "Content-Type Cache-Control Vary X-Total-Count Content-Security-Policy";
    check(&get("/listed/", ""), 200, listing);
    check(&get("/get.html", ""), 200, "Content-Type");
    check(&get("/listed", ""), 301, "Content-Type Location");
    check(&get("/old", ""), 301, "Content-Type Location");
    check(&get("/redirect.html", ""), 301, "Content-Type Location");
    check(&get("/a.txt", "If-None-Match: *\r\n"), 304, "ETag Cache-Control Vary");
    check(&get("/a.txt", "If-Match: \"x\"\r\n"), 412, "Content-Type");
    check(&get("/missing", ""), 404, "Content-Type");
    check(&get("/notfound.html", ""), 404, "Content-Type");
    check(&get("/post.html", ""), 405, "Content-Type Allow");
    check(&get("/..", ""), 400, "Content-Type");
    check(&get("/a.txt", "Host: example.com\r\n"), 421, "Content-Type");
    check(&get("/a.txt", &"X: y\r\n".repeat(101)), 431, "Content-Type");

    // Range applies only to GET, so these are not repeated as HEAD.
    let ranged = |range: &str| httpd.request("GET", "/a.txt", &format!("Range: bytes={range}\r\n"));
    let part = "Content-Type Content-Range ETag Cache-Control Vary Accept-Ranges Last-Modified";
    check(&ranged("1-2"), 206, part);
    check(&ranged("0-0,4-4"), 206, file);
    check(&ranged("5-"), 416, "Content-Type Content-Range");

    let post = |fields: &str| ask(httpd, format!("POST /post.html HTTP/1.0\r\n{fields}\r\n"));
    check(&post("Content-Length: 0\r\n"), 200, "Content-Type");
    check(&post(""), 411, "Content-Type");
    check(&post("Content-Length: 65537\r\n"), 413, "Content-Type");
    check(&ask(httpd, "PUT /a.txt HTTP/1.0\r\n\r\n"), 405, "Content-Type Allow");
    check(&ask(httpd, "OPTIONS /a.txt HTTP/1.0\r\n\r\n"), 204, "Allow");
    check(&ask(httpd, "OPTIONS * HTTP/1.0\r\n\r\n"), 204, "Allow");
    check(&ask(httpd, "OPTIONS /missing HTTP/1.0\r\n\r\n"), 404, "Content-Type");
    check(&ask(httpd, "BREW /a.txt HTTP/1.0\r\n\r\n"), 501, "Content-Type");
    check(&ask(httpd, "GET / HTTP/2.0\r\n\r\n"), 505, "Content-Type");
    tree.write("404.html", b"nothing here");
    check(&get("/missing", ""), 404, "Content-Type");
    fs::remove_file(tree.join("404.html")).unwrap();
}

#[test]
fn what_stands_in_for_a_path_has_the_fields_of_a_file() {
    let tree = site();
    tree.write("index.html", b"the app");
    tree.write("about.html", b"about");
    let httpd = Httpd::serve(tree.path(), &["--spa", "--pretty-urls"]);
    let file = "Content-Type ETag Cache-Control Vary Accept-Ranges Last-Modified";
    check(&ask_for(&httpd, "/about", ""), 200, file);
    check(&ask_for(&httpd, "/deep/link", ""), 200, file);
    check(&ask_for(&httpd, "/deep/link", "If-None-Match: *\r\n"), 304, "ETag Cache-Control Vary");
    check(&ask_for(&httpd, "/deep/link", "Accept: image/png\r\n"), 404, "Content-Type Vary");
    check(&ask_for(&httpd, "/missing.js", ""), 404, "Content-Type");
}

#[test]
fn a_files_fields_have_the_right_values() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = ask_for(&httpd, "/a.txt", "");
    assert_eq!(reply.status_line, "HTTP/1.0 200 OK");
    let server = concat!("httpd/", env!("CARGO_PKG_VERSION"));
    for (name, want) in [
        ("Server", server),
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
    let json = ask_for(&httpd, "/listed/", "Accept: application/json\r\n");
    assert_eq!(json.field("Content-Type"), Some("application/json"));
    assert_eq!(json.field("Vary"), Some("Accept"));
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
fn custom_fields_are_on_every_response() {
    let tree = site();
    let headers = ["X-Frame-Options: DENY", "Cache-Control:max-age=60", "X-Empty:"];
    let replaced = "access-control-expose-headers: X-Frame-Options";
    let types = ["mycss=text/css", ".TXT=text/x-mine; charset=latin1"];
    let headers = headers.into_iter().chain([replaced]).flat_map(|it| ["--header", it]);
    let types = types.into_iter().flat_map(|it| ["--media-type", it]);
    let flags: Vec<_> = ["--cors"].into_iter().chain(headers).chain(types).collect();
    let httpd = Httpd::serve(tree.path(), &flags);
    for (target, fields, want_status) in [
        ("/a.txt", "", 200),
        ("/a.txt", "If-None-Match: *\r\n", 304),
        ("/listed/", "", 200),
        ("/%", "", 400),
    ] {
        let reply = ask_for(&httpd, target, fields);
        assert_eq!(reply.status, want_status);
        assert_eq!(reply.field("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(reply.field("Access-Control-Expose-Headers"), Some("X-Frame-Options"));
        assert_eq!(reply.field("X-Frame-Options"), Some("DENY"));
        assert_eq!(reply.field("Cache-Control"), Some("max-age=60"));
        assert_eq!(reply.field("X-Empty"), Some(""));
    }
    let media_type =
        |target: &str| ask_for(&httpd, target, "").field("Content-Type").map(str::to_owned);
    assert_eq!(media_type("/indexed/style.mycss").as_deref(), Some("text/css"));
    assert_eq!(media_type("/a.txt").as_deref(), Some("text/x-mine; charset=latin1"));
}

#[test]
fn a_location_stays_on_this_server_and_keeps_the_query() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/new", "--redirect", "//x=/y?z"]);
    let check = |target: &str, want: &str| check_location(&httpd, target, want);
    check("/listed", "listed/");
    check("/listed?a=b&c=d", "listed/?a=b&c=d");
    check("/listed?a?b/../c", "listed/?a?b/../c");
    check("/listed?it's", "listed/?it's");
    check("http://localhost/listed?x", "listed/?x");
    check("/old?a=b", "/new?a=b");
    check("/x?a=b", "/y?z");
    check("/redirect.html?a=b", "/get.html?a=b");

    check("//evil", "evil/");
    check("/listed/..//evil", "evil/");
    check("/%5cevil", "%5Cevil/");
    check("/%65vil?//evil", "evil/?//evil");
    check("/evil?\\\"<>`{|}^", "evil/?%5C%22%3C%3E%60%7B%7C%7D%5E");
    check("/evil?caf\u{e9}", "evil/?caf%C3%A9");

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
