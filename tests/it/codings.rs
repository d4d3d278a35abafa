//! Precompressed siblings of files: `name.ext.br`, `.zst` and `.gz`.
//!
//! They need not be compressed, since the server never looks inside: each contains the name of its
//! coding.

use crate::ask::ask_for;
use crate::support::{Httpd, Reply, Tree};

fn site() -> (Tree, Httpd) {
    let tree = Tree::with(&[
        ("all.txt", b"plain, and longer than the others"),
        ("all.txt.br", b"brotli"),
        ("all.txt.zst", b"zstandard"),
        ("all.txt.gz", b"gzip"),
        ("one.html", b"plain"),
        ("one.html.gz", b"gzip"),
        ("folder.txt", b"plain"),
        ("folder.txt.gz/a.txt", b"in a folder"),
        ("lone.txt.gz", b"gzip"),
        ("docs/index.html", b"plain"),
        ("docs/index.html.br", b"brotli"),
    ]);
    let httpd = Httpd::serve(tree.path(), &[]);
    (tree, httpd)
}

/// Checks which of the files was sent, by its content.
#[track_caller]
fn check(httpd: &Httpd, target: &str, accepted: &str, want: &str, coding: Option<&str>) -> Reply {
    let reply = ask_for(httpd, target, &format!("Accept-Encoding: {accepted}\r\n"));
    assert_eq!((reply.status, reply.text().as_str()), (200, want), "{target} {accepted}");
    assert_eq!(reply.field("Content-Encoding"), coding, "{target} {accepted}");
    assert_eq!(reply.field("Vary"), Some("Accept-Encoding"));
    reply
}

#[test]
fn accept_encoding_chooses_the_file() {
    let (_tree, httpd) = site();
    for (accepted, want, coding) in [
        ("gzip, deflate, br, zstd", "brotli", Some("br")),
        ("gzip\r\nAccept-Encoding: zstd", "zstandard", Some("zstd")),
        ("gzip;q=1.0, br;q=0.5", "gzip", Some("gzip")),
        ("*;q=0", "plain, and longer than the others", None),
    ] {
        check(&httpd, "/all.txt", accepted, want, coding);
    }
}

#[test]
fn only_files_beside_the_plain_file_are_chosen() {
    let (tree, httpd) = site();
    let all = "br, zstd, gzip";
    let page = check(&httpd, "/one.html", all, "gzip", Some("gzip"));
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    check(&httpd, "/docs/", all, "brotli", Some("br"));
    check(&httpd, "/folder.txt", all, "plain", None);
    // Requested by its own name, it is a file like any other, without a coding.
    let archive = check(&httpd, "/one.html.gz", all, "gzip", None);
    assert_eq!(archive.field("Content-Type"), Some("application/gzip"));
    // Without the plain file there is no choice.
    let lone = ask_for(&httpd, "/lone.txt", &format!("Accept-Encoding: {all}\r\n"));
    assert_eq!(lone.status, 404);
    // A link that leads out of the root is ignored.
    let outside = Tree::with(&[("secret", b"secret")]);
    tree.link("folder.txt.br", outside.join("secret"));
    check(&httpd, "/folder.txt", all, "plain", None);
}

#[test]
fn each_coding_has_its_own_etag() {
    let (_tree, httpd) = site();
    let get = |coding: &str, fields: &str| {
        ask_for(&httpd, "/all.txt", &format!("Accept-Encoding: {coding}\r\n{fields}"))
    };
    let codings = ["identity", "br", "zstd", "gzip"];
    let tags = codings.map(|coding| get(coding, "").field("ETag").unwrap().to_owned());
    for (coding, own) in codings.iter().zip(&tags) {
        for tag in &tags {
            let reply = get(coding, &format!("If-None-Match: {tag}\r\n"));
            assert_eq!(reply.status, if tag == own { 304 } else { 200 }, "{coding} {tag}");
            assert_eq!(reply.field("Vary"), Some("Accept-Encoding"));
        }
    }
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
    check(&httpd, "/all.txt", "gzip\r\nRange: bytes=0-0,2-2", "gzip", Some("gzip"));
    let plain = ask_for(&httpd, "/all.txt", "").field("ETag").unwrap().to_owned();
    let reply = httpd.request("GET", "/all.txt", &format!("{fields}If-Range: {plain}\r\n"));
    assert_eq!((reply.status, reply.text().as_str()), (200, "gzip"));
}
