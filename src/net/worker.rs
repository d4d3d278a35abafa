//! The life of a worker thread: it accepts a client, serves it to the end, and accepts again.

use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::connection::{Connection, LEAD};
use super::server::{Shared, Spawner};
use super::state::{Job, Stage};
use crate::lock::LogOnce;

/// Stack of a worker, in bytes.
const STACK_BYTES: usize = 256 * 1024;

/// An idle worker ends after this long.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// How long to wait before a call that the system refused is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// The process or the system is out of descriptors or memory.
const EXHAUSTED: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];

/// How long a thread that could not accept waits until a client is there.
const CLIENT_TIME_MAX: Duration = Duration::from_millis(100);

struct Worker<H> {
    shared: Arc<Shared>,
    handler: H,
    /// Replaces `handler` after a panic.
    master: H,
}

/// Spawns workers, each with a clone of `handler`.
pub(super) fn spawner<H>(handler: H) -> Spawner
where
    H: FnMut(Connection) + Clone + Send + Sync + 'static,
{
    Box::new(move |shared, listener| {
        let worker = Worker { shared, handler: handler.clone(), master: handler.clone() };
        let builder = thread::Builder::new().name("client".to_owned()).stack_size(STACK_BYTES);
        builder.spawn(move || worker.live(listener)).map(drop)
    })
}

impl<H: FnMut(Connection) + Clone> Worker<H> {
    fn live(mut self, listener: usize) {
        let mut job = Job::Accept(listener);
        loop {
            job = match job {
                Job::Accept(listener) => self.accept_and_serve(listener),
                Job::Idle => self.wait_for_work(),
                Job::End => return,
            }
        }
    }

    fn accept_and_serve(&mut self, listener: usize) -> Job {
        let Some((stream, peer)) = self.accept(listener) else {
            return self.shared.change(|state| state.left(listener));
        };
        // Before another thread can accept a later one.
        let accepted_at = Instant::now();
        let (id, leads) = self.shared.change(|state| state.accepted(listener));
        LEAD.set(leads.then_some(listener));
        let shared = Arc::clone(&self.shared);
        let connection = Connection::new(shared, stream, peer, (id, accepted_at));
        // A panic costs one client, never the server.
        if catch_unwind(AssertUnwindSafe(|| (self.handler)(connection))).is_err() {
            log::error!("serving {peer} panicked; its connection is closed, the others go on");
            self.handler = self.master.clone();
        }
        LEAD.set(None);
        self.shared.change(|state| state.served(listener, id))
    }

    /// The next client; `None` when the loop has ended.
    fn accept(&self, listener: usize) -> Option<(TcpStream, SocketAddr)> {
        static FAILED: LogOnce = LogOnce::new(module_path!());
        let socket = &self.shared.listeners[listener];
        loop {
            match socket.accept() {
                Ok(client) => return Some(client),
                Err(Errno::INVAL) => {
                    self.shared.report_if_lost(socket);
                    return None;
                }
                Err(_) if self.shared.change(|state| state.stage >= Stage::Stopping) => {
                    socket.shut_down();
                    return None;
                }
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                Err(errno) => {
                    FAILED.warn(format_args!("cannot accept: {errno}; new clients wait"));
                    // The system refuses before it looks whether there is a client at all.
                    if EXHAUSTED.contains(&errno) {
                        self.shared.evict_for_client_at(listener, CLIENT_TIME_MAX);
                    }
                    thread::sleep(RETRY_INTERVAL);
                }
            }
        }
    }

    /// Parks this thread until there is work.
    fn wait_for_work(&self) -> Job {
        let thread = thread::current();
        let mut job = self.shared.change(|state| state.park(&thread));
        let until = Instant::now() + IDLE_TIME_MAX;
        while job == Job::Idle {
            thread::park_timeout(until.saturating_duration_since(Instant::now()));
            let is_late = Instant::now() >= until;
            job = self.shared.change(|state| state.wake(thread.id(), is_late));
        }
        job
    }
}
