//! Folders as archives: their contents, and requests for all, part or none of one, as for any other
//! file.

mod changes;
mod tools;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::UNIX_EPOCH;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, mkfifoat, openat};

use crate::ask::ask_for;
use crate::support::{Httpd, Tree, is_root, pattern, tool};

const TARGET: &str = "/?format=tar";

/// Checks the contents of an archive, without the name of the folder that starts each path.
#[track_caller]
fn check(httpd: &Httpd, target: &str, want: &[&str]) {
    let reply = httpd.get(target);
    assert_eq!(reply.status, 200, "{target}");
    let mut archive = tar::Archive::new(&reply.body[..]);
    let below = archive.entries().unwrap().map(|entry| {
        let path = String::from_utf8(entry.unwrap().path_bytes().into_owned()).unwrap();
        path.split_once('/').unwrap().1.to_owned()
    });
    assert_eq!(below.collect::<Vec<_>>(), [&[""], want].concat(), "{target}");
}

#[test]
fn an_archive_has_the_name_of_its_folder() {
    let tree = Tree::with(&[("Fotos für \"Änne\"/a", b"hello"), ("b", b"b")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = ask_for(&httpd, "/Fotos%20f%C3%BCr%20%22%C3%84nne%22/?format=tar", "");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("Content-Type"), Some("application/x-tar"));
    let disposition = "attachment; filename=\"Fotos f_r __nne_.tar\"; \
                       filename*=UTF-8''Fotos%20f%C3%BCr%20%22%C3%84nne%22.tar";
    assert_eq!(reply.field("Content-Disposition"), Some(disposition));
    // Two headers, one block of content, two at the end.
    assert_eq!(reply.body.len(), 512 * (2 + 1 + 2));
    let root = tree.path().file_name().unwrap().to_str().unwrap();
    let whole = ask_for(&httpd, TARGET, "");
    assert!(whole.body.starts_with(format!("{root}/\0").as_bytes()));
    assert_eq!(httpd.raw("GET /?format=tar\r\n"), whole.body, "HTTP/0.9");
}

#[test]
fn names_are_sorted_and_two_archives_of_one_state_are_the_same() {
    let tree = Tree::with(&[
        ("b/2", b"2"),
        ("b/10", b"10"),
        ("a b", b""),
        ("B", b"B"),
        ("b.txt", &pattern(100_000)),
        ("empty/inner/x", b""),
    ]);
    fs::remove_file(tree.join("empty/inner/x")).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    let want = ["B", "a b", "b/", "b/10", "b/2", "b.txt", "empty/", "empty/inner/"];
    check(&httpd, TARGET, &want);
    let first = httpd.get(TARGET);
    let again = Httpd::serve(tree.path(), &[]).get(TARGET);
    assert_eq!(first.field("ETag"), again.field("ETag"));
    assert!(first.body == again.body);
    check(&httpd, "/empty/inner/?format=tar", &[]);
    check(&httpd, "/b/?format=tar&sort=size", &["10", "2"]);
}

/// Every range is that part of the whole, wherever it cuts. The plan's own tests cut it everywhere.
#[test]
fn ranges_fit_together() {
    let tree = Tree::with(&[
        ("a", b"hello"),
        ("large", &pattern(200_000)),
        ("n\u{e9}e/b", &pattern(511)),
        ("n\u{e9}e/c", &pattern(512)),
        ("n\u{e9}e/d", b""),
        ("z", &pattern(40_000)),
    ]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let whole = httpd.get(TARGET);
    let length = whole.body.len();
    let ranged = |range: &str| httpd.request("GET", TARGET, &format!("Range: bytes={range}\r\n"));
    let cuts = [0, 511, 1029, 2048, 2049, length / 3, length / 2, length - 1025, length];
    for pair in cuts.windows(2) {
        let (first, last) = (pair[0], pair[1] - 1);
        let reply = ranged(&format!("{first}-{last}"));
        let content_range = format!("bytes {first}-{last}/{length}");
        assert_eq!(reply.field("Content-Range"), Some(content_range.as_str()));
        assert!(reply.status == 206 && reply.body == whole.body[first..=last], "{first}-{last}");
        assert_eq!(reply.field("ETag"), whole.field("ETag"));
    }
    let rest = ranged(&format!("777-\r\nIf-Range: {}", whole.field("ETag").unwrap()));
    assert!(rest.status == 206 && rest.body == whole.body[777..]);
    let parts = ranged("10-19,150000-199999");
    let has = |part: &[u8]| parts.body.windows(part.len()).any(|window| window == part);
    assert!(parts.status == 206 && has(&whole.body[10..20]) && has(&whole.body[150_000..200_000]));
}

#[test]
fn preconditions_hold_for_all_that_an_archive_has() {
    let tree = Tree::with(&[("a", b"hello"), ("folder/b", b"b")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let etag = || ask_for(&httpd, TARGET, "").field("ETag").unwrap().to_owned();
    let mut before = etag();
    let fields = format!("If-None-Match: {before}\r\n");
    assert_eq!(ask_for(&httpd, TARGET, &fields).status, 304);
    assert_eq!(ask_for(&httpd, TARGET, "If-Match: \"x\"\r\n").status, 412);
    // No date says whether it changed, so a condition on one is ignored.
    let date = "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n";
    assert_eq!(ask_for(&httpd, TARGET, date).status, 200);
    let changes: [(&str, &dyn Fn()); 3] = [
        ("replaced by an older file of the same length", &|| {
            let other = tree.write("folder/b", b"c");
            File::open(other).unwrap().set_modified(UNIX_EPOCH).unwrap();
        }),
        ("added", &|| drop(tree.write("folder/new/x", b""))),
        ("renamed", &|| fs::rename(tree.join("a"), tree.join("c")).unwrap()),
    ];
    for (what, change) in changes {
        change();
        let fields = format!("If-None-Match: {before}\r\n");
        assert_eq!(ask_for(&httpd, TARGET, &fields).status, 200, "{what}");
        assert_ne!(std::mem::replace(&mut before, etag()), before, "{what}");
    }
}

#[test]
fn an_archive_has_what_listings_show() {
    let outside = Tree::with(&[("secret", b"outside"), ("folder/secret", b"outside")]);
    let tree = Tree::with(&[
        ("file", b"inside"),
        ("folder/file", b"deep"),
        (".hidden", b"hidden"),
        ("folder/.git/config", b"hidden"),
        (".well-known/x", b"known"),
        ("site/index.html", b"<h1>"),
    ]);
    tree.link("to-file", "folder/file");
    tree.link("absolute", tree.join("file"));
    tree.link("folder/up", "../file");
    tree.link("to-folder", "folder");
    tree.link("folder/circle", "..");
    tree.link("dangling", "nowhere");
    tree.link("out", outside.join("secret"));
    tree.link("out-folder", outside.join("folder"));
    mkfifoat(CWD, tree.join("fifo"), Mode::RUSR).unwrap();
    let plain = ".well-known/ .well-known/x file folder/ folder/file site/ site/index.html";
    let links = "absolute folder/up to-file";
    let hidden = ".hidden folder/.git/ folder/.git/config";
    let serve = |flags: &[&str]| Httpd::serve(tree.path(), flags);
    for (flags, more) in [
        (&[][..], links.to_owned()),
        (&["--symlinks", "deny"], String::new()),
        (&["--symlinks", "follow"], format!("{links} out")),
        (&["--dotfiles", "unlisted"], links.to_owned()),
        (&["--dotfiles", "serve"], format!("{links} {hidden}")),
    ] {
        let mut want: Vec<&str> = plain.split(' ').chain(more.split_whitespace()).collect();
        // The slash of a folder does not matter for the order of these names.
        want.sort_unstable();
        check(&serve(flags), TARGET, &want);
    }
    // A folder may be requested through a link; links in it lead where they do for requests.
    check(&serve(&[]), "/to-folder/?format=tar", &["file", "up"]);
    // A link has the content of its file.
    assert_eq!(serve(&[]).get(TARGET).text().matches("deep").count(), 2);
}

#[test]
fn without_a_listing_there_is_no_archive() {
    let tree = Tree::with(&[("site/index.html", b"<h1>"), ("listed/a", b""), ("file", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(httpd.get("/site/?format=tar").body, b"<h1>", "an index is the folder");
    assert_eq!(httpd.get("/file?format=tar").body, b"hello");
    let slash = httpd.get("/listed?format=tar");
    assert_eq!(slash.field("Location"), Some("listed/?format=tar"));
    let none = Httpd::serve(tree.path(), &["--no-listing"]);
    assert_eq!(none.get("/listed/?format=tar").status, 404);
}

#[test]
fn the_limit_is_on_entries() {
    let tree = Tree::with(&[("1", b""), ("2/3", b""), ("2/4", b"")]);
    let serve = |limit: &str| Httpd::serve(tree.path(), &["--archive-limit", limit]);
    check(&serve("4"), TARGET, &["1", "2/", "2/3", "2/4"]);
    let check_refused = |httpd: &Httpd, reason: &str, has_button: bool| {
        let reply = ask_for(httpd, TARGET, "");
        assert!(reply.status == 403 && reply.text().contains(reason), "{}", reply.text());
        let button = "<button name=\"format\" value=\"tar\">";
        assert_eq!(httpd.get("/").text().contains(button), has_button);
    };
    let httpd = serve("3");
    check_refused(&httpd, "<code>--archive-limit</code>", true);
    check(&httpd, "/2/?format=tar", &["3", "4"]);
    check_refused(&serve("0"), "--archive-limit 0", false);
    // This many entries could each have a path of four thousand bytes, which a plan holds: a long
    // path counts as several.
    let folder = "f".repeat(255);
    tree.write(format!("{folder}/{folder}/{folder}/x"), b"");
    assert_eq!(["9", "10"].map(|limit| serve(limit).get(TARGET).status), [403, 200]);
}

/// Serves as a user bound by file permissions. `None` if something needed for that is missing.
fn serve_as_someone(tree: &Tree) -> Option<Httpd> {
    if !is_root() {
        return Some(Httpd::serve(&tree.join("www"), &[]));
    }
    let program = tree.join("httpd");
    fs::copy(env!("CARGO_BIN_EXE_httpd"), &program).unwrap();
    fs::set_permissions(tree.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new(tool("setpriv")?);
    // No user has this number.
    command.args(["--reuid", "471200", "--regid", "471200", "--clear-groups"]);
    command.arg(program).args(["--port", "0"]).arg(tree.join("www"));
    Some(Httpd::spawn(command))
}

/// A client could not get them either; a listing shows only their names.
#[test]
fn unreadable_entries_are_left_out() {
    let tree = Tree::with(&[
        ("www/closed", b"secret"),
        ("www/closed-folder/inside", b"secret"),
        ("www/names-only/inside", b"secret"),
        ("www/open", b"open"),
        ("www/search-only/inside", b"secret"),
    ]);
    tree.link("www/link", "closed");
    let modes =
        [("closed", 0), ("closed-folder", 0), ("names-only", 0o444), ("search-only", 0o111)];
    let set_mode = |name: &str, mode| {
        let path = tree.join("www").join(name);
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    for (name, mode) in modes {
        set_mode(name, mode);
    }
    if let Some(httpd) = serve_as_someone(&tree) {
        check(&httpd, TARGET, &["names-only/", "open"]);
        assert_eq!(httpd.get("/closed-folder/?format=tar").status, 403);
    }
    // So that the tree can be removed.
    for (name, _) in modes {
        set_mode(name, 0o755);
    }
}

/// A file deeper than the longest path that the system opens cannot be requested, and must not end
/// the archive of the others.
#[test]
fn paths_too_long_to_be_opened_are_left_out() {
    let tree = Tree::with(&[("www/a", b"hello"), ("www/z", b"the end")]);
    let mode = Mode::from_raw_mode(0o755);
    let folder_at = |above: &OwnedFd, name: &str| {
        mkdirat(above, name, mode).unwrap();
        openat(above, name, OFlags::DIRECTORY, Mode::empty()).unwrap()
    };
    let mut folder = openat(CWD, tree.join("www"), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..15 {
        folder = folder_at(&folder, &"d".repeat(255));
    }
    // 15 times 256 bytes, and 250.
    folder = folder_at(&folder, &"e".repeat(249));
    for name in ["last", &"x".repeat(60)] {
        openat(&folder, name, OFlags::CREATE | OFlags::WRONLY, mode).unwrap();
    }
    folder_at(&folder, &"y".repeat(60));
    let httpd = Httpd::serve(&tree.join("www"), &["--quiet"]);
    let reply = httpd.get(TARGET);
    let length = reply.body.len().to_string();
    assert_eq!((reply.status, reply.field("Content-Length")), (200, Some(length.as_str())));
    let has = |text: &str| reply.body.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(has("/last") && has("the end"));
    assert!(!has(&"x".repeat(60)) && !has(&"y".repeat(60)));
}
