//! Listings in a browser: clicking links, sorting by headings, the filter, and a console that stays
//! empty.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::browser::{Browser, ENTER, ESCAPE, TAB};
use crate::support::{Httpd, Tree, eventually, has_words, pattern};

/// Clicks the only link or button with this text, and waits for the page whose title ends with this
/// path.
#[track_caller]
fn click(browser: &Browser, text: &str, path: &str) {
    let clicked = browser.run(&format!(
        "const links = [...document.querySelectorAll('a, button')]
             .filter(link => link.textContent.trim() === {});
         if (links.length === 1) links[0].click();
         return links.length",
        json!(text),
    ));
    assert_eq!(clicked, 1, "{text} on {}", browser.run("return document.title"));
    let is_loaded = format!(
        "return document.readyState === 'complete' && document.title.endsWith({})",
        json!(path),
    );
    eventually(path, || browser.run(&is_loaded) == true);
}

/// The names in the visible rows.
#[track_caller]
fn shown(browser: &Browser) -> Value {
    browser.run(
        "const rows = [...document.querySelectorAll('main > table > tbody > tr')];
         const seen = rows.filter(row => row.getClientRects().length > 0);
         return seen.map(row => row.cells[0].textContent)",
    )
}

#[test]
fn a_browser_opens_and_sorts_listings() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[
        ("favicon.ico", b""),
        ("a <b> & c/%41 #1?/file10", &pattern(20)),
        ("a <b> & c/%41 #1?/file2", b"the second"),
        ("a <b> & c/%41 #1?/javascript:alert(1)", b"no script"),
        ("a <b> & c/beside.txt", b"beside"),
    ]);
    let httpd = Httpd::serve(tree.path(), &["--media-type", "txt=text/plain"]);
    browser.open(&httpd.url("/"));
    assert_eq!(shown(&browser), json!(["a <b> & c/", "favicon.ico"]));

    click(&browser, "a <b> & c/", "/a <b> & c/");
    click(&browser, "%41 #1?/", "/a <b> & c/%41 #1?/");
    let deep = json!(["../", "file2", "file10", "javascript:alert(1)"]);
    assert_eq!(shown(&browser), deep);

    click(&browser, "Size", "/a <b> & c/%41 #1?/");
    let by_size = json!(["../", "file10", "file2", "javascript:alert(1)"]);
    eventually("sorted by size", || shown(&browser) == by_size);
    assert_eq!(browser.run("return location.search"), "?sort=size&order=desc");

    click(&browser, "a <b> & c", "/a <b> & c/");
    assert_eq!(shown(&browser), json!(["../", "%41 #1?/", "beside.txt"]));
    click(&browser, "beside.txt", "");
    let text = "return document.body && document.body.innerText";
    eventually("the file", || browser.run(text) == "beside");

    // A name that would be a script elsewhere is a file here.
    browser.open(&httpd.url("/a%20%3Cb%3E%20&%20c/%2541%20%231%3F/"));
    let href = browser.run("return [...document.links].at(-1).href");
    let target = href.as_str().unwrap().strip_prefix(&httpd.url("")).expect("a link to this site");
    assert_eq!(httpd.get(target).body, b"no script", "{target}");
    assert_eq!(browser.console(), [""; 0]);
}

/// No browser requests an icon: the log has only the reader's requests, and no 404.
#[test]
fn a_page_has_its_own_icon() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("folder/a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for path in ["/", "/folder/", "/missing", "/?last"] {
        browser.open(&httpd.url(path));
    }
    httpd.log_line(|line| line.contains("GET /?last "));
    let log = httpd.stop().stderr;
    assert!(!log.iter().any(|line| line.contains("favicon")), "{log:?}");
}

#[test]
fn times_are_those_of_the_reader() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("winter", b"1"), ("summer", b"22")]);
    // 2025-11-13 02:13:20 and 2026-07-01 23:59:59 UTC.
    for (name, seconds) in [("winter", 1_763_000_000), ("summer", 1_782_950_399)] {
        let moment = UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(tree.join(name)).unwrap().set_modified(moment).unwrap();
    }
    let httpd = Httpd::serve(tree.path(), &[]);
    for (zone, winter, summer) in [
        ("UTC", "2025-11-13 02:13", "2026-07-01 23:59"),
        ("America/New_York", "2025-11-12 21:13", "2026-07-01 19:59"),
        ("Asia/Kolkata", "2025-11-13 07:43", "2026-07-02 05:29"),
    ] {
        browser.control("Emulation.setTimezoneOverride", &json!({ "timezoneId": zone }));
        browser.open(&httpd.url("/"));
        let times = browser.run(
            "const times = [...document.querySelectorAll('time')].map(it => it.textContent);
             return [document.querySelector('thead').textContent.includes('UTC'), ...times]",
        );
        assert_eq!(times, json!([false, summer, winter]), "{zone}");
    }
}

#[test]
fn the_filter_takes_words_and_patterns_and_sums_up_what_it_leaves() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[
        ("Ünïcode Café.PDF", &pattern(1_450_000)),
        ("cafe menu.pdf", b"1"),
        ("notes (1).txt", b"22"),
        ("pdf/x", b""),
    ]);
    let httpd = Httpd::serve(tree.path(), &[]);
    browser.open(&httpd.url("/"));
    let (cafe, menu, notes) = ("Ünïcode Café.PDF", "cafe menu.pdf", "notes (1).txt");
    for (text, names, foot, numbers) in [
        ("CAFE", &[menu, cafe][..], ["0 folders, 2 files", "1,450,001 bytes", "1.5 MB"], "2 4"),
        ("café uni", &[cafe], ["0 folders, 1 file", "1,450,000 bytes", "1.4 MB"], "1 4"),
        (" pdf  menu ", &[menu], ["0 folders, 1 file", "1 byte", "1 B"], "1 4"),
        ("*.pdf", &[menu, cafe], ["0 folders, 2 files", "1,450,001 bytes", "1.5 MB"], "2 4"),
        ("*.pdf cafe*", &[menu], ["0 folders, 1 file", "1 byte", "1 B"], "1 4"),
        ("pdf*", &["pdf/"], ["1 folder, 0 files", "0 bytes", "0 B"], "1 4"),
        ("*(1)*", &[notes], ["0 folders, 1 file", "2 bytes", "2 B"], "1 4"),
        ("*.p", &[], ["0 folders, 0 files", "0 bytes", "0 B"], "0 4"),
        (".*", &[], ["0 folders, 0 files", "0 bytes", "0 B"], "0 4"),
        (" ", &["pdf/", menu, notes, cafe], ["1 folder, 3 files", "1,450,003 bytes", "1.5 MB"], ""),
    ] {
        let found = browser.run(&format!(
            "const box = document.querySelector('input[type=search]');
             box.value = {};
             box.dispatchEvent(new InputEvent('input'));
             const [counts, , sum] = document.querySelector('tfoot tr').cells;
             return [[counts.textContent, sum.title, sum.textContent.trim()],
                     document.querySelector('output').textContent]",
            json!(text),
        ));
        assert_eq!((shown(&browser), &found[0]), (json!(names), &json!(foot)), "{text}");
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        let output = found[1].as_str().unwrap();
        assert!(has_words(output, &numbers), "{output}");
        assert_eq!(output.is_empty(), numbers.is_empty(), "{output}");
    }
    assert_eq!(browser.console(), [""; 0]);
}

/// Every element that Tab reaches, in the order of the page, shows its focus; none is printed.
#[test]
fn all_is_reached_by_the_keyboard_and_nothing_to_press_is_printed() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("d/e/folder/x", b""), ("d/e/one", b"1"), ("d/e/two", b"22")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for theme in ["light", "dark"] {
        browser.emulate("screen", theme);
        browser.open(&httpd.url("/d/e/"));
        let places = ["/", "d", "Download as .tar", "", "Name", "Modified", "Size"];
        for place in places.into_iter().chain(["../", "folder/", "one", "two"]) {
            browser.press(TAB);
            let focus = "const focus = document.activeElement, style = getComputedStyle(focus);
                return [focus.textContent.trim(), style.outlineStyle, style.outlineWidth]";
            assert_eq!(browser.run(focus), json!([place, "solid", "2px"]), "{theme}");
        }
        let seen = "const all = [...document.querySelectorAll('header input, header button')];
            return all.filter(it => it.getClientRects().length > 0).length";
        assert_eq!(browser.run(seen), 2);
        browser.emulate("print", theme);
        assert_eq!(browser.run(seen), 0);
        assert_eq!(shown(&browser), json!(["../", "folder/", "one", "two"]));
    }
}

/// The rules of accessibility that a machine can check, with axe-core: `npm pack axe-core`, then
/// `AXE=package/axe.min.js cargo test axe`. Without it, the test is skipped.
#[test]
fn axe_finds_nothing_in_any_theme_and_width() {
    let Some(axe) = std::env::var_os("AXE") else { return eprintln!("skipped: AXE is not set") };
    let Some(browser) = Browser::start() else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    let readme = "# Title\n\n|a|b|\n|-|-|\n|1|2|\n\n```\ncode\n```\n\n- [x] done\n\n\
        > [!NOTE]\n> a\n\n> quoted `code` and [a link](one)\n\na[^1]\n\n[^1]: note\n";
    let long = "x".repeat(400);
    let wide = format!("{readme}\n```\n{long}\n```\n\n|{long}|\n|-|\n");
    let tree = Tree::with(&[
        ("d/README.md", readme.as_bytes()),
        ("d/one", b"1"),
        ("d/folder/x", b""),
        ("wide/README.md", wide.as_bytes()),
        ("text/README", b"plain"),
    ]);
    let httpd = Httpd::serve(tree.path(), &["--listing-limit", "2"]);
    for (theme, width) in [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)] {
        browser.resize(width, 800);
        browser.emulate("screen", theme);
        for path in ["/", "/d/", "/wide/", "/text/", "/d/?sort=size", "/missing/page", "/get.html"]
        {
            browser.open(&httpd.url(path));
            browser.run(&axe);
            let found = browser.run(
                "return axe.run().then(({violations}) => violations.map(({id, nodes}) =>
                     `${id}: ${nodes.map(node => node.html).join(' ')}`))",
            );
            assert_eq!(found, json!([]), "{path} {theme} {width}");
        }
    }
}

#[test]
fn the_filter_is_reached_left_and_used_by_keys() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[
        ("d/README.md", b"|a|\n|-|\n|file2 *in a table*|\n"),
        ("d/file1", b"the first"),
        ("d/file2", b"the second"),
        ("d/folder/inside1.txt", b""),
        ("d/folder/inside2.txt", b""),
        ("favicon.ico", b""),
    ]);
    let httpd = Httpd::serve(tree.path(), &[]);
    browser.open(&httpd.url("/d/"));
    let all = json!(["../", "folder/", "file1", "file2", "README.md"]);
    // The text of the box, and whether it has the focus, after these keys.
    let press = |keys: &str| {
        browser.press(keys);
        browser.run(
            "const box = document.querySelector('header input');
             return [box.value, document.activeElement === box]",
        )
    };
    assert_eq!(press("x"), json!(["", false]));
    assert_eq!(press("/"), json!(["", true]), "the slash is not typed");
    assert_eq!(press("fi/"), json!(["fi/", true]), "in the box it is");
    assert_eq!(shown(&browser), json!(["../"]));
    assert_eq!(press(ESCAPE), json!(["", true]));
    assert_eq!(shown(&browser), all);
    assert_eq!(press(ESCAPE), json!(["", false]));

    browser.press(&format!("/file{ENTER}"));
    assert_eq!(shown(&browser), json!(["../", "file1", "file2"]), "Enter opens none of two");
    let cells = "return document.querySelectorAll('article td').length";
    assert_eq!(browser.run(cells), 1, "the table of the README stays");
    browser.press(&format!("{ESCAPE}no such{ENTER}{ESCAPE}{ENTER}"));
    assert_eq!(shown(&browser), all);
    browser.press(&format!("FOLD{ENTER}"));
    let title = "return document.title";
    eventually("the folder", || browser.run(title).as_str().unwrap().ends_with("/d/folder/"));
    assert_eq!(shown(&browser), json!(["../", "inside1.txt", "inside2.txt"]));
    browser.press(&format!("/inside2{ENTER}"));
    let path = "return location.pathname";
    eventually("the file", || browser.run(path) == "/d/folder/inside2.txt");
    assert_eq!(browser.console(), [""; 0]);
}

/// For the browser the rows are still a table, although they are laid out as grids.
#[test]
fn rows_stay_a_table_and_fit_every_width() {
    let Some(browser) = Browser::start() else { return };
    let long = "a-name-without-any-place-to-break-it".repeat(7);
    let tree = Tree::with(&[("folder/x", b""), (&long[..250], b"x")]);
    let old = UNIX_EPOCH - Duration::from_secs(1);
    File::open(tree.join("folder")).unwrap().set_modified(old).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    for (width, height) in [(320, 640), (390, 844), (768, 1024), (1280, 800)] {
        browser.resize(width, height);
        browser.open(&httpd.url("/"));
        let measured = browser.run(
            "const root = document.documentElement, table = document.querySelector('table');
             const {cells} = table.tBodies[0].rows[0];
             return [innerWidth, root.scrollWidth <= root.clientWidth, table.tHead.rows.length,
                 table.tFoot.rows.length, cells.length, cells[0].scope]",
        );
        assert_eq!(measured, json!([width, true, 1, 1, 3, "row"]));
    }
    assert_eq!(browser.console(), [""; 0]);
}

#[test]
fn without_its_script_the_page_still_works() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("one", b"1"), ("two", b"22")]);
    // A second policy can only forbid more: this one forbids the script, and so the filter.
    let policy = "Content-Security-Policy: script-src 'none'";
    let httpd = Httpd::serve(tree.path(), &["--header", policy]);
    browser.open(&httpd.url("/"));
    assert_eq!(browser.run("return document.querySelectorAll('[type=search]').length"), 0);
    let heading = "return document.querySelector('thead').textContent.includes('UTC')";
    assert_eq!(browser.run(heading), true, "the times are the server's");
    assert_eq!(shown(&browser), json!(["one", "two"]));
    click(&browser, "Size", "/");
    eventually("sorted by size", || shown(&browser) == json!(["two", "one"]));
    let blocked = browser.console();
    assert!(!blocked.is_empty(), "the console reports the blocked script");
    assert!(blocked.iter().all(|line| line.contains("script")), "{blocked:?}");
}
