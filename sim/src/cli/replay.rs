//! `amanah replay`: runs the plan of a result again and compares what must be equal: the digest, and every metric that
//! does not depend on the machine's wall clock.

mod look;

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::{put, shell};
use crate::history::Run;
use crate::metrics::{Metrics, Value, catalog};
use crate::replay::subject::Subject;
use crate::report::units;
use crate::result::{Figure, ResultFile};
use clap::Args;
use indexmap::IndexMap;
use ledger_core::time::Duration;
use look::Look;
pub(super) use look::sequence;
use serde_json::json;
use std::io;
use std::path::PathBuf;

/// Differences shown; the rest are counted.
const SHOWN_MAX: usize = 10;

/// Arguments of `replay`.
#[derive(Args)]
pub struct Replay {
    /// A `result.json`, or the directory that it is in.
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// Stop at this instant, counted from the start of the warm-up, and say how every replica stands there.
    #[arg(long, value_name = "TIME", value_parser = super::hunt::budget)]
    until: Option<Duration>,
    /// Say everything about this replica, where the replay stops or at the end, and explain as it saw things; may be
    /// repeated.
    #[arg(long, value_name = "N")]
    replica: Vec<u16>,
    /// Say everything about this gateway; may be repeated.
    #[arg(long, value_name = "N")]
    gateway: Vec<u32>,
    /// Write the state of every replica and gateway into this directory, a JSON file each.
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Write a trace that Perfetto (ui.perfetto.dev) and chrome://tracing read.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Begin the trace here.
    #[arg(long, value_name = "TIME", value_parser = super::hunt::budget, requires = "trace")]
    from: Option<Duration>,
    /// Say what became of something and why: a transaction by its first digits, `operation:17`, `entry:120`, `commit:41` or
    /// `slot:88/2` (round and leader).
    #[arg(long, value_name = "WHAT")]
    explain: Option<Subject>,
    /// Draw the messages that it came to, as SVG.
    #[arg(long, value_name = "FILE", requires = "explain")]
    chart: Option<PathBuf>,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// A metric that was recorded with one value and replayed with another.
#[derive(Debug, PartialEq, serde::Serialize)]
struct Difference {
    metric: String,
    recorded: Option<Value>,
    replayed: Option<Value>,
}

/// Replays one result.
pub fn replay(arguments: &Replay) -> io::Result<Exit> {
    let recorded = match read(arguments) {
        Ok(recorded) => recorded,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Invalid);
        }
    };
    let repeat = format!("amanah replay {}", shell(&arguments.result.to_string_lossy()));
    let version = env!("CARGO_PKG_VERSION");
    if recorded.program_version != version {
        let theirs = recorded.program_version.replace(char::is_control, " ");
        eprintln!(
            "warning: recorded by version {theirs}, replayed by version {version}: they may differ rightly"
        );
    }
    let interrupt = Interrupt::listen();
    let mut watcher = Watcher::new(&recorded.plan.name, Pace::Virtual, false, &interrupt);
    let looked = look::play(arguments, &recorded.plan, &mut |progress| watcher.observe(progress));
    drop(watcher);
    let (run, look) = match looked {
        Ok(looked) => looked,
        Err(error) => {
            eprintln!("error: {error}; repeat: {repeat}");
            return Ok(Exit::Failure);
        }
    };
    if run.partial {
        eprintln!("error: interrupted before there was anything to compare; repeat: {repeat}");
        return Ok(Exit::Interrupted);
    }
    let exit = compare(arguments, &recorded, &run, &look)?;
    if let Some(unknown) = look.unknown {
        eprintln!("error: --explain: {unknown}");
        return Ok(exit.max(Exit::Invalid));
    }
    if exit != Exit::Success {
        eprintln!("error: {} (exit {}); repeat: {repeat}", exit.reason(), exit.code());
    }
    Ok(exit)
}

/// A result that can be replayed, and in which there is what is asked for.
fn read(arguments: &Replay) -> Result<ResultFile, String> {
    let file = arguments.result.display();
    let recorded = ResultFile::read(&arguments.result).map_err(|error| error.to_string())?;
    if recorded.partial {
        return Err(format!(
            "{file}: the recorded run was interrupted: there is nothing to compare a replay with\n  = run the scenario again \
             to its end"
        ));
    }
    if recorded.world.is_live() {
        return Err(format!(
            "{file}: it was run live, on the wall clock: no run repeats it to the bit\n  = `amanah run --live` on its \
             scenario runs the same plan again"
        ));
    }
    let (end, mut wrong) = (recorded.end.0, Vec::new());
    let late = |at: &Option<Duration>| at.is_some_and(|at| at > end);
    for (flag, at) in [("--until", &arguments.until), ("--from", &arguments.from)] {
        if late(at) {
            wrong.push(format!("{flag}: the run ends at {} of virtual time", units::span(end)));
        }
    }
    if let (Some(from), Some(until)) = (arguments.from, arguments.until)
        && from > until
    {
        wrong.push("--from: it is later than --until: nothing lies between them".to_owned());
    }
    let (replicas, gateways) = (recorded.plan.replicas.len(), recorded.plan.population.institutions.len());
    for number in arguments.replica.iter().filter(|number| usize::from(**number) >= replicas) {
        wrong.push(format!("--replica {number}: replicas are numbered 0 to {}", replicas.saturating_sub(1)));
    }
    for number in arguments.gateway.iter().filter(|number| **number as usize >= gateways) {
        let last = gateways.checked_sub(1);
        wrong.push(match last {
            Some(last) => format!("--gateway {number}: gateways are numbered 0 to {last}"),
            None => format!("--gateway {number}: the run has no gateways"),
        });
    }
    match wrong[..] {
        [] => Ok(recorded),
        _ => Err(format!("{file}: {}", wrong.join(&format!("\nerror: {file}: ")))),
    }
}

/// Says what was seen, and whether the replay equals the recorded run.
fn compare(arguments: &Replay, recorded: &ResultFile, run: &Run, look: &Look) -> io::Result<Exit> {
    if look.stopped {
        let (at, end) = (units::span(run.end.since(run.start)), units::span(recorded.end.0));
        if arguments.json {
            let mut document = json!({ "exit_code": 0, "stopped_ns": run.end.0, "equal": null });
            look.add_to(&mut document);
            put(&format!("{document:#}\n"))?;
        } else {
            put(&format!(
                "{}stopped at {at}: the run went on to {end}, so digests are not compared\n",
                look.text()
            ))?;
        }
        return Ok(Exit::Success);
    }
    let digest = run.digest.to_string();
    let differences = differences(&recorded.metrics, &Metrics::of(run));
    let equal = digest == recorded.digest && differences.is_empty();
    let exit = if equal { Exit::Success } else { Exit::Nondeterminism };
    if arguments.json {
        let mut document = json!({
            "exit_code": exit.code(),
            "equal": equal,
            "recorded_digest": recorded.digest,
            "replayed_digest": digest,
            "differences": differences,
        });
        look.add_to(&mut document);
        put(&format!("{document:#}\n"))?;
    } else if equal {
        put(&format!("{}replayed: digest {digest} equal\n", look.text()))?;
    } else {
        put(&format!("{}{}", look.text(), text(&recorded.digest, &digest, &differences)))?;
    }
    Ok(exit)
}

/// Metrics in the order of the recorded ones; what only the replay has comes last.
fn differences(recorded: &IndexMap<String, Figure>, replayed: &Metrics) -> Vec<Difference> {
    let deterministic = |name: &str| catalog::lookup(name).is_some_and(|metric| metric.deterministic);
    let new = replayed.values.keys().filter(|name| !recorded.contains_key(**name) && deterministic(name));
    let known = recorded.iter().filter(|(_, figure)| figure.deterministic).map(|(name, _)| name.as_str());
    let row = |metric: &str| Difference {
        metric: metric.to_owned(),
        recorded: recorded.get(metric).map(|figure| figure.value),
        replayed: replayed.get(metric),
    };
    known.chain(new.copied()).map(row).filter(|row| row.recorded != row.replayed).collect()
}

fn text(recorded: &str, replayed: &str, differences: &[Difference]) -> String {
    let verdict = if recorded == replayed { "equal, but metrics differ" } else { "DIFFERS" };
    let mut text = format!("replayed: digest {replayed} {verdict}\nrecorded: digest {recorded}\n");
    for row in differences.iter().take(SHOWN_MAX) {
        let unit = catalog::lookup(&row.metric).map_or(catalog::MetricUnit::Count, |metric| metric.unit);
        // Two values that look alike when rounded are told apart by their digits.
        let show = |value: Option<Value>| match value {
            None => "absent".to_owned(),
            Some(Value::Whole(number)) => {
                let short = units::value(Value::Whole(number), unit);
                if short == units::count(number) { short } else { format!("{short} ({number})") }
            }
            Some(Value::Real(number)) => number.to_string(),
            Some(Value::Never) => "never".to_owned(),
        };
        let name = row.metric.replace(char::is_control, " ");
        text.push_str(&format!(
            "  {name:36} recorded {}, replayed {}\n",
            show(row.recorded),
            show(row.replayed)
        ));
    }
    if let Some(more @ 1..) = differences.len().checked_sub(SHOWN_MAX) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;

    #[test]
    fn only_what_must_be_equal_is_compared() {
        let run = fake::run(&fake::plan());
        let metrics = Metrics::of(&run);
        let mut recorded = ResultFile::new(&run, &metrics, &[], &[], String::new()).metrics;
        assert_eq!(differences(&recorded, &metrics), []);
        recorded["simulator.wall"].value = Value::Whole(1);
        assert_eq!(differences(&recorded, &metrics), []);
        recorded["share.latency.p99"].value = Value::Whole(1);
        recorded.shift_remove("replica.rounds");
        let found = differences(&recorded, &metrics);
        assert_eq!(found.len(), 2);
        let shown = text("aa", "bb", &found);
        assert!(shown.starts_with("replayed: digest bb DIFFERS\nrecorded: digest aa\n"), "{shown}");
        assert!(shown.contains("share.latency.p99"), "{shown}");
        assert!(
            shown.contains("replica.rounds                       recorded absent, replayed 2,000"),
            "{shown}"
        );
    }
}
