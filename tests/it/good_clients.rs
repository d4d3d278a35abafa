//! Good clients among hundreds of attackers that want to keep them out: from another address, from
//! the attackers' own, or with an address per attacker.
//!
//! Their waits are printed, not asserted (`measured`).

mod measured;

use std::fs::File;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::attack::{Attack, Manner, loopback, loopbacks};
use crate::memory::add_long_names;
use crate::support::{
    Httpd, PATIENCE, Reply, Tree, connect_from, eventually, pattern, raise_descriptor_limit,
};

/// The contents of the files for good clients.
static TINY: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(10_000));
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| pattern(16 * 1024 * 1024));

/// Slots, unless a test needs fewer.
const SLOTS: usize = 64;

const QUIET: [&str; 1] = ["--quiet"];

/// Attackers of one kind, from these sources in turn.
struct Group {
    sources: Vec<IpAddr>,
    count: usize,
    manner: Manner,
}

/// A server under attack until this is dropped.
struct Siege {
    attacks: Vec<Attack>,
    httpd: Httpd,
}

/// The files for good clients and attackers.
fn site() -> Tree {
    raise_descriptor_limit();
    let tree = Tree::with(&[("tiny.bin", &TINY), ("large.bin", &LARGE)]);
    // Larger than the kernel's buffers for a client that does not read.
    File::create(tree.join("endless.bin")).unwrap().set_len(64 * 1024 * 1024).unwrap();
    tree
}

fn heads(sources: &[IpAddr], count: usize) -> Group {
    Group { sources: sources.to_vec(), count, manner: Manner::Sends }
}

/// At 0 bytes per second they take nothing.
fn readers_of(path: &str, sources: &[IpAddr], count: usize, bytes_a_second: usize) -> Group {
    let manner = Manner::Takes { path: path.to_owned(), bytes_a_second };
    Group { sources: sources.to_vec(), count, manner }
}

fn readers(sources: &[IpAddr], count: usize, bytes_a_second: usize) -> Group {
    readers_of("/endless.bin", sources, count, bytes_a_second)
}

impl Siege {
    fn start(site: &Tree, slots: usize, flags: &[&str], groups: &[Group]) -> Self {
        let slots = slots.to_string();
        let flags = [&["--max-connections", &slots], flags].concat();
        let mut siege = Self { attacks: Vec::new(), httpd: Httpd::serve(site.path(), &flags) };
        for group in groups {
            siege.join(group);
        }
        siege
    }

    fn join(&mut self, group: &Group) {
        let Group { sources, count, manner } = group;
        self.attacks.push(Attack::start(self.httpd.address(), sources, *count, manner.clone()));
    }

    /// Waits until the attackers have this many threads, or have come back as often, since those
    /// that never pause do not make the server wait. The process's own threads are few.
    #[track_caller]
    fn await_threads(&self, count: usize) {
        eventually("attackers have their threads", || {
            self.httpd.usage().threads >= count || self.returns() >= count
        });
    }

    /// How often attackers have come back.
    fn returns(&self) -> usize {
        self.attacks.iter().map(Attack::returns).sum()
    }

    /// Requests a file. Returns the time that the right answer took, or an error.
    fn ask(&self, source: IpAddr, name: &str, want: &[u8]) -> Result<Duration, String> {
        // Time for attackers to come back.
        thread::sleep(Duration::from_millis(10));
        let asked = Instant::now();
        let mut stream = connect_from(source, self.httpd.address());
        let mut bytes = Vec::with_capacity(want.len() + 1024);
        // In one call: the server would wait for a request that comes in pieces.
        let result = stream.write_all(format!("GET /{name} HTTP/1.0\r\n\r\n").as_bytes());
        result
            .and_then(|()| stream.read_to_end(&mut bytes))
            .map_err(|error| format!("{name}: {error} after {:?}", asked.elapsed()))?;
        let took = asked.elapsed();
        if bytes.is_empty() {
            return Err(format!("{name}: no answer after {took:?}"));
        }
        let reply = Reply::parse(&bytes);
        if reply.status != 200 || reply.body != want {
            let (status, length) = (reply.status, reply.body.len());
            return Err(format!("{name}: {status} and {length} bytes after {took:?}"));
        }
        Ok(took)
    }

    fn ask_tiny(&self, source: IpAddr) -> Result<Duration, String> {
        self.ask(source, "tiny.bin", &TINY)
    }

    fn ask_large(&self, source: IpAddr) -> Result<Duration, String> {
        self.ask(source, "large.bin", &LARGE)
    }

    /// Each answer must be exact. The patience against hangs bounds all tiny ones together, and
    /// each large one.
    #[track_caller]
    fn check(&self, sources: &[IpAddr], tiny: usize, large: usize) {
        let started = Instant::now();
        for &source in sources.iter().cycle().take(tiny) {
            self.ask_tiny(source).unwrap();
            assert!(started.elapsed() < PATIENCE, "too few answers");
        }
        for &source in sources.iter().cycle().take(large) {
            self.ask_large(source).unwrap();
        }
    }
}

#[track_caller]
fn check_attack(groups: &[Group], good: &[IpAddr], tiny: usize, large: usize) {
    let site = site();
    let siege = Siege::start(&site, SLOTS, &QUIET, groups);
    siege.await_threads(SLOTS);
    siege.check(good, tiny, large);
}

/// The attackers have other addresses than good clients.
#[track_caller]
fn check_attack_from_elsewhere(groups: &[Group]) {
    check_attack(groups, &[loopback(1), loopback(101), loopback(102)], 50, 3);
}

#[test]
fn are_served_among_slow_heads() {
    check_attack_from_elsewhere(&[heads(&[loopback(2)], 500)]);
}

#[test]
fn are_served_among_slow_readers() {
    check_attack_from_elsewhere(&[readers(&[loopback(2)], 200, 2_000)]);
}

#[test]
fn are_served_among_readers_that_take_nothing_and_come_back() {
    check_attack_from_elsewhere(&[readers(&[loopback(2)], 400, 0)]);
}

#[test]
fn are_served_among_attackers_of_every_kind_and_of_several_addresses() {
    let groups = [
        heads(&[loopback(2), loopback(3)], 200),
        readers(&[loopback(4)], 100, 1_000),
        readers(&[loopback(5), loopback(6)], 100, 10_000),
        readers(&[loopback(7)], 100, 100_000),
        readers(&[loopback(8)], 100, 0),
    ];
    check_attack_from_elsewhere(&groups);
}

/// Only tiny answers: a large one needs a slot, and its source has its share of them already.
#[test]
fn are_served_at_the_attackers_own_address() {
    let own = [loopback(2)];
    let groups = [heads(&own, 500), readers(&own, 64, 20_000), readers(&own, 64, 0)];
    check_attack(&groups, &own, 200, 0);
}

/// Only tiny answers: a large one needs a slot, and each attacker has as good a claim to one.
#[test]
fn are_served_among_three_times_as_many_addresses_as_slots() {
    let groups = [heads(&loopbacks(2, 500), 500), readers(&loopbacks(3, 192), 192, 20_000)];
    check_attack(&groups, &[loopback(1)], 200, 0);
}

/// Readers of listings hold the memory for them, so that the next requests for listings wait. They
/// cannot be evicted, and must not shield others.
#[test]
fn are_served_among_readers_and_requests_for_large_listings() {
    let site = site();
    add_long_names(&site, "many");
    // A connection that waits for a slot is rejected before the requests for listings are.
    let mut siege = Siege::start(&site, SLOTS, &["--quiet", "--request-timeout", "5"], &[]);
    siege.join(&readers_of("/many/", &[loopback(2)], 8, 10_000));
    siege.await_threads(8);
    siege.join(&readers_of("/many/", &[loopback(3)], 64, 0));
    siege.await_threads(SLOTS);
    siege.join(&readers(&[loopback(4)], 128, 20_000));
    siege.check(&[loopback(1)], 100, 3);
}

/// Slightly more attackers than slots, each with its own address. None has more than its share, and
/// none ever stalls for long enough to be cut off.
#[test]
fn are_served_among_readers_that_take_nothing_from_many_addresses() {
    const FEW: usize = 16;
    let site = site();
    let groups = [readers(&loopbacks(2, FEW + 4), FEW + 4, 0)];
    let flags = ["--stall-timeout", "300", "--request-timeout", "60", "--log-format", "json"];
    let siege = Siege::start(&site, FEW, &flags, &groups);
    siege.await_threads(FEW);
    siege.check(&[loopback(1)], 50, 1);
    let is_evicted = |line: &str| line.contains("\"evicted\"") && line.contains("\"too-slow\"");
    siege.httpd.log_line(is_evicted);
}

/// They cost the server a lot of time, but delay no one.
#[test]
fn are_served_among_senders_without_a_pause() {
    let floods = Group { sources: vec![loopback(2)], count: 250, manner: Manner::Floods };
    check_attack(&[floods], &[loopback(1)], 30, 1);
}
