//! `--pretty-urls`: `/about` is `about.html` if there is no `about`.

use std::os::unix::fs::PermissionsExt;

use crate::ask::ask_for;
use crate::support::{Httpd, Reply, Tree, is_root};

fn site() -> Tree {
    Tree::with(&[
        ("about.html", b"about us"),
        ("about.html.gz", b"gzip"),
        ("team/jane.html", b"jane"),
        ("file", b"without an extension"),
        ("file.html", b"never by its short name"),
        ("both.html", b"beside"),
        ("both/index.html", b"inside"),
        ("docs.html", b"docs"),
        ("docs/intro.html", b"intro"),
        ("v1.2.html", b"notes"),
        (".hidden.html", b"hidden"),
        ("get.html", b"my own"),
    ])
}

#[track_caller]
fn check(httpd: &Httpd, target: &str, want: (u16, &str)) -> Reply {
    let reply = ask_for(httpd, target, "");
    assert_eq!((reply.status, reply.text().as_str()), want, "{target}");
    reply
}

#[track_caller]
fn check_missing(httpd: &Httpd, target: &str) {
    assert_eq!(ask_for(httpd, target, "").status, 404, "{target}");
}

#[test]
fn a_page_is_found_by_its_name_without_html() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls"]);
    let page = check(&httpd, "/about", (200, "about us"));
    assert_eq!(page.fields[3..], check(&httpd, "/about.html", (200, "about us")).fields[3..]);
    check(&httpd, "/%61bout?query", (200, "about us"));
    check(&httpd, "/team/jane", (200, "jane"));
    check(&httpd, "/v1.2", (200, "notes"));
    check(&httpd, "/get", (200, "my own"));
    for missing in ["/nothing", "/team/joe", "/about.html/", "/.hidden", "/.html", "/abou"] {
        check_missing(&httpd, missing);
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    check_missing(&httpd, "/about");
    check_missing(&httpd, "/about/");
}

#[test]
fn an_exact_name_comes_first() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls", "--redirect", "/about=/team/jane"]);
    check(&httpd, "/file", (200, "without an extension"));
    assert_eq!(ask_for(&httpd, "/about", "").field("Location"), Some("/team/jane"));
    for target in ["/both", "/docs"] {
        let moved = ask_for(&httpd, target, "");
        let want = format!("{}/", &target[1..]);
        assert_eq!((moved.status, moved.field("Location")), (301, Some(want.as_str())));
    }
    check(&httpd, "/both/", (200, "inside"));
}

/// A folder's page may be beside it, as some site generators do it.
#[test]
fn with_a_slash_it_replaces_a_missing_index() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls"]);
    check(&httpd, "/docs/", (200, "docs"));
    check(&httpd, "/docs/intro", (200, "intro"));
    check(&httpd, "/about/", (200, "about us"));
    assert!(ask_for(&httpd, "/team/", "").text().contains("jane.html"));
    assert_eq!(ask_for(&httpd, "/", "").status, 200);
    check_missing(&httpd, "/nothing/");
}

#[test]
fn codings_and_methods_are_those_of_a_file() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls"]);
    let coded = ask_for(&httpd, "/about", "Accept-Encoding: gzip\r\n");
    assert_eq!((coded.text().as_str(), coded.field("Content-Encoding")), ("gzip", Some("gzip")));
    for (method, target, want) in [
        ("OPTIONS", "/about", (204, Some("GET, HEAD, OPTIONS"))),
        ("POST", "/about", (405, Some("GET, HEAD, OPTIONS"))),
        ("POST", "/nothing", (404, None)),
    ] {
        let reply = httpd.request(method, target, "");
        assert_eq!((reply.status, reply.field("Allow")), want, "{method} {target}");
    }
}

#[test]
fn it_comes_before_the_fallback() {
    let tree = site();
    tree.write("index.html", b"the app");
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls", "--spa"]);
    check(&httpd, "/about", (200, "about us"));
    let fallback = check(&httpd, "/nothing", (200, "the app"));
    assert_eq!(fallback.field("Vary"), Some("Accept, Accept-Encoding"));
}

#[test]
fn an_unreadable_file_is_not_replaced() {
    if is_root() {
        return eprintln!("skipped: file permissions do not apply to root");
    }
    let tree = site();
    let closed = tree.write("about", b"closed");
    std::fs::set_permissions(closed, PermissionsExt::from_mode(0o000)).unwrap();
    tree.write("index.html", b"the app");
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls", "--spa"]);
    assert_eq!(ask_for(&httpd, "/about", "").status, 403);
}
