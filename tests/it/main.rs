//! The whole program from outside: the real binary on a free port, and real sockets.
//!
//! One module per topic. Some tests need other programs, found on PATH. If one is missing, its
//! tests are skipped with a message, or fail if `HTTPD_REQUIRE_PEERS=1` is set.

#![allow(clippy::unwrap_used, reason = "a failing test must panic")]
#![allow(unreachable_pub, reason = "nothing imports a test crate")]

mod archive;
mod ask;
mod attack;
mod auth;
mod auth_clients;
mod balancer;
mod blocked_log;
mod browser;
mod causes;
mod chaos;
mod clients;
mod closing;
mod codings;
mod conditional;
mod confinement;
mod cross_origin;
mod eviction;
mod exact_bytes;
mod examples;
mod faults;
mod fields;
mod files;
mod good_clients;
mod host;
mod idle;
mod listing;
mod listing_browser;
mod listing_page;
mod listing_policy;
mod log;
mod memory;
mod net;
mod old_kernel;
mod pages;
mod pretty_urls;
mod probe;
mod process_one;
mod proxy;
mod qr;
mod queue;
mod ranges;
mod readme;
mod requests;
mod routes;
mod sandbox;
mod screen;
mod script;
mod slowhttptest;
mod spa;
mod stalls;
mod start;
mod starvation;
mod stop;
mod support;
mod syscalls;
mod systemd;
mod terminal;
mod tidy;
mod transfers;
