//! The table in docs/security.md: the effect of each attack on a good client.
//!
//! `cargo test --release good_clients::measured -- --include-ignored --nocapture --test-threads 1`.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::{Group, QUIET, Siege, heads, readers, readers_of, site};
use crate::attack::{Manner, loopback, loopbacks};
use crate::memory::add_long_names;
use crate::support::{PATIENCE, Tree};

const TINY_REQUESTS: usize = 300;

/// One row of the table.
struct Row {
    attackers: &'static str,
    /// The good client's address.
    from: IpAddr,
    /// The number of large answers requested. There is no promise for them at the attackers' own
    /// address.
    large: usize,
    /// Whether the documents say that large answers may fail here.
    large_may_fail: bool,
    flags: &'static [&'static str],
    groups: Vec<Group>,
}

/// Good requests of every kind, from another address.
fn row(attackers: &'static str, groups: Vec<Group>) -> Row {
    let (from, large, large_may_fail, flags) = (loopback(1), 10, false, &QUIET[..]);
    Row { attackers, from, large, large_may_fail, flags, groups }
}

/// From one address, or from two where there are several kinds.
fn rows_of_few_addresses(slots: usize, count: usize) -> Vec<Row> {
    let own = [loopback(2)];
    let mix = |own: &[IpAddr]| {
        let readers = [1_000, 10_000, 20_000, 0].map(|pace| readers(own, count / 4, pace));
        [heads(own, count)].into_iter().chain(readers).collect::<Vec<_>>()
    };
    let from_own =
        |attackers, groups| Row { from: loopback(2), large: 0, ..row(attackers, groups) };
    let floods = Group { sources: own.to_vec(), count: 250, manner: Manner::Floods };
    vec![
        row("slow heads", vec![heads(&own, count)]),
        row("readers of 2 kB/s", vec![readers(&own, count, 2_000)]),
        row("readers of 20 kB/s", vec![readers(&own, count, 20_000)]),
        row("readers of nothing", vec![readers(&own, count, 0)]),
        row("senders without a pause", vec![floods]),
        row("all kinds", mix(&own)),
        from_own("slow heads, the same address", vec![heads(&own, count)]),
        from_own("all kinds, the same address", mix(&own)),
        row(
            "three groups with listings",
            vec![
                readers_of("/many/", &own, 8, 10_000),
                readers_of("/many/", &[loopback(3)], 64, 0),
                readers(&[loopback(4)], 2 * slots, 20_000),
            ],
        ),
    ]
}

/// Three times as many addresses as there are slots.
fn rows_of_many_addresses(slots: usize) -> Vec<Row> {
    let (own, count) = (loopbacks(2, 3 * slots), 3 * slots);
    let few_large =
        |attackers, pace| Row { large: 4, ..row(attackers, vec![readers(&own, count, pace)]) };
    vec![
        row("slow heads, each its own address", vec![heads(&own, count)]),
        few_large("readers of 2 kB/s, each its own", 2_000),
        few_large("readers of nothing, each its own", 0),
        Row {
            flags: &["--quiet", "--stall-timeout", "300"],
            ..few_large("the same with --stall-timeout 300", 0)
        },
        Row { large_may_fail: true, ..few_large("readers of 20 kB/s, each its own", 20_000) },
    ]
}

/// Prints the row. Returns the failures.
fn measure(site: &Tree, slots: usize, row: &Row) -> Vec<String> {
    let siege = Siege::start(site, slots, row.flags, &row.groups);
    siege.await_threads(slots.min(row.groups.iter().map(|group| group.count).sum()));
    let tiny: Vec<_> = (0..TINY_REQUESTS).map(|_| siege.ask_tiny(row.from)).collect();
    let large: Vec<_> = (0..row.large).map(|_| ask_patiently(&siege, row.from)).collect();
    let [tiny_times, large_times] = [&tiny, &large].map(|answers| {
        let mut times: Vec<_> = answers.iter().filter_map(|it| it.as_ref().ok()).collect();
        times.sort_unstable();
        times
    });
    let at = |times: &[&Duration], share: usize| {
        let time = times.get(times.len().saturating_sub(1) * share / 100);
        time.map_or("-".to_owned(), |time| format!("{:.1} ms", time.as_secs_f64() * 1000.0))
    };
    println!(
        "| {} | {slots} | {} | {} of {TINY_REQUESTS} | {} | {} | {} | {} of {} | {} |",
        row.attackers,
        siege.returns(),
        tiny_times.len(),
        at(&tiny_times, 50),
        at(&tiny_times, 99),
        at(&tiny_times, 100),
        large_times.len(),
        row.large,
        at(&large_times, 100),
    );
    let large = if row.large_may_fail { Vec::new() } else { large };
    let failed = tiny.into_iter().chain(large).filter_map(Result::err);
    failed.map(|error| format!("{}, {slots} slots: {error}", row.attackers)).collect()
}

/// A large answer, and how long it took. After a refusal, the client comes back after the time in
/// Retry-After, for as long as a person might.
fn ask_patiently(siege: &Siege, source: IpAddr) -> Result<Duration, String> {
    let asked = Instant::now();
    let retry_after = Duration::from_secs(5);
    loop {
        match siege.ask_large(source) {
            Ok(_) => return Ok(asked.elapsed()),
            Err(error) if asked.elapsed() + retry_after > PATIENCE => return Err(error),
            Err(_) => thread::sleep(retry_after),
        }
    }
}

#[test]
#[ignore = "it takes minutes, and prints times, which tests don't assert"]
fn attacks_are_measured() {
    let site = site();
    add_long_names(&site, "many");
    println!(
        "| attackers | slots | came back | tiny | median | 99th | slowest | large | slowest |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut failed = Vec::new();
    for (slots, count) in [(64, 500), (1_024, 2_000)] {
        let rows = rows_of_few_addresses(slots, count).into_iter();
        for row in rows.chain(rows_of_many_addresses(slots)) {
            failed.extend(measure(&site, slots, &row));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
