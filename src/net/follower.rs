//! A client thread: it accepts clients and serves them, one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;

use super::accept_loop::AcceptLoop;
use super::client::Client;
use super::shared::Shared;
use super::threads::Worker;
use super::turn::Turn;

/// A thread's own side: it accepts a client, and serves it.
pub(super) struct Follower<H> {
    shared: Weak<Shared>,
    handler: H,
    /// What a panic leaves of `handler` is thrown away.
    master: H,
    /// The accept loop that it took part in last.
    last: usize,
}

impl<H: FnMut(&Client) + Clone> Worker for Follower<H> {
    /// Accepts a client and serves it, and then those who wait for its seat; accepts again as long
    /// as it still holds the accept loop.
    fn work(&mut self, listener: usize) {
        self.last = listener;
        let Some(shared) = self.shared.upgrade() else { return };
        let accept_loop = &shared.loops[listener];
        loop {
            let Some(seat) = shared.next_client(accept_loop) else {
                accept_loop.leave();
                shared.tell_of_ended_loop();
                return;
            };
            let mut turn = shared.begin_turn(listener);
            let mut next = Some(seat);
            while let Some(seat) = next {
                turn = self.serve(seat.client(), turn);
                next = seat.pass_on();
            }
            if !turn.is_some_and(Turn::end) {
                return;
            }
        }
    }

    fn more(&mut self) -> Option<usize> {
        let shared = self.shared.upgrade()?;
        if shared.is_ending() {
            return None;
        }
        let joins_an_empty_one = |it: &AcceptLoop| it.is_empty() && it.join();
        let empty = shared.loops.iter().position(joins_an_empty_one);
        empty.or_else(|| shared.loops[self.last].join().then_some(self.last))
    }
}

impl<H: FnMut(&Client) + Clone> Follower<H> {
    pub(super) fn new(shared: Weak<Shared>, handler: H) -> Self {
        Self { shared, master: handler.clone(), handler, last: 0 }
    }

    /// Serves a client, and gives the turn back unless it had to be passed on. A panic costs one
    /// client, never the server.
    fn serve(&mut self, client: &Client, turn: Option<Turn>) -> Option<Turn> {
        client.hold(turn);
        if catch_unwind(AssertUnwindSafe(|| (self.handler)(client))).is_err() {
            let peer = client.peer();
            log::error!("serving {peer} panicked; its connection is closed, the others go on");
            self.handler = self.master.clone();
        }
        client.release()
    }
}

impl<H> Drop for Follower<H> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.tell_of_ended_thread();
        }
    }
}
