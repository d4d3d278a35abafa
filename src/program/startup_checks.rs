//! Settings that are refused or warned about at the start.
//!
//! The program's own files must not be in the served folder, where every client could get them:
//! that is refused. Settings that may be unintended cause one warning and stop nothing: serving
//! `/`, or the whole network, may well be meant. Only paths are compared: this module opens
//! nothing.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::auth::Passwords;
use crate::site;
use crate::site::files::Dotfiles;
use crate::site::root::{Root, Symlinks};

/// Names seldom meant to be served, in case hidden files are.
const PRIVATE_NAMES: [&str; 4] = [".git", ".env", ".ssh", ".htpasswd"];

/// The cost from which on a guess at a password takes some 60 ms. The default of `htpasswd -B` is
/// 5, which takes 2 ms.
const COST_MIN: u32 = 10;

/// Refuses the file at `path` if it is served, or would be once it exists. `what` names it; the
/// error is one plain sentence.
pub(crate) fn refuse_served(root: &Root, what: &str, path: &Path) -> Result<(), String> {
    if !is_served(root.real_path(), path) {
        return Ok(());
    }
    let (path, root) = (path.display(), root.real_path().display());
    Err(format!("{what} {path} is in the served folder {root}, where everyone could read it"))
}

/// Whether the file or its folder is below `root`. The folder counts too: a log is created in it
/// again after a rename. Only regular files are served, so a pipe, a terminal or `/dev/full` may be
/// anywhere.
fn is_served(root: &Path, path: &Path) -> bool {
    let is_regular = path.metadata().map_or(true, |metadata| metadata.is_file());
    let is_below = |path: &Path| path.canonicalize().is_ok_and(|real| real.starts_with(root));
    // A bare name is in the current folder.
    let folder = Path::new(".").join(path.parent().unwrap_or(path));
    is_regular && (is_below(path) || is_below(&folder))
}

/// Warns of listeners that other machines can reach, if that has a consequence.
pub(crate) fn warn_of_reach(addresses: &[SocketAddr], exposure: Option<&str>) {
    let Some(exposure) = exposure else { return };
    for address in addresses.iter().filter(|address| !address.ip().is_loopback()) {
        log::warn!("port {} can be reached from other machines: {exposure}", address.port());
    }
}

/// Warns of passwords that are quick to check, and so to guess.
pub(crate) fn warn_of_cost(passwords: &Passwords) {
    let cost = passwords.cost_min();
    if cost < COST_MIN {
        log::warn!("passwords of cost {cost} are quick to guess: use htpasswd -B -C 12");
    }
}

/// Warns of a root that may hold more than intended or lacks the page of `--spa`, of a served log,
/// and of links that cannot be followed.
pub(crate) fn warn(root: &Root, files: &site::Options) {
    let path = root.real_path();
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    if path == Path::new("/") {
        log::warn!("the root is /: every file that this user may read is served");
    } else if home.as_deref() == Some(path) {
        log::warn!("the root is a home folder: check what is in it");
    }
    // A shell or `nohup` may have redirected it. It has the access lines, unless there is a log
    // file.
    if let Ok(file) = Path::new("/proc/self/fd/2").canonicalize()
        && is_served(path, &file)
    {
        log::warn!("standard error goes to {}, which is served", file.display());
    }
    if !root.has_openat2() && root.symlinks() != Symlinks::Follow {
        log::warn!("openat2 is not available here: symbolic links are not followed");
    }
    if files.dotfiles != Dotfiles::Deny {
        for name in PRIVATE_NAMES.iter().filter(|name| path.join(name).exists()) {
            log::warn!("{name} is in the root, and is served because of --dotfiles");
        }
    }
    if files.spa && !files.index.iter().any(|index| path.join(OsStr::from_bytes(index)).exists()) {
        log::warn!("--spa: there is no index in the root that could answer for other paths");
    }
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
        let check = |folder: &str, names: &[&str], want: bool| {
            for name in names {
                let path = real.join(folder).join(name);
                assert_eq!(is_served(&root, &path), want, "{path:?}");
            }
        };
        check("a root\n", &["log", "new", "below/new", "to-outside"], true);
        check("logs", &["../a root\n/new", "to-log", "to-root/new", "to-root/below/new"], true);
        check("logs", &["real", "new", "../a root\n/../new", "../a root\n.old/new"], false);
        check("no", &["such/folder/new"], false);
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
