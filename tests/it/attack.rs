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

/// Bytes of a body sent at once.
static FLOOD_BYTES: [u8; 64 * 1024] = [b'x'; 64 * 1024];

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
    course: Arc<Course>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Course {
    is_over: AtomicBool,
    returns: AtomicUsize,
}

struct Attacker {
    /// `None` until it comes back.
    stream: Option<TcpStream>,
    request: Vec<u8>,
    sent: usize,
    next_step: Instant,
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

impl Attack {
    /// This many clients, from these sources in turn.
    pub fn start(server: SocketAddr, sources: &[IpAddr], count: usize, manner: Manner) -> Self {
        let course = Arc::new(Course::default());
        let course_of_thread = Arc::clone(&course);
        let sources: Vec<_> = sources.iter().copied().cycle().take(count).collect();
        let thread = thread::spawn(move || attack(server, &sources, &manner, &course_of_thread));
        Self { course, thread: Some(thread) }
    }

    /// How often clients have come back.
    pub fn returns(&self) -> usize {
        self.course.returns.load(Ordering::Relaxed)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.course.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

fn attack(server: SocketAddr, sources: &[IpAddr], manner: &Manner, course: &Course) {
    let mut attackers: Vec<_> =
        sources.iter().map(|&source| Attacker::new(server, source, manner)).collect();
    let tick = Duration::from_millis(if matches!(manner, Manner::Floods) { 1 } else { 20 });
    while !course.is_over.load(Ordering::Relaxed) {
        thread::sleep(tick);
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
                // Thousands that came back at once would spend the machine's time on connecting.
                attacker.next_step = Instant::now() + Duration::from_millis(250);
            } else if !is_here && Instant::now() >= attacker.next_step {
                *attacker = Attacker::new(server, source, manner);
                course.returns.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Attacker {
    fn new(server: SocketAddr, source: IpAddr, manner: &Manner) -> Self {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap();
        sockopt::set_socket_recv_buffer_size(&socket, 8 * 1024).unwrap();
        // Frees the port at once: thousands per second would use up all ports.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
        rustix::net::bind(&socket, &SocketAddr::new(source, 0)).unwrap();
        // It is under way, or the queue is full; a later step finds out.
        let _ = rustix::net::connect(&socket, &server);
        let request = match manner {
            Manner::Sends => "GET / HTTP/1.0\r\nX: ".to_owned(),
            Manner::Floods => {
                "POST /post.html HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n".to_owned()
            }
            Manner::Takes { path, .. } => format!("GET {path} HTTP/1.0\r\n\r\n"),
        };
        let stream = Some(TcpStream::from(socket));
        Self { stream, request: request.into_bytes(), sent: 0, next_step: Instant::now() }
    }

    /// Acts if an action is due. Returns whether it still has its connection.
    fn step(&mut self, manner: &Manner) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let unsent = &self.request[self.sent.min(self.request.len())..];
        // What a flood sends is limited by the kernel alone.
        let is_flood = unsent.is_empty() && matches!(manner, Manner::Floods);
        if !is_flood && Instant::now() < self.next_step {
            return true;
        }
        let is_slow = matches!(manner, Manner::Sends);
        self.next_step += Duration::from_millis(if is_slow { 1_000 } else { 100 });
        let result = match manner {
            // Its head has no end.
            Manner::Sends if unsent.is_empty() => stream.write(b"a"),
            Manner::Sends => stream.write(&unsent[..1]),
            Manner::Floods if unsent.is_empty() => stream.write(&FLOOD_BYTES),
            Manner::Takes { bytes_a_second, .. } if unsent.is_empty() => {
                return take(stream, bytes_a_second / 10);
            }
            Manner::Floods | Manner::Takes { .. } => stream.write(unsent),
        };
        self.sent += result.as_ref().map_or(0, |&length| length);
        result.as_ref().err().is_none_or(is_early)
    }
}

fn take(stream: &mut TcpStream, bytes: usize) -> bool {
    match stream.read(&mut vec![0; bytes]) {
        Ok(length) => length > 0 || bytes == 0,
        Err(error) => is_early(&error),
    }
}

/// Whether there is just no connection yet, or nothing to read yet.
fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
