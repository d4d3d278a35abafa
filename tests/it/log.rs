//! The log, from outside: its formats, its levels, and what stays out of it.

use std::process::Command;

use crate::support::{Httpd, Tree};

const REQUEST: &str = "Referer: http://localhost/\r\nUser-Agent: test \"1\"\r\n";

/// The access line of a GET of a file of five bytes.
#[track_caller]
fn line(format: &str) -> String {
    let tree = Tree::with(&[("a b.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--log-format", format]);
    assert_eq!(httpd.request("GET", "/a%20b.txt", REQUEST).status, 200);
    httpd.log_line(|line| line.contains("/a%20b.txt"))
}

/// Asserts that a line is `want`, where `*` stands for anything without a blank.
#[track_caller]
fn check(line: &str, want: &str) {
    let (mut got, mut wanted) = (line.split(' '), want.split(' '));
    loop {
        match (got.next(), wanted.next()) {
            (None, None) => return,
            (Some(_), Some("*")) => {}
            (got, wanted) => assert_eq!(got, wanted, "{line}"),
        }
    }
}

#[test]
fn common_and_combined_are_apaches() {
    let common = r#"127.0.0.1 - - * +0000] "GET /a%20b.txt HTTP/1.0" 200 5"#;
    check(&line("common"), common);
    let combined = format!(r#"{common} "http://localhost/" "test \"1\"""#);
    check(&line("combined"), &combined);
    // Standard error is no terminal here.
    assert!(line("auto").ends_with(r#""http://localhost/" "test \"1\"""#));
}

#[test]
fn short_is_for_eyes() {
    check(&line("short"), "* 127.0.0.1 GET /a%20b.txt 200 5 *");
}

#[test]
fn json_has_duration_and_outcome() {
    let line: serde_json::Value = serde_json::from_str(&line("json")).unwrap();
    assert_eq!(line["client"], "127.0.0.1");
    assert_eq!(line["target"], "/a%20b.txt");
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes_sent"], 5);
    assert_eq!(line["outcome"], "complete");
    assert!(line["duration_us"].is_u64());
}

#[test]
fn quiet_leaves_access_lines_out_and_verbose_adds_causes() {
    let httpd = Httpd::serve(Tree::new().path(), &["--quiet", "--verbose"]);
    httpd.get("/nothing");
    assert_eq!(httpd.reply("GET / HTTP/1.0\r\n folded\r\n\r\n").status, 400);
    let refused = httpd.log_line(|line| line.contains("refused"));
    assert!(refused.contains("DEBUG"), "{refused}");
    assert!(!httpd.stop().stderr.iter().any(|line| line.contains("GET /")));
}

#[test]
fn rust_log_has_the_last_word() {
    let tree = Tree::new();
    let mut command = Command::new("env");
    command.args(["RUST_LOG=access=off,httpd=debug", env!("CARGO_BIN_EXE_httpd")]);
    command.args(["--port", "0"]).arg(tree.path());
    let httpd = Httpd::spawn(command);
    httpd.reply("GET / HTTP/1.0\r\n folded\r\n\r\n");
    httpd.log_line(|line| line.contains("DEBUG") && line.contains("refused"));
    assert!(!httpd.stop().stderr.iter().any(|line| line.contains("GET /")));
}
