//! `--spa`: clients that want HTML get the root's index for unknown paths.

use std::fs;

use serde_json::json;

use crate::ask::ask_for;
use crate::browser::Browser;
use crate::support::{Httpd, Reply, Tree, eventually};

/// Accept for a page, and for an image.
const PAGE: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
const IMAGE: &str = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n";

fn site() -> Tree {
    Tree::with(&[
        ("index.html", b"the app"),
        ("a.txt", b"hello"),
        ("listed/b.txt", b"deeper"),
        ("indexed/index.html", b"another page"),
        (".env", b"SECRET=1"),
        (".well-known/security.txt", b"mail me"),
        ("404.html", b"nowhere"),
    ])
}

/// Checks the status and the text that such a client gets for a target.
#[track_caller]
fn check(httpd: &Httpd, target: &str, fields: &str, want: (u16, &str)) -> Reply {
    let reply = ask_for(httpd, target, fields);
    assert_eq!((reply.status, reply.text().as_str()), want, "{target} {fields}");
    reply
}

#[test]
fn the_app_answers_where_nothing_is_found() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    for target in ["/deep", "/deep/link?tab=1", "/deep/", "/listed/x", "/a.txt/x", "/v1.2/"] {
        let reply = check(&httpd, target, PAGE, (200, "the app"));
        assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(reply.field("Vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(reply.field("ETag"), httpd.get("/").field("ETag"));
    }
    check(&httpd, "/deep", "", (200, "the app"));
    // Clients that want something else.
    for fields in [IMAGE, "Accept: application/json, text/plain, */*\r\n"] {
        let reply = check(&httpd, "/deep", fields, (404, "nowhere"));
        assert_eq!(reply.field("Vary"), Some("Accept"), "{fields}");
    }
    // Without the flag, nothing answers.
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(check(&httpd, "/deep", PAGE, (404, "nowhere")).field("Vary"), None);
}

/// Names of files, hidden names, `.well-known`, an encoded slash: not pages of the app.
#[test]
fn paths_outside_the_app_stay_404() {
    let tree = site();
    for flags in [&["--spa"][..], &["--spa", "--dotfiles", "serve"]] {
        let httpd = Httpd::serve(tree.path(), flags);
        for target in ["/deep/x.min.css?v=1", "/.git/HEAD", "/.git", "/.well-known/x"] {
            let reply = check(&httpd, target, PAGE, (404, "nowhere"));
            assert_eq!(reply.field("Vary"), None, "{target}");
        }
        let encoded = ask_for(&httpd, "/deep%2flink", PAGE);
        assert_eq!((encoded.status, encoded.field("Vary")), (404, None));
        check(&httpd, "/.well-known/security.txt", "", (200, "mail me"));
    }
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    check(&httpd, "/.env", PAGE, (404, "nowhere"));
}

#[test]
fn redirects_files_folders_and_built_in_pages_come_first() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--spa", "--redirect", "/old=/new"]);
    for (target, want) in [("/old", "/new"), ("/listed", "listed/")] {
        let reply = ask_for(&httpd, target, PAGE);
        assert_eq!((reply.status, reply.field("Location")), (301, Some(want)));
    }
    check(&httpd, "/a.txt", PAGE, (200, "hello"));
    check(&httpd, "/indexed/", PAGE, (200, "another page"));
    assert!(ask_for(&httpd, "/listed/", PAGE).text().contains("b.txt"));
    assert!(ask_for(&httpd, "/get.html", PAGE).text().contains("GET works"));
    assert_eq!(ask_for(&httpd, "/post.html", PAGE).status, 405);
    check(&httpd, "/notfound.html", PAGE, (404, "nowhere"));
    // A folder without a listing is not found.
    let httpd = Httpd::serve(tree.path(), &["--spa", "--no-listing"]);
    check(&httpd, "/listed/", PAGE, (200, "the app"));
}

#[test]
fn conditions_codings_and_methods_are_those_of_the_app() {
    let tree = site();
    tree.write("index.html.br", b"brotli");
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    let etag = ask_for(&httpd, "/deep", "").field("ETag").unwrap().to_owned();
    let cached = check(&httpd, "/deep", &format!("If-None-Match: {etag}\r\n"), (304, ""));
    assert_eq!(cached.field("Vary"), Some("Accept, Accept-Encoding"));
    let coded = check(&httpd, "/deep", "Accept-Encoding: br\r\n", (200, "brotli"));
    assert_eq!(coded.field("Content-Encoding"), Some("br"));
    for (method, fields, want) in [
        ("OPTIONS", PAGE, (204, Some("GET, HEAD, OPTIONS"))),
        ("POST", PAGE, (405, Some("GET, HEAD, OPTIONS"))),
        ("OPTIONS", IMAGE, (404, None)),
        ("POST", IMAGE, (404, None)),
    ] {
        let reply = httpd.request(method, "/deep", fields);
        assert_eq!((reply.status, reply.field("Allow")), want, "{method} {fields}");
    }
}

#[test]
fn the_app_is_the_first_index_of_the_root() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--spa", "--index", "app.html", "--index", "a.txt"]);
    check(&httpd, "/deep", PAGE, (200, "hello"));
    tree.write("app.html", b"my app");
    check(&httpd, "/deep", PAGE, (200, "my app"));
    for name in ["app.html", "a.txt"] {
        fs::remove_file(tree.join(name)).unwrap();
    }
    check(&httpd, "/deep", PAGE, (404, "nowhere"));
}

#[test]
fn a_deep_link_shows_the_app_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let page = b"<!doctype html><title>app</title><link rel=icon href=data:,>
        <script src=/missing.js onerror=missing=true></script>
        <img src=/missing onerror=noImage=true>";
    let tree = Tree::with(&[("index.html", page)]);
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    browser.open(&httpd.url("/users/42?tab=mail"));
    let shown = "return [document.title, location.pathname + location.search, window.missing,
                         window.noImage]";
    let want = json!(["app", "/users/42?tab=mail", true, true]);
    eventually("the app", || browser.run(shown) == want);
    // Its own links change the address without a request; a reload finds the page again.
    browser.run("history.pushState(null, '', '/users/43'); location.reload()");
    let shown = "return document.readyState + document.title + location.pathname";
    eventually("a reload", || browser.run(shown) == "completeapp/users/43");
}
