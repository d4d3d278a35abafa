//! Precompressed siblings of files: `name.ext.br`, `.zst` and `.gz`.
//!
//! They need not be compressed, since the server never looks inside: each contains the name of its
//! coding.

use crate::ask::ask_for;
use crate::support::{Httpd, Tree};

fn site() -> (Tree, Httpd) {
    let tree = Tree::with(&[
        ("all.txt", b"plain, and longer than the others"),
        ("all.txt.br", b"brotli"),
        ("all.txt.zst", b"zstandard"),
        ("all.txt.gz", b"gzip"),
        ("one.html", b"plain"),
        ("one.html.gz", b"gzip"),
        ("none.txt", b"plain"),
        ("folder.txt", b"plain"),
        ("folder.txt.gz/a.txt", b"in a folder"),
        ("lone.txt.gz", b"gzip"),
        ("docs/index.html", b"plain"),
        ("docs/index.html.br", b"brotli"),
        ("bundle.tar.gz", b"gzip"),
    ]);
    let httpd = Httpd::serve(tree.path(), &[]);
    (tree, httpd)
}

/// Checks which of the files was sent, by its content.
#[track_caller]
fn check(
    httpd: &Httpd,
    target: &str,
    accept_encoding: &str,
    want: &str,
    want_coding: Option<&str>,
) {
    let reply = ask_for(httpd, target, accept_encoding);
    assert_eq!((reply.status, reply.text().as_str()), (200, want), "{accept_encoding}");
    assert_eq!(reply.field("Content-Encoding"), want_coding, "{accept_encoding}");
    assert_eq!(reply.field("Vary"), Some("Accept-Encoding"));
}

#[test]
fn accept_encoding_chooses_the_file() {
    let (_tree, httpd) = site();
    let plain = ("plain, and longer than the others", None);
    let (brotli, zstandard, gzip) =
        (("brotli", Some("br")), ("zstandard", Some("zstd")), ("gzip", Some("gzip")));
    let check = |accepted: &str, (want, coding): (&str, Option<&str>)| {
        check(&httpd, "/all.txt", &format!("Accept-Encoding: {accepted}\r\n"), want, coding);
    };
    check("gzip", gzip);
    check("gzip, deflate, br, zstd", brotli);
    check("gzip\r\nAccept-Encoding: zstd", zstandard);
    check("gzip;q=1.0, br;q=0.5", gzip);
    check("br;q=0, *", zstandard);
    check("", plain);
    check("*;q=0", plain);
    check("gzip;q=2", plain);
}

#[test]
fn only_files_beside_the_plain_file_are_chosen() {
    let (tree, httpd) = site();
    let all = "Accept-Encoding: br, zstd, gzip\r\n";
    check(&httpd, "/none.txt", all, "plain", None);
    check(&httpd, "/one.html", all, "gzip", Some("gzip"));
    check(&httpd, "/one.html", "", "plain", None);
    check(&httpd, "/docs/", all, "brotli", Some("br"));
    check(&httpd, "/folder.txt", all, "plain", None);
    // Requested by its own name, it is a file like any other, without a coding.
    check(&httpd, "/one.html.gz", all, "gzip", None);
    check(&httpd, "/bundle.tar.gz", all, "gzip", None);
    let archive = ask_for(&httpd, "/one.html.gz", all);
    assert_eq!(archive.field("Content-Type"), Some("application/gzip"));
    let page = ask_for(&httpd, "/one.html", all);
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    // Without the plain file there is no choice.
    assert_eq!(ask_for(&httpd, "/lone.txt", all).status, 404);
    // A link that leads out of the root is ignored.
    let outside = Tree::with(&[("secret", b"secret")]);
    tree.link("none.txt.br", outside.join("secret"));
    check(&httpd, "/none.txt", all, "plain", None);
}

#[test]
fn each_coding_has_its_own_etag() {
    let (_tree, httpd) = site();
    let codings = ["identity", "br", "zstd", "gzip"];
    let accept = |coding: &str| format!("Accept-Encoding: {coding}\r\n");
    let tag = |coding: &str| {
        ask_for(&httpd, "/all.txt", &accept(coding)).field("ETag").unwrap().to_owned()
    };
    let tags = codings.map(tag);
    for (coding, own) in codings.iter().zip(&tags) {
        for tag in &tags {
            let fields = format!("{}If-None-Match: {tag}\r\n", accept(coding));
            let reply = ask_for(&httpd, "/all.txt", &fields);
            assert_eq!(reply.status, if tag == own { 304 } else { 200 }, "{coding} {tag}");
            assert_eq!(reply.field("Vary"), Some("Accept-Encoding"));
        }
    }
}

#[test]
fn a_vary_of_the_user_is_added_to_ours() {
    let (tree, _) = site();
    let httpd = Httpd::serve(tree.path(), &["--header", "Vary: Origin"]);
    let reply = ask_for(&httpd, "/all.txt", "Accept-Encoding: br\r\n");
    let vary = reply.fields.iter().filter(|(name, _)| name == "Vary");
    let vary: Vec<_> = vary.map(|(_, value)| value.as_str()).collect();
    assert_eq!(vary, ["Accept-Encoding", "Origin"]);
}

#[test]
fn ranges_apply_to_the_chosen_coding() {
    let (_tree, httpd) = site();
    let fields = "Accept-Encoding: gzip\r\nRange: bytes=1-99\r\n";
    let reply = httpd.request("GET", "/all.txt", fields);
    assert_eq!((reply.status, reply.text().as_str()), (206, "zip"));
    assert_eq!(reply.field("Content-Range"), Some("bytes 1-3/4"));
    assert_eq!(reply.field("Content-Encoding"), Some("gzip"));
    // Several parts would be wrapped in a multipart, which is not coded.
    let several = "Accept-Encoding: gzip\r\nRange: bytes=0-0,2-2\r\n";
    check(&httpd, "/all.txt", several, "gzip", Some("gzip"));
    let plain = ask_for(&httpd, "/all.txt", "").field("ETag").unwrap().to_owned();
    let reply = httpd.request("GET", "/all.txt", &format!("{fields}If-Range: {plain}\r\n"));
    assert_eq!((reply.status, reply.text().as_str()), (200, "gzip"));
}
