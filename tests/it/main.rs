//! The whole program from outside: the real binary on a free port, and real sockets.
//!
//! A module for each theme. What a test needs beyond Rust is looked for on PATH; where it is
//! missing the test says so and is skipped, unless `HTTPD_REQUIRE_PEERS=1` makes that a failure.

#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]
#![allow(unreachable_pub, reason = "a test crate has no outside")]

mod ask;
mod attack;
mod balancer;
mod browser;
mod chaos;
mod clients;
mod closing;
mod codings;
mod conditional;
mod confinement;
mod eviction;
mod exact_bytes;
mod examples;
mod fields;
mod files;
mod host;
mod listing;
mod listing_browser;
mod listing_page;
mod listing_policy;
mod log;
mod memory;
mod net;
mod proxy;
mod ranges;
mod requests;
mod routes;
mod sandbox;
mod script;
mod slowhttptest;
mod start;
mod starvation;
mod stop;
mod support;
mod syscalls;
mod systemd;
mod terminal;
mod threads;
mod tidy;
