//! `amanah sweep`: every combination of a scenario's matrix. What is wrong with any of them is said before the first is
//! played; what is finished is never played again.

pub(super) mod meter;

use super::exit::Exit;
use super::merge::{self, Gathered};
use super::progress::Interrupt;
use super::{Overrides, colour, put, read, shell};
use crate::sweep::cell::{self, Cell};
use crate::sweep::manifest::Manifest;
use crate::sweep::shard::Shard;
use crate::sweep::store::{Store, StoreError};
use crate::sweep::{self, Outcome, Refused};
use clap::{Args, Subcommand};
use meter::Meter;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Arguments of `sweep`.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Sweep {
    #[command(subcommand)]
    command: Option<Verb>,
    /// Scenario file with `matrix:`.
    #[arg(required = true, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    asked: Asked,
    /// How many runs at a time; all cores by default. The results do not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Where results are kept: a directory or a URL (file:///…, s3://bucket/prefix). [default: results/sweep-<name>]
    #[arg(long, value_name = "DIR|URL")]
    out: Option<String>,
    /// Play this part of the runs alone, `i/n`, and leave table, page and verdict to `amanah merge`. `auto` asks Slurm which
    /// part of its job array this is; `auto/n` asks Slurm or Kubernetes.
    #[arg(long, value_name = "I/N", requires = "out")]
    shard: Option<Shard>,
    /// Play the run whose id begins so, again if it is there, and compare.
    #[arg(long, value_name = "RUN_ID", conflicts_with = "shard")]
    cell: Option<String>,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Write what is to be played, for several machines to share, and play nothing.
    Plan {
        /// Scenario file with `matrix:`.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        asked: Asked,
        /// Where results are to be kept.
        #[arg(long, value_name = "DIR|URL")]
        out: String,
    },
    /// Say how many runs of a sweep are finished, and which are not; ends with 75 until all are.
    Status {
        /// Where its results are kept.
        #[arg(value_name = "DIR|URL")]
        place: String,
        /// Print one JSON document on stdout instead of text.
        #[arg(long)]
        json: bool,
    },
}

/// What decides which runs there are.
#[derive(Args)]
struct Asked {
    #[command(flatten)]
    overrides: Overrides,
    /// Play every combination with so many seeds, from the scenario's on. [default: 1]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
}

/// Sweeps, plans or looks.
pub fn sweep(arguments: &Sweep) -> io::Result<Exit> {
    let done = match &arguments.command {
        Some(Verb::Plan { file, asked, out }) => plan(file, asked, out),
        Some(Verb::Status { place, json }) => status(place, *json),
        None => {
            let file = arguments.file.as_deref().expect("the command line requires it");
            play(arguments, file)
        }
    };
    done.or_else(|ended| ended.told())
}

/// Why a command ended early.
pub(super) enum Ended {
    /// It is said already.
    As(Exit),
    Store(StoreError),
    Io(io::Error),
}

impl Ended {
    /// Says it, if it is not said.
    pub(super) fn told(self) -> io::Result<Exit> {
        match self {
            Self::As(exit) => Ok(exit),
            Self::Io(error) => Err(error),
            Self::Store(error) => {
                let exit = of_store(&error);
                eprintln!("error: {error} (exit {})", exit.code());
                Ok(exit)
            }
        }
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Address { .. } | StoreError::OtherSweep { .. } => Exit::Invalid,
        StoreError::Refused { .. } | StoreError::Damaged { .. } => Exit::Failure,
        StoreError::Unreachable { .. } => Exit::Retry,
        StoreError::Conflict { .. } => Exit::Nondeterminism,
    }
}

fn planned(file: &Path, asked: &Asked) -> Result<sweep::Sweep, Ended> {
    let scenario = read(file, &asked.overrides).map_err(|errors| Refused::Scenario(Box::new(errors)));
    scenario.and_then(|scenario| sweep::Sweep::of(scenario, asked.seeds.unwrap_or(1))).map_err(|refused| {
        match refused {
            Refused::Scenario(errors) => eprint!("{}", errors.render(colour())),
            Refused::Asked(message, cure) => eprintln!("error: {}: {message}\n  = {cure}", file.display()),
        }
        Ended::As(Exit::Invalid)
    })
}

fn plan(file: &Path, asked: &Asked, out: &str) -> Result<Exit, Ended> {
    let sweep = planned(file, asked)?;
    let store = Store::open(out)?;
    sweep.manifest.share(&store)?;
    let (name, runs) = (&sweep.manifest.scenario, sweep.manifest.runs.len());
    put(&format!("{name}: {runs} runs, planned in {}\n", store.shown(sweep::manifest::FILE_NAME)))?;
    Ok(Exit::Success)
}

fn status(place: &str, as_json: bool) -> Result<Exit, Ended> {
    let store = Store::existing(place)?;
    let Some(manifest) = Manifest::read(&store)? else {
        eprintln!("error: {place}: there is no sweep\n  = `amanah sweep plan FILE --out {place}` begins one");
        return Err(Ended::As(Exit::Invalid));
    };
    let there = store.list(cell::FOLDER)?;
    let missing: Vec<usize> =
        (0..manifest.runs.len()).filter(|number| !there.contains(&file_name(&manifest, *number))).collect();
    let finished = manifest.runs.len() - missing.len();
    if as_json {
        let ids: Vec<&str> = missing.iter().map(|number| manifest.runs[*number].run_id.as_str()).collect();
        let row = json!({ "scenario": manifest.scenario, "runs": manifest.runs.len(), "finished": finished, "missing": ids });
        put(&format!("{row:#}\n"))?;
    } else {
        put(&format!("{}: {finished} of {} runs are finished\n", manifest.scenario, manifest.runs.len()))?;
        merge::tell_missing(&manifest, &missing);
    }
    Ok(if missing.is_empty() { Exit::Success } else { Exit::Retry })
}

/// Inside the folder of cells.
pub(super) fn file_name(manifest: &Manifest, number: usize) -> String {
    format!("{}.json", manifest.runs[number].run_id)
}

fn play(arguments: &Sweep, file: &Path) -> Result<Exit, Ended> {
    let sweep = planned(file, &arguments.asked)?;
    let (manifest, name) = (&sweep.manifest, sweep.manifest.scenario.clone());
    let asked = selected(arguments, manifest)?;
    let default = || format!("results/sweep-{name}");
    let store = Store::open(&arguments.out.clone().unwrap_or_else(default))?;
    match (arguments.shard, store.directory()) {
        (None, Some(_)) => manifest.replace(&store)?,
        (Some(_), _) | (None, None) => manifest.share(&store)?,
    }
    let mut known =
        if arguments.cell.is_some() { BTreeMap::new() } else { finished(&store, manifest, &asked)? };
    let todo: Vec<usize> = asked.iter().copied().filter(|number| !known.contains_key(number)).collect();
    let interrupt = Interrupt::listen();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = arguments.jobs.unwrap_or(cores).max(1);
    let meter = Meter::new(&name, todo.len(), known.len(), arguments.quiet);
    let judge = |run: &_, metrics: &crate::metrics::Metrics, verdicts: &[_], expectations: &[_]| {
        let run: &crate::history::Run = run;
        Exit::of(&run.plan, run.partial, metrics.invalid.is_some(), verdicts, expectations).code()
    };
    let outcome = sweep::play(&sweep, &todo, jobs, &store, &judge, &|done| {
        meter.observe(done);
        !interrupt.pressed()
    });
    drop(meter);
    known.extend(&outcome.stored);
    let exit = tell(arguments, &store, manifest, outcome, (asked.len(), known.len()), interrupt.pressed());
    if exit != Exit::Success && exit != Exit::Failure {
        return Ok(exit);
    }
    if let Some(cell) = &arguments.cell {
        let codes: Vec<u8> = known.values().copied().collect();
        eprintln!("{name}: {} runs whose id begins with {cell} are as they were, or new", codes.len());
        return Ok(codes.into_iter().map(Exit::recorded).max().unwrap_or(Exit::Success).max(exit));
    }
    if let Some(shard) = arguments.shard {
        let short = known.values().filter(|code| **code != 0).count();
        if !arguments.quiet {
            let place = shell(store.address());
            eprintln!(
                "{name}: shard {shard}: {} of {} runs are there, {short} of them did not pass; `amanah merge {place}` says more",
                known.len(),
                asked.len()
            );
        }
        return Ok(exit);
    }
    let gathered = Gathered::read(&store, manifest.clone())?;
    let place = merge::place(store.directory(), None, &name);
    let merged = merge::write(&gathered, &place)?;
    merge::print(&gathered, &merged, arguments.quiet, arguments.json, &store, exit).map_err(Ended::Io)
}

/// Numbers of the runs that are asked for.
fn selected(arguments: &Sweep, manifest: &Manifest) -> Result<Vec<usize>, Ended> {
    let all = 0..manifest.runs.len();
    let Some(cell) = &arguments.cell else {
        return Ok(all.filter(|number| arguments.shard.is_none_or(|shard| shard.has(*number))).collect());
    };
    let found: Vec<usize> = all.filter(|number| manifest.runs[*number].run_id.starts_with(cell)).collect();
    if found.is_empty() {
        eprintln!(
            "error: no run's id begins with {cell}\n  = `amanah sweep plan` writes the ids into sweep.json"
        );
        return Err(Ended::As(Exit::Invalid));
    }
    Ok(found)
}

/// Exit codes of those that are there and whole.
fn finished(store: &Store, manifest: &Manifest, asked: &[usize]) -> Result<BTreeMap<usize, u8>, Ended> {
    let there = store.list(cell::FOLDER)?;
    let mut known = BTreeMap::new();
    for number in asked.iter().copied().filter(|number| there.contains(&file_name(manifest, *number))) {
        let run_id = &manifest.runs[number].run_id;
        let name = cell::name(run_id);
        if let Some(bytes) = store.read(&name)? {
            known.insert(number, Cell::parse(&store.shown(&name), run_id, &bytes)?.exit_code);
        }
    }
    Ok(known)
}

/// Says what went wrong with playing, if anything did.
fn tell(
    arguments: &Sweep,
    store: &Store,
    manifest: &Manifest,
    outcome: Outcome,
    (asked, known): (usize, usize),
    interrupted: bool,
) -> Exit {
    let again = command(&[]);
    for (number, reason) in &outcome.failed {
        let run = &manifest.runs[*number];
        let repeat = command(&["--cell", &run.run_id]);
        eprintln!("error: {}: {reason}; repeat: {repeat}", manifest.words(run));
    }
    if let Some(error) = outcome.stopped {
        let exit = of_store(&error);
        eprintln!(
            "error: {error} (exit {}); {known} of {asked} runs are in {}; repeat: {again}",
            exit.code(),
            store.address()
        );
        return exit;
    }
    if interrupted {
        let verb = if arguments.cell.is_some() { "repeat" } else { "resume" };
        eprintln!(
            "error: interrupted: {known} of {asked} runs are finished and stay (exit 130); {verb}: {again}"
        );
        return Exit::Interrupted;
    }
    if outcome.failed.is_empty() { Exit::Success } else { Exit::Failure }
}

/// This command, to be pasted into a shell; which part of many and which run it was given are left out where one run is
/// repeated.
fn command(more: &[&str]) -> String {
    let replaced = |word: &str| !more.is_empty() && ["--shard", "--cell"].contains(&word);
    let mut words = vec!["amanah".to_owned()];
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        if replaced(&word) {
            given.next();
        } else if !replaced(word.split('=').next().unwrap_or_default()) {
            words.push(word);
        }
    }
    words.extend(more.iter().map(|word| (*word).to_owned()));
    words.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" ")
}
