//! Archives are read back with the `tar` crate, and every range of them is compared with the whole.

use std::io::Read;

use proptest::prelude::*;

use super::{Chunk, Entry, Failure, Kind, Plan};
use crate::http::range::ByteRange;
use crate::site::files;
use crate::site::root::Metadata;

fn metadata(size: u64, modified_seconds: i64) -> Metadata {
    Metadata { size, modified_seconds, modified_nanoseconds: 5, inode: 7 }
}

/// A plan with only the archived folder.
fn plan_of(name: &[u8]) -> Plan {
    let mut plan = Plan::default();
    let top = plan.entry(None, name, Kind::Folder, metadata(4096, 1)).unwrap();
    plan.push(top).unwrap();
    plan
}

/// Adds an entry at a path below the archived folder.
fn push(plan: &mut Plan, path: &[u8], kind: Kind, metadata: Metadata) -> Result<(), Failure> {
    let top = Entry { path: plan.planned(0).path.clone(), ..*plan.planned(0) };
    let entry = plan.entry(Some(&top), path, kind, metadata)?;
    plan.push(entry)
}

/// The content of a file, different for each entry and each block.
fn content(entry: usize, span: ByteRange) -> Vec<u8> {
    let byte = |at: u64| (at * 31 + at / 512 * 5 + entry as u64 * 7).to_le_bytes()[0];
    (span.first..span.end()).map(byte).collect()
}

fn read(plan: &Plan, span: ByteRange) -> Vec<u8> {
    let parts = plan.parts(span).map(|part| match part {
        Chunk::Bytes(bytes) => bytes,
        Chunk::Content { entry, span } => content(entry, span),
    });
    parts.collect::<Vec<_>>().concat()
}

fn whole(plan: &Plan) -> Vec<u8> {
    read(plan, ByteRange { first: 0, length: plan.length() })
}

/// An entry as unpacked: path, whether it is a folder, mode, time, content.
pub(crate) type Unpacked = (Vec<u8>, bool, u32, i64, Vec<u8>);

pub(crate) fn unpacked(archive: &[u8]) -> Vec<Unpacked> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let header = entry.header();
        let time = header.mtime().unwrap().cast_signed();
        let is_folder = header.entry_type().is_dir();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let mode = header.mode().unwrap();
        (entry.path_bytes().into_owned(), is_folder, mode, time, bytes)
    });
    entries.collect()
}

/// Checks that a file at this path below the folder `top` comes back, and the number of blocks of
/// its header.
#[track_caller]
fn check(path: &[u8], modified_seconds: i64, want_blocks: u64) {
    let mut plan = plan_of(b"top");
    let mut want = vec![(b"top/".to_vec(), true, 0o755, 1, Vec::new())];
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    for (end, _) in slashes {
        push(&mut plan, &path[..end], Kind::Folder, metadata(4096, 2)).unwrap();
        let path = [&b"top/"[..], &path[..=end]].concat();
        want.push((path, true, 0o755, 2, Vec::new()));
    }
    let before = plan.length();
    push(&mut plan, path, Kind::File, metadata(3, modified_seconds)).unwrap();
    let file = want.len();
    assert_eq!(plan.path_below(plan.planned(file)), path);
    let bytes = content(file, ByteRange { first: 0, length: 3 });
    want.push(([b"top/", path].concat(), false, 0o644, modified_seconds, bytes));
    let archive = whole(&plan);
    assert_eq!(archive.len() as u64, plan.length());
    assert_eq!(unpacked(&archive), want);
    let blocks = (plan.length() - before) / 512 - 1;
    assert_eq!(blocks, want_blocks, "{}", path.escape_ascii());
}

#[test]
fn a_header_takes_as_many_blocks_as_its_path_needs() {
    check(b"a b\nc \"d\"", 8_589_934_591, 1);
    check(&[b'n'; 96], 1, 1);
    check(b"\xff\xfe", 1, 1);
    check(b"early", -1, 1);
    check(b"early", i64::MIN, 1);
    check(b"late", 8_589_934_592, 1);
    check(b"late", i64::MAX, 1);
    // A longer path stands before it.
    check(&[b'n'; 97], 1, 3);
    check(&[&[b'\xff'; 200][..], b"/", &[b'n'; 100]].concat(), 1, 3);
    // With `top/` and the zero byte at its end, the first fills its block.
    check(&[&[b'f'; 255][..], b"/", &[b'g'; 251]].concat(), 1, 3);
    check(&[&[b'f'; 255][..], b"/", &[b'g'; 252]].concat(), 1, 4);
}

#[test]
fn the_archived_folder_can_have_any_name() {
    for name in [b"\\..", &[b'n'; 99][..], &[b'\xff'; 100]] {
        let mut plan = plan_of(name);
        push(&mut plan, b"file", Kind::File, metadata(0, 1)).unwrap();
        let paths: Vec<_> = unpacked(&whole(&plan)).into_iter().map(|entry| entry.0).collect();
        assert_eq!(paths, [[name, b"/"].concat(), [name, b"/file"].concat()]);
        // Two entries, and their paths.
        assert_eq!(plan.finish().held_bytes(), 2 * 64 + paths.concat().len());
    }
}

#[test]
fn a_huge_file_has_its_size() {
    let size = 9_000_000_000;
    let mut plan = plan_of(b"top");
    push(&mut plan, b"huge", Kind::File, metadata(size, 1)).unwrap();
    push(&mut plan, b"z", Kind::File, metadata(1, 1)).unwrap();
    let header = read(&plan, ByteRange { first: 512, length: 512 });
    assert_eq!(tar::Header::from_byte_slice(&header).entry_size().unwrap(), size);
    assert_eq!(plan.length(), 512 + 512 + size.next_multiple_of(512) + 2 * 512 + 1024);
    let behind =
        read(&plan, ByteRange { first: 2 * 512 + size.next_multiple_of(512), length: 512 });
    assert_eq!(&behind[..6], b"top/z\0");
}

#[test]
fn sizes_that_cannot_be_added_are_too_large() {
    let mut plan = plan_of(b"top");
    let half = metadata(i64::MAX.unsigned_abs(), 1);
    push(&mut plan, b"a", Kind::File, half).unwrap();
    for size in [half, metadata(u64::MAX, 1)] {
        assert!(matches!(push(&mut plan, b"b", Kind::File, size), Err(Failure::TooLarge)));
    }
}

#[test]
fn the_tag_changes_with_all_that_is_known() {
    let tag = |folder: &[u8], name: &[u8], kind, metadata| {
        let mut plan = plan_of(folder);
        push(&mut plan, name, kind, metadata).unwrap();
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

/// Entries, each in an earlier folder.
fn plans() -> impl Strategy<Value = Plan> {
    let name = prop_oneof![
        "[a-z]{1,9}".prop_map(String::into_bytes),
        proptest::collection::vec(1..=255_u8, 1..200),
    ];
    let size = prop_oneof![0..3_u64, 500..530_u64, 0..5_000_u64];
    let time = prop_oneof![Just(1_i64), any::<i64>()];
    let entry = (any::<proptest::sample::Index>(), name, any::<bool>(), size, time);
    proptest::collection::vec(entry, 0..12).prop_map(|entries| {
        let mut plan = plan_of(b"top");
        let mut folders = vec![Vec::new()];
        for (folder, mut name, is_folder, size, time) in entries {
            name.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
            let kind = if is_folder { Kind::Folder } else { Kind::File };
            let path = files::join(folder.get::<Vec<u8>>(&folders), &name);
            push(&mut plan, &path, kind, metadata(size, time)).unwrap();
            folders.extend(is_folder.then_some(path));
        }
        plan.finish()
    })
}

proptest! {
    #[test]
    fn every_span_is_that_part_of_the_whole_and_every_entry_comes_back(
        plan in plans(),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 2..6),
    ) {
        let whole = whole(&plan);
        prop_assert_eq!(whole.len() as u64, plan.length());
        prop_assert!(whole.len().is_multiple_of(512) && whole.ends_with(&[0; 1024]));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            let span = ByteRange { first: pair[0] as u64, length: (pair[1] - pair[0]) as u64 };
            prop_assert_eq!(&read(&plan, span)[..], &whole[pair[0]..pair[1]]);
        }
        for (number, (path, ..)) in unpacked(&whole).into_iter().enumerate() {
            let entry = plan.planned(number);
            let above = if number == 0 { &b"top"[..] } else { b"top/" };
            let slash = if entry.kind == Kind::Folder { &b"/"[..] } else { b"" };
            let want = [above, plan.path_below(entry), slash].concat();
            prop_assert_eq!(path.escape_ascii().to_string(), want.escape_ascii().to_string());
        }
    }
}
