//! Waits until a server has done everything that it can do for its clients.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::support::{Httpd, Tree, eventually, statuses_of_threads, value_in};

/// Data for a port that is still in the kernel: bytes, and connections not yet accepted (see
/// `proc_pid_net(5)`).
pub fn unread_bytes(port: u16) -> usize {
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{port:04X}");
    let rows = sockets.lines().filter(|row| row.contains(&local));
    let rows = rows.map(|row| row.split_whitespace().collect::<Vec<_>>());
    let ours = rows.filter(|row| row[1].ends_with(&local));
    ours.map(|row| usize::from_str_radix(row[4].split_once(':').unwrap().1, 16).unwrap()).sum()
}

/// Waits until everything that clients have sent is read, and every thread of the server waits. A
/// request that was sent before and is still unanswered will not be answered soon.
#[track_caller]
pub fn settle(httpd: &Httpd) {
    eventually("the server only waits", || {
        // The kernel lists all sockets, which takes long if there are thousands.
        all_threads_sleep(httpd.pid()) && unread_bytes(httpd.address().port()) == 0
    });
}

/// Except the housekeeper, which looks after the others all the time.
fn all_threads_sleep(pid: u32) -> bool {
    statuses_of_threads(pid).iter().all(|status| {
        value_in(status, "State").starts_with('S') || value_in(status, "Name") == "housekeeper"
    })
}

/// The number of times that a process's threads have gone to sleep.
pub fn sleeps(pid: u32) -> u64 {
    let statuses = statuses_of_threads(pid);
    let sleeps = statuses.iter().map(|status| value_in(status, "voluntary_ctxt_switches"));
    sleeps.map(|count| count.parse::<u64>().unwrap()).sum()
}

#[test]
fn without_clients_no_thread_wakes() {
    let tree = Tree::with(&[("a", b"hello")]);
    let httpd = Httpd::serve(tree.path(), &["--quiet"]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| assert_eq!(httpd.get("/a").body, b"hello")));
        }
    });
    eventually("all threads sleep", || {
        let before = sleeps(httpd.pid());
        thread::sleep(Duration::from_millis(200));
        sleeps(httpd.pid()) == before
    });
    let before = sleeps(httpd.pid());
    thread::sleep(Duration::from_secs(10));
    assert_eq!(sleeps(httpd.pid()), before);
}
