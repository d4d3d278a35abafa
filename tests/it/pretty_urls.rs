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

#[test]
fn a_page_is_found_by_its_name_without_html() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--pretty-urls"]);
    let page = check(&httpd, "/about", (200, "about us"));
    assert_eq!(page.fields[3..], check(&httpd, "/about.html", (200, "about us")).fields[3..]);
    check(&httpd, "/%61bout?query", (200, "about us"));
    let coded = ask_for(&httpd, "/about", "Accept-Encoding: gzip\r\n");
    assert_eq!((coded.text().as_str(), coded.field("Content-Encoding")), ("gzip", Some("gzip")));
    let options = httpd.request("OPTIONS", "/about", "");
    assert_eq!(options.field("Allow"), Some("GET, HEAD, OPTIONS"));
    check(&httpd, "/team/jane", (200, "jane"));
    check(&httpd, "/v1.2", (200, "notes"));
    check(&httpd, "/get", (200, "my own"));
    // With a slash, it replaces a missing index: some site generators put a folder's page beside
    // the folder.
    check(&httpd, "/about/", (200, "about us"));
    check(&httpd, "/docs/", (200, "docs"));
    assert!(ask_for(&httpd, "/team/", "").text().contains("jane.html"));
    assert!(ask_for(&httpd, "/", "").text().contains("about.html"));
    for missing in ["/nothing", "/nothing/", "/about.html/", "/.hidden", "/.html", "/abou"] {
        assert_eq!(ask_for(&httpd, missing, "").status, 404, "{missing}");
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(["/about", "/about/"].map(|it| ask_for(&httpd, it, "").status), [404, 404]);
}

#[test]
fn it_comes_after_exact_names_and_before_the_fallback() {
    let tree = site();
    tree.write("index.html", b"the app");
    let flags = ["--pretty-urls", "--spa", "--redirect", "/docs/intro=/team/jane"];
    let httpd = Httpd::serve(tree.path(), &flags);
    check(&httpd, "/file", (200, "without an extension"));
    for (target, want) in [("/docs/intro", "/team/jane"), ("/both", "both/"), ("/docs", "docs/")] {
        let moved = ask_for(&httpd, target, "");
        assert_eq!((moved.status, moved.field("Location")), (301, Some(want)));
    }
    check(&httpd, "/both/", (200, "inside"));
    check(&httpd, "/about", (200, "about us"));
    check(&httpd, "/nothing", (200, "the app"));
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
