//! Conditional requests against files of any age (RFC 9110 section 13).

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ask::ask_for;
use crate::support::{Httpd, Tree};

/// The date of RFC 9110 section 5.6.7, and a second before it.
const MODIFIED: Duration = Duration::from_secs(784_111_777);
const IMF: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

/// A folder with one file, last modified at this time.
fn site(modified: SystemTime) -> Tree {
    let tree = Tree::new();
    write(&tree, "a.txt", b"hello", modified);
    tree
}

fn write(tree: &Tree, name: &str, content: &[u8], modified: SystemTime) {
    let path = tree.write(name, content);
    File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[track_caller]
fn check(httpd: &Httpd, fields: &str, want_status: u16) {
    let reply = ask_for(httpd, "/a.txt", fields);
    assert_eq!(reply.status, want_status, "{fields}");
    assert_eq!(reply.body == b"hello", want_status == 200);
}

#[test]
fn tags_and_dates_decide_before_ranges() {
    let tree = site(UNIX_EPOCH + MODIFIED + Duration::from_millis(700));
    let httpd = Httpd::serve(tree.path(), &[]);
    let file = ask_for(&httpd, "/a.txt", "");
    assert_eq!(file.field("Last-Modified"), Some(IMF));
    let etag = file.field("ETag").unwrap();
    for (fields, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-Match: W/{etag}\r\n"), 412),
        (format!("If-Modified-Since: {IMF}\r\n"), 304),
        (format!("If-Modified-Since: {BEFORE}\r\n"), 200),
        (format!("If-Unmodified-Since: {BEFORE}\r\n"), 412),
    ] {
        check(&httpd, &fields, status);
    }
    // All of them come before Range (section 14.2).
    for (range, condition, status) in [
        ("0-0", "If-None-Match: *", 304),
        ("0-0", "If-Match: \"x\"", 412),
        ("0-0", "If-None-Match: \"x\"", 206),
        ("9-", "If-None-Match: *", 304),
    ] {
        let fields = format!("Range: bytes={range}\r\n{condition}\r\n");
        assert_eq!(httpd.request("GET", "/a.txt", &fields).status, status, "{fields}");
    }
}

#[test]
fn preconditions_apply_only_where_the_answer_would_be_success() {
    let tree = Tree::with(&[("folder/a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let conditions = "If-None-Match: *\r\nIf-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
    for (target, want_status) in [("/missing", 404), ("/folder", 301), ("/..", 400)] {
        assert_eq!(ask_for(&httpd, target, conditions).status, want_status);
        assert_eq!(ask_for(&httpd, target, "If-Match: \"x\"\r\n").status, want_status);
    }
    let post = format!("POST /post.html HTTP/1.0\r\nContent-Length: 0\r\n{conditions}\r\n");
    assert_eq!(httpd.reply(post).status, 200);
}

#[test]
fn the_etag_changes_whenever_the_file_does() {
    let modified = UNIX_EPOCH + MODIFIED;
    let tree = site(modified);
    let httpd = Httpd::serve(tree.path(), &[]);
    let etag = || ask_for(&httpd, "/a.txt", "").field("ETag").unwrap().to_owned();
    let mut seen = vec![etag()];
    assert_eq!(etag(), seen[0]);
    // Longer, with the same date; the same size, a nanosecond later; another file, with both equal.
    write(&tree, "a.txt", b"hello!", modified);
    seen.push(etag());
    write(&tree, "a.txt", b"hello!", modified + Duration::from_nanos(1));
    seen.push(etag());
    write(&tree, "b.txt", b"HELLO!", modified + Duration::from_nanos(1));
    std::fs::rename(tree.join("b.txt"), tree.join("a.txt")).unwrap();
    seen.push(etag());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn a_file_from_before_1970_is_served_without_a_date() {
    for before in [Duration::from_nanos(1), Duration::from_secs(1), Duration::from_secs(1 << 31)] {
        let tree = site(UNIX_EPOCH - before);
        let httpd = Httpd::serve(tree.path(), &[]);
        let reply = ask_for(&httpd, "/a.txt", "");
        assert_eq!((reply.status, reply.field("Last-Modified")), (200, None));
        check(&httpd, &format!("If-Modified-Since: {IMF}\r\n"), 200);
        check(&httpd, &format!("If-None-Match: {}\r\n", reply.field("ETag").unwrap()), 304);
    }
}

#[test]
fn a_file_from_the_future_has_the_date_of_the_response() {
    // Half a day ahead, and in 9999 and 12000, which not every file system can store.
    let year_9999 = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let year_12000 = UNIX_EPOCH + Duration::from_secs(316_516_204_800);
    for modified in [SystemTime::now() + Duration::from_secs(43_200), year_9999, year_12000] {
        let tree = site(modified);
        let stored = std::fs::metadata(tree.join("a.txt")).unwrap().modified().unwrap();
        let httpd = Httpd::serve(tree.path(), &[]);
        let reply = httpd.get("/a.txt");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"hello"[..]));
        let has_http_date = stored <= year_9999;
        assert_eq!(reply.field("Last-Modified"), reply.field("Date").filter(|_| has_http_date));
        check(&httpd, &format!("If-None-Match: {}\r\n", reply.field("ETag").unwrap()), 304);
        check(&httpd, &format!("If-Modified-Since: {IMF}\r\n"), 200);
    }
}
