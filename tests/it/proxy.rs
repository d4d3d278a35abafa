//! Behind nginx and HAProxy: the log has the client's address, and bytes pass unchanged.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::listing_page::{Page, resolve};
use crate::support::{
    Httpd, Reply, Tree, connect_from, contrib, eventually, free_port, pattern, read_to_end, tool,
};

/// The proxies' address: no other test's client has one here.
const PROXY: &str = "127.0.0.5";

/// The client of these tests, an address that is not the proxy's own.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A proxy in the foreground, killed when dropped.
pub struct Proxy {
    child: Child,
    address: SocketAddr,
    /// Its configuration and its output.
    _folder: Tree,
}

impl Proxy {
    /// HAProxy with `contrib/haproxy.cfg`, before these two servers.
    pub fn haproxy(servers: [SocketAddr; 2]) -> Option<Self> {
        Self::haproxy_with(servers, |config| config)
    }

    /// The same with this change to the file.
    pub fn haproxy_with(
        servers: [SocketAddr; 2],
        change: impl Fn(String) -> String,
    ) -> Option<Self> {
        let tool = tool("haproxy")?;
        let example = change(contrib("haproxy.cfg"));
        let servers = servers.map(|server| server.to_string());
        Some(Self::start(|address, _| {
            let config = replace(&example, "bind :80\n", &format!("bind {address}\n"));
            let config = replace(&config, "127.0.0.1:8081", &servers[0]);
            let config = replace(&config, "127.0.0.1:8082", &servers[1]);
            let mut command = Command::new(&tool);
            command.args(["-db", "-q", "-f"]);
            (config, command)
        }))
    }

    /// nginx with the server block of `contrib/nginx.conf`.
    pub fn nginx(server: SocketAddr) -> Option<Self> {
        Self::nginx_with(server, &contrib("nginx.conf"))
    }

    /// nginx with the block of that file for a folder below a path.
    fn nginx_below_a_path(server: SocketAddr) -> Option<Self> {
        let example = contrib("nginx.conf");
        let block: Vec<_> =
            example.lines().filter_map(|line| line.strip_prefix("#     ")).collect();
        Self::nginx_with(server, &format!("server {{ listen 80; {} }}\n", block.join("\n")))
    }

    fn nginx_with(server: SocketAddr, example: &str) -> Option<Self> {
        let tool = tool("nginx")?;
        Some(Self::start(|address, folder| {
            let site = replace(example, "listen 80;", &format!("listen {address};"));
            let site = replace(&site, "127.0.0.1:8080", &server.to_string());
            // A single foreground process, which leaves nothing outside its folder.
            let folder = folder.display();
            let config = format!(
                "daemon off; master_process off; pid {folder}/pid; error_log stderr;\n\
                 events {{ }}\n\
                 http {{ access_log off; client_body_temp_path {folder}/body;\n\
                 proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
                 uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n{site} }}\n"
            );
            let mut command = Command::new(&tool);
            command.args(["-e", "stderr", "-c"]);
            (config, command)
        }))
    }

    /// Starts the result of `make` for an address and a folder: a configuration, and the command
    /// that takes its path as the last argument.
    fn start(make: impl Fn(SocketAddr, &Path) -> (String, Command)) -> Self {
        // Its port may be taken in between.
        for _ in 0..5 {
            let folder = Tree::new();
            let address = format!("{PROXY}:{}", free_port(PROXY)).parse().unwrap();
            let (config, mut command) = make(address, folder.path());
            let config = folder.write("config", config.as_bytes());
            let log = folder.join("log");
            let mut child = command
                .arg(config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(fs::File::create(&log).unwrap())
                .spawn()
                .unwrap();
            let mut has_ended = false;
            eventually("the proxy listens, or ends", || {
                has_ended = child.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(address).is_ok()
            });
            if !has_ended {
                return Self { child, address, _folder: folder };
            }
            eprintln!("{command:?} ended: {}", fs::read_to_string(log).unwrap());
        }
        panic!("no proxy after five starts");
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn replace(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

/// A request from CLIENT over HTTP/1.1, with these field lines and this body.
#[track_caller]
fn ask(address: SocketAddr, request: &str, fields: &str, body: &str) -> Reply {
    let mut stream = connect_from(CLIENT, address);
    let head = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    Reply::parse(&read_to_end(&mut stream))
}

/// The client in the log for the request of `/a.txt` with this query.
#[track_caller]
fn logged(httpd: &Httpd, query: &str) -> String {
    let line = httpd.log_line(|line| line.contains(&format!("/a.txt?{query} ")));
    line.split(' ').next().unwrap().to_owned()
}

/// Must hold behind any proxy, which speaks this version to us.
#[track_caller]
fn check_proxy(start: impl Fn(SocketAddr) -> Option<Proxy>, version: &str) {
    let large = pattern(5_000_000);
    let tree = Tree::with(&[("a.txt", b"hello"), ("large", &large)]);
    let httpd = Httpd::serve(tree.path(), &["--trusted-proxy", "127.0.0.1"]);
    let Some(proxy) = start(httpd.address()) else { return };
    let at = proxy.address();
    assert!(ask(at, "GET /large", "", "").body == large);
    httpd.log_line(|line| line.contains(&format!("\"GET /large {version}\" 200 5000000")));
    let part = ask(at, "GET /large", "Range: bytes=4000000-\r\n", "");
    assert_eq!((part.status, part.field("Content-Length")), (206, Some("1000000")));
    assert!(part.body == large[4_000_000..]);
    let head = ask(at, "HEAD /large", "", "");
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("5000000")));
    assert_eq!(head.body, b"");
    let tag = head.field("ETag").unwrap();
    let same = ask(at, "GET /large", &format!("If-None-Match: {tag}\r\n"), "");
    assert_eq!((same.status, same.body.len()), (304, 0));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let post = ask(at, "POST /post.html", form, "id=s12345");
    assert!(post.text().contains("<p>s12345</p>"), "{post:?}");

    ask(at, "GET /a.txt?plain", "", "");
    assert_eq!(logged(&httpd, "plain"), "127.0.0.2");
    // Addresses that the client makes up are to the left of the one that the proxy saw.
    let fields = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 127.0.0.1\r\n";
    assert_eq!(ask(at, "GET /a.txt?lines", fields, "").status, 200);
    assert_eq!(logged(&httpd, "lines"), "127.0.0.2");
    // Past the proxy, only the proxy itself is trusted.
    ask(httpd.address(), "GET /a.txt?direct", "X-Forwarded-For: 203.0.113.9\r\n", "");
    assert_eq!(logged(&httpd, "direct"), "127.0.0.2");
    // Nor is it unless that is said.
    let doubting = Httpd::serve(tree.path(), &[]);
    let other = start(doubting.address()).unwrap();
    ask(other.address(), "GET /a.txt?untrusted", "X-Forwarded-For: 203.0.113.9\r\n", "");
    assert_eq!(logged(&doubting, "untrusted"), "127.0.0.1");
}

#[test]
fn nginx_in_front() {
    check_proxy(Proxy::nginx, "HTTP/1.0");
}

#[test]
fn haproxy_in_front() {
    check_proxy(|server| Proxy::haproxy([server, server]), "HTTP/1.1");
}

/// No target below the path leads out of it.
#[test]
fn below_a_path_of_a_proxy() {
    let tree = Tree::with(&[
        ("docs/a b/c:d/file.txt", b"hello"),
        ("http:/file.txt", b"no scheme"),
        ("docs/README.md", b"[up](../) [file](a%20b/c:d/file.txt) ![image](image.png)"),
    ]);
    let httpd = Httpd::serve(tree.path(), &["--trusted-proxy", "127.0.0.1"]);
    let Some(proxy) = Proxy::nginx_below_a_path(httpd.address()) else { return };
    let get = |target: &str| ask(proxy.address(), &format!("GET {target}"), "", "");
    for (folder, want) in [
        ("/files/docs", "docs/"),
        ("/files/docs/a%20b?x=/y", "a%20b/?x=/y"),
        ("/files/docs/a%20b/c:d", "c%3Ad/"),
        ("/files/http:", "http%3A/"),
    ] {
        let reply = get(folder);
        assert_eq!((reply.status, reply.field("Location")), (301, Some(want)), "{folder}");
    }
    let deep = "/files/docs/a%20b/c%3Ad/";
    let page = Page::parse(&get(deep));
    let up: Vec<_> = page.breadcrumbs.iter().map(|(href, _)| resolve(deep, href)).collect();
    assert_eq!(up, ["/files/", "/files/docs/", "/files/docs/a%20b/"]);
    assert_eq!(get(&resolve(deep, &page.rows[0].href)).body, b"hello");
    let size = resolve(deep, "?sort=size&order=desc");
    assert_eq!(Page::parse(&get(&size)).texts(), ["file.txt"]);
    for target in ["/files/", "/files/docs/", deep, "/files/missing", "/files/get.html"] {
        let reply = get(target).text();
        for absolute in ["href=\"/", "src=\"/", "action=\"/"] {
            assert!(!reply.contains(absolute), "{target}: {reply}");
        }
    }
}

/// Fields added and passed on by a proxy.
const FIELDS: &str = "X-Forwarded-For: 203.0.113.9\r\nReferer: /r\r\nUser-Agent: agent\r\n";

/// Checks that the log has a line with this outcome and this client for this marked request.
#[track_caller]
fn check_entry(httpd: &Httpd, mark: &str, outcome: &str) {
    let is_marked = |target: &str| target.contains(mark);
    let entry = httpd.log_entry(|it| it["target"].as_str().is_some_and(is_marked));
    assert_eq!(entry["outcome"], outcome, "{entry}");
    let client = ["client", "referer", "user_agent"].map(|name| entry[name].as_str());
    assert_eq!(client, [Some("203.0.113.9"), Some("/r"), Some("agent")], "{entry}");
}

#[test]
fn refused_and_late_requests_have_the_clients_address_too() {
    let tree = Tree::new();
    let flags = ["--trusted-proxy", "127.0.0.1", "--log-format", "json"];
    let httpd = Httpd::serve(tree.path(), &[&flags[..], &["--request-timeout", "1"]].concat());
    let fields_of_a_client = "A: b\r\n".repeat(100);
    for (start, mark, status) in [
        ("GET /a%2fb HTTP/1.0\r\n", "a%2fb", 404),
        (&format!("GET /many HTTP/1.0\r\n{fields_of_a_client}"), "many", 431),
        (&format!("GET /{} HTTP/1.0\r\n", "l".repeat(9_000)), "/lll", 414),
    ] {
        assert_eq!(httpd.reply(format!("{start}{FIELDS}\r\n")).status, status, "{mark}");
        check_entry(&httpd, mark, "refused");
    }
    // These never become whole requests.
    assert_eq!(httpd.reply(format!("GET /late HTTP/1.0\r\n{FIELDS}Accept: ")).status, 408);
    check_entry(&httpd, "/late", "timed-out");
    let body = format!("POST /post.html?body HTTP/1.0\r\n{FIELDS}Content-Length: 9\r\n\r\nid=");
    assert_eq!(httpd.reply(body).status, 408);
    check_entry(&httpd, "?body", "timed-out");
}

#[test]
fn an_evicted_request_has_the_clients_address_too() {
    let tree = Tree::new();
    let flags = ["--trusted-proxy", "127.0.0.1", "--log-format", "json"];
    let httpd = Httpd::serve(tree.path(), &[&flags[..], &["--max-connections", "1"]].concat());
    let mut owes = httpd.ask(format!("GET /evicted HTTP/1.0\r\n{FIELDS}Accept: "));
    // Another request that makes the server wait.
    let _other = httpd.ask("GET /other HTTP/1.0\r\n");
    assert_eq!(read_to_end(&mut owes), b"");
    check_entry(&httpd, "/evicted", "evicted");
}
