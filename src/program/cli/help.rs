//! What `-h` and `--help` print: one table, in two lengths.
//!
//! clap's own long form gives each flag three lines and more; a table of all flags is shorter than
//! two screens and is searched by eye. A flag's text names the values that it takes.

use std::io::{self, Write};

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};

use super::flags::{ABOUT, Flags};

/// The flags that `-h` shows: what most people ever need.
const BRIEF: [&str; 14] = [
    "folder",
    "port",
    "bind",
    "qr",
    "auth",
    "index",
    "no_listing",
    "dotfiles",
    "symlinks",
    "cors",
    "log_format",
    "log_file",
    "brief",
    "help",
];

/// Command lines, and what they do.
pub(super) const EXAMPLES: [(&str, &str); 6] = [
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

/// The flags as clap takes them.
pub(super) fn command() -> Command {
    Flags::command().args(flags_about_the_program())
}

fn flags_about_the_program() -> [Arg; 3] {
    [
        Arg::new("brief")
            .short('h')
            .action(ArgAction::SetTrue)
            .help("The flags that most people need"),
        Arg::new("help").long("help").action(ArgAction::HelpShort).help("All flags"),
        Arg::new("version").short('V').long("version").action(ArgAction::Version).help("Version"),
    ]
    .map(|flag| flag.help_heading(ABOUT))
}

/// The command line, with the whole table as its help.
pub(super) fn command_with_help() -> Command {
    // The variables follow from the flags' names, and the flags' texts name the values.
    let command = command().mut_args(|flag| {
        let takes_values = flag.get_action().takes_values();
        flag.hide_env(true).hide_possible_values(takes_values)
    });
    command.after_help(format!("{}\n{VARIABLES}", examples()))
}

/// Prints the short table, if the flags ask for it, and ends the process.
pub(super) fn print_if_asked(matches: &ArgMatches) {
    if !matches.get_flag("brief") {
        return;
    }
    let is_brief = |flag: &Arg| BRIEF.contains(&flag.get_id().as_str());
    let brief = command_with_help().mut_args(|flag| {
        let hide = !is_brief(&flag);
        flag.hide(hide)
    });
    let printed = brief.after_help(examples()).print_help().and_then(|()| io::stdout().flush());
    std::process::exit(i32::from(printed.is_err()));
}

fn examples() -> String {
    let lines = EXAMPLES.map(|(line, does)| format!("  {line:<32}  {does}\n"));
    format!("Examples:\n{}", lines.concat())
}
