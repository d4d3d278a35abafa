//! How much was served, and to how many: for the line at the end.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Mutex;

use crate::lock::lock;

/// Addresses that are told apart. More of them are not counted, so that memory stays bounded: this
/// many take less than 1 MB.
const ADDRESSES_MAX: usize = 10_000;

/// Counts every response that has an access line; for all threads.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    counted: Mutex<Counted>,
}

/// What was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Total {
    pub(crate) responses: usize,
    /// The bytes of their bodies that were sent.
    pub(crate) bytes: u64,
    /// The addresses that they were sent to, as far as these are told apart.
    pub(crate) addresses: usize,
    /// Whether there were more of them.
    pub(crate) has_more_addresses: bool,
}

#[derive(Debug, Default)]
struct Counted {
    responses: usize,
    bytes: u64,
    addresses: HashSet<IpAddr>,
    has_more_addresses: bool,
}

impl Statistics {
    pub(super) fn count(&self, client: IpAddr, bytes: u64) {
        let client = client.to_canonical();
        let mut counted = lock(&self.counted);
        counted.responses += 1;
        counted.bytes = counted.bytes.saturating_add(bytes);
        if counted.addresses.len() < ADDRESSES_MAX {
            counted.addresses.insert(client);
        } else if !counted.addresses.contains(&client) {
            counted.has_more_addresses = true;
        }
    }

    /// What was served so far.
    pub(crate) fn total(&self) -> Total {
        let counted = lock(&self.counted);
        Total {
            responses: counted.responses,
            bytes: counted.bytes,
            addresses: counted.addresses.len(),
            has_more_addresses: counted.has_more_addresses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_bytes_and_addresses_are_counted() {
        let statistics = Statistics::default();
        for (client, bytes) in [("192.0.2.1", 5), ("::ffff:192.0.2.1", 0), ("2001:db8::1", 7)] {
            statistics.count(client.parse().unwrap(), bytes);
        }
        let want = Total { responses: 3, bytes: 12, addresses: 2, has_more_addresses: false };
        assert_eq!(statistics.total(), want);
    }

    #[test]
    fn addresses_are_counted_up_to_a_limit() {
        let statistics = Statistics::default();
        let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        (0..ADDRESSES_MAX).for_each(|number| statistics.count(client(number), 1));
        statistics.count(client(0), 1);
        assert!(!statistics.total().has_more_addresses);
        statistics.count(client(ADDRESSES_MAX), 1);
        let total = statistics.total();
        assert_eq!((total.addresses, total.has_more_addresses), (ADDRESSES_MAX, true));
        assert_eq!((total.responses, total.bytes), (ADDRESSES_MAX + 2, 10_002));
    }
}
