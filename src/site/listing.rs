//! Folder listings: entries in, HTML or JSON out.
//!
//! Pure: who reads the folder, decides what may be listed and answers the request is elsewhere;
//! this room neither opens a file nor asks a clock. A folder may hold any number of entries with
//! any names: a [`Selection`] holds no more of them than its limit, and whatever a name consists
//! of, it is shown harmlessly and linked exactly.

mod json;
mod order;
mod page;
mod text;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::http::date::Date;

pub use json::json;
pub use order::{Key, Order};
pub use page::{CONTENT_SECURITY_POLICY, README_LIMIT, Readme, page};

/// What a name in a folder leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder, linked with a slash at its end.
    Directory,
    /// A regular file.
    File,
    /// A socket, a FIFO, a device: there, but without content to serve.
    Other,
}

/// A name in a folder and what is known of the thing it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes of the name: any but `/` and NUL, in any encoding or none.
    pub name: Vec<u8>,
    /// What the name leads to.
    pub kind: Kind,
    /// Bytes of content; it counts for a [`Kind::File`] alone.
    pub size: u64,
    /// When the content changed; `None` where HTTP can't write that moment.
    pub modified: Option<Date>,
}

/// The entries that are shown, and the sums over all that there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted, and no more than the limit.
    pub entries: Vec<Entry>,
    /// How many folders there were, shown or not.
    pub directories: usize,
    /// How many files there were, shown or not.
    pub files: usize,
    /// How many entries there were that are neither, shown or not.
    pub others: usize,
    /// The sizes of all files together, shown or not.
    pub bytes: u64,
}

/// Chooses the first entries of a folder in some order, holding only as many as will be shown.
#[derive(Debug)]
pub struct Selection {
    order: Order,
    limit: usize,
    /// The best so far, the worst of them on top.
    best: BinaryHeap<Ranked>,
    /// The sums so far; its entries stay empty until the end.
    listing: Listing,
}

/// An entry that knows its order, as the heap wants it.
#[derive(Debug)]
struct Ranked {
    entry: Entry,
    order: Order,
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
    pub fn total(&self) -> usize {
        self.directories + self.files + self.others
    }
}

impl Selection {
    /// An empty selection that will show at most `limit` entries.
    #[must_use]
    pub fn new(order: Order, limit: usize) -> Self {
        Self { order, limit, best: BinaryHeap::new(), listing: Listing::default() }
    }

    /// Counts the entry, and keeps it if it is among the first `limit` so far.
    pub fn push(&mut self, entry: Entry) {
        match entry.kind {
            Kind::Directory => self.listing.directories += 1,
            Kind::File => self.listing.files += 1,
            Kind::Other => self.listing.others += 1,
        }
        let size = entry.content_size().unwrap_or(0);
        self.listing.bytes = self.listing.bytes.saturating_add(size);

        let ranked = Ranked { entry, order: self.order };
        if self.best.len() < self.limit {
            self.best.push(ranked);
        } else if let Some(mut worst) = self.best.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    /// The chosen entries in their order.
    #[must_use]
    pub fn finish(self) -> Listing {
        let sorted = self.best.into_sorted_vec();
        let entries = sorted.into_iter().map(|ranked| ranked.entry).collect();
        Listing { entries, ..self.listing }
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare(&self.entry, &other.entry)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests;
