//! What clients may see: nothing listed is 404, and flags that hide entries hide them from listings
//! and requests alike.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::ask::ask_for;
use crate::listing_page::{Page, Row, resolve};
use crate::support::{Httpd, Tree, is_root};

/// Checks whether `name` is listed in the root, and the status of a request for it.
#[track_caller]
fn check(httpd: &Httpd, name: &str, is_listed: bool, status: u16) {
    let names = Page::fetch(httpd, "/").texts();
    assert_eq!(names.iter().any(|listed| listed == name), is_listed, "{name} in {names:?}");
    assert_eq!(httpd.get(&format!("/{name}")).status, status, "{name}");
}

#[test]
fn names_that_start_with_a_dot_follow_the_dotfiles_flag() {
    let tree = Tree::with(&[
        ("plain", b""),
        (".hidden", b""),
        ("..x", b""),
        (".git/config", b""),
        (".well-known/security.txt", b""),
        (".well-known/.hidden", b""),
        (".well-known.txt", b""),
        ("folder/.hidden", b""),
    ]);
    for (flags, is_listed, status) in [
        (&[][..], false, 404),
        (&["--dotfiles", "deny"], false, 404),
        (&["--dotfiles", "unlisted"], false, 200),
        (&["--dotfiles", "serve"], true, 200),
    ] {
        let httpd = Httpd::serve(tree.path(), flags);
        for name in [".hidden", "..x", ".git/", ".well-known.txt"] {
            check(&httpd, name, is_listed, status);
        }
        check(&httpd, ".git/config", false, status);
        check(&httpd, "plain", true, 200);
        check(&httpd, ".well-known/", true, 200);
        check(&httpd, ".well-known/security.txt", false, 200);
        for folder in ["/folder/", "/.well-known/"] {
            let is_listed_below = Page::fetch(&httpd, folder).texts().contains(&".hidden".into());
            let found = httpd.get(&format!("{folder}.hidden")).status;
            assert_eq!((is_listed_below, found), (is_listed, status), "{flags:?}: {folder}");
        }
    }
}

#[test]
fn links_are_listed_where_they_are_followed_and_special_files_nowhere() {
    let outside = Tree::with(&[("secret.txt", b"outside"), ("folder/secret.txt", b"outside")]);
    let tree = Tree::with(&[("file.txt", b"inside"), ("folder/file.txt", b"inside")]);
    tree.link("to-file", "file.txt");
    tree.link("to-folder", "folder");
    tree.link("absolute-file", tree.join("file.txt"));
    tree.link("absolute-root", tree.path());
    tree.link("folder/up", "../file.txt");
    tree.link("up", Path::new("..").join(tree.path().file_name().unwrap()).join("file.txt"));
    tree.link("outside-file", outside.join("secret.txt"));
    tree.link("outside-folder", outside.join("folder"));
    tree.link("outside-dots", "../../../../../../etc/passwd");
    tree.link("process", "/proc/self/root/etc/passwd");
    tree.link("dangling", "nowhere");
    tree.link("loop", "loop");
    tree.link("null", "/dev/null");
    mkfifoat(CWD, tree.join("fifo"), Mode::RUSR).unwrap();
    let _listener = UnixListener::bind(tree.join("socket")).unwrap();
    tree.link("to-fifo", "fifo");
    let modes = [("deny", false, false), ("within", true, false), ("follow", true, true)];
    for (mode, inside_is_seen, outside_is_seen) in modes {
        let httpd = Httpd::serve(tree.path(), &["--symlinks", mode]);
        let inside = ["to-file", "up", "absolute-file", "to-folder/", "absolute-root/"];
        let outside = ["outside-file", "outside-folder/", "outside-dots", "process"];
        let nowhere = ["dangling", "loop", "to-fifo", "fifo", "socket", "null"];
        for (names, is_seen) in
            [(&inside[..], inside_is_seen), (&outside, outside_is_seen), (&nowhere, false)]
        {
            for name in names {
                check(&httpd, name, is_seen, if is_seen { 200 } else { 404 });
            }
        }
        check(&httpd, "file.txt", true, 200);
        let folder = Page::fetch(&httpd, "/folder/").texts();
        assert_eq!(folder.contains(&"up".into()), inside_is_seen);
        for (target, is_seen) in [
            ("/folder/up", inside_is_seen),
            ("/to-folder/file.txt", inside_is_seen),
            ("/outside-folder/secret.txt", outside_is_seen),
        ] {
            let status = if is_seen { 200 } else { 404 };
            assert_eq!(httpd.get(target).status, status, "{mode}: {target}");
        }
    }
}

#[test]
fn a_link_shows_what_it_leads_to() {
    let tree = Tree::with(&[("folder/file.txt", b"12345")]);
    tree.link("link", "folder/file.txt");
    tree.link("linked", "folder");
    let page = Page::fetch(&Httpd::serve(tree.path(), &[]), "/");
    assert_eq!(page.texts(), ["folder/", "linked/", "link"]);
    assert_eq!(page.row("link").size.as_deref(), Some("5 bytes"));
}

#[test]
fn a_readme_follows_the_same_rules() {
    let outside = Tree::with(&[("secret", b"outside")]);
    let tree = Tree::with(&[("folder/text", b"inside")]);
    tree.link("README.md", outside.join("secret"));
    tree.link("README", "folder/text");
    mkfifoat(CWD, tree.join("folder/README.md"), Mode::RUSR).unwrap();
    let shown = |mode| {
        let httpd = Httpd::serve(tree.path(), &["--symlinks", mode]);
        assert!(Page::fetch(&httpd, "/folder/").readme.is_none(), "a FIFO does not block");
        Page::fetch(&httpd, "/").readme.map(|readme| readme.text)
    };
    assert_eq!(shown("deny"), None);
    assert_eq!(shown("within").as_deref(), Some("inside"));
    assert_eq!(shown("follow").as_deref(), Some("<p>outside</p>\n"));
}

#[test]
fn unreadable_entries_are_listed_but_forbidden() {
    if is_root() {
        return eprintln!("skipped: file permissions do not apply to root");
    }
    let tree = Tree::with(&[
        ("closed.txt", b"secret"),
        ("closed/inside", b""),
        ("names-only/inside", b""),
        ("search-only/inside", b""),
        ("README.md", b"secret"),
        ("README", b"open"),
    ]);
    tree.link("link", "closed.txt");
    tree.link("link-into", "closed/inside");
    let set_mode = |name: &str, mode| {
        fs::set_permissions(tree.join(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    for name in ["closed.txt", "README.md", "closed"] {
        set_mode(name, 0);
    }
    set_mode("names-only", 0o444);
    set_mode("search-only", 0o111);
    let httpd = Httpd::serve(tree.path(), &[]);
    for (name, is_listed, status) in [
        ("closed.txt", true, 403),
        ("closed/", true, 403),
        ("closed/inside", false, 403),
        ("closed/missing", false, 403),
        ("link", true, 403),
        ("link-into", true, 403),
        ("names-only/", true, 403),
        ("names-only/inside", false, 403),
        ("search-only/", true, 403),
        ("search-only/inside", false, 200),
    ] {
        check(&httpd, name, is_listed, status);
    }
    let page = Page::fetch(&httpd, "/");
    assert_eq!(page.readme.map(|readme| readme.text).as_deref(), Some("open"));
    for name in ["closed", "names-only", "search-only"] {
        set_mode(name, 0o755);
    }
}

#[test]
fn without_listings_a_folder_is_not_found() {
    let tree = Tree::with(&[("folder/file.txt", b"a"), ("indexed/index.html", b"index")]);
    let httpd = Httpd::serve(tree.path(), &["--no-listing"]);
    for target in ["/", "/folder/", "/?format=json", "/?format=tar"] {
        assert_eq!(ask_for(&httpd, target, "").status, 404, "{target}");
    }
    assert_eq!(httpd.get("/folder/file.txt").status, 200);
    assert_eq!(httpd.get("/indexed/").body, b"index");
}

#[test]
fn only_a_file_is_an_index() {
    let tree = Tree::with(&[("b/index.html/x", b""), ("c/x", b"")]);
    tree.link("c/index.html", "nowhere");
    let httpd = Httpd::serve(tree.path(), &[]);
    assert_eq!(Page::fetch(&httpd, "/b/").texts(), ["index.html/"]);
    assert_eq!(Page::fetch(&httpd, "/c/").texts(), ["x"]);
}

/// An entry of a generated folder.
#[derive(Clone, Debug)]
enum Thing {
    File,
    Fifo,
    Folder(Vec<(&'static [u8], Thing)>),
    Link(&'static str),
}

/// Few names, so that links often lead to one of them.
const MADE_UP_NAMES: [&[u8]; 9] =
    [b"a", b"b", b"c.html", b".dot", b".well-known", b"x y&z", b"?#%41", b"new\nline", b"\xff\xfe"];

#[rustfmt::skip]
const MADE_UP_LINKS: [&str; 14] = [
    "a", "b", "./a/b", "../a", "../../b", ".", "..", ".dot", "x y&z", "a/../c.html", "/etc/passwd",
    "/etc", "missing", "new\nline/",
];

fn any_thing() -> impl Strategy<Value = Thing> {
    let leaf = prop_oneof![
        3 => Just(Thing::File),
        1 => Just(Thing::Fifo),
        3 => prop::sample::select(&MADE_UP_LINKS[..]).prop_map(Thing::Link),
    ];
    leaf.prop_recursive(3, 24, 6, |thing| any_folder(thing).prop_map(Thing::Folder))
}

fn any_folder(
    thing: impl Strategy<Value = Thing>,
) -> impl Strategy<Value = Vec<(&'static [u8], Thing)>> {
    let name = prop::sample::select(&MADE_UP_NAMES[..]);
    let things = prop::collection::btree_map(name, thing, 0..7);
    things.prop_map(|things| things.into_iter().collect())
}

fn make(folder: &Path, things: &[(&'static [u8], Thing)]) {
    for (name, thing) in things {
        let path = folder.join(OsStr::from_bytes(name));
        match thing {
            Thing::File => fs::write(path, b"content").unwrap(),
            Thing::Fifo => mkfifoat(CWD, path, Mode::RUSR).unwrap(),
            Thing::Link(to) => std::os::unix::fs::symlink(to, path).unwrap(),
            Thing::Folder(things) => {
                fs::create_dir(&path).unwrap();
                make(&path, things);
            }
        }
    }
}

#[test]
fn everything_listed_is_found_and_nothing_else() {
    let any_dotfiles = prop::sample::select(&["deny", "unlisted", "serve"][..]);
    // Links out of the root would lead through the whole machine: another test covers them.
    let any_symlinks = prop::sample::select(&["deny", "within"][..]);
    let case = (any_folder(any_thing()), any_dotfiles, any_symlinks);
    let mut runner = TestRunner::new(Config { cases: 40, ..Config::default() });
    let result = runner.run(&case, |(things, dotfiles, symlinks)| {
        let tree = Tree::new();
        make(tree.path(), &things);
        let flags = ["--dotfiles", dotfiles, "--symlinks", symlinks];
        let httpd = Httpd::serve(tree.path(), &flags);
        let mut folders = vec!["/".to_owned()];
        // Links can make a tree endless.
        for _ in 0..40 {
            let Some(folder) = folders.pop() else { break };
            let page = Page::fetch(&httpd, &folder);
            for row in &page.rows {
                let target = resolve(&folder, &row.href);
                prop_assert_eq!(httpd.get(&target).status, 200, "{} {:?}", target, flags);
                if row.is_folder() {
                    folders.push(target);
                }
            }
            let listed: Vec<_> = page.rows.iter().map(Row::name).collect();
            for name in MADE_UP_NAMES {
                let is_listed =
                    listed.iter().any(|listed| listed.strip_suffix(b"/").unwrap_or(listed) == name);
                if is_listed || (dotfiles == "unlisted" && name == b".dot") {
                    continue;
                }
                let name = percent_encode(name, NON_ALPHANUMERIC);
                let target = format!("{folder}{name}");
                prop_assert_eq!(httpd.get(&target).status, 404, "{} {:?}", target, flags);
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
