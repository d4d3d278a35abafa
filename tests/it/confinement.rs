//! Nothing outside of the root is ever sent, also while links and folders are swapped under the
//! server's hands.
//!
//! One thread exchanges what is inside for a link to what is outside, again and again, with a
//! rename that leaves no moment without either; others ask for both, by every way that opens
//! something.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};

use rustix::fs::{CWD, RenameFlags};

use crate::support::{Httpd, Tree};

/// What must not be sent: it is the content of each file outside, and part of each name there.
const OUTSIDE: &str = "outside, secret";

const INSIDE: &str = "inside, public";

/// In each of the three races.
const REQUESTS: usize = 4_000;

const ASKING_THREADS: usize = 4;

/// Each opens something by another way: the file itself, what lies below a folder, an index, a
/// listing as a page and as data, a precompressed sibling, the site's own 404 page.
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

/// What is swapped for a link to the same name outside.
const SWAPPED: &[&str] = &["file.txt", "folder", "indexed/index.html", "page.html.gz", "404.html"];

fn fill(folder: &Path, content: &str) {
    for name in ["folder/deep", "indexed"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for name in ["file.txt", "folder/file.txt", "folder/deep/file.txt", "404.html"] {
        fs::write(folder.join(name), content).unwrap();
    }
    for name in ["indexed/index.html", "page.html", "page.html.gz"] {
        fs::write(folder.join(name), content).unwrap();
    }
    fs::write(folder.join("folder").join(content), content).unwrap();
}

/// Two paths that change places.
type Pair = (PathBuf, PathBuf);

/// Asks for everything in `requests` while the pairs change places, one after the other.
#[track_caller]
fn race(httpd: &Httpd, requests: &[(&str, &str)], pairs: &[Pair]) {
    let (asked, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        let ask = || {
            let next = || Some(asked.fetch_add(1, Ordering::Relaxed));
            for number in std::iter::from_fn(next).take_while(|&number| number < REQUESTS) {
                let (target, fields) = requests[number % requests.len()];
                let reply = httpd.request("GET", target, fields);
                assert!(!reply.text().contains(OUTSIDE), "{target}: {reply:?}");
                assert!([200, 404, 503].contains(&reply.status), "{target}: {reply:?}");
                served.fetch_add(usize::from(reply.status == 200), Ordering::Relaxed);
            }
        };
        let threads: Vec<_> = (0..ASKING_THREADS).map(|_| scope.spawn(ask)).collect();
        for (one, other) in pairs.iter().cycle() {
            if threads.iter().all(ScopedJoinHandle::is_finished) {
                break;
            }
            rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
        }
    });
    let served = served.into_inner();
    println!("{served} of {REQUESTS} requests were served");
    assert!((1..REQUESTS).contains(&served), "nothing was raced: {served} of {REQUESTS} served");
}

/// A folder with `root` and `outside`, which differ in their contents alone.
fn inside_and_outside() -> (Tree, PathBuf, PathBuf) {
    let tree = Tree::new();
    let (root, outside) = (tree.join("root"), tree.join("outside"));
    fill(&root, INSIDE);
    fill(&outside, OUTSIDE);
    (tree, root, outside)
}

/// Files and folders change places with links to what has their name outside.
#[track_caller]
fn check(symlinks: &str) {
    let (_tree, root, outside) = inside_and_outside();
    fs::create_dir(root.join("links")).unwrap();
    let pair = |name: &&str| {
        let link = root.join("links").join(name.replace('/', " "));
        symlink(outside.join(name), &link).unwrap();
        (root.join(name), link)
    };
    let pairs: Vec<_> = SWAPPED.iter().map(pair).collect();
    let httpd = Httpd::serve(&root, &["--symlinks", symlinks, "--quiet"]);
    race(&httpd, REQUESTS_FOR, &pairs);
}

#[test]
fn no_link_leads_out_where_links_within_are_followed() {
    check("within");
}

#[test]
fn no_link_leads_out_where_links_are_denied() {
    check("deny");
}

/// Links that lead inside, which are followed, change places with links that lead outside.
#[test]
fn a_link_that_turns_outward_is_not_followed() {
    let (_tree, root, outside) = inside_and_outside();
    let rows = [
        ("absolute", root.join("file.txt"), outside.join("file.txt")),
        ("relative", "file.txt".into(), "../outside/file.txt".into()),
        ("linked", root.join("folder"), outside.join("folder")),
    ];
    let pair = |(name, inward, outward): &(&str, PathBuf, PathBuf)| {
        let (link, other) = (root.join(name), root.join(format!("{name}, the other")));
        symlink(inward, &link).unwrap();
        symlink(outward, &other).unwrap();
        (link, other)
    };
    let pairs: Vec<_> = rows.iter().map(pair).collect();
    let httpd = Httpd::serve(&root, &["--symlinks", "within", "--quiet"]);
    let requests =
        [("/absolute", ""), ("/relative", ""), ("/linked/file.txt", ""), ("/linked/", "")];
    for (target, _) in requests {
        assert_eq!(httpd.get(target).status, 200, "{target}");
    }
    race(&httpd, &requests, &pairs);
}
