//! What a change of the state makes necessary. It is done when the lock has been given back.

use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::Thread;

/// What is to be done, in this order.
pub(super) type Effects = Vec<Effect>;

/// One of these things.
#[derive(Debug)]
pub(super) enum Effect {
    /// A parked thread has something to do.
    Unpark(Thread),
    /// A connection ends. Its socket stays open until this is done, so no other's is hit.
    ShutDown(Arc<TcpStream>, Shutdown),
    /// A thread is to be spawned for that listener.
    Spawn(usize),
    /// The housekeeper sleeps, and there is something to see.
    WakeHousekeeper,
    /// Threads may wait for what has changed.
    TellAll,
    /// A connection was rejected.
    WarnOfRejection,
    /// A leader was held up.
    NoteHeldUp,
    /// Memory of a peak goes back to the system.
    GiveMemoryBack,
}
