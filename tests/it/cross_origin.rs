//! `--cors`: preflights, and what a page of another origin may read, in a browser.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::support::{Httpd, Reply, Tree, pattern};

/// The fields of a preflight for a GET.
const ASKS: &str = "Origin: http://a.example\r\nAccess-Control-Request-Method: GET\r\n";

/// The size of the file that is read in pieces: many times that of a piece.
const FILE_BYTES: usize = 8 << 20;

fn preflight(httpd: &Httpd, target: &str, fields: &str) -> Reply {
    httpd.request("OPTIONS", target, fields)
}

#[test]
fn a_preflight_is_allowed_whatever_it_is_for() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--cors", "--redirect", "/old=/a.txt"]);
    let want = preflight(&httpd, "/a.txt", ASKS);
    assert_eq!(want.status, 204);
    for (name, value) in [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
        ("Access-Control-Max-Age", "7200"),
        (
            "Access-Control-Allow-Headers",
            "Cache-Control, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, \
             If-Unmodified-Since, Range",
        ),
    ] {
        assert_eq!(want.field(name), Some(value));
    }
    let without_date = |reply: &Reply| {
        let fields = reply.fields.iter().filter(|(name, _)| name != "Date");
        (reply.status, fields.cloned().collect::<Vec<_>>(), reply.body.clone())
    };
    for target in ["/", "/missing", "/post.html", "/old", "/.env", "/no/such/folder/", "*"] {
        let reply = preflight(&httpd, target, ASKS);
        assert_eq!(without_date(&reply), without_date(&want), "{target}");
    }
    let put = ASKS.replace("GET", "PUT");
    assert_eq!(without_date(&preflight(&httpd, "/a.txt", &put)), without_date(&want));
}

#[test]
fn a_preflight_is_allowed_the_fields_that_it_asks_for() {
    let httpd = Httpd::serve(Tree::new().path(), &["--cors"]);
    let allowed = |fields: &str| {
        let reply = preflight(&httpd, "/", &format!("{ASKS}{fields}"));
        assert_eq!((reply.status, reply.field("Set-Cookie")), (204, None), "{fields}");
        reply.field("Access-Control-Allow-Headers").unwrap().to_owned()
    };
    let always = allowed("");
    let asks = |names: &str| allowed(&format!("Access-Control-Request-Headers: {names}\r\n"));
    assert_eq!(asks("range,x-one, X-Two"), format!("{always}, x-one, X-Two"));
    assert_eq!(asks("x one, \"x\", x:y, caf\u{e9}, , \tx-two"), format!("{always}, x-two"));
    let two_lines = "Access-Control-Request-Headers: a\r\naccess-control-request-headers: b\r\n";
    assert_eq!(allowed(two_lines), format!("{always}, a, b"));
    assert!(asks(&"long,".repeat(2_000)).len() <= always.len() + 1024);
}

#[test]
fn what_is_no_preflight_is_answered_as_ever() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let with = Httpd::serve(tree.path(), &["--cors"]);
    let without = Httpd::serve(tree.path(), &[]);
    let origin = "Origin: http://a.example\r\n";
    let method = "Access-Control-Request-Method: GET\r\n";
    for (httpd, fields) in [(&with, ""), (&with, origin), (&with, method), (&without, ASKS)] {
        let reply = preflight(httpd, "/a.txt", fields);
        let allow = (reply.field("Allow"), reply.field("Access-Control-Allow-Methods"));
        assert_eq!((reply.status, allow), (204, (Some("GET, HEAD, OPTIONS"), None)), "{fields}");
        assert_eq!(preflight(httpd, "/missing", fields).status, 404, "{fields}");
    }
    assert_eq!(without.get("/a.txt").field("Access-Control-Allow-Origin"), None);
    assert_eq!(without.get("/a.txt").field("Access-Control-Expose-Headers"), None);
    // A name that this server does not answer to is refused first.
    let evil = format!("Host: evil.example.com\r\n{ASKS}");
    assert_eq!(preflight(&with, "/a.txt", &evil).status, 421);
}

#[test]
fn fields_of_the_user_take_the_place_of_ours() {
    let flags = [
        "--cors",
        "--header",
        "Access-Control-Allow-Origin: https://a.example",
        "--header",
        "access-control-allow-methods: GET",
    ];
    let httpd = Httpd::serve(Tree::new().path(), &flags);
    let reply = preflight(&httpd, "/", ASKS);
    assert_eq!(reply.field("Access-Control-Allow-Origin"), Some("https://a.example"));
    assert_eq!(reply.field("Access-Control-Allow-Methods"), Some("GET"));
}

/// Serves a page, and files from another origin to which `remote` is set in the page.
fn two_origins(browser: &Browser, files: &Tree, flags: &[&str]) -> (Httpd, Httpd) {
    let site = Tree::with(&[("index.html", b"<!doctype html><link rel=icon href=data:,>")]);
    let (here, there) = (Httpd::serve(site.path(), &[]), Httpd::serve(files.path(), flags));
    browser.open(&here.url("/"));
    browser.run(&format!("window.remote = {}", json!(there.url(""))));
    (here, there)
}

#[test]
fn a_page_of_another_origin_reads_ranges_and_validators() {
    let Some(browser) = Browser::start() else { return };
    let files = Tree::with(&[("a.txt", b"0123456789")]);
    let (_here, there) = two_origins(&browser, &files, &["--cors"]);
    let etag = there.get("/a.txt").field("ETag").unwrap().to_owned();
    let ask = |target: &str, headers: &Value| {
        browser.run(&format!(
            "return fetch(remote + {}, {{ headers: {headers} }}).then(async it => ({{
                 status: it.status, text: await it.text(), etag: it.headers.get('ETag'),
                 type: it.headers.get('Content-Type'), range: it.headers.get('Content-Range'),
                 takes: it.headers.get('Accept-Ranges'),
                 length: it.headers.get('Content-Length'),
                 modified: it.headers.get('Last-Modified') !== null,
             }}), error => String(error))",
            json!(target),
        ))
    };
    let whole = ask("/a.txt", &json!({}));
    assert_eq!(
        (&whole["status"], &whole["text"], &whole["etag"], &whole["length"], &whole["takes"]),
        (&json!(200), &json!("0123456789"), &json!(etag), &json!("10"), &json!("bytes")),
    );
    assert_eq!(whole["modified"], true);

    let one = ask("/a.txt", &json!({ "Range": "bytes=2-4" }));
    assert_eq!((&one["status"], &one["text"]), (&json!(206), &json!("234")));
    assert_eq!((&one["range"], &one["etag"]), (&json!("bytes 2-4/10"), &json!(etag)));

    // Two spans and a condition are each a reason for a preflight.
    let other = json!({ "Range": "bytes=0-1,8-9", "If-None-Match": "\"other\"" });
    let two = ask("/a.txt", &other);
    assert_eq!((&two["status"], &two["etag"]), (&json!(206), &json!(etag)));
    assert!(two["type"].as_str().unwrap().starts_with("multipart/byteranges; "), "{two}");
    let text = two["text"].as_str().unwrap();
    let has = |part: &str| text.contains(part);
    assert!(has("bytes 0-1/10\r\n\r\n01\r\n") && has("bytes 8-9/10\r\n\r\n89\r\n"), "{text}");
    assert!(there.log().iter().any(|line| line.contains("OPTIONS /a.txt")), "{:?}", there.log());

    let same = ask("/a.txt", &json!({ "Range": "bytes=0-1,8-9", "If-None-Match": etag }));
    assert_eq!((&same["status"], &same["etag"]), (&json!(304), &json!(etag)));

    // Errors are read as well, and so is what a library adds a field of its own to.
    let missing = ask("/missing", &json!({ "X-Requested-With": "a page", "If-Match": "\"x\"" }));
    assert_eq!(missing["status"], 404);
    let beyond = ask("/a.txt", &json!({ "Range": "bytes=10-" }));
    assert_eq!((&beyond["status"], &beyond["range"]), (&json!(416), &json!("bytes */10")));
}

/// As PDF.js reads a document: it starts a GET of the whole, leaves it when the head has told it
/// the length and that ranges are taken, and reads pieces as it needs them.
#[test]
fn a_viewer_of_another_origin_reads_a_document_in_pieces() {
    let Some(browser) = Browser::start() else { return };
    let content = pattern(FILE_BYTES);
    let files = Tree::with(&[("large.pdf", &content)]);
    let (_here, _there) = two_origins(&browser, &files, &["--cors"]);
    let read = browser.run(
        "return (async () => {
             const abort = new AbortController();
             const whole = await fetch(remote + '/large.pdf', { signal: abort.signal });
             const get = name => whole.headers.get(name);
             const length = Number(get('Content-Length'));
             const takesRanges = get('Accept-Ranges') === 'bytes' && !get('Content-Encoding');
             const etag = get('ETag');
             abort.abort();
             const piece = async (first, last, more) => {
                 const headers = { Range: `bytes=${first}-${last - 1}`, ...more };
                 const part = await fetch(remote + '/large.pdf', { headers });
                 const bytes = new Uint8Array(await part.arrayBuffer());
                 const sum = bytes.reduce((sum, byte) => (sum * 31 + byte) % 65521, 0);
                 return [part.status, part.headers.get('Content-Range'), bytes.length, sum];
             };
             const size = 65536;
             return [length, takesRanges, await Promise.all([
                 piece(length - size, length), piece(0, size), piece(size, 2 * size),
                 piece(40 * size + 1, 41 * size, { 'If-Range': etag }),
                 piece(5, 6, { 'If-Range': '\"other\"' }),
             ])];
         })()",
    );
    let sum =
        |piece: &[u8]| piece.iter().fold(0_u32, |sum, &byte| (sum * 31 + u32::from(byte)) % 65_521);
    let piece = |first: usize, end: usize| {
        let range = format!("bytes {first}-{}/{FILE_BYTES}", end - 1);
        json!([206, range, end - first, sum(&content[first..end])])
    };
    let size = 65_536;
    let want = json!([
        piece(FILE_BYTES - size, FILE_BYTES),
        piece(0, size),
        piece(size, 2 * size),
        piece(40 * size + 1, 41 * size),
        [200, null, FILE_BYTES, sum(&content)],
    ]);
    assert_eq!(read, json!([FILE_BYTES, true, want]));
}

#[test]
fn without_the_flag_a_page_of_another_origin_reads_nothing() {
    let Some(browser) = Browser::start() else { return };
    let files = Tree::with(&[("a.txt", b"0123456789")]);
    let (_here, _there) = two_origins(&browser, &files, &[]);
    let read = |init: &str| {
        browser.run(&format!(
            "return fetch(remote + '/a.txt', {init}).then(it => it.status, error => error.name)"
        ))
    };
    assert_eq!(read("{}"), "TypeError");
    assert_eq!(read("{ headers: { 'If-Match': '*' } }"), "TypeError");
}
