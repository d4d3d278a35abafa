//! The process restricts itself, by Landlock, before it serves any client.
//!
//! Afterwards it can read below the root, add to its log, and use the sockets that it has. What it
//! is denied, whatever a client makes of it, depends on the kernel: each version of Landlock has
//! rules for more, and [`Enforcement`] names those that hold. Landlock binds the thread that asks
//! for it and those that it makes later: so this is for the main thread, before there is any other.

use std::error::Error;
use std::fmt;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

/// The newest rules that are asked for; an older kernel enforces those that it knows.
const NEWEST: ABI = ABI::V10;

/// The first versions that have rules for these.
const FIRST_WITH_TCP: i32 = 4;
const FIRST_WITH_SCOPES: i32 = 6;
const FIRST_WITH_PATHNAME_SOCKETS: i32 = 9;
const FIRST_WITH_UDP: i32 = 10;

/// What the process may still do.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The folder that may be read; `None` leaves reading and writing files unrestricted.
    pub root: Option<&'a Path>,
    /// The folder in which the log file may be made and written.
    pub log_folder: Option<&'a Path>,
    /// The service manager's socket, which may be written to.
    pub notify_socket: Option<&'a Path>,
}

/// What the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// The kernel enforces the rules, as far as this version of Landlock has them.
    Landlock {
        /// Its ABI version.
        version: i32,
        /// Whether they cover files.
        files: bool,
    },
    /// The kernel has no Landlock, or it is switched off or forbidden.
    Unavailable,
    /// It was not asked for.
    Off,
}

/// Restricts the calling thread and every thread that it makes from now on, for good.
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
        // Making it again after a rename needs the folder; a rule on the file would not do.
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

/// As the banner and the log show it: what this version denies. Unix sockets are named as in
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
