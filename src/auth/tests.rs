//! Who gets in, and who waits for a check.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::gate::{Holder, Source};
use crate::http::fields::Fields;

/// A client that counts how often it has to wait.
#[derive(Default)]
struct Client {
    waits: AtomicUsize,
}

impl Requester for Client {
    fn source(&self) -> Source {
        std::net::IpAddr::from([192, 0, 2, 1]).into()
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn step_aside(&self) {
        self.waits.fetch_add(1, Ordering::SeqCst);
    }

    fn holder(&self) -> Box<dyn Holder> {
        Box::new(Self::default())
    }
}

impl Holder for Client {
    fn pace(&self) -> Option<u64> {
        None
    }

    fn make_way(&self) {
        unreachable!("nobody makes way for a check")
    }
}

/// Users with their passwords and costs.
fn passwords(users: &[(&str, &str, u32)]) -> Passwords {
    let line = |&(name, password, cost): &(&str, &str, u32)| {
        let text = bcrypt::hash_with_salt(password, cost, [7; 16]).unwrap().to_string();
        (name.to_owned(), Hash::parse(&text).unwrap())
    };
    let checks = Limits { queue_max: 1, time_max: Duration::from_millis(20), ..CHECKS };
    Passwords::new(users.iter().map(line).collect(), Key::random().unwrap(), checks)
}

/// What is answered to this pair, and whether that took a place in the queue.
#[track_caller]
fn check(passwords: &Passwords, pair: &str, want: Result<Option<&str>, Denied>, has_waited: bool) {
    let value = format!("Basic {}", STANDARD.encode(pair));
    let mut fields = Fields::default();
    fields.push(b"Authorization", value.as_bytes());
    let client = Client::default();
    let credentials = Credentials::of(&fields).unwrap();
    assert_eq!(passwords.check(&credentials, &client), want, "{pair}");
    assert_eq!(client.waits.into_inner() > 0, has_waited, "{pair}");
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
    assert_eq!((passwords.cost_max, passwords.decoy.cost()), (6, 6));
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
fn a_debug_line_shows_only_how_many_there_are() {
    let passwords = passwords(&[("ann", "secret", 4), ("bob", "other", 4)]);
    assert_eq!(format!("{passwords:?}"), "2 users");
}
