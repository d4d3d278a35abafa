//! Real clients, where they are installed: curl, wget, Python and a browser.
//!
//! These tests ignore the protocol: only the results of the clients matter.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::browser::Browser;
use crate::support::{Httpd, PATIENCE, Tree, eventually, pattern, peers_are_required, tool};
use crate::tidy::files_below;

/// Runs a client, which must succeed; returns its standard output and error.
#[track_caller]
pub fn run(command: &mut Command) -> (String, String) {
    // No proxies and no configuration files of the user.
    for name in ["http_proxy", "all_proxy", "ALL_PROXY", "CURL_HOME", "WGETRC"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
    (stdout.into_owned(), stderr.into_owned())
}

/// Runs `curl` with these arguments; returns its standard output and error.
#[track_caller]
pub fn curl(curl: &Path, arguments: &[&str]) -> (String, String) {
    let seconds = PATIENCE.as_secs().to_string();
    let mut command = Command::new(curl);
    run(command.args(["-q", "-sS", "--noproxy", "*", "--max-time", &seconds]).args(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn curl_fetches_over_every_version() {
    let Some(tool) = tool("curl") else { return };
    let tree = Tree::with(&[("a.txt", b"hello"), ("folder/index.html", b"index")]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let get = |arguments: &[&str], target: &str| {
        curl(&tool, &[arguments, &[&httpd.url(target)]].concat()).0
    };
    for version in ["--http0.9", "--http1.0", "--http1.1", "--http2"] {
        assert_eq!(get(&[version], "/a.txt"), "hello", "{version}");
    }
    assert_eq!(get(&[&httpd.url("/a.txt")], "/a.txt"), "hellohello");
    assert_eq!(get(&["-L"], "/folder"), "index");
    assert_eq!(get(&["-r", "1-3"], "/a.txt"), "ell");
    let proxy = httpd.url("");
    assert_eq!(get(&["-x", &proxy, "--noproxy", "", "http://localhost/a.txt"], "/a.txt").len(), 10);
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(get(&[&status[..], &["--path-as-is"]].concat(), "/../a.txt"), "400");
    assert_eq!(get(&status, "/missing"), "404");
}

#[test]
fn curl_resumes_and_revalidates() {
    let Some(tool) = tool("curl") else { return };
    let bytes = pattern(3_000_000);
    let tree = Tree::with(&[("large.bin", &bytes)]);
    let (copy, tag) = (tree.write("copy", &bytes[..1_000_000]), tree.join("tag"));
    let httpd = Httpd::serve(tree.path(), &[]);
    let get = |arguments: &[&str]| {
        let ask = ["-w", "%{http_code}", "-o", text(&copy), &httpd.url("/large.bin")];
        curl(&tool, &[arguments, &ask].concat()).0
    };
    assert_eq!(get(&["-C", "-"]), "206");
    assert!(fs::read(&copy).unwrap() == bytes);
    // Once more: nothing is left, which curl learns from Content-Range and counts as success.
    assert_eq!(get(&["-C", "-"]), "416");
    assert!(fs::read(&copy).unwrap() == bytes);
    httpd.log_line(|line| line.contains("\" 206 2000000 "));

    assert_eq!(get(&["-R", "--etag-save", text(&tag)]), "200");
    assert_eq!(get(&["-z", text(&copy)]), "304");
    assert_eq!(get(&["-z", "-Sun, 06 Nov 1994 08:49:37 GMT"]), "412");
    assert_eq!(get(&["--etag-compare", text(&tag)]), "304");
    tree.write("large.bin", b"changed");
    assert_eq!(get(&["--etag-compare", text(&tag)]), "200");
    assert_eq!(fs::read(&copy).unwrap(), b"changed");
}

#[test]
fn curl_posts() {
    let Some(tool) = tool("curl") else { return };
    let tree = Tree::with(&[("megabytes", &pattern(4_000_000))]);
    let httpd = Httpd::serve(tree.path(), &["--request-timeout", "30"]);
    let url = httpd.url("/post.html");
    let (page, _) = curl(&tool, &["-d", "id=s12345", &url]);
    assert!(page.contains(">s12345<"), "{page}");

    // Without an interim answer curl would wait a second, and its log would not mention 100.
    let expecting = ["-v", "-H", "Expect: 100-continue", "-d", "id=s12345", &url];
    let (page, log) = curl(&tool, &expecting);
    assert!(page.contains(">s12345<"), "{page}");
    assert!(log.contains("< HTTP/1.1 100 Continue"), "{log}");

    // Too large, whether curl waits for 100 or sends at once.
    let file = format!("@{}", text(&tree.join("megabytes")));
    for expect in ["Expect: 100-continue", "Expect:"] {
        let (_, log) = curl(&tool, &["-v", "-H", expect, "--data-binary", &file, &url]);
        assert!(log.contains("< HTTP/1.0 413 "), "{expect}: {log}");
        assert!(!log.contains("100 Continue"), "{log}");
    }
}

#[test]
fn wget_mirrors_a_folder() {
    let Some(tool) = tool("wget") else { return };
    let httpd = Httpd::serve(Path::new("www"), &["--log-format", "json"]);
    let mine = Tree::new();
    let mut wget = Command::new(tool);
    wget.args(["--no-config", "-nv", "-r", "-np", "-nH", "-l", "inf"]);
    wget.args(["--restrict-file-names=nocontrol", "-P"]);
    run(wget.arg(mine.path()).arg(httpd.url("/browse/")));
    let is_hidden = |path: &Path| path.iter().any(|name| name.as_encoded_bytes().starts_with(b"."));
    let files = files_below("www/browse").into_iter().filter(|path| !is_hidden(path));
    let files: Vec<_> = files.collect();
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let copy = fs::read(mine.join(file.strip_prefix("www").unwrap()));
        let copy = copy.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(copy == fs::read(&file).unwrap(), "{}", file.display());
    }
    // Each file once, and nothing else: no archive, no other order.
    let log = httpd.stop().stderr;
    let requests = log.iter().filter(|line| line.contains("\"outcome\":"));
    let asked: Vec<_> = requests.filter_map(|line| line.split("\"target\":").nth(1)).collect();
    let targets: BTreeSet<_> = asked.iter().map(|rest| rest.split(',').next()).collect();
    assert_eq!(targets.len(), asked.len(), "{asked:?}");
    assert!(!targets.iter().any(|target| target.unwrap().contains('?')), "{asked:?}");
}

#[test]
fn pythons_client_reconnects_after_each_close() {
    let Some(tool) = tool("python3") else { return };
    let tree = Tree::with(&[("a.txt", b"hello"), ("large.bin", &pattern(1_000_000))]);
    let httpd = Httpd::serve(tree.path(), &[]);
    let script = r#"
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], timeout=30)
def ask(method, target, body=None, headers={}):
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.version == 10 and response.will_close, response.version
    size = len(content) if response.status < 400 else "page" if content else "nothing"
    print(method, target, response.status, size)
ask("GET", "/a.txt")
ask("HEAD", "/a.txt")
ask("GET", "/large.bin")
ask("PUT", "/a.txt", b"x" * 1000000)
ask("POST", "/missing", iter([b"chunk"]))
"#;
    let address = httpd.address().to_string();
    let (printed, _) = run(Command::new(tool).args(["-I", "-c", script, &address]));
    let want = "GET /a.txt 200 5\nHEAD /a.txt 200 0\nGET /large.bin 200 1000000\n\
                PUT /a.txt 405 page\nPOST /missing 404 page\n";
    assert_eq!(printed, want);
}

/// Names for programs that treat listings as folders, in order; each file contains its own name.
const LISTED: [&str; 5] = ["a b:c.whl", "a.whl", "javascript:x", "one/two/three/deep.whl", "ü.whl"];

/// fsspec, with which Python's data tools open URLs, joins links to the folder's URL unchanged.
#[test]
fn fsspec_finds_each_file() {
    // Debian's packages are for its own Python.
    let debian = PathBuf::from("/usr/bin/python3");
    let Some(python) = debian.is_file().then_some(debian).or_else(|| tool("python3")) else {
        return;
    };
    let modules = "import aiohttp, fsspec, requests";
    if !Command::new(&python).args(["-c", modules]).output().unwrap().status.success() {
        assert!(!peers_are_required(), "fsspec is not installed");
        return eprintln!("skipped: fsspec is not installed");
    }
    let tree = Tree::with(&LISTED.map(|name| (name, name.as_bytes())));
    let httpd = Httpd::serve(tree.path(), &[]);
    let script = "
import sys, fsspec
files = fsspec.filesystem('http')
for url in files.find(sys.argv[1]):
    print(files.cat(url).decode())
print(len(files.glob(sys.argv[1] + '*.whl')))
";
    let mut python = Command::new(python);
    python.env("PYTHONIOENCODING", "utf-8").args(["-I", "-c", script, &httpd.url("/")]);
    let (printed, _) = run(&mut python);
    let (found, matched) = printed.trim_end().rsplit_once('\n').unwrap();
    let mut found: Vec<_> = found.lines().collect();
    found.sort_unstable();
    assert_eq!((&found[..], matched), (&LISTED[..], "3"));
}

/// httpdirfs mounts a listing as a folder.
#[test]
fn httpdirfs_mounts_each_file() {
    let (Some(httpdirfs), Some(fusermount)) = (tool("httpdirfs"), tool("fusermount")) else {
        return;
    };
    let tree = Tree::with(&LISTED.map(|name| (name, name.as_bytes())));
    let mount = Tree::new();
    let httpd = Httpd::serve(tree.path(), &[]);
    let mut command = Command::new(httpdirfs);
    let output = command.args([&httpd.url("/"), text(mount.path())]).output().unwrap();
    if !output.status.success() || fs::read_dir(mount.path()).unwrap().next().is_none() {
        return eprintln!("skipped: no file system can be mounted here: {output:?}");
    }
    let found = LISTED.map(|name| fs::read_to_string(mount.join(name)));
    let count = fs::read_dir(mount.path()).unwrap().count();
    // Lazily: a program that another test starts may have the folder open until it runs.
    run(Command::new(fusermount).args(["-u", "-z", text(mount.path())]));
    assert_eq!(found.map(Result::unwrap), LISTED);
    assert_eq!(count, LISTED.len());
}

#[test]
fn a_browser_seeks_in_sound() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("page.html", b"<!DOCTYPE html><title>player</title>")]);
    // Half an hour of silence: far more than the browser fetches ahead.
    let length = 96_000 * 1800;
    let [rest, rate, bytes_a_second, content] =
        [length + 36, 48_000, 96_000, length].map(u32::to_le_bytes);
    let format = [&b"WAVEfmt \x10\0\0\0\x01\0\x01\0"[..], &rate, &bytes_a_second, b"\x02\0\x10\0"];
    let head = [b"RIFF", &rest[..], &format.concat(), b"data", &content].concat();
    let sound = tree.write("silence.wav", &head);
    let sound = fs::File::options().write(true).open(sound).unwrap();
    sound.set_len(u64::from(length) + 44).unwrap();
    let httpd = Httpd::serve(tree.path(), &[]);
    browser.open(&httpd.url("/page.html"));
    let result = browser.run(
        r"
        const media = document.body.appendChild(document.createElement('audio'));
        const happens = (name) => new Promise((done, failed) => {
          media.addEventListener(name, done, { once: true });
          media.addEventListener('error', () => failed(media.error.message), { once: true });
        });
        media.preload = 'metadata';
        media.src = 'silence.wav';
        await happens('loadeddata');
        media.currentTime = media.duration * 0.9;
        await happens('seeked');
        return media.currentTime > media.duration / 2;
        ",
    );
    assert_eq!(result, true);
    eventually("the sound is fetched from its start, and then from the new position", || {
        let log = httpd.log();
        log.iter().filter(|line| line.contains("\"GET /silence.wav HTTP/1.1\" 206 ")).count() >= 2
    });
    let complaints = browser.console();
    assert!(complaints.iter().all(|line| line.contains("/favicon.ico")), "{complaints:?}");
}
