//! A browser to look at pages with: headless Chromium, controlled through chromedriver.
//!
//! The protocol (the W3C's `WebDriver`) is JSON over HTTP; this client implements no more of it
//! than the tests need. A browser makes no network requests except for the pages that tests open.
//! Starting one costs more than most tests do with it: the next test takes it over, in a new tab.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Lines, PATIENCE, read_up_to, tool};

/// Chromium's flags. Through the pipe it notices when chromedriver is gone, and exits.
const FLAGS: &str = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --disable-quic --no-first-run --no-default-browser-check --disable-background-networking \
    --disable-component-update --disable-sync --mute-audio --remote-debugging-pipe";

/// How often chromedriver is started: it picks a free port on IPv6 and then wants the same one on
/// IPv4, where it may be taken.
const STARTS_MAX: usize = 5;

/// Keys without a character, for [`Browser::press`].
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";

/// Browsers at once: each keeps a core busy.
const BROWSERS_MAX: usize = 2;

/// Runs chromedriver until standard input is closed, which also happens when the tests are killed.
/// Chromium ends after it, and writes into its profile until then.
const RUN_DRIVER: &str = r#"
    HOME=$2 TMPDIR=$2 "$1" --port=0 &
    exec >/dev/null
    read -r end
    kill $!
    wait
    while echo "=$2/profile" | grep -qsFf - /proc/[0-9]*/cmdline; do sleep 0.1; done
    rm -rf "$2"
"#;

/// Places for browsers. A place is empty until its first browser starts, and after a failed test.
static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let (give, take) = channel();
    (0..BROWSERS_MAX).for_each(|_| give.send(None).unwrap());
    Pool { give, take: Mutex::new(take) }
});

struct Pool {
    give: Sender<Option<Driver>>,
    take: Mutex<Receiver<Option<Driver>>>,
}

/// A browser with one tab, used by one test at a time.
pub struct Browser {
    driver: Option<Driver>,
}

/// A running chromedriver with the browser that it started.
struct Driver {
    _child: Child,
    address: SocketAddr,
    _output: Lines,
    /// The path of the session's commands: `/session/ID`.
    session: String,
}

impl Browser {
    /// A browser as if just started; `None` if none is installed.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (chromedriver, chromium) = (tool("chromedriver")?, tool("chromium")?);
        let mut browser = Self { driver: POOL.take.lock().unwrap().recv().unwrap() };
        if browser.driver.is_none() {
            browser.driver = Some(Driver::start(&chromedriver, &chromium));
            return Some(browser);
        }
        let tab = browser.post("/window/new", &json!({ "type": "tab" }));
        browser.command("DELETE", "/window", None);
        browser.post("/window", &json!({ "handle": tab["handle"] }));
        browser.control("Network.clearBrowserCache", &json!({}));
        browser.console();
        Some(browser)
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

    /// Presses keys one after the other, as on a keyboard.
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
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.control("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Shows pages for this medium (`screen`, `print`) and theme (`light`, `dark`).
    #[track_caller]
    pub fn emulate(&self, medium: &str, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        let media = json!({ "media": medium, "features": features });
        self.control("Emulation.setEmulatedMedia", &media);
    }

    /// A command of Chromium's own protocol.
    #[track_caller]
    pub fn control(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    #[track_caller]
    fn post(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", command, Some(parameters))
    }

    #[track_caller]
    fn command(&self, method: &str, command: &str, parameters: Option<&Value>) -> Value {
        let driver = self.driver.as_ref().unwrap();
        driver.command(method, &format!("{}{command}", driver.session), parameters)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The state after a failed test is unknown.
        let driver = self.driver.take().filter(|_| !thread::panicking());
        let _ = POOL.give.send(driver);
    }
}

impl Driver {
    #[track_caller]
    fn start(chromedriver: &Path, chromium: &Path) -> Self {
        for _ in 0..STARTS_MAX {
            let home = tempfile::tempdir().unwrap().keep();
            let mut command = Command::new("sh");
            command.args(["-c", RUN_DRIVER, "sh"]).arg(chromedriver).arg(&home);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let output = Lines::collect(child.stdout.take().unwrap());
            let port = output.wait_for(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            });
            let Some(port) = port else {
                eprintln!("chromedriver did not start: {:?}", output.so_far());
                drop(child.stdin.take());
                let _ = child.wait();
                continue;
            };
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let mut driver =
                Self { _child: child, address, _output: output, session: String::new() };
            driver.open_session(chromium, &home);
            return driver;
        }
        panic!("chromedriver did not start {STARTS_MAX} times");
    }

    #[track_caller]
    fn open_session(&mut self, chromium: &Path, home: &Path) {
        let profile = format!("--user-data-dir={}", home.join("profile").display());
        let flags: Vec<&str> = FLAGS.split(' ').chain([profile.as_str()]).collect();
        let milliseconds = u64::try_from(PATIENCE.as_millis()).unwrap();
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "script": milliseconds, "pageLoad": milliseconds },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": chromium, "args": flags },
        }}});
        let session = self.command("POST", "/session", Some(&capabilities));
        self.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
    }

    /// Runs a command, which must not fail, and returns its result.
    #[track_caller]
    fn command(&self, method: &str, path: &str, parameters: Option<&Value>) -> Value {
        let parameters = parameters.map(Value::to_string).unwrap_or_default();
        let request = format!("{method} {path} {parameters}");
        let answer = self.answer(method, path, &parameters).expect(&request);
        let mut answer: Value = serde_json::from_slice(&answer).expect(&request);
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{request}: {value}");
        value
    }

    fn answer(&self, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE * 2))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        )?;
        // chromedriver leaves the connection open.
        let head = String::from_utf8(read_up_to(&mut stream, b"\r\n\r\n")).unwrap();
        let head = head.to_ascii_lowercase();
        let length =
            head.split("\r\ncontent-length:").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.trim().parse().unwrap()];
        stream.read_exact(&mut body)?;
        Ok(body)
    }
}
