//! Numbers, sizes and times, as people read them.
//!
//! Sizes are in decimal units (1 kB is 1,000 bytes), as they are on disks and networks.

use std::fmt::Write as _;
use std::time::Duration;

/// The units of sizes, each with its bytes.
const UNITS: [(u64, &str); 7] = [
    (1, "B"),
    (1_000, "kB"),
    (1_000_000, "MB"),
    (1_000_000_000, "GB"),
    (1_000_000_000_000, "TB"),
    (1_000_000_000_000_000, "PB"),
    (1_000_000_000_000_000_000, "EB"),
];

/// The units of times, each with its seconds.
const TIME_UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// Numbers in groups of three digits: `1,234,567`.
pub(crate) fn push_grouped(out: &mut String, number: u64) {
    let (thousands, rest) = (number / 1_000, number % 1_000);
    let written = if thousands == 0 {
        write!(out, "{rest}")
    } else {
        push_grouped(out, thousands);
        write!(out, ",{rest:03}")
    };
    written.expect("a String takes whatever is written");
}

/// A size in its unit, rounded to two or three digits: `0 B`, `1.4 MB`, `734 MB`.
pub(crate) fn push_human_size(out: &mut String, bytes: u64) {
    let rounded = |unit: u64| bytes / unit + u64::from(bytes % unit >= unit.div_ceil(2));
    let fitting = UNITS.into_iter().find(|&(unit, _)| rounded(unit) < 1_000);
    let (unit, name) = fitting.expect("no u64 is above 19 EB");
    let tenths = rounded(unit.div_ceil(10));
    let written = if unit > 1 && tenths < 100 {
        write!(out, "{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        write!(out, "{} {name}", rounded(unit))
    };
    written.expect("a String takes whatever is written");
}

/// `1 file`, `2 files`, `1,000 files`.
pub(crate) fn push_counted(out: &mut String, count: usize, one: &str, many: &str) {
    push_grouped(out, count as u64);
    out.push(' ');
    out.push_str(if count == 1 { one } else { many });
}

/// A time in its two largest units, cut rather than rounded: `2 h 3 min`, `45 s`.
pub(crate) fn push_human_time(out: &mut String, time: Duration) {
    let seconds = time.as_secs();
    let Some(largest) = TIME_UNITS.iter().position(|&(unit, _)| seconds >= unit) else {
        return out.push_str("less than a second");
    };
    let mut rest = seconds;
    let mut separator = "";
    for (unit, name) in TIME_UNITS.into_iter().skip(largest).take(2) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 {
            write!(out, "{separator}{count} {name}").expect("a String takes whatever is written");
            separator = " ";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(bytes: u64, want: &str) {
        let mut out = String::new();
        push_human_size(&mut out, bytes);
        assert_eq!(out, want);
    }

    #[test]
    fn sizes_are_rounded_into_their_unit() {
        check_size(0, "0 B");
        check_size(1, "1 B");
        check_size(999, "999 B");
        check_size(1_000, "1.0 kB");
        check_size(1_449, "1.4 kB");
        check_size(1_450, "1.5 kB");
        check_size(9_949, "9.9 kB");
        check_size(9_950, "10 kB");
        check_size(999_499, "999 kB");
        check_size(999_500, "1.0 MB");
        check_size(734_003_200, "734 MB");
        check_size(999_500_000_000_000_000, "1.0 EB");
        check_size(u64::MAX, "18 EB");
    }

    #[track_caller]
    fn check_grouped(number: u64, want: &str) {
        let mut out = String::new();
        push_grouped(&mut out, number);
        assert_eq!(out, want);
    }

    #[track_caller]
    fn check_counted(count: usize, want: &str) {
        let mut out = String::new();
        push_counted(&mut out, count, "file", "files");
        assert_eq!(out, want);
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        check_grouped(0, "0");
        check_grouped(999, "999");
        check_grouped(1_000, "1,000");
        check_grouped(1_234_567, "1,234,567");
        check_grouped(1_000_020, "1,000,020");
        check_grouped(u64::MAX, "18,446,744,073,709,551,615");
        check_counted(1, "1 file");
        check_counted(0, "0 files");
        check_counted(10_000, "10,000 files");
    }

    #[track_caller]
    fn check_time(milliseconds: u64, want: &str) {
        let mut out = String::new();
        push_human_time(&mut out, Duration::from_millis(milliseconds));
        assert_eq!(out, want);
    }

    #[test]
    fn times_have_two_units() {
        check_time(0, "less than a second");
        check_time(999, "less than a second");
        check_time(1_999, "1 s");
        check_time(59_999, "59 s");
        check_time(60_000, "1 min");
        check_time(61_000, "1 min 1 s");
        check_time(3_599_000, "59 min 59 s");
        check_time(3_600_000, "1 h");
        check_time(3_659_000, "1 h");
        check_time(7_384_000, "2 h 3 min");
        check_time(86_399_000, "23 h 59 min");
        check_time(86_400_000, "1 d");
        check_time(90_000_000, "1 d 1 h");
        check_time(100 * 86_400_000 + 59_000, "100 d");
    }
}
