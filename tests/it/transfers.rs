//! Long responses on a terminal: they are shown below the log while they are under way, and never
//! within its lines.

use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use crate::idle::sleeps;
use crate::screen::OnScreen;
use crate::support::{Tree, eventually, has_words, read_head, read_to_end};

/// Larger than the kernel's buffers for a client that does not read.
const LARGE_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The size of most terminals.
const USUAL: [u16; 2] = [24, 80];

/// Larger than the interval between two drawings.
const A_FEW_DRAWINGS: Duration = Duration::from_millis(500);

fn tree() -> Tree {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    File::create(tree.join("large")).unwrap().set_len(LARGE_FILE_BYTES).unwrap();
    tree
}

/// Whether a row shows a response under way.
fn is_bar(row: &str) -> bool {
    row.strip_prefix(' ').is_some_and(|row| row.starts_with(['━', '╸', '─']))
}

fn bars(rows: &[String]) -> Vec<&String> {
    rows.iter().filter(|row| is_bar(row)).collect()
}

/// Requests the large file, and takes only the head.
#[track_caller]
fn begin(httpd: &OnScreen, source: u8, query: &str) -> TcpStream {
    let mut stream = httpd.ask_from(source, &format!("/large?{query}"));
    assert_eq!(read_head(&mut stream).status, 200);
    stream
}

/// Waits until this many rows show responses under way, with no part of the log below them.
#[track_caller]
fn await_bars(httpd: &OnScreen, count: usize) -> Vec<String> {
    httpd.wait_for(&format!("{count} bars"), |rows| {
        let mut rest = rows.iter().skip_while(|row| !is_bar(row));
        bars(rows).len() == count
            && rest.all(|row| is_bar(row) && row.contains("/large") || row.starts_with(" and "))
    })
}

/// Waits for a log line with these words, on a screen without torn lines.
#[track_caller]
fn await_line(httpd: &OnScreen, words: &[&str]) {
    let is_line = |row: &String| !row.contains('━') && has_words(row, words);
    let is_whole = |row: &String| {
        !row.contains('━') || is_bar(row) && row.contains('%') && row.contains("127.0.0.")
    };
    httpd.wait_for(&format!("{words:?}"), |rows| {
        rows.iter().any(is_line) && rows.iter().all(is_whole)
    });
}

#[test]
fn long_responses_are_shown_below_the_log() {
    let tree = tree();
    let httpd = OnScreen::start(tree.path(), &[], &[], USUAL);
    let mut first = begin(&httpd, 2, "first");
    let second = begin(&httpd, 3, "second");
    let rows = await_bars(&httpd, 2);
    assert!(has_words(bars(&rows)[0], &["127.0.0.2", "/large?first"]), "{rows:#?}");
    assert!(has_words(bars(&rows)[1], &["127.0.0.3", "/large?second"]), "{rows:#?}");
    for number in 0..30 {
        assert_eq!(httpd.get(&format!("/a.txt?{number}")).body, b"hello");
    }
    await_line(&httpd, &["/a.txt?29", "200"]);
    await_bars(&httpd, 2);

    drop(second);
    await_line(&httpd, &["127.0.0.3", "/large?second", "client-gone"]);
    await_bars(&httpd, 1);
    first.read_exact(&mut vec![0; 32 << 20]).unwrap();
    let share = |row: &str| row.split_once('%')?.0.rsplit(' ').next()?.parse::<u8>().ok();
    httpd.wait_for("half", |rows| bars(rows).iter().any(|row| share(row) >= Some(50)));
    read_to_end(&mut first);
    await_line(&httpd, &["127.0.0.2", "/large?first", "200", "67108864"]);
    await_bars(&httpd, 0);
    assert_eq!(httpd.with(|screen| screen.cursor_position().1), 0);
    // No thread wakes any more; the drawing one would have done so some ten times.
    eventually("all threads sleep", || {
        let before = sleeps(httpd.pid());
        thread::sleep(Duration::from_secs(1));
        sleeps(httpd.pid()) == before
    });
}

/// However many lines go by, and however the terminal changes, each line is whole, and so is each
/// bar.
#[test]
fn no_line_is_torn_while_many_go_by() {
    const LINES: usize = 4_000;
    let tree = tree();
    let httpd = OnScreen::start(tree.path(), &[], &[], [24, 100]);
    let _streams: Vec<_> = (0..8).map(|number| begin(&httpd, 2, &number.to_string())).collect();
    httpd.wait_for("a count", |rows| rows.iter().any(|row| row == " and 3 more"));
    thread::scope(|scope| {
        let httpd = &httpd;
        let ask = |client| {
            scope.spawn(move || {
                for number in 0..LINES / 4 {
                    assert_eq!(httpd.get(&format!("/a.txt?{client}-{number}-")).body, b"hello");
                }
            })
        };
        let clients = [0, 1, 2, 3].map(ask);
        for columns in [60, 120, 80, 100].into_iter().cycle() {
            if clients.iter().all(ScopedJoinHandle::is_finished) {
                return;
            }
            httpd.resize(24, columns);
            thread::sleep(A_FEW_DRAWINGS / 10);
        }
    });
    for client in 0..4 {
        httpd.line(|line| line.contains(&format!("?{client}-{}-", LINES / 4 - 1)));
    }
    // These scroll away bars that were drawn for one width and shown at another.
    for _ in 0..24 {
        assert_eq!(httpd.get("/a.txt").body, b"hello");
    }
    await_bars(&httpd, 5);
    let raw = String::from_utf8(httpd.raw()).unwrap();
    // Erasing and drawing happen between lines, never within one.
    let lines = raw.split("\r\n").filter_map(|line| line.rsplit(['\r', 'J']).next());
    let lines = lines.filter(|line| line.contains("/a.txt?"));
    let (whole, torn): (Vec<_>, Vec<_>) = lines.partition(|line| {
        line.starts_with("\x1b[2m")
            && line.contains(" \x1b[32m200\x1b[0m 5 ")
            && line.ends_with('s')
    });
    assert_eq!((whole.len(), &torn[..]), (LINES, &[""; 0][..]));
}

#[test]
fn a_terminal_can_be_resized() {
    let tree = tree();
    let httpd = OnScreen::start(tree.path(), &[], &[], [24, 110]);
    let _streams: Vec<_> = (0..3).map(|number| begin(&httpd, 2, &number.to_string())).collect();
    await_bars(&httpd, 3);
    let log = |rows: &[String]| -> Vec<String> {
        let lines = rows.iter().filter(|row| !is_bar(row));
        lines.map(|row| row.chars().take(20).collect()).collect()
    };
    let before = log(&httpd.rows());
    for (columns, widths) in [(60, 7..=8), (120, 23..=24)] {
        httpd.resize(24, columns);
        let is_fit = |row: &&String| widths.contains(&row.matches(['━', '─']).count());
        let rows = httpd.wait_for("bars of another width", |rows| {
            bars(rows).len() == 3 && bars(rows).iter().all(is_fit)
        });
        assert_eq!(log(&rows), before, "{columns}");
    }
    // Too small for bars: the log keeps its rows.
    httpd.resize(4, 120);
    await_bars(&httpd, 0);
}

/// Only a person who pressed Ctrl-C is told to press it again.
#[test]
fn a_stop_leaves_a_clean_screen_and_the_sum() {
    let tree = tree();
    for (signal, is_offered) in [(Signal::INT, true), (Signal::TERM, false)] {
        let flags = ["--drain-timeout", "0.2"];
        let mut httpd = OnScreen::start(tree.path(), &flags, &[], USUAL);
        assert_eq!(httpd.get("/a.txt").body, b"hello");
        let _streams = [begin(&httpd, 2, "0"), begin(&httpd, 3, "1")];
        await_bars(&httpd, 2);
        httpd.signal(signal);
        let stop = httpd.line(|line| line.contains("stopping: "));
        assert!(has_words(&stop, &["2", "responses", "200ms"]), "{stop}");
        assert_eq!(stop.contains("Ctrl-C again"), is_offered, "{stop}");
        assert_eq!(httpd.wait().code(), Some(0));
        let sum = ["served", "3", "responses", "addresses"];
        let is_sum = |rows: &[String]| rows.last().is_some_and(|row| has_words(row, &sum));
        let rows = httpd.wait_for("a sum", is_sum);
        assert!(bars(&rows).is_empty(), "{rows:#?}");
    }
}

/// A terminal with bars shows that a response of its own has lasted long enough to be shown.
#[test]
fn there_are_no_bars_unless_they_are_wanted() {
    let tree = tree();
    let logs = Tree::new();
    let log = logs.join("access.log");
    let others = [
        (&["--quiet"][..], &[][..]),
        (&["--log-file", log.to_str().unwrap()], &[]),
        (&[], &[("TERM", "dumb")]),
        (&[], &[("TERM", "")]),
    ];
    let others = others.map(|(flags, variables)| {
        let httpd = OnScreen::start(tree.path(), flags, variables, USUAL);
        let stream = begin(&httpd, 2, "");
        (httpd, stream)
    });
    let httpd = OnScreen::start(tree.path(), &[], &[("NO_COLOR", "1")], USUAL);
    let _stream = begin(&httpd, 2, "");
    await_bars(&httpd, 1);
    thread::sleep(A_FEW_DRAWINGS);
    let raw = String::from_utf8(httpd.raw()).unwrap();
    let mut sequences = raw.split("\x1b[").skip(1);
    let is_colour = |it: &str| it.trim_start_matches(|c: char| !c.is_alphabetic()).starts_with('m');
    assert!(!sequences.any(is_colour), "{raw:?}");
    for (httpd, _) in &others {
        assert!(bars(&httpd.rows()).is_empty(), "{:#?}", httpd.rows());
        assert!(!String::from_utf8_lossy(&httpd.raw()).contains("\x1b[J"));
    }
}

#[test]
fn a_terminal_that_is_stopped_holds_up_no_client_and_not_the_end() {
    let tree = tree();
    let mut httpd = OnScreen::start(tree.path(), &["--drain-timeout", "0.2"], &[], USUAL);
    let _stream = begin(&httpd, 2, "");
    await_bars(&httpd, 1);
    // Ctrl-S.
    httpd.type_in(b"\x13");
    for _ in 0..20 {
        assert_eq!(httpd.get("/a.txt").body, b"hello");
    }
    // Ctrl-Q.
    httpd.type_in(b"\x11");
    assert_eq!(httpd.get("/a.txt?again").body, b"hello");
    await_line(&httpd, &["/a.txt?again"]);
    await_bars(&httpd, 1);
    httpd.type_in(b"\x13");
    httpd.signal(Signal::INT);
    assert_eq!(httpd.wait().code(), Some(0));
}
