//! `httpd` on a terminal, and the screen that a person sees after all escape sequences.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::attack::loopback;
use crate::support::{
    Reply, connect_from, eventually, pseudo_terminal, read_to_end, wait_for_end, without_variables,
};

/// `httpd` on a terminal of its own, killed when dropped.
pub struct OnScreen {
    child: Child,
    terminal: File,
    /// The address of the first listening line.
    address: OnceLock<SocketAddr>,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

impl OnScreen {
    /// Starts it with these flags and variables on a terminal with this many rows and columns.
    #[track_caller]
    pub fn start(
        root: &Path,
        flags: &[&str],
        variables: &[(&str, &str)],
        [rows, columns]: [u16; 2],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
        command.args(["--port", "0"]).args(flags).arg(root);
        Self::spawn(command, variables, [rows, columns])
    }

    /// Starts it with these words before its own command.
    #[track_caller]
    pub fn start_by(words: &[&str], root: &Path) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args([env!("CARGO_BIN_EXE_httpd"), "--port", "0"]).arg(root);
        Self::spawn(command, &[], [24, 80])
    }

    fn spawn(mut command: Command, variables: &[(&str, &str)], [rows, columns]: [u16; 2]) -> Self {
        let (terminal, line) = pseudo_terminal();
        without_variables(&mut command);
        command.env_remove("NO_COLOR").env("TERM", "xterm").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(line.try_clone().unwrap()).stderr(line);
        tcsetwinsize(&terminal, size(rows, columns)).unwrap();
        let child = command.spawn().unwrap();
        // The command still holds its copies of the terminal's other end.
        drop(command);
        let [rows, columns] = [rows, columns].map(|it| NonZero::new(it).unwrap());
        let parser = vt100::Parser::new(rows, columns, 0);
        let shown = Arc::new(Mutex::new(Shown { parser, raw: Vec::new() }));
        let terminal = File::from(terminal);
        let (mut reader, sink) = (terminal.try_clone().unwrap(), Arc::clone(&shown));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Ends with an error once the server has ended.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let mut shown = sink.lock().unwrap();
                shown.parser.process(&buffer[..length]);
                shown.raw.extend_from_slice(&buffer[..length]);
            }
        });
        Self { child, terminal, address: OnceLock::new(), shown }
    }

    /// The rows of the screen that are not empty.
    pub fn rows(&self) -> Vec<String> {
        self.with(|screen| {
            let rows = screen.rows(0, screen.size().1.get());
            rows.map(|row| row.trim_end().to_owned()).filter(|row| !row.is_empty()).collect()
        })
    }

    /// Waits until the screen has the wanted rows, and returns them.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&[String]) -> bool) -> Vec<String> {
        let mut rows = Vec::new();
        eventually(what, || {
            rows = self.rows();
            is_it(&rows)
        });
        rows
    }

    /// All output to the terminal so far.
    pub fn raw(&self) -> Vec<u8> {
        self.shown.lock().unwrap().raw.clone()
    }

    /// Calls `look` with the emulator's screen.
    pub fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.shown.lock().unwrap().parser.screen())
    }

    /// The complete lines of output so far, with their escape sequences.
    pub fn lines(&self) -> Vec<String> {
        let raw = String::from_utf8_lossy(&self.raw()).into_owned();
        let whole = raw.rsplit_once("\r\n").map_or("", |(whole, _)| whole);
        whole.split("\r\n").map(str::to_owned).collect()
    }

    /// Waits for a matching line of output.
    #[track_caller]
    pub fn line(&self, matches: impl Fn(&str) -> bool) -> String {
        let found = || self.lines().into_iter().find(|line| matches(line));
        eventually("a line", || found().is_some());
        found().unwrap()
    }

    /// The addresses of the listening lines, even if they have left the screen.
    #[track_caller]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.line(|line| line.starts_with("listening on "));
        let lines = self.lines();
        let urls = lines.iter().filter_map(|line| line.strip_prefix("listening on http://"));
        urls.map(|url| url.trim_end_matches('/').parse().unwrap()).collect()
    }

    /// Requests this path from 127.0.0.`source`, without reading the answer.
    #[track_caller]
    pub fn ask_from(&self, source: u8, path: &str) -> TcpStream {
        let address = self.address.get_or_init(|| self.addresses()[0]);
        let mut stream = connect_from(loopback(source), *address);
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
        stream
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        Reply::parse(&read_to_end(&mut self.ask_from(1, path)))
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.terminal, size(rows, columns)).unwrap();
        let [rows, columns] = [rows, columns].map(|it| NonZero::new(it).unwrap());
        self.shown.lock().unwrap().parser.screen_mut().set_size(rows, columns);
    }

    pub fn type_in(&mut self, key: &[u8]) {
        self.terminal.write_all(key).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until the process ends.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        wait_for_end(&mut self.child)
    }
}

impl Drop for OnScreen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("on the screen: {:#?}", self.rows());
        }
    }
}

fn size(ws_row: u16, ws_col: u16) -> Winsize {
    Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }
}
