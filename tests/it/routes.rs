//! The route table: every row, its methods, and the effect of a file of the same name.

use crate::ask::ask_for;
use crate::support::{Httpd, Reply, Tree};

/// Checks a target with GET and HEAD.
#[track_caller]
fn check(httpd: &Httpd, target: &str, want_status: u16, want_text: &str) -> Reply {
    let get = ask_for(httpd, target, "");
    assert_eq!(get.status, want_status, "{get:?}");
    assert!(get.text().contains(want_text), "{}", get.text());
    get
}

#[track_caller]
fn check_method(httpd: &Httpd, method: &str, target: &str, want: (u16, Option<&str>)) {
    let reply = httpd.request(method, target, "Content-Length: 0\r\n");
    assert_eq!((reply.status, reply.field("Allow")), want, "{method} {target}");
}

#[test]
fn built_in_pages_answer() {
    let httpd = Httpd::serve(Tree::new().path(), &[]);
    check(&httpd, "/get.html", 200, "GET");
    check(&httpd, "/head.html", 200, "HEAD");
    check(&httpd, "/notfound.html", 404, "404");
    check(&httpd, "/nothing/of/the/kind", 404, "404");
    let moved = check(&httpd, "/redirect.html", 301, "/get.html");
    assert_eq!(moved.field("Location"), Some("/get.html"));
}

#[test]
fn the_methods_that_a_target_takes() {
    let tree = Tree::with(&[("a.txt", b"hello"), ("folder/b.txt", b""), (".hidden", b"")]);
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/a.txt"]);
    for method in ["POST", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"] {
        let status = if method == "OPTIONS" { 204 } else { 405 };
        for target in ["/a.txt", "/folder", "/folder/", "/old", "/get.html", "/notfound.html"] {
            check_method(&httpd, method, target, (status, Some("GET, HEAD, OPTIONS")));
        }
        check_method(&httpd, method, "/nothing", (404, None));
        check_method(&httpd, method, "/.hidden", (404, None));
    }
    for method in ["GET", "HEAD", "PUT"] {
        check_method(&httpd, method, "/post.html", (405, Some("POST, OPTIONS")));
    }
    check_method(&httpd, "OPTIONS", "/post.html", (204, Some("POST, OPTIONS")));
    // The server as a whole, whatever its root is.
    for flags in [&[][..], &["--no-listing"]] {
        let httpd = Httpd::serve(tree.path(), flags);
        check_method(&httpd, "OPTIONS", "*", (204, Some("GET, HEAD, POST, OPTIONS")));
    }
}

#[test]
fn a_real_file_wins_over_a_built_in_page() {
    let tree = Tree::with(&[("get.html", b"my own"), ("post.html", b"my form")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    check(&httpd, "/get.html", 200, "my own");
    check(&httpd, "/post.html", 200, "my form");
    let posted = httpd.reply("POST /post.html HTTP/1.0\r\nContent-Length: 4\r\n\r\nid=5");
    assert!(posted.text().contains(">5<"), "{}", posted.text());
    check_method(&httpd, "PUT", "/post.html", (405, Some("GET, HEAD, POST, OPTIONS")));
}

#[test]
fn redirects_come_before_files() {
    let tree = Tree::with(&[("old", b"old"), ("new", b"new")]);
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/new"]);
    assert_eq!(check(&httpd, "/old", 301, "/new").field("Location"), Some("/new"));
    check(&httpd, "/new", 200, "new");
}

#[test]
fn the_sites_own_404_page_is_used() {
    let tree = Tree::with(&[("404.html", b"<p>nowhere")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = check(&httpd, "/nothing", 404, "<p>nowhere");
    assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(reply.field("ETag"), None);
    check(&httpd, "/notfound.html", 404, "<p>nowhere");
    check(&httpd, "/404.html", 200, "<p>nowhere");
    // Refused before the Host is checked, so that a page of another origin could read it.
    let refused = httpd.request("GET", "/a%2fb", "Host: evil.example.com\r\n");
    assert_eq!(refused.status, 404);
    assert!(!refused.text().contains("nowhere"), "{}", refused.text());
}
