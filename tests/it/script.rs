//! The interface for scripts: the listening line, the help, the environment, and the generated
//! pages.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Httpd, Tree, has_words, output_of, run, tool};

/// The lines that count as one screen of a terminal.
const SCREEN_LINES: usize = 40;

/// Flags that only print something, so that a variable would make no sense.
const WITHOUT_VARIABLE: [&str; 4] = ["generate", "help", "probe", "version"];

fn httpd() -> Command {
    Command::new(env!("CARGO_BIN_EXE_httpd"))
}

/// A server for this folder, with these variables and flags.
#[track_caller]
fn serve_with_variables(tree: &Tree, variables: &[&str], flags: &[&str]) -> Httpd {
    // `env` sets them, since the tests' own are removed.
    let mut command = Command::new("env");
    command.args(variables).arg(env!("CARGO_BIN_EXE_httpd")).args(flags).arg(tree.path());
    Httpd::spawn(command)
}

/// The help on a terminal of this width.
#[track_caller]
fn help(flag: &str, columns: usize) -> String {
    let output = output_of(httpd().arg(flag).env("COLUMNS", columns.to_string()));
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    String::from_utf8(output.stdout).unwrap()
}

/// The long names of all flags.
fn flags() -> Vec<String> {
    let help = help("--help", 100);
    let words = help.lines().filter_map(|line| {
        line.split_once("--").map(|(before, rest)| {
            let is_flag = before.trim().is_empty() || before.trim_start().len() == "-p, ".len();
            is_flag.then(|| rest.split(' ').next().unwrap().to_owned())
        })
    });
    let flags: Vec<_> = words.flatten().collect();
    assert!(flags.len() > 25, "{flags:?}");
    flags
}

#[test]
fn the_help_fits_the_screen() {
    for columns in [80, 100] {
        let (brief, all) = (help("-h", columns), help("--help", columns));
        assert!(brief.lines().count() <= SCREEN_LINES, "{brief}");
        assert!(all.lines().count() <= 2 * SCREEN_LINES, "{all}");
        let mut lines = all.lines().chain(brief.lines()).take_while(|line| !line.is_empty());
        assert!(lines.all(|line| line.chars().count() <= columns), "{all}");
        // Usage, flags of three groups, and an example.
        for word in ["httpd [OPTIONS] [ROOT]", "--index", "--port", "--log-file", "HTTPD_PORT="] {
            assert!(brief.contains(word) && all.contains(word), "{word}");
        }
    }
    let brief = help("-h", 100);
    assert!(!brief.contains("--drain-timeout") && brief.contains("--help  "), "{brief}");
    // Every flag has a description, and it fits on one line.
    for line in help("--help", 100).lines().filter(|line| line.trim_start().starts_with('-')) {
        assert!(line.trim().split("  ").count() > 1, "{line}");
    }
}

#[test]
fn a_shell_can_read_the_url_and_the_exit_status() {
    let tree = Tree::with(&[("root/a.txt", b"hello")]);
    let script = r#"
        cd "$2" && mkfifo output
        "$1" --port 0 --root root >output 2>log & pid=$!
        read -r _ _ url <output
        echo "$url"
        kill "$pid"
        wait "$pid"
        echo "$?"
    "#;
    let output = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_httpd")])
        .arg(tree.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (url, rest) = text.split_once('\n').unwrap_or_else(|| panic!("{text}"));
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with('/'), "{url}");
    assert_eq!(rest, "0\n");
}

/// The exit status and message with this variable, in an environment that prevents a start.
fn refusal(name: &str, value: &OsStr) -> (Option<i32>, String) {
    let mut command = httpd();
    command.env("HTTPD_LOG_FILE", "/no/such/folder/log").env(name, value);
    let output = output_of(&mut command);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_flag_has_an_environment_variable() {
    let without = refusal("UNRELATED", OsStr::new(""));
    assert_eq!(without.0, Some(1));
    assert!(without.1.contains("/no/such/folder/log"), "{}", without.1);
    let flags = flags();
    for flag in flags.iter().filter(|flag| !WITHOUT_VARIABLE.contains(&flag.as_str())) {
        let name = format!("HTTPD_{}", flag.to_uppercase().replace('-', "_"));
        // No flag accepts this: it is neither text nor an existing file.
        let refused = refusal(&name, OsStr::from_bytes(b"/no/such/\xff"));
        assert_ne!(refused, without, "{name} is not read");
    }
    for flag in WITHOUT_VARIABLE {
        assert!(flags.iter().any(|it| it == flag), "{flag}");
    }
}

#[test]
fn repeatable_flags_take_several_values_from_their_variable() {
    let tree = Tree::with(&[("one/a.htm", b"a"), ("two/b.htm", b"b"), ("c.new", b"c")]);
    let variables = [
        "HTTPD_INDEX=a.htm\nb.htm",
        "HTTPD_HEADER=X-One: 1, 2\nX-Two: 3",
        "HTTPD_REDIRECT=/old=/one/\n/older=/two/",
        "HTTPD_MEDIA_TYPE=new=text/x-new\nhtm=text/x-htm",
        "HTTPD_BIND=127.0.0.1,::1",
        "HTTPD_PORT=0",
        "HTTPD_ALLOW_HOST=one.example.com,two.example.com",
        "HTTPD_CORS=1",
        "HTTPD_QUIET=0",
        "HTTPD_NO_SANDBOX=false",
        "HTTPD_LOG_FORMAT=json",
    ];
    let httpd = serve_with_variables(&tree, &variables, &["--log-format", "common"]);
    assert_eq!(httpd.get("/one/").body, b"a");
    assert_eq!(httpd.get("/two/").field("Content-Type"), Some("text/x-htm"));
    let new = httpd.get("/c.new");
    assert_eq!((new.field("X-One"), new.field("X-Two")), (Some("1, 2"), Some("3")));
    assert_eq!(new.field("Content-Type"), Some("text/x-new"));
    assert_eq!(new.field("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(httpd.get("/old").field("Location"), Some("/one/"));
    assert_eq!(httpd.get("/older").field("Location"), Some("/two/"));
    for (host, status) in [("one.example.com", 200), ("two.example.com", 200), ("a.com", 421)] {
        let reply = httpd.request("GET", "/c.new", &format!("Host: {host}\r\n"));
        assert_eq!(reply.status, status, "{host}");
    }
    // The command line wins, and a variable set to `0` or `false` does not set its flag.
    httpd.log_line(|line| line.starts_with("127.0.0.1 - - [") && line.contains("/one/"));
    assert_eq!(httpd.stop().stdout.len(), 2);
}

#[test]
fn an_empty_variable_is_unset_and_one_that_no_flag_has_is_warned_about() {
    let tree = Tree::with(&[("a.txt", b"hello")]);
    let names = ["PORT", "AUTH", "BIND", "INDEX", "LOG_FILE"];
    let empty = names.map(|name| format!("HTTPD_{name}="));
    let variables: Vec<_> = empty.iter().map(String::as_str).chain(["HTTPD_PROT=3000"]).collect();
    let httpd = serve_with_variables(&tree, &variables, &["--bind", "127.0.0.3", "--port", "0"]);
    assert_eq!(httpd.get("/a.txt").body, b"hello");
    let log = httpd.stop().stderr;
    let told: Vec<_> = log.iter().filter(|line| line.contains("HTTPD_")).collect();
    assert!(told.len() == 1 && has_words(told[0], &["WARN", "HTTPD_PROT"]), "{log:?}");
}

#[test]
fn an_error_names_the_variable_or_the_flag() {
    let error = |variable: &str, flags: &[&str]| {
        let output = output_of(httpd().env("HTTPD_PORT", variable).args(flags));
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let told = error("http", &[]);
    assert!(told.contains("'HTTPD_PORT'") && told.contains("'http'"), "{told}");
    for variable in ["", "80", "http"] {
        let told = error(variable, &["--port", "https"]);
        assert!(told.contains("'--port <PORT>'") && told.contains("'https'"), "{told}");
    }
}

#[test]
fn help_that_cannot_be_printed_is_an_error_unless_nobody_reads_it() {
    for flag in ["-h", "--help", "--version"] {
        let closed = std::io::pipe().unwrap().1;
        let output = httpd().arg(flag).stdout(closed).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.stderr, b"", "{flag}: {:?}", output.status);
    }
    for flags in [&["--help"][..], &["-h"], &["--version"], &["--generate", "man"]] {
        for (place, status) in [("/dev/full", 1), ("/dev/null", 0)] {
            let place = File::options().write(true).open(place).unwrap();
            let mut command = httpd();
            command.args(flags).stdout(place).stderr(Stdio::null());
            assert_eq!(command.status().unwrap().code(), Some(status), "{flags:?}");
        }
    }
}

/// Checks the output of `--generate`: it has every flag, and a program that only checks the syntax
/// finds no error.
#[track_caller]
fn check_page(page: &str, program: &str, arguments: &[&str]) {
    let (status, text, _) = run(&["--generate", page]);
    assert_eq!(status, 0);
    for flag in flags().iter().filter(|&flag| flag != "help" && flag != "version") {
        let (plain, escaped) = (flag.clone(), flag.replace('-', "\\-"));
        assert!(text.contains(&plain) || text.contains(&escaped), "{page} lacks {flag}");
    }
    let Some(tool) = tool(program) else { return };
    let mut child = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program}: {errors}");
}

/// Bash's completions after this flag.
#[track_caller]
fn completed(flag: &str, start: &str) -> Vec<String> {
    let script = r#"
        eval "$("$1" --generate bash)"
        compopt() { echo "$*"; }
        COMP_WORDS=(httpd "$2" "$3") COMP_CWORD=2
        _httpd httpd "$3" "$2"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut command = Command::new("bash");
    let output =
        output_of(command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_httpd"), flag, start]));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[test]
fn folders_files_and_addresses_are_completed_where_they_are_meant() {
    if tool("bash").is_some() {
        assert_eq!(completed("--bind", "127"), ["127.0.0.1"]);
        assert_eq!(completed("-b", "0"), ["0.0.0.0"]);
        assert_eq!(completed("--root", ""), ["-o plusdirs"]);
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/li");
        let files = completed("--auth", src.to_str().unwrap());
        assert!(files.iter().any(|file| file.ends_with("/src/lib.rs")), "{files:?}");
        assert_eq!(completed("--port", "80"), ["-o nospace", "80"]);
    }
    let (_, bash, _) = run(&["--generate", "bash"]);
    assert!(bash.contains("-o dirnames httpd") && !bash.contains("-o default"), "{bash}");
    let (_, zsh, _) = run(&["--generate", "zsh"]);
    let line = |start: &str| zsh.lines().find(|line| line.contains(start)).unwrap_or_default();
    for (start, end) in [("'--root=", ":_files -/'"), ("'--auth=", ":_files'"), ("::folder", "-/'")]
    {
        assert!(line(start).contains(end), "{start}: {:?}", line(start));
    }
}

#[test]
fn generated_pages_are_valid() {
    check_page("bash", "bash", &["-n"]);
    check_page("zsh", "zsh", &["-n"]);
    check_page("fish", "fish", &["-n", "/dev/stdin"]);
    check_page("man", "man", &["--warnings", "-l", "-"]);
    let (_, manual, _) = run(&["--generate", "man"]);
    for chapter in ["SYNOPSIS", "OPTIONS", "ENVIRONMENT", "SIGNALS", "\"EXIT STATUS\"", "EXAMPLES"]
    {
        assert!(manual.contains(&format!("\n.SH {chapter}\n")), "{chapter}: {manual}");
    }
}
