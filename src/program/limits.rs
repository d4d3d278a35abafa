//! Fits the number of connections to the descriptors and memory maps of the system.

use std::fs;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::net::Options;

/// A connection has its socket, a file or folder, and for a moment a third descriptor during the
/// look-up: for the target of a link, or a file beside the one asked for.
const DESCRIPTORS_PER_CONNECTION: usize = 3;

/// For a log file being reopened, files that the system's libraries open for a moment, the sandbox,
/// and clients that are served without a slot.
const SPARE_DESCRIPTORS: usize = 10;

/// At least one in this many of the possible connections may be queued.
const QUEUE_SHARE: usize = 4;

/// The number of open descriptors if `/proc` does not tell.
const OPEN_GUESS: usize = 32;

/// A thread's stack, its guard, the stack for its signals, and the guard of that. If the last two
/// are refused, the standard library aborts.
const MAPS_PER_THREAD: usize = 4;

/// Maps for everything else: the program's own files, heaps, large buffers.
const SPARE_MAPS: usize = 4096;

/// Raises the process's soft limit of descriptors (`RLIMIT_NOFILE`) to the need of `wanted`, as far
/// as the hard limit allows. Returns `wanted`, with slots and places in the queue cut to the room
/// within this limit and that of memory maps (`vm.max_map_count`, see `proc_sys_vm(5)`), but at
/// least one of each.
pub(crate) fn raise(wanted: Options) -> Options {
    let maps = fs::read_to_string("/proc/sys/vm/max_map_count");
    let maps_max = maps.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(usize::MAX);
    let wanted = within_maps(wanted, maps_max);
    let open = fs::read_dir("/proc/self/fd").map_or(OPEN_GUESS, Iterator::count);
    let needed = connections(&wanted).saturating_mul(DESCRIPTORS_PER_CONNECTION);
    let needed = needed.saturating_add(open + SPARE_DESCRIPTORS);
    let mut limits = getrlimit(Resource::Nofile);
    let count = |limit| usize::try_from(limit).unwrap_or(usize::MAX);
    // `None` means no limit.
    let Some(current) = limits.current.map(count) else { return wanted };
    if current >= needed {
        return wanted;
    }
    let possible = limits.maximum.map_or(needed, |maximum| count(maximum).min(needed));
    limits.current = Some(possible as u64);
    let limit = if setrlimit(Resource::Nofile, limits).is_ok() { possible } else { current };
    within_descriptors(wanted, limit.saturating_sub(open))
}

fn connections(options: &Options) -> usize {
    options.max_connections.saturating_add(options.queue_max)
}

/// As many connections as this many free descriptors allow.
fn within_descriptors(wanted: Options, free: usize) -> Options {
    within(wanted, free.saturating_sub(SPARE_DESCRIPTORS) / DESCRIPTORS_PER_CONNECTION)
}

/// As many connections as this many maps allow.
fn within_maps(wanted: Options, maps: usize) -> Options {
    within(wanted, maps.saturating_sub(SPARE_MAPS) / MAPS_PER_THREAD)
}

fn within(wanted: Options, count: usize) -> Options {
    if connections(&wanted) <= count {
        return wanted;
    }
    let queue_max = (count / QUEUE_SHARE).clamp(1, wanted.queue_max.max(1));
    let max_connections = count.saturating_sub(queue_max).clamp(1, wanted.max_connections.max(1));
    Options { max_connections, queue_max, ..wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(max_connections: usize, queue_max: usize) -> Options {
        Options { max_connections, queue_max, ..Options::default() }
    }

    #[track_caller]
    fn check_descriptors(free: usize, slots: usize, queue: usize) {
        let got = within_descriptors(wanted(100, 20), free);
        assert_eq!((got.max_connections, got.queue_max), (slots, queue), "{free} free");
        let needed = connections(&got) * DESCRIPTORS_PER_CONNECTION + SPARE_DESCRIPTORS;
        assert!(free < 16 || needed <= free, "{free} free do not hold {got:?}");
    }

    #[test]
    fn connections_are_as_many_as_descriptors_allow() {
        check_descriptors(370, 100, 20);
        check_descriptors(369, 99, 20);
        check_descriptors(100, 23, 7);
        check_descriptors(16, 1, 1);
        check_descriptors(0, 1, 1);
    }

    #[track_caller]
    fn check_maps(slots: usize, maps: usize, want: usize) {
        let got = within_maps(wanted(slots, 256), maps);
        assert_eq!((got.max_connections, got.queue_max), (want, 256), "{slots}");
    }

    #[test]
    fn connections_are_as_many_as_maps_allow() {
        check_maps(100_000, 65_530, 15_102);
        check_maps(100, 65_530, 100);
        check_maps(100_000, usize::MAX, 100_000);
        let most = within_maps(wanted(usize::MAX, usize::MAX), 65_530);
        assert!(connections(&most) <= 15_358);
    }
}
