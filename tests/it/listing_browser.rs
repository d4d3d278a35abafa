//! Listings in a browser: links that are clicked, headings that sort, the filter, and a console
//! that stays empty.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{Httpd, Tree, eventually, pattern};

/// Clicks on the only link of that text, and waits until the page of that title is there.
#[track_caller]
fn click(browser: &Browser, text: &str, title: &str) {
    let clicked = browser.run(&format!(
        "const links = [...document.links].filter(link => link.textContent.trim() === {});
         if (links.length === 1) links[0].click();
         return links.length",
        json!(text),
    ));
    assert_eq!(clicked, 1, "{text} on {}", browser.run("return document.title"));
    let wanted = json!([title, "complete"]);
    eventually(title, || browser.run("return [document.title, document.readyState]") == wanted);
}

/// The names of the rows that can be seen.
#[track_caller]
fn shown(browser: &Browser) -> Value {
    browser.run(
        "const rows = [...document.querySelectorAll('tbody tr')];
         const seen = rows.filter(row => row.getClientRects().length > 0);
         return seen.map(row => row.cells[0].textContent)",
    )
}

/// The browser has nothing to complain of; its own question for `/favicon.ico` finds one.
#[track_caller]
fn check_console(browser: &Browser) {
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn it_browses_sorts_filters_and_opens() {
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

    click(&browser, "a <b> & c/", "Index of /a <b> & c/");
    click(&browser, "%41 #1?/", "Index of /a <b> & c/%41 #1?/");
    let deep = json!(["../", "file2", "file10", "javascript:alert(1)"]);
    assert_eq!(shown(&browser), deep);
    check_console(&browser);

    click(&browser, "Size", "Index of /a <b> & c/%41 #1?/");
    let by_size = json!(["../", "file10", "file2", "javascript:alert(1)"]);
    eventually("sorted by size", || shown(&browser) == by_size);
    assert_eq!(browser.run("return location.search"), "?sort=size&order=desc");

    let type_in = |text: &str| {
        browser.run(&format!(
            "const box = document.querySelector('input');
             box.value = {};
             box.dispatchEvent(new InputEvent('input'));
             return document.querySelector('output').textContent",
            json!(text),
        ))
    };
    assert_eq!(type_in("FILE"), "2 of 3");
    assert_eq!(shown(&browser), json!(["../", "file10", "file2"]));
    assert_eq!(type_in("no such"), "0 of 3");
    assert_eq!(shown(&browser), json!(["../"]), "the way back stays");
    assert_eq!(type_in(""), "");
    assert_eq!(shown(&browser), by_size);
    check_console(&browser);

    click(&browser, "a <b> & c", "Index of /a <b> & c/");
    assert_eq!(shown(&browser), json!(["../", "%41 #1?/", "beside.txt"]));
    check_console(&browser);
    click(&browser, "beside.txt", "");
    let text = "return document.body && document.body.innerText";
    eventually("the file", || browser.run(text) == "beside");

    // The name that would be a script elsewhere is a file here.
    browser.open(&httpd.url("/a%20%3Cb%3E%20&%20c/%2541%20%231%3F/"));
    let href = browser.run("return [...document.links].at(-1).href");
    let href = href.as_str().unwrap();
    assert!(href.starts_with(&httpd.url("/")) && href.contains("javascript"), "{href}");
    assert_eq!(httpd.get(&href[httpd.url("").len()..]).body, b"no script");
    check_console(&browser);
}

/// What a browser makes of the rows' roles: they stay a table, though they are laid out as grids.
#[test]
fn rows_stay_a_table_and_fit_every_width() {
    let Some(browser) = Browser::start() else { return };
    let long = "a-name-without-any-place-to-break-it".repeat(7);
    let tree = Tree::with(&[("folder/x", b""), (&long[..250], b"x"), ("favicon.ico", b"")]);
    let old = UNIX_EPOCH - Duration::from_secs(1);
    File::open(tree.join("folder")).unwrap().set_modified(old).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    for (width, height) in [(320, 640), (390, 844), (768, 1024), (1280, 800)] {
        browser.resize(width, height);
        browser.open(&httpd.url("/"));
        let measured = browser.run(
            "const root = document.documentElement;
             return [innerWidth, root.scrollWidth <= root.clientWidth]",
        );
        assert_eq!(measured, json!([width, true]), "nothing is cut off at the side");
        let table = browser.run(
            "const [row] = document.querySelectorAll('tbody tr');
             const table = document.querySelector('table');
             return [table.tHead.rows.length, table.tFoot.rows.length, row.cells.length,
                 row.cells[0].scope]",
        );
        assert_eq!(table, json!([1, 1, 3, "row"]));
    }
    check_console(&browser);
}

#[test]
fn without_its_script_the_page_is_whole() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("favicon.ico", b""), ("one", b"1"), ("two", b"22")]);
    // A second policy can only take away: this one takes the script, and so the filter box.
    let policy = "Content-Security-Policy: script-src 'none'";
    let httpd = Httpd::serve(tree.path(), &["--header", policy]);
    browser.open(&httpd.url("/"));
    assert_eq!(browser.run("return document.querySelectorAll('input').length"), 0);
    assert_eq!(shown(&browser), json!(["favicon.ico", "one", "two"]));
    click(&browser, "Size", "Index of /");
    eventually("sorted by size", || shown(&browser) == json!(["two", "one", "favicon.ico"]));
    let blocked = browser.console();
    assert!(!blocked.is_empty(), "the console says what was blocked");
    assert!(blocked.iter().all(|line| line.contains("script")), "{blocked:?}");
}
