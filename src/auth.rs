//! Authentication: users with their passwords, from the password file (`--auth`).
//!
//! bcrypt takes as long as its cost says, on purpose. So a verified password is remembered as a
//! keyed hash, which lets the next request in within microseconds. All other checks pass a gate,
//! one at a time, and never slow down logged-in users. A wrong password takes the same time for
//! every user, known or unknown. Errors, log lines and debug output show neither passwords nor
//! hashes.

mod file;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::CtOutput;
use hmac::{HmacReset, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::gate::{Denied, Gate, Limits, Relief, Requester};
use crate::http::request::Fields;
use file::Hash;

/// The value of WWW-Authenticate (RFC 7617 sections 2 and 2.1).
pub(crate) const CHALLENGE: &str = "Basic realm=\"httpd\", charset=\"UTF-8\"";

/// The name of the scheme, case-insensitive (RFC 9110 section 11.1).
const SCHEME: &[u8] = b"Basic";

/// The user and the password in a request (Basic authentication, RFC 7617). They are overwritten
/// when dropped, and nothing prints them.
pub(crate) struct Credentials {
    /// `user:password`.
    pair: Zeroizing<Vec<u8>>,
    /// Where the first colon is: a password may contain more, a user none.
    colon: usize,
}

/// All users.
pub(crate) struct Passwords {
    users: HashMap<String, User>,
    /// Checked for users missing from the file. It has the highest cost in the file, which is what
    /// each wrong password takes.
    decoy: Hash,
    /// Made at the start and never shown. Only someone who can read the memory of the process could
    /// try passwords against the verified digests.
    key: HmacReset<Sha256>,
    checks: Arc<Gate>,
}

struct User {
    hash: Hash,
    /// The verified password, as its digest under the key. The file is read only once, so there is
    /// at most one per user, and the file bounds the memory.
    verified: OnceLock<Digest>,
}

/// A user and a password under the key. `==` takes the same time wherever two differ.
type Digest = CtOutput<HmacReset<Sha256>>;

/// One check keeps one core busy, so guesses never take more than one core.
const CHECKS: Limits = Limits {
    capacity: 1,
    exempt: 0,
    queue_max: 64,
    time_max: Duration::from_secs(10),
    relief: Relief::None,
};

impl Credentials {
    /// The credentials in these fields, if they are there once and well-formed. Neither part may
    /// have control characters (RFC 7617 section 2).
    pub(crate) fn of(fields: &Fields<'_>) -> Option<Self> {
        let mut values = fields.all("authorization");
        let (value, None) = (values.next()?, values.next()) else { return None };
        let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) || !rest.starts_with(b" ") {
            return None;
        }
        let pair = Zeroizing::new(STANDARD.decode(rest.trim_ascii_start()).ok()?);
        let colon = pair.iter().position(|&byte| byte == b':')?;
        let is_well_formed = !pair.iter().any(u8::is_ascii_control);
        is_well_formed.then_some(Self { pair, colon })
    }

    /// The user's name and the password.
    fn parts(&self) -> (&[u8], &[u8]) {
        (&self.pair[..self.colon], &self.pair[self.colon + 1..])
    }
}

impl Passwords {
    /// Reads the password file. The error is one plain sentence.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| format!("cannot get random bytes: {error}"))?;
        let passwords = Self::new(file::read(path)?, &key, CHECKS);
        key.zeroize();
        Ok(passwords)
    }

    fn new(hashes: HashMap<String, Hash>, key: &[u8; 32], checks: Limits) -> Self {
        let cost_max = hashes.values().map(Hash::cost).max().unwrap_or(file::COST_MIN);
        let user = |(name, hash)| (name, User { hash, verified: OnceLock::new() });
        Self {
            users: hashes.into_iter().map(user).collect(),
            decoy: Hash::of_nothing(cost_max),
            key: HmacReset::new_from_slice(key).expect("a key may have any length"),
            checks: Gate::new(checks),
        }
    }

    /// The number of users.
    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    /// The lowest cost in the file: the cost of guessing the weakest password.
    pub(crate) fn cost_min(&self) -> u32 {
        self.users.values().map(|user| user.hash.cost()).min().unwrap_or(file::COST_MIN)
    }

    /// The user with these credentials; `None` if they are wrong. If they have not been verified
    /// yet, this waits for a permit and then takes long.
    pub(crate) fn check(
        &self,
        credentials: &Credentials,
        requester: &dyn Requester,
    ) -> Result<Option<&str>, Denied> {
        let (name, password) = credentials.parts();
        let password = file::significant(password);
        let digest = self.digest(name, password);
        let user = str::from_utf8(name).ok().and_then(|name| self.users.get_key_value(name));
        let verified = || user.filter(|(_, user)| user.verified.get() == Some(&digest));
        if let Some((name, _)) = verified() {
            return Ok(Some(name));
        }
        let _permit = self.checks.enter(requester, 1)?;
        // A browser sends several requests at once: another may have been verified meanwhile.
        if let Some((name, _)) = verified() {
            return Ok(Some(name));
        }
        let hash = user.map_or(&self.decoy, |(_, user)| &user.hash);
        let is_right = hash.verify(password, self.decoy.cost());
        Ok(user.filter(|_| is_right).map(|(name, user)| {
            // If another request was faster, it set the same digest: a user has one right password.
            let _ = user.verified.set(digest);
            name.as_str()
        }))
    }

    /// The digest of a user and a password. A user has no colon, so every pair has its own.
    fn digest(&self, name: &[u8], password: &[u8]) -> Digest {
        // It stays in place until it is dropped and overwritten: moving it would leave a copy.
        let mut mac = self.key.clone();
        mac.update(name);
        mac.update(b":");
        mac.update(password);
        mac.finalize_reset()
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
