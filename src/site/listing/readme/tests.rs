//! Texts as HTML: the output of each construct, and the harmlessness and cost of any text.

use proptest::prelude::*;
use pulldown_cmark::{Event, Tag, TagEnd};

use super::*;

#[track_caller]
fn check(text: &str, want: &str) {
    let html = render(text).expect("a text that is shown as Markdown");
    assert_eq!(html, want, "{text:?}");
    check_harmless(&html).unwrap();
}

#[test]
fn paragraphs_and_what_is_in_them() {
    check("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>\n");
    check("one\r\ntwo\rthree", "<p>one\ntwo\nthree</p>\n");
    check(&"a\n\n".repeat(300), &"<p>a</p>\n".repeat(300));
    check("a  \nb\\\nc", "<p>a<br />\nb<br />\nc</p>\n");
    check(
        "*a* **b** ***c*** ~~d~~ `e & <f>`",
        "<p><em>a</em> <strong>b</strong> <em><strong>c</strong></em> <del>d</del> \
        <code>e &amp; &lt;f&gt;</code></p>\n",
    );
    check("R&D &amp; &lt; \" '", "<p>R&amp;D &amp; &lt; \" '</p>\n");
    check("\x1b[1m\0\u{7f}", "<p>␛[1m␀␡</p>\n");
    check("---", "<hr />\n");
    // Text that looks like one of the rewritten tags.
    let tag = "<p><code>&lt;td style=\"text-align: left\"&gt;</code> &lt;img &lt;table&gt;</p>\n";
    check("`<td style=\"text-align: left\">` \\<img \\<table>", tag);
}

#[test]
fn headings_stand_below_those_of_the_page_and_have_anchors() {
    check(
        "# One *two* `three`\n## One\n### One\n#### One\n###### One",
        "<h3 id=\"readme-one-two-three\">One <em>two</em> <code>three</code></h3>\n\
        <h4 id=\"readme-one\">One</h4>\n<h5 id=\"readme-one-1\">One</h5>\n\
        <h6 id=\"readme-one-2\">One</h6>\n<h6 id=\"readme-one-3\">One</h6>\n",
    );
    check("A\nb\n=\n", "<h3 id=\"readme-a-b\">A\nb</h3>\n");
    check("#\n", "<h3 id=\"readme-\"></h3>\n");
    check("# \"><b>\n", "<h3 id=\"readme-b\">\"&gt;&lt;b&gt;</h3>\n");
    check("[to it](#one)", "<p><a href=\"#readme-one\">to it</a></p>\n");
}

#[test]
fn lists_code_alerts_and_tables() {
    let list = "<ol start=\"7\">\n<li>a\n<ul>\n<li>b</li>\n</ul>\n</li>\n</ol>";
    check("> 7) a\n>    - b", &format!("<blockquote>\n{list}\n</blockquote>\n"));
    check(
        "- [x] a\n- [ ] b",
        "<ul>\n<li><input type=\"checkbox\" disabled checked aria-label=\"Done\"> a</li>\n\
        <li><input type=\"checkbox\" disabled aria-label=\"To do\"> b</li>\n</ul>\n",
    );
    check("```rust\"><script>\na\r\n\n\tb\n```", "<pre><code>a\n\n\tb\n</code></pre>\n");
    check("    <b>\n", "<pre><code>&lt;b&gt;\n</code></pre>\n");
    check(
        "> [!NOTE]\n> a *b*",
        "<blockquote class=\"markdown-alert-note\">\n<p><strong>Note</strong></p>\n\
        <p>a <em>b</em></p>\n</blockquote>\n",
    );
    check(
        "|a|b|c|d|\n|-|:-|:-:|-:|\n|1|*2*|3|4|5|\n|6|\n",
        "<div><table><thead><tr><th>a</th><th class=\"left\">b</th>\
        <th class=\"center\">c</th><th class=\"right\">d</th></tr></thead><tbody>\n\
        <tr><td>1</td><td class=\"left\"><em>2</em></td>\
        <td class=\"center\">3</td><td class=\"right\">4</td></tr>\n\
        <tr><td>6</td><td class=\"left\"></td><td class=\"center\"></td><td class=\"right\"></td>\
        </tr>\n</tbody></table></div>\n",
    );
}

#[test]
fn footnotes() {
    let [one, two] = [1, 2].map(|number| {
        let link = format!("<a href=\"#footnote-{number}\">{number}</a>");
        format!("<sup class=\"footnote-reference\">{link}</sup>")
    });
    let definition = |number, text| {
        let label = format!("<sup class=\"footnote-definition-label\">{number}</sup>");
        let id = format!("id=\"footnote-{number}\"");
        format!("<div class=\"footnote-definition\" {id}>{label}\n<p>{text}</p>\n</div>\n")
    };
    let both = [definition(1, "\"one\""), definition(2, "two")].concat();
    let text = "a[^x]\n\n[^x]: \"one\"\n\nb[^\"y]\n\n[^\"y]: two";
    check(text, &format!("<p>a{one}</p>\n<p>b{two}</p>\n{both}"));
    check("[a[^x]](b)\n\n[^x]: c", &format!("<p>[a{one}](b)</p>\n{}", definition(1, "c")));
    check("[^x]: a\n\n[^x]: b", &definition(1, "a"));
}

#[test]
fn html_is_shown_as_it_stands() {
    check("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n");
    check(
        "<script>\nalert(1)\n</script>\n",
        "<pre><code>&lt;script&gt;\nalert(1)\n&lt;/script&gt;\n</code></pre>\n",
    );
    check("a <!-- hidden --> b", "<p>a  b</p>\n");
    check("<!-- hidden\n\nhere too -->\n\na", "<p>a</p>\n");
    check("<!-- x --> <b>\n", "<pre><code>&lt;!-- x --&gt; &lt;b&gt;\n</code></pre>\n");
    check("<!-- x --> <b> -->\n", "<pre><code>&lt;!-- x --&gt; &lt;b&gt; --&gt;\n</code></pre>\n");
}

/// On each link that leads elsewhere.
const REL: &str = "rel=\"nofollow noreferrer\"";

#[test]
fn links() {
    check("[a](b.md \"c \\\" d\")", "<p><a href=\"./b.md\" title=\"c &quot; d\">a</a></p>\n");
    check("[a][b]\n\n[b]: c&d", "<p><a href=\"./c&amp;d\">a</a></p>\n");
    check(
        "<http://b?c&d>",
        &format!("<p><a {REL} href=\"http://b?c&amp;d\">http://b?c&amp;d</a></p>\n"),
    );
    check("<a@b.example>", "<p><a href=\"mailto:a@b.example\">a@b.example</a></p>\n");
    check("[a](HTTPS://b)", &format!("<p><a {REL} href=\"https://b\">a</a></p>\n"));
    check("[*a*](javascript:b)", "<p><em>a</em></p>\n");
    check("[a](&#106;ava&Tab;script&colon;b)", "<p><a href=\"./java%09script:b\">a</a></p>\n");
    check("[a](&#x6A;avascript:b)", "<p>a</p>\n");
    check("<javascript:a>", "<p>javascript:a</p>\n");
    check("[<http://a>](b)", "<p><a href=\"./b\">http://a</a></p>\n");
    check(
        "[<http://a>](javascript:b)",
        &format!("<p><a {REL} href=\"http://a\">http://a</a></p>\n"),
    );
}

#[test]
fn images() {
    check(
        "![a *b*\n`c` \"](d.png \"e\")",
        "<p><img loading=\"lazy\" src=\"./d.png\" alt=\"a b c &quot;\" title=\"e\" /></p>\n",
    );
    let links = format!("<a {REL} href=\"https://b/c\">a</a><a {REL} href=\"//b/c\">image</a>");
    check("![a](https://b/c)![](//b/c)", &format!("<p>{links}</p>\n"));
    check("![a](data:image/png,b)![](javascript:b)", "<p>aimage</p>\n");
    check(
        "[![a](https://b/c)](d)[![e](f)](g)",
        "<p><a href=\"./d\">a</a>\
        <a href=\"./g\"><img loading=\"lazy\" src=\"./f\" alt=\"e\" /></a></p>\n",
    );
    check(
        "![a ![b](c) [d](e) <i> ~~f~~](g)",
        "<p><img loading=\"lazy\" src=\"./g\" alt=\"a b d &lt;i&gt; f\" /></p>\n",
    );
}

#[test]
fn what_would_be_too_much_is_not_rendered() {
    for text in [
        // This would take the parser a second.
        "> ".repeat(16_384) + "\n" + &"a\n".repeat(16_384),
        "- ".repeat(16_384) + "a\n" + &"a\n".repeat(16_384),
        (0..2_000).map(|depth| "\t".repeat(depth / 2) + "- - - a\n").collect(),
        "*a _b ".repeat(300) + &"b_ a* ".repeat(300),
        "|a".repeat(1_000) + "\n" + &"|-".repeat(1_000) + "\n" + &"a\n".repeat(1_000),
        "&".repeat(200_000),
        "#\n".repeat(32_768),
    ] {
        let start: String = text.chars().take(40).collect();
        assert!(render(&text).is_none(), "{start:?}");
    }
    let nested = |quotes| render(&(">".repeat(quotes) + "a")).is_some();
    assert_eq!([NESTING_MAX, NESTING_MAX + 1].map(nested), [true, false]);
    // 255 of them, and the paragraph around them.
    check_harmless(&render(&("*a _b ".repeat(127) + "*c*" + &"b_ a* ".repeat(127))).unwrap())
        .unwrap();
    assert!(render(&"&".repeat(100_000)).is_some(), "half a megabyte of HTML");
}

#[test]
fn what_is_tedious_is_bounded() {
    let reference = format!("[a]: {}\n\n", "x".repeat(30_000)) + &"[a] ".repeat(8_000);
    let pairs =
        ["[", "]", "![", "](", "<", "`", "*", "_", "~", "|", "&", "\\", "#", "\n", "a", "\r"];
    let repeated = pairs.iter().flat_map(|one| {
        pairs.iter().map(move |two| format!("{one}{two}").repeat(4_096 / (one.len() + two.len())))
    });
    for text in repeated.chain([reference]) {
        let start: String = text.chars().take(40).collect();
        let html = render(&text).unwrap_or_default();
        assert!(html.len() <= HTML_BYTES_MAX, "{start:?}");
        check_harmless(&html).unwrap_or_else(|error| panic!("{start:?}: {error}"));
    }
}

#[test]
fn markers_and_columns_count() {
    assert_eq!(nesting_max("plain\n        indented\n**bold**\n1.5\n-1\n2024-01-01"), 0);
    assert_eq!(nesting_max("a\n    - three at most\n> b"), 3);
    assert_eq!(nesting_max("\t- x"), 3);
    assert_eq!(nesting_max(">>>x"), 3);
    assert_eq!(nesting_max("1. 22) * + - x"), 7);
    assert_eq!(nesting_max("-"), 1);
    assert_eq!(nesting_max("a\r>> b"), 2);
    assert_eq!(nesting_max(&"> ".repeat(1_000)), 1_500);
}

/// The nesting of quotes and items as the parser finds it.
fn depth(text: &str) -> usize {
    let (mut depth, mut max) = (0, 0);
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::Item) => depth += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::Item) => depth -= 1,
            _ => {}
        }
        max = max.max(depth);
    }
    max
}

/// All elements allowed in a text, with their attributes.
#[rustfmt::skip]
const ELEMENTS: [(&str, &[&str]); 26] = [
    ("a", &["href", "rel", "title"]), ("blockquote", &["class"]), ("br", &[]), ("code", &[]),
    ("del", &[]), ("div", &["class", "id"]), ("em", &[]), ("h3", &["id"]), ("h4", &["id"]),
    ("h5", &["id"]), ("h6", &["id"]), ("hr", &[]), ("img", &["src", "loading", "alt", "title"]),
    ("li", &[]), ("ol", &["start"]), ("p", &[]), ("pre", &[]), ("strong", &[]), ("sup", &["class"]),
    ("table", &[]), ("tbody", &[]), ("td", &["class"]), ("th", &["class"]), ("thead", &[]),
    ("tr", &[]), ("ul", &[]),
];

/// The classes with a style in the page, and two that need none.
#[rustfmt::skip]
const CLASSES: [&str; 11] = [
    "center", "footnote-definition", "footnote-definition-label", "footnote-reference", "left",
    "markdown-alert-caution", "markdown-alert-important", "markdown-alert-note",
    "markdown-alert-tip", "markdown-alert-warning", "right",
];

/// The two check boxes, in which alone some attributes have no value.
const CHECK_BOXES: [&str; 2] = [
    "<input type=\"checkbox\" disabled aria-label=\"To do\">",
    "<input type=\"checkbox\" disabled checked aria-label=\"Done\">",
];

/// Reads HTML more strictly than any browser: only known elements closed in order, known attributes
/// in double quotes, harmless references, and escaped text.
fn check_harmless(html: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    let html = CHECK_BOXES.iter().fold(html.to_owned(), |html, it| html.replace(it, ""));
    let mut rest = &html[..];
    while let Some((text, after)) = rest.split_once('<') {
        check_text(text)?;
        let (tag, after) = after.split_once('>').ok_or("a tag without an end")?;
        rest = after;
        let tag = tag.strip_suffix(" /").unwrap_or(tag);
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> is not of {open:?}"));
            }
            continue;
        }
        let (name, attributes) = tag.split_at(tag.find(' ').unwrap_or(tag.len()));
        let (_, allowed) = ELEMENTS.iter().find(|it| it.0 == name).ok_or(format!("<{tag}>"))?;
        for (attribute, value) in parse_attributes(attributes)? {
            if !allowed.contains(&attribute) {
                return Err(format!("{attribute} in <{tag}>"));
            }
            check_value(attribute, value)?;
            if attribute == "id" && ids.contains(&value) {
                return Err(format!("two of {value}"));
            }
            ids.extend((attribute == "id").then_some(value));
        }
        let starts = ["http:", "https:", "//"].map(|start| format!(" href=\"{start}"));
        let leads_elsewhere = starts.iter().any(|start| tag.contains(start));
        if name == "a" && leads_elsewhere != tag.contains(REL) {
            return Err(format!("who is told of it: <{tag}>"));
        }
        if name == "a" && open.contains(&"a") {
            return Err("a link in a link".into());
        }
        if !["br", "hr", "img"].contains(&name) {
            open.push(name);
        }
    }
    check_text(rest)?;
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}

fn check_text(text: &str) -> Result<(), String> {
    let is_control = |c: char| c.is_control() && !"\n\t".contains(c);
    if text.contains(['<', '>']) || text.contains(is_control) {
        return Err(format!("not escaped: {text:?}"));
    }
    let references = ["amp;", "lt;", "gt;", "quot;", "#x27;", "#39;"];
    let is_reference = |after: &str| references.iter().any(|it| after.starts_with(it));
    match text.split('&').skip(1).find(|after| !is_reference(after)) {
        Some(after) => Err(format!("not escaped: &{after}")),
        None => Ok(()),
    }
}

/// The attributes of a tag, each with its value.
fn parse_attributes(text: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"').ok_or("a value without an end")?;
        attributes.push((name.strip_prefix(' ').ok_or("no space before a name")?, value));
        rest = after;
    }
    if rest.is_empty() { Ok(attributes) } else { Err(format!("{rest:?} in {text:?}")) }
}

fn check_value(attribute: &str, value: &str) -> Result<(), String> {
    check_text(value)?;
    if value.contains(['"', '\'']) {
        return Err(format!("not escaped: {value:?}"));
    }
    let is_right = match attribute {
        "href" => is_harmless(value, true),
        "src" => is_harmless(value, false),
        "rel" => value == "nofollow noreferrer",
        "id" => match value.strip_prefix("footnote-") {
            Some(number) => number.parse::<usize>().is_ok(),
            None => value.starts_with("readme-") && !value.contains(char::is_whitespace),
        },
        "class" => CLASSES.contains(&value),
        "start" => value.parse::<u64>().is_ok(),
        "loading" => value == "lazy",
        "title" => !value.contains(crate::text::is_unprintable),
        "alt" => true,
        _ => false,
    };
    if is_right { Ok(()) } else { Err(format!("{attribute}={value:?}")) }
}

/// Whether a browser would stay on this site with this URL; or go to another, if that is allowed.
fn is_harmless(url: &str, may_lead_elsewhere: bool) -> bool {
    if url.is_empty() || !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return false;
    }
    // True even if a scheme could have other characters before the colon.
    let (first, _) = url.split_once(['/', '?', '#']).unwrap_or((url, ""));
    match first.split_once(':') {
        Some((scheme, _)) => {
            let scheme = scheme.to_ascii_lowercase();
            may_lead_elsewhere && ["http", "https", "mailto"].contains(&scheme.as_str())
        }
        None => may_lead_elsewhere || !url.starts_with("//"),
    }
}

#[rustfmt::skip]
const HARMFUL: [&str; 20] = [
    "<script>x</script>", "<p onclick=\"x\"></p>", "<p style=\"x\"></p>", "<p>", "</p>",
    "<em><del></em></del>", "a > b", "&x;", "<a href=\"javascript:x\"></a>",
    "<a href=\"java\tscript:x\"></a>", "<a href=\"./x\"><a href=\"./x\"></a></a>",
    "<a href=\"http://x\"></a>", "<img src=\"//x\">", "<img src=\"http://x\">", "<img src=x>",
    "<img src=\"./x\"onerror=\"x\">", "<h3 id=\"readme-x\"></h3><h3 id=\"readme-x\"></h3>",
    "<h3 id=\"x\"></h3>", "<div id=\"footnote-x\"></div>", "<sup class=\"x\"></sup>",
];

#[test]
fn the_strict_reader_finds_harm() {
    for html in HARMFUL {
        assert!(check_harmless(html).is_err(), "{html}");
    }
}

/// Special characters of Markdown, HTML and URLs.
#[rustfmt::skip]
const PIECES: [&str; 81] = [
    "[", "]", "(", ")", "![", "](", "][", "]: ", "<", ">", "\"", "'", "`", "```", "~~", "~", "*",
    "**", "_", "#", "## ", "- ", "1. ", "> ", "    ", "\t", "\n", "\n\n", "  \n", "\\", "|", "|-|",
    "\n|a|b|\n|-|:-:|\n", "- [x] ", "- [ ] ", "---\n", "===\n", "&", "&#", "&#106;", "&Tab;",
    "&NewLine;", "&colon;", "&lt;", "&quot;", ";", ":", "/", "//", "\\\\", "a", "é", "\0", "\x1b",
    "\u{202e}", "\u{feff}", "\r", "javascript:", "JaVaScRiPt:", "data:text/html,", "vbscript:x",
    "http://a.example", "https:", "mailto:", "<http://a.b>", "<a@b.c>", "<script>", "</script>",
    "</article>", "<img src=x onerror=x>", " onclick=\"x\"", " style=\"x\"", "<!--", "-->",
    "<![CDATA[", "[^1]", "[^1]: ", "[^\"><b>]", "[^\"><b>]: ", "> [!NOTE]\n",
    "<td style=\"text-align: left\">",
];

fn any_text() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(segment, 0..60).prop_map(|segments| segments.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_does_harm(text in any_text()) {
        if let Some(html) = render(&text) {
            prop_assert_eq!(check_harmless(&html), Ok(()), "{}", html);
        }
    }

    #[test]
    fn the_parser_goes_no_deeper(
        segments in prop::collection::vec(prop::sample::select(&[
            " ", "  ", "    ", "\t", ">", "> ", "- ", "-", "* ", "+\t", "1. ", "23) ", "1.",
            "\n", "\n", "\r\n", "\r", "a", "a\n", "# ", "```\n", "|", "\u{b}", "\u{a0}", "<b>",
        ][..]), 0..40),
    ) {
        let text = segments.concat();
        prop_assert!(depth(&text) <= nesting_max(&text), "{:?}", text);
    }
}
