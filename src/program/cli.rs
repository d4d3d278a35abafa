//! The command line and the environment, read and checked once.
//!
//! `flags` names every flag; `options` turns them into what each module takes; `help` and
//! `generate` print them.

mod flags;
mod generate;
mod help;
mod options;
mod values;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use clap::builder::{OsStr, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Error, FromArgMatches};

pub(crate) use flags::Flags;

/// What the names of the variables begin with.
const PREFIX: &str = "HTTPD_";

/// In place of a flag's variable.
const UNSET: Resettable<OsStr> = Resettable::Reset;

/// Reads the command line and the environment. Wrong flags end the process with status 2.
pub(crate) fn read() -> Flags {
    let matches = matches(|name| env::var_os(name).is_none_or(|value| value.is_empty()));
    let matches = matches.unwrap_or_else(|error| end(&blame_variable(error)));
    help::print_if_asked(&matches);
    let is_given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    if is_given("folder") && is_given("root") {
        let clash = "the argument '[ROOT]' cannot be used with '--root <DIR>'";
        end(&help::command_with_help().error(ErrorKind::ArgumentConflict, clash));
    }
    Flags::from_arg_matches(&matches).unwrap_or_else(|error| end(&error))
}

/// The variables that are named as if they belonged to a flag, and belong to none.
pub(crate) fn unknown_variables() -> Vec<OsString> {
    let command = help::command();
    let known: Vec<_> = command.get_arguments().filter_map(Arg::get_env).collect();
    let names = env::vars_os().map(|(name, _)| name);
    let ours = names.filter(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    ours.filter(|name| !known.contains(&name.as_os_str())).collect()
}

/// What the flags are, without those variables.
fn matches(is_unset: impl Fn(&std::ffi::OsStr) -> bool) -> Result<ArgMatches, Error> {
    let command = help::command_with_help().mut_args(|flag| {
        if flag.get_env().is_some_and(&is_unset) { flag.env(UNSET) } else { flag }
    });
    command.try_get_matches()
}

/// Names the variable in an error that the command line alone does not give.
fn blame_variable(mut error: Error) -> Error {
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(name) = flag.strip_prefix("--").and_then(|flag| flag.split(' ').next())
        && matches(|_| true).is_ok()
    {
        let variable = format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"));
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}

/// Prints an error, or the help or the version that was asked for, and ends the process: with 1
/// where what was asked for could not be printed.
fn end(error: &Error) -> ! {
    let printed = error.print().and_then(|()| io::stdout().flush());
    std::process::exit(error.exit_code().max(i32::from(printed.is_err())))
}
