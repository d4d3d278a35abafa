//! The common part of the programs here: flags in, an exit status out.
//!
//! Every error, wrong flags included, becomes one plain sentence on standard error and exit status
//! 1. Decides nothing about what a program does.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

/// Reads the flags and runs the program with them.
pub(crate) fn run<F: Parser>(program: impl FnOnce(F) -> Result<(), Box<dyn Error>>) -> ExitCode {
    let flags = match F::try_parse() {
        Ok(flags) => flags,
        // Help on request is not an error. If standard output is closed, nothing is lost.
        Err(help) if !help.use_stderr() => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(first_sentence(&error.to_string())),
    };
    match program(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error),
    }
}

fn fail(reason: impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "{}: {reason}", env!("CARGO_CRATE_NAME"));
    ExitCode::FAILURE
}

/// The part of clap's message before the usage and the tips, on one line.
fn first_sentence(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines = text.lines().take_while(|line| !line.is_empty());
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}
