//! The programs in `examples/`: real processes, several clients at once, partial messages, and
//! clients that vanish.
//!
//! A plain `cargo test` builds them beside the program; `cargo test --test it` does not.

mod echo;
mod messages;
mod reply;
mod uppercase;
mod web;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::process::Signal;

use crate::support::{Httpd, free_port, has_words};

/// A TCP server, the beginning of a message to it, the rest, and the beginning of its answer.
type Exchange = (&'static str, &'static [u8], &'static [u8], &'static [u8]);

const SERVERS: [Exchange; 5] = [
    ("echo", b"ab", b"cd\n", b"abcd\n"),
    ("reply", b"", b"a message", b"response"),
    ("uppercase", b"caf\xc3", b"\xa9\n", b"CAF\xc3\x89\n"),
    ("hello", b"GET / HT", b"TP/1.0\r\n\r\n", b"HTTP/1.0 200 OK\r\n"),
    ("message_server", b"\x00", b"\x02[]", b"\x00"),
];

/// A program from `examples/`.
#[track_caller]
fn program(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_httpd")).parent().unwrap().join("examples");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --examples`", path.display());
    Command::new(path)
}

/// Starts a server on a free port.
#[track_caller]
fn start(name: &str) -> Httpd {
    let mut command = program(name);
    command.args(["--port", "0"]);
    Httpd::spawn(command)
}

/// Runs a client to its end: its exit status, standard output and standard error.
#[track_caller]
fn run(name: &str, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = program(name);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A client that has failed does not read all of it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs a client of this server to its end.
#[track_caller]
fn run_at(name: &str, server: &Httpd, arguments: &[&str], input: &str) -> (i32, String, String) {
    let port = server.address().port().to_string();
    run(name, &[&["127.0.0.1", &port], arguments].concat(), input)
}

#[track_caller]
fn read_exactly(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn partial_messages_and_clients_that_vanish_disturb_no_other_client() {
    for (name, beginning, rest, want) in SERVERS {
        let server = start(name);
        let mut slow: Vec<_> = (0..4).map(|_| server.connect()).collect();
        for stream in &mut slow {
            stream.write_all(beginning).unwrap();
        }
        for sent in [&b""[..], beginning, b"x", &[beginning, rest].concat()] {
            let mut stream = server.connect();
            stream.write_all(sent).unwrap();
            // Closing it resets the connection, like a client that crashes.
            set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        }
        let mut quick = server.connect();
        quick.write_all(&[beginning, rest].concat()).unwrap();
        assert_eq!(read_exactly(&mut quick, want.len()), want, "{name}");
        for stream in &mut slow {
            stream.write_all(rest).unwrap();
            assert_eq!(read_exactly(stream, want.len()), want, "{name}");
        }
        drop((quick, slow));
        assert!(!server.stop().stderr.iter().any(|line| line.contains("panicked")), "{name}");
    }
}

#[test]
fn ctrl_c_ends_each_server_with_status_0() {
    let mut servers: Vec<_> = SERVERS.iter().map(|&(name, ..)| (name, start(name))).collect();
    servers.push(("uppercase --udp", uppercase::start_udp()));
    // One of them has clients: one that is silent, and one that has sent something.
    let _silent = servers[0].1.connect();
    let mut talker = servers[0].1.connect();
    talker.write_all(b"hi").unwrap();
    assert_eq!(read_exactly(&mut talker, 2), b"hi");
    for (_, server) in &servers {
        server.signal(Signal::INT);
    }
    for (name, server) in servers {
        let ended = server.wait();
        assert_eq!(ended.status.code(), Some(0), "{name}: {:?}", ended.stderr);
        assert!(ended.took < Duration::from_secs(5), "{name}: {:?}", ended.took);
        assert_eq!(ended.stdout.len(), 1, "{name}: {:?}", ended.stdout);
    }
}

/// Checks that a program ends with status 1 and one line on standard error with these words.
#[track_caller]
fn check_failure(name: &str, arguments: &[&str], input: &str, want: &[&str]) {
    let (status, stdout, stderr) = run(name, arguments, input);
    assert_eq!((status, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.starts_with(&format!("{name}: ")), "{stderr}");
    assert!(stderr.ends_with('\n') && stderr.lines().count() == 1, "{stderr}");
    assert!(has_words(&stderr, want), "{stderr:?} lacks one of {want:?}");
}

#[test]
fn a_server_that_cannot_start_reports_why_on_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = address.trim_start_matches("127.0.0.1:");
    for (name, ..) in SERVERS {
        check_failure(name, &["--port", port], "", &[&address, "use"]);
        check_failure(name, &["--port", "65536"], "", &["65536", "--port"]);
    }
}

#[test]
fn a_client_that_cannot_connect_reports_why_on_one_line() {
    let port = free_port("127.0.0.90").to_string();
    let address = format!("127.0.0.90:{port}");
    for (name, arguments, want) in [
        ("fetch", &["/"][..], &[address.as_str()][..]),
        ("message_client", &["search", "x"], &[&address]),
        ("multi_client", &["2"], &[&address]),
        ("uppercase_client", &[], &[&address]),
        ("uppercase_client", &["--udp"], &["127.0.0.90", &port]),
    ] {
        let arguments = [&["127.0.0.90", &port], arguments].concat();
        check_failure(name, &arguments, "one\n", &[&["refused"], want].concat());
    }
}

#[test]
fn wrong_arguments_are_explained_on_one_line() {
    for (name, arguments, want) in [
        ("fetch", &["256.256.256.256", "80", "/"][..], &["host", "256.256.256.256"][..]),
        ("fetch", &["127.0.0.1", "80"], &["<FILE>"]),
        ("fetch", &["127.0.0.1", "65536", "/"], &["65536", "<PORT>"]),
        ("fetch", &["--post", "4711", "127.0.0.1", "80", "/"], &["4711", "NAME=VALUE"]),
        ("fetch", &["--head", "--post", "a=b", "127.0.0.1", "80", "/"], &["--head", "--post"]),
        ("message_client", &["127.0.0.1", "80", "search"], &["<VALUE>"]),
        ("multi_client", &["127.0.0.1", "80", "0"], &["0"]),
        ("multi_client", &["127.0.0.1", "80", "1001"], &["1001"]),
        ("multi_client", &["127.0.0.1", "80", "some"], &["some"]),
    ] {
        check_failure(name, arguments, "", want);
    }
}
