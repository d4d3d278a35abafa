//! Who may ask: users with their passwords, as the password file (`--auth`) has them.
//!
//! bcrypt takes as long as its cost says, on purpose. So a password that was right once is
//! remembered as a keyed hash, by which the next request is let in within microseconds. All other
//! checks run one at a time, in a queue of their own, and never in the way of those who are
//! remembered. A wrong password takes the same time whatever the user, and an unknown user takes as
//! long. Neither passwords nor hashes show in an error, a log line or a debug line.

mod file;
mod hash;
mod memory;
mod queue;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use crate::http::credentials::Credentials;
use hash::Hash;
use memory::{Key, Remembered};
use queue::{NoTurn, Queue};

pub(crate) use queue::Applicant;

/// Every user who may ask.
pub(crate) struct Passwords {
    users: HashMap<Box<[u8]>, User>,
    /// What is checked for a user whom the file does not have.
    stranger: Hash,
    /// The highest cost in the file: what each wrong password takes.
    cost_max: u32,
    key: Key,
    queue: Queue,
}

struct User {
    name: String,
    hash: Hash,
    /// The password, once it has been right. There is but one for each user, so all that is
    /// remembered is bounded by the file.
    remembered: Remembered,
}

/// Why a client is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is no such user, or the password is wrong.
    Wrong,
    /// Too many checks are waiting.
    Busy,
    /// The client is not there any more.
    Gone,
}

impl Passwords {
    /// Reads the password file. An error is one plain sentence.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let key = Key::random().map_err(|error| format!("no random bytes to be had: {error}"))?;
        Ok(Self::new(file::read(path)?, key, Queue::new()))
    }

    fn new(lines: Vec<(String, Hash)>, key: Key, queue: Queue) -> Self {
        let cost_max = lines.iter().map(|(_, hash)| hash.cost()).max();
        let cost_max = cost_max.unwrap_or(hash::COST_MIN);
        let user = |(name, hash): (String, Hash)| {
            let user = User { name, hash, remembered: Remembered::default() };
            (user.name.as_bytes().into(), user)
        };
        let users = lines.into_iter().map(user).collect();
        Self { users, stranger: Hash::of_nothing(cost_max), cost_max, key, queue }
    }

    /// How many users there are.
    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    /// The user whose credentials these are. Where they are not remembered, this waits for the
    /// applicant's turn and then takes long.
    pub(crate) fn check(
        &self,
        credentials: &Credentials,
        applicant: &dyn Applicant,
    ) -> Result<&str, Denied> {
        let user = self.users.get(credentials.user());
        let password = hash::significant(credentials.password());
        let digest = self.key.digest(credentials.user(), password);
        let known = || user.filter(|user| user.remembered.is(&digest));
        if let Some(user) = known() {
            return Ok(&user.name);
        }
        let _turn = self.queue.enter(applicant)?;
        // A browser sends several requests at once: another may have been checked meanwhile.
        if let Some(user) = known() {
            return Ok(&user.name);
        }
        let is_right = user.map_or(&self.stranger, |it| &it.hash).verify(password, self.cost_max);
        let user = user.filter(|_| is_right).ok_or(Denied::Wrong)?;
        user.remembered.set(digest);
        Ok(&user.name)
    }
}

impl From<NoTurn> for Denied {
    fn from(no_turn: NoTurn) -> Self {
        match no_turn {
            NoTurn::Busy => Self::Busy,
            NoTurn::Gone => Self::Gone,
        }
    }
}

/// Shows no user, no hash and no key.
impl fmt::Debug for Passwords {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} users", self.count())
    }
}

#[cfg(test)]
mod tests;
