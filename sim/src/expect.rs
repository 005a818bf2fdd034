//! Whether what a plan expects holds. What has no samples, and what no checker could decide, does not hold.

use crate::check::{Status, Verdict};
use crate::metrics::catalog::{self, MetricUnit};
use crate::metrics::{Metrics, Value};
use crate::plan::{Comparison, Condition, Expectation};
use crate::report::units;
use serde::{Deserialize, Serialize};

/// One line of `expect:` and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// As written.
    pub text: String,
    /// Whether it holds.
    pub held: bool,
    /// What was found instead, or what made it hold.
    pub found: String,
}

/// Every line, in the order of the plan.
pub fn evaluate(expect: &[Expectation], metrics: &Metrics, verdicts: &[Verdict]) -> Vec<Expected> {
    let line = |expectation: &Expectation| {
        let (held, found) = match &expectation.condition {
            Condition::Safety => checkers(verdicts, Verdict::is_safety),
            Condition::Liveness => checkers(verdicts, |verdict| !verdict.is_safety()),
            Condition::Metric { metric, comparison, value } => {
                compared(metrics.get(metric), metric, *comparison, *value)
            }
        };
        Expected { text: expectation.text.clone(), held, found }
    };
    expect.iter().map(line).collect()
}

/// Holds if at least one checker of the kind passed and all others passed or did not apply.
fn checkers(verdicts: &[Verdict], of_kind: impl Fn(&Verdict) -> bool) -> (bool, String) {
    let mut passed = 0;
    let mut broken = Vec::new();
    for verdict in verdicts.iter().filter(|verdict| of_kind(verdict)) {
        match verdict.status {
            Status::Passed => passed += 1,
            Status::Failed => broken.push(format!("{} failed", verdict.checker)),
            Status::Undecided => broken.push(format!("{} is undecided", verdict.checker)),
            // That more is faulty than is tolerated breaks nothing by itself.
            Status::Expected if verdict.says_exceeded() => {}
            Status::Expected => broken.push(format!("{} was lost", verdict.checker)),
            Status::NotApplicable => {}
        }
    }
    match (broken.is_empty(), passed) {
        (false, _) => (false, broken.join(", ")),
        (true, 0) => (false, "no checker applied".to_owned()),
        (true, 1) => (true, "1 checker passed".to_owned()),
        (true, _) => (true, format!("{passed} checkers passed")),
    }
}

#[expect(clippy::float_cmp, reason = "`==` is what the user wrote; counts below 2^53 are exact")]
fn compared(found: Option<Value>, metric: &str, comparison: Comparison, wanted: f64) -> (bool, String) {
    let Some(found) = found else { return (false, "no samples".to_owned()) };
    let unit = catalog::lookup(metric).map_or(MetricUnit::Count, |metric| metric.unit);
    let number = found.as_f64();
    let held = match comparison {
        Comparison::Less => number < wanted,
        Comparison::LessOrEqual => number <= wanted,
        Comparison::Equal => number == wanted,
        Comparison::GreaterOrEqual => number >= wanted,
        Comparison::Greater => number > wanted,
    };
    (held, units::value(found, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;

    fn verdict(checker: &'static str, status: Status) -> Verdict {
        Verdict { checker, status, detail: String::new() }
    }

    #[track_caller]
    fn check(metric: &str, comparison: Comparison, value: f64, held: bool, found: &str) {
        let metrics = Metrics::of(&fake::run(&fake::plan()));
        let condition = Condition::Metric { metric: metric.to_owned(), comparison, value };
        let line = Expectation { text: String::new(), condition };
        let result = evaluate(&[line], &metrics, &[]);
        assert_eq!((result[0].held, result[0].found.as_str()), (held, found));
    }

    #[test]
    fn metrics_are_compared_in_their_base_unit() {
        check("shares.refused_wrongly", Comparison::Equal, 0.0, true, "0");
        check("transactions.timed_out", Comparison::Equal, 0.0, false, "1");
        check("share.latency.p50", Comparison::Less, 100e6, true, "87.0 ms");
        check("share.latency.p50", Comparison::Greater, 100e6, false, "87.0 ms");
        check("transactions.committed", Comparison::GreaterOrEqual, 1_799.0, true, "1,799");
        check("transactions.committed", Comparison::LessOrEqual, 1_798.0, false, "1,799");
    }

    #[test]
    fn without_samples_nothing_holds() {
        let mut run = fake::run(&fake::plan());
        run.history.operations.clear();
        let metrics = Metrics::of(&run);
        for (metric, comparison) in
            [("shares.refused_wrongly", Comparison::Equal), ("share.latency.p99", Comparison::Less)]
        {
            let (held, found) = compared(metrics.get(metric), metric, comparison, 0.0);
            assert_eq!((held, found.as_str()), (false, "no samples"));
        }
    }

    #[test]
    fn a_recovery_that_never_came_is_longer_than_any_limit() {
        let (held, found) = compared(Some(Value::Never), "recovery.time", Comparison::Less, f64::MAX);
        assert_eq!((held, found.as_str()), (false, "never"));
    }

    #[test]
    fn checkers_must_decide() {
        let safety = |verdicts: &[Verdict]| checkers(verdicts, Verdict::is_safety);
        let agreed = || verdict("agreement", Status::Passed);
        assert_eq!(
            safety(&[agreed(), verdict("x", Status::NotApplicable)]),
            (true, "1 checker passed".to_owned())
        );
        assert_eq!(
            safety(&[agreed(), verdict("x", Status::Undecided)]),
            (false, "x is undecided".to_owned())
        );
        assert!(safety(&[agreed(), verdict("assumption", Status::Expected)]).0);
        let lost = checkers(&[verdict("validity", Status::Expected)], |verdict| !verdict.is_safety());
        assert_eq!(lost, (false, "validity was lost".to_owned()));
        assert_eq!(safety(&[agreed(), verdict("x", Status::Failed)]), (false, "x failed".to_owned()));
        assert_eq!(safety(&[verdict("x", Status::NotApplicable)]), (false, "no checker applied".to_owned()));
        assert!(safety(&[agreed(), verdict("validity", Status::Failed)]).0);
    }
}
