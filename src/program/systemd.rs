//! Sockets and messages between service managers such as systemd and a service.
//!
//! They pass listening sockets (`LISTEN_FDS`), and wait for a message when the service is ready and
//! when it stops (`NOTIFY_SOCKET`). Without these variables, this module does nothing.

use std::fmt::Display;
use std::net::TcpListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use rustix::net::sockopt;
use sd_notify::NotifyState;

/// The listening sockets passed to this process.
pub(crate) fn passed_sockets() -> Result<Vec<TcpListener>, String> {
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        let because =
            |why: &dyn Display| format!("cannot use passed socket {index} (LISTEN_FDS): {why}");
        let socket = passed.take_tcp_listener(index).map_err(|error| because(&error))?;
        // `listenfd` only checks the kind of socket. A socket that does not listen gets no clients.
        if socket.as_ref().is_some_and(|it| sockopt::socket_acceptconn(it) == Ok(false)) {
            return Err(because(&"it does not listen"));
        }
        sockets.extend(socket);
    }
    Ok(sockets)
}

/// The path of the service manager's socket, if it is in the file system.
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
