//! The command line. Data goes to stdout, everything else to stderr; exit codes are those of the README.

use crate::diagnostic::Diagnostics;
use crate::metrics::catalog;
use crate::plan::Plan;
use crate::scenario::Scenario;
use clap::{Args, Parser, Subcommand};
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Internal or environment failure.
const FAILURE: u8 = 1;
/// Usage, or an invalid scenario.
const INVALID: u8 = 2;

#[derive(Parser)]
#[command(name = "amanah", version, about = "A health-record ledger that is measured before it is built")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say whether scenarios can run, or everything that is wrong with them.
    Check(Check),
    /// List every metric that an expectation can name.
    Metrics,
}

/// Changes to a scenario, applied before it is validated.
#[derive(Args, Clone, Debug, Default)]
pub struct Overrides {
    /// Replace or add a value, as in `--set ledger.replicas=7` or `--set faults[0].at=5s`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Replace the seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

#[derive(Args)]
struct Check {
    /// Scenario files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
    /// Print the complete plan of each valid scenario, every default filled in, as YAML on stdout.
    #[arg(long, conflicts_with = "json")]
    print: bool,
    #[command(flatten)]
    overrides: Overrides,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let written = match Cli::parse().command {
        Command::Check(arguments) => check(&arguments),
        Command::Metrics => metrics(),
    };
    written.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => {
            eprintln!("error: cannot write: {error}");
            ExitCode::from(FAILURE)
        }
    })
}

/// Reads a scenario, applies the overrides and validates it.
///
/// # Errors
/// Every mistake in the file and the overrides.
pub fn load(file: &Path, overrides: &Overrides) -> Result<Plan, Diagnostics> {
    let mut scenario = Scenario::read(file)?;
    for assignment in &overrides.set {
        scenario.set(assignment);
    }
    if let Some(seed) = overrides.seed {
        scenario.set_seed(seed);
    }
    Plan::from_scenario(&scenario)
}

/// Whether stderr should be coloured: a terminal, and `NO_COLOR` unset or empty.
pub fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn check(arguments: &Check) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut rows = Vec::new();
    let mut valid = true;
    for file in &arguments.files {
        let plan = load(file, &arguments.overrides);
        valid &= plan.is_ok();
        let name = file.display();
        match plan {
            Ok(plan) if arguments.json => {
                rows.push(json!({ "file": name.to_string(), "ok": true, "plan": plan }))
            }
            Ok(plan) if arguments.print => {
                let yaml = serde_yaml::to_string(&plan).map_err(io::Error::other)?;
                write!(out, "# {name}\n---\n{yaml}")?;
            }
            Ok(plan) => writeln!(out, "{name}: ok: {}", summary(&plan))?,
            Err(errors) if arguments.json => {
                rows.push(json!({ "file": name.to_string(), "ok": false, "errors": errors.to_json() }));
            }
            Err(errors) => eprint!("{}", errors.render(colour())),
        }
    }
    if arguments.json {
        writeln!(out, "{:#}", json!({ "ok": valid, "files": rows }))?;
    }
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::from(INVALID) })
}

fn summary(plan: &Plan) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    [
        plan.name.clone(),
        count(plan.replicas.len(), "replica"),
        count(plan.population.institutions.len(), "gateway"),
        count(plan.workloads.len(), "workload"),
        count(plan.faults.len(), "fault"),
        count(plan.expect.len(), "expectation"),
    ]
    .join(", ")
}

fn metrics() -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for metric in catalog::all() {
        writeln!(out, "{:36} {:12} {}", metric.name, format!("{:?}", metric.unit), metric.meaning)?;
    }
    Ok(ExitCode::SUCCESS)
}
