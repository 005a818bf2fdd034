//! A sweep: every combination of a scenario's `matrix:`, each one run, and all their figures in one table.
//!
//! ```text
//! sweep.json           what is to be played: axes, and for each run its id and its labels     (manifest)
//! cells/<run id>.json  a finished run: a `result.json` without what a machine decides, its histograms, a checksum   (cell)
//! results.csv, results.parquet, index.html     made of the two above                            (table, html)
//! ```
//!
//! A run's id is the hash of its complete plan and of the sources that play it. So a finished run is found again whatever
//! the sweep around it became, the same run has the same id on every machine, and what it yields is the same to the byte:
//! several machines can share a sweep ([`shard`]), try again what was cut off, and put results into one place ([`store`])
//! where an id that holds other bytes is found out. Who played a run is written nowhere.
//!
//! The table is in long form, a row for each run and metric, in the order of the matrix and of the catalog of metrics:
//!
//! | column | type | what |
//! |---|---|---|
//! | `run_id` | text | the run's id; `cells/<run_id>.json` is the run |
//! | `scenario` | text | the scenario's name |
//! | `cell` | integer | number of the run in the matrix, from 0; shard `i/n` plays those with `cell % n == i` |
//! | `seed` | integer | the run's seed |
//! | `axis_*` | integer or text | a column for each axis: its key path with `_` for what is no letter or digit; integers if all its values are |
//! | `digest` | text | of the run |
//! | `exit_code` | integer | as `amanah run` would have ended |
//! | `metric` | text | a name of `amanah metrics`, or the family of a distribution (`share.latency`) |
//! | `unit` | text | `ns`, `B`, `1/s`, `count`, `ratio` |
//! | `value` | number, empty with `hdr` | `inf` for a time that did not come |
//! | `hdr` | bytes; base64 in CSV | a distribution in nanoseconds: HdrHistogram's compressed format, second version |
//!
//! Figures of the wall clock are in no cell: no replay repeats them.

pub mod cell;
pub mod html;
pub mod hunted;
pub mod manifest;
pub mod seal;
pub mod shard;
pub mod store;
pub mod table;

use crate::check::{Verdict, check};
use crate::diagnostic::Diagnostics;
use crate::expect::{Expected, evaluate};
use crate::history::{Control, Run};
use crate::jobs::on_threads;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::world::{Options, run_with};
use cell::Cell;
use manifest::{AxisRow, Manifest, RunRow};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{Put, Store, StoreError};

/// Most runs of a sweep, seeds included.
pub const RUNS_MAX: usize = 100_000;
/// Key path of the axis that is a seed: repetitions of a configuration, not another configuration.
pub const SEED_AXIS: &str = "seed";

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What everybody who takes part agrees on.
    pub manifest: Manifest,
    /// One for each run of the manifest.
    pub plans: Vec<Plan>,
}

/// Why a scenario cannot be swept.
#[derive(Debug)]
pub enum Refused {
    /// Mistakes in the scenario.
    Scenario(Box<Diagnostics>),
    /// What is asked for does not go together, in words, and the cure.
    Asked(String, &'static str),
}

impl Sweep {
    /// Every combination of a scenario, each with so many seeds from its own on.
    ///
    /// # Errors
    /// Every mistake of every combination, before any of them is played.
    pub fn of(scenario: Scenario, seeds: u64) -> Result<Self, Refused> {
        let question = scenario.question().to_owned();
        let matrix = scenario.into_matrix();
        let bases =
            matrix.read_all(Plan::from_scenario).map_err(|errors| Refused::Scenario(Box::new(errors)))?;
        if seeds == 0 {
            return Err(Refused::Asked("--seeds 0 plays nothing".to_owned(), "expected at least 1"));
        }
        if seeds > 1 && matrix.axes.iter().any(|axis| axis.path == SEED_AXIS) {
            let message = "the matrix has an axis `seed`, and --seeds adds another".to_owned();
            return Err(Refused::Asked(message, "leave one of the two out"));
        }
        if (bases.len() as u64).checked_mul(seeds).is_none_or(|runs| runs > RUNS_MAX as u64) {
            let message =
                format!("{} combinations with {seeds} seeds are more than {RUNS_MAX} runs", bases.len());
            return Err(Refused::Asked(message, "leave some out, or sweep in parts"));
        }
        let (mut runs, mut plans) = (Vec::new(), Vec::new());
        for (combination, base) in bases.into_iter().enumerate() {
            let labels = matrix.labels(combination);
            for offset in 0..seeds {
                // Seeds are numbers without order: after the last comes the first.
                let plan = Plan { seed: base.seed.wrapping_add(offset), ..base.clone() };
                runs.push(RunRow { run_id: cell::run_id(&plan), seed: plan.seed, labels: labels.clone() });
                plans.push(plan);
            }
        }
        let mut seen: BTreeMap<&str, &RunRow> = BTreeMap::new();
        for run in &runs {
            if let Some(other) = seen.insert(&run.run_id, run) {
                let [one, other] = [run, other].map(|run| run.labels.join(", "));
                let message = format!("the combinations ({other}) and ({one}) are one and the same run");
                return Err(Refused::Asked(
                    message,
                    "leave out what changes nothing, or says the same twice",
                ));
            }
        }
        let axes =
            matrix.axes.iter().map(|axis| AxisRow { path: axis.path.clone(), labels: axis.labels.clone() });
        let manifest = Manifest::new(&plans[0].name, &question, axes.collect(), runs);
        Ok(Self { manifest, plans })
    }
}

/// The exit code of a run by what was found about it.
pub type Judge<'a> = &'a (dyn Fn(&Run, &Metrics, &[Verdict], &[Expected]) -> u8 + Sync);

/// What became of the runs that were asked for.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Exit codes of those whose cells are there now, by number.
    pub stored: BTreeMap<usize, u8>,
    /// Those that left no result, and why.
    pub failed: BTreeMap<usize, String>,
    /// Why nothing more was played.
    pub stopped: Option<StoreError>,
}

/// Plays `runs` (by number), on so many threads, and puts each finished one into `store` before it counts. `go_on` is asked
/// all the time, with the number of runs done; at its `false` nothing more is begun, and what is not finished leaves no trace.
pub fn play(
    sweep: &Sweep,
    runs: &[usize],
    jobs: usize,
    store: &Store,
    judge: Judge<'_>,
    go_on: &(dyn Fn(usize) -> bool + Sync),
) -> Outcome {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stopped: Mutex<Option<StoreError>> = Mutex::new(None);
    let is_stopped = || stopped.lock().expect("nobody panics while holding it").is_some();
    let worker = || {
        let mut outcome = Outcome::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let going = || go_on(done.load(Ordering::Relaxed)) && !is_stopped();
            let Some(number) = runs.get(at).copied().filter(|_| going()) else { return outcome };
            match play_one(&sweep.plans[number], judge, &going) {
                Err(reason) => {
                    outcome.failed.insert(number, reason);
                }
                Ok(None) => return outcome,
                Ok(Some(cell)) => match put(store, &cell) {
                    Ok(()) => {
                        outcome.stored.insert(number, cell.exit_code);
                    }
                    Err(error) => {
                        stopped.lock().expect("nobody panics while holding it").get_or_insert(error);
                        return outcome;
                    }
                },
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut outcome = Outcome::default();
    on_threads(jobs.min(runs.len()), worker, |part| {
        outcome.stored.extend(part.stored);
        outcome.failed.extend(part.failed);
    });
    outcome.stopped = stopped.into_inner().expect("nobody panicked while holding it");
    outcome
}

/// Puts a cell where nobody has put it yet; where somebody has, it must be the same to the byte.
///
/// # Errors
/// When the store cannot be reached, or holds something else.
pub fn put(store: &Store, cell: &Cell) -> Result<(), StoreError> {
    let (name, text) = (cell::name(&cell.run_id), cell.to_text());
    match store.create(&name, text.clone().into())? {
        Put::New => Ok(()),
        Put::There(bytes) if bytes == text.as_bytes() => Ok(()),
        Put::There(bytes) => {
            let there = Cell::parse(&store.shown(&name), &cell.run_id, &bytes)?;
            let (ours, theirs) = (cell.result.digest.clone(), there.result.digest);
            let told = match ours == theirs {
                // The run is the same, and what is said of it is not.
                true => {
                    [text.as_bytes(), &bytes].map(|bytes| format!("bytes {}", blake3::hash(bytes).to_hex()))
                }
                false => [ours, theirs].map(|digest| format!("digest {digest}")),
            };
            let [ours, theirs] = told;
            Err(StoreError::Conflict { name: store.shown(&name), ours, theirs })
        }
    }
}

/// `None` if it was stopped.
fn play_one(plan: &Plan, judge: Judge<'_>, going: &dyn Fn() -> bool) -> Result<Option<Cell>, String> {
    let options = Options { threads: 1, ..Options::default() };
    let played = catch_unwind(AssertUnwindSafe(|| {
        let control = || if going() { Control::Continue } else { Control::Stop };
        let run = run_with(plan, &options, &mut |_| control()).map_err(|error| error.to_string())?;
        if run.partial {
            return Ok(None);
        }
        let metrics = Metrics::of(&run);
        let verdicts = check(&run);
        let expectations = evaluate(&run.plan.expect, &metrics, &verdicts);
        let exit_code = judge(&run, &metrics, &verdicts, &expectations);
        Ok(Some(Cell::new(&run, &metrics, &verdicts, &expectations, exit_code)))
    }));
    // Nothing of the world is used after a panic.
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        Err(format!("the program panicked: {text}"))
    })
}
