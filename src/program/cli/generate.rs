//! The man page and the shells' completions, made from the same definitions as the flags.

use std::io::{self, Write};

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::flags::Page;
use super::help;

/// What the man page tells beside the flags, under these headings.
const CHAPTERS: [(&str, &str); 3] = [
    (
        "ENVIRONMENT",
        "Each flag can also be set by a variable: HTTPD_, then the flag's name in capitals with \
         underscores. HTTPD_PORT is --port, HTTPD_LOG_FORMAT is --log-format. What the command \
         line says wins. A repeatable flag takes several values from its variable, one a line; \
         addresses, networks and host names may also be separated by commas. RUST_LOG chooses \
         log lines by module and level; access=off leaves the access lines out. NO_COLOR leaves \
         colours out.",
    ),
    (
        "SIGNALS",
        "SIGINT and SIGTERM stop it: who is queued is served and what is under way is finished, \
         within the drain timeout; a second one ends it at once. SIGHUP reopens the log file; \
         without --log-file it is not caught.",
    ),
    (
        "EXIT STATUS",
        "0 after SIGINT or SIGTERM; 1 when it could not start, with the reason on standard \
         error; 2 for wrong flags.",
    ),
];

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
        generate(shell, &mut help::command(), "httpd", &mut page);
        out.write_all(&page)
    }
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
    out.write_all(&page)
}

fn synopsis() -> [Inline; 6] {
    [bold("httpd"), roman(" ["), italic("OPTIONS"), roman("] ["), italic("ROOT"), roman("]")]
}
