//! The log: its formats, its levels, and everything that must stay out of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Httpd, Reply, Tree, eventually, has_words, read_to_end, tool};

const REQUEST: &str = "Referer: http://localhost/\r\nUser-Agent: test \"1\"\r\n";

#[test]
fn each_format_has_its_line() {
    let tree = Tree::with(&[("a b.txt", b"hello")]);
    for (format, want) in [
        ("common", r#"] "GET /a%20b.txt HTTP/1.0" 200 5"#),
        ("combined", r#" 200 5 "http://localhost/" "test \"1\"""#),
        // Standard error is not a terminal here.
        ("auto", r#" 200 5 "http://localhost/" "test \"1\"""#),
        ("short", " 127.0.0.1 GET /a%20b.txt 200 5 "),
    ] {
        let httpd = Httpd::serve(tree.path(), &["--log-format", format]);
        assert_eq!(httpd.request("GET", "/a%20b.txt", REQUEST).status, 200);
        let line = httpd.log_line(|line| line.contains("/a%20b.txt"));
        // The short one ends with the time that it took.
        let (_, rest) = line.split_once(want).unwrap_or_else(|| panic!("{format}: {line}"));
        assert_eq!(rest.is_empty(), format != "short", "{line}");
    }
}

#[test]
fn with_json_every_line_is_an_object() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--log-format", "json", "--verbose"]);
    httpd.get("/a.txt");
    let log = httpd.stop().stderr;
    let objects = log.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (messages, lines): (Vec<_>, Vec<_>) = objects.partition(|it| it["outcome"].is_null());
    for message in messages {
        let names = ["time", "level", "target", "message"];
        assert!(names.iter().all(|name| message[name].is_string()), "{message}");
    }
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!((&line["target"], &line["status"]), (&"/a.txt".into(), &200.into()));
    assert_eq!((&line["bytes_sent"], &line["outcome"]), (&5.into(), &"complete".into()));
    assert!(line["duration_us"].is_u64() && line["cause"].is_null(), "{line}");
}

/// Checks whether access lines and messages of the levels INFO and DEBUG are logged with these
/// words before the command and these flags. Returns the log.
#[track_caller]
fn check_selected(words: &[&str], flags: &[&str], want: [bool; 3]) -> Vec<String> {
    let tree = Tree::new();
    let mut command = Command::new("env");
    command.args(words).args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).args(flags);
    command.arg(tree.path());
    let httpd = Httpd::spawn(command);
    let mut stream = httpd.connect();
    let client = stream.local_addr().unwrap().to_string();
    // A folded field line, whose refusal causes a debug line.
    stream.write_all(b"GET / HTTP/1.0\r\n folded\r\n\r\n").unwrap();
    assert_eq!(Reply::parse(&read_to_end(&mut stream)).status, 400);
    // The server waits for this before it stops.
    drop(stream);
    let log = httpd.stop().stderr;
    let has = |what: &dyn Fn(&str) -> bool| log.iter().any(|line| what(line));
    let is_cause = |line: &str| has_words(line, &["DEBUG", &client]) && line.contains("folded");
    let is_start = |line: &str| has_words(line, &["INFO", "stopping"]);
    let got = [has(&|line| line.contains("\"GET / ")), has(&is_start), has(&is_cause)];
    assert_eq!(got, want, "{words:?} {flags:?}: {log:?}");
    let sum = ["DEBUG", "served", "1", "response", "1", "address"];
    assert_eq!(log.last().is_some_and(|line| has_words(line, &sum)), want[2], "{log:?}");
    log
}

#[test]
fn flags_and_rust_log_choose_what_is_logged() {
    check_selected(&[], &[], [true, true, false]);
    check_selected(&[], &["--quiet", "--verbose"], [false, true, true]);
    check_selected(&["RUST_LOG=error"], &[], [true, false, false]);
    check_selected(&["RUST_LOG=access=off,httpd=debug"], &[], [false, true, true]);
    let nothing = check_selected(&["RUST_LOG=off,access=off"], &["-v"], [false, false, false]);
    assert_eq!(nothing, [""; 0]);
    let log = check_selected(&["RUST_LOG=off,a=loud"], &["-q", "-v"], [false, true, true]);
    assert!(log[0].contains("WARN") && log[0].contains("RUST_LOG"), "{log:?}");
}

/// Bytes that could confuse a log, a terminal or a log parser.
const HOSTILE: [&[u8]; 8] = [
    b"\" 200 5 \"-\" \"forged",
    b"\\\" \\n \\x22",
    b"\x1b[2J\x1b]0;title\x07",
    b"\xff\xfe\x80\xc3\x28",
    b"\xe2\x80\xa8\xe2\x80\xae\xc2\x9b2J",
    b"%0a%0d%00%1b[2J",
    b"a\tb\x0b\x0c\x7f",
    b"' | $(id) `id` <b> {\"a\":1}, [x] %s %n",
];

/// Raw requests with these bytes in every part that a log line may repeat.
fn hostile_requests() -> Vec<Vec<u8>> {
    let places = [
        ("GET /", " HTTP/1.0\r\n\r\n"),
        ("GET /a.txt?", " HTTP/1.0\r\n\r\n"),
        ("", " /a.txt HTTP/1.0\r\n\r\n"),
        ("GET /a.txt ", "\r\n\r\n"),
        ("GET /a.txt HTTP/1.0\r\nReferer: ", "\r\n\r\n"),
        ("GET /a.txt HTTP/1.0\r\nUser-Agent: ", "\r\n\r\n"),
        ("GET /a.txt HTTP/1.0\r\nX-Forwarded-For: ", "\r\n\r\n"),
        ("GET /a.txt HTTP/1.0\r\nHost: ", "\r\n\r\n"),
    ];
    let request =
        |bytes, (start, end): (&str, &str)| [start.as_bytes(), bytes, end.as_bytes()].concat();
    HOSTILE.iter().flat_map(|bytes| places.map(|place| request(bytes, place))).collect()
}

/// Serves a tree with `root/a.txt`, with the log in a separate folder.
fn serve_with_log(tree: &Tree, format: &str) -> Httpd {
    fs::create_dir_all(tree.join("log")).unwrap();
    tree.write("root/a.txt", b"hello");
    let path = tree.join("log/access.log");
    let flags = ["--log-format", format, "--log-file", path.to_str().unwrap()];
    let more = ["--verbose", "--trusted-proxy", "127.0.0.1"];
    Httpd::serve(&tree.join("root"), &[&flags[..], &more].concat())
}

#[test]
fn nothing_that_a_client_sends_breaks_out_of_its_line() {
    for format in ["short", "common", "combined", "json"] {
        let tree = Tree::new();
        let httpd = serve_with_log(&tree, format);
        let requests = hostile_requests();
        for request in &requests {
            httpd.raw(request);
        }
        let messages = httpd.stop().stderr;
        let text = fs::read_to_string(tree.join("log/access.log")).unwrap();
        let lines: Vec<_> = text.split_terminator('\n').collect();
        assert_eq!(lines.len(), requests.len(), "{text}");
        for line in lines {
            if format == "json" {
                let entry: Value = serde_json::from_str(line).unwrap();
                assert_eq!(entry["client"], "127.0.0.1", "{line}");
                assert!(!line.chars().any(|it| it.is_control() || it == '\u{202e}'), "{line:?}");
                continue;
            }
            assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line:?}");
            let at = usize::from(format == "short");
            assert_eq!(line.split(' ').nth(at), Some("127.0.0.1"), "{line}");
        }
        // Debug lines must not send a client's escape sequences to the terminal either.
        for message in messages {
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}

#[test]
fn goaccess_reads_common_and_combined() {
    let Some(goaccess) = tool("goaccess") else { return };
    for format in ["common", "combined"] {
        let tree = Tree::new();
        let httpd = serve_with_log(&tree, format);
        let hostile = hostile_requests();
        let ordinary = (0..1000 - hostile.len()).map(|at| {
            let target = ["/a.txt", "/", "/missing", "/head.html"][at % 4];
            let method = ["GET", "HEAD"][at % 2];
            format!("{method} {target}?{at} HTTP/1.0\r\n{REQUEST}\r\n").into_bytes()
        });
        for request in ordinary.chain(hostile) {
            httpd.raw(request);
        }
        httpd.stop();
        let (report, refused) = (tree.join("report.json"), tree.join("refused"));
        let mut command = Command::new(&goaccess);
        command.arg(tree.join("log/access.log")).args(["--no-global-config", "--no-progress"]);
        // GoAccess knows both formats by name.
        command.args(["--log-format", &format.to_uppercase(), "--invalid-requests"]);
        let output = command.arg(&refused).arg("-o").arg(&report).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_to_string(refused).unwrap_or_default(), "", "{format}");
        let report: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
        assert_eq!(report["general"]["total_requests"], 1000);
        assert_eq!(report["general"]["failed_requests"], 0);
    }
}

#[test]
fn sighup_reopens_a_renamed_log_and_no_line_is_lost() {
    let tree = Tree::new();
    let httpd = serve_with_log(&tree, "common");
    let path = tree.join("log/access.log");
    let ask = |client: usize, count: usize| {
        for number in 0..count {
            assert_eq!(httpd.get(&format!("/a.txt?{client}-{number}-")).status, 200);
        }
    };
    std::thread::scope(|scope| {
        for client in 0..3 {
            scope.spawn(move || ask(client, 400));
        }
        for turn in 0..5 {
            fs::rename(&path, tree.join(format!("log/{turn}"))).unwrap();
            httpd.signal(Signal::HUP);
            eventually("the log exists again", || path.exists());
        }
    });
    eventually("each SIGHUP is logged", || {
        let log = httpd.log();
        let reopened = log.iter().filter(|it| it.contains(" INFO ") && it.contains("access.log"));
        reopened.count() == 5
    });
    ask(3, 1);
    assert_eq!(httpd.stop().status.code(), Some(0));
    assert!(fs::read_to_string(path).unwrap().contains("?3-0-"));
    let files = fs::read_dir(tree.join("log")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let text = texts.collect::<String>();
    assert!(text.lines().all(|line| line.starts_with("127.0.0.1 - - [") && line.ends_with(" 5")));
    let targets: BTreeSet<_> = text.lines().map(|line| line.split(' ').nth(6)).collect();
    assert_eq!((text.lines().count(), targets.len()), (1201, 1201));
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_server() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let full = Httpd::serve(tree.path(), &["--log-file", "/dev/full"]);
    for _ in 0..20 {
        assert_eq!(full.get("/a.txt").body, b"hello");
    }
    // 28 is ENOSPC.
    let is_about_loss = |line: &str| has_words(line, &["ERROR", "/dev/full", "28"]);
    full.log_line(is_about_loss);
    // No file can be created in its folder.
    full.signal(Signal::HUP);
    assert_eq!(full.get("/a.txt").body, b"hello");
    let ended = full.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stderr.iter().filter(|line| is_about_loss(line)).count(), 1);
    assert!(has_words(ended.stderr.last().unwrap(), &["WARN", "lost", "21"]), "{:?}", ended.stderr);

    // Standard error is a pipe whose reader is gone, or a full disk.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    for place in [Stdio::from(std::io::pipe().unwrap().1), full.into()] {
        let mut command = Command::new("sh");
        command.args(["-c", r#"RUST_LOG=a=loud exec "$@" 2>&0 </dev/null"#, "sh"]);
        command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0", "--verbose"]).arg(tree.path());
        let httpd = Httpd::spawn_with(command, place);
        for _ in 0..20 {
            assert_eq!(httpd.get("/a.txt").body, b"hello");
        }
        assert_eq!(httpd.stop().status.code(), Some(0));
    }
}

#[test]
fn the_log_can_go_to_standard_output() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--log-file", "/dev/stdout"]);
    httpd.get("/a.txt");
    let lines = httpd.stop().stdout;
    assert!(lines[1].contains("\"GET /a.txt HTTP/1.0\" 200 5 "), "{lines:?}");
}
