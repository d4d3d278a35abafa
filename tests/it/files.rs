//! Files over HTTP: exact bytes, the right fields, and nothing from outside the root.

use crate::support::{Httpd, Tree, pattern};

#[track_caller]
fn check(httpd: &Httpd, target: &str, want: Option<&[u8]>) {
    let reply = httpd.get(target);
    match want {
        Some(body) => {
            assert_eq!(reply.status, 200, "{target}");
            assert!(reply.body == body, "{target}: {} bytes", reply.body.len());
        }
        None => assert_eq!(reply.status, 404, "{target}"),
    }
}

#[test]
fn bytes_are_exact_for_every_size() {
    let sizes = [0, 1, 4095, 4096, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1 << 20, 5_000_001];
    let tree = Tree::new();
    for size in sizes {
        tree.write(format!("{size}.bin"), &pattern(size));
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    for size in sizes {
        check(&httpd, &format!("/{size}.bin"), Some(&pattern(size)));
        let head = httpd.head(&format!("/{size}.bin"));
        assert_eq!(head.field("Content-Length"), Some(&*size.to_string()));
        assert_eq!(head.body, b"");
    }
}

#[test]
fn a_file_has_its_fields() {
    let tree = Tree::with(&[("page.html", b"<p>hi")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = httpd.get("/page.html");
    assert_eq!(reply.status_line, "HTTP/1.0 200 OK");
    let want = [
        ("Server", concat!("httpd/", env!("CARGO_PKG_VERSION"))),
        ("Connection", "close"),
        ("Content-Length", "5"),
        ("Content-Type", "text/html; charset=utf-8"),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "no-cache"),
        ("X-Content-Type-Options", "nosniff"),
    ];
    for (name, value) in want {
        assert_eq!(reply.field(name), Some(value), "{name}");
    }
    for name in ["Date", "Last-Modified", "ETag"] {
        assert!(reply.field(name).is_some(), "{name}");
    }
}

#[test]
fn a_folder_redirects_to_its_slash_and_then_serves_its_index() {
    let tree = Tree::with(&[("a b/index.html", b"index"), ("a b/home.htm", b"home")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let moved = httpd.get("/a%20b?x=1");
    assert_eq!((moved.status, moved.field("Location")), (301, Some("a%20b/?x=1")));
    assert_eq!(httpd.get("//a%20b").field("Location"), Some("a%20b/"));
    check(&httpd, "/a%20b/", Some(b"index"));
    check(&httpd, "/a%20b/index.html/", None);
    let flags = ["--index", "missing", "--index", "home.htm", "--index", "index.html"];
    let httpd = Httpd::serve(tree.path(), &flags);
    check(&httpd, "/a%20b/", Some(b"home"));
}

/// Without the sandbox, which would be enough by itself.
#[test]
fn paths_cannot_leave_the_root() {
    let tree = Tree::with(&[("root/a.txt", b"inside"), ("secret", b"outside")]);
    tree.link("root/up", "..");
    let httpd = Httpd::serve(&tree.join("root"), &["--no-sandbox"]);
    check(&httpd, "/./x/../a.txt", Some(b"inside"));
    for target in [
        "/up/secret",
        "/up/up%2fsecret",
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/a.txt/../../secret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "//secret",
        "/....//secret",
    ] {
        let reply = httpd.get(target);
        assert!(matches!(reply.status, 400 | 404), "{target}: {}", reply.status);
        assert!(!reply.text().contains("outside"), "{target}");
    }
}
