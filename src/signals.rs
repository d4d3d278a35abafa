//! The meaning of signals: stop, stop at once, reopen the log; and one to be ignored.
//!
//! An ordinary thread waits for signals. A handler only sets a flag and, at the second signal, ends
//! the process.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::{flag, iterator};

/// Signals to catch and wait for.
pub struct Signals {
    iterator: iterator::Signals,
}

impl Signals {
    /// Catches SIGINT and SIGTERM, and SIGHUP unless it should end the process. From the second
    /// SIGINT or SIGTERM on, the process ends at once, with the status that a shell gives such an
    /// end. A log file at its size limit ends nothing: SIGXFSZ only sets a flag that nobody reads,
    /// and the write that caused it fails.
    pub fn new(catch_hangup: bool) -> io::Result<Self> {
        let is_second = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal only sets the flag that lets the second one end
            // us.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&is_second))?;
            flag::register(signal, Arc::clone(&is_second))?;
        }
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        let iterator = iterator::Signals::new([SIGINT, SIGTERM])?;
        if catch_hangup {
            iterator.add_signal(SIGHUP)?;
        }
        Ok(Self { iterator })
    }

    /// A function that ends the wait from any thread, without a signal.
    pub(crate) fn interrupt(&self) -> impl Fn() + Send + Sync + use<> {
        let handle = self.iterator.handle();
        move || handle.close()
    }

    /// Waits until the process must stop; `on_hangup` is called for each SIGHUP before. Returns
    /// whether SIGINT stops it, which Ctrl-C sends.
    pub fn wait_for_stop(&mut self, mut on_hangup: impl FnMut()) -> bool {
        for signal in self.iterator.forever() {
            if signal != SIGHUP {
                return signal == SIGINT;
            }
            on_hangup();
        }
        false
    }
}
