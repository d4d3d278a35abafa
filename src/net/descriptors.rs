//! The limit on open descriptors (`RLIMIT_NOFILE`), raised to what the seats need.

use std::fmt;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Each client has its socket, and may have one file or folder open.
const FOR_EACH_CLIENT: u64 = 2;

/// For listeners, logs, the root, signals, and whatever the system's libraries keep.
const FOR_THE_PROCESS: u64 = 64;

/// The limit is too low for all the seats, and may not be raised that far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewDescriptors {
    connections: usize,
    needed: u64,
    limit: u64,
}

/// Raises the process's soft limit to what `connections` clients at once need, if the hard limit
/// allows it, and as far as it does.
pub fn raise_descriptor_limit(connections: usize) -> Result<(), TooFewDescriptors> {
    let needed = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_mul(FOR_EACH_CLIENT)
        .saturating_add(FOR_THE_PROCESS);
    let mut limits = getrlimit(Resource::Nofile);
    // `None` is no limit at all.
    let Some(current) = limits.current.filter(|&current| current < needed) else { return Ok(()) };
    let possible = limits.maximum.map_or(needed, |maximum| maximum.min(needed));
    limits.current = Some(possible);
    let is_raised = setrlimit(Resource::Nofile, limits).is_ok();
    let limit = if is_raised { possible } else { current };
    if limit < needed { Err(TooFewDescriptors { connections, needed, limit }) } else { Ok(()) }
}

impl fmt::Display for TooFewDescriptors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, needed, limit } = self;
        write!(
            out,
            "{connections} connections may need {needed} descriptors, and the limit is {limit} \
             (ulimit -n): when they run out, clients wait"
        )
    }
}

impl std::error::Error for TooFewDescriptors {}
