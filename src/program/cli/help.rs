//! The output of `-h`, `--help` and `--generate`: two tables of flags, the man page, completions.
//!
//! All are made from the definitions of the flags, so none is missing. clap's own long form takes
//! three or more lines per flag; a table of all flags fits two screens and is searched by eye. A
//! flag's text names its values.

use std::io::{self, Write};

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, ValueHint};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::flags::{ABOUT, Flags, Page};

/// The flags of `-h`: all that most people need.
const BRIEF: &str = "folder port bind qr auth index no_listing dotfiles symlinks cors log_format \
                     log_file brief help";

/// Command lines with their purposes.
const EXAMPLES: [(&str, &str); 6] = [
    ("httpd", "serve this folder at http://127.0.0.1:8080/"),
    ("httpd --port 0 ~/Downloads", "serve that folder on a free port"),
    ("httpd -b 0.0.0.0 -b ::", "listen on all interfaces"),
    ("httpd -b 0.0.0.0 --qr ~/Pictures", "share with a phone (QR code)"),
    ("httpd --log-file ~/httpd.log", "log requests to a file"),
    ("HTTPD_PORT=3000 httpd", "set a flag by its variable"),
];

const VARIABLES: &str = "\
Each flag is also an environment variable: HTTPD_LOG_FORMAT is --log-format. The
variable of a repeatable flag takes one value per line; commas may also separate
addresses and host names.

The exit status is 0 after Ctrl-C or SIGTERM, 1 when it cannot start, and 2 for
wrong flags.
The manual: httpd --generate man | man -l -";

/// Chapters of the man page about more than single flags.
const CHAPTERS: [(&str, &str); 3] = [
    (
        "ENVIRONMENT",
        "Each flag can also be set by a variable: HTTPD_, then the flag's name in capitals with \
         underscores. HTTPD_PORT is --port, HTTPD_LOG_FORMAT is --log-format. A flag on the \
         command line wins. An empty variable counts as unset. The variable of a repeatable flag \
         takes one value on each line; commas may also separate addresses, networks and host \
         names. RUST_LOG selects log lines by module and level; access=off leaves out access \
         lines. NO_COLOR turns off colours.",
    ),
    (
        "SIGNALS",
        "SIGINT and SIGTERM stop it: clients that are queued are accepted for at most a second, \
         and active responses completed within the drain timeout; a second signal ends it at \
         once. SIGHUP reopens the log file; without --log-file it ends the program only where \
         standard error is a terminal.",
    ),
    (
        "EXIT STATUS",
        "0 after SIGINT or SIGTERM; 1 when it could not start, with the reason on standard \
         error, or when it has lost a listening socket; 2 for wrong flags. With --probe: 0 \
         when the server answers with a success or a redirect, else 1.",
    ),
];

/// Common addresses.
const ADDRESSES: [&str; 5] = ["127.0.0.1", "0.0.0.0", "::1", "::", "localhost"];

/// The flags for clap.
pub(super) fn command() -> Command {
    let brief = Arg::new("brief").short('h').action(ArgAction::SetTrue);
    let help = Arg::new("help").long("help").action(ArgAction::HelpShort);
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    let about = [
        brief.help("The flags that most people need"),
        help.help("All flags"),
        version.help("Version"),
    ];
    Flags::command().args(about.map(|flag| flag.help_heading(ABOUT)))
}

/// The command line, with the whole table as its help.
pub(super) fn command_with_help() -> Command {
    // The flags' texts already name the values.
    let command = command().mut_args(|flag| {
        let takes_values = flag.get_action().takes_values();
        flag.hide_possible_values(takes_values)
    });
    command.after_help(format!("{}\n{VARIABLES}", examples()))
}

/// Prints the short table and ends the process, if the flags ask for it.
pub(super) fn print_if_asked(matches: &ArgMatches) {
    if !matches.get_flag("brief") {
        return;
    }
    let brief = command_with_help().mut_args(|flag| {
        let is_brief = BRIEF.split(' ').any(|it| flag.get_id() == it);
        flag.hide(!is_brief)
    });
    let printed = brief.after_help(examples()).print_help().and_then(|()| io::stdout().flush());
    std::process::exit(i32::from(printed.is_err()));
}

fn examples() -> String {
    let lines = EXAMPLES.map(|(line, does)| format!("  {line:<32}  {does}\n"));
    format!("Examples:\n{}", lines.concat())
}

impl Page {
    /// The page's text.
    pub(crate) fn text(self) -> io::Result<Vec<u8>> {
        let shell = match self {
            Self::Man => return manual(),
            Self::Bash => Shell::Bash,
            Self::Zsh => Shell::Zsh,
            Self::Fish => Shell::Fish,
        };
        let mut page = Vec::new();
        generate(shell, &mut command_to_complete(), "httpd", &mut page);
        // Nothing else fits here, so offer folders to serve.
        let page = String::from_utf8_lossy(&page);
        Ok(page.replace("-o bashdefault -o default", "-o dirnames").into_bytes())
    }
}

/// The flags, with the kinds of their values.
fn command_to_complete() -> Command {
    let command = command().mut_arg("bind", |flag| flag.value_parser(ADDRESSES));
    command.mut_args(|flag| {
        // Shells offer files for values of an unknown kind.
        let takes_any = flag.get_action().takes_values() && flag.get_possible_values().is_empty();
        let is_unknown = takes_any && flag.get_value_hint() == ValueHint::Unknown;
        if is_unknown { flag.value_hint(ValueHint::Other) } else { flag }
    })
}

fn manual() -> io::Result<Vec<u8>> {
    let man = Man::new(command()).manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let synopsis =
        [bold("httpd"), roman(" ["), italic("OPTIONS"), roman("] ["), italic("ROOT"), roman("]")];
    Roff::new().control("SH", ["SYNOPSIS"]).text(synopsis).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    for (heading, text) in CHAPTERS {
        rest.control("SH", [heading]).text([roman(text)]);
    }
    rest.control("SH", ["EXAMPLES"]);
    for (line, does) in EXAMPLES {
        rest.control("TP", []).text([bold(line)]).text([roman(does)]);
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}
