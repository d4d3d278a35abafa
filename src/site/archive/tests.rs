//! What a walk finds, and which files are sent that changed after it.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::UNIX_EPOCH;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, mkfifoat, openat};
use tempfile::TempDir;

use super::plan::tests::unpacked;
use super::*;
use crate::gate::tests::Client;
use crate::http::request::{Parsed, parse};
use crate::http::response::Body;
use crate::site::files::Dotfiles;
use crate::site::root::Symlinks;
use crate::site::{Access, Options};

/// A folder with these files, whose contents are their paths.
fn folder(paths: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, path).unwrap();
    }
    folder
}

fn site(root: &Path, archive_limit: usize) -> Site {
    let options = Options {
        redirects: Vec::new(),
        index: Vec::new(),
        listing: true,
        listing_limit: 0,
        archive_limit,
        dotfiles: Dotfiles::Deny,
        pretty_urls: false,
        spa: false,
        media_types: HashMap::new(),
    };
    let access = Access { allowed_hosts: Vec::new(), cors: false, passwords: None };
    Site::new(Root::open(root, Symlinks::Within).unwrap(), options, access)
}

/// The archive of the folder at this target; `meanwhile` happens when the folder is open.
fn archive(site: &Site, target: &str, meanwhile: impl FnOnce()) -> Result<Response, Failure> {
    let head = format!("GET {target} HTTP/1.0\r\n\r\n");
    let Ok(Parsed::Complete { request, .. }) = parse(head.as_bytes()) else { panic!("{target}") };
    let opened = site.root.entry(request.target.path());
    let Ok(Opened::Directory(folder)) = opened else { panic!("{target} is no folder") };
    meanwhile();
    site.archive(folder, &request, Date::clamped(UNIX_EPOCH), &Client::default())
}

/// All bytes; `None` if one of its files has changed.
fn bytes(response: &Response) -> Option<Vec<u8>> {
    let Body::Streamed(stream, _) = response.body() else { panic!("no archive") };
    let mut bytes = Vec::new();
    for chunk in stream.parts(ByteRange { first: 0, length: response.body().length().unwrap() }) {
        match chunk? {
            Chunk::Bytes(more) => bytes.extend_from_slice(&more),
            Chunk::File(file, span) => drop(file.take(span.length).read_to_end(&mut bytes)),
        }
    }
    Some(bytes)
}

/// Checks the contents of an archive, without the name of the folder that starts each path.
#[track_caller]
fn check(site: &Site, target: &str, want: &[&str]) {
    let archive = bytes(&archive(site, target, || ()).unwrap()).unwrap();
    let paths = unpacked(&archive).into_iter().map(|entry| String::from_utf8(entry.0).unwrap());
    let below: Vec<_> = paths.map(|path| path.split_once('/').unwrap().1.to_owned()).collect();
    assert_eq!(below, [&[""], want].concat(), "{target}");
}

#[test]
fn an_archive_has_folders_files_and_links_to_files() {
    let folder = folder(&["b/2", "b/10", "B", "b.txt", ".hidden", "empty/inner/x"]);
    let path = folder.path();
    fs::remove_file(path.join("empty/inner/x")).unwrap();
    for (link, to) in [("b/up", "../B"), ("circle", "."), ("dangling", "nowhere")] {
        symlink(to, path.join(link)).unwrap();
    }
    mkfifoat(CWD, path.join("fifo"), Mode::RUSR).unwrap();
    let want = ["B", "b/", "b/10", "b/2", "b/up", "b.txt", "empty/", "empty/inner/"];
    check(&site(path, 99), "/", &want);
}

#[test]
fn the_limit_is_on_entries_and_counts_a_long_path_as_several() {
    let folder = folder(&["1", "2/3", "2/4"]);
    let path = folder.path();
    check(&site(path, 4), "/", &["1", "2/", "2/3", "2/4"]);
    let at = |limit| archive(&site(path, limit), "/", || ());
    let is_refused = |limit| matches!(at(limit), Err(Failure::TooLarge));
    assert!(is_refused(3));
    check(&site(path, 3), "/2/", &["3", "4"]);
    let long = "f".repeat(255);
    fs::create_dir_all(path.join(format!("{long}/{long}/{long}/x"))).unwrap();
    assert_eq!([9, 10].map(is_refused), [true, false]);
    assert_eq!(at(0).unwrap().status().code(), 403);
}

/// A file deeper than the longest path that the system opens cannot be requested, and must not end
/// the archive of the others.
#[test]
fn paths_too_long_to_be_opened_are_left_out() {
    let tree = folder(&["a", "z"]);
    let mode = Mode::from_raw_mode(0o755);
    let folder_at = |above: &OwnedFd, name: &str| {
        mkdirat(above, name, mode).unwrap();
        openat(above, name, OFlags::DIRECTORY, Mode::empty()).unwrap()
    };
    let mut folder = openat(CWD, tree.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    let mut path = String::new();
    // 15 times 256 bytes, and 250.
    for name in [vec!["d".repeat(255); 15], vec!["e".repeat(249)]].concat() {
        folder = folder_at(&folder, &name);
        path += &(name + "/");
    }
    for name in ["final", "longer"] {
        openat(&folder, name, OFlags::CREATE | OFlags::WRONLY, mode).unwrap();
    }
    folder_at(&folder, "folder");
    let ends = path.match_indices('/').map(|(at, slash)| at + slash.len());
    let folders: Vec<_> = ends.map(|end| &path[..end]).collect();
    let last = format!("{path}final");
    check(&site(tree.path(), 999), "/", &[&["a"][..], &folders, &[&last, "z"]].concat());
}

#[test]
fn a_file_is_sent_that_has_only_grown_or_moved_with_its_folder() {
    #[track_caller]
    fn check(is_sent: bool, change: impl Fn(&Path, &Path)) {
        let root = folder(&["folder/file", "other"]);
        let site = site(root.path(), 9);
        let response = archive(&site, "/folder/", || ()).unwrap();
        change(root.path(), &root.path().join("folder/file"));
        let length = response.body().length().unwrap();
        assert_eq!(bytes(&response).map(|bytes| bytes.len() as u64), is_sent.then_some(length));
    }
    let write_at = |file: &Path, at: u64| {
        let file = File::options().write(true).open(file).unwrap();
        file.write_all_at(b"more", at).unwrap();
        file
    };
    check(true, |_, file| drop(write_at(file, 9)));
    check(true, |root, _| fs::rename(root.join("folder"), root.join("elsewhere")).unwrap());
    // The same bytes at another time, fewer, another file with more, and none.
    check(false, |_, file| write_at(file, 0).set_modified(UNIX_EPOCH).unwrap());
    check(false, |_, file| write_at(file, 0).set_len(9).unwrap());
    check(false, |root, file| {
        write_at(&root.join("other"), 99);
        fs::rename(root.join("other"), file).unwrap();
    });
    check(false, |root, file| {
        fs::rename(file, root.join("folder/behind")).unwrap();
        symlink("behind", file).unwrap();
    });
    check(false, |_, file| fs::remove_file(file).unwrap());
}

#[test]
fn there_is_no_archive_of_a_folder_that_is_gone() {
    let folder = folder(&["folder/file"]);
    let (path, site) = (folder.path().join("folder"), site(folder.path(), 9));
    let gone = archive(&site, "/folder/", || fs::remove_dir_all(path).unwrap());
    assert!(matches!(gone, Err(Failure::Open(OpenError::NotFound))));
}
