//! Files over HTTP: exact bytes, the index of a folder, and nothing from outside the root.

use crate::support::{Httpd, Tree, pattern};

#[track_caller]
fn check(httpd: &Httpd, target: &str, want: &[u8]) {
    let reply = httpd.get(target);
    assert_eq!(reply.status, 200, "{target}");
    assert!(reply.body == want, "{target}: {} bytes", reply.body.len());
}

#[test]
fn bytes_are_exact_for_every_size() {
    let sizes = [0, 1, 4095, 4096, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1 << 20, 5_000_001];
    let tree = Tree::new();
    let httpd = Httpd::serve(tree.path(), &[]);
    for size in sizes {
        tree.write("a.bin", &pattern(size));
        check(&httpd, "/a.bin", &pattern(size));
        let head = httpd.head("/a.bin");
        assert_eq!(head.field("Content-Length"), Some(&*size.to_string()));
        assert_eq!(head.body, b"");
    }
}

#[test]
fn a_folder_has_the_first_index_that_exists() {
    let tree = Tree::with(&[("a b/index.html", b"index"), ("a b/home.htm", b"home")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    check(&httpd, "/a%20b/", b"index");
    assert_eq!(httpd.get("/a%20b/index.html/").status, 404);
    let flags = ["--index", "missing", "--index", "home.htm", "--index", "index.html"];
    let httpd = Httpd::serve(tree.path(), &flags);
    check(&httpd, "/a%20b/", b"home");
}

/// Without the sandbox, which would be enough by itself.
#[test]
fn paths_cannot_leave_the_root() {
    let tree = Tree::with(&[("root/a.txt", b"inside"), ("secret", b"outside")]);
    tree.link("root/up", "..");
    let httpd = Httpd::serve(&tree.join("root"), &["--no-sandbox"]);
    check(&httpd, "/./x/../a.txt", b"inside");
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
