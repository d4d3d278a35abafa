//! Files that the program is given to write or read for itself, and that no client may get.
//!
//! One that lies in the served folder would be served like any other file there, so the program
//! refuses to start. Only paths are compared: this module opens nothing.

use std::path::{Path, PathBuf};

use crate::site::root::Root;

/// Refuses the file at `path` if it is served, or would be once it is made. `what` says what it is;
/// the error is one plain sentence.
pub(crate) fn check(root: &Root, what: &str, path: &Path) -> Result<(), String> {
    if !is_served(root.real_path(), path) {
        return Ok(());
    }
    let (path, root) = (path.display(), root.real_path().display());
    Err(format!("{what} {path} is in the served folder {root}, where everyone could read it"))
}

/// Whether the file or the folder that it is in lies below `root`. The folder counts too: a log is
/// made again in it, whatever stood there before. Only regular files are served, so a pipe, a
/// terminal or `/dev/full` may be anywhere.
pub(super) fn is_served(root: &Path, path: &Path) -> bool {
    let is_regular = path.metadata().map_or(true, |metadata| metadata.is_file());
    let is_below = |path: &Path| path.canonicalize().is_ok_and(|real| real.starts_with(root));
    is_regular && (is_below(path) || is_below(&folder_of(path)))
}

/// The folder that `path` is in; for a bare name, the current one.
fn folder_of(path: &Path) -> PathBuf {
    Path::new(".").join(path.parent().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_below_the_root_are_served_by_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let root = real.join("a root\n");
        for folder in ["a root\n/below", "logs", "a root\n.old"] {
            fs::create_dir_all(real.join(folder)).unwrap();
        }
        fs::write(root.join("log"), "").unwrap();
        symlink(root.join("log"), real.join("logs/to-log")).unwrap();
        symlink(&root, real.join("logs/to-root")).unwrap();
        symlink(real.join("logs/real"), root.join("to-outside")).unwrap();
        fs::write(real.join("logs/real"), "").unwrap();
        let check = |path: &str, want: bool| {
            assert_eq!(is_served(&root, &real.join(path)), want, "{path}");
        };
        check("a root\n/log", true);
        check("a root\n/new", true);
        check("a root\n/below/new", true);
        check("logs/../a root\n/new", true);
        check("logs/to-log", true);
        check("logs/to-root/new", true);
        check("logs/to-root/below/new", true);
        check("a root\n/to-outside", true);
        check("logs/real", false);
        check("logs/new", false);
        check("a root\n/../new", false);
        check("a root\n.old/new", false);
        check("no/such/folder/new", false);
        assert!(!is_served(Path::new("/"), Path::new("/dev/null")));
        assert!(is_served(Path::new("/"), &real.join("logs/new")));
    }

    #[test]
    fn a_bare_name_is_in_the_current_folder() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert!(is_served(&here, Path::new("no-such-file.log")));
        assert!(!is_served(&here.join("src"), Path::new("no-such-file.log")));
    }
}
