//! The common part of the servers here: `--port`, the listening line, and the end on Ctrl-C.
//!
//! The accept loop, the threads and the shutdown are those of `httpd` itself. Knows no protocol.

use std::error::Error;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Parser;
use httpd::net::{Connection, Options, Server};
use httpd::signals::Signals;

/// How long clients that are connected at Ctrl-C may take to finish.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(500);

#[derive(Debug, Parser)]
#[command(name = env!("CARGO_CRATE_NAME"))]
// Its name would clash with the group of a program that has more flags.
#[group(skip)]
pub(crate) struct Flags {
    /// Port to listen on; 0 picks a free one
    #[arg(short, long, default_value_t = 7000)]
    pub(crate) port: u16,
}

/// Serves TCP clients until Ctrl-C, each by a call of `session` on its own thread. If that returns
/// an error, the connection is dropped; otherwise it is closed so that the client can read
/// everything.
///
/// While 1024 clients make their threads wait, one more takes the place of a client that has never
/// sent anything, or else of one that has paused for 10 s. Active clients are never cut off.
pub(crate) fn serve<S>(port: u16, session: S) -> Result<(), Box<dyn Error>>
where
    S: Fn(&Connection) -> io::Result<()> + Clone + Send + Sync + 'static,
{
    let mut signals = start_up()?;
    let server = Server::bind(&[loopback(port)], Options::default())?;
    for address in server.addresses() {
        announce(address)?;
    }
    let running = server.start(move |client: Connection| {
        let peer = client.peer();
        log::info!("{peer}: connected");
        if let Err(error) = session(&client).and_then(|()| Ok(client.finish()?)) {
            log::info!("{peer}: {error}");
        }
        drop(client);
        log::info!("{peer}: disconnected");
    })?;
    signals.wait_for_stop(|| {});
    let cut_off = running.stop(DRAIN_TIME_MAX);
    log::info!("stopped; clients cut off: {cut_off}");
    Ok(())
}

/// Starts the log on standard error, and prepares to wait for Ctrl-C.
pub(crate) fn start_up() -> io::Result<Signals> {
    let level = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(level).format_timestamp(None).init();
    Signals::new(false)
}

/// The loopback address, which only programs on this machine can reach.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Prints where the server listens. Flushes the line, so that a script can connect at once.
pub(crate) fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {address}")?;
    out.flush()
}
