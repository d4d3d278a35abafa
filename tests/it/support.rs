//! Common to all tests: a temporary folder, a running server, a raw client.
//!
//! No port is fixed, and every wait is bounded by [`PATIENCE`]. A wait is woken by its event or, if
//! that is impossible, checks every few milliseconds. A server ends when its handle is dropped.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

/// No wait in these tests is longer: a bound against hangs, not a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long strace delays a call, in microseconds, until [`Httpd::release`]: an hour.
pub const HELD_UP: &str = "delay_enter=3600000000";

/// The time between two checks of a wait that nothing can wake.
const LOOK_AGAIN_INTERVAL: Duration = Duration::from_millis(5);

/// A temporary folder with files, removed when dropped.
pub struct Tree {
    folder: tempfile::TempDir,
}

/// A running `httpd`, killed when dropped.
pub struct Httpd {
    child: Child,
    address: SocketAddr,
    stdout: Lines,
    stderr: Lines,
    command: String,
}

/// The end of a server.
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
    pub took: Duration,
}

/// The resources of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub descriptors: usize,
    pub threads: usize,
    /// Bytes of private resident memory.
    pub memory: usize,
    /// Kilobytes of address space.
    pub address_space: usize,
}

/// A parsed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub status_line: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The lines that a process has written to a stream so far; a thread collects them.
pub struct Lines {
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    has_ended: bool,
}

impl Tree {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with these files and their contents; missing parent folders are created.
    pub fn with(files: &[(&str, &[u8])]) -> Self {
        let tree = Self::new();
        for (name, content) in files {
            tree.write(name, content);
        }
        tree
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn join(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path().join(name.as_ref())
    }

    pub fn write(&self, name: impl AsRef<OsStr>, content: &[u8]) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Like `write`, for names that are not text.
    pub fn write_bytes_name(&self, name: &[u8], content: &[u8]) -> PathBuf {
        self.write(OsStr::from_bytes(name), content)
    }

    pub fn link(&self, name: &str, to: impl AsRef<Path>) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
    }
}

impl Httpd {
    /// Serves `root` on a free loopback port, with these additional flags.
    #[track_caller]
    pub fn serve(root: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
        command.args(["--port", "0", "--root"]).arg(root).args(flags);
        Self::spawn(command)
    }

    /// Serves `root` while strace tampers with system calls, as in its `inject=`; only calls for
    /// these paths, if there are any. `None` if strace is missing.
    #[track_caller]
    pub fn serve_with_fault(
        root: &Path,
        flags: &[&str],
        inject: &str,
        paths: &[&Path],
    ) -> Option<Self> {
        let mut command = Command::new(tool("strace")?);
        // With -D, strace is a grandchild, so that the process started here is the server.
        command.args(["-D", "-f", "-o", "/dev/null", "-e", &format!("inject={inject}")]);
        command.args(paths.iter().flat_map(|path| [OsStr::new("-P"), path.as_os_str()]));
        command.args([env!("CARGO_BIN_EXE_httpd"), "--port", "0", "--root"]).arg(root).args(flags);
        Some(Self::spawn(command))
    }

    /// Starts a command that ends up running `httpd` or a server from `examples/`, and waits for
    /// its first listening line.
    #[track_caller]
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Stdio::null())
    }

    /// Like `spawn`, with this standard input.
    #[track_caller]
    pub fn spawn_with(mut command: Command, stdin: Stdio) -> Self {
        without_variables(&mut command);
        let command_line = format!("{command:?}");
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command_line}: {error}"));
        let stdout = Lines::collect(child.stdout.take().unwrap());
        let stderr = Lines::collect(child.stderr.take().unwrap());
        let address = stdout.wait_for(listener_in).unwrap_or_else(|| {
            let _ = child.kill();
            panic!("{command_line} did not listen: {:?}", stderr.so_far());
        });
        Self { child, address, stdout, stderr, command: command_line }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The addresses of all listening lines so far.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.stdout.so_far().iter().filter_map(|line| listener_in(line)).collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process's current resources.
    pub fn usage(&self) -> Usage {
        let status = status_of(self.pid());
        let number = |name| value_in(&status, name).trim_end_matches(" kB").parse().unwrap();
        Usage {
            descriptors: fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count(),
            threads: number("Threads"),
            memory: number("RssAnon") * 1024,
            address_space: number("VmSize"),
        }
    }

    /// Ends the strace that delays this server's calls (`inject=CALL:delay_enter=`), so that they
    /// are made. strace itself would not let go of them before their time.
    pub fn release(&self) {
        let tracer = value_in(&status_of(self.pid()), "TracerPid").parse().unwrap();
        kill_process(Pid::from_raw(tracer).unwrap(), Signal::KILL).unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }

    /// Connects and sends these bytes; nothing is read yet.
    #[track_caller]
    pub fn ask(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        stream
    }

    /// Sends these bytes and reads to the end, keeping our side of the connection open.
    #[track_caller]
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        read_to_end(&mut self.ask(bytes))
    }

    /// Like `raw`, with the answer parsed.
    #[track_caller]
    pub fn reply(&self, bytes: impl AsRef<[u8]>) -> Reply {
        Reply::parse(&self.raw(bytes))
    }

    /// An HTTP/1.0 request with these field lines, each of which ends in CRLF.
    #[track_caller]
    pub fn request(&self, method: &str, target: &str, fields: &str) -> Reply {
        self.reply(format!("{method} {target} HTTP/1.0\r\n{fields}\r\n"))
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Reply {
        self.request("GET", target, "")
    }

    #[track_caller]
    pub fn head(&self, target: &str) -> Reply {
        self.request("HEAD", target, "")
    }

    /// Waits for a matching line on standard error, and returns it.
    #[track_caller]
    pub fn log_line(&self, matches: impl Fn(&str) -> bool) -> String {
        let found = self.stderr.wait_for(|line| matches(line).then(|| line.to_owned()));
        found.unwrap_or_else(|| panic!("{}: no such line in {:?}", self.command, self.log()))
    }

    /// Waits for a matching line of a JSON log, and returns its object.
    #[track_caller]
    pub fn log_entry(&self, matches: impl Fn(&Value) -> bool) -> Value {
        let parse = |line: &str| serde_json::from_str(line).ok().filter(&matches);
        let line = self.log_line(|line| parse(line).is_some());
        parse(&line).unwrap()
    }

    /// The lines on standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.stderr.so_far()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Sends SIGTERM and waits until the process ends.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits until the process ends.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let started = Instant::now();
        let status = wait_for_end(&mut self.child);
        let took = started.elapsed();
        let (stdout, stderr) = (self.stdout.wait_for_all(), self.stderr.wait_for_all());
        Ended { status, stdout, stderr, took }
    }
}

impl Drop for Httpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}\nstdout: {:#?}", self.command, self.stdout.so_far());
            eprintln!("stderr: {:#?}", self.stderr.so_far());
        }
    }
}

/// The address in a listening line: of `httpd` as a URL, of the examples as it is.
fn listener_in(line: &str) -> Option<SocketAddr> {
    let address = line.strip_prefix("listening on ")?.trim_start_matches("http://");
    Some(address.trim_end_matches('/').parse().unwrap())
}

impl Lines {
    pub fn collect(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let sink = Arc::clone(&shared);
        thread::spawn(move || {
            let (collected, changed) = &*sink;
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).into_owned();
                collected.lock().unwrap().lines.push(line);
                changed.notify_all();
            }
            collected.lock().unwrap().has_ended = true;
            changed.notify_all();
        });
        Self { shared }
    }

    pub fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().lines.clone()
    }

    fn wait_for_all(&self) -> Vec<String> {
        self.wait_for(|_| None::<()>);
        self.so_far()
    }

    /// Waits for a line in which `find` finds something; `None` if the stream ends, or the time.
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (collected, changed) = &*self.shared;
        let deadline = Instant::now() + PATIENCE;
        let mut collected = collected.lock().unwrap();
        loop {
            if let Some(found) = collected.lines.iter().find_map(|line| find(line)) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if collected.has_ended || left.is_zero() {
                return None;
            }
            collected = changed.wait_timeout(collected, left).unwrap().0;
        }
    }
}

impl Reply {
    #[track_caller]
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap().to_owned();
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let fields = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("odd field: {line:?}")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { status, status_line, fields, body: bytes[end + 4..].to_vec() }
    }

    /// The value of a field that must not occur twice.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} occurs twice: {self:?}");
        value
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads to the end of the stream; timeouts and resets fail the test.
#[track_caller]
pub fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let result = stream.read_to_end(&mut bytes);
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    result.unwrap_or_else(|error| panic!("{error} after {} bytes: {start:?}", bytes.len()));
    bytes
}

/// Reads a response's head and nothing after it.
#[track_caller]
pub fn read_head(stream: &mut TcpStream) -> Reply {
    Reply::parse(&read_up_to(stream, b"\r\n\r\n"))
}

/// Reads up to this end and nothing after it.
#[track_caller]
pub fn read_up_to(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.extend_from_slice(&byte);
    }
    bytes
}

/// Sends bytes and closes our side of the connection, then reads to the end.
#[track_caller]
pub fn send_and_half_close(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    read_to_end(stream)
}

/// Connects from this local address instead of the one that the system would choose.
#[track_caller]
pub fn connect_from(source: IpAddr, to: SocketAddr) -> TcpStream {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    // A program that another test starts meanwhile must not keep it open.
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None).unwrap();
    rustix::net::bind(&socket, &SocketAddr::new(source, 0)).unwrap();
    rustix::net::connect(&socket, &to).unwrap();
    patient(TcpStream::from(socket))
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The kernel's description of a process (`proc_pid_status(5)`).
pub fn status_of(process: impl Display) -> String {
    fs::read_to_string(format!("/proc/{process}/status")).unwrap()
}

/// The same of each of its threads that has not just ended.
pub fn statuses_of_threads(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads.flat_map(|it| fs::read_to_string(it.unwrap().path().join("status"))).collect()
}

/// A value in such a description.
#[track_caller]
pub fn value_in<'a>(status: &'a str, name: &str) -> &'a str {
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no {name}")).1.trim()
}

/// A port that was free a moment ago, for programs that need a fixed number. On a loopback address
/// that no other test uses (127.0.0.3), no other test's client can take it in the meantime.
pub fn free_port(address: &str) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

/// The text of a file in `contrib/`, as users would copy it.
#[track_caller]
pub fn contrib(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tests' own variables are not for the server.
pub fn without_variables(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.as_bytes().starts_with(b"HTTPD_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `httpd` with these flags, which must make it end by itself. Returns its exit status,
/// standard output and standard error.
#[track_caller]
pub fn run(flags: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
    let output = output_of(without_variables(&mut command).args(flags));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Runs a command that must end by itself. [`Command::output`] would wait for ever.
#[track_caller]
pub fn output_of(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let pid = Pid::from_child(&child);
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output().unwrap()));
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{command:?} does not end");
    })
}

/// Waits until a child ends. A child that does not end in time is killed, and fails the test.
#[track_caller]
pub fn wait_for_end(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            panic!("process {} does not end", child.id());
        }
        thread::sleep(LOOK_AGAIN_INTERVAL);
    }
}

/// Whether a line has all of these words, in any order and with anything between them. Punctuation
/// around a word is ignored, so that `no such folder: /a` has the word `/a`.
pub fn has_words(line: &str, words: &[&str]) -> bool {
    let found = || {
        let words = line.split_whitespace();
        let words = words.map(|word| word.trim_start_matches(['(', '"', '\'', '`']));
        words.map(|word| word.trim_end_matches([')', '"', '\'', '`', ',', ';', ':', '.']))
    };
    words.iter().all(|want| found().any(|word| word == *want))
}

/// Whether tests fail if a client or server is missing, instead of being skipped.
pub fn peers_are_required() -> bool {
    std::env::var("HTTPD_REQUIRE_PEERS").is_ok_and(|value| value == "1")
}

/// A program that the test needs, if it is on PATH; if it is missing, a line on standard error
/// reports the skipped test.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(!peers_are_required(), "{name} is not installed, and HTTPD_REQUIRE_PEERS=1");
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// Raises this process's descriptor limit, which its children inherit, as far as possible; returns
/// the new limit.
pub fn raise_descriptor_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.current.map_or(usize::MAX, |most| usize::try_from(most).unwrap())
}

/// A terminal without a user: its screen, and the line on which programs are started.
pub fn pseudo_terminal() -> (OwnedFd, File) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOCTTY.bits().cast_signed());
    (screen, options.open(OsStr::from_bytes(name.as_bytes())).unwrap())
}

/// Whether file permissions do not apply to this process, as for root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Pseudo-random bytes: a copy with any piece missing, repeated or moved differs from them.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Waits until a condition holds; it must hold within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(LOOK_AGAIN_INTERVAL);
    }
}

/// Whether an error means that the other side has reset the connection.
pub fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}
