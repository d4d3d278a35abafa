//! Gives memory back to the system.
//!
//! The allocator keeps what has been freed, if it lies between pieces that are in use: 30 MB after
//! 5,000 clients, where 3 MB was the start. And it learns from large buffers to keep them, in each
//! of its arenas: 80 MB after 80 listings.

/// Bytes from which on a buffer goes back to the system as soon as it is freed.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 512 * 1024;

/// Free bytes that each arena keeps at its end, so that smaller buffers are not asked for again.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 2 * LARGE_BYTES;

/// Lets the allocator never keep large buffers, whatever it sees of them.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no safe wrapper offers mallopt")]
pub(crate) fn keep_no_large_buffers() {
    for (number, bytes) in
        [(libc::M_MMAP_THRESHOLD, LARGE_BYTES), (libc::M_TRIM_THRESHOLD, KEPT_BYTES)]
    {
        // SAFETY: it sets a number of the allocator's, or changes nothing (see mallopt(3)).
        unsafe { libc::mallopt(number, bytes) };
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
pub(crate) fn keep_no_large_buffers() {}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}
