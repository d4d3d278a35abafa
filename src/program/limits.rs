//! How many connections the system has descriptors and memory maps for.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

/// A connection has its socket, a file or folder, and while that is looked for a further one: what
/// a link leads to, or what lies beside the file.
const DESCRIPTORS_PER_CONNECTION: usize = 3;

/// A log that is reopened, what the system's libraries open for a moment, the sandbox, and clients
/// that are served without a slot.
const SPARE_DESCRIPTORS: usize = 10;

/// Of the connections that there is room for, at least one in so many may be queued.
const QUEUE_SHARE: usize = 4;

/// What is open where `/proc` does not tell.
const OPEN_GUESS: usize = 32;

/// A thread's stack, its guard, the stack for its signals, and that one's guard. Where the last two
/// are refused, the standard library aborts.
const MAPS_PER_THREAD: usize = 4;

/// Maps for all else: files that are part of the program, heaps, large buffers.
const SPARE_MAPS: usize = 4096;

/// Connections that the process has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// That may make the server wait at once.
    pub(crate) slots: usize,
    /// That may be queued for that.
    pub(crate) queue: usize,
}

/// Raises the process's soft limit of descriptors (`RLIMIT_NOFILE`) to what `wanted` needs, as far
/// as the hard limit allows it. Gives what there is room for, by this limit and by that of memory
/// maps (`vm.max_map_count`, see `proc_sys_vm(5)`): never more than is wanted, at least one each.
pub(crate) fn raise(wanted: Capacity) -> Capacity {
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count");
    let maps_max = maps.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(usize::MAX);
    let wanted = wanted.within_maps(maps_max);
    let open = fs::read_dir("/proc/self/fd").map_or(OPEN_GUESS, Iterator::count);
    let needed = wanted.descriptors().saturating_add(open + SPARE_DESCRIPTORS);
    let mut limits = getrlimit(Resource::Nofile);
    // `None` is no limit at all.
    let Some(current) = limits.current.map(count) else { return wanted };
    if current >= needed {
        return wanted;
    }
    let possible = limits.maximum.map_or(needed, |maximum| count(maximum).min(needed));
    limits.current = Some(possible as u64);
    let limit = if setrlimit(Resource::Nofile, limits).is_ok() { possible } else { current };
    wanted.within_descriptors(limit.saturating_sub(open))
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Capacity {
    fn connections(self) -> usize {
        self.slots.saturating_add(self.queue)
    }

    fn descriptors(self) -> usize {
        self.connections().saturating_mul(DESCRIPTORS_PER_CONNECTION)
    }

    /// As much of it as so many free descriptors are enough for.
    fn within_descriptors(self, free: usize) -> Self {
        self.within(free.saturating_sub(SPARE_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION)
    }

    /// As much of it as so many maps are enough for.
    fn within_maps(self, maps: usize) -> Self {
        self.within(maps.saturating_sub(SPARE_MAPS) / MAPS_PER_THREAD)
    }

    fn within(self, connections: usize) -> Self {
        if self.connections() <= connections {
            return self;
        }
        let queue = (connections / QUEUE_SHARE).clamp(1, self.queue.max(1));
        let slots = connections.saturating_sub(queue).clamp(1, self.slots.max(1));
        Self { slots, queue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Capacity = Capacity { slots: 100, queue: 20 };

    #[track_caller]
    fn check(free: usize, slots: usize, queue: usize) {
        let got = WANTED.within_descriptors(free);
        assert_eq!(got, Capacity { slots, queue }, "{free} free");
        let needed = got.descriptors() + SPARE_DESCRIPTORS;
        assert!(free < 16 || needed <= free, "{free} free do not hold {got:?}");
    }

    #[test]
    fn connections_are_as_many_as_descriptors_allow() {
        check(1000, 100, 20);
        check(370, 100, 20);
        check(369, 99, 20);
        check(100, 23, 7);
        check(34, 6, 2);
        check(16, 1, 1);
        check(0, 1, 1);
    }

    #[test]
    fn connections_are_as_many_as_maps_allow() {
        let wanted = Capacity { slots: 100_000, queue: 256 };
        assert_eq!(wanted.within_maps(65_530), Capacity { slots: 15_102, queue: 256 });
        assert_eq!(WANTED.within_maps(65_530), WANTED);
        assert_eq!(wanted.within_maps(usize::MAX), wanted);
        let most = Capacity { slots: usize::MAX, queue: usize::MAX };
        assert!(most.within_maps(65_530).connections() <= 15_358);
    }
}
