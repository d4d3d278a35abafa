//! The password file: lines `user:hash`, as `htpasswd -B` writes them, and the time that a check of
//! a bcrypt hash takes.
//!
//! Blank lines and those that start with `#` are ignored, as in Apache. Any other fault is an
//! error, which names the line and shows nothing of it: a plain password put there by mistake must
//! not end up in a log.

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

/// The most bytes read: some 15,000 users.
const BYTES_MAX: u64 = 1024 * 1024;

/// The lowest cost of bcrypt.
pub(super) const COST_MIN: u32 = 4;

/// The highest cost accepted, which is also the highest of `htpasswd`: each step doubles the time,
/// and this one takes seconds.
const COST_MAX: u32 = 17;

/// bcrypt reads this many bytes of a password.
const PASSWORD_BYTES_MAX: usize = 72;

/// The spellings of one scheme. `$2x$` is another one: it marks hashes of a faulty implementation.
const PREFIXES: [&str; 3] = ["$2y$", "$2b$", "$2a$"];

/// A password's hash.
pub(super) struct Hash {
    /// As in the file.
    text: String,
    cost: u32,
}

/// Reads the users and their hashes. The error is one plain sentence that names the file.
pub(super) fn read(path: &Path) -> Result<HashMap<String, Hash>, String> {
    let name = path.display();
    let mut text = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut text))
        .map_err(|error| format!("cannot read the password file {name}: {error}"))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(format!("the password file {name} is larger than {BYTES_MAX} bytes"));
    }
    parse(&text).map_err(|fault| format!("the password file {name}: {fault}"))
}

fn parse(text: &[u8]) -> Result<HashMap<String, Hash>, String> {
    let mut users = HashMap::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let line = line.trim_ascii_end();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let (user, hash) = parse_line(line).map_err(|fault| format!("line {number} {fault}"))?;
        if users.insert(user, hash).is_some() {
            return Err(format!("line {number} has the same user as one before it"));
        }
    }
    if users.is_empty() { Err("no users (htpasswd -B adds one)".to_owned()) } else { Ok(users) }
}

fn parse_line(line: &[u8]) -> Result<(String, Hash), String> {
    let line = str::from_utf8(line).map_err(|_| "is not UTF-8")?;
    let (user, hash) = line.split_once(':').ok_or("is not USER:HASH, as htpasswd -B writes it")?;
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err("has an empty user name, or control characters in it".to_owned());
    }
    Ok((user.to_owned(), Hash::parse(hash)?))
}

impl Hash {
    /// Reads `$2y$COST$`, then salt and hash in bcrypt's own Base64. The error completes a sentence
    /// that starts with the line number.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_bcrypt = PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        let parts = text.parse::<bcrypt::HashParts>().ok().filter(|_| is_bcrypt);
        match parts.map(|parts| parts.get_cost()) {
            None | Some(..COST_MIN) => {
                Err("has no bcrypt hash, as htpasswd -B makes it".to_owned())
            }
            Some(cost @ COST_MIN..=COST_MAX) => Ok(Self { text: text.to_owned(), cost }),
            Some(_) => Err(format!("has a hash that costs more than {COST_MAX}")),
        }
    }

    /// A hash of this cost without a known password.
    pub(super) fn of_nothing(cost: u32) -> Self {
        // In bcrypt's Base64 a dot is six zero bits: here 16 bytes of salt and 23 of hash.
        let text = format!("$2b${cost:02}${}", ".".repeat(22 + 31));
        Self { text, cost }
    }

    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether this is the password. A wrong one takes as long as for a hash of `cost_max`, so the
    /// time does not reveal a user's cost.
    pub(super) fn verify(&self, password: &[u8], cost_max: u32) -> bool {
        let is_right = bcrypt::verify(password, &self.text).expect("the text was parsed before");
        if !is_right {
            // Each cost takes twice as long as the one before, so all of these and the check above
            // together take as long as `cost_max`.
            for cost in self.cost..cost_max {
                let _ = black_box(bcrypt::hash_with_salt(password, cost, [0; 16]));
            }
        }
        is_right
    }
}

/// The part of a password that bcrypt reads. The rest is ignored, as in Apache.
pub(super) fn significant(password: &[u8]) -> &[u8] {
    &password[..password.len().min(PASSWORD_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The hash of `secret`, as `htpasswd -nbB` prints it. `HASH` in the texts below stands for it.
    const HASH: &str = "$2y$05$wRDpDLxJ4ADDc0G0v8LTE.p4tO2jnUDJDIQLs0Kxfl/hEkOuXYkVy";

    /// Checks for this word in the error, or for these users in order of their names.
    #[track_caller]
    fn check(text: &str, want: Result<&[&str], &str>) {
        match (parse(text.replace("HASH", HASH).as_bytes()), want) {
            (Ok(users), Ok(want)) => {
                let mut names: Vec<_> = users.keys().collect();
                names.sort();
                assert_eq!(names, want, "{text}");
            }
            (Err(error), Err(want)) => assert!(error.contains(want), "{text}: {error}"),
            (got, _) => panic!("{text}: {:?}", got.map(|users| users.len())),
        }
    }

    #[test]
    fn each_line_has_a_user() {
        check("Ann:HASH\nann b:HASH\nann:HASH", Ok(&["Ann", "ann", "ann b"]));
        check("# ours\r\n\r\n  \r\nÄnn:HASH \r\n#x:y\n", Ok(&["Änn"]));
        check("# ann:HASH\n \r\n", Err("no users"));
    }

    #[test]
    fn a_wrong_line_is_refused_by_its_number() {
        #[track_caller]
        fn check_line(line: &str, want: &str) {
            check(&format!("ann:HASH\n{line}\n"), Err("line 2 "));
            check(&format!("ann:HASH\n{line}\n"), Err(want));
        }
        for line in ["secret", " # comment"] {
            check_line(line, "USER:HASH");
        }
        for line in [":HASH", "a\tb:HASH", "\u{9b}:HASH"] {
            check_line(line, "user name");
        }
        for line in ["bob:", "bob:secret", "bob: HASH", "bob:HASH:x", "a:b:HASH"] {
            check_line(line, "bcrypt");
        }
        check_line(&format!("bob:{}", HASH.replace("$05", "$18")), "17");
        check_line("ann:HASH", "same user");
        let not_text = [b"ann\xff:", HASH.as_bytes()].concat();
        assert!(parse(&not_text).is_err_and(|error| error == "line 1 is not UTF-8"));
    }

    proptest! {
        #[test]
        fn any_bytes_have_users_or_the_number_of_a_line(
            text in prop_oneof!["([a-zé #]{0,3}(:HASH)?[ \r]?\n?){0,5}", ".*"],
            bytes: Vec<u8>,
        ) {
            let text = [text.replace("HASH", HASH).as_bytes(), &bytes].concat();
            let is_wanted = |line: &&[u8]| {
                let line = line.trim_ascii_end();
                !line.is_empty() && !line.starts_with(b"#")
            };
            let wanted = text.split(|&byte| byte == b'\n').filter(is_wanted).count();
            match parse(&text) {
                Ok(users) => prop_assert_eq!(users.len(), wanted),
                Err(error) => prop_assert_eq!(error.starts_with("line "), wanted > 0, "{}", error),
            }
        }
    }

    #[track_caller]
    fn check_cost(text: &str, want: Option<u32>) {
        assert_eq!(Hash::parse(text).map(|hash| hash.cost()).ok(), want, "{text}");
    }

    fn with(prefix: &str) -> String {
        HASH.replacen("$2y$05", prefix, 1)
    }

    #[test]
    fn only_bcrypt_up_to_a_cost_is_accepted() {
        for (prefix, cost) in [("$2y$05", 5), ("$2b$04", 4), ("$2a$12", 12), ("$2y$17", 17)] {
            check_cost(&with(prefix), Some(cost));
        }
        for prefix in ["$2y$18", "$2x$05", "$2y$03", "$2y$ 5", "$2z$05", "$2$005", ""] {
            check_cost(&with(prefix), None);
        }
        let (apache, sha) = ("$apr1$Z3GXlQ4p$ng1Ww6d0XIR7fi/pyEWT61", "{SHA}5en6G6MezRroT3XKqkdP=");
        for other in ["", "secret", apache, sha, "$6$salt$hash", "$2y$05$short"] {
            check_cost(other, None);
        }
        for other in [format!("{HASH}."), HASH.replace('w', "*"), HASH.replace("wR", "ä")] {
            check_cost(&other, None);
        }
    }

    #[test]
    fn the_right_password_is_right_whatever_the_spelling() {
        for prefix in ["$2y$05", "$2b$05", "$2a$05"] {
            let hash = Hash::parse(&with(prefix)).unwrap();
            assert!(hash.verify(b"secret", 5) && hash.verify(b"secret", 6));
            for wrong in [&b""[..], b"Secret", b"\xff"] {
                assert!(!hash.verify(wrong, 5) && !hash.verify(wrong, 6), "{wrong:?}");
            }
        }
        let nothing = Hash::of_nothing(6);
        check_cost(&nothing.text, Some(6));
        assert!(!nothing.verify(b"", 6));
    }
}
