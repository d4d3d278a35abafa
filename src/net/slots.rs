//! Slots: the connections that make the server wait, and the queue for a slot.
//!
//! A connection appears here when its thread would first wait for it, or before a long answer. It
//! takes a free slot, or is queued. In the queue it goes on for as long as it can without a slot,
//! `eviction` makes others give way, and after too long it is rejected. It keeps its slot until it
//! is closed.
//!
//! Part of the server's one state: all of it runs under the lock, and nothing here waits.

use std::collections::{BTreeMap, HashMap};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::eviction::{Candidate, Candidates};
use super::progress::{Cause, Phase};
use crate::gate::{FairQueue, Queued, Source};

/// How long an evicted connection may take to close before another is evicted.
pub(super) const EVICTION_TIME_MAX: Duration = Duration::from_millis(50);

/// The search for connections to evict takes at most a tenth of the time.
const LOOK_SHARE: u32 = 10;

/// Evictions per search, at most.
const EVICTIONS_MAX: usize = 16;

/// After an eviction, new connections of the same source are queued behind all others for this
/// long.
const BEHIND_TIME_MAX: Duration = Duration::from_secs(60);

/// Sources remembered for that, at most: less than half a megabyte.
const BEHIND_SOURCES_MAX: usize = 8 * 1024;

/// How long a connection that has sent nothing may stay once the server stops.
pub(super) const SILENT_AT_STOP_TIME_MAX: Duration = Duration::from_millis(50);

/// The slots and the queue before them.
#[derive(Debug)]
pub(super) struct Slots {
    queue: FairQueue<u64>,
    queue_time_max: Duration,
    /// Those with a slot, in the queue, or rejected, by number.
    connections: BTreeMap<u64, Waiting>,
    /// When to search again for connections to evict.
    next_look: Instant,
    /// Sources whose connections are queued behind others, and since when.
    behind: HashMap<Source, Instant>,
    /// The effects of all transitions of the state, in order.
    pub(super) effects: Vec<Effect>,
}

/// A connection that makes the server wait.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) source: Source,
    pub(super) accepted_at: Instant,
    pub(super) stream: Arc<TcpStream>,
    pub(super) phase: Phase,
    pub(super) slot: Slot,
    /// Its thread, if it is parked until there is a slot.
    pub(super) parked: Option<Thread>,
}

/// Whether a connection has a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Held,
    Queued,
    /// It may go on as long as it need not wait.
    Rejected,
}

/// What a transition makes necessary. It is done after the lock is released.
#[derive(Debug)]
pub(super) enum Effect {
    /// Wake a parked thread.
    Unpark(Thread),
    /// End a connection. Its socket stays open until then, so no other's is hit.
    ShutDown(Arc<TcpStream>, Shutdown),
    /// Spawn a thread for this listener.
    Spawn(usize),
    /// Wake the housekeeper, and the thread that stops the server.
    TellAll,
    /// Warn that a connection was rejected.
    WarnOfRejection,
    /// Return the memory of a peak to the system.
    GiveMemoryBack,
}

impl Waiting {
    fn candidate(&self, id: u64) -> Candidate {
        let &Self { source, accepted_at, phase, .. } = self;
        Candidate { id, source, accepted_at, phase }
    }

    /// Why it must end, if it must.
    pub(super) fn eviction(&self) -> Option<Cause> {
        let rejected = (self.slot == Slot::Rejected).then_some(Cause::NoSlot);
        self.phase.eviction().map(|(_, cause)| cause).or(rejected)
    }
}

impl Slots {
    pub(super) fn new(slots: usize, places: usize, queue_time_max: Duration) -> Self {
        let queue = FairQueue::new(slots, places);
        let (connections, behind, effects) = (BTreeMap::new(), HashMap::new(), Vec::new());
        let next_look = Instant::now();
        Self { queue, queue_time_max, connections, next_look, behind, effects }
    }

    /// A connection is about to make the server wait: it takes a slot or is queued.
    pub(super) fn add(&mut self, id: u64, mut waiting: Waiting, now: Instant) {
        let source = waiting.source;
        let is_free = self.queue.try_hold(source, 1);
        waiting.slot = if is_free { Slot::Held } else { Slot::Queued };
        self.connections.insert(id, waiting);
        if !is_free {
            let is_recent = |&at: &Instant| now.saturating_duration_since(at) < BEHIND_TIME_MAX;
            let behind = self.behind.get(&source).is_some_and(is_recent);
            let queued = Queued { source, weight: 1, since: now, behind, who: id };
            if let Some(rejected) = self.queue.join(queued) {
                self.decide(rejected.who, Slot::Rejected);
            }
            self.look(now);
        }
    }

    /// A connection that has had to wait and is not closed.
    pub(super) fn get(&mut self, id: u64) -> Option<&mut Waiting> {
        self.connections.get_mut(&id)
    }

    /// A connection is about to close: its slot goes to the next one.
    pub(super) fn remove(&mut self, id: u64) {
        let removed = self.connections.remove(&id).expect("it was added, and is removed once");
        match removed.slot {
            Slot::Held => self.queue.give_back(removed.source, 1),
            Slot::Queued => drop(self.queue.withdraw(|&other| other == id)),
            Slot::Rejected => {}
        }
        while let Some(next) = self.queue.next() {
            self.decide(next.who, Slot::Held);
        }
    }

    /// Whether any connection is queued.
    pub(super) fn has_queued(&self) -> bool {
        self.queue.queued() > 0
    }

    /// Rejects what has been queued for too long, and evicts for the rest.
    pub(super) fn make_round(&mut self, now: Instant) {
        while let Some(overdue) = self.queue.overdue(now, self.queue_time_max) {
            self.decide(overdue.who, Slot::Rejected);
        }
        self.look(now);
    }

    /// Evicts one for a client that cannot be accepted or has no thread.
    pub(super) fn evict_for_unknown(&mut self, now: Instant) {
        if self.evictions_under_way(now) == 0 {
            self.evict(now, [None]);
        }
    }

    /// Shuts down a connection or its reading side, which wakes its thread from any wait.
    pub(super) fn end(&mut self, id: u64, phase: Phase) {
        let Some(waiting) = self.connections.get_mut(&id) else { return };
        if !matches!(waiting.phase, Phase::Closed { .. }) {
            waiting.phase = phase;
            let is_over = matches!(phase, Phase::Closed { .. });
            let side = if is_over { Shutdown::Both } else { Shutdown::Read };
            self.effects.push(Effect::ShutDown(Arc::clone(&waiting.stream), side));
            self.effects.extend(waiting.parked.take().map(Effect::Unpark));
        }
    }

    /// Shuts all of them down.
    pub(super) fn end_all(&mut self, now: Instant) {
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.end(id, Phase::Closed { at: now, cause: Cause::Stopping });
        }
    }

    /// Shuts the reading side of connections that have sent nothing for too long. Their threads
    /// read the end of the stream, or bytes that came just now.
    pub(super) fn end_silent(&mut self, now: Instant) {
        for waiting in self.connections.values().filter(|waiting| waiting.phase == Phase::New) {
            if now >= waiting.accepted_at + SILENT_AT_STOP_TIME_MAX {
                let stream = Arc::clone(&waiting.stream);
                self.effects.push(Effect::ShutDown(stream, Shutdown::Read));
            }
        }
    }

    fn decide(&mut self, id: u64, slot: Slot) {
        let waiting = self.connections.get_mut(&id).expect("one that is queued is noted");
        waiting.slot = slot;
        self.effects.extend(waiting.parked.take().map(Effect::Unpark));
        self.effects.extend((slot == Slot::Rejected).then_some(Effect::WarnOfRejection));
    }

    /// Evicts as many as are queued, unless it is too early for another search.
    fn look(&mut self, now: Instant) {
        if self.has_queued() && now >= self.next_look {
            let queued: Vec<_> = self.queue.in_order().map(|it| Some(it.source)).collect();
            let due = queued.into_iter().skip(self.evictions_under_way(now)).take(EVICTIONS_MAX);
            self.evict(now, due);
            self.next_look = now + now.elapsed() * LOOK_SHARE;
        }
    }

    /// Evicts one for each of these sources, as far as the rules allow. The first source holds the
    /// least: if it gets none, the others don't either.
    fn evict(&mut self, now: Instant, queued: impl IntoIterator<Item = Option<Source>>) {
        let held = self.held().filter(|(_, waiting)| waiting.phase.eviction().is_none());
        let members = held.map(|(&id, waiting)| waiting.candidate(id)).collect();
        let mut candidates = Candidates::new(members, now);
        for source in queued {
            let Some((candidate, cause)) = candidates.choose(source) else { return };
            if self.behind.len() >= BEHIND_SOURCES_MAX {
                self.behind.clear();
            }
            self.behind.insert(candidate.source, now);
            let phase = match candidate.phase {
                Phase::Sending(_) => Phase::Closed { at: now, cause },
                // The bytes received may be a whole request, which is still answered.
                _ => Phase::ReadClosed { at: now, cause },
            };
            self.end(candidate.id, phase);
        }
    }

    fn held(&self) -> impl Iterator<Item = (&u64, &Waiting)> {
        self.connections.iter().filter(|(_, waiting)| waiting.slot == Slot::Held)
    }

    /// Recent evictions, whose slots will be free in a moment.
    fn evictions_under_way(&self, now: Instant) -> usize {
        let evicted = self.held().filter_map(|(_, waiting)| waiting.phase.eviction());
        evicted.filter(|&(at, _)| now < at + EVICTION_TIME_MAX).count()
    }
}
