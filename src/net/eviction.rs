//! The rules of eviction: which connection loses its slot to a queued one. The first rule that
//! finds one decides.
//!
//! 1. `owed-longest`: a connection that owes its request or the end of its stream; of the source
//!    with the most of those, the oldest. So an attacker's connections go before the one slow head
//!    of a busy office.
//! 2. `over-share`: an answer of the source with the most answers under way, if it has at least two
//!    more than the queued one's source; the slowest on average. So no source keeps more than its
//!    share while others wait.
//! 3. `too-slow`: an answer slower than [`PACE_MIN`] over the last seconds, the slowest first.
//!
//! Pure: candidates go in, one of them comes out. An answer that has not begun is never evicted; it
//! only counts as one under way.

use std::collections::HashMap;
use std::time::Instant;

use super::progress::{Cause, Phase};
use crate::gate::Source;

/// Bytes per second; slower than any modem still in use.
pub(super) const PACE_MIN: u64 = 4 * 1024;

/// How many more answers than the queued one's source another must have to give one up.
const SURPLUS_MIN: usize = 2;

/// A connection that may lose its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Which connection.
    pub(super) id: u64,
    pub(super) source: Source,
    pub(super) accepted_at: Instant,
    /// Neither [`Phase::ReadClosed`] nor [`Phase::Closed`].
    pub(super) phase: Phase,
}

/// All connections that may lose a slot, counted by source.
#[derive(Debug)]
pub(super) struct Candidates {
    members: Vec<Candidate>,
    groups: HashMap<Source, Group>,
    now: Instant,
}

/// The candidates of one source.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    receiving: usize,
    preparing: usize,
    sending: usize,
}

impl Group {
    fn count(&mut self, phase: Phase) -> &mut usize {
        match phase {
            Phase::New | Phase::Receiving => &mut self.receiving,
            Phase::Sending(progress) if progress.has_begun() => &mut self.sending,
            _ => &mut self.preparing,
        }
    }

    fn answers(&self) -> usize {
        self.sending + self.preparing
    }
}

impl Candidates {
    pub(super) fn new(members: Vec<Candidate>, now: Instant) -> Self {
        let mut groups = HashMap::<Source, Group>::new();
        for candidate in &members {
            *groups.entry(candidate.source).or_default().count(candidate.phase) += 1;
        }
        Self { members, groups, now }
    }

    /// Removes and returns the candidate that makes way for a connection of this source. A source
    /// that is not known yet counts as one without slots.
    pub(super) fn choose(&mut self, queued: Option<Source>) -> Option<(Candidate, Cause)> {
        let oldest = self.oldest_receiving().map(|at| (at, Cause::OwedLongest));
        let (at, cause) = oldest
            .or_else(|| Some((self.slowest_of_the_greediest(queued)?, Cause::OverShare)))
            .or_else(|| Some((self.slowest_of_all()?, Cause::TooSlow)))?;
        let candidate = self.members.swap_remove(at);
        *self.groups.get_mut(&candidate.source)?.count(candidate.phase) -= 1;
        Some((candidate, cause))
    }

    /// Rule 1.
    fn oldest_receiving(&self) -> Option<usize> {
        let most = self.groups.values().map(|group| group.receiving).max()?;
        self.least(|it, group| {
            let owes = matches!(it.phase, Phase::New | Phase::Receiving);
            (owes && group.receiving == most).then_some(it.accepted_at)
        })
    }

    /// Rule 2. A source whose answers have all not begun cannot give one up, so it does not shield
    /// those that can.
    fn slowest_of_the_greediest(&self, queued: Option<Source>) -> Option<usize> {
        let own = queued.and_then(|source| self.groups.get(&source));
        let fair = own.map_or(0, Group::answers) + SURPLUS_MIN;
        let can_give = self.groups.values().filter(|group| group.sending > 0);
        let most = can_give.map(Group::answers).max().filter(|&most| most >= fair)?;
        self.least(|it, group| it.phase.average_pace(self.now).filter(|_| group.answers() == most))
    }

    /// Rule 3.
    fn slowest_of_all(&self) -> Option<usize> {
        self.least(|it, _| match it.phase {
            Phase::Sending(progress) => progress.recent_pace(self.now).filter(|&it| it < PACE_MIN),
            _ => None,
        })
    }

    /// The index of the candidate with the least key, among those that have one.
    fn least<K: Ord>(&self, key: impl Fn(&Candidate, &Group) -> Option<K>) -> Option<usize> {
        let key = |(at, it): (usize, _)| Some((key(it, &self.groups[&it.source])?, at));
        self.members.iter().enumerate().filter_map(key).min().map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests;
