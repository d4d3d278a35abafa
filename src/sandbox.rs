//! The process restricts itself, by Landlock, before it serves any client.
//!
//! Afterwards it can only read below the root, add to its log, and use the sockets that it has. The
//! denials hold whatever a client makes of the process, and depend on the kernel: each version of
//! Landlock has more rules, and [`Enforcement`] names those in force. Landlock binds the calling
//! thread and threads that it spawns later, so the main thread calls this before there are others.

use std::error::Error;
use std::fmt;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

/// The newest rules requested; an older kernel enforces those that it knows.
const NEWEST: ABI = ABI::V10;

/// The first versions with rules for these.
const FIRST_WITH_TCP: i32 = 4;
const FIRST_WITH_SCOPES: i32 = 6;
const FIRST_WITH_PATHNAME_SOCKETS: i32 = 9;
const FIRST_WITH_UDP: i32 = 10;

/// The rights that the process keeps.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The folder that may be read; `None` leaves reading and writing files unrestricted.
    pub root: Option<&'a Path>,
    /// The folder in which the log file may be created and written.
    pub log_folder: Option<&'a Path>,
    /// The service manager's socket, which may be written to.
    pub notify_socket: Option<&'a Path>,
}

/// The rules that the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Landlock, as far as this version goes.
    Landlock {
        /// Its ABI version.
        version: i32,
        /// Whether they cover files.
        files: bool,
    },
    /// The kernel has no Landlock, or it is switched off or forbidden.
    Unavailable,
    /// Disabled.
    Off,
}

/// Restricts the calling thread and all threads that it spawns later, for good.
pub fn restrict(rules: Rules<'_>) -> Result<Enforcement, Box<dyn Error>> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    if rules.root.is_some() {
        ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?;
    }
    let mut ruleset = ruleset.create()?;
    let granted = [
        (rules.root, AccessFs::ReadFile | AccessFs::ReadDir),
        // Creating it again after a rename needs the folder; a rule for the file would not do.
        (rules.root.and(rules.log_folder), AccessFs::WriteFile | AccessFs::MakeReg),
        (rules.root.and(rules.notify_socket), BitFlags::from(AccessFs::ResolveUnix)),
    ];
    for (path, access) in granted {
        if let Some(path) = path {
            ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(path)?, access))?;
        }
    }
    let status = ruleset.restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. }
            if status.ruleset != RulesetStatus::NotEnforced =>
        {
            Enforcement::Landlock { version: effective_abi as i32, files: rules.root.is_some() }
        }
        _ => Enforcement::Unavailable,
    })
}

/// As the banner and the log show it: the denials of this version. Unix sockets are named as in
/// unix(7).
impl fmt::Display for Enforcement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, files) = match *self {
            Self::Unavailable => return write!(out, "none: Landlock is not available"),
            Self::Off => return write!(out, "none: --no-sandbox"),
            Self::Landlock { version, files } => (version, files),
        };
        write!(out, "Landlock {version}")?;
        let denied = [
            (files, "other files"),
            (version >= FIRST_WITH_TCP, "TCP out"),
            (version >= FIRST_WITH_UDP, "UDP"),
            (version >= FIRST_WITH_SCOPES, "abstract sockets"),
            (files && version >= FIRST_WITH_PATHNAME_SOCKETS, "pathname sockets"),
            (version >= FIRST_WITH_SCOPES, "signals"),
        ];
        let mut denied = denied.iter().filter(|(is_denied, _)| *is_denied);
        denied.try_for_each(|(_, what)| write!(out, ", no {what}"))
    }
}
