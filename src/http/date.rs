//! Moments as HTTP writes them: whole seconds from 1970 to 9999.
//!
//! A file may carry any time at all, and the date library panics outside these years; so a moment
//! becomes a [`Date`] first, and a `Date` can always be written.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 9999-12-31 23:59:59, the last second with a four-digit year.
const LAST_SECOND: u64 = 253_402_300_799;

/// Whole seconds since 1970-01-01 00:00:00 UTC, no later than the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(u64);

/// The parts of a date as `httpdate` prints them: `Sun, 06 Nov 1994 08:49:37 GMT`.
struct Parts {
    text: String,
}

impl Date {
    /// The second since 1970, if HTTP can write it.
    #[must_use]
    pub(crate) fn from_unix(second: i64) -> Option<Self> {
        u64::try_from(second).ok().filter(|&second| second <= LAST_SECOND).map(Self)
    }

    /// That moment, or the nearest that can be written: for the clock, which must give some date.
    #[must_use]
    pub fn clamped(moment: SystemTime) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs().min(LAST_SECOND))
    }

    /// Reads any of the three formats of RFC 9110 section 5.6.7; `None` where it is none of them.
    #[must_use]
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let moment = httpdate::parse_http_date(text).ok()?;
        let second = moment.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (second <= LAST_SECOND).then_some(Self(second))
    }

    /// As Apache's log writes it: `06/Nov/1994:08:49:37 +0000`.
    #[must_use]
    pub(crate) fn common_log(self) -> String {
        let parts = self.parts();
        let (day, month, year, time) = (parts.day(), parts.month(), parts.year(), parts.time());
        format!("{day}/{month}/{year}:{time} +0000")
    }

    /// As RFC 3339 writes it: `1994-11-06T08:49:37Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let parts = self.parts();
        let (day, month, year, time) =
            (parts.day(), parts.month_number(), parts.year(), parts.time());
        // Joined, not formatted: a large folder's listing holds ten thousand of them.
        [year, "-", month, "-", day, "T", time, "Z"].concat()
    }

    /// Only the time of day, which says that it is UTC: `08:49:37Z`.
    #[must_use]
    pub(crate) fn time_of_day(self) -> String {
        [self.parts().time(), "Z"].concat()
    }

    fn parts(self) -> Parts {
        Parts { text: self.to_string() }
    }
}

/// The preferred format, IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(self.0)).fmt(out)
    }
}

impl Parts {
    fn day(&self) -> &str {
        &self.text[5..7]
    }

    fn month(&self) -> &str {
        &self.text[8..11]
    }

    fn year(&self) -> &str {
        &self.text[12..16]
    }

    fn time(&self) -> &str {
        &self.text[17..25]
    }

    fn month_number(&self) -> &'static str {
        let names = b"JanFebMarAprMayJunJulAugSepOctNovDec".chunks(3);
        let numbers = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"];
        let month = self.month().as_bytes();
        let found = names.zip(numbers).find(|&(name, _)| name == month);
        found.map(|(_, number)| number).expect("a date has one of the twelve names")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(second: i64, want: Option<(&str, &str, &str)>) {
        let date = Date::from_unix(second);
        let got = date.map(|date| (date.to_string(), date.common_log(), date.rfc3339()));
        let want = want.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(got, want);
        if let Some(date) = date {
            assert!(date.rfc3339().ends_with(&format!("T{}", date.time_of_day())));
            assert_eq!(Date::parse(date.to_string().as_bytes()), Some(date));
        }
    }

    #[test]
    fn dates_are_written_in_each_form() {
        let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
        check(0, Some((epoch, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00Z")));
        let example = "Sun, 06 Nov 1994 08:49:37 GMT";
        check(784_111_777, Some((example, "06/Nov/1994:08:49:37 +0000", "1994-11-06T08:49:37Z")));
        let leap = "Thu, 29 Feb 2024 23:59:59 GMT";
        check(1_709_251_199, Some((leap, "29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59Z")));
        let last = "Fri, 31 Dec 9999 23:59:59 GMT";
        check(253_402_300_799, Some((last, "31/Dec/9999:23:59:59 +0000", "9999-12-31T23:59:59Z")));
    }

    #[test]
    fn years_that_http_cannot_write_are_no_dates() {
        check(-1, None);
        check(i64::MIN, None);
        check(253_402_300_800, None);
        check(i64::MAX, None);
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
        for wrong in
            ["", "yesterday", "784111777", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(Date::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Date::parse(b"Sun, 06 Nov \xff994 08:49:37 GMT"), None);
    }
}
