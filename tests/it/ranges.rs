//! Ranges of files (RFC 9110 section 14): every byte is compared.

use std::fs::{File, FileTimes};
use std::os::unix::fs::FileExt;
use std::time::{Duration, UNIX_EPOCH};

use crate::ask::{ask_for, check_frame};
use crate::support::{Httpd, Reply, Tree, pattern};

const DIGITS: &[u8] = b"0123456789";

/// The expected answer to a Range field.
enum Want<'a> {
    /// 200 with everything.
    Whole,
    /// 206 with these bytes and this Content-Range.
    Part(&'a str, &'a str),
    /// 206 with several parts, each with its Content-Range.
    Parts(&'a [(&'a str, &'a str)]),
    /// 416.
    Unsatisfiable,
}

/// Requests `ranges` of the ten digits.
#[track_caller]
fn check(httpd: &Httpd, ranges: &str, want: &Want<'_>) {
    let reply = httpd.request("GET", "/digits.txt", &format!("Range: {ranges}\r\n"));
    check_frame(&reply, reply.body.len());
    match want {
        Want::Whole => assert_eq!((reply.status, &reply.body[..]), (200, DIGITS), "{ranges}"),
        Want::Part(body, content_range) => {
            assert_eq!((reply.status, reply.text().as_str()), (206, *body), "{ranges}");
            assert_eq!(reply.field("Content-Range"), Some(*content_range));
        }
        Want::Parts(parts) => {
            let got = parts_of(&reply);
            let got: Vec<(&str, &str)> =
                got.iter().map(|(range, body)| (str::from_utf8(body).unwrap(), &**range)).collect();
            assert_eq!(got, *parts, "{ranges}");
        }
        Want::Unsatisfiable => {
            assert_eq!(reply.status, 416, "{ranges}");
            assert_eq!(reply.field("Content-Range"), Some("bytes */10"));
        }
    }
    // Range applies only to GET (section 14.2).
    let head = httpd.request("HEAD", "/digits.txt", &format!("Range: {ranges}\r\n"));
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("10")));
}

/// The parts of a `multipart/byteranges` body: the Content-Range and the bytes of each.
#[track_caller]
fn parts_of(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    assert_eq!((reply.status, reply.field("Content-Range")), (206, None), "{:?}", reply.fields);
    let content_type = reply.field("Content-Type").unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut parts = Vec::new();
    let mut rest = &reply.body[..];
    loop {
        rest = rest.strip_prefix(format!("\r\n--{boundary}").as_bytes()).expect("a delimiter");
        if rest == b"--\r\n" {
            return parts;
        }
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = str::from_utf8(&rest[..end]).unwrap();
        let (media_type, range) = head.split_once("\r\nContent-Range: ").unwrap();
        assert_eq!(media_type, "\r\nContent-Type: text/plain; charset=utf-8");
        let (span, _) = range.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
        let (first, last) = span.split_once('-').unwrap();
        let length = last.parse::<usize>().unwrap() - first.parse::<usize>().unwrap() + 1;
        let (body, after) = rest[end + 4..].split_at(length);
        parts.push((range.to_owned(), body.to_vec()));
        rest = after;
    }
}

#[test]
fn ranges_of_ten_digits() {
    let tree = Tree::with(&[("digits.txt", DIGITS)]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let check = |ranges: &str, want: Want<'_>| check(&httpd, ranges, &want);
    check("bytes=3-5", Want::Part("345", "bytes 3-5/10"));
    check("bytes=7-", Want::Part("789", "bytes 7-9/10"));
    check("bytes=-3", Want::Part("789", "bytes 7-9/10"));
    check("bytes=5-99", Want::Part("56789", "bytes 5-9/10"));
    check("bytes=0-3,2-5", Want::Part("012345", "bytes 0-5/10"));
    check(
        "bytes=0-1, 4-5 ,-2",
        Want::Parts(&[("01", "bytes 0-1/10"), ("45", "bytes 4-5/10"), ("89", "bytes 8-9/10")]),
    );
    check("bytes=0-0\r\nRange: 2-2", Want::Parts(&[("0", "bytes 0-0/10"), ("2", "bytes 2-2/10")]));
    check("bytes=10-", Want::Unsatisfiable);
    check("bytes=5-4", Want::Whole);
    check("lines=0-1", Want::Whole);
    check(&format!("bytes={}", "0-0,".repeat(2000)), Want::Whole);
}

#[test]
fn at_most_sixteen_ranges_are_sent_in_parts() {
    let tree = Tree::with(&[("a.txt", &pattern(1000))]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let ask = |count: usize| {
        let ranges: Vec<String> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
        httpd.request("GET", "/a.txt", &format!("Range: bytes={}\r\n", ranges.join(",")))
    };
    assert_eq!(parts_of(&ask(16)).len(), 16);
    assert_eq!((ask(17).status, ask(17).body.len()), (200, 1000));
}

#[test]
fn an_empty_file_has_no_satisfiable_range() {
    let tree = Tree::with(&[("empty.txt", b"")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(ask_for(&httpd, "/empty.txt", "").body, b"");
    for range in ["0-", "0-0", "-0"] {
        let reply = httpd.request("GET", "/empty.txt", &format!("Range: bytes={range}\r\n"));
        assert_eq!((reply.status, reply.field("Content-Range")), (416, Some("bytes */0")));
    }
    // Its last byte: satisfiable by the letter of the RFC, but no Content-Range can express it.
    assert_eq!(httpd.request("GET", "/empty.txt", "Range: bytes=-1\r\n").status, 200);
}

#[test]
fn only_files_have_ranges() {
    let tree = Tree::with(&[("folder/a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for (target, want) in [("/folder/", 200), ("/folder", 301), ("/missing", 404)] {
        let reply = httpd.request("GET", target, "Range: bytes=0-0\r\n");
        assert_eq!((reply.status, reply.field("Content-Range")), (want, None));
    }
}

#[test]
fn if_range() {
    let tree = Tree::with(&[("digits.txt", DIGITS)]);
    let file = File::options().write(true).open(tree.join("digits.txt")).unwrap();
    let modified = UNIX_EPOCH + Duration::from_secs(784_111_777);
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    let etag = httpd.head("/digits.txt").field("ETag").unwrap().to_owned();
    let check = |if_range: &str, want: u16| {
        let if_range = if_range.replace("ETAG", &etag);
        let fields = format!("Range: bytes=1-2\r\nIf-Range: {if_range}\r\n");
        let reply = httpd.request("GET", "/digits.txt", &fields);
        let want_body = if want == 206 { b"12" } else { DIGITS };
        assert_eq!((reply.status, &reply.body[..]), (want, want_body), "{if_range}");
    };
    check("ETAG", 206);
    check("Sun, 06 Nov 1994 08:49:37 GMT", 206);
    check("W/ETAG", 200);
    check("\"x\"", 200);
    check("Sun, 06 Nov 1994 08:49:36 GMT", 200);
}

#[test]
fn large_ranges_are_the_bytes_of_the_file() {
    let bytes = pattern(5_000_000);
    let tree = Tree::with(&[("large.txt", &bytes)]);
    let httpd = Httpd::serve(tree.path(), &[]);
    assert!(httpd.get("/large.txt").body == bytes);
    for (first, last) in [(0, 32_767), (0, 32_768), (1_234_567, 4_345_678), (4_999_999, 4_999_999)]
    {
        let range = format!("Range: bytes={first}-{last}\r\n");
        let reply = httpd.request("GET", "/large.txt", &range);
        assert_eq!((reply.status, reply.body.len()), (206, last - first + 1));
        assert!(reply.body == bytes[first..=last], "{first} to {last}");
    }
    let fields = "Range: bytes=1000000-3499999,0-99,3600000-3600000,-50000\r\n";
    let reply = httpd.request("GET", "/large.txt", fields);
    check_frame(&reply, reply.body.len());
    let want = [0..100, 1_000_000..3_500_000, 3_600_000..3_600_001, 4_950_000..5_000_000];
    let parts = parts_of(&reply);
    assert_eq!(parts.len(), want.len());
    for ((range, body), want) in parts.into_iter().zip(want) {
        assert_eq!(range, format!("bytes {}-{}/5000000", want.start, want.end - 1));
        assert!(body == bytes[want], "{range}");
    }
}

#[test]
fn ranges_reach_beyond_four_gigabytes() {
    let tree = Tree::with(&[("huge.iso", b"")]);
    let file = File::options().write(true).open(tree.join("huge.iso")).unwrap();
    let length = 6_000_000_000;
    file.set_len(length).unwrap();
    file.write_all_at(b"far out", length - 1000).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(httpd.head("/huge.iso").field("Content-Length"), Some("6000000000"));
    for range in ["5999999000-5999999006", "-1000", "5999999000-"] {
        let reply = httpd.request("GET", "/huge.iso", &format!("Range: bytes={range}\r\n"));
        assert_eq!(reply.status, 206);
        assert!(reply.body.starts_with(b"far out"), "{range}");
    }
}
