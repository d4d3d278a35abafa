//! Common programs that fetch and unpack archives: the tree that comes out is the one that went in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;

use super::TARGET;
use crate::browser::Browser;
use crate::support::{Httpd, Tree, eventually, output_of, pattern, tool};

const PYTHON: &str = "
import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2], **(
    {'filter': 'fully_trusted'} if hasattr(tarfile, 'fully_trusted_filter') else {}))
";

/// Either a file's content or `None` for a folder; and the time of modification.
type Entries = BTreeMap<Vec<u8>, (Option<Vec<u8>>, i64)>;

/// A tree of awkward names, sizes and times.
fn awkward() -> Tree {
    let tree = Tree::new();
    let [long, odd] = [&b"d"[..], b"\xff"].map(|byte| byte.repeat(98));
    let deep = |name: &[u8]| [b"deep", &long[..], &long, &long, name].join(&b'/');
    let names: [&[u8]; 18] = [
        b"plain",
        b"  spaces  and more ",
        b"new\nline, tab\tand\x01bell\x07",
        b"-rf",
        b"quotes ' \" `, back\\slash, star * ? [x], co:lon",
        "ünïcødé 文件".as_bytes(),
        b"not utf-8 \xff\xfe",
        &[b'n'; 255],
        &[b'\xfe'; 255],
        &[b'\n'; 200],
        &"é".repeat(127).into_bytes(),
        &deep(b"300 bytes"),
        &deep(b"new\nline"),
        &deep("ünï".as_bytes()),
        &deep(b"\xff"),
        &[b"other", &odd[..], &odd, b"x"].join(&b'/'),
        b"empty/x",
        b"empty/inner/x",
    ];
    for (at, name) in names.iter().enumerate() {
        tree.write_bytes_name(name, &pattern(at * at * at * 7));
    }
    fs::remove_file(tree.join("empty/x")).unwrap();
    fs::remove_file(tree.join("empty/inner/x")).unwrap();
    for (name, size) in [("512", 512), ("513", 513), ("large", 3_000_000), ("nothing", 0)] {
        tree.write(name, &pattern(size));
    }
    let seconds = Duration::from_secs;
    for (name, time) in [
        ("1969", UNIX_EPOCH - seconds(86_400)),
        ("1969, before the half", UNIX_EPOCH - Duration::from_millis(1_500)),
        ("1970", UNIX_EPOCH),
        ("2243", UNIX_EPOCH + seconds(8_600_000_000)),
        ("10,000", UNIX_EPOCH + seconds(253_402_300_800)),
    ] {
        let path = tree.write(name, name.as_bytes());
        File::open(path).unwrap().set_modified(time).unwrap();
    }
    let long_ago = UNIX_EPOCH - seconds(1_000_000);
    File::open(tree.join("empty")).unwrap().set_modified(long_ago).unwrap();
    tree
}

fn entries_of(folder: &Path) -> Entries {
    let mut entries = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(current).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let content = metadata.is_file().then(|| fs::read(&path).unwrap());
            let name = path.strip_prefix(folder).unwrap().as_os_str().as_bytes().to_vec();
            entries.insert(name, (content, metadata.mtime()));
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    entries
}

/// Checks that both have the same names, contents and times.
#[track_caller]
fn check_equal(got: &Entries, want: &Entries, program: &str) {
    for (name, (content, modified)) in want {
        let shown = name.escape_ascii();
        let (got, got_modified) = got.get(name).unwrap_or_else(|| panic!("{program}: no {shown}"));
        assert!(got == content, "{program}: other content in {shown}");
        // Unpacking files makes their folder newer, unless its time is set last.
        if content.is_some() || program != "busybox" {
            assert_eq!(got_modified, modified, "{program}: {shown}");
        }
    }
    assert_eq!(got.len(), want.len(), "{program}");
}

#[test]
fn common_programs_unpack_it() {
    let tree = awkward();
    let httpd = Httpd::serve(tree.path(), &["--quiet"]);
    let (archive, want) = (httpd.get(TARGET).body, entries_of(tree.path()));
    for (program, arguments) in [
        ("tar", &["-xf", "x.tar", "-C", "out"][..]),
        ("bsdtar", &["-xf", "x.tar", "-C", "out"]),
        ("busybox", &["tar", "-xf", "x.tar", "-C", "out"]),
        ("python3", &["-c", PYTHON, "x.tar", "out"]),
    ] {
        let Some(path) = tool(program) else { continue };
        let work = Tree::with(&[("x.tar", &archive)]);
        fs::create_dir(work.join("out")).unwrap();
        let mut command = Command::new(path);
        command.args(arguments).current_dir(work.path()).env("LC_ALL", "C.UTF-8");
        let output = output_of(&mut command);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {errors}");
        let unpacked = work.join("out").join(tree.path().file_name().unwrap());
        check_equal(&entries_of(&unpacked), &want, program);
    }
}

#[test]
fn a_browser_downloads_it_from_the_page() {
    let Some(browser) = Browser::start() else { return };
    let tree = Tree::with(&[("favicon.ico", b""), ("Fotos für Änne/a", &pattern(100_000))]);
    // The button needs no script.
    let policy = "Content-Security-Policy: script-src 'none'";
    let httpd = Httpd::serve(tree.path(), &["--quiet", "--header", policy]);
    let folder = "/Fotos%20f%C3%BCr%20%C3%84nne/";
    let downloads = Tree::new();
    let save = json!({ "behavior": "allow", "downloadPath": downloads.path() });
    browser.control("Browser.setDownloadBehavior", &save);
    browser.open(&httpd.url(folder));
    let clicked = browser.run(
        "const buttons = [...document.querySelectorAll('button')];
         const found = buttons.filter(button => button.textContent.includes('.tar'));
         found[0].click();
         return found.length",
    );
    assert_eq!(clicked, 1);
    let file = downloads.join("Fotos für Änne.tar");
    let archive = httpd.get(&format!("{folder}?format=tar")).body;
    // An empty file with this name comes first.
    eventually("it is saved under its name", || fs::read(&file).is_ok_and(|it| it == archive));
}
