//! Listings: every link leads to the exact bytes, and entries come in the requested order.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::ask::ask_for;
use crate::listing_page::{Page, resolve};
use crate::support::{Httpd, Reply, Tree, has_words, pattern};

/// Names that a file system allows and a careless server mishandles.
#[rustfmt::skip]
const NAMES: &[&[u8]] = &[
    b"plain.txt", b"two  spaces", b" leading space", b"trailing space ", b"trailing dot.",
    b"\"double\" 'single' `back`", b"<script>alert(1)<script>", b"<img src=x onerror=alert(1)>",
    b"R&D &amp; &#60;b&#62; &lt", b"100%", b"%2e%2e%2f", b"%00", b"a#b", b"a?sort=size&order=desc",
    b"a+b", b"a;b", b"a:b", b"javascript:x", b"http:", b"C:\\folder\\file", b"\\\\host\\share",
    b"two\nlines", b"\r\nX-Injected: yes\r\n\r\n", b"\ttab\t", b"...", b"..x", b"-x",
    b"~-._!$()*,@[]{}|^=", "Grüße 日本 🎉".as_bytes(), "e\u{301} and \u{e9}".as_bytes(),
    "a\u{202e}gpj.exe\u{2066}\u{200f}".as_bytes(), "\u{85}\u{2028}\u{2029}".as_bytes(),
    "\u{feff}marked".as_bytes(), b"caf\xe9 \xff\xfe", b"\x01\x1b[31m\x7f", b"\xe2\x80",
    &[b'x'; 255], &[0xff; 255],
];

fn json(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.field("Content-Type"), Some("application/json"));
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn every_folder_leads_in_and_back() {
    let tree = Tree::new();
    for name in NAMES {
        tree.write_bytes_name(&[*name, b"/inside/", *name].concat(), name);
    }
    let httpd = Httpd::serve(tree.path(), &["--dotfiles", "serve"]);
    let root = Page::fetch(&httpd, "/");
    assert_eq!(root.rows.len(), NAMES.len());
    assert_eq!(root.parent, None, "the root has no parent");
    for row in &root.rows {
        assert!(row.is_folder(), "{row:?}");
        let folder = resolve("/", &row.href);
        let page = Page::fetch(&httpd, &folder);
        assert_eq!(page.texts(), ["inside/"]);
        assert_eq!(page.parent.as_deref(), Some("../"));

        let inside = resolve(&folder, &page.rows[0].href);
        let page = Page::fetch(&httpd, &inside);
        assert_eq!(page.breadcrumbs.len(), 2, "the root, and the folder above");
        assert_eq!(resolve(&inside, &page.breadcrumbs[1].0), folder, "the heading leads back");
        assert_eq!(format!("{}/", page.breadcrumbs[1].1), row.shown);
        assert_eq!(resolve(&inside, "../"), folder);
        let file = resolve(&inside, &page.rows[0].href);
        let name = page.rows[0].name();
        assert_eq!(httpd.get(&file).body, name, "{file}");

        // Without its slash, the folder redirects to itself, whatever its name.
        let reply = httpd.get(folder.trim_end_matches('/'));
        assert_eq!(reply.status, 301);
        let location = reply.field("Location").unwrap();
        assert_eq!(resolve("/", location), folder);
    }
}

#[test]
fn no_name_takes_effect_as_markup() {
    let tree = Tree::new();
    for name in NAMES {
        tree.write_bytes_name(&[b"<i>&\"'\n/", *name].concat(), name);
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = httpd.get("/%3Ci%3E&%22'%0A/");
    let page = Page::parse(&reply);
    assert!(page.title.ends_with(" /<i>&\"'\u{240a}/"), "{}", page.title);
    for row in &page.rows {
        let file = httpd.get(&format!("/%3Ci%3E&%22'%0A/{}", row.href));
        assert_eq!(file.body, row.name(), "{row:?}");
    }
    let text = reply.text();
    assert_eq!(text.matches("<script").count(), 1, "only the filter");
    assert_eq!(text.matches("<img").count(), 0);
    let is_invisible = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}".contains(c);
    assert_eq!(text.find(is_invisible), None);
    let policy = reply.field("Content-Security-Policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
}

#[test]
fn a_row_shows_time_and_size() {
    let tree = Tree::with(&[("d/a.iso", &pattern(1_234_567)), ("d/old", b"")]);
    fs::create_dir(tree.join("d/folder")).unwrap();
    let moment = UNIX_EPOCH + Duration::from_secs(1_763_000_000);
    // HTTP can't represent a date before 1970, so the page shows none.
    let before = UNIX_EPOCH - Duration::from_secs(1);
    for (name, time) in [("d/a.iso", moment), ("d/folder", moment), ("d/old", before)] {
        File::open(tree.join(name)).unwrap().set_modified(time).unwrap();
    }
    let page = Page::fetch(&Httpd::serve(tree.path(), &[]), "/d/");
    let row = |name| (page.row(name).modified.as_deref(), page.row(name).size.as_deref());
    assert_eq!(row("a.iso"), (Some("2025-11-13T02:13:20Z"), Some("1,234,567 bytes")));
    assert_eq!(row("folder/"), (Some("2025-11-13T02:13:20Z"), None));
    assert_eq!(row("old").0, None);
    assert_eq!((&*page.counts, &*page.total_size), ("1 folder, 2 files", "1,234,567 bytes"));
}

#[test]
fn each_way_to_another_folder_keeps_the_order() {
    let tree = Tree::with(&[("a/b/c/file", b""), ("a/b/file", b"")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for (query, want) in [
        ("?sort=size&order=asc&format=html", Some("sort=size&order=asc")),
        ("?sort=name&order=asc", None),
    ] {
        let page = Page::fetch(&httpd, &format!("/a/b/{query}"));
        assert_eq!(page.row("c/").query.as_deref(), want, "{query}");
        assert_eq!(page.row("file").query, None, "{query}");
        assert_eq!(page.breadcrumbs.len(), 2);
        let up = page.breadcrumbs.iter().map(|(href, _)| href).chain(&page.parent);
        for href in up {
            assert_eq!(href.split_once('?').map(|(_, query)| query), want, "{query} {href}");
            assert_eq!(httpd.get(&resolve("/a/b/", href)).status, 200, "{href}");
        }
    }
}

#[test]
fn the_query_or_else_accept_chooses_the_format() {
    let tree = Tree::with(&[("a", b"")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for (target, fields, wants_json) in [
        ("/", "", false),
        ("/", "Accept: application/json\r\n", true),
        ("/?sort=size&format=json", "Accept: text/html\r\n", true),
        ("/?format=html", "Accept: application/json\r\n", false),
    ] {
        let reply = ask_for(&httpd, target, fields);
        assert_eq!(reply.field("Vary"), Some("Accept"));
        let count = if wants_json { json(&reply).len() } else { Page::parse(&reply).rows.len() };
        assert_eq!(count, 1, "{target} {fields}");
    }
    for format in ["zip", "", "TAR", "tar.gz"] {
        let reply = httpd.get(&format!("/?format={format}"));
        assert_eq!(reply.status, 400, "{format}");
        let text = reply.text();
        assert!(["html", "json", "tar"].iter().all(|format| text.contains(format)), "{text}");
    }
    assert_eq!(httpd.get("/a?format=zip").status, 200, "a file has no other format");
}

/// They have no validators either: `fields` checks their names.
#[test]
fn conditions_and_ranges_do_not_apply_to_listings() {
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for target in ["/", "/?format=json"] {
        let conditions = "If-Modified-Since: Fri, 31 Dec 2055 23:59:59 GMT\r\nRange: bytes=0-1\r\n\
            If-None-Match: \"x\"\r\n";
        let (reply, plain) = (ask_for(&httpd, target, conditions), httpd.get(target));
        assert_eq!((reply.status, &reply.body), (200, &plain.body), "{target}");
        assert_eq!(reply.field("Cache-Control"), Some("no-cache"));
    }
}

/// Checks that a note above the table has these numbers: entries shown, and entries in total.
#[track_caller]
fn check_note(page: &Page, want: &[&str; 2]) {
    let note = page.note.as_deref().expect("a note that not all entries are shown");
    assert!(has_words(note, want), "{note:?} lacks one of {want:?}");
}

#[test]
fn above_the_limit_the_first_entries_in_the_requested_order_are_shown() {
    let tree = Tree::with(&[("sub2/x", b""), ("sub10/x", b""), (".hidden", b"")]);
    tree.link("nowhere", "missing");
    // In the folder's own order, by creation or by hash, these are mixed.
    for size in [30, 4, 500, 12] {
        tree.write(format!("file{size}"), &pattern(size));
    }
    for (limit, query, want) in [
        ("3", "?sort=name", &["sub2/", "sub10/", "file4"][..]),
        ("3", "?order=desc", &["sub10/", "sub2/", "file500"]),
        ("4", "?sort=size&order=desc", &["sub2/", "sub10/", "file500", "file30"]),
        ("0", "?", &[]),
    ] {
        let httpd = Httpd::serve(tree.path(), &["--listing-limit", limit]);
        let page = Page::fetch(&httpd, &format!("/{query}"));
        assert_eq!(page.texts(), want, "{query}");
        check_note(&page, &[limit, "6"]);
        assert_eq!((&*page.counts, &*page.total_size), ("2 folders, 4 files", "546 bytes"));
        let reply = ask_for(&httpd, &format!("/{query}&format=json"), "");
        assert_eq!(reply.field("X-Total-Count"), Some("6"), "{query}");
        let objects = json(&reply);
        let names: Vec<_> = objects.iter().map(|o| o["href"].as_str().unwrap()).collect();
        assert_eq!(names, want, "{query} as JSON");
    }
    let httpd = Httpd::serve(tree.path(), &["--listing-limit", "6"]);
    assert_eq!(Page::fetch(&httpd, "/").note, None);
}

#[test]
fn a_large_folder_is_counted_completely() {
    let tree = Tree::new();
    for number in 0..12_000 {
        File::create(tree.join(format!("file{number}"))).unwrap();
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    let page = Page::fetch(&httpd, "/");
    check_note(&page, &["10,000", "12,000"]);
    assert_eq!(page.counts, "0 folders, 12,000 files");
    assert!(page.texts().into_iter().eq((0..10_000).map(|number| format!("file{number}"))));
}

#[test]
fn entries_that_come_and_go_do_not_spoil_a_listing() {
    let tree = Tree::new();
    for number in 0..50 {
        tree.write(format!("stays{number}"), b"here");
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    let check = |target: &str| {
        let page = Page::fetch(&httpd, target);
        let stays = page.texts().into_iter().filter(|name| name.starts_with("stays"));
        assert_eq!(stays.count(), 50, "files that stay are always listed");
        let folders = page.rows.iter().filter(|row| row.is_folder()).count();
        let files = page.rows.len() - folders;
        let noun = if folders == 1 { "folder" } else { "folders" };
        assert_eq!(page.counts, format!("{folders} {noun}, {files} files"));
    };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..17 {
                ["/", "/?sort=size&order=desc", "/?sort=modified"].into_iter().for_each(check);
            }
        });
        while !reader.is_finished() {
            for number in 0..100 {
                tree.write(format!("goes{number}"), b"");
                fs::create_dir(tree.join(format!("dir{number}"))).unwrap();
                tree.link(&format!("link{number}"), format!("goes{number}"));
            }
            for number in 0..100 {
                fs::remove_file(tree.join(format!("goes{number}"))).unwrap();
                fs::remove_dir(tree.join(format!("dir{number}"))).unwrap();
                fs::remove_file(tree.join(format!("link{number}"))).unwrap();
            }
        }
    });
}
