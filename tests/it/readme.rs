//! The README below a listing: the choice of file, its form, and that a hostile one is harmless in
//! a browser.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::ask::ask_for;
use crate::browser::Browser;
use crate::listing_page::Page;
use crate::support::{Httpd, Tree, eventually};

/// Checks the README shown for a folder with these files: its link, and its text or HTML.
#[track_caller]
fn check(files: &[(&str, &[u8])], want: Option<(&str, &str)>) {
    let tree = Tree::with(files);
    let httpd = Httpd::serve(tree.path(), &[]);
    let readme = Page::parse(&ask_for(&httpd, "/", "")).readme;
    let shown = readme.as_ref().map(|readme| (readme.href.as_str(), readme.text.as_str()));
    assert!(shown == want, "{files:?}");
}

#[test]
fn it_is_shown_below_the_list() {
    check(&[("README", b"*plain*")], Some(("README", "*plain*")));
    check(&[("README.txt", b"# text")], Some(("README.txt", "# text")));
    let all: [(&str, &[u8]); 3] = [("README.txt", b"3"), ("README", b"2"), ("README.md", b"*1*")];
    check(&all, Some(("README.md", "<p><em>1</em></p>\n")));
    let others: [(&str, &[u8]); 2] = [("README.md/x", b""), ("README.markdown", b"2")];
    check(&others, Some(("README.markdown", "<p>2</p>\n")));
    check(&[("readme.md", b"small letters"), ("READ", b"")], None);
}

#[test]
fn one_longer_than_64_kib_is_cut() {
    let tree = Tree::with(&[("README", &vec![b'x'; 64 * 1024 + 1])]);
    let readme = Page::fetch(&Httpd::serve(tree.path(), &[]), "/").readme.unwrap();
    assert!(readme.text.len() == 64 * 1024 && readme.note.is_some());
}

/// A README nested too deeply, or too long, is shown unrendered.
#[test]
fn markdown_that_would_be_too_much_is_shown_as_text() {
    for text in ["> ".repeat(101) + "a", ">".repeat(64 * 1024), "#\n".repeat(32 * 1024)] {
        check(&[("README.md", text.as_bytes())], Some(("README.md", &text)));
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

    tree.write("project/docs/http.md", b"the document");
    browser.run(
        "const links = [...document.querySelectorAll('article a')];
         links.find(link => link.textContent === 'docs/http.md').click()",
    );
    eventually("the document", || {
        browser.run("return location.pathname") == "/project/docs/http.md"
    });
    assert_eq!(browser.console(), [""; 0]);
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
    const images = [...new Set([...document.images].map(it => it.src))];
    return [[
        document.scripts.length,
        document.querySelectorAll('style').length,
        document.querySelectorAll(acting + ',meta[http-equiv]').length,
        attributes.filter(it => /^(on|style|srcset|ping|target|form)/.test(it.name)).length,
        [...new Set([...document.links].map(it => it.protocol))].sort(),
    ], images]";

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
    for start in ["\\", "\\\\"] {
        for image in ["m.png", "n.png"] {
            tree.write(format!("{start}{address}/{image}"), picture);
        }
    }
    let httpd = Httpd::serve(tree.path(), &["--media-type", "png=image/svg+xml"]);
    browser.resize(1280, 4000);
    browser.open(&httpd.url("/"));
    // An open dialog would fail this, and every command below.
    let found = browser.run(WHAT_COULD_ACT);
    // The page's own elements act: its icon, and forms with a button: the archive, and three
    // orders.
    assert_eq!(found[0], json!([1, 1, 9, 0, ["http:", "https:"]]));
    let images = found[1].as_array().unwrap();
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
    browser.open(&httpd.url("/"));
    let requested =
        browser.run("return performance.getEntriesByType('resource').map(it => it.name)");
    let is_own = |url: &Value| url.as_str().unwrap().starts_with(&own);
    assert!(requested.as_array().unwrap().iter().all(is_own), "{requested}");
    let asked = elsewhere.accept().unwrap_err().kind();
    assert_eq!(asked, ErrorKind::WouldBlock, "a request elsewhere");
    let mut blocked = browser.console();
    blocked.retain(|line| line.contains("Security Policy"));
    assert_eq!(blocked, [""; 0], "nothing was left to the policy");
}
