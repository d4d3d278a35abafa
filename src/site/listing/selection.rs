//! The first entries of a folder in some order, and the sums over all of them.
//!
//! A folder may hold any number of entries: a [`Selection`] takes them one by one and never holds
//! more than twice as many as will be shown.

use super::order::{Entry, Kind, Order, Ranked};
use crate::memory::{self, OutOfMemory};

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

/// Chooses the first entries of a folder in some order. Whenever it holds twice as many as will be
/// shown, it throws the later half away.
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
    pub(crate) fn push(&mut self, entry: Entry) -> Result<(), OutOfMemory> {
        match entry.kind {
            Kind::Directory => self.listing.directories += 1,
            Kind::File => self.listing.files += 1,
            Kind::Other => self.listing.others += 1,
        }
        let size = entry.content_size().unwrap_or(0);
        self.listing.bytes = self.listing.bytes.saturating_add(size);

        let candidate = Ranked::new(entry);
        if self.is_cut && self.order.compare(&candidate, &self.candidates[self.limit - 1]).is_gt() {
            return Ok(());
        }
        memory::reserve(&mut self.candidates, 1)?;
        self.candidates.push(candidate);
        if self.candidates.len() >= self.limit.saturating_mul(2) {
            self.cut();
        }
        Ok(())
    }

    /// The chosen entries in their order.
    pub(crate) fn finish(mut self) -> Result<Listing, OutOfMemory> {
        self.cut();
        self.candidates.sort_unstable_by(|a, b| self.order.compare(a, b));
        memory::reserve(&mut self.listing.entries, self.candidates.len())?;
        self.listing.entries.extend(self.candidates.into_iter().map(|candidate| candidate.entry));
        Ok(self.listing)
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
