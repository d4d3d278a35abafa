//! The README below a listing: the choice of file, its form, and that a hostile one is harmless in
//! a browser.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::listing_page::Page;
use crate::support::{Httpd, Tree, eventually, has_words};

/// Checks the README shown: its link, its text or HTML, and the number in the note about a cut.
#[track_caller]
fn check(files: &[(&str, &[u8])], want: Option<(&str, &str, Option<&str>)>) {
    let tree = Tree::with(files);
    let httpd = Httpd::serve(tree.path(), &[]);
    let reply = httpd.get("/d/");
    let length = httpd.head("/d/").field("Content-Length").map(str::to_owned);
    assert_eq!(length, Some(reply.body.len().to_string()), "HEAD is as long as GET");
    let readme = Page::parse(&reply).readme;
    let shown = readme.as_ref().map(|readme| (readme.href.as_str(), readme.text.as_str()));
    assert!(shown == want.map(|(href, text, _)| (href, text)), "{files:?}");
    let note = readme.and_then(|readme| readme.note);
    let number = want.and_then(|(_, _, number)| number);
    assert_eq!(note.is_some(), number.is_some(), "{note:?}");
    assert!(number.is_none_or(|it| has_words(&note.unwrap_or_default(), &[it])), "{files:?}");
}

#[test]
fn it_is_shown_below_the_list() {
    check(&[("d/README", b"*plain*")], Some(("README", "*plain*", None)));
    check(&[("d/README.txt", b"# text")], Some(("README.txt", "# text", None)));
    check(
        &[("d/README.md", b"a\n\n*b*")],
        Some(("README.md", "<p>a</p>\n<p><em>b</em></p>\n", None)),
    );
    check(&[("d/README.markdown", b"*a*")], Some(("README.markdown", "<p><em>a</em></p>\n", None)));
    check(
        &[("d/README.txt", b"3"), ("d/README", b"2"), ("d/README.md", b"1")],
        Some(("README.md", "<p>1</p>\n", None)),
    );
    check(&[("d/README.md/file", b"a folder"), ("d/README", b"2")], Some(("README", "2", None)));
    check(&[("d/readme.md", b"small letters"), ("d/READ", b"")], None);
    check(
        &[("d/README", b"</pre><script>alert(1)</script>&amp;\xff\x1b[1m")],
        Some(("README", "</pre><script>alert(1)</script>&amp;\u{fffd}\u{241b}[1m", None)),
    );
    check(
        &[("d/README.md", b"\xef\xbb\xbf# caf\xe9\0")],
        Some(("README.md", "<h3 id=\"readme-caf\">caf\u{fffd}\u{2400}</h3>\n", None)),
    );
}

#[test]
fn it_is_cut_after_64_kib() {
    let limit = "x".repeat(64 * 1024);
    check(&[("d/README", limit.as_bytes())], Some(("README", &limit, None)));
    check(
        &[("d/README", [limit.as_bytes(), b"y"].concat().as_slice())],
        Some(("README", &limit, Some("64"))),
    );
    let odd = [&limit.as_bytes()[1..], "é".as_bytes()].concat();
    check(&[("d/README", &odd)], Some(("README", &limit[1..], Some("64"))));
    let paragraph = format!("<p>{}</p>\n", &limit[1..]);
    check(&[("d/README.md", &odd)], Some(("README.md", &paragraph, Some("64"))));
}

/// A README nested too deeply, or too long, is shown unrendered.
#[test]
fn markdown_that_would_be_too_much_is_shown_as_text() {
    let deep = format!("{}a", "> ".repeat(101));
    for text in [deep, ">".repeat(64 * 1024), "#\n".repeat(32 * 1024)] {
        check(&[("d/README.md", text.as_bytes())], Some(("README.md", &text, None)));
    }
}

/// The project's own README, and the documents that it links to.
#[test]
fn a_real_one_fits_every_width_and_its_links_lead_somewhere() {
    let Some(browser) = Browser::start() else { return };
    let repository = |name: &str| format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read(repository("README.md")).unwrap();
    let picture = fs::read(repository("docs/listing.png")).unwrap();
    let tree = Tree::with(&[
        ("project/README.md", &readme),
        ("project/docs/listing.png", &picture),
        ("favicon.ico", b""),
    ]);
    let httpd = Httpd::serve(tree.path(), &[]);
    for (width, height) in [(320, 640), (390, 844), (1280, 800)] {
        browser.resize(width, height);
        browser.open(&httpd.url("/project/"));
        let fits = "const root = document.documentElement;
                    return root.scrollWidth <= root.clientWidth";
        assert_eq!(browser.run(fits), true, "nothing overflows at the side of {width}");
    }
    let article = browser.run(
        "const article = document.querySelector('article');
         const texts = name => [...article.querySelectorAll(name)].map(it => it.textContent);
         return [texts('h3'), texts('h4').slice(0, 2), article.querySelectorAll('table').length > 1,
             article.querySelectorAll('pre code').length > 1]",
    );
    assert_eq!(article, json!([["httpd"], ["Share a folder", "Install"], true, true]));
    let image = "const image = document.querySelector('article img');
                 image.scrollIntoView();
                 return image.complete && image.naturalWidth > 0";
    eventually("the picture", || browser.run(image) == true);

    let click = |text: &str| {
        browser.run(&format!(
            "const links = [...document.querySelectorAll('article a')];
             links.find(link => link.textContent === {}).click()",
            json!(text),
        ))
    };
    tree.write("project/docs/http.md", b"the document");
    click("docs/http.md");
    eventually("the document", || {
        browser.run("return location.pathname") == "/project/docs/http.md"
    });
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn its_own_links_find_its_headings() {
    let Some(browser) = Browser::start() else { return };
    let text = format!("[there](#the-größe)\n\n{}\n\n# The größe\n", "text\n\n".repeat(200));
    let tree = Tree::with(&[("README.md", text.as_bytes()), ("favicon.ico", b"")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    browser.open(&httpd.url("/"));
    browser.run("document.querySelector('article a').click()");
    let target = "return document.querySelector(':target')?.textContent";
    eventually("the heading", || browser.run(target) == "The größe");
    let top = browser.run("return document.querySelector('h3').getBoundingClientRect().top");
    assert!((0.0..640.0).contains(&top.as_f64().unwrap()), "{top}");
}

/// A README by somebody who wants a browser to run something, or to contact another server.
/// `ELSEWHERE` stands for that server.
const HOSTILE: &str = r#"
<script>alert(1)</script><script src="http://ELSEWHERE/a.js"></script>
<img src=x onerror=alert(1)><img src="http://ELSEWHERE/b.png"><svg onload=alert(1)>
<iframe src="http://ELSEWHERE/c"></iframe><object data="http://ELSEWHERE/d"></object>
<style>@import "http://ELSEWHERE/e.css"; body{background:url(http://ELSEWHERE/f)}</style>
<link rel=stylesheet href="http://ELSEWHERE/g"><link rel=prefetch href="http://ELSEWHERE/h">
<meta http-equiv=refresh content="0;url=http://ELSEWHERE/i"><base href="http://ELSEWHERE/">
<form action="http://ELSEWHERE/j"><button autofocus onfocus=alert(1)>

</article></section></main><script>alert(2)</script>

text <b onmouseover=alert(3)>inline</b> <img src=x onerror=alert(3)>
<!-- --><script>alert(3)</script>
--> <a href="javascript:alert(3)">raw</a>

![](http://ELSEWHERE/k.png) ![k](https://ELSEWHERE/k2.png) ![l](//ELSEWHERE/l.png)
![m](/\ELSEWHERE/m.png) ![n](\\\\ELSEWHERE/n.png) ![o](<http:ELSEWHERE/o.png>)
![p](data:image/svg+xml,<svg/onload=alert(4)>) ![q](javascript:alert(4))
![r" onerror="alert(4)](picture.svg "s\" onerror=\"alert(4)")
![t](<picture.svg" onload="alert(4)>) ![[u](http://ELSEWHERE/u)](picture.svg)
![v][image]

[click](javascript:alert(5)) [click](JaVaScRiPt:alert(5)) [click](&#106;avascript:alert(5))
[click](<java&Tab;script:alert(5)>) [click](<java&NewLine;script:alert(5)>)
[click](<&#1;javascript:alert(5)>) [click](<&#32;javascript:alert(5)>) [click][script]
[click](javascript&colon;alert(5)) [click](java\script:alert(5))
[click](data:text/html,<script>alert(5)</script>)
[click](vbscript:alert(5)) [click](<javascript:alert(5)//http://x>) <javascript:alert(5)>
[click](<#" onclick="alert(5)>) [click](# "x\" onclick=\"alert(5)") [click](blob:x)
[click](file:///etc/passwd)
[click](view-source:x) [click](<javascript:/*--></script><svg onload=alert(5)>*/>)

# "><img src=x onerror=alert(6)> <script>alert(6)</script>
## __proto__
### constructor

|<script>alert(7)</script>|`<img src=x onerror=alert(7)>`|
|:-:|-:|
|</table><script>alert(7)</script>|[click](javascript:alert(7))|

```"><script>alert(8)</script>
</code></pre><script>alert(8)</script>
```

[image]: http://ELSEWHERE/v.png
[script]: javascript:alert(5) "title"
"#;

/// Everything in the page that could act.
const WHAT_COULD_ACT: &str = "
    const all = [...document.querySelectorAll('*')];
    const attributes = all.flatMap(it => [...it.attributes]);
    const acting = 'iframe,object,embed,form,button,base,link,svg,math,audio,video,template';
    return [
        document.scripts.length,
        document.querySelectorAll('style').length,
        document.querySelectorAll(acting + ',meta[http-equiv]').length,
        attributes.filter(it => /^(on|style|srcset|ping|target|form)/.test(it.name)).length,
        [...new Set([...document.links].map(it => it.protocol))].sort(),
        [...new Set([...document.images].map(it => it.src))].sort(),
    ]";

#[test]
fn a_hostile_readme_is_harmless_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap().to_string();
    let picture = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(9)'/>";
    let tree = Tree::with(&[
        ("README.md", HOSTILE.replace("ELSEWHERE", &address).as_bytes()),
        ("picture.svg", picture),
        ("picture.svg\" onload=\"alert(4)", picture),
        ("favicon.ico", b""),
    ]);
    // Images with names on this site, the only ones possible.
    for name in ["%5C", "%5C%5C"] {
        let name = name.replace("%5C", "\\") + &address;
        fs::create_dir_all(tree.join(&name)).unwrap();
        for image in ["m.png", "n.png"] {
            tree.write(format!("{name}/{image}"), picture);
        }
    }
    let httpd = Httpd::serve(tree.path(), &["--media-type", "png=image/svg+xml"]);
    browser.resize(1280, 4000);
    browser.open(&httpd.url("/"));
    // An open dialog would fail this, and every command below.
    let [scripts, styles, acting, attributes, protocols, images] = found(&browser);
    // The page's own elements act: its icon, and forms with a button: the archive, and three
    // orders.
    assert_eq!((scripts, styles, acting, attributes), (json!(1), json!(1), json!(9), json!(0)));
    assert_eq!(protocols, json!(["http:", "https:"]));
    let images = images.as_array().unwrap();
    assert!(images.len() > 2, "{images:?}");
    let own = httpd.url("/");
    assert!(images.iter().all(|it| it.as_str().unwrap().starts_with(&own)), "{images:?}");

    let count = browser.run("return document.querySelectorAll('article a').length");
    for at in 0..count.as_u64().unwrap() {
        browser.open(&httpd.url("/"));
        // A click on a link of this site may show another page, but runs nothing.
        browser.run(&format!(
            "const link = document.querySelectorAll('article a')[{at}];
             if (link.href.startsWith({})) link.click()",
            json!(own),
        ));
        assert_eq!(browser.run("return document.scripts.length <= 1"), true);
    }
    let requested = "return performance.getEntriesByType('resource').map(it => it.name)";
    browser.open(&httpd.url("/"));
    let requested = browser.run(requested);
    let is_own = |url: &Value| url.as_str().unwrap().starts_with(&own);
    assert!(requested.as_array().unwrap().iter().all(is_own), "{requested}");
    assert_eq!(
        elsewhere.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock,
        "a request elsewhere"
    );
    let blocked: Vec<_> =
        browser.console().into_iter().filter(|line| line.contains("Security Policy")).collect();
    assert_eq!(blocked, Vec::<String>::new(), "nothing was left to the policy");
}

#[track_caller]
fn found(browser: &Browser) -> [Value; 6] {
    let found = browser.run(WHAT_COULD_ACT);
    let found: Vec<Value> = found.as_array().unwrap().clone();
    found.try_into().unwrap()
}
