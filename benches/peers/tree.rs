//! The files that every server serves: the same bytes on every machine, created once.
//!
//! They stay under `target/bench/www`; a file that is missing or too short is created again. All
//! users can read every file and folder, since some servers switch from root to another user.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Name and length in bytes of each file.
pub(crate) const FILES: [(&str, u64); 5] = [
    ("140.html", 140),
    ("10k.html", 10_000),
    ("100k.html", 100_000),
    ("10m.bin", 10_000_000),
    ("1g.bin", 1_000_000_000),
];
/// How many entries each folder `listing-N` has.
pub(crate) const FOLDERS: [usize; 3] = [1_000, 10_000, 100_000];

/// A folder of equal files, to be sent as an archive.
pub(crate) struct Folder {
    pub(crate) name: &'static str,
    pub(crate) files: usize,
    /// Bytes of each file.
    pub(crate) length: u64,
}

/// Together as long as `10m.bin` and `1g.bin`.
pub(crate) const MANY_SMALL: Folder =
    Folder { name: "archive-small", files: 1_000, length: 10_000 };
pub(crate) const FEW_LARGE: Folder =
    Folder { name: "archive-large", files: 10, length: 100_000_000 };

const BLOCK_BYTES: usize = 64 * 1024;

/// Creates what is missing below `folder`, and returns the root to be served.
pub(crate) fn make(folder: &Path) -> io::Result<PathBuf> {
    let root = folder.join("www");
    fs::create_dir_all(&root)?;
    for (name, length) in FILES {
        let path = root.join(name);
        if !fs::metadata(&path).is_ok_and(|found| found.len() == length) {
            eprintln!("creating {} ({length} bytes)", path.display());
            write_file(&path, length)?;
        }
    }
    for entries in FOLDERS {
        let path = root.join(format!("listing-{entries}"));
        if !fs::read_dir(&path).is_ok_and(|found| found.count() == entries) {
            eprintln!("creating {} ({entries} files)", path.display());
            fs::create_dir_all(&path)?;
            for number in 0..entries {
                File::create(path.join(entry_name(number)))?;
            }
        }
    }
    for Folder { name, files, length } in [MANY_SMALL, FEW_LARGE] {
        let folder = root.join(name);
        fs::create_dir_all(&folder)?;
        for number in 0..files {
            let path = folder.join(entry_name(number));
            if !fs::metadata(&path).is_ok_and(|found| found.len() == length) {
                write_file(&path, length)?;
            }
        }
    }
    Ok(root)
}

/// A name of typical length.
pub(crate) fn entry_name(number: usize) -> String {
    format!("report-of-{number:06}.txt")
}

/// Pseudo-random lower-case letters, so that no server can compress them well.
fn write_file(path: &Path, length: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = vec![0; BLOCK_BYTES];
    let mut left = length;
    while left > 0 {
        for byte in &mut block {
            // xorshift64: fast, and the same everywhere.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = b'a' + state.to_le_bytes()[0] % 26;
        }
        let take = usize::try_from(left).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        file.write_all(&block[..take])?;
        left -= take as u64;
    }
    file.flush()
}
