//! What precedes an entry's content in an archive: its header, in blocks of 512 bytes.
//!
//! ustar has 100 bytes for a name and 155 for the folders before it, and octal digits for sizes up
//! to 8 GiB and times from 1970 to 2242. What goes beyond stands in pax records before the header
//! (POSIX, pax, "pax Extended Header"); what readers without pax go by is as close to it as ustar
//! has room for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use tar::{EntryType, Header};

/// All of an archive is in blocks of so many bytes.
pub(super) const BLOCK_BYTES: u64 = 512;

/// The largest size and the latest time that eleven octal digits can write.
const OCTAL_MAX: u64 = 0o777_7777_7777;

/// The most bytes of a path that are always within ustar's limits.
const NAME_BYTES_MAX: usize = 100;

/// What a header says of an entry.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    /// Its path in the archive. A folder's ends in a slash.
    pub(super) path: &'a [u8],
    /// Bytes of content.
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) modified_seconds: i64,
}

impl Member<'_> {
    /// The header, with its pax records before it.
    pub(super) fn header(self) -> Vec<u8> {
        let mut blocks = Vec::new();
        let records = self.records();
        if !records.is_empty() {
            let size = records.len() as u64;
            let about = Member { path: b"@PaxHeader", size, modified_seconds: 0 };
            let header = about.ustar(EntryType::XHeader);
            blocks.extend_from_slice(header.as_bytes());
            blocks.extend_from_slice(&records);
            blocks.resize(blocks.len().next_multiple_of(header.as_bytes().len()), 0);
        }
        let is_folder = self.path.ends_with(b"/");
        let kind = if is_folder { EntryType::Directory } else { EntryType::Regular };
        blocks.extend_from_slice(self.ustar(kind).as_bytes());
        blocks
    }

    /// The length of the header.
    pub(super) fn header_length(self) -> u64 {
        match self.records().len() as u64 {
            0 => BLOCK_BYTES,
            records => BLOCK_BYTES + records.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES,
        }
    }

    fn ustar(self, kind: EntryType) -> Header {
        let mut header = self.named();
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        // Beyond octal digits, both numbers are written in binary, which nearly all readers know.
        header.set_size(self.size);
        if let Ok(seconds) = u64::try_from(self.modified_seconds) {
            header.set_mtime(seconds);
        } else {
            let field = &mut header.as_old_mut().mtime;
            field.fill(0xff);
            field[4..].copy_from_slice(&self.modified_seconds.to_be_bytes());
        }
        header.set_cksum();
        header
    }

    /// A header that has nothing but the path, cut where there is no room for it.
    fn named(self) -> Header {
        let mut header = Header::new_ustar();
        if header.set_path(OsStr::from_bytes(self.path)).is_err() {
            header = Header::new_ustar();
            header.as_old_mut().name.copy_from_slice(&self.path[..NAME_BYTES_MAX]);
        }
        header
    }

    fn has_room_for_path(self) -> bool {
        self.path.len() <= NAME_BYTES_MAX
            || Header::new_ustar().set_path(OsStr::from_bytes(self.path)).is_ok()
    }

    /// The pax records that it needs.
    fn records(self) -> Vec<u8> {
        let mut records = Vec::new();
        let is_text = str::from_utf8(self.path).is_ok();
        // Readers take the bytes of ustar's names as they are, or in an encoding that they guess;
        // those of a record are UTF-8, unless another one says that they are none.
        if !self.has_room_for_path() || is_text && !self.path.is_ascii() {
            if !is_text {
                push_record(&mut records, "hdrcharset", b"BINARY");
            }
            push_record(&mut records, "path", self.path);
        }
        if self.size > OCTAL_MAX {
            push_record(&mut records, "size", self.size.to_string().as_bytes());
        }
        if !u64::try_from(self.modified_seconds).is_ok_and(|seconds| seconds <= OCTAL_MAX) {
            push_record(&mut records, "mtime", self.modified_seconds.to_string().as_bytes());
        }
        records
    }
}

/// Appends `LENGTH KEY=VALUE\n`, whose length counts its own digits, too.
fn push_record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + " =\n".len();
    let digits = |number: usize| number.to_string().len();
    let mut length = rest + digits(rest);
    // One more digit at most.
    length = rest + digits(length);
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}
