//! Ranges of files (RFC 9110 section 14): every byte is compared.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::ask::{ask_for, check_frame};
use crate::support::{Httpd, Reply, Tree, pattern};

const DIGITS: &[u8] = b"0123456789";

#[track_caller]
fn ranged(httpd: &Httpd, target: &str, ranges: &str) -> Reply {
    let reply = httpd.request("GET", target, &format!("Range: bytes={ranges}\r\n"));
    check_frame(&reply, reply.body.len());
    reply
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
fn a_range_is_a_part_several_parts_the_whole_or_unsatisfiable() {
    let tree = Tree::with(&[("digits.txt", DIGITS), ("empty.txt", b"")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for (ranges, status, content_range, want) in [
        ("3-5", 206, Some("bytes 3-5/10"), "345"),
        ("0-3,2-5", 206, Some("bytes 0-5/10"), "012345"),
    ] {
        let reply = ranged(&httpd, "/digits.txt", ranges);
        let got = (reply.status, reply.field("Content-Range"), &*reply.text());
        assert_eq!(got, (status, content_range, want), "{ranges}");
    }
    let parts = parts_of(&ranged(&httpd, "/digits.txt", "0-0\r\nRange: 2-2, -2"));
    let want = [("bytes 0-0/10", "0"), ("bytes 2-2/10", "2"), ("bytes 8-9/10", "89")];
    assert_eq!(parts, want.map(|(range, body)| (range.to_owned(), body.into())));
    for (target, content_range) in [("/digits.txt", "bytes */10"), ("/empty.txt", "bytes */0")] {
        let reply = ranged(&httpd, target, "10-");
        assert_eq!((reply.status, reply.field("Content-Range")), (416, Some(content_range)));
    }
    // Range applies only to GET (section 14.2).
    let head = httpd.request("HEAD", "/digits.txt", "Range: bytes=3-5\r\n");
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("10")));
}

#[test]
fn large_ranges_are_the_bytes_of_the_file() {
    let bytes = pattern(5_000_000);
    let tree = Tree::with(&[("large.txt", &bytes)]);
    let httpd = Httpd::serve(tree.path(), &[]);
    assert!(ask_for(&httpd, "/large.txt", "").body == bytes);
    for (first, last) in [(0, 32_767), (0, 32_768), (1_234_567, 4_345_678), (4_999_999, 4_999_999)]
    {
        let reply = ranged(&httpd, "/large.txt", &format!("{first}-{last}"));
        assert!(reply.status == 206 && reply.body == bytes[first..=last], "{first} to {last}");
    }
    let reply = ranged(&httpd, "/large.txt", "1000000-3499999,0-99,3600000-3600000,-50000");
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
        let reply = ranged(&httpd, "/huge.iso", range);
        assert_eq!(reply.status, 206);
        assert!(reply.body.starts_with(b"far out"), "{range}");
    }
}
