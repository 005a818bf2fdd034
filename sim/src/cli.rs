//! The command line. Data goes to stdout, everything else to stderr; exit codes are those of the README.

mod audit;
mod compare;
mod daemons;
mod exit;
mod explain;
mod export;
mod gate;
mod hunt;
mod init;
mod keygen;
mod merge;
mod progress;
mod replay;
mod report;
mod run;
mod schema;
mod shell;
mod sweep;
mod twins;
mod verify;

use crate::diagnostic::Diagnostics;
use crate::metrics::catalog;
use crate::plan::Plan;
use crate::report::Style;
use crate::scenario::Scenario;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use exit::Exit;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

#[derive(Parser)]
#[command(name = "amanah", version, about = "A health-record ledger that is measured before it is built")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Whether to colour what people read. [default: auto, which means on terminals, unless NO_COLOR is set]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    color: Option<Colour>,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Play scenarios: print what came of them, and write it with everything needed to replay it.
    Run(run::Run),
    /// Run a result again and compare: same plan, same digest.
    Replay(replay::Replay),
    /// Make the page about a run (report.html) from its result, or a picture of it.
    Report(report::Report),
    /// Check receipts, checkpoints and audits offline, with nothing but the committee's keys.
    Verify(verify::Verify),
    /// List every access to one patient's records in a simulated run, and prove that none is left out.
    Audit(audit::Audit),
    /// Write what happened in a run as FHIR R4 resources and EPCIS 2.0 events.
    Export(export::Export),
    /// Say what is different between results: figures with their confidence, and what changed in the plan.
    Compare(compare::Compare),
    /// Hold scenarios against their baselines, or one program against another, and fail where something regressed.
    Gate(gate::Gate),
    /// Say whether scenarios can run, or everything that is wrong with them.
    Check(Check),
    /// Write a commented scenario to begin with, by a few questions or by flags.
    Init(init::Init),
    /// Print the JSON Schema of scenarios, for editors.
    Schema(schema::Schema),
    /// Say what a key of a scenario, a metric, an error or an exit code is about.
    Explain(explain::Explain),
    /// Play every schedule of a small world in which one replica exists twice, and look for forks and standstills.
    Twins(twins::Twins),
    /// Play a scenario under many random fault schedules, and shrink what fails to the least that does.
    Hunt(hunt::Hunt),
    /// Play every combination of a scenario's `matrix:`, and put all their figures into one table and one page.
    Sweep(sweep::Sweep),
    /// Make table and page of a sweep, or the sum of a hunt, that several machines took part in.
    Merge(merge::Merge),
    /// List every metric that an expectation can name, with its unit, which way is better, and what it means.
    Metrics(Metrics),
    /// Make a key, or every key and configuration file of a consortium for trials.
    Keygen(keygen::Keygen),
    /// Run one replica of a consortium until SIGTERM or SIGINT.
    Replica(daemons::Daemon),
    /// Run one institution's gateway until SIGTERM or SIGINT.
    Gateway(daemons::Daemon),
    /// Print completions for a shell.
    Completions(shell::Completions),
    /// Write manual pages.
    Man(shell::Man),
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

#[derive(Args)]
struct Metrics {
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let written = match parsed().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Audit(arguments) => audit::audit(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Gate(arguments) => gate::gate(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::Init(arguments) => init::init(&arguments),
        Command::Schema(arguments) => schema::schema(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Twins(arguments) => twins::twins(&arguments),
        Command::Hunt(arguments) => hunt::hunt(&arguments),
        Command::Sweep(arguments) => sweep::sweep(&arguments),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::Metrics(arguments) => metrics(&arguments),
        Command::Keygen(arguments) => keygen::keygen(&arguments),
        Command::Replica(arguments) => Ok(daemons::replica(&arguments)),
        Command::Gateway(arguments) => Ok(daemons::gateway(&arguments)),
        Command::Completions(arguments) => shell::completions(&arguments),
        Command::Man(arguments) => shell::man(&arguments),
    };
    let exit = written.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Exit::Success,
        _ => {
            eprintln!("error: cannot write: {error}");
            Exit::Failure
        }
    });
    exit.into()
}

/// Reads a scenario, applies the overrides and validates it.
///
/// # Errors
/// Every mistake in the file and the overrides.
pub fn load(file: &Path, overrides: &Overrides) -> Result<Plan, Diagnostics> {
    Plan::from_scenario(&read(file, overrides)?)
}

/// Reads a scenario and applies the overrides.
///
/// # Errors
/// When the file cannot be read or is not YAML.
fn read(file: &Path, overrides: &Overrides) -> Result<Scenario, Diagnostics> {
    let mut scenario = Scenario::read(file)?;
    for assignment in &overrides.set {
        scenario.set(assignment);
    }
    if let Some(seed) = overrides.seed {
        scenario.set_seed(seed);
    }
    Ok(scenario)
}

/// The command line's definition: what completions, manual pages and the documentation's tests are made of.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Whether these words, the program's name first, are a command line of ours.
///
/// # Errors
/// What clap says about it. Asking for help or the version is none.
pub fn parse(words: &[&str]) -> Result<(), String> {
    match Cli::try_parse_from(words) {
        Err(error) if error.use_stderr() => Err(error.to_string()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What was said of colour, for as long as the process lives.
static COLOUR: OnceLock<Colour> = OnceLock::new();

fn parsed() -> Cli {
    let cli = Cli::parse();
    COLOUR.get_or_init(|| cli.color.unwrap_or(Colour::Auto));
    cli
}

/// Whether stderr should be coloured.
pub fn colour() -> bool {
    coloured(io::stderr().is_terminal())
}

/// What stdout can show.
fn style() -> Style {
    let unicode = io::stdout().is_terminal();
    Style { colour: coloured(unicode), unicode }
}

/// The flag wins, then `NO_COLOR`, then `CLICOLOR_FORCE`, each unless it is empty; then whether it is a terminal.
fn coloured(terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match COLOUR.get().unwrap_or(&Colour::Auto) {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if set("NO_COLOR").is_some() => false,
        Colour::Auto => terminal || set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
    }
}

/// Writes to stdout. That nobody reads on changes nothing about how a run ends.
fn put(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A word of a command that can be pasted into a shell.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn check(arguments: &Check) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    let mut rows = Vec::new();
    let mut valid = true;
    for file in &arguments.files {
        let scenario = read(file, &arguments.overrides);
        let is_sweep = scenario.as_ref().is_ok_and(Scenario::has_matrix);
        let plans = scenario.and_then(|scenario| scenario.into_matrix().read_all(Plan::from_scenario));
        valid &= plans.is_ok();
        let name = file.display();
        match plans {
            Ok(plans) if arguments.json && is_sweep => {
                rows.push(
                    json!({ "file": name.to_string(), "ok": true, "runs": plans.len(), "plans": plans }),
                );
            }
            Ok(plans) if arguments.json => {
                rows.push(json!({ "file": name.to_string(), "ok": true, "plan": plans[0] }));
            }
            Ok(plans) if arguments.print => {
                for plan in &plans {
                    let yaml = serde_yaml::to_string(plan).map_err(io::Error::other)?;
                    write!(out, "# {name}\n---\n{yaml}")?;
                }
            }
            Ok(plans) if is_sweep => {
                writeln!(
                    out,
                    "{name}: ok: {} runs of a sweep; the first: {}",
                    plans.len(),
                    summary(&plans[0])
                )?;
            }
            Ok(plans) => writeln!(out, "{name}: ok: {}", summary(&plans[0]))?,
            Err(errors) if arguments.json => {
                rows.push(json!({ "file": name.to_string(), "ok": false, "errors": errors.to_json() }));
            }
            Err(errors) => eprint!("{}", errors.render(colour())),
        }
    }
    if arguments.json {
        writeln!(out, "{:#}", json!({ "ok": valid, "files": rows }))?;
    }
    Ok(if valid { Exit::Success } else { Exit::Invalid })
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

fn metrics(arguments: &Metrics) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    if arguments.json {
        let row = |metric: &catalog::Metric| {
            json!({
                "name": metric.name, "unit": metric.unit.symbol(), "better": metric.better,
                "deterministic": metric.deterministic, "meaning": metric.meaning,
            })
        };
        let rows: Vec<_> = catalog::all().iter().map(row).collect();
        writeln!(out, "{:#}", json!({ "metrics": rows }))?;
        return Ok(Exit::Success);
    }
    for metric in catalog::all() {
        let (unit, better) = (format!("{:?}", metric.unit), metric.better.name());
        writeln!(out, "{:36} {unit:12} {better:8} {}", metric.name, metric.meaning)?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        let cases = [
            ("results/x-1/result.json", "results/x-1/result.json"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
        ];
        for (word, quoted) in cases {
            assert_eq!(shell(word), quoted);
        }
    }
}
