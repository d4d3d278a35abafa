//! When a server has done all that it can do for its clients, and only waits.

use std::fs;

use crate::support::{Httpd, eventually};

/// What the kernel holds of what was sent to a port: bytes, and connections that are not accepted
/// yet (see `proc_pid_net(5)`).
pub fn unread_bytes(port: u16) -> usize {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{port:04X}");
    let rows = sockets.lines().filter(|row| row.contains(&local));
    let rows = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    let ours = rows.filter(|row| row[1].ends_with(&local));
    ours.map(|row| usize::from_str_radix(row[4].split_once(':').unwrap().1, 16).unwrap()).sum()
}

/// Waits until all that clients have sent is read, and every thread of the server waits. What was
/// sent before this and not answered by then is not answered soon.
#[track_caller]
pub fn settle(httpd: &Httpd) {
    eventually("the server only waits", || only_waits(httpd));
}

/// Whether that is so at this moment.
fn only_waits(httpd: &Httpd) -> bool {
    // The kernel tells of all sockets, which takes long where there are thousands.
    all_threads_sleep(httpd.pid()) && unread_bytes(httpd.address().port()) == 0
}

/// But for the one that looks after the others all the time.
fn all_threads_sleep(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("status"))).all(|status| {
        // A thread that has just ended has none.
        let Ok(status) = status else { return true };
        let has = |start| status.lines().any(|line: &str| line.starts_with(start));
        has("State:\tS") || has("Name:\thousekeeper")
    })
}
