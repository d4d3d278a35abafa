//! Where newcomers wait while every seat is taken: a place for each, and no thread.
//!
//! A seat that becomes free goes to the newcomer whose origin has the fewest seats, and among those
//! to the one that came first. When the places run out, the origin that has the most of them gives
//! one up, the newest; so one origin cannot keep others out of the room either.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::Client;
use super::origin::Origin;

/// Those who wait, in the order in which they came.
pub(super) struct WaitingRoom {
    places: usize,
    waiting: Vec<Arc<Client>>,
}

/// What became of a newcomer that wanted a place.
#[derive(Debug)]
pub(super) enum Entry {
    /// It has one.
    Waits,
    /// It has one, or had to go itself: this client is turned away.
    TurnsAway(Arc<Client>),
    /// There is none, and no origin has more than one: here it is again.
    Full(Arc<Client>),
}

impl WaitingRoom {
    pub(super) fn new(places: usize) -> Self {
        Self { places: places.max(1), waiting: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Those who wait, in the order in which they came.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.waiting.iter().map(|client| client.origin())
    }

    /// Gives the newcomer a place, if need be that of another.
    pub(super) fn enter(&mut self, newcomer: Arc<Client>) -> Entry {
        if self.waiting.len() < self.places {
            self.waiting.push(newcomer);
            return Entry::Waits;
        }
        let mut places = HashMap::<Origin, usize>::new();
        for origin in self.origins().chain([newcomer.origin()]) {
            *places.entry(origin).or_default() += 1;
        }
        let most = places.values().copied().max().unwrap_or(0);
        if most <= 1 {
            return Entry::Full(newcomer);
        }
        self.waiting.push(newcomer);
        let has_most = |client: &Arc<Client>| places[&client.origin()] == most;
        let newest = self.waiting.iter().rposition(has_most).expect("one has the most");
        Entry::TurnsAway(self.waiting.remove(newest))
    }

    /// Takes out the next one to be seated; `seats` tells how many an origin has.
    pub(super) fn next(&mut self, seats: impl Fn(Origin) -> usize) -> Option<Arc<Client>> {
        let waiting = self.origins().enumerate();
        let (at, _) = waiting.min_by_key(|&(_, origin)| seats(origin))?;
        Some(self.waiting.remove(at))
    }

    /// Takes out those who came more than `patience` ago.
    pub(super) fn overdue(&mut self, now: Instant, patience: Duration) -> Vec<Arc<Client>> {
        self.waiting.extract_if(.., |client| now >= client.accepted_at() + patience).collect()
    }

    /// Takes everybody out.
    pub(super) fn empty(&mut self) -> Vec<Arc<Client>> {
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::client::tests::client_of;

    /// Newcomers of these origins come in; of each that did not simply get a place, what became.
    #[track_caller]
    fn check(places: usize, origins: &[u8], want: &[&str], waiting: &[u8]) {
        let mut room = WaitingRoom::new(places);
        let last_byte = |client: &Arc<Client>| match client.peer() {
            std::net::SocketAddr::V4(address) => address.ip().octets()[3],
            std::net::SocketAddr::V6(_) => panic!("they are all IPv4"),
        };
        let mut got = Vec::new();
        for &origin in origins {
            match room.enter(Arc::new(client_of(origin))) {
                Entry::Waits => {}
                Entry::TurnsAway(client) => got.push(format!("{} away", last_byte(&client))),
                Entry::Full(client) => got.push(format!("{} back", last_byte(&client))),
            }
        }
        assert_eq!(got, want);
        assert_eq!(room.waiting.iter().map(last_byte).collect::<Vec<_>>(), waiting);
    }

    #[test]
    fn the_newest_of_the_origin_with_the_most_places_is_turned_away() {
        check(3, &[1, 1, 2], &[], &[1, 1, 2]);
        check(3, &[1, 1, 1, 1], &["1 away"], &[1, 1, 1]);
        check(3, &[1, 1, 1, 2, 3], &["1 away", "1 away"], &[1, 2, 3]);
        check(3, &[1, 2, 3, 4], &["4 back"], &[1, 2, 3]);
        check(3, &[1, 2, 3, 2], &["2 away"], &[1, 2, 3]);
        check(4, &[1, 2, 1, 2, 3], &["2 away"], &[1, 2, 1, 3]);
        check(0, &[1, 1], &["1 away"], &[1]);
    }

    #[test]
    fn the_origin_with_the_fewest_seats_is_next_and_there_the_first_that_came() {
        let mut room = WaitingRoom::new(9);
        let clients: Vec<_> = [1, 2, 1, 3].map(|number| Arc::new(client_of(number))).into();
        for client in &clients {
            assert!(matches!(room.enter(Arc::clone(client)), Entry::Waits));
        }
        let seats = |origin| if origin == clients[0].origin() { 5 } else { 1 };
        for want in [1, 3, 0, 2] {
            assert!(Arc::ptr_eq(&room.next(seats).unwrap(), &clients[want]));
        }
        assert!(room.next(seats).is_none() && room.is_empty());
    }

    #[test]
    fn patience_ends() {
        let mut room = WaitingRoom::new(9);
        let client = Arc::new(client_of(1));
        let (came, patience) = (client.accepted_at(), Duration::from_secs(10));
        let _ = room.enter(client);
        let just_before = came + Duration::from_millis(9_999);
        assert!(room.overdue(just_before, patience).is_empty());
        assert_eq!(room.overdue(came + patience, patience).len(), 1);
        assert!(room.is_empty());
    }
}
