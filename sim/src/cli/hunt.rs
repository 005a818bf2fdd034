//! `amanah hunt`: a scenario under many random fault schedules; what fails is shrunk and written.

use super::exit::Exit;
use super::progress::Interrupt;
use super::sweep::Ended;
use super::{colour, put, shell};
use crate::hunt::coverage::Coverage;
use crate::hunt::draw::{Case, Drawn, KINDS};
use crate::hunt::{self, ERROR, Finding, Found, PANIC, Scope, Written};
use crate::plan::Plan;
use crate::report::units;
use crate::result;
use crate::scenario::Scenario;
use crate::scenario::units::DURATION;
use crate::sweep::hunted::{self, Hunted};
use crate::sweep::shard::Shard;
use crate::sweep::store::Store;
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A line of progress this often.
const PROGRESS_SECONDS: u64 = 5;

/// Arguments of `hunt`.
#[derive(Args)]
pub struct Hunt {
    /// Scenario file. Its faults are replaced by drawn ones, and of what it expects safety and liveness are left.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many seeds: one schedule and one run each.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// Threads; all cores by default. The findings do not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Start no more runs after this long, as in `10m` or `90s`.
    #[arg(long, value_name = "DURATION", value_parser = budget)]
    budget: Option<Duration>,
    /// A fault of every schedule, from the beginning to the end, as in
    /// `--always 'byzantine: { replicas: [3], behaviour: twins }'`; its kind is not drawn beside it. May be repeated.
    #[arg(long, value_name = "FAULT", value_parser = Drawn::always)]
    always: Vec<Drawn>,
    /// Kinds of fault that are not drawn.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind)]
    without: Vec<&'static str>,
    /// Hunt in this part of the seeds alone, `i/n`, `auto` or `auto/n` as in `amanah sweep`, and leave what is found at --out,
    /// a directory or a URL, for `amanah merge`.
    #[arg(long, value_name = "I/N", requires = "out", conflicts_with = "budget")]
    shard: Option<Shard>,
    /// Directory of what is found. [default: results/hunt-<name>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
    /// Replace or add a value of the scenario, as in `--set ledger.replicas=7`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// As scenarios write it, and minutes as `m`, as commands are used to.
pub(super) fn budget(text: &str) -> Result<Duration, String> {
    let minutes = text.strip_suffix('m').filter(|number| number.ends_with(|c: char| c.is_ascii_digit()));
    let text = minutes.map_or_else(|| text.to_owned(), |number| format!("{number}min"));
    (DURATION.parse)(&text).map_err(|found| format!("{found}; expected {}", DURATION.expected))
}

/// One of [`KINDS`].
fn kind(text: &str) -> Result<&'static str, String> {
    let found = KINDS.iter().map(|(name, _)| *name).find(|name| *name == text);
    let names = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("a hunt draws no such kind of fault; expected some of {}", names()))
}

/// Hunts, shrinks, and says what was found.
pub fn hunt(arguments: &Hunt) -> io::Result<Exit> {
    let (scenario, plan) = match read(arguments) {
        Ok(read) => read,
        Err(exit) => return Ok(exit),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let jobs = arguments.jobs.unwrap_or(cores).max(1);
    let default = || PathBuf::from("results").join(format!("hunt-{}", plan.name));
    let store = match (arguments.shard, &arguments.out) {
        (Some(_), Some(out)) => match Store::open(&out.to_string_lossy()) {
            Ok(store) => Some(store),
            Err(error) => return Ended::from(error).told(),
        },
        _ => None,
    };
    let out = match &store {
        Some(store) => store.directory().map_or_else(default, Path::to_owned),
        None => arguments.out.clone().unwrap_or_else(default),
    };
    if let Err(error) = result::prepare(&out) {
        eprintln!("error: {error}");
        return Ok(Exit::Failure);
    }
    let Some(end) = arguments.from.checked_add(arguments.seeds) else {
        eprintln!(
            "error: --from {} --seeds {}: seeds end at {}\n  = expected an earlier first seed, or fewer",
            arguments.from,
            arguments.seeds,
            u64::MAX
        );
        return Ok(Exit::Invalid);
    };
    let whole = arguments.from..end;
    let seeds = arguments.shard.map_or_else(|| whole.clone(), |shard| shard.part(&whole));
    let count = seeds.end - seeds.start;
    let (always, without) = (arguments.always.clone(), arguments.without.clone());
    let scope = Scope { always, without, ..Scope::new(scenario, seeds, jobs) };
    if let Err(errors) = Case::draw(&scope, &plan, arguments.from).plan(&scope.scenario) {
        eprint!("{}", errors.render(colour()));
        return Ok(Exit::Invalid);
    }
    let shared = store.as_ref().zip(arguments.shard);
    if let Some((store, shard)) = shared {
        let begun = hunted::begin(store, &scope, &plan, shard, &whole);
        match begun.and_then(|()| hunted::is_there(store, shard)) {
            Ok(false) => {}
            Ok(true) => {
                eprintln!("{}: part {shard} is there already", plan.name);
                return Ok(Exit::Success);
            }
            Err(error) => return Ended::from(error).told(),
        }
    }
    let interrupt = Interrupt::listen();
    let begun = Instant::now();
    let in_time = || !interrupt.pressed() && arguments.budget.is_none_or(|budget| begun.elapsed() < budget);
    let told = AtomicU64::new(0);
    let found = hunt::explore(&scope, &|done| {
        let seconds = begun.elapsed().as_secs();
        let last = told.load(Ordering::Relaxed);
        let due = seconds >= last + PROGRESS_SECONDS;
        if due && told.compare_exchange(last, seconds, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            eprintln!("{}: {done} of {count} runs, {}", plan.name, rate(done, begun.elapsed()));
        }
        in_time()
    });
    let wall = begun.elapsed();
    let mut written = Vec::new();
    for (finding, failure) in found.to_write() {
        eprintln!("{}: shrinking seed {}: {} failed", plan.name, finding.seed, failure.checker);
        match hunt::write(&scope, (finding, failure), &out, &|| !interrupt.pressed()) {
            Ok(one) => written.push(one),
            Err(error) => {
                eprintln!("error: {error}");
                return Ok(Exit::Failure);
            }
        }
    }
    let exit = exit(&found, interrupt.pressed());
    let kept = shared.filter(|_| !interrupt.pressed()).map(|(store, shard)| {
        hunted::put(store, (&scope, &plan), (shard, &whole), (&found, &written), exit.code())
    });
    if let Some(Err(error)) = kept {
        return Ended::from(error).told();
    }
    if arguments.json {
        let per_second = found.runs as f64 / wall.as_secs_f64().max(1e-9);
        let document = json!({
            "exit_code": exit.code(), "seeds": arguments.seeds, "from": arguments.from, "jobs": jobs,
            "wall_seconds": wall.as_secs_f64(), "runs_per_second": per_second, "found": found, "written": written,
        });
        put(&format!("{document:#}\n"))?;
    } else {
        put(&text(&found, &written, wall, jobs))?;
    }
    if found.runs < count && !interrupt.pressed() {
        eprintln!("{}: the budget ended after {} of {count} runs", plan.name, found.runs);
    }
    // What a part found is for the whole to judge: an engine would take another code for a part that was not played.
    Ok(if kept.is_some() { Exit::Success } else { exit })
}

/// Says what all parts of a hunt found together.
pub(super) fn merged(hunted: &Hunted, as_json: bool) -> io::Result<Exit> {
    let recorded = hunted.exit_codes.iter().map(|code| Exit::recorded(*code)).max().unwrap_or(Exit::Success);
    let exit = if hunted.missing.is_empty() { recorded } else { recorded.max(Exit::Retry) };
    let number = |key: &str| hunted.found[key].as_u64().unwrap_or(0);
    if as_json {
        let document = json!({
            "exit_code": exit.code(), "seeds": hunted.seeds.end.saturating_sub(hunted.seeds.start), "from": hunted.seeds.start,
            "shards": hunted.shards, "missing": hunted.missing, "found": hunted.found, "written": hunted.written,
        });
        put(&format!("{document:#}\n"))?;
    } else {
        let mut text = format!(
            "{}: {} runs in {} of {} parts; {} failed\n",
            hunted.scenario,
            units::count(number("runs")),
            hunted.exit_codes.len(),
            hunted.shards,
            number("failed")
        );
        for finding in hunted.found["findings"].as_array().into_iter().flatten() {
            for failure in finding["failures"].as_array().into_iter().flatten() {
                let [checker, detail] =
                    ["checker", "detail"].map(|key| failure[key].as_str().unwrap_or_default());
                let detail = detail.replace(char::is_control, " ");
                let _ = writeln!(text, "  seed {:<10} {checker:12} {detail}", finding["seed"]);
            }
        }
        for (name, counts) in hunted.found["coverage"].as_object().into_iter().flatten() {
            let _ = writeln!(text, "\n{name}");
            match counts.as_object() {
                None => {
                    let _ = writeln!(text, "  {counts}");
                }
                Some(counts) => counts.iter().for_each(|(name, count)| {
                    let _ = writeln!(text, "  {name:28} {:>12}", count.to_string());
                }),
            }
        }
        for one in &hunted.written {
            let _ = writeln!(
                text,
                "\n# seed {}: {} failed, as its part shrank it\n{}",
                one.seed, one.checker, one.scenario
            );
        }
        put(&text)?;
    }
    for part in &hunted.missing {
        eprintln!("missing: part {part}/{}", hunted.shards);
    }
    Ok(exit)
}

fn read(arguments: &Hunt) -> Result<(Scenario, Plan), Exit> {
    if arguments.seeds == 0 {
        eprintln!("error: --seeds 0 looks at nothing\n  = expected at least 1");
        return Err(Exit::Invalid);
    }
    let scenario = Scenario::read(&arguments.file).and_then(|mut scenario| {
        arguments.set.iter().for_each(|assignment| scenario.set(assignment));
        let plan = Plan::from_scenario(&scenario)?;
        Ok((scenario, plan))
    });
    scenario.map_err(|errors| {
        eprint!("{}", errors.render(colour()));
        Exit::Invalid
    })
}

/// As of a run; a panic is a failure of the program, and worse than a run without progress only in what it may hide.
fn exit(found: &Found, interrupted: bool) -> Exit {
    let failures = found.findings.iter().flat_map(|finding| &finding.failures);
    let of_failures = failures.map(|failure| match (failure.checker.as_str(), failure.safety) {
        (PANIC | ERROR, _) => Exit::Failure,
        (_, true) => Exit::SafetyViolated,
        (_, false) => Exit::NoProgress,
    });
    let interrupted = if interrupted { Exit::Interrupted } else { Exit::Success };
    of_failures.chain([interrupted]).max().unwrap_or(Exit::Success)
}

fn rate(runs: u64, wall: Duration) -> String {
    format!("{:.1} runs/s", runs as f64 / wall.as_secs_f64().max(1e-9))
}

fn text(found: &Found, written: &[Written], wall: Duration, jobs: usize) -> String {
    let mut text = format!(
        "{} runs in {:.1} s, {} with {jobs} threads; {} failed\n\n",
        units::count(found.runs),
        wall.as_secs_f64(),
        rate(found.runs, wall),
        found.failed
    );
    text += &coverage(&found.coverage);
    if found.failed > 0 {
        text += &findings(&found.findings, found.failed);
    }
    for one in written {
        let scenario = one.scenario.to_string_lossy().into_owned();
        let _ = write!(
            text,
            "\nseed {}: {} failed, shrunk in {} runs\n  {}\n",
            one.seed, one.failure.checker, one.shrink_runs, one.failure.detail
        );
        one.faults.iter().for_each(|fault| {
            let _ = writeln!(text, "  - {fault}");
        });
        let _ = writeln!(text, "  amanah run {}", shell(&scenario));
        if one.digest.is_some() {
            let result = one.scenario.with_file_name(result::FILE_NAME);
            let _ = writeln!(text, "  amanah replay {}", shell(&result.to_string_lossy()));
        }
    }
    text
}

fn findings(findings: &[Finding], failed: u64) -> String {
    let mut text = String::from("\nFailed\n");
    for finding in findings {
        for failure in &finding.failures {
            let detail = failure.detail.replace(char::is_control, " ");
            let _ = writeln!(text, "  seed {:<10} {:12} {detail}", finding.seed, failure.checker);
        }
    }
    let more = failed - findings.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "  and {} runs more, in which no other checker failed", units::count(more));
    }
    text
}

fn coverage(coverage: &Coverage) -> String {
    let [direct, indirect, skipped, skipped_indirectly] = coverage.decisions;
    let figures = [
        ("commits", coverage.commits),
        ("slots committed", direct),
        ("slots committed indirectly", indirect),
        ("slots skipped", skipped),
        ("slots skipped indirectly", skipped_indirectly),
        ("leader timeouts", coverage.leader_timeouts),
        ("restarts", coverage.restarts),
        ("blocks refused", coverage.blocks_refused),
        ("messages undelivered", coverage.undelivered),
        ("accusations", coverage.misbehaviour),
        ("equivocations", coverage.equivocations),
    ];
    let mut text = String::from("Exercised\n");
    for (name, count) in figures {
        let _ = writeln!(text, "  {name:28} {:>12}", units::count(count));
    }
    text += &counted("Faults drawn", &coverage.faults);
    text += &counted("Hostile acts", &coverage.acts);
    text += &counted("Operations", &coverage.operations);
    text += &counted("Ends", &coverage.ends);
    text += &counted("Refusals", &coverage.refusals);
    text += "\nCheckers                         passed   failed undecided      n/a expected\n";
    for (checker, [passed, failed, undecided, none, expected]) in &coverage.verdicts {
        let _ =
            writeln!(text, "  {checker:28} {passed:>8} {failed:>8} {undecided:>9} {none:>8} {expected:>8}");
    }
    let zero = figures.iter().filter(|(_, count)| *count == 0).map(|(name, _)| (*name).to_owned());
    let never: Vec<String> = zero
        .chain(never(&coverage.faults))
        .chain(never(&coverage.acts))
        .chain(never(&coverage.ends))
        .chain(never(&coverage.refusals))
        .collect();
    let _ = writeln!(text, "\nNever ({})\n  {}", never.len(), never.join(", "));
    text
}

/// Those that happened.
fn counted<K: AsRef<str>>(title: &str, counts: &BTreeMap<K, u64>) -> String {
    let mut text = format!("\n{title}\n");
    for (name, count) in counts.iter().filter(|(_, count)| **count > 0) {
        let _ = writeln!(text, "  {:28} {:>12}", name.as_ref(), units::count(*count));
    }
    text
}

fn never<K: AsRef<str>>(counts: &BTreeMap<K, u64>) -> impl Iterator<Item = String> {
    counts.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.as_ref().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hunt::Failure;

    #[test]
    fn budgets_are_written_as_people_write_them() {
        assert_eq!(budget("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(budget("10min"), Ok(Duration::from_secs(600)));
        assert_eq!(budget("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(budget("250ms"), Ok(Duration::from_millis(250)));
        assert!(budget("ten").is_err());
    }

    #[test]
    fn the_worst_finding_is_the_exit() {
        let found = |rows: &[(&str, bool)]| {
            let failure = |(checker, safety): &(&str, bool)| Failure {
                checker: (*checker).to_owned(),
                safety: *safety,
                detail: String::new(),
            };
            let findings = vec![Finding { seed: 1, failures: rows.iter().map(failure).collect() }];
            Found { findings, ..Found::default() }
        };
        assert_eq!(exit(&Found::default(), false).code(), 0);
        assert_eq!(exit(&found(&[("validity", false)]), false).code(), 11);
        assert_eq!(exit(&found(&[("validity", false), ("agreement", true)]), false).code(), 10);
        assert_eq!(exit(&found(&[(PANIC, true)]), false).code(), 1);
        assert_eq!(exit(&found(&[(PANIC, true)]), true).code(), 130);
    }
}
