//! A listening socket: bound once, accepted from by whichever thread leads.
//!
//! A socket that was passed to us belongs to the process that passed it, and to our successor: it
//! is never shut down. Its accept loop waits for it together with a descriptor that tells it to
//! stop.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, acceptfrom_with, sockopt};

/// Connections that the kernel holds until they are accepted (it may hold fewer: see `somaxconn`).
const BACKLOG: i32 = 4096;

/// How long the kernel keeps a connection that has sent nothing before it is accepted, in seconds.
static DEFER_ACCEPT_SECONDS: i32 = 1;

/// A listening socket and the address that it got.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    owner: Owner,
}

/// Whose socket it is.
enum Owner {
    /// Ours: to stop is to shut it down.
    Us,
    /// Another process's: to stop is to make this descriptor readable.
    Others { stop: OwnedFd },
}

/// What one call of `accept` came to.
pub(super) enum Outcome {
    /// A client: its socket, which does not block, and its address.
    Client(TcpStream, SocketAddr),
    /// None, this time: an interrupted call, or a client that had gone again.
    None,
    /// The process or the system is out of descriptors or memory.
    Exhausted(Errno),
    /// Something that may be the same the next time.
    Failed(Errno),
    /// The socket was shut down.
    Closed,
}

/// Why a listener could not be had.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    errno: Errno,
}

impl Listener {
    /// Binds `address` and listens on it; port 0 takes a free one.
    pub(super) fn bind(address: SocketAddr, defer_accept: bool) -> Result<Self, BindError> {
        let because = |errno| BindError { address, errno };
        let socket = open(address, defer_accept).map_err(because)?;
        let bound = socket.local_addr().map_err(|error| {
            because(Errno::from_io_error(&error).unwrap_or(Errno::ADDRNOTAVAIL))
        })?;
        Ok(Self { socket, address: bound, owner: Owner::Us })
    }

    /// Takes over a socket that listens already.
    pub(super) fn inherit(socket: TcpListener, defer_accept: bool) -> io::Result<Self> {
        let address = socket.local_addr()?;
        if defer_accept {
            set_defer_accept(&socket)?;
        }
        // Between our waiting and our accepting, another process may have taken the client.
        socket.set_nonblocking(true)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Self { socket, address, owner: Owner::Others { stop } })
    }

    /// Whether it was passed to us.
    pub(super) fn is_inherited(&self) -> bool {
        matches!(self.owner, Owner::Others { .. })
    }

    /// The address that it listens on, with the port that it really got.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a client.
    pub(super) fn accept(&self) -> Outcome {
        if let Owner::Others { stop } = &self.owner
            && is_readable_after_waiting(stop, &self.socket)
        {
            return Outcome::Closed;
        }
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let errno = match acceptfrom_with(&self.socket, flags) {
            Ok((socket, peer)) => {
                let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
                let client = |peer| Outcome::Client(TcpStream::from(socket), peer);
                return peer.map_or(Outcome::None, client);
            }
            Err(errno) => errno,
        };
        match errno {
            // What `shutdown` leaves behind, and what a socket that never listened would say.
            Errno::INVAL | Errno::BADF => Outcome::Closed,
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => Outcome::Exhausted(errno),
            // The errors of a new connection, which accept(2) says to treat like EAGAIN.
            Errno::AGAIN
            | Errno::INTR
            | Errno::CONNABORTED
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NONET
            | Errno::PROTO
            | Errno::NOPROTOOPT => Outcome::None,
            _ => Outcome::Failed(errno),
        }
    }

    /// Waits until a client is there to be accepted, but no longer than `time_max`.
    pub(super) fn has_client_within(&self, time_max: Duration) -> bool {
        let time_max = Timespec::try_from(time_max).ok();
        let mut descriptors = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut descriptors, time_max.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// From now on `accept` returns at once when no client is queued; or when it is not our socket,
    /// for then the connections still queued belong to our successor.
    pub(super) fn stop_waiting(&self) {
        let result = match &self.owner {
            Owner::Us => self.socket.set_nonblocking(true),
            Owner::Others { stop } => {
                rustix::io::write(stop, &1_u64.to_ne_bytes()).map(drop).map_err(io::Error::from)
            }
        };
        if let Err(error) = result {
            log::warn!("{}: cannot stop waiting for clients: {error}", self.address);
        }
    }

    /// Refuses new connections, and wakes a thread that is blocked in `accept`, if it is our
    /// socket.
    pub(super) fn shut_down(&self) {
        if let Owner::Us = self.owner {
            // The one error possible is that it is closed already.
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
        }
    }
}

/// Waits until either is readable, and tells whether `first` is.
fn is_readable_after_waiting(first: impl AsFd, second: impl AsFd) -> bool {
    let mut descriptors = [PollFd::new(&first, PollFlags::IN), PollFd::new(&second, PollFlags::IN)];
    // An error is an interruption: no client is there, and the caller comes back.
    poll(&mut descriptors, None).is_ok() && descriptors[0].revents().contains(PollFlags::IN)
}

fn open(address: SocketAddr, defer_accept: bool) -> rustix::io::Result<TcpListener> {
    let family = match address.ip() {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        // Otherwise `::` would claim the port for IPv4 too, and collide with `0.0.0.0`.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // A restarted server may bind its port while old connections are still closing.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if defer_accept {
        set_defer_accept(&socket)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// Lets the kernel hand a connection over only when its first bytes are there: the thread that is
/// woken for it then reads without waiting. A silent one is accepted after about a second.
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

impl BindError {
    /// What kind of error it is.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        io::Error::from(self.errno).kind()
    }
}

/// One plain sentence: which address or port, and why.
impl fmt::Display for BindError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = (self.address.ip(), self.address.port());
        match self.errno {
            Errno::ADDRINUSE => write!(out, "port {port} on {address} is already in use"),
            Errno::ACCESS => write!(out, "no permission to bind port {port} on {address}"),
            Errno::ADDRNOTAVAIL => write!(out, "{address} is not an address of this machine"),
            Errno::AFNOSUPPORT => {
                write!(out, "this machine does not support {address}'s address family")
            }
            other => write!(out, "cannot listen on {}: {other}", self.address),
        }
    }
}

impl std::error::Error for BindError {}
