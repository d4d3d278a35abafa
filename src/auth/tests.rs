//! Authentication, and the waits for password checks.

use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;
use crate::gate::tests::{Client, SOON};

/// Users with their passwords and costs.
fn passwords(users: &[(&str, &str, u32)]) -> Passwords {
    let line = |&(name, password, cost): &(&str, &str, u32)| {
        let text = bcrypt::hash_with_salt(password, cost, [7; 16]).unwrap().to_string();
        (name.to_owned(), Hash::parse(&text).unwrap())
    };
    let checks = Limits { queue_max: 1, time_max: SOON, ..CHECKS };
    Passwords::new(users.iter().map(line).collect(), &[7; 32], checks)
}

/// Checks the answer for these credentials, and whether it took a place in the queue.
#[track_caller]
fn check(passwords: &Passwords, pair: &str, want: Result<Option<&str>, Denied>, has_waited: bool) {
    let client = Client::default();
    let credentials = of(&[format!("Basic {}", STANDARD.encode(pair)).as_bytes()]).unwrap();
    assert_eq!(passwords.check(&credentials, &client), want, "{pair}");
    assert_eq!(client.steps_aside.load(Ordering::SeqCst) > 0, has_waited, "{pair}");
}

#[test]
fn a_right_pair_is_checked_once_and_then_remembered() {
    let passwords = passwords(&[("ann", "secret", 4), ("bob", "secret", 5), ("Änn", "", 4)]);
    for has_waited in [true, false, false] {
        check(&passwords, "ann:secret", Ok(Some("ann")), has_waited);
        check(&passwords, "bob:secret", Ok(Some("bob")), has_waited);
        check(&passwords, "Änn:", Ok(Some("Änn")), has_waited);
    }
}

#[test]
fn a_wrong_pair_is_checked_every_time() {
    let passwords = passwords(&[("ann", "secret", 4), ("bob", "other", 5)]);
    for _ in 0..2 {
        for wrong in ["ann:", "ann:other", "ann:secret ", "Ann:secret", "eve:secret", ":secret"] {
            check(&passwords, wrong, Ok(None), true);
        }
        check(&passwords, "ann:secret:", Ok(None), true);
    }
}

#[test]
fn verified_users_do_not_wait_for_others() {
    let passwords = passwords(&[("ann", "secret", 4), ("bob", "other", 4)]);
    check(&passwords, "ann:secret", Ok(Some("ann")), true);
    let checking = passwords.checks.enter(&Client::default(), 1).unwrap();
    check(&passwords, "ann:secret", Ok(Some("ann")), false);
    check(&passwords, "bob:other", Err(Denied::Busy), true);
    check(&passwords, "ann:guess", Err(Denied::Busy), true);
    drop(checking);
    check(&passwords, "bob:other", Ok(Some("bob")), true);
}

#[test]
fn every_wrong_password_takes_the_time_of_the_highest_cost() {
    let passwords = passwords(&[("ann", "secret", 4), ("bob", "other", 6)]);
    assert_eq!(passwords.decoy.cost(), 6);
    assert_eq!(format!("{passwords:?}"), "2 users", "a debug line shows no more");
}

#[test]
fn only_the_start_of_a_long_password_counts() {
    let long = "x".repeat(80);
    let passwords = passwords(&[("ann", &long, 4)]);
    check(&passwords, &format!("ann:{long}"), Ok(Some("ann")), true);
    check(&passwords, &format!("ann:{}", "x".repeat(72)), Ok(Some("ann")), false);
    check(&passwords, &format!("ann:{}", "x".repeat(71)), Ok(None), true);
}

#[test]
fn a_digest_is_that_of_one_pair_under_one_key() {
    let one = passwords(&[("ann", "secret", 4)]);
    let digest = one.digest(b"ann", b"secret");
    assert!(digest == one.digest(b"ann", b"secret"));
    for (user, password) in [("ann", "Secret"), ("ann", ""), ("an", "nsecret"), ("", "secret")] {
        assert!(digest != one.digest(user.as_bytes(), password.as_bytes()), "{user}");
    }
    let other = Passwords::new(HashMap::new(), &[8; 32], CHECKS);
    assert!(digest != other.digest(b"ann", b"secret"));
}

fn of(values: &[&[u8]]) -> Option<Credentials> {
    let mut fields = Fields::default();
    for value in values {
        fields.push(b"authorization", value);
    }
    Credentials::of(&fields)
}

#[track_caller]
fn check_value(value: &str, want: Option<(&str, &str)>) {
    let got = of(&[value.as_bytes()]);
    let got = got.as_ref().map(Credentials::parts);
    assert_eq!(got, want.map(|(user, password)| (user.as_bytes(), password.as_bytes())));
}

fn check_pair(pair: &str, want: Option<(&str, &str)>) {
    check_value(&format!("Basic {}", STANDARD.encode(pair)), want);
}

#[test]
fn a_pair_has_a_colon_and_no_control_characters() {
    // An example of the RFC.
    check_value("Basic dGVzdDoxMjPCow==", Some(("test", "123£")));
    check_pair("ann:a:b:", Some(("ann", "a:b:")));
    check_pair("Änn Bö:\u{202e}ß", Some(("Änn Bö", "\u{202e}ß")));
    for wrong in ["", "ann", "ann:a\0b", "a\nb:secret", "ann:secret\n", "ann:\x7f"] {
        check_pair(wrong, None);
    }
}

#[test]
fn only_one_well_formed_field_counts() {
    for value in ["basic YTpi", "BASIC   YTpi"] {
        check_value(value, Some(("a", "b")));
    }
    for value in ["", "Basic", "BasicYTpi", "Basic\tYTpi", "Digest YTpi", "Basic YTpi,", "é"] {
        check_value(value, None);
    }
    for value in ["Basic YTpi YTpi", "Basic a:b", "Basic YTp", "Basic YTo"] {
        check_value(value, None);
    }
    assert!(of(&[]).is_none());
    assert!(of(&[b"Basic YTpi", b"Basic YTpi"]).is_none());
}

proptest! {
    #[test]
    fn any_pair_comes_back(
        user in "[^:\\x00-\\x1f\\x7f]*",
        password in "[^\\x00-\\x1f\\x7f]*",
    ) {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let credentials = of(&[value.as_bytes()]).unwrap();
        prop_assert_eq!(credentials.parts(), (user.as_bytes(), password.as_bytes()));
    }

    #[test]
    fn any_bytes_have_an_answer(value: Vec<u8>) {
        let _ = of(&[&value]);
        let _ = of(&[&[b"Basic ", &value[..]].concat()]);
    }
}
