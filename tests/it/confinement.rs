//! Nothing outside the root is ever sent, even while links and folders are swapped as the server
//! opens them.
//!
//! One thread keeps exchanging a file inside for a link to one outside, with a rename that never
//! leaves the name missing. Others request it in every way that makes the server open something.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use rustix::fs::{CWD, RenameFlags};

use crate::support::{Httpd, Tree};

/// Must not be sent: the content of each file outside, and the name of one of them.
const OUTSIDE: &str = "outside, secret";

const INSIDE: &str = "inside, public";

/// Requests in each of the three races.
const REQUESTS: usize = 4_000;

/// Targets and fields, each of which opens something in another way: the file itself, a file below
/// a folder, an index, a listing as a page and as data, a precompressed sibling, the 404 page.
const REQUESTS_FOR: &[(&str, &str)] = &[
    ("/file.txt", ""),
    ("/folder/file.txt", ""),
    ("/folder/deep/file.txt", ""),
    ("/indexed/", ""),
    ("/folder/", ""),
    ("/folder/", "Accept: application/json\r\n"),
    ("/page.html", "Accept-Encoding: gzip, br, zstd\r\n"),
    ("/no/such/file", ""),
];

/// The files and folders that are swapped for links to the same names outside.
const SWAPPED: &[&str] = &["file.txt", "folder", "indexed/index.html", "page.html.gz", "404.html"];

fn fill(folder: &Path, content: &str) {
    let in_folder = format!("folder/{content}");
    let files = ["file.txt", "folder/file.txt", "folder/deep/file.txt", "404.html", &in_folder];
    for name in files.into_iter().chain(["indexed/index.html", "page.html", "page.html.gz"]) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// Two paths to be swapped.
type Pair = (PathBuf, PathBuf);

/// Sends `requests` while the pairs are swapped, one after the other.
#[track_caller]
fn race(httpd: &Httpd, requests: &[(&str, &str)], pairs: &[Pair]) {
    race_with(pairs, |number| {
        let (target, fields) = requests[number % requests.len()];
        let reply = httpd.request("GET", target, fields);
        assert!(!reply.text().contains(OUTSIDE), "{target}: {reply:?}");
        assert!([200, 404, 503].contains(&reply.status), "{target}: {reply:?}");
        reply.status == 200
    });
}

/// Calls `is_served` from several threads while the pairs are swapped, one after the other.
#[track_caller]
fn race_with(pairs: &[Pair], is_served: impl Fn(usize) -> bool + Sync) {
    let (asked, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let ask = || {
            let next = || Some(asked.fetch_add(1, Ordering::Relaxed));
            for number in std::iter::from_fn(next).take_while(|&number| number < REQUESTS) {
                served.fetch_add(usize::from(is_served(number)), Ordering::Relaxed);
            }
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for (one, other) in pairs.iter().cycle() {
            if threads.iter().all(ScopedJoinHandle::is_finished) {
                break;
            }
            rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
        }
    });
    let served = served.into_inner();
    println!("{served} of {REQUESTS} requests were served");
    assert!((1..REQUESTS).contains(&served), "there was no race: {served} of {REQUESTS} served");
}

/// A folder with `root` and `outside`, which differ only in their contents.
fn inside_and_outside() -> (Tree, PathBuf, PathBuf) {
    let tree = Tree::new();
    let (root, outside) = (tree.join("root"), tree.join("outside"));
    fill(&root, INSIDE);
    fill(&outside, OUTSIDE);
    (tree, root, outside)
}

/// The same, and pairs of files and folders inside, and links to their counterparts outside.
fn with_swapped() -> (Tree, PathBuf, Vec<Pair>) {
    let (tree, root, outside) = inside_and_outside();
    fs::create_dir(root.join("links")).unwrap();
    let pair = |name: &&str| {
        let link = root.join("links").join(name.replace('/', " "));
        symlink(outside.join(name), &link).unwrap();
        (root.join(name), link)
    };
    let pairs = SWAPPED.iter().map(pair).collect();
    (tree, root, pairs)
}

#[test]
fn no_swapped_link_leads_out() {
    for symlinks in ["within", "deny"] {
        let (_tree, root, pairs) = with_swapped();
        let httpd = Httpd::serve(&root, &["--symlinks", symlinks, "--quiet", "--no-sandbox"]);
        race(&httpd, REQUESTS_FOR, &pairs);
    }
}

/// An archive that changes while it is sent may end in a reset, but not lead out.
#[test]
fn no_swapped_link_leads_out_of_an_archive() {
    let (_tree, root, pairs) = with_swapped();
    for symlinks in ["within", "deny"] {
        let httpd = Httpd::serve(&root, &["--symlinks", symlinks, "--quiet", "--no-sandbox"]);
        race_with(&pairs, |_| {
            let mut stream = httpd.connect();
            stream.write_all(b"GET /?format=tar HTTP/1.0\r\n\r\n").unwrap();
            let mut bytes = Vec::new();
            let end = stream.read_to_end(&mut bytes);
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(OUTSIDE), "{text}");
            end.is_ok() && text.starts_with("HTTP/1.0 200 ")
        });
    }
}

/// Swaps links that lead inside, which are followed, with links that lead outside.
#[test]
fn a_link_that_turns_outward_is_not_followed() {
    let (_tree, root, outside) = inside_and_outside();
    let rows = [
        ("absolute", root.join("file.txt"), outside.join("file.txt")),
        ("relative", "file.txt".into(), "../outside/file.txt".into()),
        ("linked", root.join("folder"), outside.join("folder")),
    ];
    let pair = |(name, inward, outward): &(&str, PathBuf, PathBuf)| {
        let (link, swapped) = (root.join(name), root.join(format!("{name}, swapped")));
        symlink(inward, &link).unwrap();
        symlink(outward, &swapped).unwrap();
        (link, swapped)
    };
    let pairs: Vec<_> = rows.iter().map(pair).collect();
    let httpd = Httpd::serve(&root, &["--symlinks", "within", "--quiet", "--no-sandbox"]);
    let requests =
        [("/absolute", ""), ("/relative", ""), ("/linked/file.txt", ""), ("/linked/", "")];
    for (target, _) in requests {
        assert_eq!(httpd.get(target).status, 200, "{target}");
    }
    race(&httpd, &requests, &pairs);
}
