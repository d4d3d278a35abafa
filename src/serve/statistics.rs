//! Counts of responses, bytes and clients, for the last line of the log.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;
use crate::text::{Human, push_counted, push_human_size};

/// The most addresses told apart; more are not counted, which bounds the memory. This many take
/// less than 1 MB.
const ADDRESSES_MAX: usize = 10_000;

/// Counts every response that has an access line; shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Statistics(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    responses: usize,
    /// The bytes sent of their bodies.
    bytes: u64,
    /// The addresses that they were sent to, as far as they are told apart.
    addresses: HashSet<IpAddr>,
}

impl Statistics {
    pub(super) fn count(&self, client: IpAddr, bytes: u64) {
        let client = client.to_canonical();
        let mut counted = lock(&self.0);
        counted.responses += 1;
        counted.bytes = counted.bytes.saturating_add(bytes);
        if counted.addresses.len() < ADDRESSES_MAX {
            counted.addresses.insert(client);
        }
    }

    /// A summary for this time: `served 1,234 responses, 5.6 GB, to 3 addresses in 2h03m`.
    pub(crate) fn summary(&self, time: Duration) -> String {
        let counted = lock(&self.0);
        if counted.responses == 0 {
            return format!("served nothing in {}", Human(time));
        }
        let mut line = "served ".to_owned();
        push_counted(&mut line, counted.responses, "response", "responses");
        line.push_str(", ");
        push_human_size(&mut line, counted.bytes);
        let addresses = counted.addresses.len();
        line.push_str(if addresses < ADDRESSES_MAX { ", to " } else { ", to at least " });
        push_counted(&mut line, addresses, "address", "addresses");
        line + &format!(" in {}", Human(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statistics: &Statistics, seconds: u64, want: &str) {
        assert_eq!(statistics.summary(Duration::from_secs(seconds)), want);
    }

    #[test]
    fn responses_bytes_and_addresses_are_counted() {
        let statistics = Statistics::default();
        check(&statistics, 60, "served nothing in 1m00s");
        statistics.count("192.0.2.1".parse().unwrap(), 0);
        check(&statistics, 1, "served 1 response, 0 B, to 1 address in 1.0s");
        for (client, bytes) in [("::ffff:192.0.2.1", 5_600_000_000), ("2001:db8::1", 7)] {
            statistics.count(client.parse().unwrap(), bytes);
        }
        check(&statistics, 7_400, "served 3 responses, 5.6 GB, to 2 addresses in 2h03m");
    }

    #[test]
    fn addresses_are_counted_up_to_a_limit() {
        let statistics = Statistics::default();
        let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        (0..ADDRESSES_MAX).for_each(|number| statistics.count(client(number), 1));
        statistics.count(client(0), 1);
        let many = "served 10,001 responses, 10 kB, to at least 10,000 addresses in 5.0s";
        check(&statistics, 5, many);
        statistics.count(client(ADDRESSES_MAX), 1);
        check(&statistics, 5, &many.replace("1 responses", "2 responses"));
    }
}
