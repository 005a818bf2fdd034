use super::*;
use crate::check::{Status, Verdict};
use crate::metrics::catalog::Better;
use crate::metrics::{Metrics, Value, fake};
use crate::report::{self, Style};
use crate::result::ResultFile;
use serde_json::json;
use std::path::PathBuf;

/// A result of the fake run at a seed, of which one latency and one rate are what the test says.
fn result(seed: u64, p99_ms: f64, rate: f64) -> ResultFile {
    let mut plan = fake::plan();
    plan.seed = seed;
    let run = fake::run(&plan);
    let mut metrics = Metrics::of(&run);
    metrics.values.insert("share.latency.p99", Value::Whole((p99_ms * 1e6) as u64));
    metrics.values.insert("transactions.committed.rate", Value::Real(rate));
    let verdict = Verdict { checker: "agreement", status: Status::Passed, detail: String::new() };
    let mut result = ResultFile::new(&run, &metrics, &[verdict], &[], String::new());
    result.digest = format!("{seed}-{p99_ms}-{rate}");
    result
}

fn side(name: &str, runs: Vec<ResultFile>) -> Side {
    let path = |(number, run)| (PathBuf::from(format!("{name}/{number}")), run);
    Side { name: name.to_owned(), runs: runs.into_iter().enumerate().map(path).collect() }
}

fn row<'a>(group: &'a Group, metric: &str) -> &'a Row {
    group.rows.iter().find(|row| row.metric == metric).unwrap()
}

#[test]
fn one_run_each_is_exact_at_its_seed_and_has_no_interval() {
    let before = side("a", vec![result(7, 100.0, 50.0)]);
    let mut changed = result(7, 120.0, 50.1);
    changed.plan.ledger.leaders_per_round = 1;
    changed.plan.network.loss_ppb = 5;
    changed.metrics.shift_remove("audits.failed");
    changed.verdicts[0].status = crate::result::StatusName::Failed;
    let comparison = compare(&[before, side("b", vec![changed])], THRESHOLD);
    let [group] = &comparison.groups[..] else { panic!("{comparison:?}") };
    let p99 = row(group, "share.latency.p99");
    assert_eq!((p99.cell.judgement, p99.cell.interval), (Judgement::Worse, None));
    assert!(matches!(p99.cell.effect, Some(Effect::Factor(factor)) if (factor - 1.2).abs() < 1e-12));
    assert_eq!(row(group, "transactions.committed.rate").cell.judgement, Judgement::Small);
    assert_eq!(row(group, "shares.completed").cell.judgement, Judgement::Equal);
    assert_eq!(row(group, "audits.failed").cell.judgement, Judgement::Disappeared);
    let keys: Vec<&str> = group.plan.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, ["ledger.leaders_per_round", "network.loss_ppb"]);
    assert_eq!(group.outcomes[0].key, "agreement (seed 7)");
    let text = report::comparison(&comparison, false, Style::default());
    for phrase in [
        "fake: b against a",
        "ledger.leaders_per_round  2 -> 1",
        "agreement (seed 7)  passed -> failed",
        "share.latency.p99",
        "+20.0 %",
        "worse",
        "one run each in virtual time: exact at this seed, which says nothing of others",
    ] {
        assert!(text.contains(phrase), "no {phrase:?} in\n{text}");
    }
    assert!(!text.contains("shares.completed"), "{text}");
}

#[test]
fn equal_digests_are_equal_runs() {
    let run = || side("a", vec![result(1, 100.0, 50.0)]);
    let comparison = compare(&[run(), run()], THRESHOLD);
    assert!(comparison.groups[0].identical);
    assert!(report::comparison(&comparison, false, Style::default()).contains("digests are equal"));
}

#[test]
fn seeds_pair_up_and_give_an_interval() {
    // Each seed has a level of its own, twice as far apart as the effect: only pairs show it.
    let level = |seed: u64| 100.0 + 15.0 * seed as f64;
    let before = (1..=8).map(|seed| result(seed, level(seed), 50.0)).collect();
    let after = (1..=9)
        .rev()
        .map(|seed| result(seed, level(seed) * (1.05 + 0.002 * (seed % 3) as f64), 50.0))
        .collect();
    let comparison = compare(&[side("a", before), side("b", after)], THRESHOLD);
    let group = &comparison.groups[0];
    assert_eq!((group.pairs, group.runs), (8, [8, 9]));
    let cell = &row(group, "share.latency.p99").cell;
    let interval = cell.interval.unwrap();
    assert_eq!(cell.judgement, Judgement::Worse);
    assert!(interval.low > 1.049 && interval.high < 1.055, "{interval:?}");
    let text = report::comparison(&comparison, false, Style::default());
    assert!(text.contains("median of 8 runs paired by seed"), "{text}");
}

#[test]
fn beside_half_a_run_nothing_is_judged() {
    let whole = || result(7, 100.0, 50.0);
    for (invalid, why) in [(None, "it was interrupted"), (Some("it lagged"), "it lagged")] {
        let mut half = result(7, 200.0, 25.0);
        (half.partial, half.invalid) = (invalid.is_none(), invalid.map(str::to_owned));
        let phrase = format!("b at seed 7 is no whole measurement: {why}");
        let comparison = compare(&[side("a", vec![whole()]), side("b", vec![half])], THRESHOLD);
        let group = &comparison.groups[0];
        assert_eq!(row(group, "share.latency.p99").cell.judgement, Judgement::Unclear);
        assert!(group.rows.iter().all(|row| !row.cell.judgement.matters()));
        let text = report::comparison(&comparison, false, Style::default());
        assert!(text.contains(&phrase) && text.contains("no difference is judged"), "{text}");
    }
}

#[test]
fn five_pairs_have_no_interval_and_say_so() {
    let runs = |factor: f64| (1..=5).map(|seed| result(seed, 100.0 * factor + seed as f64, 50.0)).collect();
    let comparison = compare(&[side("a", runs(1.0)), side("b", runs(1.5))], THRESHOLD);
    let group = &comparison.groups[0];
    assert_eq!(row(group, "share.latency.p99").cell.interval, None);
    assert_eq!(row(group, "share.latency.p99").cell.judgement, Judgement::Worse);
    let text = report::comparison(&comparison, false, Style::default());
    assert!(text.contains("5 pairs are too few for an interval at 95 %, which takes 6"), "{text}");
}

#[test]
fn what_has_no_ratio_has_a_difference() {
    let judged = |pairs: &[(f64, f64)], better| judge::judge(pairs, better, true, THRESHOLD);
    let cell = judged(&[(0.0, 3.0)], Better::Lower);
    assert_eq!((cell.effect, cell.judgement), (Some(Effect::Difference(3.0)), Judgement::Worse));
    assert_eq!(judged(&[(0.0, 0.0)], Better::Lower).judgement, Judgement::Equal);
    assert_eq!(judged(&[(5.0, f64::INFINITY)], Better::Lower).judgement, Judgement::Worse);
    assert_eq!(judged(&[(f64::INFINITY, f64::INFINITY)], Better::Lower).judgement, Judgement::Equal);
    assert_eq!(judged(&[(1.0, 2.0)], Better::Neither).judgement, Judgement::Changed);
    assert_eq!(judged(&[(1.0, 2.0)], Better::Higher).judgement, Judgement::Better);
    assert_eq!(judge::judge(&[(1.0, 2.0)], Better::Lower, false, THRESHOLD).judgement, Judgement::Unclear);
    // Twice as much and half as much are no small difference: nobody can tell which it is.
    assert_eq!(judged(&[(1.0, 2.0), (2.0, 1.0)], Better::Lower).judgement, Judgement::Unclear);
    assert_eq!(judged(&[(1.0, 1.001), (2.0, 1.999)], Better::Lower).judgement, Judgement::Small);
    // A time that never came on either side does not make everything else small.
    let never = (f64::INFINITY, f64::INFINITY);
    assert_eq!(judged(&[never, (1.0, 9.0), (1.0, 9.0)], Better::Lower).judgement, Judgement::Unclear);
    assert_eq!(judged(&[(1.0, f64::INFINITY), (1.0, 9.0)], Better::Lower).judgement, Judgement::Worse);
    let wide: Vec<(f64, f64)> =
        (0..8).map(|seed| (100.0, if seed % 2 == 0 { 60.0 } else { 141.0 + f64::from(seed) })).collect();
    assert_eq!(judged(&wide, Better::Lower).judgement, Judgement::Unclear);
    assert_eq!(judged(&[(1.0, 2.0), (2.0, 1.5)], Better::Lower).judgement, Judgement::Unclear);
}

#[test]
fn loads_become_curves_and_scenarios_meet_by_name() {
    let at = |load: f64, p99| {
        let mut result = result(1, p99, load * 0.9);
        result.metrics["generator.offered.rate"].value = Value::Real(load);
        result.plan.network.loss_ppb = load as u64;
        result
    };
    let mut other = result(1, 5.0, 5.0);
    other.plan.name = "other".to_owned();
    let before = side("a", vec![at(200.0, 30.0), at(100.0, 10.0)]);
    let after = side("b", vec![at(100.0, 11.0), at(200.0, 60.0), other]);
    let comparison = compare(&[before, after], THRESHOLD);
    assert_eq!(comparison.groups.len(), 2);
    assert!(comparison.groups.iter().all(|group| group.plan.is_empty()));
    assert_eq!(comparison.unmatched.len(), 1);
    assert_eq!(comparison.unmatched[0].0, "b");
    let load = comparison.loads.iter().find(|load| load.latency == "share.latency.p99").unwrap();
    let points: Vec<f64> = load.curves[1].points.iter().map(|point| point.latency).collect();
    assert_eq!(points, [11e6, 60e6]);
    let text = report::comparison(&comparison, false, Style::default());
    assert!(text.contains("share.latency.p99 by load"), "{text}");
    assert!(text.contains("only in b: other"), "{text}");
    let distribution = Distribution {
        metric: "share.latency",
        curves: vec![("a".to_owned(), vec![(1.0, 5e6), (2.0, 9e6)])],
    };
    let page = report::comparison_page(&comparison, &[distribution]);
    for phrase in [
        "What is different from a?",
        "Latency by load",
        "Distribution of latency",
        "fake: share.latency.p99",
        "+10.0 %",
    ] {
        assert!(page.contains(phrase), "no {phrase:?}");
    }
    assert_eq!(page.matches("class=\"chart\"").count(), comparison.loads.len() + 1);
}

#[test]
fn changes_name_their_keys() {
    let old = json!({ "a": [1, { "b": 2 }], "gone": true, "list": [1, 2], "same": "x" });
    let new = json!({ "a": [1, { "b": 3 }], "list": [1, 2, 3], "same": "x", "new": null });
    let found: Vec<String> =
        changes(&old, &new).into_iter().map(|c| format!("{} {:?} {:?}", c.key, c.old, c.new)).collect();
    assert_eq!(
        found,
        [
            r#"a[1].b Some("2") Some("3")"#,
            r#"gone Some("true") None"#,
            r#"list Some("[1,2]") Some("[1,2,3]")"#,
            r#"new None Some("null")"#,
        ]
    );
}
