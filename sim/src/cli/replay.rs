//! `amanah replay`: runs the plan of a result again and compares what must be equal: the digest, and every metric that
//! does not depend on the machine's wall clock.

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::{put, shell};
use crate::metrics::{Metrics, Value, catalog};
use crate::report::units;
use crate::result::{Figure, ResultFile};
use crate::world;
use clap::Args;
use indexmap::IndexMap;
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
    let recorded = match ResultFile::read(&arguments.result) {
        Ok(recorded) => recorded,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Invalid);
        }
    };
    if recorded.partial {
        eprintln!(
            "error: {}: the recorded run was interrupted: there is nothing to compare a replay with\n  = run the scenario \
             again to its end",
            arguments.result.display()
        );
        return Ok(Exit::Invalid);
    }
    if recorded.world.is_live() {
        eprintln!(
            "error: {}: it was run live, on the wall clock: no run repeats it to the bit\n  = `amanah run --live` on its \
             scenario runs the same plan again",
            arguments.result.display()
        );
        return Ok(Exit::Invalid);
    }
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
    let run = world::run(&recorded.plan, &mut |progress| watcher.observe(progress));
    drop(watcher);
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            eprintln!("error: {error}; repeat: {repeat}");
            return Ok(Exit::Failure);
        }
    };
    if run.partial {
        eprintln!("error: interrupted before there was anything to compare; repeat: {repeat}");
        return Ok(Exit::Interrupted);
    }
    let digest = run.digest.to_string();
    let differences = differences(&recorded.metrics, &Metrics::of(&run));
    let equal = digest == recorded.digest && differences.is_empty();
    let exit = if equal { Exit::Success } else { Exit::Nondeterminism };
    if arguments.json {
        put(&format!(
            "{:#}\n",
            json!({
                "exit_code": exit.code(),
                "equal": equal,
                "recorded_digest": recorded.digest,
                "replayed_digest": digest,
                "differences": differences,
            })
        ))?;
    } else if equal {
        put(&format!("replayed: digest {digest} equal\n"))?;
    } else {
        put(&text(&recorded.digest, &digest, &differences))?;
    }
    if exit != Exit::Success {
        eprintln!("error: {} (exit {}); repeat: {repeat}", exit.reason(), exit.code());
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
