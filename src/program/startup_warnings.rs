//! Warnings about settings that may be unintended.
//!
//! They are logged once, at the start, and stop nothing: who starts a server on `/`, or for the
//! whole network, may well mean it.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::private_files;
use crate::auth::Passwords;
use crate::site;
use crate::site::files::Dotfiles;
use crate::site::root::{Root, Symlinks};

/// Names that are seldom meant to be served, where names that start with a dot are.
const PRIVATE_NAMES: [&str; 4] = [".git", ".env", ".ssh", ".htpasswd"];

/// The cost of a password from which on a guess takes some 60 ms; `htpasswd -B` alone makes 5,
/// which are 2 ms.
const COST_MIN: u32 = 10;

/// What it means that other machines can reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// They can read the folder.
    Open,
    /// They need a password, which comes in the clear.
    Password,
    /// They need a password, which comes by way of a proxy that may speak TLS.
    ProxiedPassword,
}

/// Warns of listeners that other machines can reach.
pub(crate) fn warn_of_reach(addresses: &[SocketAddr], reach: Exposure) {
    let so = match reach {
        Exposure::Open => "they can read this folder",
        Exposure::Password => "without TLS, passwords can be read on their way",
        Exposure::ProxiedPassword => return,
    };
    for address in addresses.iter().filter(|address| !address.ip().is_loopback()) {
        log::warn!("port {} can be reached from other machines: {so}", address.port());
    }
}

/// Warns of variables that are named like those of flags: a wrong name would be ignored silently.
pub(crate) fn warn_of_variables(unknown: &[OsString]) {
    for name in unknown {
        log::warn!("{} is ignored: no flag has this variable", name.display());
    }
}

/// Warns of passwords that are quick to check, and so to guess.
pub(crate) fn warn_of_cost(passwords: &Passwords) {
    let cost = passwords.cost_min();
    if cost < COST_MIN {
        log::warn!("passwords of cost {cost} are quick to guess: use htpasswd -B -C 12");
    }
}

/// Warns of a root that may hold more than intended, or lacks the page of `--spa`, of a log that is
/// served, and of links that cannot be followed.
pub(crate) fn warn(root: &Root, files: &site::Options) {
    let path = root.real_path();
    if path == Path::new("/") {
        log::warn!("the root is /: every file that this user may read is served");
    } else if std::env::home_dir()
        .is_some_and(|home| home.canonicalize().is_ok_and(|it| it == path))
    {
        log::warn!("the root is a home folder: check what is in it");
    }
    // Where a shell or `nohup` has put it. It has the access lines, unless another file has them.
    if let Ok(file) = Path::new("/proc/self/fd/2").canonicalize()
        && private_files::is_served(path, &file)
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
