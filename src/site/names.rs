//! The names in a folder, as the system gives them.

use std::ffi::CStr;
use std::os::fd::AsFd;

use rustix::fs::RawDir;

use super::root::OpenError;

/// Bytes of names that are read from a folder at once.
const NAMES_BYTES: usize = 32 * 1024;

/// Calls `take` with each name in the folder but its own and its parent's, until that fails.
pub(super) fn each<E: From<OpenError>>(
    folder: impl AsFd,
    mut take: impl FnMut(&CStr) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = Vec::with_capacity(NAMES_BYTES);
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(OpenError::from)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            take(entry.file_name())?;
        }
    }
    Ok(())
}
