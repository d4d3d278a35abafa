//! How many are connected, and whom to evict when all seats are taken.
//!
//! The table holds each client's socket shared, so that an evictor can shut it down; a client
//! leaves the table, under its lock, before its socket closes, so that nobody shuts down a
//! stranger's.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::client::{Client, Phase};

/// A client that takes its bytes this slowly may lose its seat: no progress for that long.
const STALL_TIME_MAX: Duration = Duration::from_secs(10);

/// How soon a newcomer looks again for somebody to evict, at the latest.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long an evicted client's thread may take to give its seat back before another is evicted.
const EVICTION_TIME_MAX: Duration = Duration::from_millis(10);

/// How long threads whose clients were cut off may take to say so in the log.
const LAST_WORDS_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a client that has sent nothing may stay once the server stops.
const SILENT_AT_STOP_TIME_MAX: Duration = Duration::from_millis(50);

/// The table of those who are seated.
pub(super) struct Seats {
    /// Held by the one newcomer that is being seated, so that the seat for which it evicted
    /// somebody is not taken by another.
    newcomer: Mutex<()>,
    table: Mutex<Table>,
    released: Condvar,
}

struct Table {
    clients: Vec<Option<Arc<Client>>>,
    free: Vec<usize>,
    waiting: usize,
    stopping: bool,
}

/// A taken seat, given back when it is dropped.
pub(super) struct Seat<'a> {
    seats: &'a Seats,
    index: usize,
    client: Option<Arc<Client>>,
}

/// What looking for somebody to evict came to.
enum Eviction {
    Done,
    /// Nobody can be evicted now: when to look again.
    NotBefore(Instant),
}

impl Seats {
    pub(super) fn new(limit: usize) -> Self {
        let table = Table {
            clients: Vec::new(),
            free: (0..limit.max(1)).rev().collect(),
            waiting: 0,
            stopping: false,
        };
        Self { newcomer: Mutex::new(()), table: Mutex::new(table), released: Condvar::new() }
    }

    /// Seats a client; when every seat is taken, evicts whoever may be, or waits until it can.
    pub(super) fn take(&self, stream: TcpStream, peer: SocketAddr) -> Seat<'_> {
        let _turn = self.newcomer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = self.lock();
        let mut next_eviction = Instant::now();
        let index = loop {
            if let Some(index) = table.free.pop() {
                break index;
            }
            let now = Instant::now();
            if now >= next_eviction {
                next_eviction = match table.evict(now) {
                    // Who is served now may owe something before that.
                    Eviction::NotBefore(moment) => moment.min(now + LOOK_INTERVAL),
                    Eviction::Done => now + EVICTION_TIME_MAX,
                };
            }
            table = self.wait(table, next_eviction);
        };
        let client = Arc::new(Client::new(stream, peer));
        if table.clients.len() <= index {
            table.clients.resize(index + 1, None);
        }
        table.clients[index] = Some(Arc::clone(&client));
        let newcomer_at_stop = table.stopping;
        drop(table);
        if newcomer_at_stop {
            self.released.notify_all();
        }
        Seat { seats: self, index, client: Some(client) }
    }

    /// Sleeps until a seat is given back, but no longer than `at_most`.
    pub(super) fn wait_for_release(&self, at_most: Duration) {
        drop(self.wait(self.lock(), Instant::now() + at_most));
    }

    /// Waits until every seat is given back. Those who have sent nothing get 50 ms; whoever is
    /// still there at `deadline` is evicted. Returns how many those were.
    pub(super) fn drain(&self, deadline: Instant) -> usize {
        let mut table = self.lock();
        table.stopping = true;
        loop {
            let now = Instant::now();
            if table.seated().next().is_none() {
                return 0;
            }
            if now >= deadline {
                break;
            }
            let next_look = table.dismiss_silent(now).unwrap_or(deadline).min(deadline);
            table = self.wait(table, next_look);
        }
        let evicted = table.seated().filter(|client| client.evict_whatever_it_does()).count();
        // Their threads have only to notice, and to write their line into the log.
        let until = Instant::now() + LAST_WORDS_TIME_MAX;
        while table.seated().next().is_some() && Instant::now() < until {
            table = self.wait(table, until);
        }
        evicted
    }

    fn wait<'a>(
        &'a self,
        mut table: MutexGuard<'a, Table>,
        until: Instant,
    ) -> MutexGuard<'a, Table> {
        table.waiting += 1;
        let at_most = until.saturating_duration_since(Instant::now());
        let (mut table, _) =
            self.released.wait_timeout(table, at_most).unwrap_or_else(PoisonError::into_inner);
        table.waiting -= 1;
        table
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn seated(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.iter().flatten()
    }

    /// Evicts the client that has owed its request the longest; where none owes, the one whose
    /// answer has made no progress the longest, if that is long enough.
    fn evict(&self, now: Instant) -> Eviction {
        while let Some((client, phase)) = self.most_evictable() {
            let is_evicted = match phase {
                Phase::Sending { last_progress } => {
                    let evictable_from = last_progress + STALL_TIME_MAX;
                    if now < evictable_from {
                        return Eviction::NotBefore(evictable_from);
                    }
                    client.evict(phase)
                }
                _ => client.dismiss(phase),
            };
            if is_evicted {
                return Eviction::Done;
            }
            // It has just moved on: look again.
        }
        Eviction::NotBefore(now + LOOK_INTERVAL)
    }

    fn most_evictable(&self) -> Option<(&Client, Phase)> {
        let candidates = self.seated().map(|client| (&**client, client.phase()));
        candidates
            .filter(|(_, phase)| !matches!(phase, Phase::Dismissed | Phase::Evicted))
            .min_by_key(|&(client, phase)| match phase {
                Phase::Sending { last_progress } => (1, last_progress),
                _ => (0, client.accepted_at()),
            })
    }

    /// Shuts the reading side of those who have been silent for long enough, so that their threads
    /// read the end of the stream, or the bytes that came just now. Returns when to look again.
    fn dismiss_silent(&self, now: Instant) -> Option<Instant> {
        let silent = self.seated().filter(|client| client.phase() == Phase::Silent);
        let mut next = None;
        for client in silent {
            let until = client.accepted_at() + SILENT_AT_STOP_TIME_MAX;
            if now >= until {
                client.stop_reading();
            } else if next.is_none_or(|other| until < other) {
                next = Some(until);
            }
        }
        next
    }
}

impl Seat<'_> {
    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("a seat has its client until it is dropped")
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut table = self.seats.lock();
        table.clients[self.index] = None;
        table.free.push(self.index);
        let waiting = table.waiting;
        drop(table);
        // The socket closes here, once nobody can find it in the table any more.
        self.client = None;
        if waiting > 0 {
            self.seats.released.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
