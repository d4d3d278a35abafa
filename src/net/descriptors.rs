//! The limit on open descriptors (`RLIMIT_NOFILE`), raised to what the seats need; and how many
//! seats it has enough for.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

/// A client has its socket, a file or folder, and while it is looked for a further one: what a link
/// leads to, or what lies beside the file.
const FOR_EACH_CLIENT: usize = 3;

/// A log that is reopened, what the system's libraries open for a moment, the sandbox.
const SPARE: usize = 4;

/// Of the descriptors that are left, at least one in so many is for the seats.
const WAITING_SHARE: usize = 8;

/// What is open where `/proc` does not tell.
const OPEN_GUESS: usize = 32;

/// How many clients the process has descriptors for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// That can be served at once.
    pub seats: usize,
    /// That can wait for a seat at once.
    pub waiting_places: usize,
}

/// Raises the process's soft limit to what `wanted` needs, if the hard limit allows it, and as far
/// as it does; gives what there are descriptors for, never more than is wanted, and at least one of
/// each.
pub fn raise_descriptor_limit(wanted: Capacity) -> Capacity {
    let open = fs::read_dir("/proc/self/fd").map_or(OPEN_GUESS, Iterator::count);
    let needed = wanted.needed(open);
    let mut limits = getrlimit(Resource::Nofile);
    // `None` is no limit at all.
    let Some(current) = limits.current.map(count) else { return wanted };
    if current >= needed {
        return wanted;
    }
    let possible = limits.maximum.map_or(needed, |maximum| count(maximum).min(needed));
    limits.current = Some(possible as u64);
    let limit = if setrlimit(Resource::Nofile, limits).is_ok() { possible } else { current };
    wanted.within(limit.saturating_sub(open))
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Capacity {
    fn needed(self, open: usize) -> usize {
        let clients = self.seats.saturating_mul(FOR_EACH_CLIENT);
        clients.saturating_add(self.waiting_places).saturating_add(open + SPARE)
    }

    /// As much of it as so many free descriptors are enough for.
    fn within(self, free: usize) -> Self {
        if free >= self.needed(0) {
            return self;
        }
        let free = free.saturating_sub(SPARE);
        let waiting_places = (free / WAITING_SHARE).clamp(1, self.waiting_places.max(1));
        let seats = free.saturating_sub(waiting_places) / FOR_EACH_CLIENT;
        Self { seats: seats.clamp(1, self.seats.max(1)), waiting_places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(free: usize, seats: usize, waiting_places: usize) {
        let wanted = Capacity { seats: 100, waiting_places: 20 };
        let got = wanted.within(free);
        assert_eq!(got, Capacity { seats, waiting_places }, "{free} free");
        assert!(free <= 8 || got.needed(0) <= free, "{free} free do not hold {got:?}");
    }

    #[test]
    fn seats_are_as_many_as_descriptors_allow() {
        check(1000, 100, 20);
        check(324, 100, 20);
        check(323, 99, 20);
        check(100, 28, 12);
        check(28, 7, 3);
        check(8, 1, 1);
        check(0, 1, 1);
    }
}
