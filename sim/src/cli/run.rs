//! `amanah run`: plays scenarios one after the other, each to its report and its directory of results. What is wrong
//! with any of them is said before the first one runs.

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::{Overrides, colour, load, put, shell, style};
use crate::check::check;
use crate::expect::evaluate;
use crate::history::{Notable, Setting};
use crate::metrics::Metrics;
use crate::plan::{Plan, Transport};
use crate::report::{Report, units};
use crate::result::{self, FILE_NAME, ResultFile};
use crate::testbed;
use crate::world::{self, Options};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Where results go if nothing else is said.
const RESULTS: &str = "results";
/// Configuration, keys, logs and journals of a live run, inside its directory.
const LIVE_DIRECTORY: &str = "live";

/// Arguments of `run`.
#[derive(Args)]
pub struct Run {
    /// Scenario files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Directory of the results; with several files, each gets a directory inside it. [default: results/<name>-<seed>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Play it in the live world: every replica a process of its own on this machine, by the wall clock.
    #[arg(long)]
    live: bool,
    /// Live, with each replica in a network namespace and on an address of its own; needs root.
    #[arg(long, requires = "live")]
    namespaces: bool,
    /// The same with the topology's delays and loss; needs root and a kernel with netem.
    #[arg(long, requires = "live", conflicts_with = "namespaces")]
    netem: bool,
    /// Write every datagram to this file, for a network analyser (pcap; one scenario with `transport: quic` only).
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document on stdout instead of the report.
    #[arg(long)]
    json: bool,
}

/// A scenario that can run, and where its results go.
struct Job<'a> {
    file: &'a Path,
    plan: Plan,
    directory: PathBuf,
}

/// Runs them all.
pub fn run(arguments: &Run) -> io::Result<Exit> {
    let mut errors = Vec::new();
    let jobs = match jobs(arguments, &mut errors) {
        Ok(jobs) => jobs,
        Err(exit) => {
            if arguments.json {
                let row = json!({ "exit_code": exit.code(), "results": [], "errors": errors });
                put(&format!("{row:#}\n"))?;
            }
            return Ok(exit);
        }
    };
    let interrupt = Interrupt::listen();
    let mut exit = Exit::Success;
    let mut rows = Vec::new();
    for job in &jobs {
        let (one, row) = play(arguments, job, &interrupt)?;
        exit = exit.max(one);
        rows.push(row);
        if interrupt.pressed() {
            exit = Exit::Interrupted;
            break;
        }
    }
    if arguments.json {
        put(&format!("{:#}\n", json!({ "exit_code": exit.code(), "results": rows })))?;
    }
    Ok(exit)
}

/// Everything that can be wrong before anything runs; mistakes in files are in `mistakes` too, for programs.
fn jobs<'a>(arguments: &'a Run, mistakes: &mut Vec<Value>) -> Result<Vec<Job<'a>>, Exit> {
    let mut jobs = Vec::new();
    let mut valid = true;
    let mut directories: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for file in &arguments.files {
        let plan = match load(file, &arguments.overrides) {
            Ok(plan) => plan,
            Err(errors) => {
                eprint!("{}", errors.render(colour()));
                mistakes.extend(errors.to_json().as_array().into_iter().flatten().cloned());
                valid = false;
                continue;
            }
        };
        let name = format!("{}-{}", plan.name, plan.seed);
        let directory = match &arguments.out {
            Some(out) if arguments.files.len() == 1 => out.clone(),
            Some(out) => out.join(name),
            None => Path::new(RESULTS).join(name),
        };
        if let Some(other) = directories.insert(directory.clone(), file) {
            let (file, other, directory) = (file.display(), other.display(), directory.display());
            eprintln!("error: {file} and {other} have one name and seed: both would write {directory}");
            valid = false;
        }
        if arguments.pcap.is_some() && matches!(plan.network.transport, Transport::Message) {
            eprintln!(
                "error: {}: `transport: message` has no datagrams to write: leave --pcap out",
                file.display()
            );
            valid = false;
        }
        jobs.push(Job { file, plan, directory });
    }
    for job in jobs.iter().filter(|_| arguments.live) {
        for reason in testbed::refuse(&job.plan, setting(arguments)) {
            eprintln!("error: {}: cannot be run live: {reason}", job.file.display());
            valid = false;
        }
    }
    if arguments.pcap.is_some() && arguments.files.len() > 1 {
        eprintln!("error: --pcap writes the datagrams of one scenario: run them one after the other");
        valid = false;
    }
    if !valid {
        return Err(Exit::Invalid);
    }
    for job in &jobs {
        if let Err(error) = result::prepare(&job.directory) {
            eprintln!("error: {error}");
            return Err(Exit::Failure);
        }
    }
    Ok(jobs)
}

/// One run: its exit and its row of the JSON document.
fn play(arguments: &Run, job: &Job<'_>, interrupt: &Interrupt) -> io::Result<(Exit, Value)> {
    let pace = if arguments.live { Pace::Live } else { Pace::Virtual };
    let mut watcher = Watcher::new(&job.plan.name, pace, arguments.quiet, interrupt);
    let run = match arguments.live {
        false => {
            let options = Options { capture: arguments.pcap.clone(), ..Options::default() };
            world::run_with(&job.plan, &options, &mut |progress| watcher.observe(progress))
                .map_err(|error| error.to_string())
        }
        true => {
            testbed::run(&job.plan, &live_options(arguments, job), &mut |progress| watcher.observe(progress))
                .map_err(|error| error.to_string())
        }
    };
    drop(watcher);
    let run = match run {
        Ok(run) => run,
        Err(error) => return Ok(failed(arguments, job, &error)),
    };
    let metrics = Metrics::of(&run);
    let verdicts = check(&run);
    let expectations = evaluate(&run.plan.expect, &metrics, &verdicts);
    let replay = match arguments.live {
        false => format!("amanah replay {}", shell(&job.directory.join(FILE_NAME).to_string_lossy())),
        true => again(arguments, job),
    };
    let result = ResultFile::new(&run, &metrics, &verdicts, &expectations, replay.clone());
    let file = match result::write(&job.directory, &run, &metrics, &result) {
        Ok(file) => file,
        Err(error) => return Ok(failed(arguments, job, &error.to_string())),
    };
    let exit = Exit::of(&run.plan, run.partial, metrics.invalid.is_some(), &verdicts, &expectations);
    if !arguments.quiet && !arguments.json {
        let report = Report {
            run: &run,
            metrics: &metrics,
            verdicts: &verdicts,
            expectations: &expectations,
            file: &file,
            replay: &replay,
        };
        put(&format!("{}{}\n", report.render(style()), explainable(&result.notable)))?;
    }
    if arguments.live && exit == Exit::Success {
        // Journals are large, and only a run that went wrong needs them looked at.
        let _ = std::fs::remove_dir_all(job.directory.join(LIVE_DIRECTORY).join("data"));
    }
    if exit != Exit::Success {
        eprintln!("error: {}: {} (exit {}); repeat: {replay}", run.plan.name, exit.reason(), exit.code());
    }
    Ok((exit, serde_json::to_value(&result).map_err(io::Error::other)?))
}

/// Operations to be curious about first, as `amanah replay` takes them.
fn explainable(notable: &[Notable]) -> String {
    let row = |(number, row): (usize, &Notable)| {
        let label = if number == 0 { "explain" } else { "" };
        let what = format!("--explain operation:{}", row.operation);
        format!("{label:7} {what:28} {}, {}\n", row.what, units::time(row.took_ns))
    };
    notable.iter().enumerate().map(row).collect()
}

/// The command that runs the scenario again.
fn again(arguments: &Run, job: &Job<'_>) -> String {
    let mut again = String::from("amanah run");
    for (flag, given) in
        [(" --live", arguments.live), (" --namespaces", arguments.namespaces), (" --netem", arguments.netem)]
    {
        again.push_str(if given { flag } else { "" });
    }
    again.push_str(&format!(" {}", shell(&job.file.to_string_lossy())));
    for assignment in &arguments.overrides.set {
        again.push_str(&format!(" --set {}", shell(assignment)));
    }
    again.push_str(&format!(" --seed {}", job.plan.seed));
    again
}

/// The world that was asked for.
fn setting(arguments: &Run) -> Setting {
    match (arguments.live, arguments.namespaces, arguments.netem) {
        (false, ..) => Setting::Simulated,
        (true, _, true) => Setting::LiveNetem,
        (true, true, false) => Setting::LiveNamespaces,
        (true, false, false) => Setting::LiveLoopback,
    }
}

fn live_options(arguments: &Run, job: &Job<'_>) -> testbed::Options {
    testbed::Options {
        directory: job.directory.join(LIVE_DIRECTORY),
        setting: setting(arguments),
        program: None,
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}

/// A run that left no result: only its scenario repeats it.
fn failed(arguments: &Run, job: &Job<'_>, error: &str) -> (Exit, Value) {
    let repeat = again(arguments, job);
    eprintln!("error: {}: {error}; repeat: {repeat}", job.plan.name);
    let file = job.file.to_string_lossy();
    (Exit::Failure, json!({ "file": file, "error": error, "replay": repeat }))
}
