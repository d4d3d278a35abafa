//! What service managers such as systemd pass to a service, and what they wait for.
//!
//! They pass listening sockets (`LISTEN_FDS`), and wait for a message when the service is ready and
//! when it stops (`NOTIFY_SOCKET`). Without these variables, nothing here does anything.

use std::net::TcpListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::sockopt;
use sd_notify::NotifyState;

pub(crate) const READY: NotifyState<'_> = NotifyState::Ready;
pub(crate) const STOPPING: NotifyState<'_> = NotifyState::Stopping;

/// The listening sockets that were passed to this process.
pub(crate) fn passed_sockets() -> Result<Vec<TcpListener>, String> {
    let mut passed = ListenFd::from_env();
    let count = passed.len();
    let take = |index| {
        let because = |error| format!("cannot use passed socket {index} (LISTEN_FDS): {error}");
        passed.take_tcp_listener(index).map_err(because)
    };
    let sockets: Result<Vec<_>, _> = (0..count).map(take).collect();
    let sockets: Vec<_> = sockets?.into_iter().flatten().collect();
    // `listenfd` looks only at the kind of the socket. No client comes to one that does not listen.
    let is_deaf = |socket: &TcpListener| sockopt::socket_acceptconn(socket) == Ok(false);
    match sockets.iter().position(is_deaf) {
        Some(index) => {
            Err(format!("cannot use passed socket {index} (LISTEN_FDS): it does not listen"))
        }
        None => Ok(sockets),
    }
}

/// The path of the service manager's socket, where it has one in the file system.
pub(crate) fn notify_socket() -> Option<PathBuf> {
    let path = std::env::var_os("NOTIFY_SOCKET").map(PathBuf::from);
    path.filter(|path| path.is_absolute() && path.exists())
}

/// Notifies the service manager, if there is one.
pub(crate) fn notify(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        log::warn!("cannot notify the service manager: {error}");
    }
}
