//! Times in HTTP: whole seconds from 1970 to 9999.
//!
//! A file may have any time at all, and the date library panics outside these years. So a time
//! first becomes a [`Date`], which can always be written.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 9999-12-31 23:59:59, the last second with a four-digit year.
const LAST_SECOND: u64 = 253_402_300_799;

/// Whole seconds since 1970-01-01 00:00:00 UTC, no later than the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(u64);

/// The months as `httpdate` prints them, each with its number.
const MONTHS: &str = "Jan01Feb02Mar03Apr04May05Jun06Jul07Aug08Sep09Oct10Nov11Dec12";

impl Date {
    /// The second since 1970, if HTTP can write it.
    #[must_use]
    pub(crate) fn from_unix(second: i64) -> Option<Self> {
        u64::try_from(second).ok().filter(|&second| second <= LAST_SECOND).map(Self)
    }

    /// This time, or the nearest that can be written: for the clock, which needs some date.
    #[must_use]
    pub fn clamped(moment: SystemTime) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs().min(LAST_SECOND))
    }

    /// Reads any of the three formats of RFC 9110 section 5.6.7.
    #[must_use]
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let moment = httpdate::parse_http_date(text).ok()?;
        let second = moment.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (second <= LAST_SECOND).then_some(Self(second))
    }

    /// In the format of Apache's log: `06/Nov/1994:08:49:37 +0000`.
    #[must_use]
    pub(crate) fn common_log(self) -> String {
        let text = self.to_string();
        let [day, month, year, time] = parts(&text);
        format!("{day}/{month}/{year}:{time} +0000")
    }

    /// In the format of RFC 3339: `1994-11-06T08:49:37Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let text = self.to_string();
        let [day, month, year, time] = parts(&text);
        let at = MONTHS.find(month).expect("a date has one of the twelve names") + month.len();
        // Joined, not formatted: the listing of a large folder has ten thousand of them.
        [year, "-", &MONTHS[at..at + 2], "-", day, "T", time, "Z"].concat()
    }

    /// The time of day alone, in UTC: `08:49:37Z`.
    #[must_use]
    pub(crate) fn time_of_day(self) -> String {
        let text = self.to_string();
        [parts(&text)[3], "Z"].concat()
    }
}

/// The preferred format, IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(self.0)).fmt(out)
    }
}

/// The day, month, year and time of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn parts(text: &str) -> [&str; 4] {
    [5..7, 8..11, 12..16, 17..25].map(|at| &text[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(second: i64, http: &str, log: &str, rfc3339: &str) {
        let date = Date::from_unix(second).unwrap();
        assert_eq!([date.to_string(), date.common_log(), date.rfc3339()], [http, log, rfc3339]);
        assert!(rfc3339.ends_with(&format!("T{}", date.time_of_day())));
        assert_eq!(Date::parse(http.as_bytes()), Some(date));
    }

    #[test]
    fn dates_are_written_in_each_form() {
        let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
        check(0, epoch, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00Z");
        let leap = "Thu, 29 Feb 2024 23:59:59 GMT";
        check(1_709_251_199, leap, "29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59Z");
        let last = "Fri, 31 Dec 9999 23:59:59 GMT";
        check(253_402_300_799, last, "31/Dec/9999:23:59:59 +0000", "9999-12-31T23:59:59Z");
        assert_eq!([-1, 253_402_300_800].map(Date::from_unix), [None; 2]);
    }

    #[test]
    fn the_clock_is_clamped() {
        assert_eq!(Date::clamped(UNIX_EPOCH - Duration::from_secs(5)), Date(0));
        let far = UNIX_EPOCH + Duration::from_secs(LAST_SECOND + 5);
        assert_eq!(Date::clamped(far), Date(LAST_SECOND));
    }

    #[test]
    fn the_three_formats_are_read_and_nothing_else() {
        let want = Date::from_unix(784_111_777);
        assert_eq!(Date::parse(b"Sun, 06 Nov 1994 08:49:37 GMT"), want);
        assert_eq!(Date::parse(b"Sunday, 06-Nov-94 08:49:37 GMT"), want);
        assert_eq!(Date::parse(b"Sun Nov  6 08:49:37 1994"), want);
        for wrong in [&b""[..], b"yesterday", b"784111777", b"Sun, 06 Nov 1994", b"\xff"] {
            assert_eq!(Date::parse(wrong), None, "{wrong:?}");
        }
    }
}
