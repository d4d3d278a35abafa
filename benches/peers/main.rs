//! `cargo bench`: `httpd` and every peer that is installed, side by side on the same files.
//!
//! `cargo bench -- small listing` runs the workloads whose names contain one of these words, and
//! `--quick` shortens the rounds. The tables go to standard output, in Markdown; `target/bench` has
//! the same values (`report.json`), and a picture of those for small files (`requests.svg`). Only
//! ratios within one run are meaningful: the machine, its other work and the bench's own clients
//! affect every number.

mod floor;
mod load;
mod measure;
mod picture;
mod report;
mod servers;
mod session;
mod tree;
mod workloads;

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::measure::Bench;
use crate::report::Setting;
use crate::workloads::Workload;

/// How long and how often each server is measured: long enough for ticks of 10 ms to add up.
const ROUND: Duration = Duration::from_millis(800);
const ROUNDS_MAX: usize = 5;
const QUICK_ROUND: Duration = Duration::from_millis(200);
const QUICK_ROUNDS_MAX: usize = 2;

const USAGE: &str = "usage: cargo bench --bench peers -- [--quick] [WORKLOAD...]";

/// The flags of the bench.
struct Flags {
    is_quick: bool,
    words: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--floor", port] => port.parse().map_err(io::Error::other).and_then(floor::serve),
        _ if !arguments.iter().any(|argument| argument == "--bench") => {
            // `cargo test --all-targets` runs this file too, where timings are not wanted.
            println!("{USAGE}");
            Ok(())
        }
        _ => parse(arguments).and_then(|flags| run(&flags)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: Vec<String>) -> io::Result<Flags> {
    let mut flags = Flags { is_quick: false, words: Vec::new() };
    for argument in arguments {
        match argument.as_str() {
            "--bench" => {}
            "--quick" => flags.is_quick = true,
            flag if flag.starts_with('-') => {
                return Err(io::Error::other(format!("unknown flag {flag}\n{USAGE}")));
            }
            _ => flags.words.push(argument),
        }
    }
    Ok(flags)
}

fn run(flags: &Flags) -> io::Result<()> {
    let workloads = chosen(&flags.words)?;
    session::end_all_on_signals()?;
    allow_descriptors()?;
    // Cargo's folder for the files of benches is `target/tmp`.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let scratch = folder.join("scratch");
    // The logs of the previous run, if there was one.
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    let root = tree::make(&folder)?;
    let (servers, missing) = servers::find()?;
    let setting = Setting::now(&servers, missing, command(flags));
    show(&setting.markdown())?;

    let bench = Bench {
        servers: &servers,
        root: &root,
        scratch: &scratch,
        round: if flags.is_quick { QUICK_ROUND } else { ROUND },
        rounds_max: if flags.is_quick { QUICK_ROUNDS_MAX } else { ROUNDS_MAX },
    };
    let mut tables = Vec::new();
    for workload in &workloads {
        let begin = Instant::now();
        let table = bench.run(workload)?;
        eprintln!("{} took {:.1} s", workload.name, begin.elapsed().as_secs_f64());
        show(&table.markdown())?;
        tables.push(table);
    }
    show(&format!("## Summary\n\n{}", report::summary(&servers, &tables)))?;
    let file = folder.join("report.json");
    fs::write(&file, setting.json(&tables))?;
    eprintln!("the same as JSON: {}", file.display());
    if let Some(picture) = picture::requests(&tables) {
        let file = folder.join("requests.svg");
        fs::write(&file, picture)?;
        eprintln!("a picture of it: {}", file.display());
    }
    Ok(())
}

/// The workloads whose names contain one of the words; all of them if there are no words.
fn chosen(words: &[String]) -> io::Result<Vec<Workload>> {
    let mut workloads = workloads::all();
    let names: Vec<&str> = workloads.iter().map(|workload| workload.name).collect();
    if let Some(word) = words.iter().find(|word| !names.iter().any(|it| it.contains(*word))) {
        return Err(io::Error::other(format!("no workload matches {word}: {}", names.join(" "))));
    }
    let is_chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    workloads.retain(|workload| is_chosen(workload.name));
    Ok(workloads)
}

fn command(flags: &Flags) -> String {
    let quick = flags.is_quick.then_some("--quick");
    let words: Vec<&str> =
        quick.into_iter().chain(flags.words.iter().map(String::as_str)).collect();
    if words.is_empty() {
        "cargo bench".into()
    } else {
        format!("cargo bench -- {}", words.join(" "))
    }
}

/// Thousands of connections need as many descriptors, here and in the servers, which inherit the
/// limit.
fn allow_descriptors() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

fn show(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{text}")?;
    output.flush()
}
