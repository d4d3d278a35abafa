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

#[test]
fn errors_lead_home_by_a_relative_link_and_have_the_colours_of_a_listing() {
    let tree = Tree::with(&[("a/b/c.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--archive-limit", "1"]);
    for (method, target, status, want) in [
        ("GET", "/missing", 404, Some("./")),
        ("GET", "/missing/", 404, Some("./../")),
        ("GET", "/a/missing?query=/x/y", 404, Some("./../")),
        ("GET", "/notfound.html", 404, Some("./")),
        ("POST", "/a/b/c.txt", 405, Some("./../../")),
        ("GET", "/a/?format=tar", 403, Some("./../")),
        ("GET", "/a/b/?format=zip", 400, Some("./../../")),
        // Home itself, and a request without a target.
        ("GET", "/?format=zip", 400, None),
        ("GET", "/%zz", 400, None),
    ] {
        let reply = httpd.request(method, target, "");
        assert_eq!((reply.status, home(&reply).as_deref()), (status, want), "{target}");
    }
    for part in [":root{color-scheme:light dark", "prefers-color-scheme:dark", "\nbody{", "\na{"] {
        let rule = |target: &str| {
            let text = httpd.get(target).text();
            text.split_once(part).expect(part).1.split('}').next().unwrap().to_owned()
        };
        assert_eq!(rule("/"), rule("/missing"), "{part}");
    }
}
