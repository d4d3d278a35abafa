//! The program: flags in, exit code out; the one place that wires all modules together.
//!
//! It decides the order of the start: sockets are bound before the sandbox forbids it, and the
//! sandbox comes before the second thread. Any failure on the way is one sentence on standard
//! error, and exit status 1.

mod addresses;
mod banner;
mod cli;
mod limits;
mod probe;
mod startup_checks;
mod systemd;

use std::error::Error;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::LevelFilter;
use sd_notify::NotifyState;

use crate::access_log::{self, Logger, Queue};
use crate::auth::Passwords;
use crate::memory;
use crate::net::{self, BindError, Server};
use crate::sandbox::{self, Enforcement};
use crate::serve::{self, Service, Statistics};
use crate::signals::Signals;
use crate::site::Site;
use crate::site::root::{Root, Symlinks};
use crate::text::push_counted;
use crate::transfers::Transfers;

use cli::Flags;

/// Runs the program: reads the flags and serves until a signal stops it.
pub(crate) fn run() -> ExitCode {
    memory::prepare();
    let flags = cli::read();
    let result = serve(&flags);
    log::logger().flush();
    match result {
        Ok(status) => status,
        Err(error) => {
            // If standard error is closed, only the exit status is left.
            let _ = writeln!(io::stderr(), "httpd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal stops it, or until a listener is lost: then it fails, so that a supervisor
/// restarts it. The error is one plain sentence: why it could not start.
fn serve(flags: &Flags) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(page) = flags.generate {
        print(&page.text()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(url) = flags.url_to_probe()? {
        probe::probe(&url, flags.network.auth.is_some())?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = flags.root();
    let root = Root::open(path, flags.content.symlinks).map_err(|error| no_root(path, &error))?;
    let passwords = read_passwords(flags, &root)?;
    let log = install_log(flags, &root)?;
    cli::warn_of_unknown_variables();
    passwords.iter().for_each(startup_checks::warn_of_cost);
    // SIGHUP ends it like any program on a terminal, unless there is a log file to reopen.
    let mut signals = Signals::new(!flags.logs_to_terminal())?;
    let passed = systemd::passed_sockets()?;
    let are_inherited = !passed.is_empty();
    let server = if are_inherited {
        Server::inherit(passed, net_options(flags))?
    } else {
        Server::bind(&flags.addresses(), net_options(flags)).map_err(|error| no_listener(&error))?
    };
    let addresses = server.addresses();
    let to_scan = flags.network.qr.then(|| banner::url_to_scan(&addresses)).transpose()?;
    let site = flags.site();
    startup_checks::warn(&root, &site);
    startup_checks::warn_of_reach(&addresses, flags.exposure(are_inherited));
    let sandbox = lock_in(flags, &root)?;
    let users = passwords.as_ref().map(Passwords::count);
    let banner = banner::Banner { root: &root, files: &site, users, sandbox };
    banner::print(&banner, &addresses, to_scan.as_deref())?;

    let transfers = flags.shows_transfers().then(|| Transfers::new(&log.standard_error));
    let colour = access_log::takes_colour(&io::stderr());
    log.start(transfers.as_ref().map(|transfers| transfers.status_lines(colour)))
        .map_err(|error| format!("cannot start a thread for the log: {error}"))?;
    let started = Instant::now();
    let statistics = log::log_enabled!(summary_level()).then(Arc::<Statistics>::default);
    let options = serve::Options {
        transfers: transfers.clone(),
        statistics: statistics.clone(),
        ..flags.serve()
    };
    let access = flags.access(&addresses, are_inherited, passwords);
    let mut service = Service::new(Arc::new(Site::new(root, site, access)), options);
    let running = server
        .on_lost_listener(signals.interrupt())
        .start(move |connection| service.serve(connection))?;
    systemd::notify(NotifyState::Ready);
    let is_ctrl_c = signals.wait_for_stop(|| log.reopen());
    let under_way = transfers.map_or(0, |it| it.close());
    let drain_timeout = flags.limits.drain_timeout;
    log::info!("{}", stopping(under_way, drain_timeout, is_ctrl_c));
    systemd::notify(NotifyState::Stopping);
    let has_failed = running.has_lost_listener();
    let cut_off = running.stop(drain_timeout);
    if cut_off > 0 {
        let mut were = String::new();
        push_counted(&mut were, cut_off, "connection was", "connections were");
        log::warn!("{were} cut off after {drain_timeout:?}");
    }
    let summary = statistics.map(|statistics| statistics.summary(started.elapsed()));
    log_last_line(summary, log.close_file());
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes to standard output. That nobody reads it is not an error.
fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Opens the log file, if the flags name one, and installs the logger. Messages are queued until
/// its threads start.
fn install_log(flags: &Flags, root: &Root) -> Result<Arc<Logger>, Box<dyn Error>> {
    let open = |path: &Path| -> Result<_, Box<dyn Error>> {
        startup_checks::refuse_served(root, "the log file", path)?;
        let because = |error| format!("cannot open the log file {}: {error}", path.display());
        let file = Queue::open(Some(path)).map_err(because)?;
        // If it was a dangling link, the file that it leads to exists only now.
        startup_checks::refuse_served(root, "the log file", path)?;
        Ok(file)
    };
    let file = flags.log.log_file.as_deref().map(open).transpose()?;
    let level = if flags.log.verbose { LevelFilter::Debug } else { LevelFilter::Info };
    let access = if flags.log.quiet { LevelFilter::Off } else { LevelFilter::Info };
    let log = access_log::install(level, access, flags.log_format(), file)?;
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(log)
}

/// The message at the stop: how many responses a person may have to wait for, unless Ctrl-C is
/// pressed again.
fn stopping(under_way: usize, drain: Duration, is_ctrl_c: bool) -> String {
    if under_way == 0 {
        return "stopping".to_owned();
    }
    let mut line = "stopping: ".to_owned();
    push_counted(&mut line, under_way, "response", "responses");
    let again = if is_ctrl_c { "; Ctrl-C again stops at once" } else { "" };
    line + &format!(" may finish within {drain:?}{again}")
}

/// The last line: what was served and, if any, how many log lines were lost.
fn log_last_line(summary: Option<String>, lost: u64) {
    let level = if lost > 0 { log::Level::Warn } else { summary_level() };
    let lines_lost = (lost > 0).then(|| format!("lines lost: {lost}"));
    let parts: Vec<_> = summary.into_iter().chain(lines_lost).collect();
    if !parts.is_empty() {
        log::log!(level, "{}", parts.join("; "));
    }
}

/// The level of the last line: shown to people at a terminal, a detail in a log.
fn summary_level() -> log::Level {
    if io::stderr().is_terminal() { log::Level::Info } else { log::Level::Debug }
}

/// Reads the password file, if the flags name one: before the sandbox, which forbids it.
fn read_passwords(flags: &Flags, root: &Root) -> Result<Option<Passwords>, Box<dyn Error>> {
    let Some(path) = flags.network.auth.as_deref() else { return Ok(None) };
    // The value may be a password, so it is not repeated.
    if path.as_os_str().as_bytes().contains(&b':') && !path.exists() {
        return Err("--auth takes a file of users, which lies outside the served folder: \
                    htpasswd -B -C 12 -c FILE USER makes one"
            .into());
    }
    startup_checks::refuse_served(root, "the password file", path)?;
    Ok(Some(Passwords::read(path)?))
}

/// The options of sockets and threads, with as many slots as the system has room for.
fn net_options(flags: &Flags) -> net::Options {
    let options = limits::raise(flags.net());
    let (slots, wanted) = (options.max_connections, flags.limits.max_connections);
    if slots < wanted {
        log::warn!(
            "{slots} slow connections at once instead of {wanted}: \
             open-file limit too low (ulimit -n), or too few memory maps (vm.max_map_count)"
        );
    }
    options
}

/// Restricts the process to its needs from here on. This is still the only thread.
fn lock_in(flags: &Flags, root: &Root) -> Result<Enforcement, Box<dyn Error>> {
    if flags.network.no_sandbox {
        return Ok(Enforcement::Off);
    }
    // A path without a real one (`/dev/stdout` may be a pipe) is in no folder to grant.
    let log_file = flags.log.log_file.as_deref().and_then(|path| path.canonicalize().ok());
    let notify_socket = systemd::notify_socket();
    let level = sandbox::restrict(sandbox::Rules {
        // If all links are followed, they may lead anywhere.
        root: (root.symlinks() != Symlinks::Follow).then_some(root.real_path()),
        log_folder: log_file.as_deref().and_then(Path::parent),
        notify_socket: notify_socket.as_deref(),
    })
    .map_err(|error| format!("cannot set up the sandbox: {error} (see --no-sandbox)"))?;
    if let Enforcement::Unavailable | Enforcement::Off = level {
        log::warn!("sandbox: {level}");
    }
    Ok(level)
}

/// Why the server cannot listen, and what helps.
fn no_listener(error: &BindError) -> String {
    let (address, port) = (error.address.ip(), error.address.port());
    match error.error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} on {address} is already in use (--port 0 takes a free one)")
        }
        ErrorKind::PermissionDenied => format!(
            "no permission to bind port {port} on {address}: use another --port, run as root, or \
             allow it: sudo setcap cap_net_bind_service=+ep \"$(command -v httpd)\""
        ),
        ErrorKind::AddrNotAvailable => format!("{address} is not an address of this machine"),
        _ => error.to_string(),
    }
}

fn no_root(path: &Path, error: &io::Error) -> String {
    let advice = path.to_str().and_then(cli::port_advice);
    let advice = advice.map_or(String::new(), |advice| format!(" ({advice})"));
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("no such folder: {path}{advice}"),
        ErrorKind::NotADirectory => format!("{path} is not a folder"),
        ErrorKind::PermissionDenied => format!("cannot read the folder {path}: permission denied"),
        _ => format!("cannot serve the folder {path}: {error}"),
    }
}
