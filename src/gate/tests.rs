//! Threads at a gate, with clients from made-up addresses.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) use super::queue::tests::source;
use super::*;

pub(crate) const SOON: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

const ONE: Limits =
    Limits { capacity: 1, exempt: 0, queue_max: 9, time_max: PATIENCE, relief: Relief::None };

impl Gate {
    pub(crate) fn queued(&self) -> usize {
        lock(&self.state).queue.queued()
    }
}

/// A client from 192.0.2.`number`, which takes `pace` bytes a second of what it holds.
#[derive(Clone, Default)]
pub(crate) struct Client {
    number: u8,
    pace: Option<u64>,
    is_gone: Arc<AtomicBool>,
    pub(crate) steps_aside: Arc<AtomicUsize>,
    has_made_way: Arc<AtomicBool>,
}

impl Client {
    fn from(number: u8) -> Self {
        Self { number, ..Self::default() }
    }

    fn taking(number: u8, pace: u64) -> Self {
        Self { pace: Some(pace), ..Self::from(number) }
    }

    fn has_made_way(&self) -> bool {
        self.has_made_way.load(Ordering::SeqCst)
    }
}

impl Requester for Client {
    fn source(&self) -> Source {
        source(self.number)
    }

    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::SeqCst)
    }

    fn step_aside(&self) {
        self.steps_aside.fetch_add(1, Ordering::SeqCst);
    }

    fn holder(&self) -> Box<dyn Holder> {
        Box::new(self.clone())
    }
}

impl Holder for Client {
    fn pace(&self) -> Option<u64> {
        self.pace
    }

    fn make_way(&self) {
        self.has_made_way.store(true, Ordering::SeqCst);
    }
}

fn await_queued(gate: &Gate, count: usize) {
    while gate.queued() < count {
        thread::yield_now();
    }
}

#[test]
fn no_more_pass_at_once_than_may() {
    let gate = Gate::new(Limits { capacity: 10, time_max: SOON, ..ONE });
    let [first, second] = [4, 6].map(|weight| gate.enter(&Client::from(1), weight).unwrap());
    let third = Client::from(2);
    assert_eq!(gate.enter(&third, 1).err(), Some(Denied::Busy));
    assert_eq!(third.steps_aside.load(Ordering::SeqCst), 1);
    assert_eq!(gate.queued(), 0);
    drop(second);
    assert!(gate.enter(&third, 6).is_ok());
    drop(first);
    assert!(gate.enter(&third, 10).is_ok());
}

#[test]
fn a_client_that_goes_gives_up_its_place() {
    let gate = Gate::new(ONE);
    let _permit = gate.enter(&Client::from(1), 1).unwrap();
    let client = Client::from(2);
    thread::scope(|scope| {
        let waits = scope.spawn(|| gate.enter(&client, 1).err());
        await_queued(&gate, 1);
        client.is_gone.store(true, Ordering::SeqCst);
        assert_eq!(waits.join().unwrap(), Some(Denied::Gone));
    });
    assert_eq!(gate.queued(), 0);
}

#[test]
fn one_too_many_of_one_source_costs_no_other_its_place() {
    let gate = Gate::new(Limits { queue_max: 2, ..ONE });
    let permit = gate.enter(&Client::from(9), 1).unwrap();
    thread::scope(|scope| {
        let first = scope.spawn(|| gate.enter(&Client::from(1), 1).is_ok());
        await_queued(&gate, 1);
        let second = scope.spawn(|| gate.enter(&Client::from(1), 1).is_ok());
        await_queued(&gate, 2);
        let other = scope.spawn(|| gate.enter(&Client::from(2), 1).is_ok());
        assert!(!second.join().unwrap(), "the newest of the source with the most");
        drop(permit);
        assert!(first.join().unwrap() && other.join().unwrap());
    });
}

#[test]
fn one_that_is_stuck_is_not_counted_until_it_makes_progress() {
    let gate = Gate::new(Limits { relief: Relief::Stuck(LOOK_INTERVAL), ..ONE });
    let began = Instant::now();
    let mut stuck: Vec<_> =
        (0..=STUCK_MAX).map(|_| gate.enter(&Client::from(1), 1).unwrap()).collect();
    let each = began.elapsed() / u32::try_from(STUCK_MAX).unwrap();
    assert!(each >= LOOK_INTERVAL, "{each:?}");
    lock(&gate.state).pass_over(Duration::ZERO);
    assert!(gate.try_enter(&Client::from(2), 1).is_none(), "no more are passed over than may");
    stuck.pop();
    stuck[0].note_progress();
    assert!(gate.try_enter(&Client::from(4), 1).is_none(), "it counts again");
    drop(stuck);
    assert!(lock(&gate.state).held.is_empty());
    assert!(gate.try_enter(&Client::from(5), 1).is_some());
}

#[test]
fn of_the_source_that_holds_the_most_the_slowest_makes_way() {
    let gate = Gate::new(Limits { capacity: 100, relief: Relief::Greediest, ..ONE });
    let clients = [
        (Client::taking(1, 5), 30),
        (Client::taking(1, 3), 20),
        (Client::from(1), 20),
        (Client::taking(2, 1), 30),
    ];
    let _permits = clients.each_ref().map(|(client, weight)| gate.enter(client, *weight).unwrap());
    let mut state = lock(&gate.state);
    let next = state.asking(&Client::from(3), 10);
    assert!(state.queue.join(next).is_none());
    // Another one only when the first has had its time.
    let now = Instant::now();
    let earlier = now.checked_sub(LOOK_INTERVAL).unwrap();
    for (at, others) in [(now, false), (now + PATIENCE, false), (earlier, true)] {
        state.held[1].who.made_way_at = state.held[1].who.made_way_at.map(|_| at);
        state.evict_the_greediest();
        let made_way = clients.each_ref().map(|(client, _)| client.has_made_way());
        assert_eq!(made_way, [others, true, false, false]);
    }
}

#[test]
fn no_one_makes_way_for_a_source_that_would_hold_as_much() {
    let (time_max, relief) = (5 * SOON, Relief::Greediest);
    let gate = Gate::new(Limits { capacity: 40, exempt: 9, time_max, relief, ..ONE });
    let clients = [1, 2].map(|number| Client::taking(number, 1));
    let _permits = clients.each_ref().map(|client| gate.enter(client, 20).unwrap());
    assert_eq!(gate.enter(&Client::from(3), 20).err(), Some(Denied::Busy));
    assert!(!clients.iter().any(Client::has_made_way));
    // With half as much it would hold less than they do.
    assert_eq!(gate.enter(&Client::from(3), 10).err(), Some(Denied::Busy));
    assert!(clients.iter().any(Client::has_made_way));
    let _small = [(); 5].map(|()| gate.try_enter(&Client::from(3), 9).unwrap());
    assert_eq!(lock(&gate.state).queue.held_by(source(3)), 45);
}
