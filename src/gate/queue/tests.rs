//! Who is next and who is rejected, by table; and what holds whatever happens.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

/// The address 192.0.2.`number`.
pub(crate) fn source(number: u8) -> Source {
    IpAddr::from([192, 0, 2, number]).into()
}

/// One of that source, by name.
fn queued(number: u8, who: usize, weight: usize) -> Queued<usize> {
    Queued { source: source(number), weight, since: Instant::now(), behind: false, who }
}

/// Those of these sources come one after the other. Gives who was rejected, and who is left.
#[track_caller]
fn check_rejected(places: usize, sources: &[u8], rejected: &[usize], left: &[usize]) {
    let mut queue = FairQueue::new(1, places);
    queue.hold(source(99), 1);
    let come = sources.iter().enumerate().map(|(who, &number)| queued(number, who, 1));
    let got: Vec<_> = come.filter_map(|it| queue.join(it)).map(|it| it.who).collect();
    assert_eq!(got, rejected, "{sources:?}");
    let mut waiting: Vec<_> = queue.in_order().map(|it| it.who).collect();
    waiting.sort_unstable();
    assert_eq!(waiting, left, "{sources:?}");
}

#[test]
fn the_newest_of_the_source_with_the_most_queued_is_rejected() {
    check_rejected(3, &[1, 1, 1, 2, 3], &[2, 1], &[0, 3, 4]);
    check_rejected(3, &[1, 2, 3, 4], &[3], &[0, 1, 2]);
    check_rejected(4, &[1, 2, 1, 2, 3], &[3], &[0, 1, 2, 4]);
    check_rejected(0, &[1], &[0], &[]);
}

/// Who is let through, one after the other, as each gives back what it holds.
#[track_caller]
fn check_order(held: &[(u8, usize)], waiting: &[u8], want: &[usize]) {
    let mut queue = FairQueue::new(1, 99);
    for &(number, weight) in held {
        queue.hold(source(number), weight);
    }
    for (who, &number) in waiting.iter().enumerate() {
        assert!(queue.join(queued(number, who, 1)).is_none());
    }
    let order: Vec<_> = queue.in_order().map(|it| it.who).collect();
    assert_eq!(order, want, "{held:?} {waiting:?}");
}

#[test]
fn next_is_the_source_that_holds_the_least_then_has_the_fewest_queued_then_came_first() {
    check_order(&[], &[1, 1, 1], &[0, 1, 2]);
    check_order(&[(1, 5), (2, 1)], &[1, 2, 3], &[2, 1, 0]);
    check_order(&[(9, 1)], &[1, 1, 2], &[2, 0, 1]);
    check_order(&[(1, 1)], &[1, 2, 2, 3], &[3, 1, 2, 0]);
}

#[test]
fn those_behind_are_the_last_to_be_let_through_and_the_first_to_be_rejected() {
    let mut queue = FairQueue::new(1, 3);
    queue.hold(source(9), 1);
    queue.hold(source(3), 5);
    for (who, behind) in [(0, true), (1, true), (2, false)] {
        assert!(queue.join(Queued { behind, ..queued(1, who, 1) }).is_none());
    }
    assert_eq!(queue.join(queued(3, 3, 1)).map(|it| it.who), Some(1));
    assert_eq!(queue.in_order().map(|it| it.who).collect::<Vec<_>>(), [2, 3, 0]);
}

#[test]
fn what_is_given_back_goes_to_the_next_and_no_more_than_there_is() {
    let mut queue = FairQueue::new(10, 9);
    assert!(queue.try_hold(source(1), 8));
    assert!(!queue.try_hold(source(2), 3));
    assert!(queue.join(queued(2, 2, 3)).is_none());
    assert!(!queue.try_hold(source(3), 1), "somebody waits already");
    assert!(queue.join(queued(3, 3, 9)).is_none());
    assert!(queue.next().is_none());
    queue.give_back(source(1), 8);
    assert_eq!(queue.next().map(|it| it.who), Some(2));
    assert!(queue.next().is_none(), "3 + 9 are too much");
    queue.give_back(source(2), 3);
    assert_eq!(queue.next().map(|it| it.who), Some(3));
    assert_eq!((queue.held_by(source(3)), queue.queued()), (9, 0));
    // What is heavier than all passes alone.
    assert!(!queue.try_hold(source(1), 11));
    queue.give_back(source(3), 9);
    assert!(queue.try_hold(source(1), 11) && !queue.try_hold(source(2), 1));
}

#[test]
fn the_wait_has_an_end() {
    let mut queue = FairQueue::new(1, 9);
    let time_max = Duration::from_secs(10);
    let one = queued(1, 7, 1);
    let since = one.since;
    assert!(queue.join(one).is_none());
    assert!(queue.overdue(since + Duration::from_millis(9_999), time_max).is_none());
    assert!(queue.overdue(since + time_max, Duration::MAX).is_none());
    assert_eq!(queue.overdue(since + time_max, time_max).map(|it| it.who), Some(7));
    assert!(queue.overdue(since + time_max, time_max).is_none());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Come(u8, usize),
    GiveBack(usize),
    Withdraw(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..5_u8, 1..6_usize).prop_map(|(number, weight)| Step::Come(number, weight)),
        2 => (0..9_usize).prop_map(Step::GiveBack),
        1 => (0..9_usize).prop_map(Step::Withdraw),
    ]
}

proptest! {
    #[test]
    fn nothing_is_free_for_the_next_and_no_one_is_forgotten(
        steps in prop::collection::vec(step(), 0..80),
    ) {
        const CAPACITY: usize = 7;
        const PLACES: usize = 4;
        let mut queue = FairQueue::new(CAPACITY, PLACES);
        let (mut held, mut waiting) = (Vec::new(), Vec::new());
        let (mut come, mut rejected, mut left) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Come(number, weight) => {
                    come += 1;
                    if queue.try_hold(source(number), weight) {
                        held.push((number, weight));
                    } else {
                        waiting.push((number, weight, come));
                        if let Some(it) = queue.join(queued(number, come, weight)) {
                            waiting.retain(|&(.., who)| who != it.who);
                            rejected += 1;
                        }
                    }
                }
                Step::GiveBack(at) if at < held.len() => {
                    let (number, weight) = held.remove(at);
                    left += 1;
                    queue.give_back(source(number), weight);
                }
                Step::Withdraw(at) if at < waiting.len() => {
                    let (.., who) = waiting.remove(at);
                    left += 1;
                    prop_assert!(queue.withdraw(|&it| it == who).is_some());
                }
                Step::GiveBack(_) | Step::Withdraw(_) => {}
            }
            while let Some(next) = queue.next() {
                let at = waiting.iter().position(|&(.., who)| who == next.who).unwrap();
                let (number, weight, _) = waiting.remove(at);
                held.push((number, weight));
            }
            let total: usize = held.iter().map(|&(_, weight)| weight).sum();
            prop_assert!(total <= CAPACITY && waiting.len() <= PLACES);
            prop_assert_eq!(queue.queued(), waiting.len());
            let next = queue.in_order().next().map(|it| it.weight);
            prop_assert!(next.is_none_or(|weight| total + weight > CAPACITY), "it is free");
            prop_assert_eq!(come, held.len() + waiting.len() + rejected + left);
            for number in 1..5 {
                let of_it = held.iter().filter(|&&(other, _)| other == number);
                let sum: usize = of_it.map(|&(_, weight)| weight).sum();
                let queued = waiting.iter().filter(|&&(other, ..)| other == number).count();
                let share = queue.share(source(number));
                prop_assert_eq!((share.held, share.queued), (sum, queued));
            }
        }
    }
}

#[test]
fn a_source_is_an_ipv4_address_or_an_ipv6_network() {
    let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
    assert_ne!(source("::ffff:192.0.2.1"), source("::ffff:192.0.2.2"));
    assert_eq!(source("2001:db8:1:1::1"), source("2001:db8:1:ffff:ffff::2"));
    assert_ne!(source("2001:db8:1:1::1"), source("2001:db8:2:1::1"));
}
