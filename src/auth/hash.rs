//! A bcrypt hash, as `htpasswd -B` writes it, and how long it takes to check one.

use std::hint::black_box;

/// The costs that bcrypt has begin here.
pub(super) const COST_MIN: u32 = 4;

/// The highest cost that is accepted, which is also the highest that `htpasswd` makes: each step
/// doubles the time, and this one takes seconds.
pub(super) const COST_MAX: u32 = 17;

/// bcrypt looks at so many bytes of a password.
const PASSWORD_BYTES_MAX: usize = 72;

/// The spellings of one and the same scheme. `$2x$` is another: it marks hashes of a faulty one.
const PREFIXES: [&str; 3] = ["$2y$", "$2b$", "$2a$"];

/// A password's hash.
pub(super) struct Hash {
    /// As it stands in the file.
    text: String,
    cost: u32,
}

/// Why a text is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashError {
    /// It is no bcrypt hash.
    Scheme,
    /// Its cost is above [`COST_MAX`].
    Cost,
}

impl Hash {
    /// Reads `$2y$COST$` and salt and hash in bcrypt's own Base64.
    pub(super) fn parse(text: &str) -> Result<Self, HashError> {
        if !PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            return Err(HashError::Scheme);
        }
        let cost = text.parse::<bcrypt::HashParts>().map_err(|_| HashError::Scheme)?.get_cost();
        match cost {
            ..COST_MIN => Err(HashError::Scheme),
            COST_MIN..=COST_MAX => Ok(Self { text: text.to_owned(), cost }),
            _ => Err(HashError::Cost),
        }
    }

    /// A hash of this cost that no known password has.
    pub(super) fn of_nothing(cost: u32) -> Self {
        // In bcrypt's Base64 a dot is six bits of 0: here 16 bytes of salt and 23 of hash.
        let text = format!("$2b${cost:02}${}", ".".repeat(22 + 31));
        Self { text, cost }
    }

    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether that is the password. If it is not, finding that out takes as long as for a hash of
    /// `cost_max`, so the time does not tell which user has which cost.
    pub(super) fn verify(&self, password: &[u8], cost_max: u32) -> bool {
        let is_right = bcrypt::verify(password, &self.text).expect("the text was parsed before");
        if !is_right {
            // Each cost takes twice as long as the one before: all of these together, and what has
            // been done, take as long as `cost_max`.
            for cost in self.cost..cost_max {
                let _ = black_box(bcrypt::hash_with_salt(password, cost, [0; 16]));
            }
        }
        is_right
    }
}

/// What bcrypt looks at of a password: the rest can be anything, as it is for Apache.
pub(super) fn significant(password: &[u8]) -> &[u8] {
    &password[..password.len().min(PASSWORD_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `secret`, as `htpasswd -nbB` prints it.
    const SECRET: &str = "$2y$05$wRDpDLxJ4ADDc0G0v8LTE.p4tO2jnUDJDIQLs0Kxfl/hEkOuXYkVy";

    #[track_caller]
    fn check(text: &str, want: Result<u32, HashError>) {
        assert_eq!(Hash::parse(text).map(|hash| hash.cost()), want, "{text}");
    }

    fn with(prefix: &str) -> String {
        SECRET.replacen("$2y$05", prefix, 1)
    }

    #[test]
    fn only_bcrypt_up_to_a_cost_is_accepted() {
        check(SECRET, Ok(5));
        for (prefix, cost) in [("$2b$04", 4), ("$2a$12", 12), ("$2y$17", 17)] {
            check(&with(prefix), Ok(cost));
        }
        for prefix in ["$2y$18", "$2b$31", "$2a$99"] {
            check(&with(prefix), Err(HashError::Cost));
        }
        for prefix in ["$2x$05", "$2y$03", "$2y$00", "$2y$ 5", "$2z$05", "$2$005", "$6$5", ""] {
            check(&with(prefix), Err(HashError::Scheme));
        }
        for other in [
            "",
            "secret",
            "$apr1$Z3GXlQ4p$ng1Ww6d0XIR7fi/pyEWT61",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "$6$salt$hash",
            "$2y$05$short",
            &format!("{SECRET}."),
            &format!("{SECRET}:x"),
            &SECRET.replace('w', "*"),
            &SECRET.replace("wR", "ä"),
        ] {
            check(other, Err(HashError::Scheme));
        }
    }

    #[test]
    fn the_right_password_is_right_whatever_the_spelling() {
        for prefix in ["$2y$05", "$2b$05", "$2a$05"] {
            let hash = Hash::parse(&with(prefix)).unwrap();
            assert!(hash.verify(b"secret", 5) && hash.verify(b"secret", 6));
            for wrong in [&b""[..], b"Secret", b"secret ", b"secre", b"\xff"] {
                assert!(!hash.verify(wrong, 5) && !hash.verify(wrong, 6), "{wrong:?}");
            }
        }
    }

    #[test]
    fn a_hash_of_nothing_can_be_checked() {
        for cost in [COST_MIN, 6] {
            let nothing = Hash::of_nothing(cost);
            assert_eq!(Hash::parse(&nothing.text).map(|hash| hash.cost()), Ok(cost));
            assert!(!nothing.verify(b"", cost) && !nothing.verify(b"secret", cost));
        }
    }

    #[test]
    fn bcrypt_looks_at_72_bytes() {
        let long = [b'x'; 80];
        let text = bcrypt::hash_with_salt(long, COST_MIN, [7; 16]).unwrap().to_string();
        let hash = Hash::parse(&text).unwrap();
        assert_eq!(significant(&long), [b'x'; 72]);
        assert!(hash.verify(&long, COST_MIN) && hash.verify(significant(&long), COST_MIN));
        assert!(!hash.verify(&long[..71], COST_MIN));
        assert_eq!(significant(b"short"), b"short");
    }
}
