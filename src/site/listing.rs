//! Folder listings: entries in, HTML or JSON out.
//!
//! Pure: who reads the folder, decides what may be listed and answers the request is elsewhere;
//! this module neither opens a file nor asks a clock. A folder may hold any number of entries with
//! any names: a [`Selection`] holds no more of them than its limit, and whatever a name consists
//! of, it is shown harmlessly and linked exactly.

mod json;
mod order;
mod page;
mod text;

use crate::http::date::Date;

use order::Ranked;

pub(crate) use json::json;
pub(crate) use order::Order;
pub(crate) use page::{CONTENT_SECURITY_POLICY, README_LIMIT, Readme, page};

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
    /// Bytes of content; it counts for a [`Kind::File`] alone.
    pub(crate) size: u64,
    /// When the content changed; `None` where HTTP can't write that moment.
    pub(crate) modified: Option<Date>,
}

/// The entries that are shown, and the sums over all that there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Sorted, and no more than the limit.
    pub(crate) entries: Vec<Entry>,
    /// How many folders there were, shown or not.
    pub(crate) directories: usize,
    /// How many files there were, shown or not.
    pub(crate) files: usize,
    /// How many entries there were that are neither, shown or not.
    pub(crate) others: usize,
    /// The sizes of all files together, shown or not.
    pub(crate) bytes: u64,
}

/// Chooses the first entries of a folder in some order, holding at most twice as many as will be
/// shown: whenever that many are there, the later half is thrown away.
#[derive(Debug)]
pub(crate) struct Selection {
    order: Order,
    limit: usize,
    /// Every entry so far that may be shown. Once something was thrown away, the one at `limit - 1`
    /// is the last of the first `limit` then, and whatever comes after it will never be shown.
    candidates: Vec<Ranked>,
    is_cut: bool,
    /// The sums so far; its entries stay empty until the end.
    listing: Listing,
}

impl Entry {
    fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// The size, where the kind has one.
    fn content_size(&self) -> Option<u64> {
        (self.kind == Kind::File).then_some(self.size)
    }
}

impl Listing {
    /// How many entries there were, shown or not.
    #[must_use]
    pub(crate) fn total(&self) -> usize {
        self.directories + self.files + self.others
    }
}

impl Selection {
    /// An empty selection that will show at most `limit` entries.
    #[must_use]
    pub(crate) fn new(order: Order, limit: usize) -> Self {
        let (candidates, listing) = (Vec::new(), Listing::default());
        Self { order, limit, candidates, is_cut: false, listing }
    }

    /// Counts the entry, and keeps it if it may be among the first `limit`.
    pub(crate) fn push(&mut self, entry: Entry) {
        match entry.kind {
            Kind::Directory => self.listing.directories += 1,
            Kind::File => self.listing.files += 1,
            Kind::Other => self.listing.others += 1,
        }
        let size = entry.content_size().unwrap_or(0);
        self.listing.bytes = self.listing.bytes.saturating_add(size);

        let candidate = Ranked::new(entry);
        if self.is_cut && self.order.compare(&candidate, &self.candidates[self.limit - 1]).is_gt() {
            return;
        }
        self.candidates.push(candidate);
        if self.candidates.len() >= self.limit.saturating_mul(2) {
            self.cut();
        }
    }

    /// The chosen entries in their order.
    #[must_use]
    pub(crate) fn finish(mut self) -> Listing {
        self.cut();
        self.candidates.sort_unstable_by(|a, b| self.order.compare(a, b));
        let entries = self.candidates.into_iter().map(|candidate| candidate.entry).collect();
        Listing { entries, ..self.listing }
    }

    /// Leaves the first `limit` candidates, the last of them at the end.
    fn cut(&mut self) {
        if self.candidates.len() > self.limit {
            if let Some(last) = self.limit.checked_sub(1) {
                let order = self.order;
                self.candidates.select_nth_unstable_by(last, |a, b| order.compare(a, b));
                self.is_cut = true;
            }
            self.candidates.truncate(self.limit);
        }
    }
}

#[cfg(test)]
mod tests;
