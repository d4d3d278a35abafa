//! Passwords that were right, remembered in a form that serves nobody else.
//!
//! What is kept is an HMAC under a key that the process makes for itself at the start and never
//! shows. Two of them are compared in constant time. Only who can read the memory of the process
//! could try passwords against it.

use std::sync::OnceLock;

use hmac::{HmacReset, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

/// The key of this process.
pub(super) struct Key(HmacReset<Sha256>);

/// A user and a password under that key. Its `==` takes the same time wherever two differ.
pub(super) type Digest = hmac::digest::CtOutput<HmacReset<Sha256>>;

/// The right password of a user, once it is known. It never changes: the file is read only once.
#[derive(Default)]
pub(super) struct Verified(OnceLock<Digest>);

impl Key {
    /// A key that no one can guess.
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let key = HmacReset::new_from_slice(&bytes).expect("any length will do");
        bytes.zeroize();
        Ok(Self(key))
    }

    /// The digest of a user and a password. A user has no colon, so no other pair has the same.
    pub(super) fn digest(&self, user: &[u8], password: &[u8]) -> Digest {
        // It stays in its place until it is dropped and overwritten: to move it would leave a copy.
        let mut mac = self.0.clone();
        mac.update(user);
        mac.update(b":");
        mac.update(password);
        mac.finalize_reset()
    }
}

impl Verified {
    /// Whether this is what is remembered.
    pub(super) fn is(&self, digest: &Digest) -> bool {
        self.0.get().is_some_and(|kept| kept == digest)
    }

    /// Remembers it from now on.
    pub(super) fn set(&self, digest: Digest) {
        // It is the same where another request was faster: a user has one right password.
        let _ = self.0.set(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_one_pair_under_one_key() {
        let key = Key::random().unwrap();
        let digest = || key.digest(b"ann", b"secret");
        let verified = Verified::default();
        assert!(!verified.is(&digest()));
        verified.set(digest());
        assert!(verified.is(&digest()));
        for (user, password) in [("ann", "Secret"), ("ann", ""), ("an", "n:secret"), ("", "secret")]
        {
            assert!(!verified.is(&key.digest(user.as_bytes(), password.as_bytes())), "{user}");
        }
        assert!(!verified.is(&Key::random().unwrap().digest(b"ann", b"secret")));
    }
}
