//! One table of paths for both ways to open them: with `openat2`, and name by name.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use super::*;

/// A folder with `root` and `outside`, and the root opened in both ways.
struct Tree {
    _folder: tempfile::TempDir,
    by_openat2: Root,
    by_walk: Root,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        for folder in ["folder/deep", "search-only", "names-only"] {
            fs::create_dir_all(root.join(folder)).unwrap();
            fs::write(root.join(folder).join("file"), "inside").unwrap();
        }
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "outside").unwrap();
        for name in ["file", "unreadable", "two\nlines \""] {
            fs::write(root.join(name), "inside").unwrap();
        }
        fs::write(root.join(OsStr::from_bytes(b"\xff\xfe")), "inside").unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), Mode::RUSR).unwrap();
        drop(UnixListener::bind(root.join("socket")).unwrap());
        for (link, to) in [
            ("link", "file"),
            ("link to folder", "folder"),
            ("folder/link up", "../file"),
            ("link to root", "."),
            ("link out", "../outside/file"),
            ("link to folder outside", "../outside"),
            ("link out and in", "../root/file"),
            ("link to link out", "link out"),
            ("dangling", "nowhere"),
            ("loop", "loop"),
            ("link to fifo", "fifo"),
            ("link below file", "file/below"),
            ("link to process", "/proc/self/root/etc/passwd"),
        ] {
            symlink(to, root.join(link)).unwrap();
        }
        symlink(root.join("file"), root.join("absolute link")).unwrap();
        symlink(&root, root.join("absolute link to root")).unwrap();
        symlink(outside.join("file"), root.join("absolute link out")).unwrap();
        let by_openat2 = Root::open(&root, Symlinks::Within).unwrap();
        let by_walk = Root { has_openat2: false, ..Root::open(&root, Symlinks::Within).unwrap() };
        Self { _folder: folder, by_openat2, by_walk }
    }

    /// Both ways return `want`: no link on this path may be followed.
    #[track_caller]
    fn check(&self, path: impl AsRef<[u8]>, want: &str) {
        self.check_both(path.as_ref(), want, want);
    }

    /// A link on this path may be followed, which only `openat2` does safely.
    #[track_caller]
    fn check_link(&self, path: &str, want: &str) {
        self.check_both(path.as_bytes(), want, "not found");
    }

    #[track_caller]
    fn check_both(&self, path: &[u8], by_openat2: &str, by_walk: &str) {
        let name = path.escape_ascii();
        assert_eq!(outcome(self.by_openat2.entry(path)), by_openat2, "{name} by openat2");
        assert_eq!(outcome(self.by_walk.entry(path)), by_walk, "{name} by walk");
    }
}

fn outcome(opened: Result<Opened, OpenError>) -> String {
    match opened {
        Ok(Opened::File(file, metadata)) => {
            let text = io::read_to_string(file).unwrap();
            assert_eq!(metadata.size, text.len() as u64);
            format!("file: {text}")
        }
        Ok(Opened::Directory(_)) => "folder".to_owned(),
        Err(OpenError::NotFound) => "not found".to_owned(),
        Err(OpenError::Forbidden) => "forbidden".to_owned(),
        Err(OpenError::Unavailable(errno) | OpenError::Failed(errno)) => errno.to_string(),
    }
}

#[test]
fn files_and_folders_are_opened_by_both_ways() {
    let tree = Tree::new();
    tree.check("", "folder");
    tree.check("file", "file: inside");
    tree.check("two\nlines \"", "file: inside");
    tree.check(b"\xff\xfe", "file: inside");
    tree.check("folder/deep", "folder");
    tree.check("folder/deep/file", "file: inside");
    for path in ["missing", "missing/file", "folder/missing", "file/below", "fifo", "socket"] {
        tree.check(path, "not found");
    }
    tree.check("x".repeat(256), "not found");
    tree.check("folder/".repeat(700), "not found");
}

#[test]
fn links_are_followed_inside_by_openat2_and_never_by_walking() {
    let tree = Tree::new();
    tree.check_link("link", "file: inside");
    tree.check_link("link to folder/deep/file", "file: inside");
    tree.check_link("folder/link up", "file: inside");
    tree.check_link("link to root", "folder");
    tree.check_link("link to root/link to folder/link up", "file: inside");
    tree.check_link("absolute link", "file: inside");
    tree.check_link("absolute link to root", "folder");
    tree.check_link("absolute link to root/file", "file: inside");
    tree.check_link("link out and in", "file: inside");

    for path in ["link out", "link to link out", "absolute link out", "link to process"] {
        tree.check(path, "not found");
    }
    for path in ["link to folder outside", "link to folder outside/file", "loop", "loop/file"] {
        tree.check(path, "not found");
    }
    for path in ["dangling", "link to fifo", "link below file"] {
        tree.check(path, "not found");
    }
    assert_eq!(tree.by_openat2.symlinks(), Symlinks::Within);
    assert_eq!(tree.by_walk.symlinks(), Symlinks::Deny);
}

#[test]
fn only_what_is_opened_itself_need_be_readable() {
    if rustix::process::geteuid().is_root() {
        return eprintln!("skipped: permissions do not bind root");
    }
    let tree = Tree::new();
    let set_mode = |name: &str, mode| {
        let path = tree.by_walk.real_path().join(name);
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    set_mode("unreadable", 0);
    set_mode("search-only", 0o111);
    set_mode("names-only", 0o444);
    tree.check("unreadable", "forbidden");
    tree.check("search-only", "forbidden");
    tree.check("search-only/file", "file: inside");
    tree.check("search-only/missing", "not found");
    tree.check("names-only", "folder");
    tree.check("names-only/file", "forbidden");
    // Files that cannot be read or entered could not be removed either.
    set_mode("search-only", 0o755);
    set_mode("names-only", 0o755);
}
