//! What a person sees on a terminal: the banner, one line for each request, and colours unless they
//! are disabled.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::screen::OnScreen;
use crate::support::{
    Lines, PATIENCE, Tree, eventually, has_words, pseudo_terminal, read_to_end, without_variables,
};

/// The start of every ANSI escape sequence.
const ESCAPE: char = '\x1b';

/// `httpd` on its own terminal, killed when dropped.
struct OnTerminal {
    child: Child,
    screen: Lines,
}

impl OnTerminal {
    /// Starts it with these flags and variables; standard error goes to the terminal too, unless
    /// `stderr` is given.
    #[track_caller]
    fn start(
        flags: &[&str],
        root: &Path,
        variables: &[(&str, &str)],
        stderr: Option<Stdio>,
    ) -> Self {
        let (terminal, line) = pseudo_terminal();
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
        command.args(["--port", "0"]).args(flags).arg(root);
        without_variables(&mut command);
        command.env_remove("NO_COLOR").env("TERM", "xterm").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(line.try_clone().unwrap());
        let child = command.stderr(stderr.unwrap_or_else(|| line.into())).spawn().unwrap();
        // The command still holds its copies of the terminal's other end.
        drop(command);
        let screen = Lines::collect(File::from(terminal));
        Self { child, screen }
    }

    /// Waits until the server listens, and returns the addresses of its listening lines.
    #[track_caller]
    fn addresses(&self) -> Vec<SocketAddr> {
        self.line(|line| line.starts_with("listening on "));
        let lines = self.screen.so_far();
        let urls = lines.iter().filter_map(|line| line.strip_prefix("listening on http://"));
        urls.map(|url| url.trim_end().trim_end_matches('/').parse().unwrap()).collect()
    }

    /// Waits for a matching line on the screen, and returns it.
    #[track_caller]
    fn line(&self, matches: impl Fn(&str) -> bool) -> String {
        let found = self.screen.wait_for(|line| {
            let line = line.trim_end_matches('\r');
            matches(line).then(|| line.to_owned())
        });
        found.unwrap_or_else(|| panic!("no such line on the screen: {:#?}", self.screen.so_far()))
    }

    /// Sends a request, and returns the status line of its answer.
    #[track_caller]
    fn ask(address: SocketAddr, request: &[u8]) -> String {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let answer = read_to_end(&mut stream);
        String::from_utf8_lossy(&answer).lines().next().unwrap().to_owned()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_banner_shows_what_is_served_and_where() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let flags = ["--bind", "0.0.0.0", "--bind", "::"];
    let shown = OnTerminal::start(&flags, tree.path(), &[], None);
    let addresses = shown.addresses();
    assert!(addresses.iter().any(|address| address.to_string().starts_with("127.0.0.1:")));
    for address in &addresses {
        let status = OnTerminal::ask(*address, b"GET /a.txt HTTP/1.0\r\n\r\n");
        assert_eq!(status, "HTTP/1.0 200 OK", "{address}");
    }
    let root = tree.path().canonicalize().unwrap();
    let root = root.to_str().unwrap();
    shown.line(|line| has_words(line, &["httpd", env!("CARGO_PKG_VERSION"), root]));
    shown.line(|line| has_words(line, &["sandbox"]));
    shown.line(|line| has_words(line, &["Ctrl-C"]));
    for address in addresses.iter().filter(|address| address.is_ipv4()) {
        let port = address.port().to_string();
        shown.line(|line| line.contains("WARN") && has_words(line, &[&port]));
    }
    for line in shown.screen.so_far() {
        assert!(!line.contains("0.0.0.0") && !line.contains("[::]"), "{line}");
    }
}

/// The lines of the banner with these flags.
#[track_caller]
fn banner(root: &Path, flags: &[&str]) -> Vec<String> {
    let shown = OnTerminal::start(flags, root, &[], None);
    shown.addresses();
    let lines = shown.screen.so_far().into_iter();
    lines.take_while(|line| !line.starts_with("listening on ")).collect()
}

/// Each flag changes one row, and each value changes it into another text about the same subject.
#[test]
fn the_banner_shows_the_rule_of_each_flag() {
    let tree = Tree::new();
    let usual = banner(tree.path(), &["--no-sandbox"]);
    assert!(usual.iter().any(|line| has_words(line, &["sandbox", "--no-sandbox"])), "{usual:?}");
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
fn the_banner_says_who_can_reach_it() {
    let tree = Tree::new();
    let reach = |flags: &[&str]| {
        let lines = banner(tree.path(), flags);
        let row = lines.iter().find(|line| line.starts_with("  reach ")).expect("a row");
        row.trim_end().to_owned()
    };
    for flags in [&[][..], &["--bind", "127.0.0.5"], &["--bind", "::1"]] {
        assert!(has_words(&reach(flags), &["-b", "0.0.0.0"]), "{flags:?}");
    }
    let everywhere = ["--bind", "0.0.0.0"];
    let shown = OnTerminal::start(&everywhere, tree.path(), &[], None);
    let address = shown.addresses().into_iter().find(|it| !it.ip().is_loopback());
    let Some(address) = address else { return };
    shown.line(|line| line.starts_with("  reach ") && line.contains(&format!("http://{address}/")));
}

#[test]
fn the_banner_fits_narrow_terminals() {
    let tree = Tree::with(&[("passwords", crate::auth::ANN.as_bytes())]);
    std::fs::create_dir(tree.join("root")).unwrap();
    let passwords = tree.join("passwords");
    let flags = ["--dotfiles", "unlisted", "--auth", passwords.to_str().unwrap()];
    for columns in [60, 80] {
        let httpd = OnScreen::start(&tree.join("root"), &flags, &[], [40, columns]);
        httpd.wait_for("it listens", |rows| rows.iter().any(|row| row.contains("listening on ")));
        let raw = String::from_utf8(httpd.raw()).unwrap();
        for line in raw.lines().filter(|line| !line.contains("WARN")) {
            assert!(line.chars().count() <= columns.into(), "{columns}: {line:?}");
        }
    }
}

/// Checks how three requests look with these variables.
#[track_caller]
fn check_requests(variables: &[(&str, &str)], want: [&str; 3]) {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let shown = OnTerminal::start(&[], tree.path(), variables, None);
    let address = shown.addresses()[0];
    OnTerminal::ask(address, b"GET /a.txt HTTP/1.0\r\n\r\n");
    OnTerminal::ask(address, b"HEAD /missing HTTP/1.0\r\n\r\n");
    OnTerminal::ask(address, b"GET /\x1b]0;title\x07 HTTP/1.0\r\n\r\n");
    let names = ["GET /a.txt ", "HEAD /missing ", "title"];
    for (name, want) in names.into_iter().zip(want) {
        let line = shown.line(|line| line.contains(name));
        assert!(line.contains(want), "{line:?} lacks {want:?}");
        let is_coloured = line.contains(ESCAPE);
        assert_eq!(is_coloured, want.contains(ESCAPE), "{line:?}");
    }
}

#[test]
fn each_request_is_a_line_in_colour_unless_that_is_disabled() {
    let ip = " 127.0.0.1 ";
    let coloured = [
        &format!("\x1b[0m{ip}GET /a.txt \x1b[32m200\x1b[0m 5 "),
        &format!("\x1b[0m{ip}HEAD /missing \x1b[33m404\x1b[0m 0 "),
        &format!("\x1b[0m{ip}GET /\\x1b]0;title\\x07 \x1b[33m400\x1b[0m "),
    ];
    check_requests(&[], coloured.map(String::as_str));
    check_requests(&[("NO_COLOR", "")], coloured.map(String::as_str));
    let plain = [
        &format!("{ip}GET /a.txt 200 5 "),
        &format!("{ip}HEAD /missing 404 0 "),
        &format!("{ip}GET /\\x1b]0;title\\x07 400 "),
    ];
    check_requests(&[("NO_COLOR", "1")], plain.map(String::as_str));
    check_requests(&[("TERM", "dumb")], plain.map(String::as_str));
}

#[test]
fn a_log_that_is_not_on_the_terminal_is_combined_and_without_colour() {
    let tree = Tree::with(&[("root/a.txt", b"hello")]);
    let (root, log) = (tree.join("root"), tree.join("stderr"));
    let stderr = Stdio::from(File::create(&log).unwrap());
    let shown = OnTerminal::start(&[], &root, &[], Some(stderr));
    OnTerminal::ask(shown.addresses()[0], b"GET /a.txt HTTP/1.0\r\n\r\n");
    let file = tree.join("access.log");
    let flags = ["--log-file", file.to_str().unwrap()];
    let filed = OnTerminal::start(&flags, &root, &[], None);
    OnTerminal::ask(filed.addresses()[0], b"GET /a.txt HTTP/1.0\r\n\r\n");
    for path in [log, file] {
        let read = || std::fs::read_to_string(&path).unwrap();
        let line = "\"GET /a.txt HTTP/1.0\" 200 5 \"-\" \"-\"\n";
        eventually("the line is written", || read().contains(line));
        let text = read();
        assert!(!text.contains(ESCAPE), "{text:?}");
    }
}
