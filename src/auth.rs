//! Who may ask: users with their passwords, as the password file (`--auth`) has them.
//!
//! bcrypt takes as long as its cost says, on purpose. So a password that was right once is
//! remembered as a keyed hash, by which the next request is let in within microseconds. All other
//! checks pass a gate, one at a time, and never slow down users whose password was verified. A
//! wrong password takes the same time whatever the user, and an unknown user takes as long. Neither
//! passwords nor hashes show in an error, a log line or a debug line.

mod file;
mod hash;
mod verified;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::gate::{Denied, Gate, Limits, Relief, Requester};
use crate::http::credentials::Credentials;
use hash::Hash;
use verified::{Key, Verified};

/// Every user who may ask.
pub(crate) struct Passwords {
    users: HashMap<Box<[u8]>, User>,
    /// What is checked for a user whom the file does not have.
    decoy: Hash,
    /// The highest cost in the file: what each wrong password takes.
    cost_max: u32,
    key: Key,
    checks: Arc<Gate>,
}

struct User {
    name: String,
    hash: Hash,
    /// The password, once it has been right. There is but one for each user, so all that is
    /// remembered is bounded by the file.
    verified: Verified,
}

/// One check keeps one core busy, so no number of guesses takes more than that.
const CHECKS: Limits = Limits {
    capacity: 1,
    exempt: 0,
    queue_max: 64,
    time_max: Duration::from_secs(10),
    relief: Relief::None,
};

impl Passwords {
    /// Reads the password file. An error is one plain sentence.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let key = Key::random().map_err(|error| format!("no random bytes to be had: {error}"))?;
        Ok(Self::new(file::read(path)?, key, CHECKS))
    }

    fn new(lines: Vec<(String, Hash)>, key: Key, checks: Limits) -> Self {
        let cost_max = lines.iter().map(|(_, hash)| hash.cost()).max();
        let cost_max = cost_max.unwrap_or(hash::COST_MIN);
        let user = |(name, hash): (String, Hash)| {
            let user = User { name, hash, verified: Verified::default() };
            (user.name.as_bytes().into(), user)
        };
        let users = lines.into_iter().map(user).collect();
        Self { users, decoy: Hash::of_nothing(cost_max), cost_max, key, checks: Gate::new(checks) }
    }

    /// How many users there are.
    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    /// The lowest cost in the file: what it takes to guess the weakest password.
    pub(crate) fn cost_min(&self) -> u32 {
        self.users.values().map(|user| user.hash.cost()).min().unwrap_or(self.cost_max)
    }

    /// The user whose credentials these are; `None` where they are wrong. Where they are not
    /// remembered, this waits for a permit and then takes long.
    pub(crate) fn check(
        &self,
        credentials: &Credentials,
        requester: &dyn Requester,
    ) -> Result<Option<&str>, Denied> {
        let user = self.users.get(credentials.user());
        let password = hash::significant(credentials.password());
        let digest = self.key.digest(credentials.user(), password);
        let known = || user.filter(|user| user.verified.is(&digest));
        if let Some(user) = known() {
            return Ok(Some(&user.name));
        }
        let _permit = self.checks.enter(requester, 1)?;
        // A browser sends several requests at once: another may have been checked meanwhile.
        if let Some(user) = known() {
            return Ok(Some(&user.name));
        }
        let is_right = user.map_or(&self.decoy, |it| &it.hash).verify(password, self.cost_max);
        let user = user.filter(|_| is_right);
        Ok(user.map(|user| {
            user.verified.set(digest);
            &*user.name
        }))
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
