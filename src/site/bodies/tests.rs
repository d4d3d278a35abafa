//! How often a body is made, and when it is refused.

use super::*;
use crate::gate::tests::{Client, SOON};

/// Makes a body of this many bytes. Returns the number of attempts, too.
fn make(bodies: &Bodies, bytes: usize) -> (Result<(Vec<u8>, Permit), Failure>, usize) {
    let mut count = 0;
    let make = |_: &Permit| {
        count += 1;
        Ok(vec![0; bytes])
    };
    (bodies.make(&Client::default(), make, Vec::len), count)
}

#[test]
fn small_bodies_are_made_whatever_is_held_and_large_ones_wait_for_room() {
    let large = SMALL_BYTES_MAX + 1;
    let bodies = Bodies::with(2, 2 * large, SOON);
    let held = [(); 2].map(|()| make(&bodies, large).0.unwrap());
    let (refused, count) = make(&bodies, large);
    assert!(matches!(refused, Err(Failure::Denied)));
    assert_eq!(count, 1);
    let small: Vec<_> = (0..50).map(|_| make(&bodies, SMALL_BYTES_MAX).0.unwrap()).collect();
    drop(held);
    assert!(make(&bodies, large).0.is_err(), "the small ones count");
    drop(small);
    assert!(make(&bodies, large).0.is_ok());
}

#[test]
fn a_large_body_is_made_again_when_there_is_room() {
    let large = SMALL_BYTES_MAX + 1;
    let bodies = Bodies::with(2, large, Duration::from_secs(30));
    let (held, _) = make(&bodies, large);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| make(&bodies, large));
        while bodies.budget.queued() == 0 {
            std::thread::yield_now();
        }
        drop(held);
        let (body, count) = waits.join().unwrap();
        assert!(body.is_ok());
        assert_eq!(count, 2);
    });
}

#[test]
fn a_failure_gives_everything_back() {
    let bodies = Bodies::with(1, 1, SOON);
    for _ in 0..3 {
        let failure = |_: &Permit| Err::<Vec<u8>, _>(Failure::TooLarge);
        let body = bodies.make(&Client::default(), failure, Vec::len);
        assert!(matches!(body, Err(Failure::TooLarge)));
    }
    assert!(make(&bodies, 1).0.is_ok());
}
