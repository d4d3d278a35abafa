//! The last line: what was served, to how many, in which time.

use std::time::Duration;

use crate::serve::Total;
use crate::text::{Human, push_counted, push_human_size};

/// `served 1,234 responses, 5.6 GB, to 3 addresses in 2h03m`.
pub(super) fn of(total: Total, time: Duration) -> String {
    let mut line = "served ".to_owned();
    if total.responses == 0 {
        line.push_str("nothing");
    } else {
        push_counted(&mut line, total.responses, "response", "responses");
        line.push_str(", ");
        push_human_size(&mut line, total.bytes);
        line.push_str(if total.has_more_addresses { ", to more than " } else { ", to " });
        push_counted(&mut line, total.addresses, "address", "addresses");
    }
    line + &format!(" in {}", Human(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(responses: usize, bytes: u64, addresses: usize, seconds: u64, want: &str) {
        let total = Total { responses, bytes, addresses, has_more_addresses: false };
        assert_eq!(of(total, Duration::from_secs(seconds)), want);
    }

    #[test]
    fn the_last_line_counts_in_words() {
        let long = "served 1,234 responses, 5.6 GB, to 3 addresses in 2h03m";
        check(1_234, 5_600_000_000, 3, 7_400, long);
        check(1, 0, 1, 1, "served 1 response, 0 B, to 1 address in 1.0s");
        check(0, 0, 0, 60, "served nothing in 1m00s");
        check(2, 999, 2, 0, "served 2 responses, 999 B, to 2 addresses in 0us");
        let total =
            Total { responses: 20_000, bytes: 5, addresses: 10_000, has_more_addresses: true };
        let many = "served 20,000 responses, 5 B, to more than 10,000 addresses in 5.0s";
        assert_eq!(of(total, Duration::from_secs(5)), many);
    }
}
