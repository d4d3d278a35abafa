//! Archives are read back with the `tar` crate, and every span of them is held to the whole.

use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use proptest::prelude::*;

use super::{Kind, Part, Plan, TooLarge};
use crate::http::range::Span;
use crate::site::root::Metadata;

fn metadata(size: u64, modified_seconds: i64) -> Metadata {
    Metadata { size, modified_seconds, modified_nanoseconds: 5, inode: 7 }
}

/// The bytes of a file's content: other ones for each entry.
fn content(entry: usize, span: Span) -> Vec<u8> {
    (span.first..span.end()).map(|at| (at * 31 + entry as u64 * 7 + 1).to_le_bytes()[0]).collect()
}

fn read(plan: &Plan, span: Span) -> Vec<u8> {
    let parts = plan.parts(span).map(|part| match part {
        Part::Bytes(bytes) => bytes.into_owned(),
        Part::Content { entry, span } => content(entry, span),
    });
    parts.collect::<Vec<_>>().concat()
}

fn whole(plan: &Plan) -> Vec<u8> {
    read(plan, Span { first: 0, length: plan.length() })
}

/// What a reader makes of it: path, whether it is a folder, mode, time, content.
type Unpacked = (Vec<u8>, bool, u32, i64, Vec<u8>);

fn unpacked(archive: &[u8]) -> Vec<Unpacked> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let extensions = entry.pax_extensions().unwrap().into_iter().flatten();
        let of_pax = extensions
            .map(|extension| extension.unwrap())
            .find(|extension| extension.key_bytes() == b"mtime")
            .map(|extension| extension.value().unwrap().parse().unwrap());
        let header = entry.header();
        let time = of_pax.unwrap_or_else(|| header.mtime().unwrap().cast_signed());
        let is_folder = header.entry_type().is_dir();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let mode = header.mode().unwrap();
        (entry.path_bytes().into_owned(), is_folder, mode, time, bytes)
    });
    entries.collect()
}

/// Checks that a file of that path below the folder `top` comes back, and in how many blocks its
/// header is.
#[track_caller]
fn check(path: &[u8], modified_seconds: i64, want_blocks: u64) {
    let mut plan = Plan::new(b"top", metadata(4096, 1));
    let mut names: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let name = names.pop().unwrap();
    let mut folder = 0;
    let mut want = vec![(b"top/".to_vec(), true, 0o755, 1, Vec::new())];
    for name in names {
        folder = plan.push(folder, name, Kind::Folder, metadata(4096, 2)).unwrap();
        let path = [&b"top/"[..], &plan.path_below(folder), b"/"].concat();
        want.push((path, true, 0o755, 2, Vec::new()));
    }
    let before = plan.length();
    let file = plan.push(folder, name, Kind::File, metadata(3, modified_seconds)).unwrap();
    assert_eq!(plan.path_below(file), path);
    let bytes = content(file, Span { first: 0, length: 3 });
    want.push(([b"top/", path].concat(), false, 0o644, modified_seconds, bytes));
    let archive = whole(&plan);
    assert_eq!(archive.len() as u64, plan.length());
    assert_eq!(unpacked(&archive), want);
    let blocks = (plan.length() - before) / 512 - 1;
    assert_eq!(blocks, want_blocks, "{}", path.escape_ascii());
}

#[test]
fn what_ustar_has_room_for_takes_one_block() {
    check(b"file", 0, 1);
    check(b"a b\nc \"d\"", 8_589_934_591, 1);
    check(&[b'n'; 96], 1, 1);
    check(&[&[b'f'; 99][..], b"/", &[b'n'; 100]].concat(), 1, 1);
    check(&[&[b'f'; 151][..], b"/", &[b'n'; 100]].concat(), 1, 1);
    // Bytes that are not UTF-8 mean themselves in ustar.
    check(b"\xff\xfe", 1, 1);
}

#[test]
fn what_it_has_no_room_for_takes_pax_records() {
    check(&[b'n'; 101], 1, 3);
    check(&[b'n'; 255], 1, 3);
    check(&[b'\xff'; 255], 1, 3);
    check(&[&[b'f'; 200][..], b"/", &[b'n'; 100]].concat(), 1, 3);
    check(&[&[b'f'; 255][..], b"/", &[b'g'; 255], b"/x"].concat(), 1, 4);
    check("ünï".as_bytes(), 1, 3);
    check(b"early", -1, 3);
    check(b"early", i64::MIN, 3);
    check(b"late", 8_589_934_592, 3);
    check(b"late", i64::MAX, 3);
}

#[test]
fn a_pax_records_length_counts_itself() {
    // 90 to 110 bytes, where the number grows by a digit.
    for length in 77..97 {
        let path = "é".repeat(length / 2) + &"n".repeat(length % 2);
        check(path.as_bytes(), 1, 3);
    }
}

/// Its size is in a record, and in binary for those who know no records.
#[test]
fn a_huge_file_has_its_size() {
    let size = 9_000_000_000;
    let mut plan = Plan::new(b"top", metadata(0, 1));
    plan.push(0, b"huge", Kind::File, metadata(size, 1)).unwrap();
    plan.push(0, b"z", Kind::File, metadata(1, 1)).unwrap();
    let header = read(&plan, Span { first: 512, length: 3 * 512 });
    assert!(header.windows(16).any(|bytes| bytes == b"size=9000000000\n"));
    let binary = tar::Header::from_byte_slice(&header[2 * 512..]);
    assert_eq!(binary.entry_size().unwrap(), size);
    assert_eq!(plan.length(), 512 + 3 * 512 + size.next_multiple_of(512) + 2 * 512 + 1024);
    let behind = read(&plan, Span { first: 4 * 512 + size.next_multiple_of(512), length: 512 });
    assert_eq!(&behind[..6], b"top/z\0");
}

#[test]
fn sizes_that_cannot_be_added_are_too_large() {
    let mut plan = Plan::new(b"top", metadata(0, 1));
    let half = metadata(i64::MAX.unsigned_abs(), 1);
    plan.push(0, b"a", Kind::File, half).unwrap();
    assert_eq!(plan.push(0, b"b", Kind::File, half), Err(TooLarge));
    assert_eq!(plan.push(0, b"c", Kind::File, metadata(u64::MAX, 1)), Err(TooLarge));
}

#[test]
fn the_tag_changes_with_all_that_is_known() {
    let tag = |folder: &[u8], name: &[u8], kind, metadata| {
        let mut plan = Plan::new(folder, Metadata { size: 1, ..self::metadata(0, 1) });
        plan.push(0, name, kind, metadata).unwrap();
        plan.finish().etag().to_string()
    };
    let base = metadata(3, 9);
    let tags = [
        tag(b"top", b"name", Kind::File, base),
        tag(b"to", b"pname", Kind::File, base),
        tag(b"top", b"same", Kind::File, base),
        tag(b"top", b"name", Kind::Link, base),
        tag(b"top", b"name", Kind::File, Metadata { size: 4, ..base }),
        tag(b"top", b"name", Kind::File, Metadata { modified_seconds: 8, ..base }),
        tag(b"top", b"name", Kind::File, Metadata { modified_nanoseconds: 4, ..base }),
        tag(b"top", b"name", Kind::File, Metadata { inode: 8, ..base }),
    ];
    assert_eq!(tags[0], tag(b"top", b"name", Kind::File, base));
    for (at, tag) in tags.iter().enumerate() {
        assert!(!tags[..at].contains(tag), "{at}");
    }
}

/// Entries, each in one of the folders before it.
fn plans() -> impl Strategy<Value = Plan> {
    let name = prop_oneof![
        "[a-z]{1,9}".prop_map(String::into_bytes),
        proptest::collection::vec(1..=255_u8, 1..200),
    ];
    let size = prop_oneof![0..3_u64, 500..530_u64, 0..5_000_u64];
    let time = prop_oneof![Just(1_i64), any::<i64>()];
    let entry = (any::<proptest::sample::Index>(), name, any::<bool>(), size, time);
    proptest::collection::vec(entry, 0..12).prop_map(|entries| {
        let mut plan = Plan::new(b"top", metadata(0, 0));
        let mut folders = vec![0];
        for (folder, mut name, is_folder, size, time) in entries {
            // This reader takes every newline for the end of a record.
            let is_odd = |byte: &u8| matches!(byte, b'/' | b'\n');
            name.iter_mut().filter(|byte| is_odd(byte)).for_each(|byte| *byte = b'_');
            let kind = if is_folder { Kind::Folder } else { Kind::File };
            let number = plan.push(*folder.get(&folders), &name, kind, metadata(size, time));
            folders.extend(number.ok().filter(|_| is_folder));
        }
        plan.finish()
    })
}

proptest! {
    #[test]
    fn every_span_is_that_part_of_the_whole(
        plan in plans(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 2..6),
    ) {
        let whole = whole(&plan);
        prop_assert_eq!(whole.len() as u64, plan.length());
        prop_assert!(whole.len().is_multiple_of(512) && whole.ends_with(&[0; 1024]));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            let span = Span { first: pair[0] as u64, length: (pair[1] - pair[0]) as u64 };
            prop_assert_eq!(&read(&plan, span)[..], &whole[pair[0]..pair[1]]);
        }
    }

    #[test]
    fn every_entry_comes_back(plan in plans()) {
        let paths: Vec<_> = unpacked(&whole(&plan)).into_iter().map(|entry| entry.0).collect();
        let count = paths.len();
        for (number, path) in paths.into_iter().enumerate() {
            let (kind, _) = plan.entry(number);
            let slash = if kind == Kind::Folder { &b"/"[..] } else { b"" };
            let below = plan.path_below(number);
            let above = if number == 0 { &b"top"[..] } else { b"top/" };
            let path = std::ffi::OsStr::from_bytes(&path);
            let want = [above, &below, slash].concat();
            prop_assert_eq!(path, std::ffi::OsStr::from_bytes(&want));
        }
        let end = Span { first: plan.length() - 1024, length: 1024 };
        prop_assert_eq!(read(&plan, end), [0; 1024]);
        prop_assert!(count > 0);
    }
}
