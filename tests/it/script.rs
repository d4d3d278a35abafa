//! The interface for scripts: the listening line, the help, the environment, and the generated
//! pages.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use crate::support::{Httpd, Tree, has_words, output_of, run, tool};

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
    let lines = help.lines().map(str::trim_start);
    let flags = lines.filter(|line| line.starts_with("--") || line.get(2..6) == Some(", --"));
    let name =
        |line: &str| line.split(' ').find_map(|word| Some(word.strip_prefix("--")?.to_owned()));
    let flags: Vec<_> = flags.filter_map(name).collect();
    assert!(flags.len() > 25, "{flags:?}");
    flags
}

#[test]
fn the_help_fits_the_screen() {
    for columns in [80, 100] {
        let (brief, all) = (help("-h", columns), help("--help", columns));
        // One screen of a terminal, and two.
        assert!(brief.lines().count() <= 40, "{brief}");
        assert!(all.lines().count() <= 80, "{all}");
        let mut lines = all.lines().chain(brief.lines());
        assert!(lines.all(|line| line.chars().count() <= columns), "{all}");
        // Usage, flags of three groups, and an example.
        for word in ["httpd [OPTIONS] [ROOT]", "--index", "--port", "--log-file", "HTTPD_PORT="] {
            assert!(brief.contains(word) && all.contains(word), "{word}");
        }
        assert!(!brief.contains("--drain-timeout") && brief.contains("--help  "), "{brief}");
    }
    // Every flag has a description, and it fits on one line.
    for line in help("--help", 100).lines() {
        let is_flag = line.trim_start().starts_with('-');
        let goes_on = line.starts_with(&" ".repeat(10));
        assert!(!goes_on && (!is_flag || line.trim().contains("  ")), "{line}");
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
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_httpd")]).arg(tree.path());
    let output = output_of(&mut command);
    let text = String::from_utf8(output.stdout).unwrap();
    let (url, rest) = text.split_once('\n').unwrap_or_else(|| panic!("{text}"));
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with('/'), "{url}");
    assert_eq!(rest, "0\n");
}

#[test]
fn every_flag_has_an_environment_variable() {
    // The exit status and message with this variable, in an environment that prevents a start.
    let refusal = |name: &str, value: &OsStr| {
        let mut command = httpd();
        let output =
            output_of(command.env("HTTPD_LOG_FILE", "/no/such/folder/log").env(name, value));
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let without = refusal("UNRELATED", OsStr::new(""));
    assert!(without.0 == Some(1) && without.1.contains("/no/such/folder/log"), "{}", without.1);
    let mut flags = flags();
    // These only print something, so that a variable would make no sense.
    for flag in ["generate", "help", "probe", "version"] {
        flags.remove(flags.iter().position(|it| it == flag).expect(flag));
    }
    for flag in flags {
        let name = format!("HTTPD_{}", flag.to_uppercase().replace('-', "_"));
        // No flag accepts this: it is neither text nor an existing file.
        let refused = refusal(&name, OsStr::from_bytes(b"/no/such/\xff"));
        assert_ne!(refused, without, "{name} is not read");
    }
}

#[test]
fn repeatable_flags_take_several_values_from_their_variable() {
    let tree = Tree::with(&[("one/a.htm", b"a"), ("two/b.htm", b"b"), ("c.new", b"c")]);
    let variables = [
        "HTTPD_INDEX=a.htm\nb.htm",
        "HTTPD_HEADER=X-One: 1, 2\nX-Two:",
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
    for (target, name, value) in [
        ("/two/", "Content-Type", "text/x-htm"),
        ("/c.new", "Content-Type", "text/x-new"),
        ("/c.new", "X-One", "1, 2"),
        ("/c.new", "X-Two", ""),
        ("/c.new", "Access-Control-Allow-Origin", "*"),
        ("/old", "Location", "/one/"),
        ("/older", "Location", "/two/"),
    ] {
        assert_eq!(httpd.get(target).field(name), Some(value));
    }
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
    for flags in [&["--help"][..], &["-h"], &["--version"], &["--generate", "man"]] {
        let closed = std::io::pipe().unwrap().1;
        let output = httpd().args(flags).stdout(closed).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.stderr, b"", "{flags:?}: {:?}", output.status);
        for (place, status) in [("/dev/full", 1), ("/dev/null", 0)] {
            let place = File::options().write(true).open(place).unwrap();
            let mut command = httpd();
            command.args(flags).stdout(place).stderr(Stdio::null());
            assert_eq!(command.status().unwrap().code(), Some(status), "{flags:?}");
        }
    }
}

#[test]
fn folders_files_and_addresses_are_completed_where_they_are_meant() {
    let script = r#"
        eval "$("$1" --generate bash)"
        compopt() { echo "$*"; }
        COMP_WORDS=(httpd "$2" "$3") COMP_CWORD=2
        _httpd httpd "$3" "$2"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let start = concat!(env!("CARGO_MANIFEST_DIR"), "/src/li");
    for (flag, start, want) in [
        ("--bind", "127", "127.0.0.1"),
        ("-b", "0", "0.0.0.0"),
        ("--root", "", "-o plusdirs"),
        ("--auth", start, concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")),
        ("--port", "80", "-o nospace 80"),
    ] {
        let Some(bash) = tool("bash") else { break };
        let mut command = Command::new(bash);
        command.args(["-c", script, "bash", env!("CARGO_BIN_EXE_httpd"), flag, start]);
        let text = String::from_utf8(output_of(&mut command).stdout).unwrap();
        let completed: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(completed.join(" "), want, "{flag}");
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
fn generated_pages_have_every_flag_and_no_error() {
    let mut flags = flags();
    flags.retain(|flag| flag != "help" && flag != "version");
    for (page, check) in
        [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["-n"]), ("man", &["--warnings", "-l"])]
    {
        let (status, text, _) = run(&["--generate", page]);
        assert_eq!(status, 0);
        for flag in &flags {
            let escaped = flag.replace('-', "\\-");
            assert!(text.contains(flag) || text.contains(&escaped), "{page} lacks {flag}");
        }
        // A program that only checks the syntax.
        let Some(program) = tool(page) else { continue };
        let tree = Tree::with(&[("page", text.as_bytes())]);
        let output = output_of(Command::new(program).args(check).arg(tree.join("page")));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "{page}: {errors}");
    }
    let (_, manual, _) = run(&["--generate", "man"]);
    for chapter in ["SYNOPSIS", "OPTIONS", "ENVIRONMENT", "SIGNALS", "\"EXIT STATUS\"", "EXAMPLES"]
    {
        assert!(manual.contains(&format!("\n.SH {chapter}\n")), "{chapter}: {manual}");
    }
}
