//! A name in a folder, and what it leads to.
//!
//! Pure values: nothing here opens or looks at a file. A name is bytes, since a file system takes
//! any but a slash and NUL; which of them can be shown is decided in `text`.

use crate::http::date::Date;

/// What a name in a folder leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A folder, linked with a slash at its end.
    Directory,
    /// A regular file.
    File,
    /// A socket, a FIFO, a device: there, but without content to serve.
    Other,
}

/// A name in a folder and what is known of the thing it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The bytes of the name: any but `/` and NUL, in any encoding or none.
    pub(crate) name: Vec<u8>,
    /// What the name leads to.
    pub(crate) kind: Kind,
    /// Bytes of content; it counts only for a [`Kind::File`].
    pub(crate) size: u64,
    /// When the content changed; `None` where HTTP can't write that moment.
    pub(crate) modified: Option<Date>,
}

impl Entry {
    /// Whether it is a folder.
    pub(super) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// The size, where the kind has one.
    pub(super) fn content_size(&self) -> Option<u64> {
        (self.kind == Kind::File).then_some(self.size)
    }
}
