//! The only module that opens served files.
//!
//! Opening is the check: one call of `openat2` with `RESOLVE_BENEATH` opens each path below a
//! descriptor of the root, and all metadata is read from the new descriptor. Without `openat2`,
//! paths are opened name by name, and no link is followed. No path is ever tested and then opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::http::date::Date;
use crate::memory::OutOfMemory;

/// How often to retry a path that races with a rename, before giving up.
const RACES_MAX: usize = 8;

/// `O_NONBLOCK`, so that opening a FIFO does not block; `O_NOCTTY`, so that no terminal becomes our
/// controlling one.
const OPEN: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// `O_PATH`, so that a folder on the way need not be readable, just as with `openat2`.
const OPEN_ON_THE_WAY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Which symbolic links may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symlinks {
    /// None.
    Deny,
    /// Links to targets below the root.
    Within,
    /// All.
    Follow,
}

/// The served folder.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    real_path: PathBuf,
    symlinks: Symlinks,
    /// Available in Linux since 5.6; a seccomp filter may forbid it.
    has_openat2: bool,
}

/// A file or folder below the root, open for reading.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A regular file, with the metadata of its descriptor.
    File(File, Metadata),
    /// A folder.
    Directory(OwnedFd),
}

/// Metadata of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Metadata {
    /// Bytes.
    pub(crate) size: u64,
    /// Last modification, in seconds since 1970; negative before then.
    pub(crate) modified_seconds: i64,
    /// And its nanoseconds.
    pub(crate) modified_nanoseconds: u32,
    /// The file's number on its file system.
    pub(crate) inode: u64,
}

/// Why a path could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The path has nothing that may be served.
    NotFound,
    /// It exists, but our user may not read it.
    Forbidden,
    /// Out of descriptors or memory, or every attempt raced with a rename: it may work later.
    Unavailable(Errno),
    /// The file system failed.
    Failed(Errno),
}

impl Root {
    /// Opens the folder at `path`, below which everything else is opened.
    pub(crate) fn open(path: &Path, symlinks: Symlinks) -> io::Result<Self> {
        let real_path = path.canonicalize()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&real_path, flags, Mode::empty())?;
        let beneath = ResolveFlags::BENEATH;
        let has_openat2 = match rustix::fs::openat2(&directory, ".", OPEN, Mode::empty(), beneath) {
            Ok(_) => true,
            // Only a missing call, or a seccomp filter that forbids it, is a reason to do without.
            // Other errors, such as a lack of descriptors, may be over in a moment.
            Err(Errno::NOSYS | Errno::PERM) => false,
            Err(errno) => return Err(errno.into()),
        };
        Ok(Self { directory, real_path, symlinks, has_openat2 })
    }

    /// The folder's path, absolute and without links.
    pub(crate) fn real_path(&self) -> &Path {
        &self.real_path
    }

    /// Whether the kernel guards each opened path. Otherwise no link can be safely kept inside, and
    /// none is followed.
    pub(crate) fn has_openat2(&self) -> bool {
        self.has_openat2
    }

    /// Which links are followed.
    pub(crate) fn symlinks(&self) -> Symlinks {
        match self.symlinks {
            Symlinks::Within if !self.has_openat2 => Symlinks::Deny,
            asked => asked,
        }
    }

    /// Opens the file or folder at `path`, decoded and relative to the root: without empty names,
    /// `.` and `..`; empty for the root itself.
    pub(crate) fn entry(&self, path: &[u8]) -> Result<Opened, OpenError> {
        Opened::of(self.descriptor(path)?)
    }

    /// Opens `path` below an open folder without following any link, not even one that `entry`
    /// would follow, so that a path only leads down.
    pub(crate) fn entry_below(&self, folder: &OwnedFd, path: &[u8]) -> Result<Opened, OpenError> {
        let path = if path.is_empty() { b"." } else { path };
        Opened::of(if self.has_openat2 {
            open_beneath(folder, path, ResolveFlags::NO_SYMLINKS)?
        } else {
            walk(folder, path)?
        })
    }

    /// Like `entry`, for files only.
    pub(crate) fn file(&self, path: &[u8]) -> Result<(File, Metadata), OpenError> {
        match self.entry(path)? {
            Opened::File(file, metadata) => Ok((file, metadata)),
            Opened::Directory(_) => Err(OpenError::NotFound),
        }
    }

    fn descriptor(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        match (self.symlinks, self.has_openat2) {
            (Symlinks::Follow, _) => {
                rustix::fs::openat(&self.directory, OsStr::from_bytes(path), OPEN, Mode::empty())
            }
            (_, false) => walk(&self.directory, path),
            (Symlinks::Deny, true) => {
                open_beneath(&self.directory, path, ResolveFlags::NO_SYMLINKS)
            }
            (Symlinks::Within, true) => {
                match open_beneath(&self.directory, path, ResolveFlags::empty()) {
                    Err(Errno::XDEV) => self.open_by_real_path(path),
                    result => result,
                }
            }
        }
    }

    /// For paths that `RESOLVE_BENEATH` refuses: an absolute link, even one that leads back inside.
    /// If the path's real form is below the root's, it is opened without any link on the way. This
    /// second open is the check, whatever has changed since.
    fn open_by_real_path(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let real = self.real_path.join(OsStr::from_bytes(path)).canonicalize();
        let real = real.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::XDEV))?;
        let below = real.strip_prefix(&self.real_path).map_err(|_| Errno::XDEV)?;
        let below = below.as_os_str().as_bytes();
        let below = if below.is_empty() { b"." } else { below };
        open_beneath(&self.directory, below, ResolveFlags::NO_SYMLINKS)
    }
}

impl Opened {
    /// The file or folder behind this descriptor, by itself and not by any path.
    fn of(descriptor: OwnedFd) -> Result<Self, OpenError> {
        let stat = rustix::fs::fstat(&descriptor).map_err(OpenError::from)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Self::File(File::from(descriptor), Metadata::from(&stat))),
            FileType::Directory => Ok(Self::Directory(descriptor)),
            _ => Err(OpenError::NotFound),
        }
    }
}

fn open_beneath(
    directory: &OwnedFd,
    path: &[u8],
    links: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | links;
    let path = OsStr::from_bytes(path);
    // When the kernel restarts a look-up after a rename, it counts links twice: what looks like a
    // circle may be just over twenty links.
    let may_pass = |errno| match errno {
        Errno::AGAIN => true,
        Errno::LOOP => !links.contains(ResolveFlags::NO_SYMLINKS),
        _ => false,
    };
    let mut result = Err(Errno::AGAIN);
    for _ in 0..RACES_MAX {
        result = rustix::fs::openat2(directory, path, OPEN, Mode::empty(), resolve);
        if !result.as_ref().is_err_and(|&errno| may_pass(errno)) {
            break;
        }
    }
    result
}

/// Without `openat2`: name by name, and without links. A decoded path has no `..` that could lead
/// out.
fn walk(start: &OwnedFd, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let mut names = path.split(|&byte| byte == b'/').map(OsStr::from_bytes).peekable();
    let mut directory: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        let parent = directory.as_ref().map_or(start.as_fd(), AsFd::as_fd);
        let is_on_the_way = names.peek().is_some();
        let flags = if is_on_the_way { OPEN_ON_THE_WAY } else { OPEN | OFlags::NOFOLLOW };
        directory = Some(rustix::fs::openat(parent, name, flags, Mode::empty())?);
    }
    directory.ok_or(Errno::NOENT)
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        match errno {
            // No such name; a file in place of a folder; a name that no file system could hold, or
            // not this one (EILSEQ: bytes that are not UTF-8); a link that may not be followed or
            // leads in circles (ELOOP) or out of the root (EXDEV); a socket, or a device without a
            // driver (ENXIO, ENODEV).
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::INVAL
            | Errno::ILSEQ
            | Errno::LOOP
            | Errno::XDEV
            | Errno::NXIO
            | Errno::NODEV => Self::NotFound,
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => {
                Self::Unavailable(errno)
            }
            other => Self::Failed(other),
        }
    }
}

/// The error of a kernel without memory.
impl From<OutOfMemory> for OpenError {
    fn from(_: OutOfMemory) -> Self {
        Self::Unavailable(Errno::NOMEM)
    }
}

impl Metadata {
    /// The metadata of an open folder.
    pub(super) fn of(folder: &OwnedFd) -> rustix::io::Result<Self> {
        rustix::fs::fstat(folder).map(|stat| Self::from(&stat))
    }

    /// When it was modified, if HTTP can write that time.
    pub(crate) fn modified(&self) -> Option<Date> {
        Date::from_unix(self.modified_seconds)
    }
}

impl From<&Stat> for Metadata {
    fn from(stat: &Stat) -> Self {
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_seconds: stat.st_mtime,
            modified_nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            inode: stat.st_ino,
        }
    }
}

#[cfg(test)]
mod tests;
