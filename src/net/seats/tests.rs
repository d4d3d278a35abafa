//! What holds of seats and waiting room together, whatever clients do.

#![allow(clippy::unwrap_used, reason = "a test that fails must panic")]

use proptest::prelude::*;

use super::*;
use crate::net::client::Phase;
use crate::net::client::tests::client_of;

fn seats(max_connections: usize, waiting_places: usize) -> Seats {
    Seats::new(&Options { max_connections, waiting_places, ..Options::default() })
}

/// Lets every look happen at once.
fn look(seats: &Seats) {
    lock(&seats.table).next_look = Instant::now();
    seats.make_way();
}

fn waiting(seats: &Seats) -> usize {
    lock(&seats.table).room.origins().count()
}

#[test]
fn a_seat_that_is_given_back_goes_to_one_who_waits() {
    let seats = seats(1, 9);
    let first = seats.admit(client_of(1)).unwrap();
    first.client().begin_answer().unwrap();
    assert!(seats.admit(client_of(1)).is_none());
    assert!(seats.admit(client_of(2)).is_none());
    assert_eq!(waiting(&seats), 2);
    let second = first.pass_on().unwrap();
    assert_eq!(second.client().origin(), client_of(1).origin(), "all have no seat: the first");
    let third = second.pass_on().unwrap();
    assert!(third.pass_on().is_none());
    assert!(seats.admit(client_of(3)).is_some(), "the seat is free again");
}

#[test]
fn the_client_that_owes_makes_way_and_is_answered_all_the_same_if_its_request_is_whole() {
    let seats = seats(1, 9);
    let owes = seats.admit(client_of(1)).unwrap();
    owes.client().note_first_bytes();
    assert!(seats.admit(client_of(2)).is_none());
    assert!(owes.client().has_lost_its_seat());
    owes.client().begin_answer().unwrap();
    look(&seats);
    assert!(!owes.client().has_lost_its_seat(), "its answer has not begun");
    owes.client().note_progress(1).unwrap();
    look(&seats);
    assert!(!owes.client().has_lost_its_seat(), "it has one seat, the newcomer none");
}

#[test]
fn a_newcomer_waits_no_longer_than_it_may() {
    let options =
        Options { max_connections: 1, waiting_time_max: Duration::ZERO, ..Options::default() };
    let seats = Seats::new(&options);
    let seat = seats.admit(client_of(1)).unwrap();
    seat.client().begin_answer().unwrap();
    assert!(seats.admit(client_of(2)).is_none());
    assert!(!seats.make_way(), "nobody waits any more");
    assert!(seat.pass_on().is_none());
}

#[test]
fn a_stranger_gets_the_seat_of_a_client_that_owes_one_at_a_time() {
    let seats = seats(3, 9);
    let owing: Vec<_> = (1..=2).map(|number| seats.admit(client_of(number)).unwrap()).collect();
    let lost = || owing.iter().filter(|seat| seat.client().has_lost_its_seat()).count();
    seats.make_way_for_a_stranger();
    assert_eq!(lost(), 1);
    seats.make_way_for_a_stranger();
    assert_eq!(lost(), 1, "that one's seat is free in a moment");
}

#[test]
fn at_the_end_of_a_stop_everyone_goes_and_is_counted() {
    let seats = seats(2, 9);
    let now = Instant::now();
    let taken: Vec<_> = (1..=2).map(|number| seats.admit(client_of(number)).unwrap()).collect();
    for seat in &taken {
        seat.client().begin_answer().unwrap();
    }
    assert!(seats.admit(client_of(3)).is_none());
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| seats.drain(now));
        while !taken.iter().all(|seat| seat.client().has_lost_its_seat()) {
            std::thread::yield_now();
        }
        assert!(taken.into_iter().all(|seat| seat.pass_on().is_none()));
        assert_eq!(drained.join().unwrap(), 3);
    });
}

#[test]
fn a_stop_waits_for_those_who_wait_for_a_seat() {
    let seats = seats(1, 9);
    let first = seats.admit(client_of(1)).unwrap();
    first.client().begin_answer().unwrap();
    assert!(seats.admit(client_of(2)).is_none());
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| seats.drain(Instant::now() + Duration::from_secs(30)));
        while !lock(&seats.table).is_stopping {
            std::thread::yield_now();
        }
        let second = first.pass_on().unwrap();
        second.client().begin_answer().unwrap();
        assert!(!drained.is_finished());
        assert!(second.pass_on().is_none());
        assert_eq!(drained.join().unwrap(), 0);
    });
}

/// The scan of a full table, as `cargo test -- --ignored --nocapture` shows it.
#[test]
#[ignore = "it prints how long a look takes and asserts nothing about time"]
fn a_look_at_many_seats_is_cheap() {
    let capacity = crate::net::Capacity { seats: 6_000, waiting_places: 256 };
    assert_eq!(crate::net::raise_descriptor_limit(capacity), capacity, "descriptors are few");
    for (count, origins) in [(1_024, 1), (1_024, 250), (6_000, 1), (6_000, 250)] {
        let seats = seats(count, 256);
        let taken: Vec<_> = (0..count)
            .map(|number| seats.admit(client_of(u8::try_from(number % origins).unwrap())).unwrap())
            .collect();
        for seat in &taken {
            seat.client().begin_answer().unwrap();
            seat.client().note_progress(1).unwrap();
        }
        let table = lock(&seats.table);
        let started = Instant::now();
        table.evict(started, [None]);
        println!("{count} seats, {origins} origins: {:?}", started.elapsed());
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(u8),
    FirstBytes(usize),
    Answer(usize),
    Progress(usize),
    Drain(usize),
    Leave(usize),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..4_u8).prop_map(Step::Arrive),
        1 => (0..3_usize).prop_map(Step::FirstBytes),
        2 => (0..3_usize).prop_map(Step::Answer),
        2 => (0..3_usize).prop_map(Step::Progress),
        1 => (0..3_usize).prop_map(Step::Drain),
        1 => (0..3_usize).prop_map(Step::Leave),
        2 => Just(Step::Look),
    ]
}

proptest! {
    #[test]
    fn no_seat_is_free_while_somebody_waits_and_nobody_loses_one_while_one_is_free(
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let seats = seats(3, 4);
        let mut taken: Vec<Seat<'_>> = Vec::new();
        for step in steps {
            let lost = |taken: &[Seat<'_>]| {
                taken.iter().filter(|seat| seat.client().has_lost_its_seat()).count()
            };
            let (were_lost, were_free) = (lost(&taken), taken.len() < 3);
            let client = |at: usize| taken.get(at).map(Seat::client);
            match step {
                // A full room of one place each would let the thread wait.
                Step::Arrive(number) => taken.extend(seats.admit(client_of(number))),
                Step::FirstBytes(at) => drop(client(at).map(Client::note_first_bytes)),
                Step::Answer(at) => {
                    let is_gone = |it: &Client| matches!(it.phase(), Phase::Evicted { .. });
                    if let Some(client) = client(at) {
                        prop_assert_eq!(client.begin_answer().is_err(), is_gone(client));
                    }
                }
                Step::Progress(at) => drop(client(at).map(|it| it.note_progress(1))),
                Step::Drain(at) => drop(client(at).map(Client::begin_drain)),
                Step::Leave(at) if at < taken.len() => {
                    let next = taken.remove(at).pass_on();
                    taken.extend(next);
                }
                Step::Leave(_) => {}
                Step::Look => look(&seats),
            }
            prop_assert!(taken.len() == 3 || waiting(&seats) == 0);
            prop_assert!(!were_free || lost(&taken) <= were_lost, "a seat was free");
        }
        // Every seat is given back in the end, and everybody who waits gets one.
        while let Some(seat) = taken.pop() {
            taken.extend(seat.pass_on());
        }
        let table = lock(&seats.table);
        prop_assert!(table.is_empty() && table.free.len() == 3);
    }
}
