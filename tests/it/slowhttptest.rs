//! What slowhttptest, the well-known attacker, finds: the service is available all the time.
//!
//! It asks for a page of its own each second, and gives the server two seconds to answer it.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::support::{Httpd, Tree, raise_descriptor_limit, tool};

/// 400 clients at once, in one of its modes.
#[track_caller]
fn check(slowhttptest: &Path, mode: &[&str], target: &str, flags: &[&str]) {
    let tree = Tree::with(&[("a", b"hello")]);
    File::create(tree.join("large.bin")).unwrap().set_len(64 * 1024 * 1024).unwrap();
    let httpd = Httpd::serve(tree.path(), &[&["--quiet"], flags].concat());
    let attack = Command::new(slowhttptest)
        .args(mode)
        .args(["-c", "400", "-r", "400", "-i", "1", "-l", "4", "-p", "2", "-u"])
        .arg(httpd.url(target))
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&attack.stdout);
    let found = report.split("service available:").skip(1);
    let available: Vec<_> = found.map(|rest| rest.contains("YES")).collect();
    assert!(!available.is_empty() && available.iter().all(|&yes| yes), "{mode:?}: {report}");
}

#[test]
fn the_service_is_available_throughout() {
    let Some(slowhttptest) = &tool("slowhttptest") else { return };
    raise_descriptor_limit();
    let few_seats = ["--max-connections", "64"];
    thread::scope(|scope| {
        scope.spawn(|| check(slowhttptest, &["-H"], "/a", &few_seats));
        scope.spawn(|| check(slowhttptest, &["-B"], "/post.html", &few_seats));
        // Readers keep their seats for some seconds at least: here there are more seats than
        // readers.
        scope.spawn(|| check(slowhttptest, &["-X", "-n", "1", "-z", "32"], "/large.bin", &[]));
    });
}
