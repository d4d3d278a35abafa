//! Who is evicted, by table, and what holds of any candidates.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn source(number: u8) -> Source {
    SocketAddr::from(([192, 0, 2, number], 80)).into()
}

/// Was accepted so many seconds after some moment, and still owes its request.
fn receives(second: u64) -> Activity {
    Activity::Receiving { since: moment() + Duration::from_secs(second) }
}

/// Takes so many bytes a second, on average and of late.
fn sends(average_pace: u64, recent_pace: u64) -> Activity {
    Activity::Sending { average_pace, recent_pace: Some(recent_pace) }
}

/// Has taken so many bytes a second, but not for long enough to be judged.
fn begins(average_pace: u64) -> Activity {
    Activity::Sending { average_pace, recent_pace: None }
}

fn moment() -> Instant {
    static MOMENT: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *MOMENT.get_or_init(Instant::now)
}

fn candidates(activities: &[(u8, Activity)]) -> Candidates {
    let ids = 0..;
    let candidate = |(id, &(number, activity))| Candidate { id, source: source(number), activity };
    ids.zip(activities).map(candidate).collect()
}

/// Who makes way for connections of that source, one after the other.
#[track_caller]
fn check(activities: &[(u8, Activity)], queued: u8, want: &[u64]) {
    let mut candidates = candidates(activities);
    let next = || candidates.choose(Some(source(queued)));
    let got: Vec<_> = std::iter::from_fn(next).collect();
    let ids: Vec<_> = got.iter().map(|(candidate, _)| candidate.id).collect();
    assert_eq!(ids, want, "{activities:?}");
    for (candidate, cause) in got {
        let is_receiving = matches!(candidate.activity, Activity::Receiving { .. });
        assert_eq!(is_receiving, cause == Cause::OwedLongest, "{candidate:?}");
    }
}

#[test]
fn those_that_owe_go_first_the_oldest_of_the_most() {
    check(&[], 9, &[]);
    check(&[(1, receives(5)), (2, receives(3)), (3, receives(4))], 9, &[1, 2, 0]);
    check(&[(1, receives(1)), (2, receives(2)), (2, receives(3))], 9, &[1, 0, 2]);
    check(
        &[(1, receives(1)), (2, receives(3)), (2, receives(2)), (1, receives(4)), (2, receives(5))],
        9,
        &[2, 0, 1, 3, 4],
    );
    // Many slots are no offence, only many that owe.
    check(
        &[(1, begins(9)), (1, begins(9)), (1, receives(1)), (2, receives(2)), (2, receives(3))],
        1,
        &[3, 2, 4],
    );
    check(&[(1, sends(1, 1)), (2, receives(7))], 9, &[1, 0]);
}

#[test]
fn a_source_gives_up_what_is_more_than_its_share() {
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
    check(&[(1, sends(9, PACE_MIN)), (2, sends(9, PACE_MIN + 1))], 9, &[]);
    check(&[(1, sends(9, PACE_MIN - 1)), (2, sends(9, 7)), (3, sends(9, 8))], 9, &[1, 2, 0]);
    check(&[(1, begins(1)), (2, sends(1, 0))], 9, &[1]);
    // Of one's own source too: everyone behind a proxy has the proxy's.
    check(&[(1, sends(9, 5)), (1, sends(9, 4)), (1, sends(9, 9999))], 1, &[1, 0]);
}

#[test]
fn an_answer_that_has_not_begun_counts_but_never_goes() {
    let mut candidates = candidates(&[(1, begins(5)), (1, Activity::Preparing)]);
    let chosen = candidates.choose(Some(source(9)));
    assert_eq!(chosen.map(|(candidate, cause)| (candidate.id, cause)), Some((0, Cause::OverShare)));
    assert_eq!(candidates.choose(Some(source(9))), None);
}

/// None of them could give one up, so they must not hide those that can.
#[test]
fn many_answers_that_have_not_begun_shield_no_other_source() {
    let many = [(2, Activity::Preparing); 64];
    let mut candidates = candidates(&[&[(1, begins(5)), (1, begins(4))], &many[..]].concat());
    let chosen = candidates.choose(Some(source(9)));
    assert_eq!(chosen.map(|(candidate, _)| candidate.id), Some(1));
}

#[test]
fn a_connection_of_unknown_source_has_no_slot_yet() {
    let mut two = candidates(&[(1, begins(5)), (1, begins(4))]);
    assert_eq!(two.choose(None).map(|(candidate, _)| candidate.id), Some(1));
    assert_eq!(two.choose(None), None);
}

fn activity() -> impl Strategy<Value = Activity> {
    let pace = 0..3 * PACE_MIN;
    prop_oneof![
        (0..100_u64).prop_map(receives),
        (pace.clone(), pace.clone()).prop_map(|(average, recent)| sends(average, recent)),
        pace.prop_map(begins),
        Just(Activity::Preparing),
    ]
}

proptest! {
    #[test]
    fn no_source_keeps_more_than_its_share_while_another_waits(
        activities in prop::collection::vec((0..5_u8, activity()), 0..40),
        queued in 0..6_u8,
    ) {
        let mut candidates = candidates(&activities);
        let mut left: Vec<_> = activities.iter().map(Some).collect();
        while let Some((chosen, _)) = candidates.choose(Some(source(queued))) {
            let at = usize::try_from(chosen.id).unwrap();
            let &(number, activity) = left[at].take().expect("nobody goes twice");
            prop_assert_eq!((source(number), activity), (chosen.source, chosen.activity));
            let is_owed = |activity| matches!(activity, Activity::Receiving { .. });
            let still_owed = left.iter().flatten().any(|&&(_, activity)| is_owed(activity));
            prop_assert!(!still_owed || is_owed(activity), "what is owed comes first");
        }
        let answers = |number| left.iter().flatten().filter(|it| it.0 == number).count();
        for &(number, activity) in left.iter().copied().flatten() {
            match activity {
                Activity::Receiving { .. } => panic!("it owes"),
                Activity::Preparing => {}
                Activity::Sending { recent_pace, .. } => {
                    prop_assert!(answers(number) < answers(queued) + SURPLUS_MIN);
                    prop_assert!(recent_pace.is_none_or(|pace| pace >= PACE_MIN));
                }
            }
        }
    }
}
