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
    pub(super) activity: Activity,
}

/// What its thread does, and since when or how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// It waits to receive, for a connection that was accepted then.
    Receiving { since: Instant },
    /// It has not begun to send.
    Preparing,
    /// It sends, so many bytes a second.
    Sending {
        average_pace: u64,
        /// `None` for an answer that is younger than the window.
        recent_pace: Option<u64>,
    },
}

/// Everybody who may lose a slot.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// With the index of its source's group.
    members: Vec<(Candidate, usize)>,
    groups: Vec<Group>,
}

/// How many there are of one source.
#[derive(Clone, Copy, Debug)]
struct Group {
    source: Source,
    receiving: usize,
    preparing: usize,
    sending: usize,
}

impl Cause {
    /// Its word in the log.
    pub(crate) fn log_word(self) -> &'static str {
        match self {
            Self::OwedLongest => "owed-longest",
            Self::OverShare => "over-share",
            Self::TooSlow => "too-slow",
            Self::NoSlot => "no-slot",
            Self::Stopping => "stopping",
        }
    }
}

impl Group {
    fn count(&mut self, activity: Activity) -> &mut usize {
        match activity {
            Activity::Receiving { .. } => &mut self.receiving,
            Activity::Preparing => &mut self.preparing,
            Activity::Sending { .. } => &mut self.sending,
        }
    }

    fn answers(&self) -> usize {
        self.sending + self.preparing
    }
}

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        let mut group_of = HashMap::<Source, usize>::new();
        let Self { mut members, mut groups } = Self::default();
        for candidate in candidates {
            let source = candidate.source;
            let group = *group_of.entry(source).or_insert_with(|| {
                groups.push(Group { source, receiving: 0, preparing: 0, sending: 0 });
                groups.len() - 1
            });
            *groups[group].count(candidate.activity) += 1;
            members.push((candidate, group));
        }
        Self { members, groups }
    }
}

impl Candidates {
    /// Chooses who makes way for one of that source, and takes it off the candidates. One whose
    /// source is not known yet counts as one that has no slot.
    pub(super) fn choose(&mut self, queued: Option<Source>) -> Option<(Candidate, Cause)> {
        let oldest = self.oldest_receiving().map(|at| (at, Cause::OwedLongest));
        let (at, cause) = oldest
            .or_else(|| Some((self.slowest_of_the_greediest(queued)?, Cause::OverShare)))
            .or_else(|| Some((self.slowest_of_all()?, Cause::TooSlow)))?;
        let (candidate, group) = self.members.swap_remove(at);
        *self.groups[group].count(candidate.activity) -= 1;
        Some((candidate, cause))
    }

    /// Rule 1.
    fn oldest_receiving(&self) -> Option<usize> {
        let most = self.groups.iter().map(|group| group.receiving).max()?;
        self.least(|activity, group| match activity {
            Activity::Receiving { since } if group.receiving == most => Some(since),
            _ => None,
        })
    }

    /// Rule 2. Groups none of whose answers have begun cannot give one up, and so do not hide
    /// those that can.
    fn slowest_of_the_greediest(&self, queued: Option<Source>) -> Option<usize> {
        let own = self.groups.iter().find(|group| Some(group.source) == queued);
        let fair = own.map_or(0, Group::answers) + SURPLUS_MIN;
        let can_give = self.groups.iter().filter(|group| group.sending > 0);
        let most = can_give.map(Group::answers).max().filter(|&most| most >= fair)?;
        self.least(|activity, group| match activity {
            Activity::Sending { average_pace, .. } if group.answers() == most => Some(average_pace),
            _ => None,
        })
    }

    /// Rule 3.
    fn slowest_of_all(&self) -> Option<usize> {
        self.least(|activity, _| match activity {
            Activity::Sending { recent_pace, .. } => recent_pace.filter(|&pace| pace < PACE_MIN),
            _ => None,
        })
    }

    /// The member with the least of that, among those that have it.
    fn least<K: Ord>(&self, key: impl Fn(Activity, &Group) -> Option<K>) -> Option<usize> {
        let key =
            |(candidate, group): &(Candidate, usize)| key(candidate.activity, &self.groups[*group]);
        let members = self.members.iter().enumerate();
        members.filter_map(|(at, member)| Some((key(member)?, at))).min().map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests;
