//! A kernel without `openat2`, or a seccomp filter that forbids it: links are not followed, and the
//! start says so. Any other fault of the call keeps the server from starting.
//!
//! A filter that answers `openat2` with an error of our choice stands for such a kernel.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::listing_page::Page;
use crate::support::{Httpd, Tree, tool};

/// Runs `argv[2:]` with `openat2` (437 on every architecture) failing with the error `argv[1]`.
const WITHOUT_OPENAT2: &str = r#"
import ctypes, os, struct, sys
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7fff0000, 0x00050000 | int(sys.argv[1])
steps = [(LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 1, 437), (RETURN, 0, 0, FAIL), (RETURN, 0, 0, ALLOW)]
code = b"".join(struct.pack("HBBI", *step) for step in steps)
code = ctypes.create_string_buffer(code)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
program = Program(len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None)
SET_SECCOMP, SET_NO_NEW_PRIVILEGES, FILTER = 22, 38, 2
assert libc.prctl(SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
assert libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// The error numbers of Linux.
const EPERM: &str = "1";
const EMFILE: &str = "24";
const ENOSYS: &str = "38";

/// `httpd` with `openat2` failing with this error.
fn without_openat2(python: &Path, error: &str, root: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(python);
    command.args(["-c", WITHOUT_OPENAT2, error, env!("CARGO_BIN_EXE_httpd"), "--port", "0"]);
    command.arg("--root").arg(root).args(flags);
    command
}

#[test]
fn links_are_not_followed_and_the_start_says_so() {
    let Some(python) = tool("python3") else { return };
    let tree = Tree::with(&[("file", b"hello"), ("folder/file", b"below")]);
    tree.link("link", "file");
    tree.link("link to folder", "folder");
    for error in [ENOSYS, EPERM] {
        let httpd = Httpd::spawn(without_openat2(&python, error, tree.path(), &[]));
        httpd.log_line(|line| line.contains("WARN") && line.contains("openat2"));
        assert_eq!(httpd.get("/file").body, b"hello");
        assert_eq!(httpd.get("/folder/file").body, b"below");
        for target in ["/link", "/link%20to%20folder", "/link%20to%20folder/file"] {
            assert_eq!(httpd.get(target).status, 404, "{target}");
        }
        assert_eq!(Page::fetch(&httpd, "/").texts(), ["folder/", "file"]);
        let archive = httpd.get("/?format=tar");
        assert_eq!(
            archive.body.len(),
            512 * (1 + 2 + 1 + 2 + 2),
            "two folders, two files, the end"
        );
    }
    // Without a guard, by the user's own wish.
    let follow = without_openat2(&python, ENOSYS, tree.path(), &["--symlinks", "follow"]);
    let httpd = Httpd::spawn(follow);
    assert_eq!(httpd.get("/link").body, b"hello");
    assert!(!httpd.stop().stderr.iter().any(|line| line.contains("openat2")));
}

#[test]
fn any_other_error_keeps_it_from_starting() {
    let Some(python) = tool("python3") else { return };
    let tree = Tree::new();
    let mut command = without_openat2(&python, EMFILE, tree.path(), &[]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
    assert!(stderr.contains(tree.path().to_str().unwrap()), "{stderr}");
}
