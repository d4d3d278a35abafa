//! Whom the table evicts, and whom it never does.

#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use std::net::TcpListener;

use super::*;

/// Clients that took their seats one after the other.
struct Seated {
    table: Table,
    far_ends: Vec<TcpStream>,
}

impl Seated {
    fn new(count: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut table =
            Table { clients: Vec::new(), free: Vec::new(), waiting: 0, stopping: false };
        let mut far_ends = Vec::new();
        for _ in 0..count {
            far_ends.push(TcpStream::connect(address).unwrap());
            let (stream, peer) = listener.accept().unwrap();
            table.clients.push(Some(Arc::new(Client::new(stream, peer))));
        }
        Self { table, far_ends }
    }

    fn client(&self, index: usize) -> &Client {
        self.table.clients[index].as_ref().unwrap()
    }

    fn last_progress(&self, index: usize) -> Instant {
        match self.client(index).phase() {
            Phase::Sending { last_progress } => last_progress,
            other => panic!("{other:?}"),
        }
    }

    /// Looks for somebody to evict; `Ok`: that one it was.
    fn evict(&self, now: Instant) -> Result<usize, Option<Instant>> {
        let seats = 0..self.far_ends.len();
        let gone = || seats.clone().filter(|&index| self.client(index).has_lost_its_seat());
        let before: Vec<_> = gone().collect();
        match self.table.evict(now) {
            Eviction::Done => Ok(gone().find(|index| !before.contains(index)).unwrap()),
            Eviction::NotBefore(moment) if moment == now + LOOK_INTERVAL => Err(None),
            Eviction::NotBefore(moment) => Err(Some(moment)),
        }
    }
}

#[test]
fn who_owes_goes_in_the_order_of_arrival() {
    let seated = Seated::new(4);
    let now = Instant::now();
    seated.client(0).note_first_bytes();
    seated.client(1).begin_answer().unwrap();
    // Client 2 is silent: it may never have meant to ask for anything.
    seated.client(3).begin_answer().unwrap();
    seated.client(3).begin_drain().unwrap();
    assert_eq!([(); 3].map(|()| seated.evict(now)), [Ok(0), Ok(2), Ok(3)]);
    assert_eq!(seated.client(3).begin_drain(), Err(crate::net::Evicted));
}

#[test]
fn an_answer_goes_after_ten_seconds_without_progress_and_after_all_who_owe() {
    let seated = Seated::new(3);
    for index in [0, 1, 2, 0] {
        seated.client(index).begin_answer().unwrap();
        // Stamps are told apart from a millisecond on.
        std::thread::sleep(Duration::from_millis(2));
    }
    let stalled = seated.last_progress(1) + STALL_TIME_MAX;
    let just_before = stalled.checked_sub(Duration::from_nanos(1)).unwrap();
    assert_eq!(seated.evict(just_before), Err(Some(stalled)));
    seated.client(2).begin_drain().unwrap();
    assert_eq!(seated.evict(stalled), Ok(2));
    assert_eq!(seated.evict(stalled), Ok(1));
    assert_eq!(seated.client(1).note_progress(), Err(crate::net::Evicted));
    assert_eq!(seated.client(1).begin_answer(), Err(crate::net::Evicted));
    let stalled = seated.last_progress(0) + STALL_TIME_MAX;
    assert_eq!(seated.evict(just_before), Err(Some(stalled)));
    assert_eq!([(); 2].map(|()| seated.evict(stalled)), [Ok(0), Err(None)]);
}

#[test]
fn who_was_called_off_with_a_whole_request_is_answered() {
    let seated = Seated::new(1);
    let now = Instant::now();
    assert_eq!([(); 2].map(|()| seated.evict(now)), [Ok(0), Err(None)]);
    assert_eq!(seated.client(0).begin_drain(), Err(crate::net::Evicted));
    seated.client(0).begin_answer().unwrap();
    assert!(!seated.client(0).has_lost_its_seat());
    assert!(matches!(seated.evict(now), Err(Some(_))), "it is an answer under way");
}

#[test]
fn at_the_end_of_a_stop_everyone_goes() {
    let seated = Seated::new(3);
    seated.client(0).begin_answer().unwrap();
    assert_eq!(seated.evict(Instant::now()), Ok(1));
    assert_eq!(
        [0, 1, 2, 2].map(|index| seated.client(index).evict_whatever_it_does()),
        [true, true, true, false]
    );
    assert_eq!(seated.client(1).begin_answer(), Err(crate::net::Evicted));
}
