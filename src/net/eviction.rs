//! Who loses its slot when none is free and another connection waits for one: the rules.
//!
//! 1. `owed-longest`: a connection that we wait to receive from (its request, or the end of its
//!    stream); of the source with the most of those, the oldest. So a crowd from one place goes
//!    first, and one slow head from a busy office is no attack.
//! 2. `over-share`: a connection that takes its answer, of the source with the most answers under
//!    way, if those are at least two more than the queued one's source has: the one that took the
//!    fewest bytes a second. So no source keeps more than its share while others wait.
//! 3. `too-slow`: one slower than [`PACE_MIN`] over the last seconds, the slowest first.
//!
//! Pure: the candidates go in, one of them comes out. Never one whose request has come whole and
//! whose answer has not begun: it only counts as an answer under way.

use std::collections::HashMap;
use std::time::Instant;

use super::progress::Phase;
use crate::gate::Source;

/// Bytes a second; slower than any modem still in use.
pub(super) const PACE_MIN: u64 = 4 * 1024;

/// So many answers more than the queued one's source must another have, before it gives one up.
const SURPLUS_MIN: usize = 2;

/// Why a connection was ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Rule 1.
    OwedLongest,
    /// Rule 2; or it held the most of something else that others waited for.
    OverShare,
    /// Rule 3.
    TooSlow,
    /// There was no slot for it, and no place in the queue for longer.
    NoSlot,
    /// The server stopped.
    Stopping,
}

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

/// Everybody who may lose a slot, and how many there are of each source.
#[derive(Debug)]
pub(super) struct Candidates {
    members: Vec<Candidate>,
    groups: HashMap<Source, Group>,
    now: Instant,
}

/// How many there are of one source.
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

    /// Chooses who makes way for one of that source, and takes it off the candidates. One whose
    /// source is not known yet counts as one that has no slot.
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

    /// Rule 2. Groups none of whose answers have begun cannot give one up, and so do not hide
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

    /// The member with the least of that, among those that have it.
    fn least<K: Ord>(&self, key: impl Fn(&Candidate, &Group) -> Option<K>) -> Option<usize> {
        let key = |(at, it): (usize, _)| Some((key(it, &self.groups[&it.source])?, at));
        self.members.iter().enumerate().filter_map(key).min().map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests;
