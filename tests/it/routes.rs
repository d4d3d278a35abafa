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

/// Posts a form; returns the page that answers it.
#[track_caller]
fn post(httpd: &Httpd, form: &str) -> String {
    let request = format!(
        "POST /post.html HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let reply = httpd.reply(request);
    assert_eq!(reply.status, 200);
    reply.text()
}

/// Checks that the answer to a form has this text as an element of the page.
#[track_caller]
fn check_post(httpd: &Httpd, form: &str, want: &str) {
    let page = post(httpd, form);
    assert!(page.contains(&format!(">{want}<")), "{page}");
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
fn a_posted_id_is_echoed_escaped() {
    let httpd = Httpd::serve(Tree::new().path(), &[]);
    check_post(&httpd, "id=s12345", "s12345");
    check_post(&httpd, "name=x&id=a+b%26c", "a b&amp;c");
    check_post(&httpd, "id=%3Cscript%3E", "&lt;script&gt;");
    // Without an id, all forms get the same page, which names the missing field.
    let page = post(&httpd, "");
    assert!(page.contains(" id "), "{page}");
    for form in ["id=", "student=5", "%%%=&&&=;"] {
        assert_eq!(post(&httpd, form), page, "{form}");
    }
}

#[test]
fn the_methods_that_a_target_takes() {
    let tree = Tree::with(&[("a.txt", b"hello"), ("folder/b.txt", b"")]);
    let httpd = Httpd::serve(tree.path(), &["--redirect", "/old=/a.txt"]);
    for method in ["POST", "PUT", "DELETE", "TRACE", "PATCH", "OPTIONS"] {
        let status = if method == "OPTIONS" { 204 } else { 405 };
        for target in ["/a.txt", "/folder", "/folder/", "/old", "/get.html", "/notfound.html"] {
            check_method(&httpd, method, target, (status, Some("GET, HEAD, OPTIONS")));
        }
        check_method(&httpd, method, "/nothing", (404, None));
    }
    for method in ["GET", "HEAD", "PUT"] {
        check_method(&httpd, method, "/post.html", (405, Some("POST, OPTIONS")));
    }
    check_method(&httpd, "OPTIONS", "/post.html", (204, Some("POST, OPTIONS")));
    check_method(&httpd, "OPTIONS", "/a%2fb", (404, None));
    // The server as a whole, whatever its root is.
    for flags in [&[][..], &["--no-listing"]] {
        let httpd = Httpd::serve(tree.path(), flags);
        check_method(&httpd, "OPTIONS", "*", (204, Some("GET, HEAD, POST, OPTIONS")));
    }
    check_method(&httpd, "BREW", "/a.txt", (501, None));
    check_method(&httpd, "get", "/a.txt", (501, None));
    check_method(&httpd, "CONNECT", "example.org:443", (501, None));
}

#[test]
fn a_real_file_wins_over_a_built_in_page() {
    let tree = Tree::with(&[("get.html", b"my own"), ("post.html", b"my form")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    check(&httpd, "/get.html", 200, "my own");
    check(&httpd, "/post.html", 200, "my form");
    check_post(&httpd, "id=5", "5");
    check_method(&httpd, "PUT", "/post.html", (405, Some("GET, HEAD, POST, OPTIONS")));
}

#[test]
fn redirects_come_before_files() {
    let tree = Tree::with(&[("old", b"old"), ("new", b"new")]);
    let flags = ["--redirect", "/old=/new", "--redirect", "/away=https://example.org/x?y=1"];
    let httpd = Httpd::serve(tree.path(), &flags);
    let moved = check(&httpd, "/old?a=b&c=%0d%0a", 301, "/new");
    assert_eq!(moved.field("Location"), Some("/new?a=b&c=%0d%0a"));
    let moved = check(&httpd, "/away?z=2", 301, "example.org");
    assert_eq!(moved.field("Location"), Some("https://example.org/x?y=1"));
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

#[test]
fn a_form_needs_a_length_of_at_most_64_kib() {
    let httpd = Httpd::serve(Tree::new().path(), &[]);
    let status = |fields: &str| httpd.request("POST", "/post.html", fields).status;
    assert_eq!(status(""), 411);
    assert_eq!(status("Transfer-Encoding: chunked\r\n"), 411);
    assert_eq!(status("Content-Length: 65537\r\n"), 413);
    assert_eq!(status("Content-Length: 99999999999999999999\r\n"), 400);
    let form = format!("id={}", "x".repeat(64 * 1024 - 3));
    check_post(&httpd, &form, &form[3..]);
}
