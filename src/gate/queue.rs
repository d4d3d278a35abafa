//! Shares of something limited, and the queue for them: pure, and fair by source.
//!
//! The next in the queue is of the source that holds the least, then has the fewest queued, then
//! came first. If the queue is full, the newest of the source with the most queued is rejected. So
//! no source keeps another out, neither by what it holds nor by what it asks for. Requests that are
//! queued [`Queued::behind`] others are the last to pass and the first to be rejected.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// The leading bits of an IPv6 address that count. Customers get networks of 48 to 64 bits (RFC
/// 6177 section 2), and tunnels of 48 bits are free. Counted by /64, one customer with a /48 would
/// be 65,536 sources.
const NETWORK_BITS: u32 = 48;

/// An IPv4 address, or an IPv6 /48: the most that one customer is likely to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

/// The shares and the queue.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    capacity: usize,
    places: usize,
    held: usize,
    shares: HashMap<Source, Share>,
    /// In order of arrival.
    queue: Vec<Queued<T>>,
}

/// A request in the queue.
#[derive(Debug)]
pub(crate) struct Queued<T> {
    pub(crate) source: Source,
    /// The share that it asks for or holds: at least 1, unless it is not counted.
    pub(crate) weight: usize,
    pub(crate) since: Instant,
    /// Whether all others come first.
    pub(crate) behind: bool,
    pub(crate) who: T,
}

/// The share of one source.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    held: usize,
    queued: usize,
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let mask = u128::MAX << (u128::BITS - NETWORK_BITS);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl<T> FairQueue<T> {
    /// A queue of `places` for shares that add up to `capacity`.
    pub(crate) fn new(capacity: usize, places: usize) -> Self {
        let (shares, queue) = (HashMap::new(), Vec::new());
        Self { capacity: capacity.max(1), places, held: 0, shares, queue }
    }

    /// Takes a share of this weight, if there is room and the queue is empty.
    pub(crate) fn try_hold(&mut self, source: Source, weight: usize) -> bool {
        let is_free = self.queue.is_empty() && self.has_room(weight);
        if is_free {
            self.hold(source, weight);
        }
        is_free
    }

    /// Takes a share of this weight, with or without room.
    pub(crate) fn hold(&mut self, source: Source, weight: usize) {
        self.held += weight;
        self.shares.entry(source).or_default().held += weight;
    }

    /// Gives a share back.
    pub(crate) fn give_back(&mut self, source: Source, weight: usize) {
        if weight == 0 {
            return;
        }
        self.held -= weight;
        self.change(source, |share| share.held -= weight);
    }

    /// Queues a request. Returns the one that is rejected for it, which may be the same one.
    pub(crate) fn join(&mut self, queued: Queued<T>) -> Option<Queued<T>> {
        self.shares.entry(queued.source).or_default().queued += 1;
        self.queue.push(queued);
        if self.queue.len() <= self.places {
            return None;
        }
        let rank = |it: &Queued<T>| (it.behind, self.share(it.source).queued);
        let newest = (0..self.queue.len()).max_by_key(|&at| (rank(&self.queue[at]), at))?;
        Some(self.remove(newest))
    }

    /// Moves the next request from the queue to the shares, if there is room for it.
    pub(crate) fn next(&mut self) -> Option<Queued<T>> {
        let at = self.order().next()?;
        if !self.has_room(self.queue[at].weight) {
            return None;
        }
        let next = self.remove(at);
        self.hold(next.source, next.weight);
        Some(next)
    }

    /// Takes the request that `is_it` out of the queue.
    pub(crate) fn withdraw(&mut self, is_it: impl Fn(&T) -> bool) -> Option<Queued<T>> {
        let at = self.queue.iter().position(|it| is_it(&it.who))?;
        Some(self.remove(at))
    }

    /// Takes a request out of the queue that has been there for `time_max`.
    pub(crate) fn overdue(&mut self, now: Instant, time_max: Duration) -> Option<Queued<T>> {
        let waited = |it: &Queued<T>| now.saturating_duration_since(it.since);
        let at = self.queue.iter().position(|it| waited(it) >= time_max)?;
        Some(self.remove(at))
    }

    /// The queue, the next request first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Queued<T>> {
        self.order().map(|at| &self.queue[at])
    }

    /// The share of a source.
    pub(crate) fn held_by(&self, source: Source) -> usize {
        self.share(source).held
    }

    /// The length of the queue.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A weight above the capacity passes alone.
    fn has_room(&self, weight: usize) -> bool {
        self.held == 0 || self.held.saturating_add(weight) <= self.capacity
    }

    fn share(&self, source: Source) -> Share {
        self.shares.get(&source).copied().unwrap_or_default()
    }

    fn order(&self) -> impl Iterator<Item = usize> + use<T> {
        let rank = |&at: &usize| {
            let Queued { source, behind, .. } = self.queue[at];
            let share = self.share(source);
            (behind, share.held, share.queued, at)
        };
        let mut order: Vec<_> = (0..self.queue.len()).collect();
        order.sort_by_key(rank);
        order.into_iter()
    }

    fn remove(&mut self, at: usize) -> Queued<T> {
        let removed = self.queue.remove(at);
        self.change(removed.source, |share| share.queued -= 1);
        removed
    }

    fn change(&mut self, source: Source, change: impl FnOnce(&mut Share)) {
        let share = self.shares.get_mut(&source).expect("what is held or waits is counted");
        change(share);
        if share.held == 0 && share.queued == 0 {
            self.shares.remove(&source);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
