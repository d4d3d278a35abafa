//! `--cors`: preflights, and the access of pages of another origin, in a browser.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{Httpd, Reply, Tree};

/// The fields of a preflight for a GET.
const ASKS: &str = "Origin: http://a.example\r\nAccess-Control-Request-Method: GET\r\n";

#[test]
fn a_preflight_is_allowed_for_any_target_and_field() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--cors", "--redirect", "/old=/a.txt"]);
    let want = httpd.request("OPTIONS", "/a.txt", ASKS);
    let always = "Cache-Control, Content-Type, If-Match, If-Modified-Since, If-None-Match, \
                  If-Range, If-Unmodified-Since, Range";
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
        ("Access-Control-Max-Age", "7200"),
        ("Access-Control-Allow-Headers", always),
    ] {
        assert_eq!(want.field(name), Some(value));
    }
    let without_date = |reply: &Reply| (reply.status, reply.fields[1..].to_vec());
    for target in ["/", "/missing", "/post.html", "/old", "/.env", "/no/such/folder/", "*"] {
        let reply = httpd.request("OPTIONS", target, &ASKS.replace("GET", "PUT"));
        assert_eq!(without_date(&reply), without_date(&want), "{target}");
    }
    let two_lines = "Access-Control-Request-Headers: range,a\r\n\
                     access-control-request-headers: \"x\", x:y, b\r\n";
    let asked = httpd.request("OPTIONS", "/", &format!("{ASKS}{two_lines}"));
    assert_eq!(asked.field("Access-Control-Allow-Headers"), Some(&*format!("{always}, a, b")));
}

#[test]
fn other_options_requests_are_answered_as_ever() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let with = Httpd::serve(tree.path(), &["--cors"]);
    let without = Httpd::serve(tree.path(), &[]);
    let origin = "Origin: http://a.example\r\n";
    for (httpd, fields) in [(&with, origin), (&without, ASKS)] {
        let reply = httpd.request("OPTIONS", "/a.txt", fields);
        let allow = (reply.field("Allow"), reply.field("Access-Control-Allow-Methods"));
        assert_eq!((reply.status, allow), (204, (Some("GET, HEAD, OPTIONS"), None)), "{fields}");
        assert_eq!(httpd.request("OPTIONS", "/missing", fields).status, 404, "{fields}");
    }
    // A name that this server does not accept is refused first.
    let evil = format!("Host: evil.example.com\r\n{ASKS}");
    assert_eq!(with.request("OPTIONS", "/a.txt", &evil).status, 421);
}

#[test]
fn a_page_of_another_origin_reads_ranges_and_validators() {
    let Some(browser) = Browser::start() else { return };
    let site = Tree::with(&[("index.html", b"<!doctype html><link rel=icon href=data:,>")]);
    let files = Tree::with(&[("a.txt", b"0123456789")]);
    let here = Httpd::serve(site.path(), &[]);
    let there = Httpd::serve(files.path(), &["--cors"]);
    browser.open(&here.url("/"));
    let file = there.get("/a.txt");
    let etag = file.field("ETag").unwrap();
    // The status, the text and these fields of the answer.
    let ask = |target: &str, headers: &Value, fields: &[&str]| {
        browser.run(&format!(
            "return fetch({}, {{ headers: {headers} }}).then(
                 async it => [it.status, await it.text(), ...{}.map(name => it.headers.get(name))],
                 error => String(error))",
            json!(there.url(target)),
            json!(fields),
        ))
    };
    let fields = ["ETag", "Content-Length", "Accept-Ranges", "Last-Modified"];
    let modified = file.field("Last-Modified");
    let want = json!([200, "0123456789", etag, "10", "bytes", modified]);
    assert_eq!(ask("/a.txt", &json!({}), &fields), want);
    let one = json!({ "Range": "bytes=2-4", "If-Range": etag });
    let want = json!([206, "234", etag, "bytes 2-4/10"]);
    assert_eq!(ask("/a.txt", &one, &["ETag", "Content-Range"]), want);

    // Two ranges and a condition each cause a preflight.
    let two = json!({ "Range": "bytes=0-1,8-9", "If-None-Match": "\"other\"" });
    let parts = ask("/a.txt", &two, &["Content-Type"]);
    assert_eq!(parts[0], 206);
    assert!(parts[2].as_str().unwrap().starts_with("multipart/byteranges; "), "{parts}");
    let has = |part: &str| parts[1].as_str().unwrap().contains(part);
    assert!(has("bytes 0-1/10\r\n\r\n01\r\n") && has("bytes 8-9/10\r\n\r\n89\r\n"), "{parts}");
    there.log_line(|line| line.contains("OPTIONS /a.txt"));
    let same = json!({ "Range": "bytes=0-1,8-9", "If-None-Match": etag });
    assert_eq!(ask("/a.txt", &same, &["ETag"]), json!([304, "", etag]));

    // Pages can also read errors, and answers to requests with a library's own field.
    let odd = json!({ "X-Requested-With": "a page", "If-Match": "\"x\"" });
    assert_eq!(ask("/missing", &odd, &[])[0], 404);
    let beyond = ask("/a.txt", &json!({ "Range": "bytes=10-" }), &["Content-Range"]);
    assert_eq!((&beyond[0], &beyond[2]), (&json!(416), &json!("bytes */10")));
}
