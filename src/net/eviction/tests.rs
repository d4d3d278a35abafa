//! Who is evicted, by table, and what holds of any candidates.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::gate::tests::source;
use crate::net::progress::Progress;

/// What a candidate is judged by: when it was accepted, and how far it has come.
type Standing = (Instant, Phase);

/// Was accepted so many seconds after some moment, and still owes its request.
fn receives(second: u64) -> Standing {
    (moment() + Duration::from_secs(second), Phase::Receiving)
}

/// Takes so many bytes a second, on average and of late.
fn sends(average_pace: u64, recent_pace: u64) -> Standing {
    let progress = Progress::at_pace(moment(), now(), average_pace, Some(recent_pace));
    (moment(), Phase::Sending(progress))
}

/// Has taken so many bytes a second, but not for long enough to be judged.
fn begins(average_pace: u64) -> Standing {
    (moment(), Phase::Sending(Progress::at_pace(moment(), now(), average_pace, None)))
}

/// None of its answer is out.
fn prepares() -> Standing {
    (moment(), Phase::Sending(Progress::new(moment())))
}

fn moment() -> Instant {
    static MOMENT: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *MOMENT.get_or_init(Instant::now)
}

/// So much later that every pace is exact.
fn now() -> Instant {
    moment() + Duration::from_secs(1_000_000)
}

fn candidates(standings: &[(u8, Standing)]) -> Candidates {
    let candidate = |(id, &(number, (accepted_at, phase)))| {
        let source = source(number);
        Candidate { id, source, accepted_at, phase }
    };
    Candidates::new((0..).zip(standings).map(candidate).collect(), now())
}

/// Who makes way for connections of that source, one after the other.
#[track_caller]
fn check(standings: &[(u8, Standing)], queued: impl Into<Option<u8>>, want: &[u64]) {
    let (mut candidates, queued) = (candidates(standings), queued.into().map(source));
    let got: Vec<_> = std::iter::from_fn(|| candidates.choose(queued)).collect();
    let ids: Vec<_> = got.iter().map(|(candidate, _)| candidate.id).collect();
    assert_eq!(ids, want, "{standings:?}");
    for (candidate, cause) in got {
        // Only `begins` has no recent pace.
        let want = match candidate.phase {
            Phase::Sending(progress) if progress.recent_pace(now()).is_some() => Cause::TooSlow,
            Phase::Sending(_) => Cause::OverShare,
            _ => Cause::OwedLongest,
        };
        assert_eq!(cause, want, "{candidate:?}");
    }
}

#[test]
fn those_that_owe_go_first_the_oldest_of_the_most() {
    check(&[(1, receives(5)), (2, receives(3)), (3, receives(4))], 9, &[1, 2, 0]);
    let [a, b, c, d] = [1, 2, 3, 4].map(receives);
    check(&[(1, a), (2, c), (2, b), (1, d), (2, receives(5))], 9, &[2, 0, 1, 3, 4]);
    // Many slots are no offence, only many that owe.
    check(&[(1, begins(9)), (1, begins(9)), (1, a), (2, b), (2, c)], 1, &[3, 2, 4]);
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
    // A source that is not known yet has no slot.
    check(&two, None, &[1]);
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
    check(&[(1, begins(5)), (1, prepares())], 9, &[0]);
    // None of many could give one up, so they must not hide those that can.
    let many = [(2, prepares()); 64];
    check(&[&[(1, begins(5)), (1, begins(4))], &many[..]].concat(), 9, &[1]);
}

fn standing() -> impl Strategy<Value = Standing> {
    let pace = 1..3 * PACE_MIN;
    prop_oneof![
        (0..100_u64).prop_map(receives),
        (pace.clone(), 0..3 * PACE_MIN).prop_map(|(average, recent)| sends(average, recent)),
        pace.prop_map(begins),
        Just(prepares()),
    ]
}

proptest! {
    #[test]
    fn no_source_keeps_more_than_its_share_while_another_waits(
        standings in prop::collection::vec((0..5_u8, standing()), 0..40),
        queued in 0..6_u8,
    ) {
        let mut candidates = candidates(&standings);
        let mut left: Vec<_> = standings.iter().map(Some).collect();
        while let Some((chosen, _)) = candidates.choose(Some(source(queued))) {
            let at = usize::try_from(chosen.id).unwrap();
            let &(number, (_, phase)) = left[at].take().expect("nobody goes twice");
            prop_assert_eq!((source(number), phase), (chosen.source, chosen.phase));
            let still_owed = left.iter().flatten().any(|it| it.1.1 == Phase::Receiving);
            prop_assert!(!still_owed || phase == Phase::Receiving, "what is owed comes first");
        }
        let answers = |number| left.iter().flatten().filter(|it| it.0 == number).count();
        for &(number, (_, phase)) in left.iter().copied().flatten() {
            let Phase::Sending(progress) = phase else { panic!("it owes") };
            if progress.has_begun() {
                prop_assert!(answers(number) < answers(queued) + SURPLUS_MIN);
                prop_assert!(progress.recent_pace(now()).is_none_or(|pace| pace >= PACE_MIN));
            }
        }
    }
}
