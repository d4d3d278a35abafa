//! The client that an answer is made for, as far as long work concerns it.
//!
//! Most answers are made in microseconds, and need to know nothing of their client. A listing or an
//! archive may take longer: then others must not be kept waiting, and a client that has gone need
//! not be answered any more.

/// Whom an answer is made for.
pub(crate) trait Audience {
    /// The work that follows takes more than a moment.
    fn before_long_work(&self);

    /// Whether the client does not wait for its answer any more. To ask costs a system call.
    fn has_gone(&self) -> bool;
}
