//! Where records go, and what becomes of them there.

use super::*;
use crate::access_log::{Entry, Format, Outcome, record};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where the process of [`in_a_process_of_its_own`] puts its access lines.
const PLACE: &str = "HTTPD_TEST_ACCESS_LOG";
/// Whether that process is quiet.
const QUIET: &str = "HTTPD_TEST_QUIET";
/// Whether its format is JSON, where messages are concerned.
const JSON: &str = "HTTPD_TEST_JSON";

/// Not a test by itself: the logger belongs to a process, so the tests below start this one.
#[test]
#[ignore = "started by other tests, with a standard error of their choice"]
fn in_a_process_of_its_own() {
    let Some(place) = env::var_os(PLACE) else { return };
    let log_file = (!place.is_empty()).then(|| Queue::open(Some(Path::new(&place))).unwrap());
    let is_quiet = env::var_os(QUIET).is_some();
    let access = if is_quiet { LevelFilter::Off } else { LevelFilter::Info };
    let format =
        if env::var_os(JSON).is_some() { Format::Json } else { Format::Short { colour: false } };
    let log = install(LevelFilter::Info, access, format, log_file).unwrap();
    let entry = Entry {
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user: None,
        time: SystemTime::UNIX_EPOCH,
        request_line: b"GET / HTTP/1.0",
        status: 200,
        bytes_sent: 5,
        referer: None,
        user_agent: None,
        duration: Duration::from_micros(350),
        outcome: Outcome::Complete,
    };
    record(Format::Short { colour: false }, &entry);
    log::warn!(target: "httpd::net", "first\nsecond");
    log.start(None).unwrap();
    log::debug!(target: "httpd::net", "too fine");
    record(Format::Short { colour: false }, &entry);
    log::logger().flush();
}

/// Runs that process; what it wrote on standard error, times replaced by `TIME`.
fn run(place: &Path, variables: &[(&str, &str)], standard_error: Stdio) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "access_log::logger::tests::in_a_process_of_its_own"])
        // Captured, an `eprintln!` would not reach the standard error that is tried here.
        .args(["--ignored", "--nocapture"])
        .env_clear()
        .env(PLACE, place)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(standard_error)
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let (out, err) = (out.unwrap(), err.unwrap());
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    err.lines().map(without_time).collect()
}

/// Messages start with `2026-11-23T01:02:03Z`.
fn without_time(line: &str) -> String {
    match line.split_once("Z ") {
        Some((time, rest)) if time.len() == 19 => format!("TIME {rest}\n"),
        _ => format!("{line}\n"),
    }
}

const ACCESS: &str = "00:00:00Z 127.0.0.1 GET / 200 5 350us\n";
const WARNING: &str = "TIME WARN  httpd::net: first\\nsecond\n";

#[track_caller]
fn check_standard_error(variables: &[(&str, &str)], want: &str) {
    assert_eq!(run(Path::new(""), variables, Stdio::piped()), want, "{variables:?}");
}

#[test]
fn rust_log_and_quiet_choose_what_is_written() {
    check_standard_error(&[], &format!("{ACCESS}{WARNING}{ACCESS}"));
    check_standard_error(&[(QUIET, "1")], WARNING);
    check_standard_error(&[("RUST_LOG", "error")], &format!("{ACCESS}{ACCESS}"));
    check_standard_error(&[("RUST_LOG", "access=off")], WARNING);
    check_standard_error(&[("RUST_LOG", "off,access=off")], "");
    check_standard_error(&[("RUST_LOG", "info/first")], WARNING);
    let debug = "TIME DEBUG httpd::net: too fine\n";
    let fine = format!("{ACCESS}{WARNING}{debug}{ACCESS}");
    check_standard_error(&[("RUST_LOG", "httpd=debug")], &fine);
    for malformed in ["off,a=loud", "off,httpd=info=debug", "off/a/b"] {
        let got = run(Path::new(""), &[("RUST_LOG", malformed)], Stdio::piped());
        let (ignored, rest) = got.split_once('\n').unwrap();
        assert!(ignored.contains("WARN") && ignored.contains("RUST_LOG"), "{got}");
        assert_eq!(rest, format!("{ACCESS}{WARNING}{ACCESS}"));
    }
}

#[test]
fn access_lines_go_to_the_file_and_messages_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access log");
    assert_eq!(run(&path, &[], Stdio::piped()), WARNING);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{ACCESS}{ACCESS}"));
}

#[test]
fn a_full_disk_is_logged_once() {
    let lost = "TIME ERROR httpd::access_log::writer: access lines are lost: \
                /dev/full cannot be written: No space left on device (os error 28)\n";
    let got = run(Path::new("/dev/full"), &[], Stdio::piped());
    // One thread says that, another one the other.
    assert!(got.contains(WARNING) && got.contains(lost), "{got}");
    assert_eq!(got.len(), WARNING.len() + lost.len(), "{got}");
}

#[test]
fn with_json_messages_are_objects_too() {
    let got = run(Path::new(""), &[(JSON, "1")], Stdio::piped());
    let lines: Vec<_> = got.lines().collect();
    let message: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    let want = [("level", "warn"), ("target", "httpd::net"), ("message", "first\nsecond")];
    assert!(want.iter().all(|&(name, want)| message[name] == want), "{got}");
    assert_eq!(message.as_object().map(serde_json::Map::len), Some(4), "{got}");
}

/// `run` itself asserts that the process ends well.
#[test]
fn a_closed_or_full_standard_error_stops_nothing() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let closed = || std::io::pipe().unwrap().1;
    let malformed = [("RUST_LOG", "a=loud/b/c")];
    for place in ["", "/dev/full"] {
        run(Path::new(place), &malformed, full().into());
        run(Path::new(place), &malformed, closed().into());
    }
}
