//! `amanah merge`: table and page of all runs that are finished, wherever they were played, and what is missing.

use super::exit::Exit;
use super::sweep::{Ended, file_name};
use super::{put, shell};
use crate::sweep::cell::{self, Cell};
use crate::sweep::html;
use crate::sweep::hunted;
use crate::sweep::manifest::Manifest;
use crate::sweep::store::{Store, StoreError};
use crate::sweep::table::{self, Finished};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// The page.
const PAGE_NAME: &str = "index.html";
/// Missing runs that are named; the rest are counted.
const MISSING_MAX: usize = 10;

/// Arguments of `merge`.
#[derive(Args)]
pub struct Merge {
    /// Where the results are kept: the `--out` of `amanah sweep` or `amanah hunt`.
    #[arg(value_name = "DIR|URL")]
    place: String,
    /// Directory of table and page. [default: the place itself if it is a directory, else results/sweep-<name>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Merges a sweep or a hunt.
pub fn merge(arguments: &Merge) -> io::Result<Exit> {
    merged(arguments).or_else(Ended::told)
}

fn merged(arguments: &Merge) -> Result<Exit, Ended> {
    let place = &arguments.place;
    let store = Store::existing(place)?;
    let Some(manifest) = Manifest::read(&store)? else {
        if let Some(hunt) = hunted::read(&store)? {
            return super::hunt::merged(&hunt, arguments.json).map_err(Ended::Io);
        }
        eprintln!(
            "error: {place}: there is neither a sweep nor a hunt\n  = merge the place that `amanah sweep` or \
             `amanah hunt --shard` was given as --out"
        );
        return Err(Ended::As(Exit::Invalid));
    };
    let name = manifest.scenario.clone();
    let gathered = Gathered::read(&store, manifest)?;
    let out = self::place(store.directory(), arguments.out.as_deref(), &name);
    let written = write(&gathered, &out)?;
    print(&gathered, &written, arguments.quiet, arguments.json, &store, Exit::Success).map_err(Ended::Io)
}

/// Where table and page go.
pub(super) fn place(directory: Option<&Path>, asked: Option<&Path>, name: &str) -> PathBuf {
    asked.or(directory).map_or_else(|| Path::new("results").join(format!("sweep-{name}")), Path::to_owned)
}

/// All that is there of a sweep.
pub(super) struct Gathered {
    pub manifest: Manifest,
    pub finished: Vec<Finished>,
    /// Numbers of those that are not.
    pub missing: Vec<usize>,
}

impl Gathered {
    /// Reads every finished run, each checked.
    pub fn read(store: &Store, manifest: Manifest) -> Result<Self, StoreError> {
        let there = store.list(cell::FOLDER)?;
        let (mut finished, mut missing) = (Vec::new(), Vec::new());
        for number in 0..manifest.runs.len() {
            let run_id = &manifest.runs[number].run_id;
            let name = cell::name(run_id);
            let is_there = there.contains(&file_name(&manifest, number));
            let Some(bytes) = (if is_there { store.read(&name)? } else { None }) else {
                missing.push(number);
                continue;
            };
            let cell = Cell::parse(&store.shown(&name), run_id, &bytes)?;
            let one = Finished::new(number, cell).ok_or_else(|| StoreError::Damaged {
                name: store.shown(&name),
                reason: "a distribution of it cannot be read".to_owned(),
            })?;
            finished.push(one);
        }
        Ok(Self { manifest, finished, missing })
    }

    fn exit(&self) -> Exit {
        let worst =
            self.finished.iter().map(|run| Exit::recorded(run.exit_code)).max().unwrap_or(Exit::Success);
        // Whatever they will say: they can still come.
        if self.missing.is_empty() { worst } else { worst.max(Exit::Retry) }
    }
}

/// Writes table and page; their names.
pub(super) fn write(gathered: &Gathered, out: &Path) -> Result<Vec<PathBuf>, Ended> {
    let Gathered { manifest, finished, missing } = gathered;
    let store = Store::open(&out.to_string_lossy())?;
    let parquet = table::parquet(manifest, finished).map_err(|error| Ended::Io(io::Error::other(error)))?;
    let files = [
        (table::CSV_NAME, table::csv(manifest, finished).into()),
        (table::PARQUET_NAME, parquet.into()),
        (PAGE_NAME, html::page(manifest, finished, missing).into()),
    ];
    let mut names = Vec::new();
    for (name, bytes) in files {
        store.replace(name, bytes)?;
        names.push(out.join(name));
    }
    Ok(names)
}

/// Says what is there, and what is not; `exit` is of what came before.
pub(super) fn print(
    gathered: &Gathered,
    written: &[PathBuf],
    quiet: bool,
    as_json: bool,
    store: &Store,
    exit: Exit,
) -> io::Result<Exit> {
    let exit = exit.max(gathered.exit());
    let Gathered { manifest, finished, missing } = gathered;
    if as_json {
        let runs = finished.iter().map(|run| {
            let row = &manifest.runs[run.number];
            let axes: serde_json::Map<String, Value> =
                manifest.axes.iter().zip(&row.labels).map(|(axis, label)| (axis.path.clone(), json!(label))).collect();
            json!({ "run_id": row.run_id, "seed": row.seed, "axes": axes, "exit_code": run.exit_code, "metrics": run.metrics })
        });
        let runs: Vec<Value> = runs.collect();
        let lost: Vec<&str> = missing.iter().map(|number| manifest.runs[*number].run_id.as_str()).collect();
        let document = json!({
            "exit_code": exit.code(), "scenario": manifest.scenario, "runs": runs, "missing": lost, "files": written,
        });
        put(&format!("{document:#}\n"))?;
    } else if !quiet {
        put(&text(gathered, written))?;
    }
    tell_missing(manifest, missing);
    for run in finished.iter().filter(|run| run.exit_code != 0).take(MISSING_MAX) {
        let row = &manifest.runs[run.number];
        let words = manifest.words(row);
        let reason = Exit::recorded(run.exit_code).reason();
        let name = cell::name(&row.run_id);
        let repeat = match store.directory() {
            Some(directory) => format!("amanah replay {}", shell(&directory.join(name).to_string_lossy())),
            // A result is replayed from a file.
            None => format!("fetch {}, then: amanah replay {}.json", store.shown(&name), row.run_id),
        };
        eprintln!("error: {words}: {reason} (exit {}); repeat: {repeat}", run.exit_code);
    }
    Ok(exit)
}

/// Names the first of the runs that are not there.
pub(super) fn tell_missing(manifest: &Manifest, missing: &[usize]) {
    for number in missing.iter().take(MISSING_MAX) {
        let run = &manifest.runs[*number];
        eprintln!("missing: {} {}", run.run_id, manifest.words(run));
    }
    if missing.len() > MISSING_MAX {
        eprintln!("missing: {} more", missing.len() - MISSING_MAX);
    }
}

fn text(gathered: &Gathered, written: &[PathBuf]) -> String {
    let Gathered { manifest, finished, missing } = gathered;
    let mut text = format!(
        "{}\n{}: {} of {} runs\n\n",
        manifest.question,
        manifest.scenario,
        finished.len(),
        finished.len() + missing.len()
    );
    let metrics = html::shown(finished);
    let mut rows = vec![Vec::new()];
    let axes = manifest.axes.iter().map(|axis| axis.path.clone());
    rows[0].extend(
        axes.chain(["seed".to_owned()])
            .chain(metrics.iter().map(|it| it.name.clone()))
            .chain(["exit".to_owned()]),
    );
    for run in finished {
        let row = &manifest.runs[run.number];
        let figures = metrics.iter().map(|metric| html::figure(run.metrics.get(&metric.name), metric.unit));
        let labels = row.labels.iter().cloned().chain([row.seed.to_string()]);
        rows.push(labels.chain(figures).chain([run.exit_code.to_string()]).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let line: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text.push('\n');
    for file in written {
        let _ = writeln!(text, "{}", file.display());
    }
    text
}
