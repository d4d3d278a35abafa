//! Every flag, with its help text, its default and its variable.
//!
//! Each flag can also be set by an environment variable, `HTTPD_` and its name: `HTTPD_PORT`. A
//! repeatable flag takes several values from its variable, one on each line; addresses, networks
//! and host names may also be separated by commas. What the flags mean to each module is in
//! `options`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use clap::{Args, Parser, ValueEnum, ValueHint};

use super::values;
use crate::http::forwarded::Network;
use crate::http::response::ExtraField;
use crate::program::probe::Url;
use crate::site::routes::Redirect;

/// The heading of the flags about the program.
pub(super) const ABOUT: &str = "About";

/// Serve a folder over HTTP.
#[derive(Debug, Parser)]
#[command(name = "httpd", version, about, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct Flags {
    /// Folder to serve [default: .]
    #[arg(value_name = "ROOT", value_hint = ValueHint::DirPath)]
    pub(super) folder: Option<PathBuf>,

    #[command(flatten, next_help_heading = "What is served")]
    pub(super) content: Content,
    #[command(flatten, next_help_heading = "Network and access")]
    pub(super) network: Reachability,
    #[command(flatten, next_help_heading = "Responses")]
    pub(super) responses: Responses,
    #[command(flatten, next_help_heading = "Limits")]
    pub(super) limits: Limits,
    #[command(flatten, next_help_heading = "Log")]
    pub(super) log: Log,

    /// Check that a server answers, and exit
    ///
    /// Without a URL, the server of these flags is asked. The exit status is 0 if it answers with a
    /// success or a redirect, within two seconds.
    #[arg(long, value_name = "URL", conflicts_with = "generate", help_heading = ABOUT)]
    #[expect(clippy::option_option, reason = "clap's type of a flag that may have a value")]
    pub(super) probe: Option<Option<Url>>,

    /// Print man page or completions, and exit
    #[arg(long, value_name = "man|bash|zsh|fish", hide_possible_values = true)]
    #[arg(help_heading = ABOUT)]
    pub(super) generate: Option<Page>,
}

#[derive(Args, Debug)]
pub(super) struct Content {
    /// Folder to serve (same as ROOT)
    #[arg(short, long, value_name = "DIR", env = "HTTPD_ROOT")]
    #[arg(alias = "directory", short_alias = 'd', value_hint = ValueHint::DirPath)]
    pub(super) root: Option<PathBuf>,

    /// Index page; repeatable
    #[arg(
        long,
        value_name = "NAME",
        default_value = "index.html",
        value_parser = NonEmptyStringValueParser::new(),
        value_delimiter = '\n',
        env = "HTTPD_INDEX"
    )]
    pub(super) index: Vec<String>,

    /// Disable directory listings
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_NO_LISTING")]
    pub(super) no_listing: bool,

    /// Serve about.html for /about
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_PRETTY_URLS")]
    pub(super) pretty_urls: bool,

    /// Serve the root index.html for unknown paths
    ///
    /// For single-page applications. Only clients that accept HTML get it, and no path whose last
    /// name has an extension.
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_SPA")]
    pub(super) spa: bool,

    /// Most entries in a listing
    #[arg(long, value_name = "N", default_value_t = 10_000, env = "HTTPD_LISTING_LIMIT")]
    pub(super) listing_limit: usize,

    /// Most entries in a .tar; 0: none
    #[arg(long, value_name = "N", default_value_t = 100_000, env = "HTTPD_ARCHIVE_LIMIT")]
    pub(super) archive_limit: usize,

    /// Hidden files: deny, unlisted, serve
    ///
    /// .well-known is always served.
    #[arg(long, value_name = "HOW", default_value = "deny", env = "HTTPD_DOTFILES")]
    pub(super) dotfiles: DotfilesFlag,

    /// Symlinks: deny, within or follow
    #[arg(long, value_name = "WHICH", default_value = "within", env = "HTTPD_SYMLINKS")]
    pub(super) symlinks: SymlinksFlag,

    /// Redirect a path (301); repeatable
    #[arg(long, value_name = "FROM=TO", value_delimiter = '\n', env = "HTTPD_REDIRECT")]
    pub(super) redirect: Vec<Redirect>,
}

#[derive(Args, Debug)]
pub(super) struct Reachability {
    /// Port; 0 picks a free one
    #[arg(short, long, value_name = "PORT", default_value_t = 8080, env = "HTTPD_PORT")]
    pub(super) port: u16,

    /// Address to listen on; repeatable
    ///
    /// It may be `localhost`, or have a port of its own: `127.0.0.1:9000` or `[::1]:9000`.
    #[arg(
        short,
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1",
        value_parser = values::listener,
        value_delimiter = ',',
        env = "HTTPD_BIND"
    )]
    #[arg(aliases = ["host", "address", "addr", "interfaces", "listen"], short_alias = 'i')]
    pub(super) bind: Vec<(IpAddr, Option<u16>)>,

    /// Print a QR code of the URL
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_QR")]
    pub(super) qr: bool,

    /// Extra Host name to accept on loopback; * accepts any; repeatable
    ///
    /// A server that only listens on loopback accepts addresses, localhost and names below it, so
    /// that no web page can read the folder by pointing a name of its own at it.
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "HTTPD_ALLOW_HOST")]
    pub(super) allow_host: Vec<String>,

    /// Require a password; FILE comes from `htpasswd -B`
    ///
    /// The file is read once, at the start.
    #[arg(long, value_name = "FILE", env = "HTTPD_AUTH")]
    pub(super) auth: Option<PathBuf>,

    /// Proxies whose X-Forwarded-For is trusted; repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "HTTPD_TRUSTED_PROXY")]
    pub(super) trusted_proxy: Vec<Network>,

    /// Disable the Landlock sandbox
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_NO_SANDBOX")]
    pub(super) no_sandbox: bool,
}

#[derive(Args, Debug)]
pub(super) struct Responses {
    /// Header field for every response; repeatable
    #[arg(long, value_name = "NAME: VALUE", value_delimiter = '\n', env = "HTTPD_HEADER")]
    pub(super) header: Vec<ExtraField>,

    /// Allow cross-origin requests (CORS)
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_CORS")]
    pub(super) cors: bool,

    /// Content-Type of an extension, such as md=text/plain; repeatable
    #[arg(
        long,
        value_name = "EXT=TYPE",
        value_parser = values::media_type,
        value_delimiter = '\n',
        env = "HTTPD_MEDIA_TYPE"
    )]
    pub(super) media_type: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(super) struct Limits {
    /// Most slow connections at once
    #[arg(
        long,
        value_name = "N",
        default_value = "1024",
        value_parser = values::slots,
        env = "HTTPD_MAX_CONNECTIONS"
    )]
    pub(super) max_connections: usize,

    /// Idle threads to keep
    ///
    /// With 0, a new thread is spawned for each client.
    #[arg(
        long,
        value_name = "N",
        default_value = "128",
        value_parser = values::idle_threads,
        env = "HTTPD_THREAD_CACHE"
    )]
    pub(super) thread_cache: usize,

    /// Time limit for receiving a request, head and body
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = values::timeout,
        env = "HTTPD_REQUEST_TIMEOUT"
    )]
    pub(super) request_timeout: Duration,

    /// Drop a download that stalls this long
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "30",
        value_parser = values::timeout,
        env = "HTTPD_STALL_TIMEOUT"
    )]
    pub(super) stall_timeout: Duration,

    /// How long to wait for downloads at shutdown
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = values::seconds,
        env = "HTTPD_DRAIN_TIMEOUT"
    )]
    pub(super) drain_timeout: Duration,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_field_names, reason = "they are named after their flags")]
pub(super) struct Log {
    /// Access lines: auto, short, common, combined or json
    #[arg(long, value_name = "FORMAT", default_value = "auto", env = "HTTPD_LOG_FORMAT")]
    pub(super) log_format: LogFormatFlag,

    /// Log requests to this file, reopened on SIGHUP
    #[arg(long, value_name = "PATH", env = "HTTPD_LOG_FILE")]
    pub(super) log_file: Option<PathBuf>,

    /// Do not log requests
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "HTTPD_QUIET")]
    pub(super) quiet: bool,

    /// Log debug messages too
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "HTTPD_VERBOSE")]
    pub(super) verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum DotfilesFlag {
    /// Not found
    Deny,
    /// Served, but not listed
    Unlisted,
    /// Served and listed
    Serve,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SymlinksFlag {
    /// None
    Deny,
    /// Those that stay below the folder
    Within,
    /// All, wherever they lead
    Follow,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum LogFormatFlag {
    /// Short on a terminal, else combined
    Auto,
    /// For people, coloured on a terminal
    Short,
    /// Apache's common log format
    Common,
    /// The same with Referer and User-Agent
    Combined,
    /// One JSON object a line, with duration and outcome
    Json,
}

/// A page that `--generate` prints.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Page {
    Man,
    Bash,
    Zsh,
    Fish,
}
