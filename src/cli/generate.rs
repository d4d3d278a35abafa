//! The man page and the shells' completions, made from the same definitions as the flags.

use std::io::{self, Write};

use clap::ValueEnum;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// A page that `--generate` prints.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Page {
    Man,
    Bash,
    Zsh,
    Fish,
}

impl Page {
    /// Writes the page.
    pub(crate) fn write(self, out: &mut impl Write) -> io::Result<()> {
        let shell = match self {
            Self::Man => return Man::new(super::command()).render(out),
            Self::Bash => Shell::Bash,
            Self::Zsh => Shell::Zsh,
            Self::Fish => Shell::Fish,
        };
        let mut page = Vec::new();
        generate(shell, &mut super::command(), "httpd", &mut page);
        out.write_all(&page)
    }
}
