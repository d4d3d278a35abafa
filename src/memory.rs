//! Asks for memory that may not be there, and gives it back to the system.
//!
//! An allocation that fails ends the process. So what may become large is asked for by [`reserve`]
//! or [`reserve_text`] and can be refused, while there still is enough for all that is small.
//!
//! The allocator keeps what has been freed, if it lies between pieces that are in use: 30 MB after
//! 5,000 clients, where 3 MB was the start. And it learns from large buffers to keep them, in each
//! of its arenas: 80 MB after 80 listings.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, OnceLock};

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

use crate::lock::lock;

/// Bytes from which on a buffer goes back to the system as soon as it is freed.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 512 * 1024;

/// Free bytes that each arena keeps at its end, so that smaller buffers are not asked for again.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 2 * LARGE_BYTES;

/// Bytes that nothing large may take: what all threads need for small things. As much must be free
/// before a thread is spawned.
const SPARE_BYTES: usize = 33 * 1024 * 1024;

/// Up to so many bytes are small: they come from what is spared, without asking.
const SMALL_BYTES_MAX: usize = 256 * 1024;

/// What the kernel says of the size of this process (`statm` in proc(5)): opened before the sandbox
/// closes `/proc`.
static OWN_SIZE: OnceLock<Option<File>> = OnceLock::new();

/// Between a look at what is free and the taking of it, no other thread does the same.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// There is no memory for something large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// Sets the allocator up, and takes note of the limits of this process. To be called before the
/// sandbox and the second thread.
pub(crate) fn prepare() {
    let is_limited = limits().iter().any(Option::is_some);
    set_up_allocator(is_limited);
    own_size();
}

fn own_size() -> Option<&'static File> {
    OWN_SIZE.get_or_init(|| File::open("/proc/self/statm").ok()).as_ref()
}

/// The limits of all address space, and of data and stacks.
fn limits() -> [Option<u64>; 2] {
    [Resource::As, Resource::Data].map(|limit| getrlimit(limit).current)
}

/// Whether the limits of this process (`RLIMIT_AS`, `RLIMIT_DATA`) leave so many bytes, and some to
/// spare. To allocate them in order to see would take them from the other threads for that moment.
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
    // All of the address space is the first number; data and stack are the sixth.
    let is_enough = limits.into_iter().zip([0, 5]).all(|(limit, at)| {
        let taken = pages.get(at).unwrap_or(&0).saturating_mul(page_size() as u64);
        limit.is_none_or(|limit| taken.saturating_add(wanted) <= limit)
    });
    if is_enough { Ok(()) } else { Err(OutOfMemory) }
}

/// Makes room for so many more items.
pub(crate) fn reserve<T>(items: &mut Vec<T>, more: usize) -> Result<(), OutOfMemory> {
    let _turn = admit(items.len(), items.capacity(), more, size_of::<T>())?;
    items.try_reserve(more).map_err(|_| OutOfMemory)
}

/// Makes room for so many more bytes of text.
pub(crate) fn reserve_text(text: &mut String, more: usize) -> Result<(), OutOfMemory> {
    let _turn = admit(text.len(), text.capacity(), more, 1)?;
    text.try_reserve(more).map_err(|_| OutOfMemory)
}

/// Whether so many more items may be asked for, until the guard is dropped.
fn admit(
    length: usize,
    capacity: usize,
    more: usize,
    bytes_of_each: usize,
) -> Result<Option<MutexGuard<'static, ()>>, OutOfMemory> {
    if capacity - length >= more {
        return Ok(None);
    }
    // As `try_reserve` does, so that many small steps cost little.
    let count = length.saturating_add(more).max(2 * capacity);
    let bytes = count.saturating_mul(bytes_of_each);
    let turn = lock(&ONE_AT_A_TIME);
    if bytes > SMALL_BYTES_MAX {
        check(bytes)?;
    }
    Ok(Some(turn))
}

/// Lets the allocator never keep large buffers, whatever it sees of them. Each of its arenas takes
/// 64 MiB of address space at once: where that is limited, there is one for all threads.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe wrapper offers mallopt")]
fn set_up_allocator(is_limited: bool) {
    let mut options =
        vec![(libc::M_MMAP_THRESHOLD, LARGE_BYTES), (libc::M_TRIM_THRESHOLD, KEPT_BYTES)];
    options.extend(is_limited.then_some((libc::M_ARENA_MAX, 1)));
    for (number, value) in options {
        // SAFETY: it sets a number of the allocator's, or changes nothing (see mallopt(3)).
        unsafe { libc::mallopt(number, value) };
    }
}

/// Gives the free pages of the heap back to the system. It takes milliseconds, so this is for
/// moments in which no client waits for the calling thread.
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
