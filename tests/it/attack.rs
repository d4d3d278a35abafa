//! Attackers for other tests: they pace themselves, come back after losing their connection, and
//! have addresses of their own (127.0.0.2 and so on).
//!
//! One thread drives all clients of an attack, and none of them ever blocks it.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

/// Sent byte by byte by a slow sender; then the last byte again and again.
const ENDLESS_HEAD: &[u8] = b"GET / HTTP/1.0\r\nX: a";

/// The time between two actions of a client.
const STEP: Duration = Duration::from_millis(100);

/// The time between two looks for slow clients whose action is due.
const TICK: Duration = Duration::from_millis(20);

/// The start of a request with a body that is far too long.
const ENDLESS_BODY: &[u8] = b"POST /post.html HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n";

/// Bytes of a body sent at once.
static FLOOD_BYTES: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// The pause before a client that has lost its connection comes back. Thousands of them would
/// otherwise spend all of the machine's time on connecting.
const RETURN_INTERVAL: Duration = Duration::from_millis(250);

/// The receive buffer of an attacker in the kernel, in bytes.
const RECEIVE_BUFFER_BYTES: usize = 8 * 1024;

/// The behaviour of an attack's clients.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Sends a byte per second of an endless request.
    Sends,
    /// Sends an endless body, as fast as the server takes it.
    Floods,
    /// Requests this path, and takes this many bytes per second; 0 takes none.
    Takes { path: String, bytes_a_second: usize },
}

/// Clients that attack until they are called off.
pub struct Attack {
    is_over: Arc<AtomicBool>,
    returns: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

struct Attacker {
    /// `None` until it comes back.
    stream: Option<TcpStream>,
    request: Vec<u8>,
    sent: usize,
    next_step: Instant,
    steps: usize,
}

/// One of this machine's own addresses: 127.0.0.`number`.
pub fn loopback(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, number).into()
}

/// This many of this machine's own addresses: 127.`network`.0.1 and so on.
pub fn loopbacks(network: u8, count: usize) -> Vec<IpAddr> {
    let address = |number: u16| {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(127, network, high, low).into()
    };
    (1..=u16::try_from(count).unwrap()).map(address).collect()
}

impl Manner {
    /// The time between two looks for clients whose action is due.
    fn tick(&self) -> Duration {
        match self {
            Self::Floods => Duration::from_millis(1),
            Self::Sends | Self::Takes { .. } => TICK,
        }
    }
}

impl Attack {
    /// This many clients, from these sources in turn.
    pub fn start(server: SocketAddr, sources: &[IpAddr], count: usize, manner: Manner) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let returns = Arc::new(AtomicUsize::new(0));
        let (over, returned) = (Arc::clone(&is_over), Arc::clone(&returns));
        let sources: Vec<_> = sources.iter().copied().cycle().take(count).collect();
        let thread = thread::spawn(move || attack(server, &sources, &manner, &over, &returned));
        Self { is_over, returns, thread: Some(thread) }
    }

    /// How often clients have come back.
    pub fn returns(&self) -> usize {
        self.returns.load(Ordering::Relaxed)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

fn attack(
    server: SocketAddr,
    sources: &[IpAddr],
    manner: &Manner,
    is_over: &AtomicBool,
    returns: &AtomicUsize,
) {
    let mut attackers: Vec<_> =
        sources.iter().map(|&source| Attacker::new(server, source, manner)).collect();
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(manner.tick());
        // Clients that read nothing must notice a reset or an end, too.
        let connected = attackers.iter().filter_map(|it| it.stream.as_ref());
        let mut sockets: Vec<_> = connected.map(|it| PollFd::new(it, PollFlags::RDHUP)).collect();
        rustix::event::poll(&mut sockets, Some(&Timespec::default())).unwrap();
        let ended: Vec<_> = sockets.iter().map(|it| !it.revents().is_empty()).collect();
        let mut ended = ended.into_iter();
        for (attacker, &source) in attackers.iter_mut().zip(sources) {
            let is_here = attacker.stream.is_some();
            let has_ended = is_here && ended.next().is_some_and(|ended| ended);
            if is_here && (has_ended || !attacker.step(manner)) {
                attacker.stream = None;
                attacker.next_step = Instant::now() + RETURN_INTERVAL;
            } else if !is_here && Instant::now() >= attacker.next_step {
                *attacker = Attacker::new(server, source, manner);
                returns.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Attacker {
    fn new(server: SocketAddr, source: IpAddr, manner: &Manner) -> Self {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES).unwrap();
        // Frees the port at once: thousands per second would use up all ports.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
        rustix::net::bind(&socket, &SocketAddr::new(source, 0)).unwrap();
        // It is under way, or the queue is full; a later step finds out.
        let _ = rustix::net::connect(&socket, &server);
        let request = match manner {
            Manner::Sends => ENDLESS_HEAD.to_vec(),
            Manner::Floods => ENDLESS_BODY.to_vec(),
            Manner::Takes { path, .. } => format!("GET {path} HTTP/1.0\r\n\r\n").into_bytes(),
        };
        let stream = Some(TcpStream::from(socket));
        Self { stream, request, sent: 0, next_step: Instant::now(), steps: 0 }
    }

    /// Acts if an action is due. Returns whether it still has its connection.
    fn step(&mut self, manner: &Manner) -> bool {
        if matches!(manner, Manner::Floods) && self.sent >= self.request.len() {
            return self.flood();
        }
        if Instant::now() < self.next_step {
            return true;
        }
        self.next_step += STEP;
        self.steps += 1;
        match manner {
            // Every tenth step is one per second.
            Manner::Sends if self.steps % 10 == 1 => {
                let at = self.sent.min(self.request.len() - 1);
                self.send(at..at + 1)
            }
            Manner::Floods | Manner::Takes { .. } if self.sent < self.request.len() => {
                self.send(self.sent..self.request.len())
            }
            Manner::Sends | Manner::Floods => true,
            &Manner::Takes { bytes_a_second, .. } => self.take(bytes_a_second / 10),
        }
    }

    fn send(&mut self, bytes: std::ops::Range<usize>) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        match stream.write(&self.request[bytes]) {
            Ok(length) => self.sent += length,
            Err(error) => return is_early(&error),
        }
        true
    }

    /// Sends as much as the kernel takes at once.
    fn flood(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        match stream.write(&FLOOD_BYTES) {
            Ok(length) => self.sent = self.sent.saturating_add(length),
            Err(error) => return is_early(&error),
        }
        true
    }

    fn take(&mut self, bytes: usize) -> bool {
        let mut buffer = vec![0; bytes];
        let Some(stream) = &mut self.stream else { return false };
        match stream.read(&mut buffer) {
            Ok(length) => length > 0 || bytes == 0,
            Err(error) => is_early(&error),
        }
    }
}

/// Whether there is just no connection yet, or nothing to read yet.
fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
