//! Two programs' live runs of one scenario, side by side.

use super::super::exit::Exit;
use super::super::progress::Interrupt;
use super::super::{colour, load, shell};
use super::Gate;
use crate::gate::live::{self, Decision, Judged, LIMITS, PAIRS_MAX, Pair};
use crate::gate::{Check, Class, Outcome, Status};
use crate::report::percent;
use crate::result::ResultFile;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Figures of a pair of runs, by metric.
type Pairs = BTreeMap<&'static str, Vec<Pair>>;

/// `10..30`, or one number for both.
pub(super) fn pairs(text: &str) -> Result<(usize, usize), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let needed = live::pairs_needed();
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if needed <= least && least <= most && most <= PAIRS_MAX => Ok((least, most)),
        _ => Err(format!(
            "expected MIN..MAX, at least {needed} (of fewer pairs nothing can be said) and at most {PAIRS_MAX}, as in \
             `10..30`"
        )),
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
    let outcome = |checks| Outcome {
        scenario: plan.name.clone(),
        file: file.to_string_lossy().into_owned(),
        baseline: None,
        replay: side.again(old, new),
        result: None,
        checks,
    };
    let end = |outcome: Outcome, exit| {
        super::tell(&outcome, exit, arguments.output.quiet);
        arguments.output.write(&[outcome], exit, false)
    };
    let measured = match side.measure(old, new, arguments.pairs) {
        Ok(measured) => measured,
        Err(Missing::Interrupted) => {
            return end(outcome(vec![Check::unplayed("it was interrupted")]), Exit::Interrupted);
        }
        Err(Missing::Failed(error)) => return end(outcome(vec![Check::unplayed(&error)]), Exit::Failure),
        Err(Missing::Ended(command, exit)) => {
            let message = format!("{} (exit {}); the run was: {command}", exit.reason(), exit.code());
            return end(outcome(vec![Check::unplayed(&message)]), exit);
        }
    };
    let mut checks = vec![shortfall(measured.fell_short, measured.pairs)];
    checks.extend(measured.judged.iter().map(check));
    let fell_short = checks[0].status == Status::Failed;
    let exit = exit(&measured.judged).max(if fell_short { Exit::FellShort } else { Exit::Success });
    let outcome = outcome(checks);
    if !arguments.output.quiet {
        for check in outcome.with(Status::Passed) {
            eprintln!("{}: {}", plan.name, check.message);
        }
    }
    end(outcome, exit)
}

/// What the scenario expects: that it falls short live is no news of a new program, unless the old one never does and the
/// new one always.
fn shortfall([old, new]: [usize; 2], pairs: usize) -> Check {
    let status = match (old, new) {
        (0, new) if new == pairs => Status::Failed,
        (old, new) if new > old => Status::Warned,
        _ => Status::Passed,
    };
    let message = format!(
        "the scenario's expectations fell short in {old} of {pairs} runs of the old program and in {new} of the new one"
    );
    Check { class: Class::Expectations, name: "expectations".to_owned(), status, message }
}

/// What is judged is what can be: where noise hides everything, or nothing has enough samples, nothing was measured.
fn exit(judged: &[Judged]) -> Exit {
    let decided = |decision| judged.iter().any(|one| one.decision == decision);
    let open = |one: &Judged| matches!(one.decision, Decision::TooNoisy | Decision::TooFew);
    match () {
        () if decided(Decision::Regressed) => Exit::Regressed,
        () if judged.iter().all(open) => Exit::MeasurementInvalid,
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
    let lost = match judged.lost {
        0 => String::new(),
        lost => format!("no samples of the new program in {lost} pairs, "),
    };
    let found = format!(
        "{}: {lost}{factor} (99 %: {}; {} pairs; limit {limit} %; against itself: {})",
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

/// What the pairs of both programs yielded.
struct Measured {
    judged: Vec<Judged>,
    /// Pairs of the old program and the new one.
    pairs: usize,
    /// Runs of each in them that fell short of what the scenario expects.
    fell_short: [usize; 2],
}

struct Side<'a> {
    arguments: &'a Gate,
    file: &'a Path,
    out: &'a Path,
    interrupt: &'a Interrupt,
}

impl Side<'_> {
    fn measure(&self, old: &Path, new: &Path, bounds: (usize, usize)) -> Result<Measured, Missing> {
        let (least, most) = bounds;
        let mut same = Pairs::new();
        for pair in 0..least {
            self.pair("same", pair, [old, old], &mut same)?;
        }
        let mut pairs = Pairs::new();
        let mut measured = Measured { judged: Vec::new(), pairs: 0, fell_short: [0; 2] };
        for pair in 0..most {
            let fell_short = self.pair("pair", pair, [old, new], &mut pairs)?;
            measured.pairs += 1;
            measured.fell_short.iter_mut().zip(fell_short).for_each(|(sum, one)| *sum += usize::from(one));
            if live::is_look(pair + 1, bounds) {
                measured.judged = judge(&same, &pairs);
                if live::is_decided(&measured.judged) {
                    break;
                }
            }
        }
        Ok(measured)
    }

    /// Both programs once, in the order of ABBA; of each, whether it fell short of what the scenario expects.
    fn pair(
        &self,
        kind: &str,
        pair: usize,
        programs: [&Path; 2],
        pairs: &mut Pairs,
    ) -> Result<[bool; 2], Missing> {
        let order = if live::old_first(pair) { [0, 1] } else { [1, 0] };
        let (mut results, mut fell_short): ([Option<ResultFile>; 2], _) = ([None, None], [false; 2]);
        for side in order {
            let directory = self.out.join(format!("{kind}-{pair:02}-{}", ["old", "new"][side]));
            let (result, short) = self.run(programs[side], &directory)?;
            (results[side], fell_short[side]) = (Some(result), short);
        }
        let [Some(old), Some(new)] = &results else { return Ok(fell_short) };
        for (metric, _) in LIMITS {
            let of = |result: &ResultFile| result.metrics.get(*metric).map(|figure| figure.value.as_f64());
            let Some(before) = of(old) else { continue };
            let after = of(new);
            pairs.entry(*metric).or_default().push((before, after));
            if !self.arguments.output.quiet && metric.ends_with("rate") {
                let after = after.map_or_else(|| "none".to_owned(), |after| format!("{after:.1}"));
                eprintln!("{kind} {}: {metric} {before:.1} and {after}", pair + 1);
            }
        }
        Ok(fell_short)
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

    /// A run that measured something, and whether it fell short of what the scenario expects: that does not end the gate, as
    /// what a checker finds does.
    fn run(&self, program: &Path, directory: &Path) -> Result<(ResultFile, bool), Missing> {
        let (mut command, text) = self.command(program, directory);
        let status = command.status().map_err(|error| Missing::Failed(format!("{text}: {error}")))?;
        if self.interrupt.pressed() {
            return Err(Missing::Interrupted);
        }
        let fell_short = status.code() == Some(i32::from(Exit::FellShort.code()));
        match status.code() {
            Some(0) => {}
            Some(_) if fell_short => {}
            Some(code) => match Exit::ALL.into_iter().find(|exit| i32::from(exit.code()) == code) {
                Some(exit) => return Err(Missing::Ended(text, exit)),
                None => return Err(Missing::Failed(format!("{text}: exit {code}"))),
            },
            None => return Err(Missing::Failed(format!("{text}: killed"))),
        }
        let result = ResultFile::read(directory).map_err(|error| Missing::Failed(error.to_string()))?;
        Ok((result, fell_short))
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
