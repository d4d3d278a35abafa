//! Who loses a seat when all are taken and a newcomer wants one: the order of evictions.
//!
//! 1. A client that owes (its request, or the end of its stream): of the origin that has the most
//!    clients who owe, the one that has owed the longest. So many from one place go first, and one
//!    slow head from a busy office is no attack.
//! 2. A client that takes its answer, of the origin that has the most of those, if that is at least
//!    two more than the newcomer's origin has: the one that took the fewest bytes a second. So no
//!    origin keeps more than its share while others wait.
//! 3. A client slower than [`PACE_MIN`] over the last seconds, the slowest first.
//!
//! Pure: a census of the seats goes in, a seat comes out. Not in the census are clients whose
//! request has just come whole and whose answer has not begun: they never go.

use std::collections::HashMap;
use std::time::Instant;

use super::origin::Origin;

/// Bytes a second; slower than any modem still in use.
pub(super) const PACE_MIN: u64 = 4 * 1024;

/// So many answers more than the newcomer's origin must another have, before it gives one up.
const SURPLUS_MIN: usize = 2;

/// A client that could lose its seat, as it was when the census was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seated {
    /// Which seat it has.
    pub(super) seat: usize,
    pub(super) origin: Origin,
    pub(super) turn: Turn,
}

/// Whose move it is, and since when or how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The client's: it owes its request, or the end of its stream.
    Owes { since: Instant },
    /// Ours: it takes its answer, at these bytes a second.
    Takes {
        average_pace: u64,
        /// `None` for an answer that is younger than the window.
        recent_pace: Option<u64>,
    },
}

/// Everybody who could lose a seat.
#[derive(Debug, Default)]
pub(super) struct Census {
    members: Vec<Member>,
    parties: Vec<Party>,
    party_of: HashMap<Origin, usize>,
}

#[derive(Debug)]
struct Member {
    seated: Seated,
    /// The index of its origin's party.
    party: usize,
}

/// How many there are of one origin.
#[derive(Clone, Copy, Debug, Default)]
struct Party {
    owing: usize,
    taking: usize,
}

impl Census {
    /// Counts a client that has a seat.
    pub(super) fn add(&mut self, seated: Seated) {
        let party = self.party(seated.origin);
        *self.count(party, seated.turn) += 1;
        self.members.push(Member { seated, party });
    }

    /// Counts an answer of that origin that has not begun to go out: it never loses its seat, but
    /// it is an answer under way.
    pub(super) fn add_kept(&mut self, origin: Origin) {
        let party = self.party(origin);
        self.parties[party].taking += 1;
    }

    /// Chooses who makes way for a newcomer of that origin, and takes it off the census. A newcomer
    /// whose origin is not known yet counts as one that has no seat.
    pub(super) fn choose(&mut self, newcomer: Option<Origin>) -> Option<Seated> {
        let at = self
            .longest_owing()
            .or_else(|| self.slowest_of_the_greediest(newcomer))
            .or_else(|| self.slowest_of_all())?;
        let Member { seated, party } = self.members.swap_remove(at);
        *self.count(party, seated.turn) -= 1;
        Some(seated)
    }

    fn party(&mut self, origin: Origin) -> usize {
        *self.party_of.entry(origin).or_insert_with(|| {
            self.parties.push(Party::default());
            self.parties.len() - 1
        })
    }

    fn count(&mut self, party: usize, turn: Turn) -> &mut usize {
        match turn {
            Turn::Owes { .. } => &mut self.parties[party].owing,
            Turn::Takes { .. } => &mut self.parties[party].taking,
        }
    }

    /// Rule 1.
    fn longest_owing(&self) -> Option<usize> {
        let most = self.parties.iter().map(|party| party.owing).max().filter(|&most| most > 0)?;
        self.least(|member| match member.seated.turn {
            Turn::Owes { since } if self.parties[member.party].owing == most => Some(since),
            _ => None,
        })
    }

    /// Rule 2.
    fn slowest_of_the_greediest(&self, newcomer: Option<Origin>) -> Option<usize> {
        let party = newcomer.and_then(|origin| self.party_of.get(&origin));
        let of_the_newcomer = party.map_or(0, |&party| self.parties[party].taking);
        let most = self.parties.iter().map(|party| party.taking).max()?;
        if most < of_the_newcomer + SURPLUS_MIN {
            return None;
        }
        self.least(|member| match member.seated.turn {
            Turn::Takes { average_pace, .. } if self.parties[member.party].taking == most => {
                Some(average_pace)
            }
            _ => None,
        })
    }

    /// Rule 3.
    fn slowest_of_all(&self) -> Option<usize> {
        self.least(|member| match member.seated.turn {
            Turn::Takes { recent_pace: Some(pace), .. } if pace < PACE_MIN => Some(pace),
            _ => None,
        })
    }

    /// The member with the least of that, among those that have it.
    fn least<K: Ord>(&self, key: impl Fn(&Member) -> Option<K>) -> Option<usize> {
        let members = self.members.iter().enumerate();
        members.filter_map(|(at, member)| Some((key(member)?, at))).min().map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests;
