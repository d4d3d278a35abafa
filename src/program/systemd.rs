//! What service managers such as systemd pass to a service, and what they wait for.
//!
//! They pass listening sockets (`LISTEN_FDS`), and wait for a message when the service is ready and
//! when it stops (`NOTIFY_SOCKET`). Without these variables, nothing here does anything.

use std::fmt::Display;
use std::net::TcpListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::sockopt;
use sd_notify::NotifyState;

/// The listening sockets that were passed to this process.
pub(crate) fn passed_sockets() -> Result<Vec<TcpListener>, String> {
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        let because =
            |why: &dyn Display| format!("cannot use passed socket {index} (LISTEN_FDS): {why}");
        let socket = passed.take_tcp_listener(index).map_err(|error| because(&error))?;
        // `listenfd` looks only at the kind. No client comes to a socket that does not listen.
        if socket.as_ref().is_some_and(|it| sockopt::socket_acceptconn(it) == Ok(false)) {
            return Err(because(&"it does not listen"));
        }
        sockets.extend(socket);
    }
    Ok(sockets)
}

/// The path of the service manager's socket, where it has one in the file system.
pub(crate) fn notify_socket() -> Option<PathBuf> {
    let path = std::env::var_os("NOTIFY_SOCKET").map(PathBuf::from);
    path.filter(|path| path.is_absolute() && path.exists())
}

/// Notifies the service manager, if there is one.
pub(crate) fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log::warn!("cannot notify the service manager: {error}");
    }
}
