//! The entries of a listing and their order: what the query asks for, and how two of them compare.
//!
//! A name is bytes, since a file system takes any but a slash and NUL; `text` decides what is shown
//! of it. Folders always come first. Comparing allocates nothing, since a large folder costs a
//! million comparisons, and is a total order: where a list is cut and how it is sorted must agree.

use std::cmp::Ordering;

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

/// The column that a listing is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Key {
    /// Natural order: `file2` before `file10`, capitals beside small letters.
    #[default]
    Name,
    /// The unknown, the oldest, the newest.
    Modified,
    /// What has no size, the smallest, the largest.
    Size,
}

/// A column and a direction; by name, ascending, unless asked otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// The column.
    pub(crate) key: Key,
    /// Whether the last comes first.
    pub(crate) descending: bool,
}

/// An entry, with the start of its name in a form that decides most comparisons at once.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) entry: Entry,
    start: u128,
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

impl Ranked {
    pub(super) fn new(entry: Entry) -> Self {
        Self { start: start(&entry.name), entry }
    }

    fn compare_names(&self, other: &Self) -> Ordering {
        let by_start = self.start.cmp(&other.start);
        by_start.then_with(|| natural(&self.entry.name, &other.entry.name))
    }
}

impl Key {
    /// The columns from left to right.
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Modified, Self::Size];

    /// The word for it in a query.
    pub(super) fn word(self) -> &'static str {
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
    #[must_use]
    pub(crate) fn from_query(query: Option<&[u8]>) -> Self {
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
    pub(super) fn direction(self) -> &'static str {
        if self.descending { "desc" } else { "asc" }
    }

    /// What a link in HTML to another listing in this order ends with.
    pub(super) fn query(self) -> String {
        if self == Self::default() {
            return String::new();
        }
        format!("?sort={}&amp;order={}", self.key.word(), self.direction())
    }

    /// The order that a click on that column's heading asks for: the current column turns round;
    /// of the others, names start at the top, and times and sizes with the newest and largest.
    pub(super) fn clicked(self, key: Key) -> Self {
        let descending = if key == self.key { !self.descending } else { key != Key::Name };
        Self { key, descending }
    }

    /// Which of the two is listed first; equal only for equal names.
    pub(super) fn compare(self, a: &Ranked, b: &Ranked) -> Ordering {
        let (left, right) = (&a.entry, &b.entry);
        if left.is_directory() != right.is_directory() {
            return right.is_directory().cmp(&left.is_directory());
        }
        let by_key = match self.key {
            Key::Name => a.compare_names(b),
            Key::Modified => left.modified.cmp(&right.modified),
            Key::Size => left.content_size().cmp(&right.content_size()),
        };
        let directed = if self.descending { by_key.reverse() } else { by_key };
        directed.then_with(|| a.compare_names(b))
    }
}

/// Natural order: runs of digits by their value, other bytes without regard to the case of ASCII
/// letters; names that differ in nothing else (`a01` and `A1`) by their bytes.
///
/// Total, because it compares sequences of numbers and bytes, and a byte that is no digit is either
/// below all digits or above all of them.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    // What both begin with decides nothing, unless it ends within a number.
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

/// The start of a name as a number: it is less only where `natural` is `Less`, and equal where the
/// start does not decide. Its bytes are small letters; a number is a digit for its length, then its
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

/// The digits at the start, without leading zeros, and what follows them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check_query(query: Option<&str>, key: Key, descending: bool) {
        let order = Order::from_query(query.map(str::as_bytes));
        assert_eq!(order, Order { key, descending }, "{query:?}");
    }

    #[test]
    fn queries_are_read_and_unknown_words_are_the_default() {
        check_query(None, Key::Name, false);
        check_query(Some(""), Key::Name, false);
        check_query(Some("sort=name"), Key::Name, false);
        check_query(Some("sort=name&order=desc"), Key::Name, true);
        check_query(Some("sort=modified&order=asc"), Key::Modified, false);
        check_query(Some("order=desc&format=json&sort=size"), Key::Size, true);
        check_query(Some("sort=s%69ze"), Key::Size, false);
        check_query(Some("sort=size&sort=modified"), Key::Size, false);
        check_query(Some("sort=SIZE&order=DESC"), Key::Name, false);
        check_query(Some("sort=owner&order=down"), Key::Name, false);
        check_query(Some("sort&order"), Key::Name, false);
        check_query(Some("=size&&&desc=order&%"), Key::Name, false);
        let order = Order::from_query(Some(b"sort=\xff&order=desc\0"));
        assert_eq!(order, Order::default());
    }

    #[test]
    fn a_click_turns_the_current_column_round() {
        let by_name = Order::default();
        assert_eq!(by_name.clicked(Key::Name), Order { key: Key::Name, descending: true });
        assert_eq!(by_name.clicked(Key::Name).clicked(Key::Name), by_name);
        let by_size = by_name.clicked(Key::Size);
        assert_eq!(by_size, Order { key: Key::Size, descending: true });
        assert_eq!(by_size.clicked(Key::Size), Order { key: Key::Size, descending: false });
        assert_eq!(by_size.clicked(Key::Name), by_name);
        assert_eq!(by_size.clicked(Key::Modified), Order { key: Key::Modified, descending: true });
    }

    /// The names must come out in the order in which they stand.
    #[track_caller]
    fn check_names(names: &[&[u8]]) {
        for (at, a) in names.iter().enumerate() {
            for (other, b) in names.iter().enumerate() {
                let (left, right) = (a.escape_ascii(), b.escape_ascii());
                assert_eq!(natural(a, b), at.cmp(&other), "{left} and {right}");
            }
        }
    }

    #[test]
    fn names_are_in_natural_order() {
        check_names(&[b"file", b"file1", b"file2", b"file10", b"file10a", b"file100"]);
        check_names(&[b"1.2.9", b"1.2.10", b"1.10", b"2"]);
        check_names(&[b"Apple", b"banana", b"Cherry", b"cherry2"]);
        check_names(&[b"README", b"Readme", b"readme"]);
        check_names(&[b"", b" ", b"-", b"0", b"9", b"a", b"\xc3\xa4", b"\xff"]);
        check_names(&[b"a0", b"a00", b"a0b", b"a001", b"a01", b"a1", b"a1b"]);
        check_names(&[
            b"x18446744073709551615",
            b"x18446744073709551616",
            b"x99999999999999999999",
        ]);
    }

    fn entry(name: &str, kind: Kind, size: u64, modified: i64) -> Entry {
        Entry { name: name.into(), kind, size, modified: Date::from_unix(modified) }
    }

    #[track_caller]
    fn check_order(query: &str, want: &[&str]) {
        let mut entries = [
            entry("b10", Kind::File, 5, 300),
            entry("b9", Kind::File, 5, 100),
            entry("A", Kind::File, 0, 300),
            entry("pipe", Kind::Other, 9, -1),
            entry("old", Kind::Directory, 4096, 100),
            entry("New", Kind::Directory, 1, 200),
        ]
        .map(Ranked::new);
        let order = Order::from_query(Some(query.as_bytes()));
        entries.sort_by(|a, b| order.compare(a, b));
        let names: Vec<_> = entries.iter().map(|it| str::from_utf8(&it.entry.name)).collect();
        assert_eq!(names, want.iter().map(|&name| Ok(name)).collect::<Vec<_>>(), "{query}");
    }

    #[test]
    fn folders_come_first_and_ties_go_by_name() {
        check_order("sort=name", &["New", "old", "A", "b9", "b10", "pipe"]);
        check_order("sort=name&order=desc", &["old", "New", "pipe", "b10", "b9", "A"]);
        check_order("sort=modified", &["old", "New", "pipe", "b9", "A", "b10"]);
        check_order("sort=modified&order=desc", &["New", "old", "A", "b10", "b9", "pipe"]);
        check_order("sort=size", &["New", "old", "pipe", "A", "b9", "b10"]);
        check_order("sort=size&order=desc", &["New", "old", "b9", "b10", "A", "pipe"]);
    }

    /// Short names from few letters, so that equal beginnings and leading zeros are common.
    fn alike() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(&b"0012aAb. \xff"[..]), 0..7)
    }

    /// Pieces of names with much in common; numbers become too long for `start` to hold.
    const PIECES: [&[u8]; 7] = [b"0", b"12345678", b"9", b"a", b"A", b"\0", b"-x"];

    fn longer() -> impl Strategy<Value = Vec<u8>> {
        let segment = prop::sample::select(&PIECES[..]);
        prop::collection::vec(segment, 0..7).prop_map(|segments| segments.concat())
    }

    proptest! {
        #[test]
        fn the_order_of_names_is_total(a in alike(), b in alike(), c in alike()) {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b).is_eq(), a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }

        #[test]
        fn the_start_of_a_name_never_misleads(a in longer(), b in longer()) {
            let by_start = start(&a).cmp(&start(&b));
            prop_assert!(by_start.is_eq() || by_start == natural(&a, &b), "{:?}", by_start);
        }
    }
}
