//! The command line and the environment, read and checked once.
//!
//! Each flag is also an environment variable, `HTTPD_` and its name: `HTTPD_PORT`. `flags` defines
//! the flags; `options` turns them into the options of each module; `help` prints them.

mod flags;
mod help;
mod options;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::builder::FalseyValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Error, FromArgMatches};

pub(crate) use flags::Flags;

/// The prefix of the variables.
const PREFIX: &str = "HTTPD_";

/// Flags of other servers, and what httpd has instead.
const FOREIGN: [(&[&str], &str); 4] = [
    (&["-a"], "an address is '--bind ADDR', a password '--auth FILE'"),
    (&["--upload", "--upload-files", "--allow-upload"], "httpd only serves: it takes no uploads"),
    (&["--tls-cert", "--tls-key", "--tls", "--cert"], "TLS is a proxy's job, such as nginx's"),
    (&["--open", "-o"], "httpd opens no browser: it prints its URL"),
];

/// Reads the command line and the environment. Invalid flags end the process with status 2.
pub(crate) fn read() -> Flags {
    let matches = matches(true).unwrap_or_else(|error| end(&advise(blame_variable(error))));
    help::print_if_asked(&matches);
    let is_given = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    if is_given("folder") && is_given("root") {
        let clash = "the argument '[ROOT]' cannot be used with '--root <DIR>'";
        end(&help::command_with_help().error(ErrorKind::ArgumentConflict, clash));
    }
    Flags::from_arg_matches(&matches).unwrap_or_else(|error| end(&error))
}

/// The variable of the flag with this name.
fn variable(long: &str) -> String {
    format!("{PREFIX}{}", long.to_uppercase().replace('-', "_"))
}

/// The variable of a flag. A flag that only prints has none.
fn variable_of(flag: &Arg) -> Option<String> {
    flag.get_long().filter(|_| flag.get_help_heading() != Some(flags::ABOUT)).map(variable)
}

/// Warns of variables with our prefix that belong to no flag: a misspelt name would be ignored
/// silently.
pub(crate) fn warn_of_unknown_variables() {
    let command = help::command();
    let known: Vec<_> = command.get_arguments().filter_map(variable_of).collect();
    let is_known = |name: &OsString| known.iter().any(|it| name == it.as_str());
    let names = env::vars_os().map(|(name, _)| name);
    let ours = names.filter(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    for name in ours.filter(|name| !is_known(name)) {
        log::warn!("{} is ignored: no flag has this variable", name.display());
    }
}

/// The parsed flags, with or without their variables. An empty variable counts as unset.
fn matches(with_variables: bool) -> Result<ArgMatches, Error> {
    let is_set = |name: &String| env::var_os(name).is_some_and(|value| !value.is_empty());
    let command = help::command_with_help().mut_args(|flag| {
        let Some(name) = variable_of(&flag).filter(|it| with_variables && is_set(it)) else {
            return flag;
        };
        let flag = flag.env(name).hide_env(true);
        let is_switch = matches!(flag.get_action(), ArgAction::SetTrue);
        if is_switch { flag.value_parser(FalseyValueParser::new()) } else { flag }
    });
    command.try_get_matches()
}

/// Names the variable in an error that does not come from the command line.
fn blame_variable(mut error: Error) -> Error {
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(name) = flag.strip_prefix("--").and_then(|flag| flag.split(' ').next())
        && matches(false).is_ok()
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable(name)));
    }
    error
}

/// Advice for a user who meant `text` as a port.
pub(crate) fn port_advice(text: &str) -> Option<String> {
    let port = text.parse::<u16>().ok()?;
    Some(format!("to serve on port {port}: httpd -p {port}"))
}

/// Adds advice to an error about an unknown word. Of clap's own tips, it keeps the right ones: for
/// a misspelt flag, or a folder that looks like a flag.
fn advise(mut error: Error) -> Error {
    let word = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) => word.clone(),
        _ => return error,
    };
    let foreign = FOREIGN.iter().find(|(flags, _)| flags.contains(&word.as_str()));
    let advice = foreign.map(|(_, advice)| (*advice).to_owned()).or_else(|| port_advice(&word));
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::SuggestedArg)
        && (advice.is_some() || !is_alike(flag, &word))
    {
        error.remove(ContextKind::SuggestedArg);
        let usage = ContextValue::StyledStr(help::command().render_usage());
        error.insert(ContextKind::Usage, usage);
    }
    if let Some(advice) = advice {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
    } else if !Path::new(&word).exists() {
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Whether one is a prefix of the other, or has nearly the same letters.
fn is_alike(a: &str, b: &str) -> bool {
    let difference = |sign| a.matches(sign).count().abs_diff(b.matches(sign).count());
    let differences = ('a'..='z').chain(['-']).map(difference);
    a.starts_with(b) || b.starts_with(a) || differences.sum::<usize>() <= 2
}

/// Prints an error, the help or the version, and ends the process: with status 1 if the help or the
/// version could not be printed.
fn end(error: &Error) -> ! {
    let printed = error.print().and_then(|()| io::stdout().flush());
    std::process::exit(error.exit_code().max(i32::from(printed.is_err())))
}
