//! Slots: which connections make the server wait, which of them may, and who makes way.
//!
//! A connection is noted here when its thread would wait for it for the first time, or before a
//! long answer; until then nothing here knows of it. It takes a free slot, or is queued: then it
//! goes on for as long as it can without one, others make way for it by the rules of `eviction`,
//! and it is rejected where that takes too long. It has the slot until it is closed.
//!
//! Part of the one state of the server: all of this happens under its lock, and nothing here waits.

use std::collections::{BTreeMap, HashMap};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::eviction::{Candidate, Candidates, Cause};
use super::progress::Phase;
use crate::gate::{FairQueue, Queued, Source};

/// How long an evicted connection may take to close before another is evicted.
pub(super) const EVICTION_TIME_MAX: Duration = Duration::from_millis(50);

/// Looking for connections to evict takes at most one part in so many of the time.
const LOOK_SHARE: u32 = 10;

/// Connections that are evicted in one look, at most.
const EVICTIONS_MAX: usize = 16;

/// For how long new connections of a source are queued behind those of others, once one of its
/// connections was evicted.
const BEHIND_TIME_MAX: Duration = Duration::from_secs(60);

/// Sources of which that is known, at most: less than half a megabyte.
const BEHIND_SOURCES_MAX: usize = 8 * 1024;

/// How long a connection that has sent nothing may stay once the server stops.
pub(super) const SILENT_AT_STOP_TIME_MAX: Duration = Duration::from_millis(50);

/// The slots and the queue before them.
#[derive(Debug)]
pub(super) struct Slots {
    queue: FairQueue<u64>,
    queue_time_max: Duration,
    /// Those that have a slot, are queued, or were rejected, by number.
    connections: BTreeMap<u64, Waiting>,
    /// Before then, no one looks again for connections to evict.
    next_look: Instant,
    /// Sources whose connections are queued behind others, and since when.
    behind: HashMap<Source, Instant>,
    /// What is to be done, in this order; noted here by all of the state.
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
    /// Its thread, where that is parked until there is a slot.
    pub(super) parked: Option<Thread>,
}

/// Whether a connection has a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Held,
    Queued,
    /// It may end what needs no wait, and must not wait again.
    Rejected,
}

/// What a change of the state makes necessary, when the lock has been given back.
#[derive(Debug)]
pub(super) enum Effect {
    /// A parked thread has something to do.
    Unpark(Thread),
    /// A connection ends. Its socket stays open until this is done, so no other's is hit.
    ShutDown(Arc<TcpStream>, Shutdown),
    /// A thread is to be spawned for that listener.
    Spawn(usize),
    /// The housekeeper, or whoever stops the server, waits for what has changed.
    TellAll,
    /// A connection was rejected.
    WarnOfRejection,
    /// Memory of a peak goes back to the system.
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

    /// Notes that a connection is about to make the server wait: it takes a slot or is queued.
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

    /// A connection, unless it has not had to wait or is closed.
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

    /// Rejects those that have been queued for too long, and evicts others for the rest.
    pub(super) fn make_round(&mut self, now: Instant) {
        while let Some(overdue) = self.queue.overdue(now, self.queue_time_max) {
            self.decide(overdue.who, Slot::Rejected);
        }
        self.look(now);
    }

    /// Evicts one for a client that cannot be accepted, or for which there is no thread.
    pub(super) fn evict_for_unknown(&mut self, now: Instant) {
        if self.evictions_under_way(now) == 0 {
            self.evict(now, [None]);
        }
    }

    /// Shuts a connection down, or its reading side, which wakes its thread from any wait.
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

    /// Shuts the reading side of those that have been silent for long enough, so that their threads
    /// read the end of the stream, or the bytes that came just now.
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

    /// Evicts as many as are queued, unless it is too early to look again.
    fn look(&mut self, now: Instant) {
        if self.has_queued() && now >= self.next_look {
            let queued: Vec<_> = self.queue.in_order().map(|it| Some(it.source)).collect();
            let due = queued.into_iter().skip(self.evictions_under_way(now)).take(EVICTIONS_MAX);
            self.evict(now, due);
            self.next_look = now + now.elapsed() * LOOK_SHARE;
        }
    }

    /// Evicts one for each of these sources, as far as the rules allow it. The first holds the
    /// least: where it gets none, the others don't either.
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
                // What has come may make a whole request: that is still answered.
                _ => Phase::ReadClosed { at: now, cause },
            };
            self.end(candidate.id, phase);
        }
    }

    fn held(&self) -> impl Iterator<Item = (&u64, &Waiting)> {
        self.connections.iter().filter(|(_, waiting)| waiting.slot == Slot::Held)
    }

    /// How many were evicted so recently that their slot will be free in a moment.
    fn evictions_under_way(&self, now: Instant) -> usize {
        let evicted = self.held().filter_map(|(_, waiting)| waiting.phase.eviction());
        evicted.filter(|&(at, _)| now < at + EVICTION_TIME_MAX).count()
    }
}
