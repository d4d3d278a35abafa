//! `--spa`: clients that want HTML get the root's index for unknown paths.

use std::fs;

use serde_json::json;

use crate::ask::ask_for;
use crate::browser::Browser;
use crate::support::{Httpd, Reply, Tree, eventually};

/// Chromium's Accept for a page, and for an image.
const PAGE: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,\
                    image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n";
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
    for fields in ["", PAGE, "Accept: */*\r\n", "Accept: text/html\r\n"] {
        for target in ["/deep", "/deep/link?tab=1", "/deep/", "/listed/x", "/a.txt/x", "/v1.2/"] {
            let reply = check(&httpd, target, fields, (200, "the app"));
            assert_eq!(reply.field("Content-Type"), Some("text/html; charset=utf-8"));
            assert_eq!(reply.field("Vary"), Some("Accept, Accept-Encoding"));
            assert_eq!(reply.field("ETag"), httpd.get("/").field("ETag"));
        }
    }
    // Without the flag, nothing answers.
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(check(&httpd, "/deep", PAGE, (404, "nowhere")).field("Vary"), None);
}

#[test]
fn clients_that_want_something_else_get_404() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    for accept in [
        "application/json",
        "application/json, text/plain, */*",
        "text/event-stream",
        "text/css,*/*;q=0.1",
        "text/html;q=0",
    ] {
        let reply = check(&httpd, "/deep", &format!("Accept: {accept}\r\n"), (404, "nowhere"));
        assert_eq!(reply.field("Vary"), Some("Accept"), "{accept}");
    }
    assert_eq!(check(&httpd, "/deep", IMAGE, (404, "nowhere")).field("Vary"), Some("Accept"));
}

/// Names of files, hidden names, `.well-known`, an encoded slash: not pages of the app.
#[test]
fn paths_outside_the_app_stay_404() {
    let tree = site();
    for flags in [&["--spa"][..], &["--spa", "--dotfiles", "serve"]] {
        let httpd = Httpd::serve(tree.path(), flags);
        for target in ["/x.js", "/deep/x.min.css?v=1", "/.git/HEAD", "/.git", "/.well-known/x"] {
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
    let location = |target: &str| {
        let reply = ask_for(&httpd, target, PAGE);
        (reply.status, reply.field("Location").map(str::to_owned))
    };
    assert_eq!(location("/old"), (301, Some("/new".to_owned())));
    assert_eq!(location("/listed"), (301, Some("listed/".to_owned())));
    check(&httpd, "/new", PAGE, (200, "the app"));
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
fn conditions_and_codings_apply_to_the_app() {
    let tree = site();
    tree.write("index.html.br", b"brotli");
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    let etag = ask_for(&httpd, "/deep", "").field("ETag").unwrap().to_owned();
    let cached = check(&httpd, "/deep", &format!("If-None-Match: {etag}\r\n"), (304, ""));
    assert_eq!(cached.field("Vary"), Some("Accept, Accept-Encoding"));
    let coded = check(&httpd, "/deep", "Accept-Encoding: br\r\n", (200, "brotli"));
    assert_eq!(coded.field("Content-Encoding"), Some("br"));
    assert_eq!(coded.field("Vary"), Some("Accept, Accept-Encoding"));
}

#[test]
fn the_methods_agree_with_what_get_finds() {
    let tree = site();
    let httpd = Httpd::serve(tree.path(), &["--spa"]);
    for (method, fields, want) in [
        ("OPTIONS", PAGE, (204, Some("GET, HEAD, OPTIONS"))),
        ("POST", PAGE, (405, Some("GET, HEAD, OPTIONS"))),
        ("OPTIONS", IMAGE, (404, None)),
        ("POST", IMAGE, (404, None)),
    ] {
        let reply = httpd.request(method, "/deep", fields);
        assert_eq!((reply.status, reply.field("Allow")), want, "{method} {fields}");
    }
    assert_eq!(httpd.request("OPTIONS", "/x.js", PAGE).status, 404);
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
        <script src=/app.js></script><script src=/missing.js onerror=missing=true></script>
        <img src=/missing onerror=noImage=true>";
    let tree = Tree::with(&[
        ("index.html", page),
        ("app.js", b"addEventListener('popstate', () => { went = location.pathname })"),
    ]);
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
    let statuses = browser.run(
        "const json = { headers: { Accept: 'application/json' } };
         const all = [fetch('/api/users', json), fetch('/api/users'), fetch('/users.json')];
         return Promise.all(all.map(one => one.then(it => it.status)))",
    );
    assert_eq!(statuses, json!([404, 200, 404]));
}
