//! Passwords: who gets in and who does not, and that nobody learns more than that.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::net::sockopt;

use crate::attack::loopback;
use crate::start::check_refusal;
use crate::support::{
    Ended, Httpd, Reply, Tree, connect_from, eventually, read_to_end, run, send_and_half_close,
};

/// From `htpasswd -nbB -C 4`, for `open sesame`.
pub const ANN: &str = "ann:$2y$04$p6XiTurbYAm//pdYiZ07c.llCL0vZYZIhD/evJ6FB5S4.m382Ndfy";

/// Likewise, for `tä:st"x`.
pub const BOB: &str = "bob b:$2y$04$ZgwyYtNrkSpjjrV8Kn/eVeL5C4P2nDPG.ojtA9VtbU6ofdPtUFKle";

/// Likewise, for a password whose end occurs nowhere else, and is beyond the 16 bytes of freed
/// memory that an allocator overwrites.
const CAT: &str = "cat:$2y$04$MIdxXSf1AJl2r8VPefBOWO1F9f8pGY4.6jFpsIt236eK8V6ErDPXW";
const PAIR: &str = "cat:a long one that ends in xylophones";
const PAIR_END: &[u8] = b"in xylophon";

/// A user with an unknown password.
fn zoe(cost: u32) -> String {
    format!("zoe:$2b${cost:02}${}", ".".repeat(53))
}

/// A check of this cost takes longer than the rest of a test: 2 s in a release build.
const SLOW: u32 = 15;

/// Checks of this cost delay others, but for less time than these wait: 0.5 s in a release build.
const LESS_SLOW: u32 = 13;

/// The field line with a user and a password.
pub fn login(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))
}

fn ann() -> String {
    login("ann:open sesame")
}

/// A folder `www`, and beside it a password file with these lines.
pub fn site(lines: &[&str]) -> Tree {
    let tree = Tree::with(&[("www/a.txt", b"hello"), ("www/404.html", b"ours")]);
    tree.write("passwords", (lines.join("\n") + "\n").as_bytes());
    tree
}

/// Serves `www` to the users in `passwords`.
#[track_caller]
pub fn serve(tree: &Tree, flags: &[&str]) -> Httpd {
    let passwords = tree.join("passwords");
    let auth = ["--auth", passwords.to_str().unwrap()];
    Httpd::serve(&tree.join("www"), &[&auth[..], flags].concat())
}

#[track_caller]
fn check_unauthorized(reply: &Reply, what: &str) {
    let challenge = r#"Basic realm="httpd", charset="UTF-8""#;
    assert_eq!((reply.status, reply.field("WWW-Authenticate")), (401, Some(challenge)), "{what}");
    assert_eq!(reply.field("Cache-Control"), Some("private, no-cache"), "{what}");
    assert_eq!(reply.field("Allow"), None, "{what}");
}

#[test]
fn a_right_password_is_needed_before_anything_is_looked_at() {
    let tree = site(&[ANN, BOB]);
    let httpd = serve(&tree, &["--redirect", "/old=/new"]);
    for (line, status) in [
        ("GET /a.txt HTTP/1.0", 200),
        ("GET / HTTP/1.0", 200),
        ("GET /old HTTP/1.0", 301),
        ("GET /get.html HTTP/1.0", 200),
        ("GET /missing HTTP/1.0", 404),
        ("POST /post.html HTTP/1.0", 411),
        ("PUT /a.txt HTTP/1.0", 405),
        ("OPTIONS /a.txt HTTP/1.0", 204),
        ("BREW /a.txt HTTP/1.0", 501),
        ("GET /a%2fb HTTP/1.0", 404),
        ("GET /.. HTTP/1.0", 400),
        ("GET * HTTP/1.0", 400),
    ] {
        let ask = |fields: &str| httpd.reply(format!("{line}\r\n{fields}\r\n"));
        check_unauthorized(&ask(""), line);
        for wrong in ["ann:Open sesame", "eve:open sesame", "ann"] {
            check_unauthorized(&ask(&login(wrong)), line);
        }
        check_unauthorized(&ask(&(ann() + &ann())), line);
        for right in [ann(), login("bob b:tä:st\"x")] {
            let reply = ask(&right);
            assert_eq!(reply.status, status, "{line}");
            assert_eq!(reply.field("WWW-Authenticate"), None, "{line}");
            assert_eq!(reply.field("Cache-Control"), Some("private, no-cache"), "{line}");
        }
    }
    assert_eq!(httpd.request("GET", "/a.txt", &ann()).body, b"hello");
    assert_eq!(httpd.request("GET", "/missing", &ann()).body, b"ours");
    assert!(!httpd.get("/missing").text().contains("ours"));
    // HTTP/0.9 has no fields.
    for line in ["GET /a.txt\r\n", "GET /a%2fb\r\n"] {
        assert!(String::from_utf8(httpd.raw(line)).unwrap().contains("401"), "{line}");
    }
}

#[test]
fn malformed_heads_and_foreign_hosts_come_before_the_password() {
    let tree = site(&[ANN]);
    let httpd = serve(&tree, &[]);
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\n\r\n", 505),
        ("GET / HTTP/1.0\r\nContent-Length: x\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: evil.example.com\r\n\r\n", 421),
        ("GET /a%2fb HTTP/1.0\r\nHost: evil.example.com\r\n\r\n", 421),
    ] {
        assert_eq!(httpd.reply(head).status, status, "{head}");
        let with_password = head.replacen("\r\n", &format!("\r\n{}", ann()), 1);
        assert_eq!(httpd.reply(with_password).status, status, "{head}");
    }
}

/// A refused target is answered once the fields have arrived, or no more can come.
#[test]
fn credentials_are_waited_for() {
    let tree = site(&[ANN]);
    let httpd = serve(&tree, &["--request-timeout", "2"]);
    for (fields, status) in [(ann(), 404), (login("ann:wrong"), 401), (String::new(), 401)] {
        let mut stream = httpd.connect();
        for piece in ["GET /a%2fb HTTP/1.0\r\n", "Accept: */*\r\n", &fields, "\r\n"] {
            stream.write_all(piece.as_bytes()).unwrap();
            std::thread::yield_now();
        }
        assert_eq!(Reply::parse(&read_to_end(&mut stream)).status, status);
    }
    assert_eq!(httpd.reply("GET /a%2fb HTTP/1.0\r\nAccept: */*\r\n").status, 408);
    let endless = format!("GET /a%2fb HTTP/1.0\r\nA: {}", "b".repeat(20_000));
    check_unauthorized(&httpd.reply(endless), "a head without an end");
    // A client may close its side, and a body waits until the sender is known.
    let mut stream = httpd.connect();
    let request = format!("GET /a.txt HTTP/1.0\r\n{}\r\n", ann());
    assert!(send_and_half_close(&mut stream, request.as_bytes()).ends_with(b"hello"));
    let post = "POST /post.html HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
                Content-Length: 4\r\n";
    check_unauthorized(&httpd.reply(format!("{post}\r\nid=5")), "a form");
    assert_eq!(httpd.reply(format!("{post}{}\r\nid=5", ann())).status, 200);
}

/// Browsers send it without credentials, so its answer is the same for every target.
#[test]
fn a_preflight_needs_no_password() {
    let tree = site(&[ANN]);
    let preflight = "Origin: https://example.com\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Headers: authorization\r\n";
    let own = ["--header", "Cache-Control: private, max-age=60"];
    let httpd = serve(&tree, &[&["--cors", "--log-format", "short"][..], &own].concat());
    for (fields, status) in [(String::new(), 401), (ann(), 200)] {
        let reply = httpd.request("GET", "/a.txt", &fields);
        assert_eq!((reply.status, reply.field("Access-Control-Allow-Origin")), (status, Some("*")));
        assert_eq!(reply.field("Cache-Control"), Some("private, max-age=60"));
    }
    for target in ["/a.txt", "/missing", "*"] {
        let reply = httpd.request("OPTIONS", target, preflight);
        assert_eq!((reply.status, reply.field("Allow")), (204, None), "{target}");
        assert_eq!(httpd.request("OPTIONS", target, "").status, 401, "{target}");
    }
    let foreign = format!("Host: evil.example.com\r\n{preflight}");
    assert_eq!(httpd.request("OPTIONS", "/a.txt", &foreign).status, 421);
    httpd.log_line(|line| line.contains("OPTIONS /a.txt 204") && !line.contains("refused"));
    check_unauthorized(&serve(&tree, &[]).request("OPTIONS", "/a.txt", preflight), "no --cors");
}

#[test]
fn the_log_has_the_user_if_the_password_was_right() {
    let tree = site(&[ANN]);
    let httpd = serve(&tree, &["--log-format", "short"]);
    for (target, fields, want, cause) in [
        ("/right", ann(), " 127.0.0.1 ann GET ", ""),
        ("/a%2fright", ann(), " 127.0.0.1 ann GET ", ""),
        ("/wrong", login("ann:x"), " 127.0.0.1 GET ", "credentials-wrong"),
        ("/missing", String::new(), " 127.0.0.1 GET ", "credentials-missing"),
    ] {
        httpd.request("GET", target, &fields);
        let line = httpd.log_line(|line| line.contains(target));
        assert!(line.contains(want) && line.contains(cause), "{line}");
    }
}

#[test]
fn passwords_show_nowhere() {
    let tree = site(&[ANN]);
    for format in ["short", "combined", "json"] {
        let mut command = Command::new("env");
        command.args(["RUST_LOG=trace", env!("CARGO_BIN_EXE_httpd"), "--port", "0"]);
        command.args(["--verbose", "--log-format", format, "--request-timeout", "1"]);
        command.arg("--auth").arg(tree.join("passwords")).arg(tree.join("www"));
        let httpd = Httpd::spawn(command);
        for pair in ["ann:open sesame", "ann:opensesame", "eve:open sesame", "open sesame"] {
            for start in [
                "GET /a.txt HTTP/1.0\r\n",
                "GET /a%2fb HTTP/1.0\r\n",
                "GET / HTTP/1.0\r\nHost: evil.example.com\r\n",
                "GET / HTTP/1.1\r\n folded\r\n",
                "\x01 / HTTP/1.1\r\n",
            ] {
                httpd.raw(format!("{start}{}\r\n", login(pair)));
            }
        }
        httpd.raw(format!("GET /late HTTP/1.0\r\n{}", ann()));
        let secrets = ["open", "sesame", "YW5uOm9w", "b3BlbiBz", "$2y$", "p6XiTurbYAm"];
        let Ended { stdout, stderr, .. } = httpd.stop();
        assert!(stderr.len() > 20, "{stderr:?}");
        for line in stdout.iter().chain(&stderr) {
            assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
        }
    }
}

/// Whether these bytes are anywhere in the process's writable memory, as in a core dump; `None` if
/// we may not look.
fn is_in_memory(httpd: &Httpd, bytes: &[u8]) -> Option<bool> {
    let process = format!("/proc/{}", httpd.pid());
    let memory = File::open(format!("{process}/mem")).ok()?;
    for line in std::fs::read_to_string(format!("{process}/maps")).ok()?.lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        if !rest.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut part = vec![0; usize::try_from(end - start).unwrap()];
        // The stack of a thread that has ended meanwhile cannot be read.
        let length = memory.read_at(&mut part, start).unwrap_or(0);
        if part[..length].windows(bytes.len()).any(|window| window == bytes) {
            return Some(true);
        }
    }
    Some(false)
}

#[test]
fn passwords_do_not_stay_in_memory() {
    let tree = site(&[CAT]);
    let httpd = serve(&tree, &[]);
    let hash = CAT.split_once(':').unwrap().1;
    match is_in_memory(&httpd, hash.as_bytes()) {
        Some(is_found) => assert!(is_found, "hashes stay, so they must be found"),
        None => return eprintln!("skipped: the memory of a child cannot be read here"),
    }
    for (pair, status) in [(PAIR, 200), (&PAIR[..PAIR.len() - 1], 401)] {
        for _ in 0..5 {
            assert_eq!(httpd.request("GET", "/a.txt", &login(pair)).status, status);
        }
        // The client gets its answer a moment before the server overwrites the request.
        eventually("the request is overwritten", || {
            let encoded = STANDARD.encode(pair);
            let is_there = |bytes: &[u8]| is_in_memory(&httpd, bytes).unwrap();
            !is_there(&encoded.as_bytes()[16..]) && !is_there(PAIR_END)
        });
    }
}

/// The CPU time of the process: on a busy machine, elapsed time means nothing.
fn cpu_time(httpd: &Httpd) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", httpd.pid())).unwrap();
    // The 14th and 15th field; the second ends in the last parenthesis (proc_pid_stat(5)).
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_wrong_password_costs_the_same_for_every_user() {
    let tree = site(&[ANN, &zoe(LESS_SLOW)]);
    let httpd = serve(&tree, &[]);
    let costs = ["zoe", "ann", "nobody"].map(|user| {
        let before = cpu_time(&httpd);
        assert_eq!(httpd.request("GET", "/", &login(&format!("{user}:x"))).status, 401);
        cpu_time(&httpd) - before
    });
    assert!(costs.iter().all(|&cost| cost > costs[0] / 2 && cost / 2 < costs[0]), "{costs:?}");
}

#[test]
fn malformed_password_files_are_refused() {
    let tree = site(&[ANN]);
    let (root, file) = (tree.join("www"), tree.join("passwords"));
    let (root, file) = (root.to_str().unwrap(), file.to_str().unwrap());
    let refuse = |path: &str, want: &[&str]| check_refusal(&["--auth", path, root], want);
    // 2 is ENOENT, 21 is EISDIR.
    let missing = format!("{file} of nobody");
    refuse(&missing, &["password", "file", "2"]);
    let folder = tree.path().to_str().unwrap();
    refuse(folder, &["password", folder, "21"]);
    tree.write("passwords", "#".repeat(1024 * 1024 + 1).as_bytes());
    refuse(file, &[file, "larger", "1048576"]);
    let [hash, password] = [ANN.split_once(':').unwrap().1, "opensesame"];
    tree.write("passwords", format!("{ANN}\n\neve:{password}{hash}\n").as_bytes());
    refuse(file, &[file, "line", "3", "bcrypt"]);
    let said = run(&["--auth", file, root]).2;
    assert!(!said.contains(password) && !said.contains(hash), "{said}");

    let served = tree.write("www/passwords", ANN.as_bytes()).canonicalize().unwrap();
    let (served, real_root) = (served.to_str().unwrap(), served.parent().unwrap());
    refuse(served, &["password", served, real_root.to_str().unwrap()]);
}

/// Sends this many wrong passwords for `/guess` from 127.0.0.`source`, each over its own
/// connection, without waiting for the answers.
fn guess(httpd: &Httpd, source: u8, count: usize) -> Vec<TcpStream> {
    let guess = |number| {
        let mut stream = connect_from(loopback(source), httpd.address());
        let fields = login(&format!("zoe:{number}"));
        stream.write_all(format!("GET /guess HTTP/1.0\r\n{fields}\r\n").as_bytes()).unwrap();
        stream
    };
    (0..count).map(guess).collect()
}

/// Likewise, and waits until most of them are queued for their check.
fn guess_until_they_wait(httpd: &Httpd, source: u8, count: usize) -> Vec<TcpStream> {
    let before = httpd.usage().threads;
    let guesses = guess(httpd, source, count);
    eventually("many of them wait", || httpd.usage().threads >= before + 25);
    guesses
}

/// The number of guesses that were answered before the log got a line for this target.
fn answered_before(httpd: &Httpd, target: &str) -> usize {
    httpd.log_line(|line| line.contains(target));
    let log = httpd.log();
    let earlier = log.iter().take_while(|line| !line.contains(target));
    earlier.filter(|line| line.contains("/guess")).count()
}

/// They wait for their check, not for their client.
#[test]
fn guesses_do_not_delay_remembered_users_and_take_no_slot() {
    let large = vec![b'x'; 1_000_000];
    let tree = site(&[ANN, &zoe(SLOW)]);
    tree.write("www/large", &large);
    let httpd = serve(&tree, &["--log-format", "short", "--max-connections", "1"]);
    assert_eq!(httpd.request("GET", "/a.txt", &ann()).status, 200);
    let guesses = guess_until_they_wait(&httpd, 1, 30);
    for _ in 0..20 {
        assert_eq!(httpd.request("GET", "/a.txt", &ann()).body, b"hello");
        assert!(httpd.request("GET", "/large", &ann()).body == large);
    }
    assert_eq!(httpd.request("GET", "/last", &ann()).status, 404);
    let before = answered_before(&httpd, "/last");
    assert!(before < guesses.len() / 2, "{before}");
    let is_about_slots = |line: &String| line.contains("evicted") || line.contains("no-slot");
    assert!(!httpd.log().iter().any(is_about_slots), "{:?}", httpd.log());
}

#[test]
fn guesses_from_one_address_do_not_keep_another_from_logging_in() {
    let tree = site(&[ANN, &zoe(LESS_SLOW)]);
    let httpd = serve(&tree, &["--log-format", "short"]);
    let guesses = guess_until_they_wait(&httpd, 2, 40);
    assert_eq!(httpd.request("GET", "/first", &ann()).status, 404);
    let before = answered_before(&httpd, "/first");
    assert!(before < guesses.len() / 2, "{before}");
}

#[test]
fn too_many_guesses_are_rejected() {
    // The first check takes longer than the test: 8 s in a release build.
    let tree = site(&[ANN, &zoe(17)]);
    let httpd = serve(&tree, &["--log-format", "short"]);
    let _guesses = guess(&httpd, 1, 90);
    let is_rejected =
        |line: &&String| line.contains("GET /guess 503 ") && line.contains("too-many-checks");
    let rejected = || httpd.log().iter().filter(is_rejected).count();
    eventually("some are turned away", || rejected() >= 25);
    // 64 wait, and one is being checked.
    assert_eq!(rejected(), 25);
}

#[test]
fn a_guess_whose_client_is_gone_is_not_checked() {
    let tree = site(&[ANN, &zoe(SLOW)]);
    let httpd = serve(&tree, &["--log-format", "short"]);
    let idle = httpd.usage();
    let guesses = guess_until_they_wait(&httpd, 1, 30);
    for guess in guesses {
        // Closing it resets the connection.
        sockopt::set_socket_linger(&guess, Some(Duration::ZERO)).unwrap();
    }
    eventually("one is left at most", || httpd.usage().descriptors <= idle.descriptors + 1);
    let checked = httpd.log().iter().filter(|line| line.contains("/guess")).count();
    assert!(checked < 15, "{checked}");
}
