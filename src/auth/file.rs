//! The password file: lines `user:hash`, as `htpasswd -B` writes them.
//!
//! Blank lines and those that start with `#` are ignored, as Apache ignores them. Anything else
//! that is not right is an error, which names the line and shows nothing of it: who puts a plain
//! password there must not find it in a log.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::hash::{COST_MAX, Hash, HashError};

/// Bytes that are read at most: some 15,000 users.
const BYTES_MAX: u64 = 1024 * 1024;

/// What is wrong with a password file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NoUsers,
    Line(usize, LineFault),
}

/// What is wrong with one of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineFault {
    NotText,
    NoColon,
    User,
    Scheme,
    Cost,
    SameUserAs(usize),
}

/// The users and their hashes. An error is one plain sentence that names the file.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Hash)>, String> {
    let name = path.display();
    let mut text = Zeroizing::new(Vec::new());
    File::open(path)
        .and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut text))
        .map_err(|error| format!("cannot read the password file {name}: {error}"))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(format!("the password file {name} is larger than {BYTES_MAX} bytes"));
    }
    parse(&text).map_err(|fault| match fault {
        Fault::NoUsers => format!("the password file {name} has no users (htpasswd -B adds one)"),
        Fault::Line(line, fault) => format!("line {line} of the password file {name} {fault}"),
    })
}

fn parse(text: &[u8]) -> Result<Vec<(String, Hash)>, Fault> {
    let mut users: Vec<(String, Hash)> = Vec::new();
    let mut line_of = HashMap::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let fault = |fault| Fault::Line(number, fault);
        let line = line.trim_ascii_end();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let (user, hash) = parse_line(line).map_err(fault)?;
        if let Some(other) = line_of.insert(user.clone(), number) {
            return Err(fault(LineFault::SameUserAs(other)));
        }
        users.push((user, hash));
    }
    if users.is_empty() { Err(Fault::NoUsers) } else { Ok(users) }
}

fn parse_line(line: &[u8]) -> Result<(String, Hash), LineFault> {
    let line = str::from_utf8(line).map_err(|_| LineFault::NotText)?;
    let (user, hash) = line.split_once(':').ok_or(LineFault::NoColon)?;
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err(LineFault::User);
    }
    let hash = Hash::parse(hash).map_err(|error| match error {
        HashError::Scheme => LineFault::Scheme,
        HashError::Cost => LineFault::Cost,
    })?;
    Ok((user.to_owned(), hash))
}

impl fmt::Display for LineFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => out.write_str("is not UTF-8"),
            Self::NoColon => out.write_str("is not USER:HASH, as htpasswd -B writes it"),
            Self::User => out.write_str("has an empty user name, or control characters in it"),
            Self::Scheme => out.write_str("has no bcrypt hash, as htpasswd -B makes it"),
            Self::Cost => write!(out, "has a hash that costs more than {COST_MAX}"),
            Self::SameUserAs(line) => write!(out, "has the same user as line {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Of `secret`; `HASH` stands for it in the texts below.
    const HASH: &str = "$2y$05$wRDpDLxJ4ADDc0G0v8LTE.p4tO2jnUDJDIQLs0Kxfl/hEkOuXYkVy";

    #[track_caller]
    fn check(text: &str, want: Result<&[&str], Fault>) {
        let got = parse(text.replace("HASH", HASH).as_bytes());
        let got = got.map(|users| users.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        assert_eq!(got, want.map(|names| names.iter().map(|&it| it.to_owned()).collect()));
    }

    #[track_caller]
    fn check_line(line: &str, want: LineFault) {
        check(&format!("ann:HASH\n{line}\n"), Err(Fault::Line(2, want)));
    }

    #[test]
    fn each_line_has_a_user() {
        check("ann:HASH", Ok(&["ann"]));
        check("ann:HASH\nbob b:HASH\n", Ok(&["ann", "bob b"]));
        check("# ours\r\n\r\n  \r\nÄnn:HASH \r\n#x:y\n", Ok(&["Änn"]));
        check("Ann:HASH\nann:HASH\n", Ok(&["Ann", "ann"]));
    }

    #[test]
    fn a_file_without_users_is_refused() {
        for none in ["", "\n", "# ann:HASH\n", " \r\n"] {
            check(none, Err(Fault::NoUsers));
        }
    }

    #[test]
    fn a_wrong_line_is_refused_by_its_number() {
        for line in ["ann", "secret", " # comment", "HASH"] {
            check_line(line, LineFault::NoColon);
        }
        for line in [":HASH", "a\tb:HASH", "a\x1b[2J:HASH", "a\0:HASH", "\u{9b}:HASH"] {
            check_line(line, LineFault::User);
        }
        for line in ["bob:", "bob:secret", "bob:$apr1$x$y", "bob: HASH", "bob:HASH:x", "a:b:HASH"] {
            check_line(line, LineFault::Scheme);
        }
        check_line(&format!("bob:{}", HASH.replace("$05", "$18")), LineFault::Cost);
        check_line("ann:HASH", LineFault::SameUserAs(1));
        let not_text = [b"ann\xff:", HASH.as_bytes()].concat();
        assert!(matches!(parse(&not_text), Err(Fault::Line(1, LineFault::NotText))));
    }

    proptest! {
        /// Each line is a comment, blank, a user of its own, or the fault.
        #[test]
        fn any_bytes_have_users_or_the_number_of_a_line(
            lines in prop::collection::vec(
                prop_oneof![
                    Just(b"ann:HASH".to_vec()),
                    "[a-zé #\\t]{0,3}(:HASH)?[ \r]?".prop_map(String::into_bytes),
                    prop::collection::vec(any::<u8>(), 0..6),
                ],
                0..5,
            ),
        ) {
            let text = lines.join(&b"\n"[..]);
            let is_wanted = |line: &&[u8]| {
                let line = line.trim_ascii_end();
                !line.is_empty() && !line.starts_with(b"#")
            };
            let wanted = text.split(|&byte| byte == b'\n').filter(is_wanted).count();
            match parse(&replace(&text)) {
                Ok(users) => {
                    prop_assert_eq!(users.len(), wanted);
                    let names: HashSet<_> = users.iter().map(|(name, _)| name).collect();
                    prop_assert_eq!(names.len(), wanted);
                }
                Err(Fault::NoUsers) => prop_assert_eq!(wanted, 0),
                Err(Fault::Line(number, fault)) => {
                    let line = text.split(|&byte| byte == b'\n').nth(number - 1).unwrap();
                    prop_assert!(is_wanted(&line));
                    // By itself it is right only if another line is the matter.
                    let is_right = parse(&replace(line)).is_ok();
                    prop_assert_eq!(is_right, matches!(fault, LineFault::SameUserAs(_)));
                }
            }
        }
    }

    /// The text with each `HASH` replaced, whatever bytes there are beside it.
    fn replace(text: &[u8]) -> Vec<u8> {
        let mut replaced = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.windows(4).position(|window| window == b"HASH") {
            replaced.extend_from_slice(&[&rest[..at], HASH.as_bytes()].concat());
            rest = &rest[at + 4..];
        }
        [&replaced, rest].concat()
    }
}
