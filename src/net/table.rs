//! The table of seats: which client has which, and which of them make way for those who wait.
//!
//! Everything here happens under one lock, and nothing here waits. `eviction` has the rules;
//! `seats` lets threads wait for what changes here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{Client, Phase};
use super::eviction::{Census, Seated, Turn};
use super::origin::Origin;
use super::waiting_room::WaitingRoom;

/// How long an evicted client's thread may take to give its seat back before another is evicted.
pub(super) const EVICTION_TIME_MAX: Duration = Duration::from_millis(50);

/// Looking for clients to evict takes at most one part in so many of the time.
const LOOK_SHARE: u32 = 10;

/// Clients that are evicted in one look, at most.
const EVICTIONS_MAX: usize = 16;

/// How long a client that has sent nothing may stay once the server stops.
const SILENT_AT_STOP_TIME_MAX: Duration = Duration::from_millis(50);

/// The table of seats, and the waiting room before it.
pub(super) struct Table {
    clients: Vec<Option<Arc<Client>>>,
    pub(super) free: Vec<usize>,
    /// How many seats each origin has.
    seats_of: HashMap<Origin, usize>,
    pub(super) room: WaitingRoom,
    /// Threads that wait until something is given back.
    pub(super) threads_waiting: usize,
    /// Before then, no one looks again for clients to evict.
    pub(super) next_look: Instant,
    pub(super) is_stopping: bool,
}

impl Table {
    pub(super) fn new(seats: usize, places: usize) -> Self {
        Self {
            clients: Vec::new(),
            free: (0..seats.max(1)).rev().collect(),
            seats_of: HashMap::new(),
            room: WaitingRoom::new(places),
            threads_waiting: 0,
            next_look: Instant::now(),
            is_stopping: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats_of.is_empty() && self.room.is_empty()
    }

    pub(super) fn seated(&self) -> impl Iterator<Item = (usize, &Arc<Client>)> {
        let seats = self.clients.iter().enumerate();
        seats.filter_map(|(index, client)| Some((index, client.as_ref()?)))
    }

    pub(super) fn seat(&mut self, index: usize, client: Arc<Client>) {
        *self.seats_of.entry(client.origin()).or_default() += 1;
        if self.clients.len() <= index {
            self.clients.resize(index + 1, None);
        }
        self.clients[index] = Some(client);
    }

    pub(super) fn unseat(&mut self, index: usize) {
        let client = self.clients[index].take().expect("a taken seat has its client");
        let seats = self.seats_of.get_mut(&client.origin()).expect("it was counted");
        *seats -= 1;
        if *seats == 0 {
            self.seats_of.remove(&client.origin());
        }
    }

    /// The client that is to have the next free seat.
    pub(super) fn next(&mut self) -> Option<Arc<Client>> {
        let Self { room, seats_of, .. } = self;
        room.next(|origin| seats_of.get(&origin).copied().unwrap_or(0))
    }

    fn seats_of(&self, origin: Origin) -> usize {
        self.seats_of.get(&origin).copied().unwrap_or(0)
    }

    /// Evicts as many clients as wait for a seat, unless it is too early to look again.
    pub(super) fn look(&mut self, now: Instant) {
        if self.room.is_empty() || now < self.next_look {
            return;
        }
        // In the order in which they will be seated.
        let mut newcomers: Vec<_> = self.room.origins().collect();
        newcomers.sort_by_key(|&origin| self.seats_of(origin));
        let due = newcomers.into_iter().skip(self.evictions_under_way(now)).take(EVICTIONS_MAX);
        self.evict(now, due.map(Some));
        self.next_look = now + now.elapsed() * LOOK_SHARE;
    }

    /// Evicts one client for each of these newcomers, as far as the rules allow it. The first has
    /// the fewest seats: where it gets none, the others don't either.
    pub(super) fn evict(&self, now: Instant, newcomers: impl IntoIterator<Item = Option<Origin>>) {
        let mut census = self.census(now);
        for newcomer in newcomers {
            loop {
                let Some(Seated { seat, turn, .. }) = census.choose(newcomer) else { return };
                let client = self.clients[seat].as_ref().expect("it was counted under this lock");
                let is_evicted = match turn {
                    Turn::Owes { .. } => client.dismiss(now),
                    Turn::Takes { .. } => client.evict(now),
                };
                if is_evicted {
                    break;
                }
                // It has just moved on: choose again.
            }
        }
    }

    fn census(&self, now: Instant) -> Census {
        let mut census = Census::default();
        for (seat, client) in self.seated() {
            let origin = client.origin();
            let turn = match client.phase() {
                Phase::Silent | Phase::Owing | Phase::Draining => {
                    Turn::Owes { since: client.accepted_at() }
                }
                Phase::Answered(progress) if progress.has_begun() => Turn::Takes {
                    average_pace: progress.average_pace(now),
                    recent_pace: progress.recent_pace(now),
                },
                Phase::Answered(_) => {
                    census.add_kept(origin);
                    continue;
                }
                Phase::Dismissed { .. } | Phase::Evicted { .. } => continue,
            };
            census.add(Seated { seat, origin, turn });
        }
        census
    }

    /// How many have lost their seat so recently that it will be free in a moment.
    fn evictions_under_way(&self, now: Instant) -> usize {
        let is_recent = |at: Instant| now.saturating_duration_since(at) < EVICTION_TIME_MAX;
        let is_under_way = |(_, client): &(usize, &Arc<Client>)| match client.phase() {
            Phase::Dismissed { at } | Phase::Evicted { at } => is_recent(at),
            _ => false,
        };
        self.seated().filter(is_under_way).count()
    }

    pub(super) fn evictions_are_under_way(&self, now: Instant) -> bool {
        self.evictions_under_way(now) > 0
    }

    /// Shuts the reading side of those who have been silent for long enough, so that their threads
    /// read the end of the stream, or the bytes that came just now. Returns when to look again.
    pub(super) fn dismiss_silent(&self, now: Instant) -> Option<Instant> {
        let silent = self.seated().filter(|(_, client)| client.phase() == Phase::Silent);
        let mut next = None;
        for (_, client) in silent {
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
