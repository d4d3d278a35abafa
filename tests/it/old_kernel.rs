//! A kernel without `openat2`, or a seccomp filter that forbids it: links are not followed, and the
//! start says so. Any other fault of the call keeps the server from starting.
//!
//! A filter that answers `openat2` with an error of our choice stands for such a kernel.

use std::path::Path;
use std::process::Command;

use rustix::io::Errno;

use crate::listing_page::Page;
use crate::support::{Httpd, Tree, output_of, tool};

/// Python for a filter that lets the system calls from `first` to `last` fail with this error.
pub const FORBID: &str = r#"
import ctypes, os, struct, sys
def forbid(first, last, error):
    LOAD, JUMP_IF_GREATER_OR_EQUAL, RETURN = 0x20, 0x35, 0x06
    ALLOW, FAIL = 0x7fff0000, 0x00050000 | error
    steps = [(LOAD, 0, 0, 0), (JUMP_IF_GREATER_OR_EQUAL, 0, 2, first),
             (JUMP_IF_GREATER_OR_EQUAL, 1, 0, last + 1),
             (RETURN, 0, 0, FAIL), (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    code = ctypes.create_string_buffer(code)
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
    program = Program(len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    SET_SECCOMP, SET_NO_NEW_PRIVILEGES, FILTER = 22, 38, 2
    assert libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    assert libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) == 0
"#;

/// `httpd` with `openat2` (437 on every architecture) failing with this error.
fn without_openat2(python: &Path, error: Errno, root: &Path, flags: &[&str]) -> Command {
    let error = error.raw_os_error();
    let script = format!("{FORBID}forbid(437, 437, {error})\nos.execv(sys.argv[1], sys.argv[1:])");
    let mut command = Command::new(python);
    command.args(["-c", &script, env!("CARGO_BIN_EXE_httpd"), "--port", "0"]);
    command.arg("--root").arg(root).args(flags);
    command
}

#[test]
fn links_are_not_followed_and_the_start_says_so() {
    let Some(python) = tool("python3") else { return };
    let tree = Tree::with(&[("file", b"hello"), ("folder/file", b"below")]);
    tree.link("link", "file");
    tree.link("link to folder", "folder");
    for error in [Errno::NOSYS, Errno::PERM] {
        let httpd = Httpd::spawn(without_openat2(&python, error, tree.path(), &[]));
        httpd.log_line(|line| line.contains("WARN") && line.contains("openat2"));
        assert_eq!(httpd.get("/file").body, b"hello");
        assert_eq!(httpd.get("/folder/file").body, b"below");
        for target in ["/link", "/link%20to%20folder", "/link%20to%20folder/file"] {
            assert_eq!(httpd.get(target).status, 404, "{target}");
        }
        assert_eq!(Page::fetch(&httpd, "/").texts(), ["folder/", "file"]);
        let archive = httpd.get("/?format=tar");
        let blocks = 1 + 2 + 1 + 2 + 2;
        assert_eq!(archive.body.len(), 512 * blocks, "two folders, two files, the end");
    }
    // Without a guard, by the user's own wish.
    let follow = without_openat2(&python, Errno::NOSYS, tree.path(), &["--symlinks", "follow"]);
    let httpd = Httpd::spawn(follow);
    assert_eq!(httpd.get("/link").body, b"hello");
    assert!(!httpd.stop().stderr.iter().any(|line| line.contains("openat2")));
}

#[test]
fn any_other_error_keeps_it_from_starting() {
    let Some(python) = tool("python3") else { return };
    let tree = Tree::new();
    let output = output_of(&mut without_openat2(&python, Errno::MFILE, tree.path(), &[]));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
    assert!(stderr.contains(tree.path().to_str().unwrap()), "{stderr}");
}
