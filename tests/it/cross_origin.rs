//! `--cors`: preflights, and the access of pages of another origin, in a browser.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{Httpd, Reply, Tree};

/// The fields of a preflight for a GET.
const ASKS: &str = "Origin: http://a.example\r\nAccess-Control-Request-Method: GET\r\n";

fn preflight(httpd: &Httpd, target: &str, fields: &str) -> Reply {
    httpd.request("OPTIONS", target, fields)
}

#[test]
fn a_preflight_is_allowed_for_any_target() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--cors", "--redirect", "/old=/a.txt"]);
    let want = preflight(&httpd, "/a.txt", ASKS);
    assert_eq!(want.status, 204);
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
        ("Access-Control-Max-Age", "7200"),
        (
            "Access-Control-Allow-Headers",
            "Cache-Control, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, \
             If-Unmodified-Since, Range",
        ),
    ] {
        assert_eq!(want.field(name), Some(value));
    }
    let without_date = |reply: &Reply| {
        let fields = reply.fields.iter().filter(|(name, _)| name != "Date");
        (reply.status, fields.cloned().collect::<Vec<_>>(), reply.body.clone())
    };
    for target in ["/", "/missing", "/post.html", "/old", "/.env", "/no/such/folder/", "*"] {
        let reply = preflight(&httpd, target, ASKS);
        assert_eq!(without_date(&reply), without_date(&want), "{target}");
    }
    let put = ASKS.replace("GET", "PUT");
    assert_eq!(without_date(&preflight(&httpd, "/a.txt", &put)), without_date(&want));
}

#[test]
fn a_preflight_is_allowed_the_fields_that_it_asks_for() {
    let flags = ["--cors", "--header", "access-control-allow-methods: GET"];
    let httpd = Httpd::serve(Tree::new().path(), &flags);
    let allowed = |fields: &str| {
        let reply = preflight(&httpd, "/", &format!("{ASKS}{fields}"));
        assert_eq!(reply.field("Access-Control-Allow-Methods"), Some("GET"), "{fields}");
        reply.field("Access-Control-Allow-Headers").unwrap().to_owned()
    };
    let two_lines = "Access-Control-Request-Headers: range,a\r\n\
                     access-control-request-headers: \"x\", x:y, b\r\n";
    assert_eq!(allowed(two_lines), format!("{}, a, b", allowed("")));
}

#[test]
fn other_options_requests_are_answered_as_ever() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let with = Httpd::serve(tree.path(), &["--cors"]);
    let without = Httpd::serve(tree.path(), &[]);
    let origin = "Origin: http://a.example\r\n";
    let method = "Access-Control-Request-Method: GET\r\n";
    for (httpd, fields) in [(&with, ""), (&with, origin), (&with, method), (&without, ASKS)] {
        let reply = preflight(httpd, "/a.txt", fields);
        let allow = (reply.field("Allow"), reply.field("Access-Control-Allow-Methods"));
        assert_eq!((reply.status, allow), (204, (Some("GET, HEAD, OPTIONS"), None)), "{fields}");
        assert_eq!(preflight(httpd, "/missing", fields).status, 404, "{fields}");
    }
    assert_eq!(without.get("/a.txt").field("Access-Control-Allow-Origin"), None);
    assert_eq!(without.get("/a.txt").field("Access-Control-Expose-Headers"), None);
    // A name that this server does not accept is refused first.
    let evil = format!("Host: evil.example.com\r\n{ASKS}");
    assert_eq!(preflight(&with, "/a.txt", &evil).status, 421);
}

/// Serves a page, and files from another origin to which `remote` is set in the page.
fn two_origins(browser: &Browser, files: &Tree, flags: &[&str]) -> (Httpd, Httpd) {
    let site = Tree::with(&[("index.html", b"<!doctype html><link rel=icon href=data:,>")]);
    let (here, there) = (Httpd::serve(site.path(), &[]), Httpd::serve(files.path(), flags));
    browser.open(&here.url("/"));
    browser.run(&format!("window.remote = {}", json!(there.url(""))));
    (here, there)
}

#[test]
fn a_page_of_another_origin_reads_ranges_and_validators() {
    let Some(browser) = Browser::start() else { return };
    let files = Tree::with(&[("a.txt", b"0123456789")]);
    let (_here, there) = two_origins(&browser, &files, &["--cors"]);
    let etag = there.get("/a.txt").field("ETag").unwrap().to_owned();
    let ask = |target: &str, headers: &Value| {
        browser.run(&format!(
            "return fetch(remote + {}, {{ headers: {headers} }}).then(async it => ({{
                 status: it.status, text: await it.text(), etag: it.headers.get('ETag'),
                 type: it.headers.get('Content-Type'), range: it.headers.get('Content-Range'),
                 takes: it.headers.get('Accept-Ranges'),
                 length: it.headers.get('Content-Length'),
                 modified: it.headers.get('Last-Modified') !== null,
             }}), error => String(error))",
            json!(target),
        ))
    };
    let whole = ask("/a.txt", &json!({}));
    assert_eq!(
        (&whole["status"], &whole["text"], &whole["etag"], &whole["length"], &whole["takes"]),
        (&json!(200), &json!("0123456789"), &json!(etag), &json!("10"), &json!("bytes")),
    );
    assert_eq!(whole["modified"], true);

    let one = ask("/a.txt", &json!({ "Range": "bytes=2-4", "If-Range": etag }));
    assert_eq!((&one["status"], &one["text"]), (&json!(206), &json!("234")));
    assert_eq!((&one["range"], &one["etag"]), (&json!("bytes 2-4/10"), &json!(etag)));

    // Two ranges and a condition each cause a preflight.
    let other = json!({ "Range": "bytes=0-1,8-9", "If-None-Match": "\"other\"" });
    let two = ask("/a.txt", &other);
    assert_eq!((&two["status"], &two["etag"]), (&json!(206), &json!(etag)));
    assert!(two["type"].as_str().unwrap().starts_with("multipart/byteranges; "), "{two}");
    let text = two["text"].as_str().unwrap();
    let has = |part: &str| text.contains(part);
    assert!(has("bytes 0-1/10\r\n\r\n01\r\n") && has("bytes 8-9/10\r\n\r\n89\r\n"), "{text}");
    there.log_line(|line| line.contains("OPTIONS /a.txt"));

    let same = ask("/a.txt", &json!({ "Range": "bytes=0-1,8-9", "If-None-Match": etag }));
    assert_eq!((&same["status"], &same["etag"]), (&json!(304), &json!(etag)));

    // Pages can also read errors, and answers to requests with a library's own field.
    let missing = ask("/missing", &json!({ "X-Requested-With": "a page", "If-Match": "\"x\"" }));
    assert_eq!(missing["status"], 404);
    let beyond = ask("/a.txt", &json!({ "Range": "bytes=10-" }));
    assert_eq!((&beyond["status"], &beyond["range"]), (&json!(416), &json!("bytes */10")));
}

#[test]
fn without_the_flag_a_page_of_another_origin_reads_nothing() {
    let Some(browser) = Browser::start() else { return };
    let files = Tree::with(&[("a.txt", b"0123456789")]);
    let (_here, _there) = two_origins(&browser, &files, &[]);
    let read = |init: &str| {
        browser.run(&format!(
            "return fetch(remote + '/a.txt', {init}).then(it => it.status, error => error.name)"
        ))
    };
    assert_eq!(read("{}"), "TypeError");
    assert_eq!(read("{ headers: { 'If-Match': '*' } }"), "TypeError");
}
