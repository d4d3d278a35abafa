//! A listening socket, our own or passed to the process.
//!
//! A passed socket belongs to the process that passed it and to our successor, so it is never shut
//! down. Its accept loop also waits for a descriptor that tells it to stop.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, acceptfrom_with, getsockname, sockopt,
};

/// Connections in the kernel's accept queue, at most (`somaxconn` may be lower).
const BACKLOG: i32 = 4096;

/// How long the kernel holds back a silent connection before it is accepted, in seconds.
static DEFER_ACCEPT_SECONDS: i32 = 1;

/// A listening socket.
pub(super) struct Listener {
    socket: TcpListener,
    /// The address that it listens on, with the real port.
    pub(super) address: SocketAddr,
    /// For a passed socket: stops the accept loop when it becomes readable.
    stop: Option<OwnedFd>,
}

/// Why a server cannot listen.
#[derive(Debug)]
pub struct BindError {
    /// The address it was to listen on.
    pub address: SocketAddr,
    /// The system's error.
    pub error: io::Error,
}

impl Listener {
    /// Binds `address` and listens on it; port 0 takes a free one.
    pub(super) fn bind(address: SocketAddr, defer_accept: bool) -> Result<Self, BindError> {
        open(address, defer_accept).map_err(|errno| BindError { address, error: errno.into() })
    }

    /// Takes over a socket that already listens.
    pub(super) fn inherit(socket: TcpListener, defer_accept: bool) -> io::Result<Self> {
        let address = socket.local_addr()?;
        if defer_accept {
            set_defer_accept(&socket)?;
        }
        // Another process may take the client after our wait and before our `accept`.
        socket.set_nonblocking(true)?;
        let stop = Some(eventfd(0, EventfdFlags::CLOEXEC)?);
        Ok(Self { socket, address, stop })
    }

    /// Whether it was passed to the process.
    pub(super) fn is_inherited(&self) -> bool {
        self.stop.is_some()
    }

    /// Waits for a client. Returns its socket, which does not block, and its address. `INVAL` ends
    /// the accept loop: the socket was shut down, or is left to another process.
    pub(super) fn accept(&self) -> rustix::io::Result<(TcpStream, SocketAddr)> {
        if let Some(stop) = &self.stop {
            let readable = PollFlags::IN;
            let mut either = [PollFd::new(stop, readable), PollFd::new(&self.socket, readable)];
            poll(&mut either, None)?;
            if either[0].revents().contains(readable) {
                return Err(Errno::INVAL);
            }
        }
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (socket, peer) = acceptfrom_with(&self.socket, flags)?;
        // Without an address, the client has gone again.
        Ok((socket.into(), peer.ok_or(Errno::CONNABORTED)?.try_into()?))
    }

    /// Waits up to `time_max` for a client, without accepting it.
    pub(super) fn has_client_within(&self, time_max: Duration) -> bool {
        let time_max = Timespec::try_from(time_max).ok();
        let mut descriptors = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut descriptors, time_max.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// From now on, `accept` returns at once if no client is queued, and always for a passed
    /// socket, whose queue belongs to our successor.
    pub(super) fn stop_waiting(&self) {
        let result = match &self.stop {
            None => self.socket.set_nonblocking(true),
            Some(stop) => {
                rustix::io::write(stop, &1_u64.to_ne_bytes()).map(drop).map_err(io::Error::from)
            }
        };
        if let Err(error) = result {
            log::warn!("{}: cannot stop waiting for clients: {error}", self.address);
        }
    }

    /// Refuses new connections and wakes threads blocked in `accept`. A passed socket stays as it
    /// is.
    pub(super) fn shut_down(&self) {
        if self.stop.is_none() {
            // The only possible error is that it is closed already.
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        }
    }
}

fn open(address: SocketAddr, defer_accept: bool) -> rustix::io::Result<Listener> {
    let family = match address.ip() {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        // Otherwise `::` would also claim the port for IPv4, and collide with `0.0.0.0`.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // A restarted server may bind its port while old connections are still closing.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if defer_accept {
        set_defer_accept(&socket)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    let address = getsockname(&socket)?.try_into()?;
    Ok(Listener { socket: socket.into(), address, stop: None })
}

/// Makes the kernel hold a connection back until its first bytes are there, so that the thread can
/// read them without waiting. A silent one is accepted after about a second.
#[expect(unsafe_code, reason = "no safe wrapper offers TCP_DEFER_ACCEPT")]
fn set_defer_accept(socket: impl AsFd) -> rustix::io::Result<()> {
    use std::os::fd::AsRawFd;
    let length = libc::socklen_t::try_from(size_of::<i32>()).expect("four bytes");
    // SAFETY: the descriptor is borrowed, so it is open; the value is a live `i32` and `length` is
    // its size; the kernel copies it before the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const DEFER_ACCEPT_SECONDS).cast(),
            length,
        )
    };
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

impl fmt::Display for BindError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot listen on {}: {}", self.address, self.error)
    }
}

impl std::error::Error for BindError {}
