//! A server under test in its own session: starting it, measuring it from `/proc`, ending it.
//!
//! It has its own session because the kernel's automatic groups divide processor time by session: a
//! server in the same session as its clients is scheduled quite differently. The session's id also
//! identifies every process that belongs to the server, including workers and forked children. No
//! server outlives the bench, neither after a panic (`Drop`) nor after Ctrl-C
//! ([`end_all_on_signals`]).

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// One clock tick of `/proc/PID/stat`: 100 Hz on every Linux that Rust's tier 1 covers.
const TICK: Duration = Duration::from_millis(10);
/// How many times to check for processes that are still alive.
const KILL_TRIES_MAX: u32 = 200;
const KILL_PAUSE: Duration = Duration::from_millis(5);

/// The running sessions, for [`end_all_on_signals`].
static RUNNING: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// What to run.
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

/// A running server with all its processes; dropping it ends them.
pub(crate) struct Session {
    leader: Child,
    id: i32,
}

/// How often threads gave up the processor, because they had to wait (voluntary), or because others
/// wanted it (forced).
#[derive(Clone, Copy, Default)]
pub(crate) struct Switches {
    pub(crate) voluntary: u64,
    pub(crate) forced: u64,
}

/// The fields of `/proc/PID/stat` that are needed here.
struct Stat {
    pid: i32,
    is_dead: bool,
    session: i32,
    ticks: u32,
}

impl Invocation {
    pub(crate) fn new(program: &Path) -> Self {
        Self { program: program.to_owned(), arguments: Vec::new() }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<const N: usize>(self, arguments: [&str; N]) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// The command line, to report a server that did not start.
    pub(crate) fn line(&self) -> String {
        let mut line = self.program.display().to_string();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }
}

impl Session {
    /// Starts it, without any output, with `folder` as its working directory.
    ///
    /// The `setsid` program becomes the server without a fork, so the child's id is the session's.
    pub(crate) fn start(invocation: &Invocation, folder: &Path) -> io::Result<Self> {
        let leader = Command::new("setsid")
            .arg(&invocation.program)
            .args(&invocation.arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let id = Pid::from_child(&leader).as_raw_pid();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(Self { leader, id })
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.leader.try_wait(), Ok(None))
    }

    /// The processor time so far, of every process and of children that were waited for.
    pub(crate) fn cpu(&self) -> Duration {
        TICK * processes(self.id).map(|stat| stat.ticks).sum::<u32>()
    }

    /// The changes of context so far, of every thread that is still alive.
    pub(crate) fn switches(&self) -> Switches {
        let mut sum = Switches::default();
        for process in processes(self.id) {
            let threads = fs::read_dir(format!("/proc/{}/task", process.pid));
            for thread in threads.into_iter().flatten().flatten() {
                let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
                sum.voluntary += number(&status, "voluntary_ctxt_switches:");
                sum.forced += number(&status, "nonvoluntary_ctxt_switches:");
            }
        }
        sum
    }

    /// The resident bytes of all processes; a shared page counts in proportion (PSS).
    pub(crate) fn resident(&self) -> u64 {
        processes(self.id).filter_map(|stat| proportional_set(stat.pid)).sum()
    }

    /// The sockets held open by any of the processes, each counted once.
    pub(crate) fn sockets(&self) -> usize {
        let mut sockets = HashSet::new();
        for process in processes(self.id) {
            let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", process.pid)) else {
                continue;
            };
            let links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
            sockets.extend(links.filter(|link| link.to_string_lossy().starts_with("socket:")));
        }
        sockets.len()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        end(self.id);
        // The leader keeps its id until it is waited for, so the id could not be reused until now.
        let mut tries = 0;
        while !self.has_ended() && tries < KILL_TRIES_MAX {
            thread::sleep(KILL_PAUSE);
            tries += 1;
        }
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|&id| id != self.id);
    }
}

/// Ctrl-C only reaches the bench, since its servers are in other sessions: so it ends them first.
pub(crate) fn end_all_on_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        if signals.forever().next().is_some() {
            // While the lock is held, no new server can be added.
            let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            running.iter().for_each(|&id| end(id));
            std::process::exit(130);
        }
    })?;
    Ok(())
}

/// Kills every process of the session, and repeats that until none is left (one may have forked).
fn end(session: i32) {
    for _ in 0..KILL_TRIES_MAX {
        let living: Vec<Stat> = processes(session).filter(|stat| !stat.is_dead).collect();
        if living.is_empty() {
            return;
        }
        for pid in living.iter().filter_map(|stat| Pid::from_raw(stat.pid)) {
            // An error only means that it has already ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        thread::sleep(KILL_PAUSE);
    }
}

fn processes(session: i32) -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| parse_stat(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .filter(move |stat| stat.session == session)
}

/// Parses `PID (name) state ppid pgrp session ...`; the name may contain spaces and parentheses.
fn parse_stat(pid: i32, text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let session = fields.get(3)?.parse().ok()?;
    // utime, stime, cutime, cstime: proc_pid_stat(5), fields 14 to 17.
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
    Some(Stat { pid, is_dead: matches!(fields.first(), Some(&"Z" | &"X")), session, ticks })
}

/// The number behind a name in `/proc/PID/status`.
fn number(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

fn proportional_set(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
