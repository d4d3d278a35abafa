//! Error pages: each links home, wherever the root is served, and looks like a listing.

use crate::support::{Httpd, Reply, Tree};

/// The reference of the only link, if there is one.
#[track_caller]
fn home(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let mut links = text.split("<a href=\"").skip(1);
    let link = links.next().map(|rest| rest.split('"').next().unwrap().to_owned());
    assert_eq!(links.next(), None, "{text}");
    assert_eq!(text.matches("<main>").count(), 1, "{text}");
    link
}

#[track_caller]
fn check(httpd: &Httpd, method: &str, target: &str, status: u16, want: Option<&str>) {
    let reply = httpd.request(method, target, "");
    assert_eq!((reply.status, home(&reply).as_deref()), (status, want), "{target}");
}

#[test]
fn errors_lead_home_by_a_relative_link() {
    let tree = Tree::with(&[("a/b/c.txt", b"hello"), ("site/index.html", b"hi")]);
    let httpd = Httpd::serve(tree.path(), &["--archive-limit", "1"]);
    check(&httpd, "GET", "/missing", 404, Some("./"));
    check(&httpd, "GET", "/missing/", 404, Some("./../"));
    check(&httpd, "GET", "/a/missing?query=/x/y", 404, Some("./../"));
    check(&httpd, "GET", "/a/b/missing/", 404, Some("./../../../"));
    check(&httpd, "GET", "/notfound.html", 404, Some("./"));
    check(&httpd, "POST", "/a/b/c.txt", 405, Some("./../../"));
    check(&httpd, "GET", "/a/?format=tar", 403, Some("./../"));
    check(&httpd, "GET", "/a/b/?format=zip", 400, Some("./../../"));
    // Home itself, and a request without a target.
    check(&httpd, "GET", "/?format=zip", 400, None);
    check(&httpd, "GET", "/%zz", 400, None);
    check(&httpd, "BREW", "/a/missing", 501, None);
    let httpd = Httpd::serve(tree.path(), &["--no-listing"]);
    check(&httpd, "GET", "/", 404, None);
    check(&httpd, "GET", "/a/", 404, Some("./../"));
}

#[test]
fn a_page_has_the_colours_of_a_listing() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let style = |target: &str| {
        let text = httpd.get(target).text();
        let style = text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        style.split("\nbdi,").next().unwrap().to_owned()
    };
    let (listing, page) = (style("/"), style("/missing"));
    let shared = page.bytes().zip(listing.bytes()).take_while(|(a, b)| a == b).count();
    let shared = &page[..shared];
    for part in [":root{color-scheme:light dark", "prefers-color-scheme:dark", "\nbody{", "\na{"] {
        assert!(shared.contains(part), "{part} is not in {shared}");
    }
}
