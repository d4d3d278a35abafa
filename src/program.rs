//! The program: flags in, exit code out; the one place that wires all the modules together.
//!
//! The order of the start is decided here: sockets are bound before the sandbox forbids it, and the
//! sandbox comes before the second thread. Whatever fails on the way is one sentence on standard
//! error, and exit status 1.

mod banner;
mod cli;
mod private_files;
mod startup_warnings;
mod systemd;

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::access_log::{self, LogFile, LoggerOptions};
use crate::connection::Service;
use crate::memory;
use crate::net::{self, Server};
use crate::sandbox::{self, Level};
use crate::signals::Caught;
use crate::site::Site;
use crate::site::root::{Root, Symlinks};

use cli::Flags;

/// Runs the program: reads the flags and serves until a signal stops it.
pub(crate) fn run() -> ExitCode {
    memory::keep_no_large_buffers();
    let flags = cli::read();
    match serve(&flags) {
        Ok(status) => status,
        Err(error) => {
            // Where standard error is closed, only the exit status is left.
            let _ = writeln!(io::stderr(), "httpd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal stops it, or until it has lost a listener: then it fails, so that a
/// supervisor starts it again. An error is one plain sentence: why it could not start.
fn serve(flags: &Flags) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(page) = flags.page_to_generate() {
        page.write(&mut io::stdout().lock())?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = flags.root();
    let root = Root::open(path, flags.symlinks()).map_err(|error| no_root(path, &error))?;
    let log_file = open_log(flags, &root)?;
    let mut signals = Caught::new(log_file.is_some())?;
    let passed = systemd::passed_sockets()?;
    let are_inherited = !passed.is_empty();
    let server = if are_inherited {
        Server::inherit(passed, net_options(flags))?
    } else {
        Server::bind(&flags.addresses(), net_options(flags))?
    };
    let addresses = server.addresses();
    let site = flags.site(&addresses, are_inherited);
    startup_warnings::warn(&root, &site.files, &addresses);
    let sandbox = lock_in(flags, &root)?;
    let banner = banner::Banner { root: &root, files: &site.files, sandbox };
    banner::print(&banner, &addresses)?;

    let mut service = Service::new(Arc::new(Site::new(root, site)), flags.connection());
    let running =
        server.on_lost_listener(signals.interrupt()).start(move |client| service.serve(client))?;
    systemd::notify(&systemd::READY);
    signals.wait_for_stop(|| reopen(log_file.as_deref()));
    log::info!("stopping");
    systemd::notify(&systemd::STOPPING);
    let has_failed = running.has_lost_listener();
    let cut_off = running.stop(flags.drain_timeout());
    if cut_off > 0 {
        log::warn!("{cut_off} connections were cut off after {:?}", flags.drain_timeout());
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Opens the log file, if the flags name one, and starts the log.
fn open_log(flags: &Flags, root: &Root) -> Result<Option<Arc<LogFile>>, Box<dyn Error>> {
    let open = |path: &Path| -> Result<_, Box<dyn Error>> {
        private_files::check(root, "the log file", path)?;
        let because = |error| format!("cannot open the log file {}: {error}", path.display());
        let file = LogFile::open(path).map_err(because)?;
        // Where it was a link to nothing, the file that it leads to has only now been made.
        private_files::check(root, "the log file", path)?;
        Ok(file)
    };
    let log_file = flags.log_file().map(open).transpose()?;
    access_log::install(LoggerOptions {
        level: flags.log_level(),
        access: flags.has_access_log(),
        log_file: log_file.clone(),
    })?;
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(log_file)
}

/// The options of the sockets and threads, with as many seats as there are descriptors for.
fn net_options(flags: &Flags) -> net::Options {
    let wanted = flags.net();
    let capacity = net::raise_descriptor_limit(net::Capacity {
        seats: wanted.max_connections,
        waiting_places: wanted.waiting_places,
    });
    let net::Capacity { seats, waiting_places } = capacity;
    if seats < wanted.max_connections {
        let asked = wanted.max_connections;
        log::warn!("{seats} clients at once instead of {asked}: descriptors are few (ulimit -n)");
    }
    net::Options { max_connections: seats, waiting_places, ..wanted }
}

/// Restricts the process to what it needs from here on. This is the only thread so far.
fn lock_in(flags: &Flags, root: &Root) -> Result<Level, Box<dyn Error>> {
    if !flags.wants_sandbox() {
        return Ok(Level::Off);
    }
    // What has no real path (`/dev/stdout` may be a pipe) is in no folder that could be granted.
    let log_file = flags.log_file().and_then(|path| path.canonicalize().ok());
    let notify_socket = systemd::notify_socket();
    let level = sandbox::restrict(sandbox::Rules {
        // A link may lead anywhere if it may be followed.
        root: (root.symlinks() != Symlinks::Follow).then_some(root.real_path()),
        log_folder: log_file.as_deref().and_then(Path::parent),
        notify_socket: notify_socket.as_deref(),
    })
    .map_err(|error| format!("cannot set up the sandbox: {error} (see --no-sandbox)"))?;
    match level {
        // The banner has it.
        Level::Landlock { .. } if banner::is_wanted() => {}
        Level::Landlock { .. } => log::info!("sandbox: {level}"),
        Level::Unavailable | Level::Off => log::warn!("sandbox: {level}"),
    }
    Ok(level)
}

fn no_root(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("no such folder: {path}"),
        ErrorKind::NotADirectory => format!("{path} is not a folder"),
        ErrorKind::PermissionDenied => format!("cannot read the folder {path}: permission denied"),
        _ => format!("cannot serve the folder {path}: {error}"),
    }
}

fn reopen(log_file: Option<&LogFile>) {
    let Some(log_file) = log_file else { return };
    match log_file.reopen() {
        Ok(()) => log::info!("reopened {}", log_file.path().display()),
        Err(error) => log::error!("cannot reopen {}: {error}", log_file.path().display()),
    }
}
