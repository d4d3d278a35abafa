//! Responses that last: a terminal shows how far each has come, below the log.
//!
//! A sender's thread only keeps the time; once its response has lasted a second, it registers it
//! here, and from then on stores a number now and then. One thread draws, and sleeps while there is
//! nothing to draw. Without a terminal there is none of this. Nothing here waits for the terminal.

mod bars;
mod transfer;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::access_log::StandardError;
use crate::lock::{lock, wait};
use bars::Bars;
pub(crate) use transfer::Description;
use transfer::Transfer;

/// A response that has lasted for this long is shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// The time between two drawings, at least.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Responses that are shown at once; the others are counted.
const SHOWN_MAX: usize = 5;

/// The responses under way that have lasted a second; for all threads.
#[derive(Clone, Debug)]
pub(crate) struct Transfers {
    shared: Arc<Shared>,
}

/// A response from its begin on. It costs nothing until it has lasted a second.
pub(crate) struct Watch<'a> {
    transfers: Option<&'a Transfers>,
    describe: &'a dyn Fn() -> Description,
    began: Instant,
    registered: Option<Registered>,
}

/// A response that is under way, and ends when this is dropped.
struct Registered {
    shared: Arc<Shared>,
    key: Key,
    transfer: Arc<Transfer>,
}

/// When a response began, and which of those it is.
type Key = (Instant, u64);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something has begun, or all is over.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest first; as many as there are seats, at most.
    under_way: BTreeMap<Key, Arc<Transfer>>,
    next_number: u64,
    is_closed: bool,
    artist: Option<JoinHandle<()>>,
}

impl Transfers {
    /// Starts the thread that draws.
    pub(crate) fn start(standard_error: Arc<StandardError>, colour: bool) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let draw = move || draw_until_closed(&seen, &standard_error, Bars::new(colour));
        let artist = thread::Builder::new().name("transfers".to_owned()).spawn(draw)?;
        lock(&shared.state).artist = Some(artist);
        Ok(Self { shared })
    }

    /// Takes everything off the screen for good, and gives how many responses are under way that
    /// have lasted a second.
    pub(crate) fn close(&self) -> usize {
        let mut state = lock(&self.shared.state);
        state.is_closed = true;
        let (under_way, artist) = (state.under_way.len(), state.artist.take());
        drop(state);
        self.shared.changed.notify_all();
        // An error: it has panicked, and there is nothing to wait for.
        artist.map(JoinHandle::join);
        under_way
    }

    fn register(&self, began: Instant, description: Description, sent: u64) -> Registered {
        let transfer = Arc::new(Transfer::new(description, sent));
        let mut state = lock(&self.shared.state);
        let key = (began, state.next_number);
        state.next_number += 1;
        state.under_way.insert(key, Arc::clone(&transfer));
        drop(state);
        self.shared.changed.notify_all();
        Registered { shared: Arc::clone(&self.shared), key, transfer }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.shared.state).under_way.remove(&self.key);
    }
}

impl<'a> Watch<'a> {
    /// A response that begins now; `None`: it is shown nowhere.
    pub(crate) fn new(
        transfers: Option<&'a Transfers>,
        describe: &'a dyn Fn() -> Description,
    ) -> Self {
        Self { transfers, describe, began: Instant::now(), registered: None }
    }

    /// Notes how many bytes are out by now.
    pub(crate) fn note(&mut self, now: Instant, sent: u64) {
        let Some(transfers) = self.transfers else { return };
        match &self.registered {
            Some(registered) => registered.transfer.note(sent),
            None if now.saturating_duration_since(self.began) < SHOWN_AFTER => {}
            None => {
                let description = (self.describe)();
                self.registered = Some(transfers.register(self.began, description, sent));
            }
        }
    }
}

/// The life of the thread that draws.
fn draw_until_closed(shared: &Shared, standard_error: &StandardError, mut bars: Bars) {
    let mut is_shown = false;
    loop {
        let mut state = lock(&shared.state);
        while state.under_way.is_empty() && !is_shown && !state.is_closed {
            state = wait(&shared.changed, state);
        }
        if state.is_closed {
            drop(state);
            return standard_error.show_below(Vec::new());
        }
        let count = state.under_way.len();
        let first = state.under_way.iter().take(SHOWN_MAX);
        let first: Vec<_> = first.map(|(&(_, number), it)| (number, Arc::clone(it))).collect();
        drop(state);
        is_shown = count > 0;
        standard_error.show_below(bars.lines(&first, count, StandardError::size()));
        thread::sleep(REDRAW_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without its thread.
    fn transfers() -> Transfers {
        Transfers { shared: Arc::default() }
    }

    fn describe() -> Description {
        Description::new([192, 0, 2, 7].into(), b"/a", 100)
    }

    #[test]
    fn only_a_response_that_lasts_is_registered_until_it_ends() {
        let transfers = transfers();
        let sent = || {
            let state = lock(&transfers.shared.state);
            state.under_way.values().map(|it| it.sent()).collect::<Vec<_>>()
        };
        let mut watch = Watch::new(Some(&transfers), &describe);
        let later = watch.began + SHOWN_AFTER;
        watch.note(watch.began, 10);
        assert_eq!(sent(), [0; 0]);
        watch.note(later, 20);
        assert_eq!(sent(), [20]);
        watch.note(later, 30);
        assert_eq!(sent(), [30]);
        drop(watch);
        assert_eq!(sent(), [0; 0]);
        assert_eq!(transfers.close(), 0);
    }

    #[test]
    fn without_a_terminal_nothing_is_asked() {
        let describe = || panic!("described");
        let mut watch = Watch::new(None, &describe);
        let later = watch.began + SHOWN_AFTER;
        watch.note(later, 20);
    }
}
