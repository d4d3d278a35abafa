//! An attack with slowhttptest, a well-known tool: it finds the service available all the time.
//!
//! Every second it also sends a probe, which the server must answer within two seconds: one that is
//! late is reported after the fourth second. The tool itself keeps half a core busy.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::support::{Httpd, Tree, raise_descriptor_limit, tool};

/// Attacks with 400 clients at once, in one of the tool's modes.
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
    let probes = report.split("service available:").skip(1);
    let available: Vec<_> = probes.map(|rest| rest.contains("YES")).collect();
    assert!(!available.is_empty() && available.iter().all(|&yes| yes), "{mode:?}: {report}");
}

#[test]
fn the_service_stays_available() {
    let Some(slowhttptest) = &tool("slowhttptest") else { return };
    raise_descriptor_limit();
    thread::scope(|scope| {
        scope.spawn(|| check(slowhttptest, &["-H"], "/a", &["--max-connections", "64"]));
        // Its probe requests the same large file from the same address, whose share is used up: so
        // this server has more slots than there are readers.
        scope.spawn(|| check(slowhttptest, &["-X", "-n", "1", "-z", "32"], "/large.bin", &[]));
    });
}
