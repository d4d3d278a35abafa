//! A browser to look at pages with: headless Chromium, controlled through chromedriver.
//!
//! The protocol (the W3C's `WebDriver`) is JSON over HTTP; this client implements no more of it
//! than the tests need. Each browser has its own profile, makes no network requests except for the
//! pages that the test opens, and ends when its handle is dropped.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Lines, PATIENCE, tool};

/// Chromium's flags. Through the pipe it notices when chromedriver is gone, and exits.
const FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--remote-debugging-pipe",
];

/// How often chromedriver is started: it takes a free port of IPv6's and then wants the same one of
/// IPv4's, which may be taken.
const STARTS_MAX: usize = 5;

/// The Tab key, for [`Browser::press`].
pub const TAB: char = '\u{e004}';

/// The Enter key, for [`Browser::press`].
pub const ENTER: char = '\u{e007}';

/// The Escape key, for [`Browser::press`].
pub const ESCAPE: char = '\u{e00c}';

/// A browser with one window, ended when dropped.
pub struct Browser {
    driver: Driver,
    /// The path of the session's commands: `/session/ID`.
    session: String,
}

/// A running chromedriver with the browsers that it started.
struct Driver {
    child: Child,
    address: SocketAddr,
    _output: Lines,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser; `None` where none is installed.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (chromedriver, chromium) = (tool("chromedriver")?, tool("chromium")?);
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().join("profile").display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([folder.as_str()]).collect();
        let milliseconds = u64::try_from(PATIENCE.as_millis()).unwrap();
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "script": milliseconds, "pageLoad": milliseconds },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": chromium, "args": flags },
        }}});
        let driver = Driver::start(&chromedriver, profile);
        let session = driver.command("POST", "/session", Some(&capabilities));
        let session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(Self { driver, session })
    }

    /// Opens a page and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// Runs a function body in the page and returns its result; a promise is awaited.
    #[track_caller]
    pub fn run(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Presses keys one after the other, as on a keyboard. Keys without a character have one here:
    /// [`ENTER`], [`ESCAPE`].
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let press = |key: char| ["keyDown", "keyUp"].map(|it| json!({ "type": it, "value": key }));
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    /// The console messages since the last call, including errors of the page and of the network:
    /// `LEVEL MESSAGE`.
    #[track_caller]
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = entries.as_array().unwrap().iter();
        entries.map(|it| format!("{} {}", text(it, "level"), text(it, "message"))).collect()
    }

    /// Sets the page's size in CSS pixels.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.control("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Shows pages as for this medium (`screen`, `print`) and theme (`light`, `dark`).
    #[track_caller]
    pub fn emulate(&self, medium: &str, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        let media = json!({ "media": medium, "features": features });
        self.control("Emulation.setEmulatedMedia", &media);
    }

    /// Goes to this time zone.
    #[track_caller]
    pub fn go_to_zone(&self, zone: &str) {
        self.control("Emulation.setTimezoneOverride", &json!({ "timezoneId": zone }));
    }

    /// Saves what is downloaded in this folder, without asking.
    #[track_caller]
    pub fn save_downloads_in(&self, folder: &Path) {
        let parameters = json!({ "behavior": "allow", "downloadPath": folder });
        self.control("Browser.setDownloadBehavior", &parameters);
    }

    /// A command of Chromium's own protocol.
    #[track_caller]
    fn control(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    #[track_caller]
    fn post(&self, command: &str, parameters: &Value) -> Value {
        self.driver.command("POST", &format!("{}{command}", self.session), Some(parameters))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium exits cleanly, or when its driver is killed.
        let _ = self.driver.try_command("DELETE", &self.session, None);
    }
}

impl Driver {
    #[track_caller]
    fn start(chromedriver: &Path, profile: tempfile::TempDir) -> Self {
        let mut command = Command::new(chromedriver);
        command.arg("--port=0").env("HOME", profile.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        for _ in 0..STARTS_MAX {
            let mut child = command.spawn().unwrap();
            let output = Lines::collect(child.stdout.take().unwrap());
            let port = output.wait_for(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            });
            if let Some(port) = port {
                let address = SocketAddr::from(([127, 0, 0, 1], port));
                return Self { child, address, _output: output, _profile: profile };
            }
            eprintln!("chromedriver did not start: {:?}", output.so_far());
            let _ = child.wait();
        }
        panic!("chromedriver did not start {STARTS_MAX} times");
    }

    /// The result of a command, which must not fail.
    #[track_caller]
    fn command(&self, method: &str, path: &str, parameters: Option<&Value>) -> Value {
        let request = format!("{method} {path} {}", parameters.unwrap_or(&Value::Null));
        let mut answer = self.try_command(method, path, parameters).expect(&request);
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{request}: {value}");
        value
    }

    fn try_command(
        &self,
        method: &str,
        path: &str,
        parameters: Option<&Value>,
    ) -> std::io::Result<Value> {
        let body = parameters.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE * 2))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 && !line.trim_end().is_empty() {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            line.clear();
        }
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body)?;
        serde_json::from_slice(&body).map_err(std::io::Error::other)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_browser_opens_pages_and_runs_scripts() {
    let Some(browser) = Browser::start() else { return };
    browser.resize(640, 480);
    browser.open("data:text/html,<title>hello</title><script>console.log('logged')</script>");
    assert_eq!(browser.run("return [document.title, innerWidth]"), json!(["hello", 640]));
    assert_eq!(browser.run("return new Promise(done => setTimeout(done, 1, 5))"), json!(5));
    let console = browser.console();
    assert!(console.iter().any(|line| line.contains("logged")), "{console:?}");
}
