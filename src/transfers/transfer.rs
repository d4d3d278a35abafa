//! A response that lasts: what is known of it, and how far it has come.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::access_log::Escaped;

/// The most that is kept of a target, in bytes before they are escaped: its end.
const TARGET_BYTES_MAX: usize = 256;

/// What is shown of a response.
#[derive(Debug)]
pub(crate) struct Description {
    pub(super) client: IpAddr,
    /// The request target as a terminal can show it.
    pub(super) target: String,
    /// The bytes that there are to send.
    pub(super) bytes: u64,
}

/// A response under way. One thread sends it, another draws it.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) description: Description,
    sent: AtomicU64,
}

impl Description {
    /// A response of so many bytes to a request for this target, of which the end is kept.
    pub(crate) fn new(client: IpAddr, target: &[u8], bytes: u64) -> Self {
        let start = target.len().saturating_sub(TARGET_BYTES_MAX);
        Self { client, target: Escaped(&target[start..]).to_string(), bytes }
    }
}

impl Transfer {
    pub(super) fn new(description: Description, sent: u64) -> Self {
        Self { description, sent: sent.into() }
    }

    /// The bytes that are out.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self, sent: u64) {
        self.sent.store(sent, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_escaped_and_its_end_is_kept() {
        let target = |bytes| Description::new([192, 0, 2, 7].into(), bytes, 100).target;
        assert_eq!(target(b"/a%20b\x1b[2J"), "/a%20b\\x1b[2J");
        let long = [&b"/start/"[..], &[b'x'; 300]].concat();
        assert_eq!(target(&long), "x".repeat(TARGET_BYTES_MAX));
    }
}
