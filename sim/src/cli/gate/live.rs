//! Two programs' live runs of one scenario, side by side.

use super::super::exit::Exit;
use super::super::progress::Interrupt;
use super::super::{colour, load, shell};
use super::Gate;
use crate::gate::live::{self, Decision, Judged, LIMITS, PAIRS_MAX};
use crate::gate::{Check, Class, Outcome, Status};
use crate::report::percent;
use crate::result::ResultFile;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Figures of a pair of runs, by metric.
type Pairs = BTreeMap<&'static str, Vec<(f64, f64)>>;

/// `10..30`, or one number for both.
pub(super) fn pairs(text: &str) -> Result<(usize, usize), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if 1 <= least && least <= most && most <= PAIRS_MAX => Ok((least, most)),
        _ => Err(format!("expected MIN..MAX, at most {PAIRS_MAX}, as in `10..30`")),
    }
}

/// Why there is no pair.
enum Missing {
    /// A run could not be started, or left no result.
    Failed(String),
    /// A run ended with this exit code, which is no measurement.
    Ended(String, Exit),
    Interrupted,
}

/// Pairs of the old program with itself, then of both.
pub(super) fn gate(arguments: &Gate, programs: &[PathBuf], interrupt: &Interrupt) -> io::Result<Exit> {
    let ([file], [old, new]) = (&arguments.files[..], programs) else {
        eprintln!("error: --live judges one scenario with two programs: gate one after the other");
        return Ok(Exit::Invalid);
    };
    let plan = match load(file, &arguments.overrides) {
        Ok(plan) => plan,
        Err(errors) => {
            eprint!("{}", errors.render(colour()));
            return Ok(Exit::Invalid);
        }
    };
    let out =
        arguments.out.clone().unwrap_or_else(|| PathBuf::from("results").join(format!("gate-{}", plan.name)));
    let side = Side { arguments, file, out: &out, interrupt };
    let (least, most) = arguments.pairs;
    let judged = match side.measure(old, new, (least, most)) {
        Ok(judged) => judged,
        Err(Missing::Interrupted) => return Ok(Exit::Interrupted),
        Err(Missing::Failed(error)) => {
            eprintln!("error: {error}");
            return Ok(Exit::Failure);
        }
        Err(Missing::Ended(command, exit)) => {
            eprintln!("error: {} (exit {}); repeat: {command}", exit.reason(), exit.code());
            return Ok(exit);
        }
    };
    let checks: Vec<Check> = judged.iter().map(check).collect();
    let outcome = Outcome {
        scenario: plan.name.clone(),
        file: file.to_string_lossy().into_owned(),
        baseline: None,
        replay: side.again(old, new),
        result: None,
        checks,
    };
    let exit = exit(&judged);
    super::tell(&outcome, exit, arguments.output.quiet);
    if !arguments.output.quiet {
        for check in outcome.with(Status::Passed) {
            eprintln!("{}: {}", plan.name, check.message);
        }
    }
    arguments.output.write(&[outcome], exit, false)
}

/// What is judged is what can be: where noise hides everything, nothing was measured.
fn exit(judged: &[Judged]) -> Exit {
    let decided = |decision| judged.iter().any(|one| one.decision == decision);
    let noisy = judged.iter().all(|one| one.decision == Decision::TooNoisy);
    match () {
        () if decided(Decision::Regressed) => Exit::Regressed,
        () if noisy => Exit::MeasurementInvalid,
        () => Exit::Success,
    }
}

fn check(judged: &Judged) -> Check {
    let limit = judged.limit * 100.0;
    let range = |interval: &Option<crate::statistics::Interval>| {
        interval.as_ref().map_or_else(
            || format!("no interval: fewer than {} pairs", live::pairs_needed()),
            |interval| format!("{} to {}", percent(interval.low), percent(interval.high)),
        )
    };
    let factor = judged.factor.map_or_else(|| "no pairs".to_owned(), percent);
    let found = format!(
        "{}: {factor} (99 %: {}; {} pairs; limit {limit} %; against itself: {})",
        judged.metric,
        range(&judged.interval),
        judged.pairs,
        range(&judged.noise)
    );
    let (status, word) = match judged.decision {
        Decision::Regressed => (Status::Failed, "regressed"),
        Decision::Clean => (Status::Passed, "no regression"),
        Decision::Inconclusive => (Status::Warned, "inconclusive: the interval straddles the limit"),
        Decision::TooNoisy => (Status::Warned, "not gated: the machine's noise is past the limit"),
        Decision::TooFew => (Status::Warned, "inconclusive: too few pairs"),
    };
    Check { class: Class::Live, name: judged.metric.clone(), status, message: format!("{word}: {found}") }
}

struct Side<'a> {
    arguments: &'a Gate,
    file: &'a Path,
    out: &'a Path,
    interrupt: &'a Interrupt,
}

impl Side<'_> {
    fn measure(&self, old: &Path, new: &Path, bounds: (usize, usize)) -> Result<Vec<Judged>, Missing> {
        let (least, most) = bounds;
        let mut same = Pairs::new();
        for pair in 0..least {
            self.pair("same", pair, [old, old], &mut same)?;
        }
        let mut pairs = Pairs::new();
        let mut judged = Vec::new();
        for pair in 0..most {
            self.pair("pair", pair, [old, new], &mut pairs)?;
            if live::is_look(pair + 1, least) || pair + 1 == most {
                judged = judge(&same, &pairs);
                if live::is_decided(&judged) {
                    break;
                }
            }
        }
        Ok(judged)
    }

    /// Both programs once, in the order of ABBA.
    fn pair(&self, kind: &str, pair: usize, programs: [&Path; 2], pairs: &mut Pairs) -> Result<(), Missing> {
        let order = if live::old_first(pair) { [0, 1] } else { [1, 0] };
        let mut results: [Option<ResultFile>; 2] = [None, None];
        for side in order {
            let directory = self.out.join(format!("{kind}-{pair:02}-{}", ["old", "new"][side]));
            results[side] = Some(self.run(programs[side], &directory)?);
        }
        let [Some(old), Some(new)] = &results else { return Ok(()) };
        for (metric, _) in LIMITS {
            let of = |result: &ResultFile| result.metrics.get(*metric).map(|figure| figure.value.as_f64());
            if let (Some(old), Some(new)) = (of(old), of(new)) {
                pairs.entry(*metric).or_default().push((old, new));
                if !self.arguments.output.quiet && metric.ends_with("rate") {
                    eprintln!("{kind} {}: {metric} {old:.1} and {new:.1}", pair + 1);
                }
            }
        }
        Ok(())
    }

    fn command(&self, program: &Path, directory: &Path) -> (Command, String) {
        let mut words: Vec<String> = ["run", "--live", "--quiet"].map(str::to_owned).to_vec();
        words.push(self.file.to_string_lossy().into_owned());
        for assignment in &self.arguments.overrides.set {
            words.extend(["--set".to_owned(), assignment.clone()]);
        }
        if let Some(seed) = self.arguments.overrides.seed {
            words.extend(["--seed".to_owned(), seed.to_string()]);
        }
        words.extend(["--out".to_owned(), directory.to_string_lossy().into_owned()]);
        let mut command = Command::new(program);
        command.args(&words).stdout(Stdio::null());
        let text = words.iter().map(|word| format!(" {}", shell(word))).collect::<String>();
        (command, shell(&program.to_string_lossy()) + &text)
    }

    /// A run that measured something: what a checker finds ends the gate, an expectation that falls short does not.
    fn run(&self, program: &Path, directory: &Path) -> Result<ResultFile, Missing> {
        let (mut command, text) = self.command(program, directory);
        let status = command.status().map_err(|error| Missing::Failed(format!("{text}: {error}")))?;
        if self.interrupt.pressed() {
            return Err(Missing::Interrupted);
        }
        match status.code() {
            Some(0 | 99) => {}
            Some(code) => match Exit::ALL.into_iter().find(|exit| i32::from(exit.code()) == code) {
                Some(exit) => return Err(Missing::Ended(text, exit)),
                None => return Err(Missing::Failed(format!("{text}: exit {code}"))),
            },
            None => return Err(Missing::Failed(format!("{text}: killed"))),
        }
        ResultFile::read(directory).map_err(|error| Missing::Failed(error.to_string()))
    }

    fn again(&self, old: &Path, new: &Path) -> String {
        let words = [self.file, Path::new("--live"), old, new].map(|word| shell(&word.to_string_lossy()));
        let (least, most) = self.arguments.pairs;
        format!("amanah gate {} --pairs {least}..{most}", words.join(" "))
    }
}

fn judge(same: &Pairs, pairs: &Pairs) -> Vec<Judged> {
    let none = Vec::new();
    let measured = LIMITS.iter().filter(|(metric, _)| pairs.contains_key(metric));
    measured
        .map(|(metric, limit)| {
            live::judge(metric, *limit, same.get(metric).unwrap_or(&none), pairs.get(metric).unwrap_or(&none))
        })
        .collect()
}
