//! Two servers behind HAProxy with `contrib/haproxy.cfg`: one can stop, come back, and be killed.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;

use crate::proxy::Proxy;
use crate::support::{Httpd, PATIENCE, Tree, eventually, free_port};

/// How many clients send requests, each without a pause.
const CLIENTS: usize = 4;

/// Requests to wait for in each state of the two servers.
const REQUESTS: usize = 300;

/// Where the servers listen: no other test's clients use this address.
const SERVER: &str = "127.0.0.3";

/// Clients that request `/a.txt` again and again.
pub struct Load {
    counts: Arc<Counts>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    failed: AtomicUsize,
    must_end: AtomicBool,
}

impl Load {
    pub fn on(address: SocketAddr) -> Self {
        let counts = Arc::new(Counts::default());
        let client = |_| {
            let counts = Arc::clone(&counts);
            std::thread::spawn(move || {
                while !counts.must_end.load(Ordering::Relaxed) {
                    let result = get(address);
                    let count = if result.is_ok() { &counts.answered } else { &counts.failed };
                    count.fetch_add(1, Ordering::Relaxed);
                    result.unwrap_or_else(|why| eprintln!("failed: {why}"));
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { counts, clients }
    }

    /// Waits until this many more requests have been answered.
    pub fn wait_for(&self, requests: usize) {
        let answered = || self.counts.answered.load(Ordering::Relaxed);
        let want = answered() + requests;
        eventually("more requests are answered", || answered() >= want);
    }

    /// Lets each client finish its last request, and returns how many requests failed in all.
    pub fn end(mut self) -> usize {
        self.counts.must_end.store(true, Ordering::Relaxed);
        self.clients.drain(..).for_each(|client| client.join().unwrap());
        self.counts.failed.load(Ordering::Relaxed)
    }
}

/// A failing test does not wait for its clients, but they stop sending requests.
impl Drop for Load {
    fn drop(&mut self) {
        self.counts.must_end.store(true, Ordering::Relaxed);
    }
}

/// One request, which must be answered with the whole file.
fn get(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /a.txt HTTP/1.0\r\n\r\n")?;
    let answer = io::read_to_string(stream)?;
    let is_whole = answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\nhello");
    if is_whole { Ok(()) } else { Err(io::Error::other(answer)) }
}

fn serve(root: &Path, port: u16) -> Httpd {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
    command.args(["--bind", SERVER, "--port", &port.to_string()]);
    command.args(["--trusted-proxy", "127.0.0.1"]).arg(root);
    Httpd::spawn(command)
}

#[test]
fn one_of_two_servers_can_stop_and_come_back() {
    let tree = Tree::with(&[("a.txt", b"hello"), ("index.html", b"")]);
    let one = serve(tree.path(), free_port(SERVER));
    let two = serve(tree.path(), free_port(SERVER));
    let Some(proxy) = Proxy::haproxy([one.address(), two.address()]) else { return };
    let load = Load::on(proxy.address());
    for server in [&one, &two] {
        server.log_line(|line| line.contains("GET /a.txt"));
        server.log_line(|line| line.contains("HEAD / "));
    }
    load.wait_for(REQUESTS);

    let port = one.address().port();
    assert_eq!(one.stop().status.code(), Some(0));
    load.wait_for(REQUESTS);
    let one = serve(tree.path(), port);
    one.log_line(|line| line.contains("GET /a.txt"));
    load.wait_for(REQUESTS);
    assert_eq!(load.end(), 0, "SIGTERM must not make any request fail");

    // Only clients that the killed process was answering may lose their answers.
    let load = Load::on(proxy.address());
    load.wait_for(REQUESTS);
    one.signal(Signal::KILL);
    assert_eq!(one.wait().status.code(), None);
    load.wait_for(REQUESTS);
    let failed = load.end();
    eprintln!("failed with SIGKILL: {failed}");
    assert!(failed <= CLIENTS, "{failed} failed");
}
