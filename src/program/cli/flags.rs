//! All flags, each with its help text, its default and its parser.
//!
//! The variable of a repeatable flag takes several values, one per line; addresses, networks and
//! host names may also be separated by commas. The error of a value says what was expected: clap
//! adds the flag's name and the value. `options` gives the flags their meaning for each module.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{
    NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, RangedU64ValueParser,
    TypedValueParser,
};
use clap::{Args, Parser, ValueEnum, ValueHint};

use crate::access_log::Format;
use crate::http::forwarded::Network;
use crate::http::response::ExtraField;
use crate::program::probe::{self, Url};
use crate::site::files::Dotfiles;
use crate::site::root::Symlinks;
use crate::site::routes::Redirect;

/// The heading of the flags about the program.
pub(super) const ABOUT: &str = "About";

/// The words of `--dotfiles`, with their help texts and meanings.
const DOTFILES: [(&str, &str, Dotfiles); 3] = [
    ("deny", "Not found", Dotfiles::Deny),
    ("unlisted", "Served, but not listed", Dotfiles::Unlisted),
    ("serve", "Served and listed", Dotfiles::Serve),
];

/// The words of `--symlinks`.
const SYMLINKS: [(&str, &str, Symlinks); 3] = [
    ("deny", "None", Symlinks::Deny),
    ("within", "Those that stay below the folder", Symlinks::Within),
    ("follow", "All, wherever they lead", Symlinks::Follow),
];

/// The words of `--log-format`.
const LOG_FORMATS: [(&str, &str, Option<Format>); 5] = [
    ("auto", "Short on a terminal, else combined", None),
    ("short", "For people, coloured on a terminal", Some(Format::Short { colour: true })),
    ("common", "Apache's common log format", Some(Format::Common)),
    ("combined", "The same with Referer and User-Agent", Some(Format::Combined)),
    ("json", "One JSON object a line, with duration and outcome", Some(Format::Json)),
];

/// About three years: longer than any use, and short enough for every clock to add.
const SECONDS_MAX: f64 = 1e8;

/// More slots than a machine has threads for.
const SLOTS_MAX: u64 = 1_000_000;

/// Serve a folder over HTTP.
#[derive(Debug, Parser)]
#[command(name = "httpd", version, about, max_term_width = 100)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub(crate) struct Flags {
    /// Folder to serve [default: .]
    #[arg(value_name = "ROOT", value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,

    #[command(flatten, next_help_heading = "What is served")]
    pub(crate) content: Content,
    #[command(flatten, next_help_heading = "Network and access")]
    pub(crate) network: Reachability,
    #[command(flatten, next_help_heading = "Responses")]
    pub(crate) responses: Responses,
    #[command(flatten, next_help_heading = "Limits")]
    pub(crate) limits: Limits,
    #[command(flatten, next_help_heading = "Log")]
    pub(crate) log: Log,

    /// Check that a server answers, and exit
    ///
    /// Without a URL, the server of these flags is asked. The exit status is 0 if it answers with a
    /// success or a redirect, within two seconds.
    #[arg(long, value_name = "URL", value_parser = probe::read_url)]
    #[arg(conflicts_with = "generate", help_heading = ABOUT)]
    #[expect(clippy::option_option, reason = "clap's type of a flag that may have a value")]
    pub(crate) probe: Option<Option<Url>>,

    /// Print man page or completions, and exit
    #[arg(long, value_name = "man|bash|zsh|fish", hide_possible_values = true)]
    #[arg(help_heading = ABOUT)]
    pub(crate) generate: Option<Page>,
}

#[derive(Args, Debug)]
pub(crate) struct Content {
    /// Folder to serve (same as ROOT)
    #[arg(short, long, value_name = "DIR")]
    #[arg(alias = "directory", short_alias = 'd', value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<PathBuf>,

    /// Index page; repeatable
    #[arg(long, value_name = "NAME", default_value = "index.html")]
    #[arg(value_parser = NonEmptyStringValueParser::new(), value_delimiter = '\n')]
    pub(crate) index: Vec<String>,

    /// Disable directory listings
    #[arg(long)]
    pub(crate) no_listing: bool,

    /// Serve about.html for /about
    #[arg(long)]
    pub(crate) pretty_urls: bool,

    /// Serve the root index.html for unknown paths
    ///
    /// For single-page applications. Only clients that accept HTML get it, and no path whose last
    /// name has an extension.
    #[arg(long)]
    pub(crate) spa: bool,

    /// Most entries in a listing
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) listing_limit: usize,

    /// Most entries in a .tar; 0: none
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) archive_limit: usize,

    /// Hidden files: deny, unlisted, serve
    ///
    /// .well-known is always served.
    #[arg(long, value_name = "HOW", default_value = "deny", value_parser = words(DOTFILES))]
    pub(crate) dotfiles: Dotfiles,

    /// Symlinks: deny, within or follow
    #[arg(long, value_name = "WHICH", default_value = "within", value_parser = words(SYMLINKS))]
    pub(crate) symlinks: Symlinks,

    /// Redirect a path (301); repeatable
    #[arg(long, value_name = "FROM=TO", value_delimiter = '\n')]
    pub(crate) redirect: Vec<Redirect>,
}

#[derive(Args, Debug)]
pub(crate) struct Reachability {
    /// Port; 0 picks a free one
    #[arg(short, long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) port: u16,

    /// Address to listen on; repeatable
    ///
    /// It may be `localhost`, or have a port of its own: `127.0.0.1:9000` or `[::1]:9000`.
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1")]
    #[arg(value_parser = listener, value_delimiter = ',')]
    #[arg(aliases = ["host", "address", "addr", "interfaces", "listen"], short_alias = 'i')]
    pub(crate) bind: Vec<(IpAddr, Option<u16>)>,

    /// Print a QR code of the URL
    #[arg(long)]
    pub(crate) qr: bool,

    /// Extra Host name to accept on loopback; * accepts any; repeatable
    ///
    /// A server that only listens on loopback accepts addresses, localhost and names below it, so
    /// that no web page can read the folder by pointing a name of its own at it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) allow_host: Vec<String>,

    /// Require a password; FILE comes from `htpasswd -B`
    ///
    /// The file is read once, at the start.
    #[arg(long, value_name = "FILE")]
    pub(crate) auth: Option<PathBuf>,

    /// Proxies whose X-Forwarded-For is trusted; repeatable
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub(crate) trusted_proxy: Vec<Network>,

    /// Disable the Landlock sandbox
    #[arg(long)]
    pub(crate) no_sandbox: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Responses {
    /// Header field for every response; repeatable
    #[arg(long, value_name = "NAME: VALUE", value_delimiter = '\n')]
    pub(crate) header: Vec<ExtraField>,

    /// Allow cross-origin requests (CORS)
    #[arg(long)]
    pub(crate) cors: bool,

    /// Content-Type of an extension, such as md=text/plain; repeatable
    #[arg(long, value_name = "EXT=TYPE", value_parser = media_type, value_delimiter = '\n')]
    pub(crate) media_type: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct Limits {
    /// Most slow connections at once
    #[arg(long, value_name = "N", default_value = "1024", value_parser = count(1))]
    pub(crate) max_connections: usize,

    /// Idle threads to keep
    ///
    /// With 0, a new thread is spawned for each client.
    #[arg(long, value_name = "N", default_value = "128", value_parser = count(0))]
    pub(crate) thread_cache: usize,

    /// Time limit for receiving a request, head and body
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = timeout)]
    pub(crate) request_timeout: Duration,

    /// Drop a download that stalls this long
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = timeout)]
    pub(crate) stall_timeout: Duration,

    /// How long to wait for downloads at shutdown
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) drain_timeout: Duration,
}

#[derive(Args, Debug)]
#[expect(clippy::struct_field_names, reason = "they are named after their flags")]
pub(crate) struct Log {
    /// Access lines: auto, short, common, combined or json
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = words(LOG_FORMATS))]
    // With its path, clap does not take it for an optional flag.
    pub(crate) log_format: std::option::Option<Format>,

    /// Log requests to this file, reopened on SIGHUP
    #[arg(long, value_name = "PATH")]
    pub(crate) log_file: Option<PathBuf>,

    /// Do not log requests
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Log debug messages too
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// A page that `--generate` prints.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Page {
    Man,
    Bash,
    Zsh,
    Fish,
}

/// An address with an optional port.
fn listener(text: &str) -> Result<(IpAddr, Option<u16>), &'static str> {
    let numeric = match text.strip_prefix("localhost") {
        Some(rest) if rest.is_empty() || rest.starts_with(':') => format!("127.0.0.1{rest}"),
        _ => text.to_owned(),
    };
    let with_port = numeric.parse().map(|it: SocketAddr| (it.ip(), Some(it.port())));
    let address = with_port.or_else(|_| numeric.parse().map(|ip| (ip, None)));
    address.map_err(|_| "expected an address, such as 0.0.0.0, ::1, localhost or [::1]:8080")
}

/// At least a millisecond: for a socket, zero means no timeout.
fn timeout(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        timeout if timeout < Duration::from_millis(1) => Err("expected more than 0".to_owned()),
        timeout => Ok(timeout),
    }
}

/// Seconds, whole or not.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    let seconds = seconds.map(Duration::from_secs_f64);
    seconds.ok_or_else(|| "expected seconds, such as 10 or 0.5".to_owned())
}

/// A number of slots or idle threads.
fn count(min: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(min..=SLOTS_MAX)
}

fn words<T: Copy + Send + Sync + 'static, const N: usize>(
    words: [(&'static str, &'static str, T); N],
) -> impl TypedValueParser<Value = T> {
    let names = words.map(|(name, help, _)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(names).map(move |word| {
        let found = words.iter().find(|(name, ..)| *name == word);
        found.expect("the parser accepts no others").2
    })
}

/// `EXT=TYPE`; a leading dot and the case of the extension are ignored.
fn media_type(text: &str) -> Result<(String, String), String> {
    let is_type = |kind: &str| {
        kind.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
            && kind.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    match text.split_once('=') {
        Some((extension, kind)) if !extension.is_empty() && is_type(kind) => {
            let extension = extension.strip_prefix('.').unwrap_or(extension);
            Ok((extension.to_ascii_lowercase(), kind.to_owned()))
        }
        _ => Err("expected EXT=TYPE, such as md=text/plain".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<(&str, Option<u16>)>) {
        let want = want.map(|(ip, port)| (ip.parse().unwrap(), port));
        assert_eq!(listener(text).ok(), want, "{text}");
    }

    #[test]
    fn a_listener_is_an_address_perhaps_with_a_port() {
        check("0.0.0.0", Some(("0.0.0.0", None)));
        check("127.0.0.1:9000", Some(("127.0.0.1", Some(9000))));
        check("::1:8080", Some(("::1:8080", None)));
        check("[::1]:8080", Some(("::1", Some(8080))));
        check("localhost", Some(("127.0.0.1", None)));
        check("localhost:0", Some(("127.0.0.1", Some(0))));
        for wrong in ["", "8080", ":8080", "localhost1", "localhost:x", "127.0.0.1:", "[::1]"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_media_type_has_its_extension_in_small_letters() {
        let want = ("log".to_owned(), "text/x-log".to_owned());
        assert_eq!(media_type(".LOG=text/x-log"), Ok(want));
    }
}
