//! The command line and the environment, read and checked once.
//!
//! `flags` names every flag; `options` turns them into what each module takes; `help` and
//! `generate` print them.

mod flags;
mod generate;
mod help;
mod options;
mod values;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

pub(crate) use flags::Flags;

/// Reads the command line and the environment. Wrong flags end the process with status 2.
pub(crate) fn read() -> Flags {
    let matches = help::command_with_help().get_matches();
    help::print_if_asked(&matches);
    let is_given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    if is_given("folder") && is_given("root") {
        let clash = "the argument '[ROOT]' cannot be used with '--root <DIR>'";
        help::command_with_help().error(ErrorKind::ArgumentConflict, clash).exit();
    }
    Flags::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
