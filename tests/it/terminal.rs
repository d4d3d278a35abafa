//! The view of a person at a terminal: the banner, one line per request, and colours unless they
//! are disabled.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use crate::screen::OnScreen;
use crate::support::{Tree, eventually, free_port, has_words, read_to_end};

/// The start of every ANSI escape sequence.
const ESCAPE: char = '\x1b';

/// Room for the banner and many lines.
const LARGE: [u16; 2] = [80, 200];

#[test]
fn the_banner_shows_what_is_served_and_where() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    // The wildcards of IPv4 and IPv6 can share a port.
    let port = free_port("0.0.0.0");
    let [four, six] = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
    let shown = OnScreen::start(tree.path(), &["--bind", &four, "--bind", &six], &[], LARGE);
    let addresses = shown.addresses();
    assert!(addresses.iter().any(|address| *address == (Ipv4Addr::LOCALHOST, port).into()));
    for address in &addresses {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /a.txt HTTP/1.0\r\n\r\n").unwrap();
        assert!(read_to_end(&mut stream).ends_with(b"\r\n\r\nhello"), "{address}");
    }
    let root = tree.path().canonicalize().unwrap();
    let root = root.to_str().unwrap();
    for words in [&["httpd", env!("CARGO_PKG_VERSION"), root][..], &["sandbox"], &["Ctrl-C"]] {
        shown.line(|line| has_words(line, words));
    }
    shown.line(|line| line.contains("WARN") && has_words(line, &[&port.to_string()]));
    // Other machines can reach it, if there is a network.
    if let Some(outward) = addresses.iter().find(|address| !address.ip().is_loopback()) {
        let url = format!("http://{outward}/");
        shown.line(|line| line.starts_with("  reach ") && line.contains(&url));
    }
    for line in shown.lines() {
        assert!(!line.contains("0.0.0.0") && !line.contains("[::]"), "{line}");
    }
}

/// The lines of the banner with these flags.
#[track_caller]
fn banner(root: &Path, flags: &[&str]) -> Vec<String> {
    let shown = OnScreen::start(root, flags, &[], LARGE);
    shown.addresses();
    shown.lines().into_iter().take_while(|line| !line.starts_with("listening on ")).collect()
}

/// Each flag changes one row, and each of its values changes the text about the same subject.
#[test]
fn the_banner_shows_the_rule_of_each_flag() {
    let tree = Tree::new();
    let usual = banner(tree.path(), &["--no-sandbox"]);
    for words in [["sandbox", "--no-sandbox"], ["reach", "0.0.0.0"]] {
        assert!(usual.iter().any(|line| has_words(line, &words)), "{usual:?}");
    }
    let mut seen = usual.clone();
    for (rule, subject) in [
        (&["--no-listing"][..], "list"),
        (&["--dotfiles", "unlisted"], "hidden"),
        (&["--dotfiles", "serve"], "hidden"),
        (&["--symlinks", "deny"], "link"),
        (&["--symlinks", "follow"], "link"),
    ] {
        let lines = banner(tree.path(), &[&["--no-sandbox"], rule].concat());
        assert_eq!(lines.len(), usual.len(), "{rule:?}: {lines:?}");
        let changed: Vec<_> = lines.into_iter().filter(|line| !usual.contains(line)).collect();
        assert_eq!(changed.len(), 1, "{rule:?}: {changed:?}");
        assert!(changed[0].contains(subject), "{rule:?}: {changed:?}");
        assert!(!seen.contains(&changed[0]), "{rule:?} looks like another rule: {changed:?}");
        seen.extend(changed);
    }
}

#[test]
fn the_banner_fits_narrow_terminals() {
    let tree = Tree::with(&[("passwords", crate::auth::ANN.as_bytes())]);
    std::fs::create_dir(tree.join("root")).unwrap();
    let passwords = tree.join("passwords");
    let flags = ["--dotfiles", "unlisted", "--auth", passwords.to_str().unwrap()];
    let httpd = OnScreen::start(&tree.join("root"), &flags, &[], [40, 60]);
    httpd.addresses();
    for line in httpd.lines().iter().filter(|line| !line.contains("WARN")) {
        assert!(line.chars().count() <= 60, "{line:?}");
    }
}

#[test]
fn each_request_is_a_line_in_colour_unless_that_is_disabled() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let coloured = [
        "\x1b[0m 127.0.0.1 GET /a.txt \x1b[32m200\x1b[0m 5 ",
        "\x1b[0m 127.0.0.1 GET /\\x1b]0;title\\x07 \x1b[33m400\x1b[0m ",
    ];
    let plain = [" 127.0.0.1 GET /a.txt 200 5 ", " 127.0.0.1 GET /\\x1b]0;title\\x07 400 "];
    for (variable, want) in [
        (("LANG", "C"), coloured),
        (("NO_COLOR", ""), coloured),
        (("NO_COLOR", "1"), plain),
        (("TERM", "dumb"), plain),
    ] {
        let shown = OnScreen::start(tree.path(), &[], &[variable], LARGE);
        shown.get("/a.txt");
        shown.get("/\x1b]0;title\x07");
        for (name, want) in ["GET /a.txt ", "title"].into_iter().zip(want) {
            let line = shown.line(|line| line.contains(name));
            assert!(line.contains(want), "{variable:?}: {line:?} lacks {want:?}");
            assert_eq!(line.contains(ESCAPE), want.contains(ESCAPE), "{line:?}");
        }
    }
}

#[test]
fn a_log_file_is_combined_and_without_colour() {
    let tree = Tree::with(&[("root/a.txt", b"hello")]);
    let file = tree.join("access.log");
    let flags = ["--log-file", file.to_str().unwrap()];
    let shown = OnScreen::start(&tree.join("root"), &flags, &[], LARGE);
    assert_eq!(shown.get("/a.txt").body, b"hello");
    let read = || std::fs::read_to_string(&file).unwrap();
    let line = "\"GET /a.txt HTTP/1.0\" 200 5 \"-\" \"-\"\n";
    eventually("the line is written", || read().ends_with(line));
    assert!(!read().contains(ESCAPE), "{:?}", read());
}
