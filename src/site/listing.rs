//! Folder listings: entries in, HTML or JSON out.
//!
//! Pure, but for asking for memory. `site::folder` reads the folder, decides what may be listed and
//! answers the request; this module neither opens files nor reads clocks. A folder may have any
//! number of entries with any names: a [`Listing`] keeps at most twice as many as it shows, and
//! every name is shown harmlessly and linked exactly. Comparing allocates nothing, and is a total
//! order, so that cutting and sorting a list agree.

mod page;
mod readme;
mod text;

use std::cmp::Ordering;

use crate::http::date::Date;
use crate::memory::{self, OutOfMemory};

pub(super) use page::{BASE_STYLE, CONTENT_SECURITY_POLICY, PAGE_START, json, page};
pub(super) use readme::{README_BYTES_MAX, Readme};

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A folder, linked with a slash at its end.
    Directory,
    /// A regular file.
    File,
    /// A link to something that may not be read.
    Other,
}

/// A name in a folder, with its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The bytes of the name: any but `/` and NUL, in any encoding or none.
    pub(super) name: Vec<u8>,
    /// The kind of the entry.
    pub(super) kind: Kind,
    /// Bytes of content, for files only.
    pub(super) size: Option<u64>,
    /// When the content changed; `None` if HTTP cannot write that time.
    pub(super) modified: Option<Date>,
    /// The start of the name, in a form that decides most comparisons at once.
    start: u128,
}

/// The column to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Key {
    /// Natural order: `file2` before `file10`, upper case beside lower case.
    #[default]
    Name,
    /// Unknown times, then the oldest, the newest last.
    Modified,
    /// Entries without a size, then the smallest, the largest last.
    Size,
}

/// A column and a direction; by default by name, ascending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// The column.
    pub(super) key: Key,
    /// Whether the last comes first.
    pub(super) descending: bool,
}

/// The first entries of a folder in some order, and the sums over all of them. It takes them one by
/// one; when it has twice as many as it shows, it drops the later half.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    order: Order,
    /// The most entries shown.
    limit: usize,
    entries: Vec<Entry>,
    /// The number of folders, shown or not.
    directories: usize,
    /// The number of files, shown or not.
    files: usize,
    /// The number of other entries, shown or not.
    others: usize,
    /// The total size of all files, shown or not.
    bytes: u64,
}

impl Entry {
    pub(super) fn new(
        name: Vec<u8>,
        kind: Kind,
        size: Option<u64>,
        modified: Option<Date>,
    ) -> Self {
        Self { start: start(&name), name, kind, size, modified }
    }

    /// Whether it is a folder.
    fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

impl Key {
    /// The columns from left to right.
    const ALL: [Self; 3] = [Self::Name, Self::Modified, Self::Size];

    /// Its word in a query.
    fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Modified => "modified",
            Self::Size => "size",
        }
    }
}

impl Order {
    /// Reads `sort=name|modified|size` and `order=asc|desc`, the first of each. Unknown words count
    /// as the default, so that no link ever fails because of its query.
    pub(super) fn from_query(query: Option<&[u8]>) -> Self {
        let value = |wanted: &str| {
            form_urlencoded::parse(query.unwrap_or_default())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value)
        };
        let sort = value("sort");
        let key = Key::ALL.into_iter().find(|key| sort.as_deref() == Some(key.word()));
        let descending = value("order").as_deref() == Some("desc");
        Self { key: key.unwrap_or_default(), descending }
    }

    /// The word for the direction in a query.
    fn direction(self) -> &'static str {
        if self.descending { "desc" } else { "asc" }
    }

    /// The end of a link in HTML to another listing in this order.
    fn query(self) -> String {
        if self == Self::default() {
            return String::new();
        }
        format!("?sort={}&amp;order={}", self.key.word(), self.direction())
    }

    /// The order after a click on the heading of this column. The current column reverses its
    /// direction; of the others, names start ascending, times and sizes with the newest and
    /// largest.
    fn clicked(self, key: Key) -> Self {
        let descending = if key == self.key { !self.descending } else { key != Key::Name };
        Self { key, descending }
    }

    /// The order of two entries; equal only for equal names.
    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        if a.is_directory() != b.is_directory() {
            return b.is_directory().cmp(&a.is_directory());
        }
        let by_name = || a.start.cmp(&b.start).then_with(|| natural(&a.name, &b.name));
        let by_key = match self.key {
            Key::Name => by_name(),
            Key::Modified => a.modified.cmp(&b.modified),
            Key::Size => a.size.cmp(&b.size),
        };
        let directed = if self.descending { by_key.reverse() } else { by_key };
        directed.then_with(by_name)
    }
}

impl Listing {
    /// A listing without entries that will show at most `limit`.
    pub(super) fn new(order: Order, limit: usize) -> Self {
        Self { order, limit, ..Self::default() }
    }

    /// Counts the entry, and keeps it if it may be among those shown.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), OutOfMemory> {
        match entry.kind {
            Kind::Directory => self.directories += 1,
            Kind::File => self.files += 1,
            Kind::Other => self.others += 1,
        }
        self.bytes = self.bytes.saturating_add(entry.size.unwrap_or(0));
        memory::reserve(&mut self.entries, 1)?;
        self.entries.push(entry);
        if self.entries.len() >= self.limit.saturating_mul(2) {
            self.cut();
        }
        Ok(())
    }

    /// No more entries come: sorts those that are shown.
    pub(super) fn finish(mut self) -> Self {
        self.cut();
        self.entries.sort_unstable_by(|a, b| self.order.compare(a, b));
        self
    }

    /// Keeps the entries that would be shown.
    fn cut(&mut self) {
        if self.entries.len() > self.limit {
            let order = self.order;
            self.entries.select_nth_unstable_by(self.limit, |a, b| order.compare(a, b));
            self.entries.truncate(self.limit);
        }
    }

    /// The number of entries, shown or not.
    pub(super) fn total(&self) -> usize {
        self.directories + self.files + self.others
    }
}

/// Natural order: runs of digits by their value, other bytes ignoring the case of ASCII letters;
/// names that are still equal (`a01` and `A1`) by their bytes.
///
/// It is total, because it compares sequences of numbers and bytes, and every other byte is either
/// below all digits or above them.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    // A common start decides nothing, unless it ends within a number.
    let common = a.iter().zip(b).take_while(|(left, right)| left == right).count();
    let digits = a[..common].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut left, mut right) = (&a[common - digits..], &b[common - digits..]);
    while let (Some(first), Some(second)) = (left.first(), right.first()) {
        let step = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, other);
            (number, left) = split_number(left);
            (other, right) = split_number(right);
            // Without leading zeros, the longer number is the larger.
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            first.to_ascii_lowercase().cmp(&second.to_ascii_lowercase())
        };
        if step.is_ne() {
            return step;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The start of a name as a number: less only if `natural` is `Less`, and equal if the start does
/// not decide. Its bytes are in lower case; a number becomes a digit for its length and then its
/// digits.
fn start(name: &[u8]) -> u128 {
    let mut bytes = [0; size_of::<u128>()];
    let mut free = bytes.iter_mut();
    let mut rest = name;
    while let (Some(first), Some(next)) = (rest.first(), free.next()) {
        if first.is_ascii_digit() {
            let number;
            (number, rest) = split_number(rest);
            let Some(length) = b"012345678".get(number.len()) else {
                *next = b'9';
                break;
            };
            *next = *length;
            for (digit, next) in number.iter().zip(&mut free) {
                *next = *digit;
            }
        } else {
            *next = first.to_ascii_lowercase();
            rest = &rest[1..];
        }
    }
    u128::from_be_bytes(bytes)
}

/// The digits at the start, without leading zeros, and the rest.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests;
