//! Numbers, sizes and times, as people read them.
//!
//! Sizes are in decimal units (1 kB is 1,000 bytes), as they are on disks and networks.

use std::fmt::{self, Write as _};
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

/// A time in at most two units, cut rather than rounded: `350us`, `8.1s`, `2m03s`, `1d02h`.
pub(crate) struct Human(pub(crate) Duration);

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

impl fmt::Display for Human {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(duration) = self;
        let (seconds, micros) = (duration.as_secs(), duration.subsec_micros());
        match seconds {
            0 if micros < 1_000 => write!(out, "{micros}us"),
            0 => write!(out, "{}.{}ms", micros / 1_000, micros / 100 % 10),
            1..60 => write!(out, "{seconds}.{}s", micros / 100_000),
            60..3_600 => write!(out, "{}m{:02}s", seconds / 60, seconds % 60),
            3_600..86_400 => write!(out, "{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
            _ => write!(out, "{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
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
    fn check_time(micros: u64, want: &str) {
        assert_eq!(Human(Duration::from_micros(micros)).to_string(), want);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        check_time(0, "0us");
        check_time(999, "999us");
        check_time(1_000, "1.0ms");
        check_time(8_199, "8.1ms");
        check_time(999_999, "999.9ms");
        check_time(1_000_000, "1.0s");
        check_time(8_150_000, "8.1s");
        check_time(59_999_999, "59.9s");
        check_time(60_000_000, "1m00s");
        check_time(125_900_000, "2m05s");
        check_time(3_599_999_999, "59m59s");
        check_time(3_723_000_000, "1h02m");
        check_time(86_399_000_000, "23h59m");
        check_time(93_600_000_000, "1d02h");
        check_time(u64::MAX, "213503982d08h");
    }
}
