//! What precedes an entry's content in an archive: its header, in blocks of 512 bytes.
//!
//! The format is GNU tar's, which all readers know: a path of more than 100 bytes stands whole in
//! an entry of its own before the header, and numbers beyond octal digits are written in binary.
//! Paths are bytes, and stay what they are.

use tar::{EntryType, Header};

/// All of an archive is in blocks of so many bytes.
pub(super) const BLOCK_BYTES: u64 = 512;

/// The bytes of a path that a header has room for.
const NAME_BYTES_MAX: usize = 100;

/// The header of a file of `size` bytes, or of a folder, whose path ends in a slash. The time is in
/// seconds since 1970.
pub(super) fn header(path: &[u8], size: u64, modified_seconds: i64) -> Vec<u8> {
    let mut blocks = Vec::new();
    if path.len() > NAME_BYTES_MAX {
        // A zero byte ends it.
        let length = path.len() as u64 + 1;
        push(&mut blocks, b"././@LongLink", EntryType::GNULongName, length, 0);
        blocks.extend_from_slice(path);
        blocks.resize(length_of(path) - size_of::<Header>(), 0);
    }
    let is_folder = path.ends_with(b"/");
    let kind = if is_folder { EntryType::Directory } else { EntryType::Regular };
    push(&mut blocks, path, kind, size, modified_seconds);
    blocks
}

/// The length of the header for that path.
pub(super) fn length_of(path: &[u8]) -> usize {
    let header = size_of::<Header>();
    if path.len() > NAME_BYTES_MAX {
        header + (path.len() + 1).next_multiple_of(header) + header
    } else {
        header
    }
}

fn push(blocks: &mut Vec<u8>, path: &[u8], kind: EntryType, size: u64, modified_seconds: i64) {
    let mut header = Header::new_gnu();
    let length = path.len().min(NAME_BYTES_MAX);
    header.as_old_mut().name[..length].copy_from_slice(&path[..length]);
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(modified_seconds.unsigned_abs());
    if modified_seconds < 0 {
        // The crate writes no negative number, which is the two's complement of all bytes.
        let field = &mut header.as_old_mut().mtime;
        field.fill(0xff);
        field[4..].copy_from_slice(&modified_seconds.to_be_bytes());
    }
    header.set_cksum();
    blocks.extend_from_slice(header.as_bytes());
}
