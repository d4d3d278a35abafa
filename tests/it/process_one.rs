//! As a container engine runs it: process 1 of an image with the binary, the site, and no other
//! file.
//!
//! No engine is needed: the test follows `contrib/Dockerfile` by hand, in a read-only root folder
//! without /proc, /dev and libraries, as a user without rights in it. Only root can create such a
//! place; for others the tests are skipped. `HTTPD_STATIC_BINARY` names the static binary, as
//! `.ci/package` builds it; without it the ordinary one is tested, with the libraries that it
//! loads.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::old_kernel::FORBID;
use crate::support::{
    Httpd, Reply, Tree, contrib, is_root, output_of, read_head, read_to_end, status_of, tool,
    value_in,
};

/// Runs a program like an engine; comes after [`FORBID`]. `argv` is the root folder, the user, the
/// working folder, and the command. It gets one CPU, 20 processes and threads, and 32 MiB of memory
/// beside the 33 that must be free before a thread is spawned. The three system calls of Landlock
/// (444 to 446 on every architecture) fail with EPERM, as in the profiles of old engines.
const ENTER: &str = r#"
import resource, subprocess
root, user, folder, *command = sys.argv[1:]
subprocess.run(["mount", "--bind", root, root], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro,nosuid,nodev", root], check=True)
os.chroot(root)
os.chdir(folder)
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
resource.setrlimit(resource.RLIMIT_DATA, (65 << 20, 65 << 20))
resource.setrlimit(resource.RLIMIT_NPROC, (20, 20))
uid, gid = map(int, user.split(":"))
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
forbid(444, 446, 1)
os.execv(command[0], command)
"#;

/// unshare and Python, which stand in for a container engine.
type Engine = [PathBuf; 2];

/// The last stage of `contrib/Dockerfile`.
struct Image {
    entry_point: Vec<String>,
    health_check: Vec<String>,
    user: String,
    folder: String,
    environment: Vec<(String, String)>,
}

impl Image {
    #[track_caller]
    fn read() -> Self {
        let text = contrib("Dockerfile");
        let (_, stage) = text.split_once("\nFROM scratch\n").unwrap();
        let one = |name: &str| {
            let mut lines = stage.lines().filter_map(|line| line.strip_prefix(name));
            lines.next().filter(|_| lines.next().is_none()).unwrap_or_else(|| panic!("{name}"))
        };
        // In the form for `exec`: an image without a shell cannot use the other.
        let command = |text: &str| serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap();
        let variables = stage.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('='));
        Self {
            entry_point: command(one("ENTRYPOINT ")),
            health_check: command(one("HEALTHCHECK ")),
            user: one("USER ").to_owned(),
            folder: one("WORKDIR ").to_owned(),
            environment: variables.map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }

    /// The files of a container: the program, and this site.
    fn unpack(&self, site: &[(&str, &[u8])]) -> Tree {
        let tree = Tree::new();
        let root = tree.join("root");
        let place = |file: &Path, at: &str| {
            let path = root.join(at.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(file, path).unwrap();
        };
        let own = std::env::var_os("HTTPD_STATIC_BINARY").map(PathBuf::from);
        let binary = own.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_httpd")));
        place(binary, &self.entry_point[0]);
        if own.is_none() {
            for library in libraries(binary) {
                place(Path::new(&library), &library);
            }
        }
        for (name, content) in site {
            tree.write(format!("root{}/{name}", self.folder), content);
        }
        // Whatever the umask of the tests.
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        tree
    }

    /// A command in the container, run with an engine's means.
    fn command(&self, [unshare, python]: &Engine, tree: &Tree, words: &[String]) -> Command {
        let mut command = Command::new(unshare);
        command.args(["--fork", "--pid", "--mount", "--kill-child"]).arg(python);
        command.args(["-c", &format!("{FORBID}{ENTER}")]).arg(tree.join("root"));
        command.args([&self.user, &self.folder]).args(words);
        command
    }

    /// Starts the server on a free port. Returns also its number outside the container.
    #[track_caller]
    fn start(&self, engine: &Engine, tree: &Tree) -> (Httpd, Pid) {
        // `Httpd` starts with a clean environment, so the variables are set within.
        let mut command = Command::new("env");
        command.arg("HTTPD_PORT=0");
        command.args(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        let inner = self.command(engine, tree, &self.entry_point);
        command.arg(inner.get_program()).args(inner.get_args());
        let httpd = Httpd::spawn(command);
        let children = format!("/proc/{0}/task/{0}/children", httpd.pid());
        let children = fs::read_to_string(children).unwrap();
        let pid = children.trim().parse().ok().and_then(Pid::from_raw);
        (httpd, pid.unwrap_or_else(|| panic!("one child, not {children}")))
    }
}

/// `None`, with a line that says why, if such a place cannot be created.
fn find_engine() -> Option<Engine> {
    let (unshare, python) = (tool("unshare")?, tool("python3")?);
    let mut attempt = Command::new(&unshare);
    attempt.args(["--fork", "--pid", "--mount", "true"]);
    if !is_root() || !output_of(&mut attempt).status.success() {
        eprintln!("skipped: only root can make a container, and only where the system lets it");
        return None;
    }
    Some([unshare, python])
}

/// The libraries of a program, with their loader.
fn libraries(binary: &Path) -> Vec<String> {
    let output = output_of(Command::new("ldd").arg(binary));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

#[test]
fn the_image_has_a_numeric_user_and_needs_no_shell() {
    let image = Image::read();
    let (user, group) = image.user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert_eq!(image.entry_point, ["/httpd"]);
    assert!(image.environment.contains(&("HTTPD_BIND".into(), "0.0.0.0".into())));
    assert_eq!(image.health_check, ["/httpd", "--probe"]);
    assert_eq!(image.folder, "/srv/www");
    assert!(contrib("Dockerfile").contains("\nEXPOSE 8080\n"));
}

#[test]
fn it_serves_logs_and_drains_as_process_1_of_an_empty_root() {
    let Some(engine) = find_engine() else { return };
    let image = Image::read();
    // More than the buffers of a connection hold.
    let large = vec![b'x'; 32 << 20];
    let tree = image.unpack(&[("a b.txt", b"hello"), ("large", &large)]);
    let (httpd, pid) = image.start(&engine, &tree);
    let status = status_of(pid.as_raw_nonzero());
    assert!(value_in(&status, "NSpid").ends_with("\t1"));
    assert_eq!(value_in(&status, "CapEff"), "0000000000000000");
    httpd.log_line(|line| line.contains("WARN") && line.contains("Landlock"));

    assert_eq!(httpd.get("/a%20b.txt").body, b"hello");
    assert!(httpd.get("/").text().contains("a b.txt"));
    httpd.log_line(|line| line.contains("\"GET /a%20b.txt HTTP/1.0\" 200 5 "));
    // More than the threads that 20 processes allow.
    let mut clients = [(); 100].map(|()| httpd.ask("GET /a%20b.txt HTTP/1.0\r\n\r\n"));
    for client in &mut clients {
        assert_eq!(Reply::parse(&read_to_end(client)).body, b"hello");
    }
    let mut probe = image.command(&engine, &tree, &image.health_check);
    probe.env("HTTPD_PORT", httpd.address().port().to_string());
    let output = output_of(&mut probe);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut client = httpd.ask("GET /large HTTP/1.0\r\n\r\n");
    assert_eq!(read_head(&mut client).status, 200);
    // What an engine would count for the process.
    let status = status_of(pid.as_raw_nonzero());
    let peak = value_in(&status, "VmHWM");
    assert!(peak.trim_end_matches(" kB").parse::<usize>().unwrap() < 32 << 10, "{peak}");
    // From outside.
    kill_process(pid, Signal::TERM).unwrap();
    httpd.log_line(|line| line.ends_with("stopping"));
    let mut body = Vec::new();
    client.read_to_end(&mut body).unwrap();
    assert!(body == large, "{} bytes", body.len());
    let ended = httpd.wait();
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.stderr);
    assert!(!ended.stderr.iter().any(|line| line.contains("cut off")), "{:?}", ended.stderr);
}
