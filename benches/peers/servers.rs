//! The compared servers: which ones there are, which are installed, and how each is started.
//!
//! Each is configured for speed with one request per connection, as its manual describes: logs off,
//! two workers if it has workers, keep-alive off, a queue of connections that fits all clients.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::session::Invocation;

/// The longest that a program may take to print its version.
const VERSION_TIME_MAX: Duration = Duration::from_secs(5);
/// Where administrators' programs are, for users without these folders in PATH.
const FURTHER_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Httpd,
    Nginx,
    Lighttpd,
    Darkhttpd,
    Webfsd,
    Miniserve,
    StaticWebServer,
    Busybox,
    Python,
    /// The bench itself, answering with constant bytes: no server can be cheaper.
    Floor,
}

/// A server that was found.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) version: String,
    program: PathBuf,
}

/// What a workload needs from a server beyond serving files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Files,
    /// Folders are listed, however many entries they have.
    Listing,
    /// Thousands of connections stay open.
    Idle,
    /// Combined access lines go to a file.
    Logged,
    /// Folders come as archives.
    Archive,
}

/// What a server serves when it is started, and where.
pub(crate) struct Site<'a> {
    pub(crate) root: &'a Path,
    /// For configuration, logs and temporary files.
    pub(crate) scratch: &'a Path,
    pub(crate) port: u16,
    pub(crate) purpose: Purpose,
}

/// A server to look for: its name and program, the arguments that print its version, and how to
/// install it.
struct Peer {
    kind: Kind,
    name: &'static str,
    program: &'static str,
    version: &'static [&'static str],
    install: &'static str,
}

const PEERS: [Peer; 8] = [
    peer(Kind::Nginx, "nginx", "nginx", &["-v"], "apt-get install nginx-light"),
    peer(Kind::Lighttpd, "lighttpd", "lighttpd", &["-v"], "apt-get install lighttpd"),
    peer(
        Kind::Darkhttpd,
        "darkhttpd",
        "darkhttpd",
        &["--version"],
        "one C file to compile, https://github.com/emikulic/darkhttpd; packaged by Alpine and Arch",
    ),
    peer(Kind::Webfsd, "webfsd", "webfsd", &[], "apt-get install webfs"),
    peer(
        Kind::Miniserve,
        "miniserve",
        "miniserve",
        &["--version"],
        "cargo install --locked miniserve",
    ),
    peer(
        Kind::StaticWebServer,
        "static-web-server",
        "static-web-server",
        &["--version"],
        "cargo install --locked static-web-server",
    ),
    peer(Kind::Busybox, "busybox", "busybox", &["--help"], "apt-get install busybox"),
    peer(Kind::Python, "python", "python3", &["--version"], "apt-get install python3"),
];

const fn peer(
    kind: Kind,
    name: &'static str,
    program: &'static str,
    version: &'static [&'static str],
    install: &'static str,
) -> Peer {
    Peer { kind, name, program, version, install }
}

/// The servers found, `httpd` first and the floor last, and a line for each missing one.
pub(crate) fn find() -> io::Result<(Vec<Server>, Vec<String>)> {
    let own = concat!("httpd ", env!("CARGO_PKG_VERSION")).to_owned();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_httpd"));
    let mut found = vec![Server { kind: Kind::Httpd, name: "httpd", version: own, program }];
    let mut missing = Vec::new();
    for peer in &PEERS {
        let Some(mut program) = on_path(peer.program) else {
            missing.push(format!("{} is missing: {}", peer.name, peer.install));
            continue;
        };
        if peer.kind == Kind::Python {
            // PATH may lead to a wrapper script, whose time would count as Python's.
            let real = first_line(&program, &["-c", "import sys; print(sys.executable)"]);
            program = real.map_or(program, PathBuf::from);
        }
        let version =
            first_line(&program, peer.version).unwrap_or_else(|| "unknown version".to_owned());
        found.push(Server { kind: peer.kind, name: peer.name, version, program });
    }
    let version = "constant bytes from one thread".to_owned();
    let program = env::current_exe()?;
    found.push(Server { kind: Kind::Floor, name: "floor", version, program });
    Ok((found, missing))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(FURTHER_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The first line that the program prints, on either stream; none if it doesn't end in time.
fn first_line(program: &Path, arguments: &[&str]) -> Option<String> {
    if arguments.is_empty() {
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let begin = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if begin.elapsed() > VERSION_TIME_MAX {
            child.kill().ok()?;
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next()?;
    // Some print `Version: 1.2`, some only `1.2`.
    let line = line.rsplit_once(": ").map_or(line, |(_, version)| version).trim();
    (!line.is_empty()).then(|| line.to_owned())
}

impl Server {
    /// The command that starts it. Writes its configuration file if it needs one.
    pub(crate) fn invocation(&self, site: &Site<'_>) -> io::Result<Invocation> {
        let run = Invocation::new(&self.program);
        let port = site.port.to_string();
        let is_archive = site.purpose == Purpose::Archive;
        Ok(match self.kind {
            Kind::Httpd => httpd(run, site),
            Kind::Nginx => {
                let file = write_scratch(site, "nginx.conf", &nginx_configuration(site))?;
                run.arg("-p").arg(site.scratch).arg("-c").arg(file)
            }
            Kind::Lighttpd => {
                let file = write_scratch(site, "lighttpd.conf", &lighttpd_configuration(site))?;
                run.arg("-D").arg("-f").arg(file)
            }
            Kind::Darkhttpd => {
                run.arg(site.root).args(["--addr", "127.0.0.1", "--port", &port, "--no-keepalive"])
            }
            Kind::Webfsd => {
                let slots = site.slots().to_string();
                let run = run.args(["-F", "-4", "-i", "127.0.0.1", "-p", &port, "-c", &slots]);
                run.arg("-r").arg(site.root)
            }
            Kind::Miniserve => {
                let run = run.args(["--interfaces", "127.0.0.1", "--port", &port]);
                let run = if is_archive { run.arg("--enable-tar") } else { run };
                run.arg(site.root)
            }
            Kind::StaticWebServer => {
                let run = run.args(["--host", "127.0.0.1", "--port", &port, "--log-level=error"]);
                let download = "--directory-listing-download=targz";
                let run = if is_archive { run.arg(download) } else { run };
                run.args(["--directory-listing=true", "--root"]).arg(site.root)
            }
            Kind::Busybox => {
                let address = format!("127.0.0.1:{port}");
                run.args(["httpd", "-f", "-p", &address, "-h"]).arg(site.root)
            }
            Kind::Python => {
                let run = run.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]);
                run.arg(site.root).arg(port)
            }
            Kind::Floor => run.args(["--floor", &port]),
        })
    }

    /// Whether [`crate::session::Session::cpu`] can measure it. Busybox forks for each client and
    /// ignores SIGCHLD, so the kernel discards the children's time.
    pub(crate) fn has_cpu_time(&self) -> bool {
        self.kind != Kind::Busybox
    }
}

impl Site<'_> {
    /// How many connections the server may have.
    fn slots(&self) -> u32 {
        if self.purpose == Purpose::Idle { 6_000 } else { 1_024 }
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

fn httpd(run: Invocation, site: &Site<'_>) -> Invocation {
    let port = site.port.to_string();
    let run = run.args(["--port", &port, "--bind", "127.0.0.1", "--root"]).arg(site.root);
    match site.purpose {
        Purpose::Files | Purpose::Archive => run.arg("--quiet"),
        Purpose::Listing => run.args(["--quiet", "--listing-limit", "100000"]),
        Purpose::Idle => {
            let slots = site.slots().to_string();
            run.args(["--quiet", "--request-timeout", "60", "--max-connections", &slots])
        }
        Purpose::Logged => {
            let file = site.log_file("httpd.access.log");
            run.args(["--log-format", "combined", "--log-file"]).arg(file)
        }
    }
}

/// The workers keep the user who started them: another user might have no access to the tree.
fn nginx_configuration(site: &Site<'_>) -> String {
    let user = if rustix::process::geteuid().is_root() { "user root root;" } else { "" };
    let log = match site.purpose {
        Purpose::Logged => format!("\"{}\" combined", site.log_file("nginx.access.log").display()),
        _ => "off".to_owned(),
    };
    let (root, port) = (site.root.display(), site.port);
    format!(
        "daemon off; {user}\nworker_processes 2; worker_rlimit_nofile 16384;\n\
         pid nginx.pid; error_log /dev/null crit;\n\
         events {{ worker_connections 8192; }}\nhttp {{\n\
         access_log {log};\nsendfile on; tcp_nopush on; keepalive_timeout 0;\n\
         default_type application/octet-stream; types {{ text/html html; text/plain txt; }}\n\
         client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n\
         uwsgi_temp_path t4; scgi_temp_path t5;\n\
         server {{ listen 127.0.0.1:{port} backlog=4096; root \"{root}\"; autoindex on; }}\n}}\n",
    )
}

fn lighttpd_configuration(site: &Site<'_>) -> String {
    let (root, port) = (site.root.display(), site.port);
    format!(
        "server.document-root = \"{root}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
         server.modules = ( \"mod_dirlisting\" )\ndir-listing.activate = \"enable\"\n\
         server.max-worker = 2\nserver.max-keep-alive-requests = 0\n\
         server.max-fds = 16384\nserver.max-connections = 8192\nserver.listen-backlog = 4096\n\
         mimetype.assign = ( \".html\" => \"text/html\", \".txt\" => \"text/plain\" )\n",
    )
}

fn write_scratch(site: &Site<'_>, name: impl AsRef<OsStr>, text: &str) -> io::Result<PathBuf> {
    let path = site.scratch.join(name.as_ref());
    fs::write(&path, text)?;
    Ok(path)
}
