//! What every server here has in common: `--port`, the line that says where it listens, and the end
//! on Ctrl-C.
//!
//! The accept loop, the threads and the shutdown are those of `httpd` itself. Knows no protocol.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Parser;
use httpd::net::{Client, Options, Server};
use httpd::signals::Caught;

/// How long clients that are connected at Ctrl-C may take to end by themselves.
const DRAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Parser)]
#[command(name = env!("CARGO_CRATE_NAME"))]
// The group would have the name of that of a program with more flags.
#[group(skip)]
pub(crate) struct Flags {
    /// Port to listen on; 0 takes a free one
    #[arg(short, long, default_value_t = 7000)]
    pub(crate) port: u16,
}

/// Serves TCP clients until Ctrl-C, each by a call of `session` on a thread of its own. Where that
/// returns an error the connection is dropped, else it is closed so that the client can read all.
///
/// When every seat is taken (1024), a newcomer gets that of a client which has never said anything,
/// or else of one that has paused for 10 s; whoever talks keeps it.
pub(crate) fn serve<S>(port: u16, session: S) -> Result<(), Box<dyn Error>>
where
    S: Fn(&Client) -> io::Result<()> + Clone + Send + Sync + 'static,
{
    let mut signals = start_up()?;
    let server = Server::bind(&[loopback(port)], Options::default())?;
    for address in server.addresses() {
        announce(address)?;
    }
    let running = server.start(move |client: &Client| {
        let peer = client.peer();
        log::info!("{peer} is here");
        if let Err(error) = session(client).and_then(|()| Ok(client.finish()?)) {
            log::info!("{peer}: {error}");
        }
        log::info!("{peer} is gone");
    })?;
    signals.wait_for_stop(|| {});
    let cut_off = running.stop(DRAIN);
    log::info!("stopped; {cut_off} clients were still here");
    Ok(())
}

/// Lets `log` write to standard error, and Ctrl-C be waited for.
pub(crate) fn start_up() -> io::Result<Caught> {
    let level = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(level).format_timestamp(None).init();
    Caught::new(false)
}

/// Only programs on this machine reach what listens here.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Says where the server listens, at once, so that whoever started it may connect.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {address}")?;
    out.flush()
}
