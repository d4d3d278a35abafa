//! Folders as archives: their contents, and requests for all, part or none of one.

mod changes;
mod tools;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::UNIX_EPOCH;

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
    let tree = Tree::with(&[("r\n/Fotos für \"Änne\"/a", b"hello"), ("r\n/b", b"b")]);
    let root = tree.join(OsStr::from_bytes(b"r\xff oot\n"));
    fs::rename(tree.join("r\n"), &root).unwrap();
    let httpd = Httpd::serve(&root, &[]);
    let reply = ask_for(&httpd, "/Fotos%20f%C3%BCr%20%22%C3%84nne%22/?format=tar", "");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("Content-Type"), Some("application/x-tar"));
    let disposition = "attachment; filename=\"Fotos f_r __nne_.tar\"; \
                       filename*=UTF-8''Fotos%20f%C3%BCr%20%22%C3%84nne%22.tar";
    assert_eq!(reply.field("Content-Disposition"), Some(disposition));
    // Two headers, one block of content, two at the end.
    assert_eq!(reply.body.len(), 512 * (2 + 1 + 2));
    let whole = ask_for(&httpd, TARGET, "");
    assert!(whole.body.starts_with(b"r\xff oot\n/\0"));
    assert_eq!(httpd.raw("GET /?format=tar\r\n"), whole.body, "HTTP/0.9");
}

/// In all or in part, and as long as nothing changes, whichever process sends it.
#[test]
fn an_archive_is_requested_like_a_file() {
    let tree = Tree::with(&[("a", b"hello"), ("folder/b", b"b"), ("large", &pattern(200_000))]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let whole = Httpd::serve(tree.path(), &[]).get(TARGET);
    assert!(httpd.get(TARGET).body == whole.body);
    let (length, etag) = (whole.body.len(), whole.field("ETag").unwrap());
    let ask = |fields: String| httpd.request("GET", TARGET, &(fields + "\r\n"));
    let rest = ask(format!("Range: bytes=1029-\r\nIf-Range: {etag}"));
    let content_range = format!("bytes 1029-{}/{length}", length - 1);
    assert_eq!(rest.field("Content-Range"), Some(content_range.as_str()));
    assert!(rest.status == 206 && rest.body == whole.body[1029..]);
    // No date says whether it changed, so a condition on one is ignored.
    assert_eq!(ask("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT".into()).status, 200);
    assert_eq!(ask("If-Match: \"x\"".into()).status, 412);
    let unless_same = || ask(format!("If-None-Match: {etag}")).status;
    assert_eq!(unless_same(), 304);
    // Replaced by an older file of the same length.
    let other = tree.write("folder/b", b"c");
    File::open(other).unwrap().set_modified(UNIX_EPOCH).unwrap();
    assert_eq!(unless_same(), 200);
}

#[test]
fn an_archive_has_what_listings_show() {
    let outside = Tree::with(&[("secret", b"outside"), ("folder/secret", b"outside")]);
    let tree = Tree::with(&[
        ("file", b"inside"),
        ("folder/file", b"deep"),
        ("folder/.git/config", b"hidden"),
        (".well-known/x", b"known"),
    ]);
    tree.link("to-file", "folder/file");
    tree.link("absolute", tree.join("file"));
    tree.link("folder/up", "../file");
    tree.link("to-folder", "folder");
    tree.link("out", outside.join("secret"));
    tree.link("out-folder", outside.join("folder"));
    let plain = ".well-known/ .well-known/x file folder/ folder/file";
    let links = "absolute folder/up to-file";
    let hidden = "folder/.git/ folder/.git/config";
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
}

#[test]
fn an_archive_beyond_the_limit_is_refused() {
    let tree = Tree::with(&[("1", b""), ("2/3", b""), ("2/4", b"")]);
    let check_refused = |limit: &str, reason: &str, has_button: bool| {
        let httpd = Httpd::serve(tree.path(), &["--archive-limit", limit]);
        let reply = ask_for(&httpd, TARGET, "");
        assert!(reply.status == 403 && reply.text().contains(reason), "{}", reply.text());
        let button = "<button name=\"format\" value=\"tar\">";
        assert_eq!(httpd.get("/").text().contains(button), has_button);
    };
    check_refused("3", "<code>--archive-limit</code>", true);
    check_refused("0", "--archive-limit 0", false);
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
