//! The flags: read and checked once, here, into the options that each room takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use httpd::access_log::{self, Format};
use httpd::http::forwarded::Network;
use httpd::http::host::AllowedHosts;
use httpd::http::response::ExtraField;
use httpd::site::files::{self, Dotfiles};
use httpd::site::media_type::MediaTypes;
use httpd::site::root::Symlinks;
use httpd::site::routes::Redirect;
use httpd::{connection, net, site};
use log::LevelFilter;

/// How long a write blocks before it comes back to tell what went out: by so much is an answer's last
/// progress known too late.
const SEND_TICK: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  httpd                              serve this folder at http://127.0.0.1:8080/
  httpd --port 0 ~/Downloads         that folder, on a free port
  httpd --bind 0.0.0.0 --bind ::     to the whole network";

/// Serve a folder over HTTP.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, max_term_width = 100)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Flags {
    /// The folder to serve [default: .]
    #[arg(value_name = "ROOT", conflicts_with = "root")]
    folder: Option<PathBuf>,

    /// The same, as a flag
    #[arg(short, long, value_name = "DIR", env = "HTTPD_ROOT", help_heading = "What is served")]
    root: Option<PathBuf>,

    /// File that is served for a folder; repeatable [default: index.html]
    #[arg(long, value_name = "NAME", env = "HTTPD_INDEX", help_heading = "What is served")]
    index: Vec<String>,

    /// Answer 404 for a folder without an index
    #[arg(long, env = "HTTPD_NO_LISTING", help_heading = "What is served")]
    no_listing: bool,

    /// Entries shown of one folder
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        env = "HTTPD_LISTING_LIMIT",
        help_heading = "What is served"
    )]
    listing_limit: usize,

    /// Names that start with a dot (.well-known is always served)
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t = DotfilesFlag::Deny,
        env = "HTTPD_DOTFILES",
        help_heading = "What is served"
    )]
    dotfiles: DotfilesFlag,

    /// Which symbolic links may be followed
    #[arg(
        long,
        value_name = "WHICH",
        value_enum,
        default_value_t = SymlinksFlag::Within,
        env = "HTTPD_SYMLINKS",
        help_heading = "What is served"
    )]
    symlinks: SymlinksFlag,

    /// Answer 301 for a path; repeatable
    #[arg(long, value_name = "FROM=TO", env = "HTTPD_REDIRECT", help_heading = "What is served")]
    redirect: Vec<Redirect>,

    /// Port to listen on; 0 takes a free one
    #[arg(
        short,
        long,
        value_name = "PORT",
        default_value_t = 8080,
        env = "HTTPD_PORT",
        help_heading = "Who is served"
    )]
    port: u16,

    /// Address to listen on; repeatable [default: 127.0.0.1]
    #[arg(short, long, value_name = "ADDR", env = "HTTPD_BIND", help_heading = "Who is served")]
    bind: Vec<IpAddr>,

    /// A further name that Host may carry on a loopback server, * for any; repeatable
    #[arg(long, value_name = "NAME", env = "HTTPD_ALLOW_HOST", help_heading = "Who is served")]
    allow_host: Vec<String>,

    /// Proxy whose X-Forwarded-For is believed; repeatable
    #[arg(long, value_name = "CIDR", env = "HTTPD_TRUSTED_PROXY", help_heading = "Who is served")]
    trusted_proxy: Vec<Network>,

    /// Clients served at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1024,
        value_parser = parse_count,
        env = "HTTPD_MAX_CONNECTIONS",
        help_heading = "Limits"
    )]
    max_connections: usize,

    /// Threads kept for the next clients; 0 spawns one for each
    #[arg(
        long,
        value_name = "N",
        default_value_t = 128,
        env = "HTTPD_THREAD_CACHE",
        help_heading = "Limits"
    )]
    thread_cache: usize,

    /// From accept to the end of the request, head and body
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = parse_timeout,
        env = "HTTPD_REQUEST_TIMEOUT",
        help_heading = "Limits"
    )]
    request_timeout: Duration,

    /// Without progress while a response is sent
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "30",
        value_parser = parse_timeout,
        env = "HTTPD_STALL_TIMEOUT",
        help_heading = "Limits"
    )]
    stall_timeout: Duration,

    /// For responses under way when told to stop
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = parse_seconds,
        env = "HTTPD_DRAIN_TIMEOUT",
        help_heading = "Limits"
    )]
    pub(crate) drain_timeout: Duration,

    /// Field added to every response; repeatable
    #[arg(long, value_name = "NAME: VALUE", env = "HTTPD_HEADER", help_heading = "Responses")]
    header: Vec<ExtraField>,

    /// Let pages of any origin read: Access-Control-Allow-Origin: *
    #[arg(long, env = "HTTPD_CORS", help_heading = "Responses")]
    cors: bool,

    /// Media type of an extension; repeatable
    #[arg(
        long,
        value_name = "EXT=TYPE",
        value_parser = parse_media_type,
        env = "HTTPD_MEDIA_TYPE",
        help_heading = "Responses"
    )]
    media_type: Vec<(String, String)>,

    /// Form of the access lines; auto is short on a terminal, else combined
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t = LogFormatFlag::Auto,
        env = "HTTPD_LOG_FORMAT",
        help_heading = "Log"
    )]
    log_format: LogFormatFlag,

    /// File for the access lines, reopened on SIGHUP [default: standard error]
    #[arg(long, value_name = "PATH", env = "HTTPD_LOG_FILE", help_heading = "Log")]
    pub(crate) log_file: Option<PathBuf>,

    /// No access lines
    #[arg(short, long, env = "HTTPD_QUIET", help_heading = "Log")]
    pub(crate) quiet: bool,

    /// Debug lines, too
    #[arg(short, long, env = "HTTPD_VERBOSE", help_heading = "Log")]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DotfilesFlag {
    /// They are not found
    Deny,
    /// They are served, but not listed
    Unlisted,
    /// They are served and listed
    Serve,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SymlinksFlag {
    /// None
    Deny,
    /// Those that stay below the folder
    Within,
    /// All, wherever they lead
    Follow,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormatFlag {
    Auto,
    Short,
    Common,
    Combined,
    Json,
}

impl Flags {
    /// The folder to serve.
    pub(crate) fn root(&self) -> &Path {
        self.folder.as_deref().or(self.root.as_deref()).unwrap_or(Path::new("."))
    }

    /// Which links may be followed.
    pub(crate) fn symlinks(&self) -> Symlinks {
        match self.symlinks {
            SymlinksFlag::Deny => Symlinks::Deny,
            SymlinksFlag::Within => Symlinks::Within,
            SymlinksFlag::Follow => Symlinks::Follow,
        }
    }

    /// The addresses to listen on.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
        let addresses = if self.bind.is_empty() { &loopback[..] } else { &self.bind };
        addresses.iter().map(|&address| SocketAddr::new(address, self.port)).collect()
    }

    /// How much the log tells.
    pub(crate) fn log_level(&self) -> LevelFilter {
        if self.verbose { LevelFilter::Debug } else { LevelFilter::Info }
    }

    /// What the sockets and threads are told.
    pub(crate) fn net(&self) -> net::Options {
        net::Options {
            max_connections: self.max_connections,
            thread_cache: self.thread_cache,
            receive_timeout: Some(self.request_timeout),
            send_timeout: Some(self.stall_timeout.min(SEND_TICK)),
            defer_accept: true,
        }
    }

    /// What the site is told.
    pub(crate) fn site(&self) -> site::Options {
        let index = match &self.index[..] {
            [] => vec![b"index.html".to_vec()],
            names => names.iter().map(|name| name.clone().into_bytes()).collect(),
        };
        let is_loopback = self.addresses().iter().all(|address| address.ip().is_loopback());
        // A proxy answers for the names that it passes on.
        let checks_host = is_loopback && self.trusted_proxy.is_empty();
        site::Options {
            redirects: self.redirect.clone(),
            allowed_hosts: checks_host.then(|| AllowedHosts::new(self.allow_host.clone())),
            files: files::Options {
                index,
                listing: !self.no_listing,
                listing_limit: self.listing_limit,
                dotfiles: match self.dotfiles {
                    DotfilesFlag::Deny => Dotfiles::Deny,
                    DotfilesFlag::Unlisted => Dotfiles::Unlisted,
                    DotfilesFlag::Serve => Dotfiles::Serve,
                },
                media_types: MediaTypes::new(self.media_type.clone()),
            },
        }
    }

    /// What each connection is told.
    pub(crate) fn connection(&self) -> connection::Options {
        let takes_colour = access_log::standard_error_takes_colour();
        let is_on_terminal =
            self.log_file.is_none() && std::io::IsTerminal::is_terminal(&std::io::stderr());
        let log_format = match self.log_format {
            LogFormatFlag::Auto if is_on_terminal => Format::Short,
            LogFormatFlag::Auto | LogFormatFlag::Combined => Format::Combined,
            LogFormatFlag::Short => Format::Short,
            LogFormatFlag::Common => Format::Common,
            LogFormatFlag::Json => Format::Json,
        };
        let cors = self.cors.then(|| ExtraField::new("Access-Control-Allow-Origin", "*"));
        connection::Options {
            request_timeout: self.request_timeout,
            stall_timeout: self.stall_timeout,
            extra_fields: self.header.iter().cloned().chain(cors).collect(),
            trusted_proxies: self.trusted_proxy.clone(),
            log_format,
            log_colour: takes_colour && self.log_file.is_none(),
        }
    }
}

/// A duration of at least a millisecond: sockets take a time-out of zero for none at all.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_seconds(text)? {
        timeout if timeout < Duration::from_millis(1) => Err("expected more than 0".to_owned()),
        timeout => Ok(timeout),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    /// About three years: beyond any use, and within what every clock can add.
    const SECONDS_MAX: f64 = 1e8;
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected seconds, such as 10 or 0.5".to_owned())
}

fn parse_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=1_000_000).contains(count));
    count.ok_or_else(|| "expected a number from 1 to 1000000".to_owned())
}

fn parse_media_type(text: &str) -> Result<(String, String), String> {
    let is_type = |kind: &str| {
        kind.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
            && kind.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    match text.split_once('=') {
        Some((extension, kind)) if !extension.is_empty() && is_type(kind) => {
            let extension = extension.strip_prefix('.').unwrap_or(extension);
            Ok((extension.to_owned(), kind.to_owned()))
        }
        _ => Err("expected EXT=TYPE, such as md=text/plain".to_owned()),
    }
}
