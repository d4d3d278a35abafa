//! Who is evicted, by table, and what holds of any census.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn origin(number: u8) -> Origin {
    SocketAddr::from(([192, 0, 2, number], 80)).into()
}

/// Owes since so many seconds after some moment.
fn owes(second: u64) -> Turn {
    Turn::Owes { since: moment() + Duration::from_secs(second) }
}

/// Takes so many bytes a second, on average and of late.
fn takes(average_pace: u64, recent_pace: u64) -> Turn {
    Turn::Takes { average_pace, recent_pace: Some(recent_pace) }
}

/// Has taken so many bytes a second, but not for long enough to be judged.
fn begins(average_pace: u64) -> Turn {
    Turn::Takes { average_pace, recent_pace: None }
}

fn moment() -> Instant {
    static MOMENT: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *MOMENT.get_or_init(Instant::now)
}

fn census(turns: &[(u8, Turn)]) -> Census {
    let mut census = Census::default();
    for (seat, &(number, turn)) in turns.iter().enumerate() {
        census.add(Seated { seat, origin: origin(number), turn });
    }
    census
}

/// The seats that newcomers of origin `newcomer` get, one after the other.
#[track_caller]
fn check(turns: &[(u8, Turn)], newcomer: u8, want: &[usize]) {
    let mut census = census(turns);
    let next = || census.choose(Some(origin(newcomer))).map(|seated| seated.seat);
    let got: Vec<_> = std::iter::from_fn(next).collect();
    assert_eq!(got, want, "{turns:?}");
}

#[test]
fn who_owes_goes_first_the_longest_of_the_most() {
    check(&[], 9, &[]);
    check(&[(1, owes(5)), (2, owes(3)), (3, owes(4))], 9, &[1, 2, 0]);
    check(&[(1, owes(1)), (2, owes(2)), (2, owes(3))], 9, &[1, 0, 2]);
    check(
        &[(1, owes(1)), (2, owes(3)), (2, owes(2)), (1, owes(4)), (2, owes(5))],
        9,
        &[2, 0, 1, 3, 4],
    );
    // Many seats are no offence, only many who owe.
    check(
        &[(1, begins(9)), (1, begins(9)), (1, owes(1)), (2, owes(2)), (2, owes(3))],
        1,
        &[3, 2, 4],
    );
    check(&[(1, takes(1, 1)), (2, owes(7))], 9, &[1, 0]);
}

#[test]
fn an_origin_gives_up_what_is_more_than_its_share() {
    let two = [(1, begins(500)), (1, begins(300))];
    check(&two, 9, &[1]);
    check(&two, 1, &[]);
    let three = [(1, begins(500)), (1, begins(300)), (1, begins(400))];
    check(&three, 9, &[1, 2]);
    check(&[&three[..], &[(9, begins(1))]].concat(), 9, &[1]);
    check(&[&three[..], &[(9, begins(1)), (9, begins(2))]].concat(), 9, &[]);
    let even = [(1, begins(5)), (2, begins(4)), (1, begins(3)), (2, begins(2))];
    check(&even, 9, &[3, 2]);
    check(&[(1, begins(5)), (2, begins(4)), (3, begins(3))], 9, &[]);
}

#[test]
fn the_slowest_below_the_floor_goes_last_of_all() {
    check(&[(1, takes(9, PACE_MIN)), (2, takes(9, PACE_MIN + 1))], 9, &[]);
    check(&[(1, takes(9, PACE_MIN - 1)), (2, takes(9, 7)), (3, takes(9, 8))], 9, &[1, 2, 0]);
    check(&[(1, begins(1)), (2, takes(1, 0))], 9, &[1]);
    // Of one's own origin too: everyone behind a proxy has the proxy's.
    check(&[(1, takes(9, 5)), (1, takes(9, 4)), (1, takes(9, 9999))], 1, &[1, 0]);
}

#[test]
fn an_answer_that_has_not_begun_counts_but_never_goes() {
    let mut census = census(&[(1, begins(5))]);
    census.add_kept(origin(1));
    assert_eq!(census.choose(Some(origin(9))).map(|seated| seated.seat), Some(0));
    assert_eq!(census.choose(Some(origin(9))), None);
}

#[test]
fn a_newcomer_of_unknown_origin_has_no_seat_yet() {
    let mut two = census(&[(1, begins(5)), (1, begins(4))]);
    assert_eq!(two.choose(None).map(|seated| seated.seat), Some(1));
    assert_eq!(two.choose(None), None);
}

fn turn() -> impl Strategy<Value = Turn> {
    let pace = 0..3 * PACE_MIN;
    prop_oneof![
        (0..100_u64).prop_map(owes),
        (pace.clone(), pace.clone()).prop_map(|(average, recent)| takes(average, recent)),
        pace.prop_map(begins),
    ]
}

proptest! {
    #[test]
    fn no_origin_keeps_more_than_its_share_while_another_waits(
        turns in prop::collection::vec((0..5_u8, turn()), 0..40),
        newcomer in 0..6_u8,
    ) {
        let mut census = census(&turns);
        let mut left: Vec<_> = (0..turns.len()).collect();
        while let Some(chosen) = census.choose(Some(origin(newcomer))) {
            prop_assert_eq!(turns[chosen.seat], (
                (0..5).find(|&number| origin(number) == chosen.origin).unwrap(),
                chosen.turn,
            ));
            let owing = |seat: &usize| matches!(turns[*seat].1, Turn::Owes { .. });
            prop_assert!(!left.iter().any(owing) || owing(&chosen.seat), "debts come first");
            let before = left.len();
            left.retain(|&seat| seat != chosen.seat);
            prop_assert_eq!(left.len() + 1, before, "nobody goes twice");
        }
        let answers = |number| left.iter().filter(|&&seat| turns[seat].0 == number).count();
        for number in 0..5 {
            prop_assert!(answers(number) < answers(newcomer) + SURPLUS_MIN);
        }
        for seat in left {
            let Turn::Takes { recent_pace, .. } = turns[seat].1 else { panic!("one still owes") };
            prop_assert!(recent_pace.is_none_or(|pace| pace >= PACE_MIN));
        }
    }
}
