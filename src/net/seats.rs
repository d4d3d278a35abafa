//! How many are served at once, and who gets a seat when all are taken.
//!
//! A newcomer that finds no seat waits in the waiting room, and one that is seated may have to make
//! way for it: `eviction` chooses whom, `waiting_room` who is next. A seat that is given back while
//! others wait is taken by one of them, so no seat is free while a client waits.
//!
//! The table holds each client shared, so that an evictor can shut its socket down; a client leaves
//! the table, under its lock, before its socket closes, so that no stranger's socket is shut down.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::client::Client;
use super::options::Options;
use super::table::{EVICTION_TIME_MAX, Table};
use super::waiting_room::Entry;
use crate::lock::{lock, wait_for};
use crate::log_once::LogOnce;

/// How long threads whose clients were cut off may take to write their line into the log.
const LAST_LINES_TIME_MAX: Duration = Duration::from_secs(1);

/// The seats, and the waiting room before them.
pub(super) struct Seats {
    table: Mutex<Table>,
    /// Notified when a seat or a place in the waiting room is given back, if a thread waits for it.
    given_back: Condvar,
    turned_away: Vec<u8>,
    waiting_time_max: Duration,
    crowded: LogOnce,
}

/// A taken seat, given back when it is dropped.
pub(super) struct Seat<'a> {
    seats: &'a Seats,
    index: usize,
    client: Option<Arc<Client>>,
}

impl Seats {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            table: Mutex::new(Table::new(options.max_connections, options.waiting_places)),
            given_back: Condvar::new(),
            turned_away: options.turned_away.clone(),
            waiting_time_max: options.waiting_time_max,
            crowded: LogOnce::new(module_path!()),
        }
    }

    /// Gives the newcomer a seat, or else a place in the waiting room; returns only when it has one
    /// of them, or was turned away.
    pub(super) fn admit(&self, newcomer: Client) -> Option<Seat<'_>> {
        let mut newcomer = Arc::new(newcomer);
        let mut table = lock(&self.table);
        let surplus = loop {
            if let Some(index) = table.free.pop() {
                return Some(self.seat(table, index, newcomer));
            }
            newcomer = match table.room.enter(newcomer) {
                Entry::Waits => break None,
                Entry::TurnsAway(surplus) => break Some(surplus),
                Entry::Full(newcomer) => newcomer,
            };
            table.look(Instant::now());
            table = self.wait(table, EVICTION_TIME_MAX);
        };
        table.look(Instant::now());
        drop(table);
        self.turn_away(surplus);
        None
    }

    /// Makes way for newcomers, as far as that is due: evicts clients, and turns away those who
    /// have waited for too long. Whether anybody still waits.
    pub(super) fn make_way(&self) -> bool {
        let mut table = lock(&self.table);
        let now = Instant::now();
        let overdue = table.room.overdue(now, self.waiting_time_max);
        table.look(now);
        let is_waited_for = !table.room.is_empty();
        self.tell(table);
        self.turn_away(overdue);
        is_waited_for
    }

    /// Makes way for a newcomer that could not be accepted, or that no thread is left for.
    pub(super) fn make_way_for_a_stranger(&self) {
        let table = lock(&self.table);
        let now = Instant::now();
        if !table.evictions_are_under_way(now) {
            table.evict(now, [None]);
        }
    }

    /// Sleeps until a seat is given back, but no longer than `time_max`.
    pub(super) fn wait_for_release(&self, time_max: Duration) {
        drop(self.wait(lock(&self.table), time_max));
    }

    /// Waits until every seat is given back and no client waits for one. Clients that have sent
    /// nothing get 50 ms; those that are still there at `deadline` are evicted. Returns how many
    /// those were, and how many had no seat by then.
    pub(super) fn drain(&self, deadline: Instant) -> usize {
        let mut table = lock(&self.table);
        table.is_stopping = true;
        loop {
            let now = Instant::now();
            if table.is_empty() {
                return 0;
            }
            if now >= deadline {
                break;
            }
            let next_look = table.dismiss_silent(now).unwrap_or(deadline).min(deadline);
            table = self.wait(table, next_look.saturating_duration_since(now));
        }
        let now = Instant::now();
        let waiting = table.room.empty();
        let evicted = table.seated().filter(|(_, client)| client.evict_in_any_phase(now)).count();
        let cut_off = evicted + waiting.len();
        self.turn_away(waiting);
        // Their threads have only to notice, and to write their line into the log.
        let until = now + LAST_LINES_TIME_MAX;
        while !table.is_empty() && Instant::now() < until {
            table = self.wait(table, until.saturating_duration_since(Instant::now()));
        }
        cut_off
    }

    fn seat<'a>(
        &'a self,
        mut table: MutexGuard<'a, Table>,
        index: usize,
        client: Arc<Client>,
    ) -> Seat<'a> {
        table.seat(index, Arc::clone(&client));
        if table.is_stopping {
            self.tell(table);
        }
        Seat { seats: self, index, client: Some(client) }
    }

    /// Wakes the threads that wait until something is given back.
    fn tell(&self, table: MutexGuard<'_, Table>) {
        let threads_waiting = table.threads_waiting;
        drop(table);
        if threads_waiting > 0 {
            self.given_back.notify_all();
        }
    }

    fn turn_away(&self, surplus: impl IntoIterator<Item = Arc<Client>>) {
        for client in surplus {
            self.crowded
                .warn("every seat is taken, and more clients wait than should: some get 503");
            client.turn_away(&self.turned_away);
        }
    }

    fn wait<'a>(
        &'a self,
        mut table: MutexGuard<'a, Table>,
        time_max: Duration,
    ) -> MutexGuard<'a, Table> {
        table.threads_waiting += 1;
        let mut table = wait_for(&self.given_back, table, time_max);
        table.threads_waiting -= 1;
        table
    }
}

impl<'a> Seat<'a> {
    pub(super) fn client(&self) -> &Client {
        self.client.as_ref().expect("a seat has its client until it is given back")
    }

    /// Gives the seat to the next one who waits; `None` if no client does.
    pub(super) fn pass_on(mut self) -> Option<Seat<'a>> {
        self.give_back()
    }

    fn give_back(&mut self) -> Option<Seat<'a>> {
        let client = self.client.take()?;
        let mut table = lock(&self.seats.table);
        table.unseat(self.index);
        let next = table.next().map(|next| {
            table.seat(self.index, Arc::clone(&next));
            Seat { seats: self.seats, index: self.index, client: Some(next) }
        });
        if next.is_none() {
            table.free.push(self.index);
        }
        self.seats.tell(table);
        // The socket closes here, once no one can find it in the table any more.
        drop(client);
        next
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // A thread that takes a seat passes it on, so there is one to drop only where it panicked.
        drop(self.give_back());
    }
}

#[cfg(test)]
mod tests;
