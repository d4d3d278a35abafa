//! What holds of the state, whatever happens: random sequences of events.

use std::sync::Arc;
use std::thread;

use proptest::prelude::*;
use rustix::net::{AddressFamily, SocketType};

use super::*;
use crate::gate::tests::source;
use crate::net::progress::{Cause, Progress};
use crate::net::slots::{EVICTION_TIME_MAX, SILENT_AT_STOP_TIME_MAX, Slot};

const SLOTS: usize = 3;
const PLACES: usize = 4;
const IDLE_MAX: usize = 2;
const THREADS_MAX: usize = 12;
const QUEUE_TIME_MAX: Duration = Duration::from_secs(10);

/// One whose socket is not connected: nothing is sent.
fn waiting(number: u8, phase: Phase, now: Instant) -> Waiting {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let (source, stream) = (source(number), Arc::new(socket.into()));
    Waiting { source, accepted_at: now, stream, phase, slot: Slot::Queued, parked: None }
}

fn state(idle_max: usize) -> State {
    let options = Options {
        max_connections: SLOTS,
        queue_max: PLACES,
        queue_time_max: QUEUE_TIME_MAX,
        thread_cache: idle_max,
        defer_accept: false,
    };
    State { threads_max: THREADS_MAX, ..State::new(&options, &[false], 2) }
}

/// A state with its first thread, and the number of a connection that it serves.
fn with_leader() -> (State, u64) {
    let mut state = state(IDLE_MAX);
    let (id, leads) = state.accepted(0);
    assert!(leads);
    take_effects(&mut state);
    (state, id)
}

fn take_effects(state: &mut State) -> Vec<Effect> {
    std::mem::take(&mut state.slots.effects)
}

/// Threads that the last transitions want to be spawned.
fn spawned(state: &mut State) -> usize {
    take_effects(state).iter().filter(|it| matches!(it, Effect::Spawn(0))).count()
}

/// Makes a round. Gives whether another one follows it.
fn keeps_awake(state: &mut State) -> bool {
    state.make_round(Instant::now());
    state.housekeeper != Housekeeper::Asleep
}

#[test]
fn a_leader_that_steps_aside_is_replaced_once_by_whoever_is_free() {
    let (mut state, id) = with_leader();
    state.step_aside(0, id);
    state.step_aside(0, id);
    assert_eq!(spawned(&mut state), 1);
    assert_eq!(state.threads, 2);
    // The system refuses a thread.
    state.spawned(0, false);
    assert_eq!(state.empty_loops(), [0]);
    assert_eq!(state.served(0, id), Job::Accept(0));
    assert!(state.empty_loops().is_empty());
}

#[test]
fn the_housekeeper_ends_a_lead_that_it_sees_twice_and_is_cautious_then() {
    let (mut state, id) = with_leader();
    assert!(!state.make_round(Instant::now()));
    assert!(state.make_round(Instant::now()), "it is held up");
    let effects = take_effects(&mut state);
    assert!(matches!(effects[..], [Effect::Spawn(0)]), "{effects:?}");
    // The new thread accepts, and the one that was held up finds its loop taken.
    assert!(!state.accepted(0).1, "the next may wait for the disk");
    assert_eq!(state.served(0, id), Job::Accept(0));
    for _ in 1..CAUTIOUS_ROUNDS {
        assert!(keeps_awake(&mut state));
    }
    assert!(state.loops[0].cautious_rounds <= 1);
}

#[test]
fn the_last_acceptor_leads_and_accepts_again_and_is_not_held_up() {
    let (mut state, mut id) = with_leader();
    for _ in 0..9 {
        assert!(!state.make_round(Instant::now()));
        assert_eq!(state.served(0, id), Job::Accept(0));
        let leads;
        (id, leads) = state.accepted(0);
        assert!(leads);
        assert!(take_effects(&mut state).is_empty(), "no other thread was needed");
    }
}

#[test]
fn the_housekeeper_sleeps_when_all_is_quiet_and_is_woken() {
    let (mut state, id) = with_leader();
    state.served(0, id);
    assert!(keeps_awake(&mut state));
    assert!(!keeps_awake(&mut state));
    take_effects(&mut state);
    state.accepted(0);
    assert!(matches!(take_effects(&mut state)[..], [Effect::TellAll]));
    assert_eq!(state.housekeeper, Housekeeper::Called);
}

#[test]
fn without_a_cache_threads_end_and_the_next_ones_have_their_stacks() {
    let mut state = state(0);
    assert!(!state.accepted(0).1, "without a cache nobody leads");
    assert_eq!(spawned(&mut state), 1);
    state.threads = 300;
    assert_eq!(state.kept_stacks, 0, "none has ended");
    for _ in 0..200 {
        state.end_thread();
    }
    assert_eq!(state.kept_stacks, KEPT_STACKS_MAX, "of many, some are kept");
    (0..KEPT_STACKS_MAX).for_each(|_| state.spawned(0, true));
    assert_eq!(state.kept_stacks, 0);
}

#[test]
fn idle_threads_are_used_again_until_they_end() {
    let (mut state, id) = with_leader();
    let thread = thread::current();
    state.threads += 1;
    assert_eq!(state.park(&thread), Job::Idle);
    assert_eq!(state.wake(thread.id(), false), Job::Idle);
    state.step_aside(0, id);
    assert!(take_effects(&mut state).iter().any(|it| matches!(it, Effect::Unpark(_))));
    assert_eq!(state.wake(thread.id(), true), Job::Accept(0));
    assert_eq!(state.park(&thread), Job::Idle);
    assert_eq!(state.wake(thread.id(), true), Job::End);
    assert_eq!((state.threads, state.idle.len()), (1, 0));
}

#[test]
fn after_a_peak_memory_is_given_back_once() {
    let (mut state, id) = with_leader();
    state.served(0, id);
    state.threads_max = usize::MAX;
    let mut round = |threads: usize| {
        state.threads = threads - 1;
        state.find_thread(0);
        state.make_round(Instant::now());
        take_effects(&mut state).iter().any(|it| matches!(it, Effect::GiveMemoryBack))
    };
    let (few, many) = (IDLE_MAX + PEAK_SURPLUS - 1, IDLE_MAX + PEAK_SURPLUS);
    let rounds = [few, few, many, few, few].map(&mut round);
    assert_eq!(rounds, [false, false, false, true, false]);
}

/// One that is queued gets one search, whose pause is ten times as long, and is rejected in time.
#[test]
fn the_queue_ends_when_time_is_up_and_searches_pause() {
    let (mut state, now, search) = (state(IDLE_MAX), Instant::now(), Duration::from_millis(30));
    thread::sleep(search);
    for id in 1..=4 {
        state.add_waiting(id.into(), waiting(id, Phase::Receiving, now), now);
    }
    for (later, want) in [(search * 9, Slot::Queued), (QUEUE_TIME_MAX, Slot::Rejected)] {
        state.make_round(now + later);
        assert_eq!(state.slots.get(4).unwrap().slot, want, "{later:?}");
        let effects = take_effects(&mut state);
        let warned = effects.iter().any(|it| matches!(it, Effect::WarnOfRejection));
        assert_eq!(warned, want == Slot::Rejected, "{effects:?}");
        assert!(state.slots.get(2).unwrap().eviction().is_none());
    }
}

/// An unfinished request may still be answered, an answer ends; their source waits behind others.
#[test]
fn an_evicted_connection_ends_by_its_phase_and_the_next_of_its_source_is_behind() {
    // In the future, no search for candidates takes any time.
    let (mut state, now) = (state(IDLE_MAX), Instant::now() + QUEUE_TIME_MAX);
    let mut progress = Progress::new(now);
    progress.note_wait(now, 1);
    let (sending, receiving) = (Phase::Sending(progress), Phase::Receiving);
    let phases = [receiving, sending, sending, receiving, receiving, receiving, receiving];
    for (id, (number, phase)) in (1..).zip([1, 1, 1, 2, 2, 1, 3].into_iter().zip(phases)) {
        state.add_waiting(id, waiting(number, phase, now), now);
    }
    let phases = [1, 2, 3].map(|id| state.slots.get(id).unwrap().phase);
    assert_eq!(phases[0], Phase::ReadClosed { at: now, cause: Cause::OwedLongest });
    assert!(phases.contains(&Phase::Closed { at: now, cause: Cause::OverShare }), "{phases:?}");
    assert!(phases.contains(&sending), "its source holds no more than others would");
    (1..=3).for_each(|id| state.slots.remove(id));
    let slots = [4, 5, 6, 7].map(|id| state.slots.get(id).unwrap().slot);
    assert_eq!(slots, [Slot::Held, Slot::Held, Slot::Queued, Slot::Held]);
}

#[test]
fn at_the_stop_silent_connections_idle_threads_and_loops_end() {
    let (mut state, now) = (state(IDLE_MAX), Instant::now());
    state.add_acceptor(0);
    assert_eq!(spawned(&mut state), 1);
    let (id, leads) = state.accepted(0);
    assert_eq!((leads, spawned(&mut state), state.served(0, id)), (false, 0, Job::Accept(0)));
    state.park(&thread::current());
    state.stage = Stage::Stopping;
    for (id, phase) in [(1, Phase::New), (2, Phase::Receiving), (3, Phase::Receiving)] {
        state.add_waiting(id, waiting(1, phase, now), now);
    }
    for (part, shut) in [(2, 0), (1, 1)] {
        state.slots.end_silent(now + SILENT_AT_STOP_TIME_MAX / part);
        assert_eq!(take_effects(&mut state).len(), shut);
    }
    for is_last in [false, true] {
        assert_eq!(state.left(0), Job::Idle);
        assert_eq!(state.has_no_acceptors(), is_last);
    }
    take_effects(&mut state);
    state.end();
    assert!(matches!(take_effects(&mut state)[..], [Effect::Unpark(_), ..]));
    state.stage = Stage::CuttingOff;
    state.add_waiting(4, waiting(1, Phase::Receiving, now), now);
    assert_eq!(state.slots.get(4).unwrap().eviction(), Some(Cause::Stopping));
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Accept,
    Wait(usize, u8, bool),
    Progress(usize),
    Serve(usize),
    Refuse,
    Round(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => Just(Event::Accept),
        5 => (0..9_usize, 1..4_u8, any::<bool>()).prop_map(|it| Event::Wait(it.0, it.1, it.2)),
        2 => (0..9_usize).prop_map(Event::Progress),
        4 => (0..9_usize).prop_map(Event::Serve),
        1 => Just(Event::Refuse),
        3 => (0..400_u64).prop_map(Event::Round),
    ]
}

/// A server without threads and sockets of its own: events stand for them.
struct Model {
    state: State,
    now: Instant,
    /// Connections that are served; whether they wait.
    served: Vec<(u64, bool)>,
    acceptors: usize,
    idle: usize,
    refusals: usize,
}

impl Model {
    /// Spawns and wakes threads at once, but for those that the system refuses.
    fn run(&mut self) {
        for effect in take_effects(&mut self.state) {
            match effect {
                Effect::Spawn(listener) if self.refusals > 0 => {
                    self.refusals -= 1;
                    self.state.spawned(listener, false);
                }
                Effect::Spawn(_) => self.acceptors += 1,
                _ => {}
            }
        }
        let jobs: Vec<_> = self.state.jobs.drain().collect();
        self.idle -= jobs.len();
        self.acceptors += jobs.len();
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Accept if self.acceptors > 0 => {
                let (id, _) = self.state.accepted(0);
                self.served.push((id, false));
                self.acceptors -= 1;
            }
            Event::Wait(at, number, sends) if at < self.served.len() && !self.served[at].1 => {
                let (id, waits) = &mut self.served[at];
                *waits = true;
                self.state.step_aside(0, *id);
                let mut progress = Progress::new(self.now);
                progress.note_wait(self.now, 1);
                let phase = if sends { Phase::Sending(progress) } else { Phase::Receiving };
                let waiting = waiting(number, phase, self.now);
                self.state.add_waiting(*id, waiting, self.now);
            }
            Event::Progress(at) if at < self.served.len() && self.served[at].1 => {
                let waiting = self.state.slots.get(self.served[at].0).unwrap();
                if let Phase::Sending(progress) = &mut waiting.phase {
                    progress.note_wait(self.now, 1_000_000);
                }
            }
            Event::Serve(at) if at < self.served.len() => {
                let (id, waits) = self.served.remove(at);
                if waits {
                    self.state.slots.remove(id);
                }
                match self.state.served(0, id) {
                    Job::Accept(_) => self.acceptors += 1,
                    Job::Idle => {
                        // A thread of its own, only to have another number.
                        let idle = thread::spawn(|| ()).thread().clone();
                        let (has_room, job) = (self.idle < IDLE_MAX, self.state.park(&idle));
                        assert_eq!(job, if has_room { Job::Idle } else { Job::End });
                        self.idle += usize::from(has_room);
                    }
                    Job::End => {}
                }
            }
            Event::Refuse => self.refusals += 1,
            Event::Round(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                self.state.make_round(self.now);
            }
            _ => {}
        }
        self.run();
    }

    /// How many wait that are like this.
    fn count(&mut self, is_it: impl Fn(&Waiting) -> bool) -> usize {
        let slots = &mut self.state.slots;
        let ids = self.served.iter().filter(|(_, waits)| *waits).map(|&(id, _)| id);
        ids.filter(|&id| is_it(slots.get(id).unwrap())).count()
    }
}

proptest! {
    #[test]
    fn whatever_happens(events in prop::collection::vec(event(), 0..120)) {
        let (state, now) = (state(IDLE_MAX), Instant::now());
        let mut model = Model { state, now, served: vec![], acceptors: 1, idle: 0, refusals: 0 };
        for event in events {
            let had_free = model.count(|it| it.slot == Slot::Held) < SLOTS;
            let were_evicted = model.count(|it| it.eviction().is_some());
            model.step(event);
            let held = model.count(|it| it.slot == Slot::Held);
            let queued = model.count(|it| it.slot == Slot::Queued);
            prop_assert!(held <= SLOTS && queued <= PLACES);
            prop_assert!(held == SLOTS || queued == 0, "a slot is free while one is queued");
            if had_free && !matches!(event, Event::Wait(..)) {
                let are_evicted = model.count(|it| it.eviction().is_some());
                prop_assert!(are_evicted <= were_evicted, "evicted while a slot was free");
            }
            let state = &model.state;
            prop_assert!(state.threads <= THREADS_MAX && state.idle.len() <= IDLE_MAX);
            prop_assert!(state.loops[0].acceptors <= state.loops[0].acceptors_max);
            let busy = model.served.len() + model.acceptors + state.idle.len();
            prop_assert_eq!(state.threads, busy, "no thread is lost");
            prop_assert_eq!(state.serving, model.served.len());
            let leads = state.loops[0].led.is_some();
            prop_assert_eq!(state.loops[0].acceptors, model.acceptors + usize::from(leads));
            // A loop without a thread gets one as soon as one can be had.
            if matches!(event, Event::Round(_)) && state.loops[0].acceptors == 0 {
                let is_awake = state.housekeeper != Housekeeper::Asleep;
                prop_assert!(state.threads == THREADS_MAX || is_awake);
            }
        }
        // Who is queued gets an answer: a slot, or a rejection when time is up.
        model.step(Event::Round(u64::try_from(QUEUE_TIME_MAX.as_millis()).unwrap()));
        prop_assert_eq!(model.count(|it| it.slot == Slot::Queued), 0);
        while !model.served.is_empty() {
            model.step(Event::Serve(0));
        }
        model.refusals = 0;
        model.step(Event::Round(1));
        prop_assert!(model.acceptors > 0, "somebody accepts");
    }
}

/// One eviction at a time for clients that could not be accepted; each source is remembered.
#[test]
fn of_clients_that_cannot_be_accepted_one_gets_room_at_a_time() {
    let mut state = state(IDLE_MAX);
    let now = Instant::now();
    for id in 1..=3 {
        state.add_waiting(id.into(), waiting(id, Phase::Receiving, now), now);
    }
    let mut evict = |now| {
        state.slots.evict_for_unknown(now);
        (1..=3).filter(|&id| state.slots.get(id).unwrap().eviction().is_some()).count()
    };
    assert_eq!(evict(now), 1);
    assert_eq!(evict(now), 1, "that one will have closed in a moment");
    assert_eq!(evict(now + EVICTION_TIME_MAX), 2);
    for (id, number) in [(4, 1), (5, 2), (6, 4)] {
        state.add_waiting(id, waiting(number, Phase::Receiving, now), now);
    }
    state.slots.remove(1);
    let slots = [4, 5, 6].map(|id| state.slots.get(id).unwrap().slot);
    assert_eq!(slots, [Slot::Queued, Slot::Queued, Slot::Held], "those evicted wait behind others");
}
