//! Conditional requests against files of any age (RFC 9110 section 13).

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ask::ask_for;
use crate::support::{Httpd, Tree};

/// When the file in these tests was last modified: the date of RFC 9110 section 5.6.7, in its three
/// formats.
const MODIFIED: u64 = 784_111_777;
const IMF: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const RFC_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const ASCTIME: &str = "Sun Nov  6 08:49:37 1994";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

/// A folder with one file, last modified at this time.
fn site(modified: SystemTime) -> Tree {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    set_modified(&tree, "a.txt", modified);
    tree
}

fn set_modified(tree: &Tree, name: &str, modified: SystemTime) {
    let file = File::options().write(true).open(tree.join(name)).unwrap();
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
}

fn after_1970(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[track_caller]
fn check(httpd: &Httpd, fields: &str, want_status: u16) {
    let reply = ask_for(httpd, "/a.txt", fields);
    assert_eq!(reply.status, want_status, "{fields}");
    match want_status {
        200 => assert_eq!(reply.body, b"hello"),
        304 => assert_eq!(reply.body, b""),
        _ => assert!(reply.text().contains("412")),
    }
}

#[test]
fn entity_tags() {
    let tree = site(after_1970(MODIFIED));
    let httpd = Httpd::serve(tree.path(), &[]);
    let etag = ask_for(&httpd, "/a.txt", "").field("ETag").unwrap().to_owned();
    let check = |fields: &str, want| check(&httpd, &fields.replace("ETAG", &etag), want);
    check("If-None-Match: ETAG\r\n", 304);
    check("If-None-Match: \"x\"\r\nIf-None-Match: ETAG\r\n", 304);
    check("If-None-Match: \"x\"\r\n", 200);
    check("If-Match: ETAG\r\n", 200);
    check("If-Match: *\r\n", 200);
    check("If-Match: W/ETAG\r\n", 412);
}

#[test]
fn dates_in_three_formats() {
    let tree = site(after_1970(MODIFIED) + Duration::from_millis(700));
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(ask_for(&httpd, "/a.txt", "").field("Last-Modified"), Some(IMF));
    for date in [IMF, RFC_850, ASCTIME] {
        check(&httpd, &format!("If-Modified-Since: {date}\r\n"), 304);
        check(&httpd, &format!("If-Unmodified-Since: {date}\r\n"), 200);
        let earlier = date.replace("08:49:37", "08:49:36");
        check(&httpd, &format!("If-Modified-Since: {earlier}\r\n"), 200);
        check(&httpd, &format!("If-Unmodified-Since: {earlier}\r\n"), 412);
    }
    check(&httpd, &format!("If-Modified-Since: {IMF}\r\nIf-Modified-Since: {IMF}\r\n"), 200);
}

#[test]
fn preconditions_are_evaluated_in_the_order_of_section_13_2_2() {
    let tree = site(after_1970(MODIFIED));
    let httpd = Httpd::serve(tree.path(), &[]);
    let since = |name: &str, date: &str| format!("{name}: {date}\r\n");
    let no = "If-Match: \"x\"\r\n";
    let (new, old) = ("If-None-Match: \"x\"\r\n", "If-None-Match: *\r\n");
    let unmodified = |date| since("If-Unmodified-Since", date);
    let modified = |date| since("If-Modified-Since", date);
    check(&httpd, &[no, &unmodified(IMF)].concat(), 412);
    check(&httpd, &[old, &modified(BEFORE)].concat(), 304);
    // 412 comes before 304, whatever the order of the fields.
    check(&httpd, &[old, no].concat(), 412);
    // All of them come before Range (section 14.2).
    let range = "Range: bytes=0-0\r\n";
    assert_eq!(httpd.request("GET", "/a.txt", &[range, old].concat()).status, 304);
    assert_eq!(httpd.request("GET", "/a.txt", &[range, no].concat()).status, 412);
    assert_eq!(httpd.request("GET", "/a.txt", &[range, new].concat()).status, 206);
    assert_eq!(httpd.request("GET", "/a.txt", &["Range: bytes=9-\r\n", old].concat()).status, 304);
}

#[test]
fn preconditions_apply_only_where_the_answer_would_be_success() {
    let tree = site(after_1970(MODIFIED));
    std::fs::create_dir(tree.join("folder")).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    let conditions = "If-None-Match: *\r\nIf-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n";
    for (target, want_status) in [("/missing", 404), ("/folder", 301), ("/..", 400)] {
        assert_eq!(ask_for(&httpd, target, conditions).status, want_status);
        assert_eq!(ask_for(&httpd, target, "If-Match: \"x\"\r\n").status, want_status);
    }
    let post = "POST /post.html HTTP/1.0\r\nContent-Length: 0\r\nIf-Modified-Since: ";
    assert_eq!(httpd.reply(format!("{post}{IMF}\r\n\r\n")).status, 200);
}

#[test]
fn the_etag_changes_whenever_the_file_does() {
    let tree = site(after_1970(MODIFIED));
    let httpd = Httpd::serve(tree.path(), &[]);
    let etag = || ask_for(&httpd, "/a.txt", "").field("ETag").unwrap().to_owned();
    let mut seen = vec![etag()];
    assert_eq!(etag(), seen[0]);
    // Longer, with the same date; the same size, a nanosecond later; another file, with both equal.
    tree.write("a.txt", b"hello!");
    set_modified(&tree, "a.txt", after_1970(MODIFIED));
    seen.push(etag());
    set_modified(&tree, "a.txt", after_1970(MODIFIED) + Duration::from_nanos(1));
    seen.push(etag());
    tree.write("b.txt", b"HELLO!");
    set_modified(&tree, "b.txt", after_1970(MODIFIED) + Duration::from_nanos(1));
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
        check(&httpd, &format!("If-Unmodified-Since: {IMF}\r\n"), 200);
        check(&httpd, &format!("If-None-Match: {}\r\n", reply.field("ETag").unwrap()), 304);
        assert_eq!(ask_for(&httpd, "/", "").status, 200);
        assert_eq!(ask_for(&httpd, "/?format=json", "").status, 200);
    }
}

#[test]
fn a_file_from_the_future_has_the_date_of_the_response() {
    // Half a day ahead, in 2200, and in 9999 and 12000, which not every file system can store.
    let now = SystemTime::now();
    for modified in [
        now + Duration::from_secs(43_200),
        after_1970(7_258_118_400),
        after_1970(253_402_300_799),
        after_1970(316_516_204_800),
    ] {
        let tree = site(modified);
        let stored = std::fs::metadata(tree.join("a.txt")).unwrap().modified().unwrap();
        let httpd = Httpd::serve(tree.path(), &[]);
        let reply = httpd.get("/a.txt");
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"hello"[..]));
        let has_http_date = stored <= after_1970(253_402_300_799);
        assert_eq!(reply.field("Last-Modified"), reply.field("Date").filter(|_| has_http_date));
        check(&httpd, &format!("If-None-Match: {}\r\n", reply.field("ETag").unwrap()), 304);
        check(&httpd, &format!("If-Modified-Since: {IMF}\r\n"), 200);
        assert_eq!(ask_for(&httpd, "/", "").status, 200);
        assert_eq!(ask_for(&httpd, "/?format=json", "").status, 200);
    }
}
