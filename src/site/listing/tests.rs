//! Whole listings: the selection and the order of entries, and any name shown truly on the page and
//! in JSON.

use super::*;
use crate::http::date::Date;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

/// Names that a file system allows and a careless page mishandles.
#[rustfmt::skip]
const NAMES: [&[u8]; 24] = [
    b"plain.txt", b"two  spaces ", b"\"double\" 'single' `back`", b"<script>alert(1)</script>",
    b"</title></table><img src=x onerror=alert(1)>", b"R&D &amp; &#60;b&#62;", b"100%",
    b"%2e%2e%2f", b"a#b", b"a?sort=size", b"a+b", b"a;b", b"a:b", b"javascript:alert(1)",
    b"C:\\folder\\file", b"two\nlines\r", b"\ttab", b"...", b"~-._", "Grüße 日本 🎉".as_bytes(),
    "a\u{202e}gpj.exe\u{2066}\u{200f}".as_bytes(), b"caf\xe9 \xff\xfe", b"\x01\x1b[31m\x7f",
    &[b'x'; 255],
];

/// An entry that was modified on 2025-11-13 at 02:13:20 UTC.
fn entry(name: &[u8], kind: Kind, size: u64) -> Entry {
    let size = (kind == Kind::File).then_some(size);
    Entry::new(name.to_vec(), kind, size, Date::from_unix(1_763_000_000))
}

fn listing(order: Order, limit: usize, entries: impl IntoIterator<Item = Entry>) -> Listing {
    let mut listing = Listing::new(order, limit);
    for entry in entries {
        listing.push(entry).unwrap();
    }
    listing.finish()
}

fn all(entries: impl IntoIterator<Item = Entry>) -> Listing {
    listing(Order::default(), usize::MAX, entries)
}

fn html(path: &[u8], listing: &Listing) -> String {
    String::from_utf8(page(path, listing, None, true).unwrap()).unwrap()
}

/// The texts between these two, wherever one follows the other.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let segments = text.split(before).skip(1);
    segments.map(|segment| segment.split(after).next().unwrap_or_default()).collect()
}

/// The references of the rows, without `../`.
fn links(page: &str) -> Vec<&str> {
    let links = between(page, "<tr><th scope=row><a href=\"", "\"");
    links.into_iter().filter(|link| *link != "../").collect()
}

#[track_caller]
fn check_contains(page: &str, want: &str) {
    assert!(page.contains(want), "{want:?} is not in:\n{page}");
}

#[test]
fn queries_are_read_and_unknown_words_are_the_default() {
    assert_eq!(Order::from_query(None), Order { key: Key::Name, descending: false });
    for (query, key, descending) in [
        ("", Key::Name, false),
        ("sort=name&order=desc", Key::Name, true),
        ("sort=modified&order=asc", Key::Modified, false),
        ("order=desc&format=json&sort=size", Key::Size, true),
        ("sort=s%69ze&sort=modified", Key::Size, false),
        ("sort=SIZE&order=DESC", Key::Name, false),
        ("=size&&&desc=order&sort&%", Key::Name, false),
    ] {
        let order = Order::from_query(Some(query.as_bytes()));
        assert_eq!(order, Order { key, descending }, "{query:?}");
    }
}

/// The names must come out in the order given.
#[track_caller]
fn check_names(names: &[&[u8]]) {
    for (at, a) in names.iter().enumerate() {
        for (other, b) in names.iter().enumerate() {
            let (left, right) = (a.escape_ascii(), b.escape_ascii());
            assert_eq!(natural(a, b), at.cmp(&other), "{left} and {right}");
        }
    }
}

#[test]
fn names_are_in_natural_order() {
    check_names(&[b"file", b"file1", b"file2", b"file10", b"file10a", b"file100"]);
    check_names(&[b"1.2.9", b"1.2.10", b"1.10", b"2"]);
    check_names(&[b"Apple", b"banana", b"Cherry", b"cherry2"]);
    check_names(&[b"README", b"Readme", b"readme"]);
    check_names(&[b"", b" ", b"-", b"0", b"9", b"a", b"\xc3\xa4", b"\xff"]);
    check_names(&[b"a0", b"a00", b"a0b", b"a001", b"a01", b"a1", b"a1b"]);
    check_names(&[b"x18446744073709551615", b"x18446744073709551616", b"x99999999999999999999"]);
    assert!(start(b"a9.txt") < start(b"a10.txt"), "most names need no more than this");
}

#[track_caller]
fn check_order(query: &str, want: &[&str]) {
    let entries = [
        ("b10", Kind::File, 5, 300),
        ("b9", Kind::File, 5, 100),
        ("A", Kind::File, 0, 300),
        ("pipe", Kind::Other, 9, -1),
        ("old", Kind::Directory, 4096, 100),
        ("New", Kind::Directory, 1, 200),
    ];
    let entries = entries.map(|(name, kind, size, modified)| Entry {
        modified: Date::from_unix(modified),
        ..entry(name.as_bytes(), kind, size)
    });
    let order = Order::from_query(Some(query.as_bytes()));
    let listing = listing(order, usize::MAX, entries);
    let names: Vec<_> = listing.entries.iter().map(|it| &it.name[..]).collect();
    assert_eq!(names, want.iter().map(|name| name.as_bytes()).collect::<Vec<_>>(), "{query}");
}

#[test]
fn folders_come_first_and_ties_go_by_name() {
    check_order("sort=name", &["New", "old", "A", "b9", "b10", "pipe"]);
    check_order("sort=name&order=desc", &["old", "New", "pipe", "b10", "b9", "A"]);
    check_order("sort=modified", &["old", "New", "pipe", "b9", "A", "b10"]);
    check_order("sort=modified&order=desc", &["New", "old", "A", "b10", "b9", "pipe"]);
    check_order("sort=size", &["New", "old", "pipe", "A", "b9", "b10"]);
    check_order("sort=size&order=desc", &["New", "old", "b9", "b10", "A", "pipe"]);
}

#[test]
fn a_row_has_name_time_and_size() {
    let page = html(b"/", &all([entry(b"a <b>.iso", Kind::File, 734_003_200)]));
    check_contains(
        &page,
        "<tr><th scope=row><a href=\"a%20%3Cb%3E.iso\"><bdi>a &lt;b&gt;.iso</bdi></a>\
        <td><time datetime=\"2025-11-13T02:13:20Z\">2025-11-13 02:13</time>\
        <td title=\"734,003,200 bytes\">734 MB\n",
    );
    let unknown = Entry { modified: None, ..entry(b"old", Kind::Directory, 4096) };
    let page = html(b"/", &all([unknown]));
    check_contains(&page, "<tr><th scope=row><a href=\"old/\"><bdi>old</bdi>/</a><td><td>\n");
    let page = html(b"/", &all([entry(b"run.sock", Kind::Other, 7)]));
    check_contains(&page, "2025-11-13 02:13</time><td>\n");
    check_contains(&page, "0 folders, 0 files, 1 other<td><td title=\"0 bytes\">0 B\n");
}

#[test]
fn the_heading_jumps_to_each_parent() {
    let page = html("/a b/<i>/caf\u{e9}/".as_bytes(), &Listing::default());
    check_contains(&page, "<title>Index of /a b/&lt;i&gt;/café/</title>");
    check_contains(
        &page,
        "<h1><span>Index of</span> <a href=../../../ title=\"Root\">/</a>\
        <a href=../../><bdi>a b</bdi></a>/<wbr>\
        <a href=../><bdi>&lt;i&gt;</bdi></a>/<wbr><bdi>café</bdi>/</h1>",
    );
    check_contains(&page, "<a href=\"../\" title=\"Parent folder\">../</a>");
    check_contains(&page, "This folder is empty");
    // No arrangement of slashes in a path makes a link to another host.
    assert_eq!(html(b"//evil.example//x", &Listing::default()).matches("href=\"/").count(), 0);

    for root in [&b""[..], b"/"] {
        let page = html(root, &Listing::default());
        check_contains(&page, "<title>Index of /</title>");
        check_contains(&page, "<h1><span>Index of</span> <bdi>/</bdi></h1>");
        assert!(!page.contains("../"), "the root has no parent");
    }
}

/// Checks the headings of name, time and size: which says how it is sorted, and the order that the
/// button of each asks for.
#[track_caller]
fn check_headings(query: &str, want: [(&str, &str); 3]) {
    let columns = [("name", "Name"), ("modified", "Modified <small>UTC</small>"), ("size", "Size")];
    let heading = |((sort, label), (sorted, order))| {
        format!(
            "{sorted}><form><button name=\"sort\" value=\"{sort}\">{label}</button>\
            <input type=\"hidden\" name=\"order\" value=\"{order}"
        )
    };
    let want: Vec<_> = columns.into_iter().zip(want).map(heading).collect();
    let order = Order::from_query(Some(query.as_bytes()));
    let page = html(b"/a", &Listing::new(order, 0));
    assert_eq!(between(&page, "<th scope=\"col\"", "\"></form></th>"), want);
    // Links to folders keep the order.
    let link = if query.is_empty() { "../" } else { "\"../?sort=size&amp;order=desc\"" };
    check_contains(&page, &format!("<a href={link} title=\"Root\">"));
}

#[test]
fn each_heading_sorts_both_ways() {
    let [up, down] = [" aria-sort=\"ascending\"", " aria-sort=\"descending\""];
    check_headings("", [(up, "desc"), ("", "desc"), ("", "desc")]);
    check_headings("sort=size&order=desc", [("", "asc"), ("", "desc"), (down, "asc")]);
}

#[test]
fn the_foot_counts_all_and_the_note_what_is_missing() {
    let files = (0..12_345).map(|at| entry(format!("file{at}").as_bytes(), Kind::File, 1_000));
    let folders = [entry(b"folder", Kind::Directory, 4096)];
    let cut = listing(Order::default(), 10, files.chain(folders));
    assert_eq!((cut.directories, cut.files, cut.others, cut.total()), (1, 12_345, 0, 12_346));
    let page = html(b"/", &cut);
    assert_eq!(links(&page).len(), 10);
    check_contains(&page, "Showing the first 10 of 12,346 entries in this order");
    check_contains(&page, "1 folder, 12,345 files<td><td title=\"12,345,000 bytes\">12 MB\n");

    let page = html(b"/", &all([entry(b"one", Kind::File, 1)]));
    assert!(!page.contains("Showing"), "nothing is missing");
    check_contains(&page, "0 folders, 1 file<td><td title=\"1 byte\">1 B\n");
}

/// Checks what follows the heading of a README with this name and text.
#[track_caller]
fn check_readme(name: &'static str, text: &[u8], want: &str) {
    let readme = Readme { name: name.as_bytes(), text: text.to_vec() };
    let page = page(b"/", &Listing::default(), Some(&readme), true).unwrap();
    let page = String::from_utf8(page).unwrap();
    let heading = format!("<h2><a href=\"{name}\"><bdi>{name}</bdi></a></h2>\n");
    let section = between(&page, &heading, "</section>");
    assert!(section == [want], "{section:?}");
}

#[test]
fn a_readme_is_shown_as_its_name_says_and_cut() {
    let article =
        "<article dir=\"auto\">\n<h3 id=\"readme-a\"><em>a</em>\u{fffd}</h3>\n</article>\n";
    for name in ["README.md", "README.markdown"] {
        check_readme(name, b"\xef\xbb\xbf# *a*\xe9", article);
    }
    let check = |text: &[u8], want: &str| {
        check_readme("README", text, &["<pre dir=\"auto\">\n", want].concat());
    };
    check(b"# Hello\n\n<b>&</b>\n", "# Hello\n\n&lt;b&gt;&amp;&lt;/b&gt;\n</pre>\n");
    check(b"\n", "\n</pre>\n");
    check(b"</pre><script>", "&lt;/pre&gt;&lt;script&gt;</pre>\n");
    let limit = "x".repeat(64 * 1024);
    check(limit.as_bytes(), &format!("{limit}</pre>\n"));
    let note = "</pre>\n<p role=\"note\">Cut after 64 KiB</p>\n";
    check(format!("{limit}y").as_bytes(), &format!("{limit}{note}"));
    let almost = &limit[2..];
    check(format!("{almost}🎉").as_bytes(), &format!("{almost}{note}"));
    let bytes = [&limit.as_bytes()[1..], &[0x80; 2]].concat();
    check(&bytes, &format!("{}\u{fffd}{note}", &limit[1..]));
}

#[test]
fn the_policy_allows_the_very_style_and_script() {
    let page = html(b"/", &all(NAMES.map(|name| entry(name, Kind::File, 0))));
    for element in ["style", "script"] {
        let content = between(&page, &format!("<{element}>"), &format!("</{element}>"));
        assert_eq!(content.len(), 1, "one {element}");
        let hash = STANDARD.encode(Sha256::digest(content[0]));
        check_contains(CONTENT_SECURITY_POLICY, &format!("{element}-src 'sha256-{hash}';"));
    }
    assert!(!page.contains(" style="), "a style attribute would be blocked");
}

#[test]
fn json_has_the_same() {
    let entries = [
        entry(b"a\xff.txt", Kind::File, u64::MAX),
        Entry { modified: None, ..entry(b"a b", Kind::Directory, 4096) },
        entry(b"run.sock", Kind::Other, 0),
    ];
    let want = "[\n\
        {\"name\":\"a b\",\"type\":\"directory\",\"size\":null,\"modified\":null,\
        \"href\":\"a%20b/\"},\n\
        {\"name\":\"a\u{fffd}.txt\",\"type\":\"file\",\"size\":18446744073709551615,\
        \"modified\":\"2025-11-13T02:13:20Z\",\"href\":\"a%FF.txt\"},\n\
        {\"name\":\"run.sock\",\"type\":\"other\",\"size\":null,\
        \"modified\":\"2025-11-13T02:13:20Z\",\"href\":\"run.sock\"}\n]\n";
    assert_eq!(String::from_utf8(json(&all(entries)).unwrap()).unwrap(), want);
}

/// The buffer is held until the client has taken it.
#[test]
fn a_body_takes_little_more_memory_than_it_has_bytes() {
    let name = |at| format!("A picture of something {at:04}.jpeg").into_bytes();
    let listing = all((0..1_000).map(|at| entry(&name(at), Kind::File, 1_000_000)));
    let readme = Readme { name: b"README", text: vec![b'x'; 60_000] };
    let empty = page(b"/", &Listing::default(), None, true);
    let pages = [None, Some(&readme)].map(|readme| page(b"/", &listing, readme, true));
    for body in pages.into_iter().chain([json(&listing), empty]) {
        let (length, held) = body.map(|it| (it.len(), it.capacity())).unwrap();
        assert!(held < length / 4 * 5, "{held} for {length}");
    }
}

/// A link to an entry has the bytes of its name, and nothing that means more.
fn check_link(link: &str, entry: &Entry) {
    let segment = link.strip_suffix('/').unwrap_or(link);
    assert_eq!(link.ends_with('/'), entry.is_directory());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$()*,".contains(&byte);
    assert!(segment.bytes().all(plain), "{segment}");
    assert_eq!(percent_decode_str(segment).collect::<Vec<_>>(), entry.name);
}

/// Bytes of every kind, and often characters special in HTML, links or terminals.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(&b"<>&\"'/%#?:;+\\\n\t\x1b\x80\xe2\xff019aA"[..]);
    let byte = prop_oneof![any::<u8>(), special];
    let tricky = prop::sample::select(&NAMES[..]).prop_map(<[u8]>::to_vec);
    prop_oneof![prop::collection::vec(byte, 1..40), tricky].prop_map(|mut name| {
        name.retain(|&byte| byte != b'/' && byte != 0);
        // These two are in no listing.
        if matches!(&name[..], b"." | b"..") { vec![b'a'] } else { name }
    })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let kind = prop::sample::select(vec![Kind::Directory, Kind::File, Kind::Other]);
    let modified = prop_oneof![Just(None), (0..3_i64).prop_map(Date::from_unix)];
    (any_name(), kind, 0..3_u64, modified)
        .prop_map(|(name, kind, size, modified)| Entry { modified, ..entry(&name, kind, size) })
}

/// Short names of few letters, so that equal starts and leading zeros are common.
fn alike() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(&b"0012aAb. \xff"[..]), 0..7)
}

/// Names with much in common; some numbers become too long for `start`.
fn longer() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [&b"0"[..], b"12345678", b"9", b"a", b"A", b"\0", b"-x"];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..7).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn the_start_of_a_name_never_misleads(a in longer(), b in longer()) {
        let by_start = start(&a).cmp(&start(&b));
        prop_assert!(by_start.is_eq() || by_start == natural(&a, &b), "{:?}", by_start);
    }

    #[test]
    fn the_order_of_names_is_total(a in alike(), b in alike(), c in alike()) {
        prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
        prop_assert_eq!(natural(&a, &b).is_eq(), a == b);
        if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
            prop_assert!(natural(&a, &c).is_le());
        }
    }

    #[test]
    fn a_selection_is_the_sorted_whole_cut_short(
        entries in prop::collection::vec(any_entry(), 0..40),
        key in prop::sample::select(vec![Key::Name, Key::Modified, Key::Size]),
        descending: bool,
        limit in 0..45_usize,
    ) {
        let order = Order { key, descending };
        let chosen = listing(order, limit, entries.iter().cloned());
        prop_assert_eq!(chosen.total(), entries.len());
        // Two entries of one folder never share a name; generated ones may, and then either order
        // will do.
        let mut sorted = entries;
        sorted.sort_by(|a, b| order.compare(a, b));
        let want: Vec<_> = sorted.iter().take(limit).map(|entry| entry.name.clone()).collect();
        let names: Vec<_> = chosen.entries.iter().map(|entry| entry.name.clone()).collect();
        prop_assert_eq!(names, want);
    }

    #[test]
    fn no_name_breaks_out_of_its_place(
        entries in prop::collection::vec(any_entry(), 1..20),
        path in prop::collection::vec(any_name(), 0..4),
    ) {
        let listing = all(entries);
        let page = html(&path.join(&b'/'), &listing);
        prop_assert_eq!(page.matches("<script").count(), 1);
        prop_assert_eq!(page.matches("<title").count(), 1);
        prop_assert_eq!(page.matches("<img").count(), 0);
        prop_assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
        for shown in between(&page, "<bdi>", "</bdi>") {
            prop_assert!(!shown.contains(['<', '>', '"', '\'', '\n', '\u{202e}']), "{}", shown);
        }
        let links = links(&page);
        prop_assert_eq!(links.len(), listing.entries.len());
        for (link, entry) in links.into_iter().zip(&listing.entries) {
            check_link(link, entry);
        }
    }

    /// The Markdown in it is tested in `readme/tests.rs`.
    #[test]
    fn a_readme_of_any_bytes_leaves_the_page_as_it_is(
        segments in prop::collection::vec(any_name(), 0..8),
        name in prop::sample::select(&["README.md", "README.markdown", "README.txt"][..]),
    ) {
        let readme = Readme { name: name.as_bytes(), text: segments.concat() };
        let listing = Listing::default();
        let without = html(b"/", &listing);
        let page = page(b"/", &listing, Some(&readme), true).unwrap();
        let page = String::from_utf8(page).unwrap();
        let end = "</main>\n<script>";
        let (before, after) = without.split_once(end).unwrap();
        let section = page.strip_prefix(before).and_then(|rest| rest.split_once(end));
        let (section, rest) = section.expect("the page around the section");
        prop_assert_eq!(rest, after);
        prop_assert!(section.starts_with("<section>\n") && section.ends_with("</section>\n"));
        for once in ["<section", "</section", "<h2", "</h2"] {
            prop_assert_eq!(section.matches(once).count(), 1, "{} in {}", once, section);
        }
        for never in ["<script", "<style", "<svg", "</main", " onerror=\"", " style=\""] {
            prop_assert_eq!(section.matches(never).count(), 0, "{} in {}", never, section);
        }
    }

    #[test]
    fn json_is_read_back_as_it_was_meant(entries in prop::collection::vec(any_entry(), 0..20)) {
        let listing = all(entries);
        let json = json(&listing).unwrap();
        for (line, entry) in json.split(|&byte| byte == b'\n').skip(1).zip(&listing.entries) {
            prop_assert!(line.len() < text::row_bytes_max(entry));
        }
        let array: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(array.len(), listing.entries.len());
        for (object, entry) in array.iter().zip(&listing.entries) {
            let name = String::from_utf8_lossy(&entry.name);
            prop_assert_eq!(object["name"].as_str(), Some(&*name));
            prop_assert_eq!(object["size"].as_u64(), entry.size);
            prop_assert_eq!(object["modified"].is_null(), entry.modified.is_none());
            check_link(object["href"].as_str().unwrap(), entry);
        }
    }
}
