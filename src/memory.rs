//! Requests for memory that may be short, and its return to the system.
//!
//! A failed allocation ends the process. So large buffers are requested by [`reserve`] or
//! [`reserve_text`], which can refuse them while small allocations still succeed.
//!
//! The allocator keeps freed memory that lies between pieces in use: 30 MB after 5,000 clients, up
//! from 3 MB at the start. It also learns to keep large buffers, in each of its arenas: 80 MB after
//! 80 listings.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, OnceLock};

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

use crate::lock::lock;

/// A buffer of this many bytes goes back to the system as soon as it is freed.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 512 * 1024;

/// Free bytes that each arena keeps at its end, so that smaller buffers reuse them.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 2 * LARGE_BYTES;

/// Bytes that large buffers must leave free, for the small allocations of all threads. Spawning a
/// thread also needs this many.
const SPARE_BYTES: usize = 33 * 1024 * 1024;

/// Up to this many bytes are small: they come from the spare bytes, without a check.
const SMALL_BYTES_MAX: usize = 256 * 1024;

/// The kernel's figures for the size of this process (`statm` in proc(5)), opened before the
/// sandbox closes `/proc`.
static OWN_SIZE: OnceLock<Option<File>> = OnceLock::new();

/// Makes the check for free memory and its allocation one step among all threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// There is no memory for a large buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// Configures the allocator, and opens the kernel's figures on this process. To be called before
/// the sandbox and before the second thread.
pub(crate) fn prepare() {
    let is_limited = limits().iter().any(Option::is_some);
    set_up_allocator(is_limited);
    own_size();
}

fn own_size() -> Option<&'static File> {
    OWN_SIZE.get_or_init(|| File::open("/proc/self/statm").ok()).as_ref()
}

/// The limits of the address space, and of data and stacks.
fn limits() -> [Option<u64>; 2] {
    [Resource::As, Resource::Data].map(|limit| getrlimit(limit).current)
}

/// Whether the limits of this process (`RLIMIT_AS`, `RLIMIT_DATA`) leave this many bytes beside the
/// spare ones. A trial allocation would take them from other threads for a moment.
pub(crate) fn check(bytes: usize) -> Result<(), OutOfMemory> {
    let limits = limits();
    let file = own_size().filter(|_| limits.iter().any(Option::is_some));
    let Some(file) = file else { return Ok(()) };
    let mut text = [0; 128];
    let length = file.read_at(&mut text, 0).map_err(|_| OutOfMemory)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let pages: Vec<u64> =
        text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let wanted = bytes.saturating_add(SPARE_BYTES) as u64;
    // The first number is the address space, the sixth data and stacks.
    let is_enough = limits.into_iter().zip([0, 5]).all(|(limit, at)| {
        let taken = pages.get(at).unwrap_or(&0).saturating_mul(page_size() as u64);
        limit.is_none_or(|limit| taken.saturating_add(wanted) <= limit)
    });
    if is_enough { Ok(()) } else { Err(OutOfMemory) }
}

/// Reserves room for this many more items.
pub(crate) fn reserve<T>(items: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
    let _turn = admit(items.len(), items.capacity(), more, size_of::<T>())?;
    items.try_reserve(more).map_err(|_| OutOfMemory)
}

/// Reserves room for this many more bytes of text.
pub(crate) fn reserve_text(text: &mut String, more: usize) -> Result<(), OutOfMemory> {
    let _turn = admit(text.len(), text.capacity(), more, 1)?;
    text.try_reserve(more).map_err(|_| OutOfMemory)
}

/// Permits a request for this many more items, until the guard is dropped.
fn admit(
    length: usize,
    capacity: usize,
    more: usize,
    bytes_of_each: usize,
) -> Result<Option<MutexGuard<'static, ()>>, OutOfMemory> {
    if capacity - length >= more {
        return Ok(None);
    }
    // The growth of `try_reserve`, which makes many small steps cheap.
    let count = length.saturating_add(more).max(2 * capacity);
    let bytes = count.saturating_mul(bytes_of_each);
    let guard = lock(&ONE_AT_A_TIME);
    if bytes > SMALL_BYTES_MAX {
        check(bytes)?;
    }
    Ok(Some(guard))
}

/// Makes the allocator always return large buffers, whatever it learns. Each of its arenas takes
/// 64 MiB of address space at once: under a limit, all threads share one.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe wrapper offers mallopt")]
fn set_up_allocator(is_limited: bool) {
    let mut options =
        vec![(libc::M_MMAP_THRESHOLD, LARGE_BYTES), (libc::M_TRIM_THRESHOLD, KEPT_BYTES)];
    options.extend(is_limited.then_some((libc::M_ARENA_MAX, 1)));
    for (number, value) in options {
        // SAFETY: it sets one of the allocator's numbers, or changes nothing (see mallopt(3)).
        unsafe { libc::mallopt(number, value) };
    }
}

/// Returns the free pages of the heap to the system. It takes milliseconds, so call it only while
/// no client waits for this thread.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe wrapper offers malloc_trim")]
pub(crate) fn give_back() {
    // SAFETY: it may be called from any thread at any time (see malloc_trim(3)), and touches only
    // pages that are free.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
fn set_up_allocator(_is_limited: bool) {}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_refused() {
        let (mut items, mut text) = (vec![1_u32], String::from("text"));
        assert_eq!(reserve(&mut items, usize::MAX), Err(OutOfMemory));
        assert_eq!(reserve_text(&mut text, usize::MAX), Err(OutOfMemory));
        assert_eq!((items.len(), text.as_str()), (1, "text"));
        assert_eq!(reserve(&mut items, 1_000_000), Ok(()));
        assert!(items.capacity() > 1_000_000);
        assert_eq!(reserve_text(&mut text, 1_000_000), Ok(()));
        assert!(text.capacity() > 1_000_000);
    }
}
