//! Whose turn it is, with clients from made-up addresses.

use super::*;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

const SOON: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A client from 192.0.2.`number`.
struct Client {
    number: u8,
    is_there: AtomicBool,
    waits: AtomicUsize,
}

impl Client {
    fn from(number: u8) -> Self {
        Self { number, is_there: true.into(), waits: 0.into() }
    }
}

impl Applicant for Client {
    fn origin(&self) -> Origin {
        origin(self.number)
    }

    fn is_there(&self) -> bool {
        self.is_there.load(Ordering::SeqCst)
    }

    fn about_to_wait(&self) {
        self.waits.fetch_add(1, Ordering::SeqCst);
    }
}

fn origin(number: u8) -> Origin {
    IpAddr::from([192, 0, 2, number]).into()
}

fn waiting(queue: &Queue) -> usize {
    lock(&queue.state).waiting.len()
}

#[test]
fn one_is_checked_at_a_time() {
    let queue = Queue::with(9, SOON);
    let one = queue.enter(&Client::from(1)).unwrap();
    let client = Client::from(2);
    assert_eq!(queue.enter(&client).err(), Some(NoTurn::Busy));
    assert_eq!((client.waits.into_inner(), waiting(&queue)), (1, 0));
    drop(one);
    assert!(queue.enter(&Client::from(2)).is_ok());
}

#[test]
fn a_client_that_goes_gives_up_its_place() {
    let queue = Queue::with(9, PATIENCE);
    let _one = queue.enter(&Client::from(1)).unwrap();
    let client = Client::from(2);
    thread::scope(|scope| {
        let waits = scope.spawn(|| queue.enter(&client).err());
        while waiting(&queue) == 0 {
            thread::yield_now();
        }
        client.is_there.store(false, Ordering::SeqCst);
        assert_eq!(waits.join().unwrap(), Some(NoTurn::Gone));
    });
    assert_eq!(waiting(&queue), 0);
    assert_eq!(queue.enter(&client).err(), Some(NoTurn::Gone), "it takes no turn");
}

/// The order in which clients from these origins have their turns.
#[track_caller]
fn check_order(origins: &[u8], want: &[usize]) {
    let mut state = State::default();
    let tickets: Vec<_> = origins.iter().map(|&number| state.add(origin(number))).collect();
    let mut order = Vec::new();
    while let Some(next) = state.next() {
        order.push(tickets.iter().position(|&ticket| ticket == next).unwrap());
        state.waiting.retain(|it| it.ticket != next);
    }
    assert_eq!(order, want, "{origins:?}");
}

#[test]
fn next_is_the_oldest_of_the_origin_with_the_fewest() {
    check_order(&[], &[]);
    check_order(&[1, 1, 1], &[0, 1, 2]);
    check_order(&[1, 2, 3], &[0, 1, 2]);
    check_order(&[1, 1, 1, 2], &[3, 0, 1, 2]);
    check_order(&[1, 1, 1, 2, 2, 3], &[5, 3, 4, 0, 1, 2]);
}

/// Which of these is turned away.
#[track_caller]
fn check_turned_away(origins: &[u8], want: usize) {
    let mut state = State::default();
    let tickets: Vec<_> = origins.iter().map(|&number| state.add(origin(number))).collect();
    state.turn_one_away();
    let is_there = |ticket: &u64| state.waiting.iter().any(|it| it.ticket == *ticket);
    let away: Vec<_> = (0..tickets.len()).filter(|&at| !is_there(&tickets[at])).collect();
    assert_eq!(away, [want], "{origins:?}");
}

#[test]
fn the_newest_of_the_origin_with_the_most_is_turned_away() {
    check_turned_away(&[1, 1, 1, 2], 2);
    check_turned_away(&[1, 2, 2, 1, 3], 3);
    check_turned_away(&[1, 2, 3], 2);
}

#[test]
fn many_from_one_origin_do_not_keep_another_out() {
    let queue = Queue::with(3, PATIENCE);
    let one = queue.enter(&Client::from(1)).unwrap();
    let (tell, ends) = mpsc::channel();
    thread::scope(|scope| {
        for (place, number) in (1..).zip([1, 1, 1, 2]) {
            let (queue, tell) = (&queue, tell.clone());
            scope.spawn(move || {
                let result = queue.enter(&Client::from(number));
                tell.send((number, result.is_ok())).unwrap();
            });
            // Three find places; the fourth takes one from its predecessor.
            while lock(&queue.state).next_ticket < 1 + place {
                thread::yield_now();
            }
        }
        assert_eq!(ends.recv(), Ok((1, false)), "there are places for three");
        drop(one);
        assert_eq!(ends.recv(), Ok((2, true)));
        assert_eq!([ends.recv(), ends.recv()], [Ok((1, true)), Ok((1, true))]);
    });
}
