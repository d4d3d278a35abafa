//! The flags: read and checked once, here; [`options`] turns them into what each room takes.
//!
//! Each flag can also be set by an environment variable, `HTTPD_` and its name: `HTTPD_PORT`. A
//! repeatable one takes several values from there, one a line; addresses, networks and plain names
//! may also be separated by commas.

mod generate;
mod options;
mod values;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use generate::Page;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use httpd::http::forwarded::Network;
use httpd::http::response::ExtraField;
use httpd::site::routes::Redirect;

const EXAMPLES: &str = "\
Examples:
  httpd                              serve this folder at http://127.0.0.1:8080/
  httpd --port 0 ~/Downloads         that folder, on a free port
  httpd --bind 0.0.0.0 --bind ::     to the whole network

Each flag is also an environment variable: --log-format is HTTPD_LOG_FORMAT.";

/// Serve a folder over HTTP.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Flags {
    /// The folder to serve [default: .]
    #[arg(value_name = "ROOT")]
    folder: Option<PathBuf>,

    #[command(flatten, next_help_heading = "What is served")]
    content: Content,
    #[command(flatten, next_help_heading = "To whom")]
    audience: Audience,
    #[command(flatten, next_help_heading = "How responses look")]
    responses: Responses,
    #[command(flatten, next_help_heading = "Limits")]
    limits: Limits,
    #[command(flatten, next_help_heading = "Log")]
    log: Log,

    /// Print the man page or a shell's completions, and end
    #[arg(long, value_name = "WHAT", help_heading = None)]
    generate: Option<Page>,
}

#[derive(Args, Debug)]
struct Content {
    /// The same, as a flag
    #[arg(short, long, value_name = "DIR", env = "HTTPD_ROOT")]
    root: Option<PathBuf>,

    /// File that is served for a folder; repeatable
    #[arg(
        long,
        value_name = "NAME",
        default_value = "index.html",
        value_delimiter = '\n',
        env = "HTTPD_INDEX"
    )]
    index: Vec<String>,

    /// Answer 404 for a folder without an index
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_NO_LISTING")]
    no_listing: bool,

    /// Entries shown of one folder
    #[arg(long, value_name = "N", default_value_t = 10_000, env = "HTTPD_LISTING_LIMIT")]
    listing_limit: usize,

    /// Names that start with a dot (.well-known is always served)
    #[arg(long, value_name = "HOW", default_value = "deny", env = "HTTPD_DOTFILES")]
    dotfiles: DotfilesFlag,

    /// Which symbolic links may be followed
    #[arg(long, value_name = "WHICH", default_value = "within", env = "HTTPD_SYMLINKS")]
    symlinks: SymlinksFlag,

    /// Answer 301 for a path; repeatable
    #[arg(long, value_name = "FROM=TO", value_delimiter = '\n', env = "HTTPD_REDIRECT")]
    redirect: Vec<Redirect>,
}

#[derive(Args, Debug)]
struct Audience {
    /// Port to listen on; 0 takes a free one
    #[arg(short, long, value_name = "PORT", default_value_t = 8080, env = "HTTPD_PORT")]
    port: u16,

    /// Address to listen on; repeatable
    #[arg(
        short,
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1",
        value_delimiter = ',',
        env = "HTTPD_BIND"
    )]
    bind: Vec<IpAddr>,

    /// A further name that Host may carry on a loopback server, * for any; repeatable
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "HTTPD_ALLOW_HOST")]
    allow_host: Vec<String>,

    /// Proxy whose X-Forwarded-For is believed; repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "HTTPD_TRUSTED_PROXY")]
    trusted_proxy: Vec<Network>,

    /// Leave Landlock out, which locks the process into the folder
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_NO_SANDBOX")]
    no_sandbox: bool,
}

#[derive(Args, Debug)]
struct Responses {
    /// Field added to every response; repeatable
    #[arg(long, value_name = "NAME: VALUE", value_delimiter = '\n', env = "HTTPD_HEADER")]
    header: Vec<ExtraField>,

    /// Let pages of any origin read: Access-Control-Allow-Origin: *
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HTTPD_CORS")]
    cors: bool,

    /// Media type of an extension; repeatable
    #[arg(
        long,
        value_name = "EXT=TYPE",
        value_parser = values::media_type,
        value_delimiter = '\n',
        env = "HTTPD_MEDIA_TYPE"
    )]
    media_type: Vec<(String, String)>,
}

#[derive(Args, Debug)]
struct Limits {
    /// Clients served at once
    #[arg(
        long,
        value_name = "N",
        default_value = "1024",
        value_parser = values::seats,
        env = "HTTPD_MAX_CONNECTIONS"
    )]
    max_connections: usize,

    /// Threads kept for the next clients; 0 spawns one for each
    #[arg(long, value_name = "N", default_value_t = 128, env = "HTTPD_THREAD_CACHE")]
    thread_cache: usize,

    /// From accept to the end of the request, head and body
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = values::timeout,
        env = "HTTPD_REQUEST_TIMEOUT"
    )]
    request_timeout: Duration,

    /// Without progress while a response is sent
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "30",
        value_parser = values::timeout,
        env = "HTTPD_STALL_TIMEOUT"
    )]
    stall_timeout: Duration,

    /// For responses under way when told to stop
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "10",
        value_parser = values::seconds,
        env = "HTTPD_DRAIN_TIMEOUT"
    )]
    drain_timeout: Duration,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_field_names, reason = "they are named after their flags")]
struct Log {
    /// Form of the access lines; auto is short on a terminal, else combined
    #[arg(long, value_name = "FORMAT", default_value = "auto", env = "HTTPD_LOG_FORMAT")]
    log_format: LogFormatFlag,

    /// File for the access lines, reopened on SIGHUP [default: standard error]
    #[arg(long, value_name = "PATH", env = "HTTPD_LOG_FILE")]
    log_file: Option<PathBuf>,

    /// No access lines
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "HTTPD_QUIET")]
    quiet: bool,

    /// Debug lines, too
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "HTTPD_VERBOSE")]
    verbose: bool,
}

impl Flags {
    /// Reads the command line and the environment. Wrong flags end the process with status 2.
    pub(crate) fn read() -> Self {
        let matches = command().get_matches();
        let is_said = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        if is_said("folder") && is_said("root") {
            let clash = "the argument '[ROOT]' cannot be used with '--root <DIR>'";
            command().error(ErrorKind::ArgumentConflict, clash).exit();
        }
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The flags as clap takes them. The help names no variables: they follow from the flags' names.
pub(crate) fn command() -> Command {
    Flags::command().mut_args(|argument| argument.hide_env(true))
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
