//! `matrix:`: what a scenario says in several ways. Each key path has a list; every combination is a scenario of its own,
//! in which each value stands where its path leads and keeps its place in the file, so that a mistake in it is shown there.
//!
//! The last axis changes fastest. Nothing here knows which keys exist: combinations are validated like any scenario.

use super::Scenario;
use super::node::{Entry, Node, Value};
use super::overrides::{Step, put, steps};
use super::text::flow;
use super::yaml::join;
use crate::diagnostic::{Diagnostic, Diagnostics, Position, Problems, quote};

/// Its key in a scenario.
pub const KEY: &str = "matrix";
/// Most axes.
pub const AXES_MAX: usize = 8;
/// Most combinations.
pub const COMBINATIONS_MAX: usize = 10_000;

/// What one key path takes.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Key path, as in `ledger.replicas`.
    pub path: String,
    /// Its values as written, each once.
    pub labels: Vec<String>,
    values: Vec<Node>,
    steps: Vec<Step>,
    position: Position,
}

/// A scenario with its axes taken out.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// In the order written.
    pub axes: Vec<Axis>,
    base: Scenario,
}

impl Scenario {
    /// Whether it is many scenarios.
    pub fn has_matrix(&self) -> bool {
        matches!(&self.root.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == KEY))
    }

    /// Takes `matrix:` out. Mistakes in it are reported with all others by whoever validates the combinations; what is
    /// wrong is no axis then.
    pub fn into_matrix(mut self) -> Matrix {
        let Value::Map(entries) = &mut self.root.value else {
            return Matrix { axes: Vec::new(), base: self };
        };
        let Some(at) = entries.iter().position(|entry| entry.key == KEY) else {
            return Matrix { axes: Vec::new(), base: self };
        };
        let entry = entries.remove(at);
        let axes = axes(&entry, &mut self.problems);
        Matrix { axes, base: self }
    }
}

impl Matrix {
    /// How many combinations; one without axes. At most `COMBINATIONS_MAX`.
    pub fn combinations(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Which value of each axis a combination has.
    pub fn choice(&self, combination: usize) -> Vec<usize> {
        let mut rest = combination;
        let mut choice: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let index = rest % axis.values.len();
                rest /= axis.values.len();
                index
            })
            .collect();
        choice.reverse();
        choice
    }

    /// The labels of a combination, one an axis.
    pub fn labels(&self, combination: usize) -> Vec<String> {
        let choice = self.choice(combination);
        self.axes.iter().zip(choice).map(|(axis, index)| axis.labels[index].clone()).collect()
    }

    /// A combination in words: `ledger.replicas: 4, network.loss: 1%`.
    pub fn words(&self, combination: usize) -> String {
        let labels = self.labels(combination);
        let words = self.axes.iter().zip(labels).map(|(axis, label)| format!("{}: {label}", axis.path));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The scenario of a combination.
    pub fn scenario(&self, combination: usize) -> Scenario {
        let mut scenario = self.base.clone();
        for (axis, index) in self.axes.iter().zip(self.choice(combination)) {
            let value = axis.values[index].clone();
            if let Err(message) = put(&mut scenario.root, &axis.steps, axis.position, value) {
                let report = scenario.problems.report(axis.position, join(KEY, &axis.path), message);
                report.help("an axis sets a key of a map or replaces an item of a list");
            }
        }
        scenario
    }

    /// Reads every combination with `read`. Of mistakes that many combinations have one is kept, and says which have it.
    ///
    /// # Errors
    /// Every mistake of every combination.
    pub fn read_all<T>(
        &self,
        mut read: impl FnMut(&Scenario) -> Result<T, Diagnostics>,
    ) -> Result<Vec<T>, Diagnostics> {
        // With a mistake in the matrix itself, the rest of the file is read once, for its own mistakes.
        let count = if self.base.problems.0.is_empty() { self.combinations() } else { 1 };
        let mut good = Vec::with_capacity(count);
        let mut found: Vec<(Diagnostic, usize, usize)> = Vec::new();
        for combination in 0..count {
            match read(&self.scenario(combination)) {
                Ok(one) => good.push(one),
                Err(errors) => errors.items().iter().for_each(|item| note(&mut found, item, combination)),
            }
        }
        if found.is_empty() {
            return Ok(good);
        }
        let told = found.into_iter().map(|(mut item, first, times)| {
            if times < count {
                item.help(format!("in {times} of {count} combinations; the first is {}", self.words(first)));
            }
            item
        });
        Err(Diagnostics::new(self.base.sources.clone(), Problems(told.collect())))
    }
}

fn note(found: &mut Vec<(Diagnostic, usize, usize)>, item: &Diagnostic, combination: usize) {
    let same = |known: &Diagnostic| {
        (known.position, &known.path, &known.message) == (item.position, &item.path, &item.message)
    };
    match found.iter_mut().find(|(known, ..)| same(known)) {
        Some((.., times)) => *times += 1,
        None => found.push((item.clone(), combination, 1)),
    }
}

fn axes(entry: &Entry, problems: &mut Problems) -> Vec<Axis> {
    const FORM: &str = "expected key paths with lists, as in `matrix: { ledger.replicas: [4, 10] }`";
    let Value::Map(rows) = &entry.node.value else {
        if !matches!(entry.node.value, Value::Refused) {
            let message = format!("{} where axes belong", entry.node.kind());
            problems.report(entry.position, KEY, message).help(FORM);
        }
        return Vec::new();
    };
    if rows.is_empty() || rows.len() > AXES_MAX {
        let report = problems.report(entry.position, KEY, format!("{} axes", rows.len()));
        report.help(format!("expected 1 to {AXES_MAX}"));
        return Vec::new();
    }
    let axes: Vec<Axis> = rows.iter().filter_map(|row| axis(row, problems)).collect();
    for (index, axis) in axes.iter().enumerate() {
        if let Some(other) = axes[..index].iter().find(|other| overlap(&other.steps, &axis.steps)) {
            let message = format!("it sets what {} sets too", quote(&other.path));
            problems.report(axis.position, join(KEY, &axis.path), message).help("keep one of the two");
        }
    }
    let combinations = axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.values.len()));
    if combinations.is_none_or(|count| count > COMBINATIONS_MAX) {
        let message = format!("more than {COMBINATIONS_MAX} combinations");
        problems.report(entry.position, KEY, message).help("leave values out, or sweep in parts");
        return Vec::new();
    }
    axes
}

/// `None` only with a problem reported.
fn axis(row: &Entry, problems: &mut Problems) -> Option<Axis> {
    let path = join(KEY, &row.key);
    let steps = steps(&row.key).filter(|steps| !matches!(&steps[..], [Step::Key(key), ..] if key == KEY));
    let Some(steps) = steps else {
        let report =
            problems.report(row.position, &path, format!("{} is no key path of an axis", quote(&row.key)));
        report.help(
            "keys are joined with dots and list items counted from 0, as in `workloads[0].opaque.rate`",
        );
        return None;
    };
    if matches!(&steps[..], [Step::Key(key)] if key == "name") {
        let report = problems.report(row.position, &path, "the runs of a sweep have one name");
        report.help("to tell them apart they have their axes; take this one out");
        return None;
    }
    let values = match &row.node.value {
        Value::List(values) if !values.is_empty() => values.clone(),
        Value::Refused => return None,
        Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
            let found = match &row.node.value {
                Value::List(_) => "an empty list",
                _ => row.node.kind(),
            };
            let report =
                problems.report(row.position, &path, format!("{found} where the values of an axis belong"));
            report.help(format!("expected a list, as in `{}: [4, 10]`", row.key));
            if matches!(row.node.value, Value::Map(_)) {
                report.help("a deeper key is written with dots, as in `ledger.replicas`");
            }
            return None;
        }
    };
    let labels: Vec<String> = values.iter().map(label).collect();
    for (index, value) in values.iter().enumerate() {
        if labels[..index].contains(&labels[index]) {
            let message = format!("{} is there twice", quote(&labels[index]));
            problems.report(value.position, format!("{path}[{index}]"), message).help("remove one");
        }
    }
    Some(Axis { path: row.key.clone(), labels, values, steps, position: row.position })
}

fn label(value: &Node) -> String {
    match &value.value {
        Value::Scalar { text, .. } => text.clone(),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Refused => flow(value),
    }
}

/// Whether one leads to the other or to a part of it.
fn overlap(a: &[Step], b: &[Step]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    const BASE: &str = "name: x
duration: 1s
ledger: { replicas: 4 }
network: { topology: lan }
workloads:
  - opaque: { rate: 10/s, size: 64B }
faults:
  - at: 100ms
    crash: { replicas: [3], for: 100ms }
";

    fn matrix(text: &str) -> Matrix {
        Scenario::parse("x.yaml", &format!("{BASE}{text}")).unwrap().into_matrix()
    }

    fn plans(text: &str) -> Result<Vec<Plan>, String> {
        matrix(text).read_all(Plan::from_scenario).map_err(|errors| errors.to_string())
    }

    #[test]
    fn every_combination_is_one_plan_and_the_last_axis_changes_fastest() {
        let text = "matrix:\n  ledger.replicas: [4, 7]\n  workloads[0].opaque.rate: [10/s, 20/s, 1k/s]\n";
        let matrix = matrix(text);
        assert_eq!(matrix.combinations(), 6);
        assert_eq!(matrix.words(4), "ledger.replicas: 7, workloads[0].opaque.rate: 20/s");
        let plans = plans(text).unwrap();
        let replicas: Vec<usize> = plans.iter().map(|plan| plan.replicas.len()).collect();
        assert_eq!(replicas, [4, 4, 4, 7, 7, 7]);
        // As if each had been written out.
        let alone = BASE.replace("replicas: 4 }", "replicas: 7 }").replace("10/s", "20/s");
        assert_eq!(plans[4], Plan::from_scenario(&Scenario::parse("x.yaml", &alone).unwrap()).unwrap());
        assert_eq!(Scenario::parse("x.yaml", BASE).unwrap().into_matrix().combinations(), 1);
    }

    #[test]
    fn values_may_be_lists_and_maps_and_keys_that_are_not_there() {
        let plans = plans(
            "matrix:\n  faults: [[], [{ at: 1ms, crash: { replicas: [0], for: 1ms } }]]\n  seed: [3]\n",
        )
        .unwrap();
        assert_eq!(plans.iter().map(|plan| plan.faults.len()).collect::<Vec<_>>(), [0, 1]);
        assert!(plans.iter().all(|plan| plan.seed == 3));
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(plans(text).unwrap_err(), expected);
    }

    #[test]
    fn a_mistake_is_shown_in_the_matrix_once() {
        refused(
            "matrix:\n  ledger.replicas: [4, forty]\n  network.loss: [0%, 1%]\n",
            "error: x.yaml:11:24: ledger.replicas: `forty` is not a whole number
   11 |   ledger.replicas: [4, forty]
      |                        ^^^^^
  = expected a whole number, as in `40` or `200k`
  = in 2 of 4 combinations; the first is ledger.replicas: forty, network.loss: 0%
",
        );
        // The mistake is where the combination makes it.
        let error = plans("matrix:\n  ledger.replicas: [3, 4]\n").unwrap_err();
        assert!(
            error.starts_with("error: x.yaml:9:25: faults[0].crash.replicas[0]: replica 3 does not"),
            "{error}"
        );
        assert!(error.contains("in 1 of 2 combinations; the first is ledger.replicas: 3"), "{error}");
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let table = [
            ("matrix: 7", "matrix: a single value where axes belong"),
            ("matrix: {}", "matrix: 0 axes"),
            (
                "matrix: { ledger: { replicas: [4] } }",
                "matrix.ledger: a map where the values of an axis belong",
            ),
            ("matrix: { seed: [] }", "matrix.seed: an empty list where the values"),
            ("matrix: { seed: 1 }", "matrix.seed: a single value where the values"),
            ("matrix: { seed: [1, 2, 1] }", "matrix.seed[2]: `1` is there twice"),
            ("matrix: { name: [a, b] }", "matrix.name: the runs of a sweep have one name"),
            ("matrix: { matrix.seed: [1] }", "matrix.matrix.seed: `matrix.seed` is no key path of an axis"),
            ("matrix:\n  faults[1].at: [1s]", "matrix.faults[1].at: there is no item 1; the list has 1"),
            (
                "matrix:\n  ledger: [{ replicas: 4 }]\n  ledger.replicas: [4, 7]",
                "matrix.ledger.replicas: it sets what `ledger` sets too",
            ),
            ("matrix: { ledger.replcas: [4] }", "ledger.replcas: unknown key `replcas`"),
        ];
        for (text, phrase) in table {
            let error = plans(text).unwrap_err();
            assert!(error.contains(phrase), "{text}: {error}");
            assert_eq!(error.matches("error: ").count(), 1, "{text}: {error}");
        }
        let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
        let many = many.join(", ");
        let error = plans(&format!("matrix: {{ seed: [{many}], ledger.checkpoint_interval: [{many}] }}"))
            .unwrap_err();
        assert!(error.contains("matrix: more than 10000 combinations"), "{error}");
    }

    #[test]
    fn one_run_of_many_is_not_guessed() {
        let scenario = Scenario::parse("x.yaml", &format!("{BASE}matrix: {{ seed: [1, 2] }}\n")).unwrap();
        let error = Plan::from_scenario(&scenario).unwrap_err().to_string();
        assert!(
            error.contains("matrix: it makes many runs of this scenario") && error.contains("`amanah sweep"),
            "{error}"
        );
    }
}
