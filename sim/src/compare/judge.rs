//! Two groups of results, metric by metric.

use super::changes::{Change, changes};
use super::groups::Runs;
use super::{Group, LEVEL};
use crate::metrics::Value;
use crate::metrics::catalog::{self, Better};
use crate::result::ResultFile;
use crate::statistics::{Interval, log_ratios, median, of_median};
use serde::Serialize;
use std::collections::BTreeMap;

/// One metric on both sides.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub metric: String,
    /// Its unit, as `result.json` writes it.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// False for figures of the machine's wall clock.
    pub deterministic: bool,
    /// Median of the first side's runs; `None`: it has no samples.
    pub before: Option<Value>,
    /// Median of the other's.
    pub after: Option<Value>,
    /// What the difference is.
    #[serde(flatten)]
    pub cell: Cell,
}

/// A difference and what it means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Median over the pairs; `None` if there are none.
    pub effect: Option<Effect>,
    /// Of the effect: as a factor if it is one, else as a difference.
    pub interval: Option<Interval>,
    /// What to make of it.
    pub judgement: Judgement,
}

/// How far the sides are apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Other side over first.
    Factor(f64),
    /// Other side less first, in the metric's unit: where a side is 0 there is no factor.
    Difference(f64),
}

/// What to make of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It matters, and is for the worse.
    Worse,
    /// It matters, and is for the better.
    Better,
    /// It matters, and neither way is better.
    Changed,
    /// Only the other side has samples.
    Appeared,
    /// Only the first side has samples.
    Disappeared,
    /// So few runs cannot tell it from chance.
    Unclear,
    /// Below the threshold.
    Small,
    /// Equal in every pair.
    Equal,
}

impl Judgement {
    /// Whether it is one of the differences that matter.
    pub const fn matters(self) -> bool {
        matches!(self, Self::Worse | Self::Better | Self::Changed | Self::Appeared | Self::Disappeared)
    }

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Changed => "changed",
            Self::Appeared => "appeared",
            Self::Disappeared => "disappeared",
            Self::Unclear => "unclear",
            Self::Small => "small",
            Self::Equal => "equal",
        }
    }
}

pub(super) fn group(names: [&str; 2], sides: [&Runs<'_>; 2], threshold: f64) -> Group {
    let pairs = pairs(&sides[0].runs, &sides[1].runs);
    let mut seeds: Vec<u64> = pairs.iter().map(|(before, _)| before.seed).collect();
    seeds.dedup();
    let live = sides.iter().any(|side| side.runs.iter().any(|run| run.world.is_live()));
    let metrics = catalog::all().iter().filter(|metric| {
        sides.iter().any(|side| side.runs.iter().any(|run| run.metrics.contains_key(&metric.name)))
    });
    let mut rows: Vec<Row> = metrics.map(|metric| row(metric, sides, &pairs, live, threshold)).collect();
    let unsound = unsound(names, sides);
    if !unsound.is_empty() {
        let open = rows.iter_mut().filter(|row| row.cell.judgement != Judgement::Equal);
        open.for_each(|row| row.cell.judgement = Judgement::Unclear);
    }
    Group {
        scenario: sides[0].name.to_owned(),
        before: names[0].to_owned(),
        after: names[1].to_owned(),
        runs: sides.map(|side| side.runs.len()),
        pairs: pairs.len(),
        seeds,
        live,
        identical: !pairs.is_empty() && pairs.iter().all(|(before, after)| before.digest == after.digest),
        plan: changes(&sides[0].plan, &sides[1].plan),
        rows,
        outcomes: outcomes(&pairs),
        unsound,
    }
}

/// Results whose figures mean less than they say: those of runs that were cut off, or that measured nothing.
fn unsound(names: [&str; 2], sides: [&Runs<'_>; 2]) -> Vec<String> {
    let of = |(name, side): (&str, &Runs<'_>)| {
        let partial = side.runs.iter().filter(|run| run.partial).map(|run| (run.seed, "it was interrupted"));
        let invalid = side.runs.iter().filter_map(|run| Some((run.seed, run.invalid.as_deref()?)));
        let said = |(seed, why): (u64, &str)| format!("{name} at seed {seed} is no whole measurement: {why}");
        partial.chain(invalid).map(said).collect::<Vec<_>>()
    };
    names.into_iter().zip(sides).flat_map(of).collect()
}

/// Those of one seed; of several runs of a seed, the first with the first.
fn pairs<'a>(before: &[&'a ResultFile], after: &[&'a ResultFile]) -> Vec<(&'a ResultFile, &'a ResultFile)> {
    let mut by_seed: BTreeMap<u64, Vec<&ResultFile>> = BTreeMap::new();
    before.iter().for_each(|run| by_seed.entry(run.seed).or_default().push(run));
    let mut others: BTreeMap<u64, Vec<&ResultFile>> = BTreeMap::new();
    after.iter().for_each(|run| others.entry(run.seed).or_default().push(run));
    let of_seed = |(seed, runs): (u64, Vec<&'a ResultFile>)| {
        let other = others.get(&seed).cloned().unwrap_or_default();
        runs.into_iter().zip(other).collect::<Vec<_>>()
    };
    by_seed.into_iter().flat_map(of_seed).collect()
}

fn row(
    metric: &catalog::Metric,
    sides: [&Runs<'_>; 2],
    pairs: &[(&ResultFile, &ResultFile)],
    live: bool,
    threshold: f64,
) -> Row {
    let of = |run: &ResultFile| run.metrics.get(&metric.name).map(|figure| figure.value);
    let [before, after] =
        sides.map(|side| middle(&side.runs.iter().filter_map(|run| of(run)).collect::<Vec<_>>()));
    let values: Vec<(f64, f64)> = pairs
        .iter()
        .filter_map(|(before, after)| Some((of(before)?.as_f64(), of(after)?.as_f64())))
        .collect();
    let exact = metric.deterministic && !live;
    let cell = match (before, after) {
        (None, _) => Cell { effect: None, interval: None, judgement: Judgement::Appeared },
        (_, None) => Cell { effect: None, interval: None, judgement: Judgement::Disappeared },
        (Some(_), Some(_)) => judge(&values, metric.better, exact, threshold),
    };
    Row {
        metric: metric.name.clone(),
        unit: metric.unit.symbol().to_owned(),
        better: metric.better,
        deterministic: metric.deterministic,
        before,
        after,
        cell,
    }
}

/// The median as a value: whole where all are, and never where half of them are.
fn middle(values: &[Value]) -> Option<Value> {
    if let [only] = values {
        return Some(*only);
    }
    let median = median(&values.iter().map(|value| value.as_f64()).collect::<Vec<_>>())?;
    let whole = values.iter().all(|value| matches!(value, Value::Whole(_)));
    Some(match median {
        never if !never.is_finite() => Value::Never,
        median if whole => Value::Whole(median.round() as u64),
        median => Value::Real(median),
    })
}

/// What pairs of figures say. `exact` figures repeat to the bit: one pair is a finding about its seed.
#[expect(clippy::float_cmp, reason = "equal figures of two runs are equal to the bit")]
pub(super) fn judge(pairs: &[(f64, f64)], better: Better, exact: bool, threshold: f64) -> Cell {
    if pairs.is_empty() {
        return Cell { effect: None, interval: None, judgement: Judgement::Unclear };
    }
    let ratios = log_ratios(pairs);
    let (samples, is_factor) = if ratios.len() == pairs.len() {
        (ratios, true)
    } else {
        // Two times that never came are as far apart as two equal ones.
        let apart = |(before, after): &(f64, f64)| if before == after { 0.0 } else { after - before };
        (pairs.iter().map(apart).collect(), false)
    };
    let middle = median(&samples).unwrap_or_default();
    let interval = of_median(&samples, LEVEL);
    let effect = if is_factor { Effect::Factor(libm::exp(middle)) } else { Effect::Difference(middle) };
    // Below the threshold is what is so as far as can be told: in all of its interval, or, without one, in every pair.
    let most = pairs.iter().flat_map(|(before, after)| [before.abs(), after.abs()]);
    let most = most.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let is_small = |sample: f64| match is_factor {
        true => (libm::exp(sample) - 1.0).abs() < threshold,
        false => sample.abs() < threshold * most,
    };
    let all_small = match &interval {
        Some(interval) => is_small(interval.low) && is_small(interval.high),
        None => samples.iter().all(|sample| is_small(*sample)),
    };
    let one_way = samples.iter().all(|sample| *sample > 0.0) || samples.iter().all(|sample| *sample < 0.0);
    let told_apart = match &interval {
        Some(interval) => !interval.contains(0.0),
        None => one_way && (exact || samples.len() > 1),
    };
    let judgement = match better {
        _ if pairs.iter().all(|(before, after)| before == after) => Judgement::Equal,
        _ if all_small => Judgement::Small,
        _ if is_small(middle) || !told_apart => Judgement::Unclear,
        Better::Neither => Judgement::Changed,
        Better::Higher if middle > 0.0 => Judgement::Better,
        Better::Lower if middle < 0.0 => Judgement::Better,
        Better::Higher | Better::Lower => Judgement::Worse,
    };
    let interval = interval.map(|interval| if is_factor { interval.factors() } else { interval });
    Cell { effect: Some(effect), interval, judgement }
}

/// Verdicts and expectations that are not what they were; the worst pair's, with its seed.
fn outcomes(pairs: &[(&ResultFile, &ResultFile)]) -> Vec<Change> {
    let mut found = Vec::new();
    for (before, after) in pairs {
        let at = |what: &str| format!("{what} (seed {})", before.seed);
        for new in &after.verdicts {
            let old = before.verdicts.iter().find(|row| row.checker == new.checker);
            if let Some(old) = old.filter(|old| old.status != new.status) {
                let word = |row: &crate::result::VerdictRow| Some(row.status.name().to_owned());
                found.push(Change { key: at(&new.checker), old: word(old), new: word(new) });
            }
        }
        for new in &after.expectations {
            let old = before.expectations.iter().find(|line| line.text == new.text);
            if let Some(old) = old.filter(|old| old.held != new.held) {
                let word = |line: &crate::expect::Expected| {
                    Some(format!("{}: {}", if line.held { "held" } else { "fell short" }, line.found))
                };
                found.push(Change { key: at(&new.text), old: word(old), new: word(new) });
            }
        }
    }
    found
}
