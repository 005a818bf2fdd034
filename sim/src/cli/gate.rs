//! `amanah gate`: scenarios against their baselines, or one program against another. It plays, reads and writes; what
//! is a regression is decided in [`crate::gate`].

mod live;
mod output;

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::{Overrides, colour, load, shell};
use crate::check::check;
use crate::expect::evaluate;
use crate::gate::{Baseline, Check, Class, Outcome, Status, Tolerance, Tolerances, checks, summary, updated};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::result::{self, ResultFile};
use crate::world;
use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Arguments of `gate`.
#[derive(Args)]
pub struct Gate {
    /// Scenario files.
    #[arg(required = true, value_name = "SCENARIO")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Directory of the baselines, a file a scenario.
    #[arg(long, value_name = "DIR", required_unless_present = "live")]
    baseline: Option<PathBuf>,
    /// Let a metric, or all that begin with a name, differ by a share, as in `--tolerance share.latency=1%`; `all` is
    /// every metric. Without any, everything must be equal, the digest too. May be repeated.
    #[arg(long, value_name = "METRIC=SHARE", value_parser = Tolerance::parse)]
    tolerance: Vec<Tolerance>,
    /// A file of tolerances, one a line; `#` begins a remark.
    #[arg(long, value_name = "FILE")]
    tolerances: Option<PathBuf>,
    /// Rewrite the baselines, and print what changed for a review. Nothing is judged, so there is nothing to write for CI.
    #[arg(long, requires = "reason", requires = "baseline", conflicts_with_all = output::FOR_CI)]
    update: bool,
    /// Why the baselines are rewritten: it is kept in them.
    #[arg(long, value_name = "TEXT", requires = "update")]
    reason: Option<String>,
    /// Judge live runs of two programs, the old and the new one, on this machine; one scenario.
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with = "baseline")]
    live: Option<Vec<PathBuf>>,
    /// Live: fewest and most pairs of runs.
    #[arg(long, value_name = "MIN..MAX", default_value = "10..30", value_parser = live::pairs, requires = "live")]
    pairs: (usize, usize),
    /// Keep each run's results in a directory inside this one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: output::Output,
}

/// A scenario and what it is held against.
struct Job<'a> {
    file: &'a Path,
    plan: Plan,
    baseline_file: PathBuf,
    /// Or, when it is to be rewritten, why there is none: `None` if there is no file.
    baseline: Result<Baseline, Option<String>>,
}

/// Plays them all, and judges.
pub fn gate(arguments: &Gate) -> io::Result<Exit> {
    if arguments.update && arguments.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        eprintln!(
            "error: --reason: a baseline is rewritten for a reason\n  = say what changed and why it should"
        );
        return Ok(Exit::Invalid);
    }
    let errors = arguments.output.prepare();
    if !errors.is_empty() {
        errors.iter().for_each(|error| eprintln!("error: {error}"));
        return Ok(Exit::Invalid);
    }
    let interrupt = Interrupt::listen();
    if let Some(programs) = &arguments.live {
        return live::gate(arguments, programs, &interrupt);
    }
    let (jobs, tolerances) = match prepare(arguments) {
        Ok(prepared) => prepared,
        Err(exit) => return Ok(exit),
    };
    let (mut outcomes, mut exit) = (Vec::new(), Exit::Success);
    for job in &jobs {
        let (one, outcome) = play(arguments, job, &tolerances, &interrupt);
        tell(&outcome, one, arguments.output.quiet);
        exit = exit.max(one);
        outcomes.push(outcome);
        if interrupt.pressed() {
            exit = Exit::Interrupted;
            break;
        }
    }
    // What was not begun is not passed either.
    outcomes.extend(jobs.iter().skip(outcomes.len()).map(|job| {
        let checks = vec![Check::unplayed("the gate was interrupted before")];
        outcome(job, again(arguments, job), None, checks)
    }));
    arguments.output.write(&outcomes, exit, arguments.update)
}

fn outcome(job: &Job<'_>, replay: String, result: Option<ResultFile>, checks: Vec<Check>) -> Outcome {
    Outcome {
        scenario: job.plan.name.clone(),
        file: job.file.to_string_lossy().into_owned(),
        baseline: Some(job.baseline_file.to_string_lossy().into_owned()),
        replay,
        result,
        checks,
    }
}

/// Everything that can be wrong before anything runs.
fn prepare(arguments: &Gate) -> Result<(Vec<Job<'_>>, Tolerances), Exit> {
    let mut valid = true;
    let mut wrong = |message: String| {
        eprintln!("error: {message}");
        valid = false;
    };
    let mut rows = Vec::new();
    if let Some(file) = &arguments.tolerances {
        match fs::read_to_string(file).map(|text| Tolerances::parse(&text)) {
            Ok(Ok(stated)) => rows.extend(stated),
            Ok(Err(errors)) => errors.iter().for_each(|error| wrong(format!("{}: {error}", file.display()))),
            Err(error) => wrong(format!("{}: cannot be read: {error}", file.display())),
        }
    }
    rows.extend(arguments.tolerance.iter().cloned());
    let directory = arguments.baseline.clone().unwrap_or_default();
    let (mut jobs, mut names) = (Vec::new(), BTreeMap::new());
    for file in &arguments.files {
        let plan = match load(file, &arguments.overrides) {
            Ok(plan) => plan,
            Err(errors) => {
                eprint!("{}", errors.render(colour()));
                wrong(format!("{}: is not a valid scenario", file.display()));
                continue;
            }
        };
        if let Some(other) = names.insert(plan.name.clone(), file) {
            let (file, other) = (file.display(), other.display());
            wrong(format!("{file} and {other} are both called {}: they would have one baseline", plan.name));
        }
        let baseline_file = Baseline::file(&directory, &plan.name);
        let baseline = match Baseline::read(&baseline_file) {
            Ok(None) if !arguments.update => {
                let (at, file) = (baseline_file.display(), shell(&file.to_string_lossy()));
                let directory = shell(&directory.to_string_lossy());
                wrong(format!(
                    "{at}: no such baseline\n  = `amanah gate {file} --baseline {directory} --update --reason TEXT` writes it"
                ));
                continue;
            }
            Ok(baseline) => baseline.ok_or(None),
            // A baseline that cannot be read is what --update is there to replace.
            Err(error) if arguments.update => Err(Some(error.to_string())),
            Err(error) => {
                wrong(error.to_string());
                continue;
            }
        };
        jobs.push(Job { file, plan, baseline_file, baseline });
    }
    let directories = [arguments.update.then_some(&directory), arguments.out.as_ref()];
    for directory in directories.into_iter().flatten() {
        if let Err(error) = result::prepare(directory) {
            wrong(error.to_string());
        }
    }
    if valid { Ok((jobs, Tolerances::new(rows))) } else { Err(Exit::Invalid) }
}

fn play(arguments: &Gate, job: &Job<'_>, tolerances: &Tolerances, interrupt: &Interrupt) -> (Exit, Outcome) {
    let replay = again(arguments, job);
    let unplayed = |exit: Exit, message: &str| {
        (exit, outcome(job, replay.clone(), None, vec![Check::unplayed(message)]))
    };
    let mut watcher = Watcher::new(&job.plan.name, Pace::Virtual, arguments.output.quiet, interrupt);
    let run = world::run(&job.plan, &mut |progress| watcher.observe(progress));
    drop(watcher);
    let run = match run {
        Ok(run) => run,
        Err(error) => return unplayed(Exit::Failure, &error.to_string()),
    };
    let metrics = Metrics::of(&run);
    let verdicts = check(&run);
    let expectations = evaluate(&run.plan.expect, &metrics, &verdicts);
    let result = ResultFile::new(&run, &metrics, &verdicts, &expectations, replay.clone());
    if let Some(out) = &arguments.out
        && let Err(error) =
            result::write(&out.join(format!("{}-{}", job.plan.name, job.plan.seed)), &run, &metrics, &result)
    {
        return unplayed(Exit::Failure, &error.to_string());
    }
    let mut exit = Exit::of(&run.plan, run.partial, metrics.invalid.is_some(), &verdicts, &expectations);
    if run.partial {
        return unplayed(exit, "it was interrupted");
    }
    if arguments.update {
        let (exit, check) = update(arguments, job, &result, exit);
        return (exit, outcome(job, replay.clone(), Some(result), vec![check]));
    }
    let outcome = outcome(job, replay.clone(), None, checks(&result, job.baseline.as_ref().ok(), tolerances));
    let outcome = Outcome { result: Some(result), ..outcome };
    if outcome.failed(Class::Baseline) {
        exit = exit.max(Exit::Regressed);
    }
    (exit, outcome)
}

/// What failed, for people who look at the log.
fn tell(outcome: &Outcome, exit: Exit, quiet: bool) {
    let name = &outcome.scenario;
    for check in outcome.with(Status::Warned).filter(|_| !quiet) {
        eprintln!("warning: {name}: {}", check.message);
    }
    for check in outcome.with(Status::Failed) {
        eprintln!("error: {name}: {}", check.message);
    }
    if exit != Exit::Success {
        eprintln!("error: {name}: {} (exit {}); repeat: {}", exit.reason(), exit.code(), outcome.replay);
    }
}

/// Rewrites a baseline, and says what changed, for a review. A run that broke something is no measure for others, and
/// against the baseline of one that fell short no run would ever pass.
fn update(arguments: &Gate, job: &Job<'_>, result: &ResultFile, exit: Exit) -> (Exit, Check) {
    let check =
        |status, message| Check { class: Class::Baseline, name: "update".to_owned(), status, message };
    if exit != Exit::Success {
        let message = format!("{}: the baseline stays what it was", exit.reason());
        return (exit, check(Status::Failed, message));
    }
    let baseline = Baseline::new(result, arguments.reason.as_deref().unwrap_or_default().trim());
    if let Err(error) = baseline.write(&job.baseline_file) {
        return (Exit::Failure, check(Status::Failed, error.to_string()));
    }
    let changes = updated(job.baseline.as_ref().ok(), &baseline);
    let before = job.baseline.as_ref().map(|_| &changes[..]).map_err(Option::as_deref);
    (Exit::Success, check(Status::Passed, summary::review(&baseline, before)))
}

/// The command that plays a scenario again.
fn again(arguments: &Gate, job: &Job<'_>) -> String {
    let mut again = format!("amanah run {}", shell(&job.file.to_string_lossy()));
    for assignment in &arguments.overrides.set {
        again.push_str(&format!(" --set {}", shell(assignment)));
    }
    again.push_str(&format!(" --seed {}", job.plan.seed));
    again
}
