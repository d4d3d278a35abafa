//! Files over HTTP: exact bytes, the right fields, and nothing from outside the root.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::support::{Httpd, Tree, is_root, pattern};

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
fn awkward_names_are_served() {
    let names: [&[u8]; 9] = [
        b"two words",
        b"100%",
        b"a+b;c=d&e",
        b"quo\"te's",
        b"<b>",
        b"new\nline",
        b"back\\slash",
        b"\xff\xfe",
        "ünï".as_bytes(),
    ];
    let tree = Tree::new();
    for name in names {
        tree.write_bytes_name(name, name);
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    for name in names {
        let encoded: Vec<_> = name.iter().map(|byte| format!("%{byte:02X}")).collect();
        check(&httpd, &format!("/{}", encoded.concat()), Some(name));
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

/// Without the sandbox, which alone would be enough.
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

#[test]
fn dotfiles_are_denied_unless_they_are_asked_for() {
    let files: [(&str, &[u8]); 4] = [
        (".env", b"secret"),
        (".git/config", b"secret"),
        (".well-known/x", b"known"),
        (".well-known/.hidden", b"secret"),
    ];
    let tree = Tree::with(&files);
    let httpd = Httpd::serve(tree.path(), &[]);
    check(&httpd, "/.env", None);
    check(&httpd, "/.git/config", None);
    check(&httpd, "/.git/", None);
    check(&httpd, "/.well-known/x", Some(b"known"));
    check(&httpd, "/.well-known/.hidden", None);
    for how in ["unlisted", "serve"] {
        let httpd = Httpd::serve(tree.path(), &["--dotfiles", how]);
        check(&httpd, "/.env", Some(b"secret"));
        check(&httpd, "/.git/config", Some(b"secret"));
        assert_eq!(httpd.get("/").text().contains(".env"), how == "serve");
    }
}

#[test]
fn links_lead_where_they_may() {
    let tree = Tree::with(&[("root/real/a.txt", b"inside"), ("secret", b"outside")]);
    let root = tree.join("root");
    tree.link("root/near", "real/a.txt");
    tree.link("root/folder", "real");
    tree.link("root/absolute", root.join("real/a.txt"));
    tree.link("root/absolute-folder", root.join("real"));
    tree.link("root/up", "../secret");
    tree.link("root/away", tree.join("secret"));
    tree.link("root/real/up-and-back", "../real/a.txt");
    tree.link("root/dangling", "nothing");
    tree.link("root/circle", "circle");
    let inside =
        ["/near", "/folder/a.txt", "/absolute", "/absolute-folder/a.txt", "/real/up-and-back"];
    for (how, want_inside, want_outside) in [
        ("deny", None, None),
        ("within", Some(&b"inside"[..]), None),
        ("follow", Some(&b"inside"[..]), Some(&b"outside"[..])),
    ] {
        let httpd = Httpd::serve(&root, &["--symlinks", how]);
        check(&httpd, "/real/a.txt", Some(b"inside"));
        for target in inside {
            check(&httpd, target, want_inside);
        }
        check(&httpd, "/up", want_outside);
        check(&httpd, "/away", want_outside);
        check(&httpd, "/dangling", None);
        check(&httpd, "/circle", None);
    }
}

#[test]
fn fifos_sockets_and_devices_are_not_found_and_do_not_block() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    assert!(Command::new("mkfifo").arg(tree.join("fifo")).status().unwrap().success());
    let _socket = UnixListener::bind(tree.join("socket")).unwrap();
    tree.link("null", "/dev/null");
    let httpd = Httpd::serve(tree.path(), &["--symlinks", "follow"]);
    for target in ["/fifo", "/socket", "/null"] {
        check(&httpd, target, None);
    }
    check(&httpd, "/a.txt", Some(b"hello"));
}

#[test]
fn an_unreadable_file_is_forbidden() {
    if is_root() {
        return eprintln!("skipped: file permissions do not apply to root");
    }
    let tree = Tree::with(&[("closed.txt", b"secret")]);
    std::fs::set_permissions(tree.join("closed.txt"), PermissionsExt::from_mode(0o000)).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = httpd.get("/closed.txt");
    assert_eq!(reply.status, 403);
    assert!(!reply.text().contains("secret"));
}

#[test]
fn names_too_long_for_any_file_system_are_not_found() {
    let httpd = Httpd::serve(Tree::new().path(), &[]);
    check(&httpd, &format!("/{}", "n".repeat(256)), None);
    check(&httpd, &"/n".repeat(3000), None);
}
