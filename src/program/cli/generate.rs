//! The man page and the shells' completions.
//!
//! Both are made from the definitions of the flags, so they cannot miss one. Only the chapters
//! below, which the flags' texts have no place for, are written by hand.

use std::io::{self, Write};

use clap::{Command, ValueHint};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::flags::Page;
use super::help;

/// Chapters of the man page that are not about single flags.
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

/// Addresses that are often meant.
const ADDRESSES: [&str; 5] = ["127.0.0.1", "0.0.0.0", "::1", "::", "localhost"];

impl Page {
    /// Writes the page.
    pub(crate) fn write(self, out: &mut impl Write) -> io::Result<()> {
        let shell = match self {
            Self::Man => return manual(out),
            Self::Bash => Shell::Bash,
            Self::Zsh => Shell::Zsh,
            Self::Fish => Shell::Fish,
        };
        let mut page = Vec::new();
        generate(shell, &mut command_to_complete(), "httpd", &mut page);
        // Where nothing else is meant, the folder to serve is.
        let page =
            String::from_utf8_lossy(&page).replace("-o bashdefault -o default", "-o dirnames");
        out.write_all(page.as_bytes())?;
        out.flush()
    }
}

/// The flags, with what their values are.
fn command_to_complete() -> Command {
    let command = help::command().mut_arg("bind", |flag| flag.value_parser(ADDRESSES));
    command.mut_args(|flag| {
        // Shells offer files for what they know nothing of.
        let takes_any = flag.get_action().takes_values() && flag.get_possible_values().is_empty();
        let is_unknown = takes_any && flag.get_value_hint() == ValueHint::Unknown;
        if is_unknown { flag.value_hint(ValueHint::Other) } else { flag }
    })
}

fn manual(out: &mut impl Write) -> io::Result<()> {
    // The variables have a chapter of their own.
    let command: Command = help::command().mut_args(|flag| flag.hide_env(true));
    let man = Man::new(command).manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    Roff::new().control("SH", ["SYNOPSIS"]).text(synopsis()).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for (heading, text) in CHAPTERS {
        let mut chapter = Roff::new();
        chapter.control("SH", [heading]).text([roman(text)]);
        chapter.to_writer(&mut page)?;
    }
    let mut examples = Roff::new();
    examples.control("SH", ["EXAMPLES"]);
    for (line, does) in help::EXAMPLES {
        examples.control("TP", []).text([bold(line)]).text([roman(does)]);
    }
    examples.to_writer(&mut page)?;
    out.write_all(&page)?;
    out.flush()
}

fn synopsis() -> [Inline; 6] {
    [bold("httpd"), roman(" ["), italic("OPTIONS"), roman("] ["), italic("ROOT"), roman("]")]
}
