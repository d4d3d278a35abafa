//! How many threads there are: for each slot, the cache, each listener, and three more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Httpd, Tree};

const SLOTS: usize = 16;
const CACHE: usize = 4;

/// Clients that ask at the same time, more than there are slots.
const CLIENTS: usize = 40;

fn threads_of(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.unwrap().trim().parse().unwrap()
}

#[test]
fn there_are_no_more_threads_than_slots_and_cache_allow() {
    let tree = Tree::with(&[("a", b"hello")]);
    let (slots, cache) = (SLOTS.to_string(), CACHE.to_string());
    let flags = ["--quiet", "--max-connections", &slots, "--thread-cache", &cache];
    let httpd = Httpd::serve(tree.path(), &flags);
    let is_over = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !is_over.load(Ordering::Relaxed) {
                most = most.max(threads_of(httpd.pid()));
            }
            most
        });
        let ask = || (0..20).for_each(|_| assert_eq!(httpd.get("/a").body, b"hello"));
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        for client in clients {
            client.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    assert!(most <= SLOTS + CACHE + 1 + 3, "{most} threads");
}
