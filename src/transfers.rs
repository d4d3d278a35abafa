//! Responses that last: a terminal shows how far each has come, below the log.
//!
//! A sender's thread only keeps the time; once its response has lasted a second, it registers it
//! here, and from then on stores a number now and then. The thread that writes the log asks for the
//! lines that show them. Without a terminal there is none of this.

mod bars;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::access_log::{self, Queue, Source};
use crate::lock::lock;
pub(crate) use bars::Transfer;

/// A response that has lasted for this long is shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// Responses that are shown at once; the others are counted.
const SHOWN_MAX: usize = 5;

/// The responses under way that have lasted a second; for all threads.
#[derive(Clone, Debug)]
pub(crate) struct Transfers {
    state: Arc<Mutex<State>>,
    /// Whose thread draws them.
    standard_error: Arc<Queue>,
}

/// A response from its begin on, until this is dropped. It costs nothing until it has lasted a
/// second: then it is described, once so many bytes are out.
pub(crate) struct Progress<'a> {
    transfers: Option<&'a Transfers>,
    describe: &'a dyn Fn(u64) -> Transfer,
    began: Instant,
    registered: Option<(Key, Arc<Transfer>)>,
}

/// When a response began, and which of those it is.
type Key = (Instant, u64);

#[derive(Debug, Default)]
struct State {
    /// The oldest first; as many as there are slots, at most.
    under_way: BTreeMap<Key, Arc<Transfer>>,
    next_number: u64,
    is_closed: bool,
}

impl Transfers {
    /// None so far.
    pub(crate) fn new(standard_error: &Arc<Queue>) -> Self {
        Self { state: Arc::default(), standard_error: Arc::clone(standard_error) }
    }

    /// The lines that show them.
    pub(crate) fn status_lines(&self, colour: bool) -> Source {
        let state = Arc::clone(&self.state);
        Box::new(move || {
            let size = access_log::size()?;
            let state = lock(&state);
            let count = if state.is_closed { 0 } else { state.under_way.len() };
            let first = state.under_way.values().take(count.min(SHOWN_MAX));
            let first: Vec<_> = first.map(Arc::clone).collect();
            drop(state);
            Some(bars::lines(&first, count, size, colour))
        })
    }

    /// Takes everything off the screen for good, and gives how many responses are under way that
    /// have lasted a second.
    pub(crate) fn close(&self) -> usize {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let under_way = state.under_way.len();
        drop(state);
        self.standard_error.redraw();
        under_way
    }

    fn register(&self, began: Instant, transfer: Transfer) -> (Key, Arc<Transfer>) {
        let transfer = Arc::new(transfer);
        let mut state = lock(&self.state);
        let key = (began, state.next_number);
        state.next_number += 1;
        state.under_way.insert(key, Arc::clone(&transfer));
        drop(state);
        self.standard_error.redraw();
        (key, transfer)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let (Some(transfers), Some((key, _))) = (self.transfers, &self.registered) {
            lock(&transfers.state).under_way.remove(key);
        }
    }
}

impl<'a> Progress<'a> {
    /// A response that begins now; `None`: it is shown nowhere.
    pub(crate) fn new(
        transfers: Option<&'a Transfers>,
        describe: &'a dyn Fn(u64) -> Transfer,
    ) -> Self {
        Self { transfers, describe, began: Instant::now(), registered: None }
    }

    /// Notes how many bytes are out by now.
    pub(crate) fn note(&mut self, now: Instant, sent: u64) {
        let Some(transfers) = self.transfers else { return };
        match &self.registered {
            Some((_, transfer)) => transfer.note(sent),
            None if now.saturating_duration_since(self.began) < SHOWN_AFTER => {}
            None => {
                self.registered = Some(transfers.register(self.began, (self.describe)(sent)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(sent: u64) -> Transfer {
        Transfer::new([192, 0, 2, 7].into(), b"/a", 100, sent)
    }

    #[test]
    fn only_a_response_that_lasts_is_registered_until_it_ends() {
        let transfers = Transfers::new(&Queue::of_standard_error().unwrap());
        let sent = || {
            let state = lock(&transfers.state);
            state.under_way.values().map(|it| it.sent()).collect::<Vec<_>>()
        };
        let mut watch = Progress::new(Some(&transfers), &describe);
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
        let describe = |_| panic!("described");
        let mut watch = Progress::new(None, &describe);
        let later = watch.began + SHOWN_AFTER;
        watch.note(later, 20);
    }
}
