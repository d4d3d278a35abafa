//! Programs that log in: curl, wget, a browser, and a proxy in front; and htpasswd, which writes
//! the password file.

use std::io::Write;
use std::process::Command;

use serde_json::json;

use crate::auth::{ANN, login, serve, site};
use crate::browser::Browser;
use crate::clients::{curl, run};
use crate::proxy::Proxy;
use crate::support::{Reply, Tree, read_to_end, tool};

#[test]
fn htpasswd_makes_the_file() {
    let Some(htpasswd) = tool("htpasswd") else { return };
    let tree = Tree::with(&[("www/a.txt", b"hello")]);
    let file = tree.join("passwords");
    for (flags, user, password) in [("-cbBC4", "ann", "a b"), ("-bB", "bob", "ü:\"")] {
        run(Command::new(&htpasswd).arg(flags).arg(&file).args([user, password]));
    }
    let httpd = serve(&tree, &[]);
    for (pair, status) in [("ann:a b", 200), ("bob:ü:\"", 200), ("ann:ü:\"", 401)] {
        assert_eq!(httpd.request("GET", "/a.txt", &login(pair)).status, status, "{pair}");
    }
}

/// Both first ask without a password, and then by the scheme that the answer names: curl with
/// `--anyauth`, wget always.
#[test]
fn curl_and_wget_log_in() {
    let (Some(tool), Some(wget)) = (tool("curl"), tool("wget")) else { return };
    let tree = site(&[ANN]);
    let httpd = serve(&tree, &[]);
    let url = httpd.url("/a.txt");
    assert_eq!(curl(&tool, &["--user", "ann:open sesame", &url]).0, "hello");
    assert_eq!(curl(&tool, &["--anyauth", "--user", "ann:open sesame", &url]).0, "hello");
    let mut wget = Command::new(wget);
    wget.args(["--no-config", "--no-proxy", "-nv", "-O", "-"]);
    wget.args(["--user", "ann", "--password", "open sesame"]);
    assert_eq!(run(wget.arg(&url)).0, "hello");
    httpd.log_line(|line| line.contains("\" 401 "));
}

#[test]
fn a_browser_logs_in() {
    let Some(browser) = Browser::start() else { return };
    let tree = site(&[ANN]);
    let page = b"<!DOCTYPE html><title>in</title><link rel=stylesheet href=a.css>";
    tree.write("www/page.html", page);
    tree.write("www/a.css", b"body { width: 123px }");
    let httpd = serve(&tree, &["--log-format", "common"]);
    let url = |pair: &str| format!("http://{pair}@{}/page.html", httpd.address());
    browser.open(&url("ann:wrong"));
    assert_ne!(browser.run("return document.title"), "in");
    browser.open(&url("ann:open%20sesame"));
    assert_eq!(browser.run("return document.title"), "in");
    // The page's own requests have the same password, and so do those of scripts.
    assert_eq!(browser.run("return document.body.clientWidth"), json!(123));
    let script = "return fetch(location.origin + '/a.txt').then(answer => answer.text())";
    assert_eq!(browser.run(script), "hello");
    httpd.log_line(|line| line.contains(" - ann [") && line.contains("GET /a.txt "));
}

#[test]
fn behind_haproxy() {
    let tree = site(&[ANN]);
    let httpd = serve(&tree, &["--trusted-proxy", "127.0.0.1", "--log-format", "common"]);
    let expects = "http-check expect status 401";
    let proxy = Proxy::haproxy_with([httpd.address(); 2], |config| {
        assert!(config.contains(&format!("# {expects}")));
        config.replace(&format!("# {expects}"), expects)
    });
    let Some(proxy) = proxy else { return };
    let ask = |fields: &str| {
        let mut stream = std::net::TcpStream::connect(proxy.address()).unwrap();
        write!(stream, "GET /a.txt HTTP/1.0\r\n{fields}\r\n").unwrap();
        Reply::parse(&read_to_end(&mut stream))
    };
    httpd.log_line(|line| line.contains("HEAD / "));
    assert_eq!(ask(&login("ann:open sesame")).body, b"hello");
    assert_eq!(ask("").status, 401);
    assert_eq!(ask(&login("ann:no")).status, 401);
    httpd.log_line(|line| line.contains("- ann ["));
}
