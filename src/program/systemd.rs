//! What systemd and its like pass to a service, and want to hear from it: sockets (`LISTEN_FDS`)
//! and a word when it is ready and when it stops (`NOTIFY_SOCKET`). Without them, nothing happens.

use std::net::TcpListener;
use std::path::PathBuf;

use listenfd::ListenFd;
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
    Ok(sockets?.into_iter().flatten().collect())
}

/// The file that is the service manager's socket, if it has one that is a file and is there.
pub(crate) fn notify_socket() -> Option<PathBuf> {
    let path = std::env::var_os("NOTIFY_SOCKET").map(PathBuf::from);
    path.filter(|path| path.is_absolute() && path.exists())
}

/// Tells the service manager, if there is one.
pub(crate) fn notify(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        log::warn!("cannot tell the service manager: {error}");
    }
}
