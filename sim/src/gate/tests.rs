use super::live::Decision;
use super::*;
use crate::check::{Status as Found, Verdict};
use crate::expect::evaluate;
use crate::metrics::catalog::Better;
use crate::metrics::{Metrics, Value, fake};
use crate::seed::Seed;

/// The fake run's result, with a passed checker and its three expectations.
fn result() -> ResultFile {
    let run = fake::run(&fake::plan());
    let metrics = Metrics::of(&run);
    let verdicts = [
        Verdict { checker: "agreement", status: Found::Passed, detail: "50 commits".to_owned() },
        Verdict { checker: "forgery", status: Found::NotApplicable, detail: "nothing was forged".to_owned() },
    ];
    let expectations = evaluate(&run.plan.expect, &metrics, &verdicts);
    ResultFile::new(&run, &metrics, &verdicts, &expectations, String::new())
}

fn outcome(result: ResultFile, checks: Vec<Check>) -> Outcome {
    Outcome {
        scenario: "fake".to_owned(),
        file: "scenarios/fake.yaml".to_owned(),
        baseline: Some("baselines/fake.json".to_owned()),
        replay: "amanah run scenarios/fake.yaml --seed 7".to_owned(),
        result: Some(result),
        checks,
    }
}

fn of_baseline(checks: &[Check], status: Status) -> Vec<&str> {
    let rows = checks.iter().filter(|check| check.class == Class::Baseline && check.status == status);
    rows.map(|check| check.message.as_str()).collect()
}

fn tolerances(rows: &[&str]) -> Tolerances {
    Tolerances::new(rows.iter().map(|row| Tolerance::parse(row).unwrap()).collect())
}

#[test]
fn what_did_not_change_passes() {
    let result = result();
    let baseline = Baseline::new(&result, "first");
    let checks = checks(&result, Some(&baseline), &Tolerances::default());
    assert_eq!(of_baseline(&checks, Status::Failed), Vec::<&str>::new());
    assert!(of_baseline(&checks, Status::Passed).len() > 30);
    // One expectation of the fake run falls short: a gate looks at them too.
    assert!(checks.iter().any(|check| check.class == Class::Expectations && check.status == Status::Failed));
}

#[test]
fn a_figure_that_changed_fails_or_is_within_its_tolerance() {
    let baseline = Baseline::new(&result(), "first");
    let with = |p99: u64, rows: &[&str]| {
        let mut today = result();
        today.metrics["commit.latency.p99"].value = Value::Whole(p99);
        checks(&today, Some(&baseline), &tolerances(rows))
    };
    let Value::Whole(old) = baseline.metrics["commit.latency.p99"] else { panic!("a time is whole") };
    let exact = with(old + old / 200, &[]);
    let failed = of_baseline(&exact, Status::Failed);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed[0].starts_with("commit.latency.p99: ") && failed[0].contains("(worse, +0.5 %)"),
        "{failed:?}"
    );
    assert!(failed[1].starts_with("result sha256 "), "{failed:?}");
    assert!(of_baseline(&with(old + old / 200, &["commit.latency=1%"]), Status::Failed).is_empty());
    assert_eq!(of_baseline(&with(old + old / 50, &["commit.latency=1%"]), Status::Failed).len(), 1);
    assert_eq!(
        of_baseline(&with(old + old / 50, &["all=5%", "commit.latency.p99=1%"]), Status::Failed).len(),
        1
    );
    // Better than its tolerance is worth a look; without one, any change is.
    let better = with(old - old / 50, &["commit.latency=1%"]);
    assert_eq!(
        (of_baseline(&better, Status::Failed).len(), of_baseline(&better, Status::Warned).len()),
        (0, 1)
    );
    assert_eq!(of_baseline(&with(old - old / 50, &[]), Status::Failed).len(), 2);
}

#[test]
fn what_is_missing_fails() {
    let baseline = Baseline::new(&result(), "first");
    let mut today = result();
    today.metrics.shift_remove("shares.completed");
    today.verdicts.remove(0);
    let checks = checks(&today, Some(&baseline), &tolerances(&["all=50%"]));
    let failed = of_baseline(&checks, Status::Failed);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert_eq!(failed[0], "checker agreement was passed, and is absent");
    assert!(failed[1].starts_with("shares.completed is missing: it was "), "{failed:?}");
}

#[test]
fn another_plan_and_another_digest_are_told() {
    let baseline = Baseline::new(&result(), "first");
    let mut today = result();
    today.plan.ledger.leaders_per_round += 1;
    let other_plan = checks(&today, Some(&baseline), &Tolerances::default());
    let failed = of_baseline(&other_plan, Status::Failed);
    assert!(failed.len() == 1 && failed[0].contains("another plan"), "{failed:?}");
    let mut today = result();
    today.digest = "0".repeat(64);
    let other_run = checks(&today, Some(&baseline), &Tolerances::default());
    assert!(
        of_baseline(&other_run, Status::Failed)[0].starts_with("the run is another: digest 0000000000000000")
    );
    let tolerant = checks(&today, Some(&baseline), &tolerances(&["all=1%"]));
    assert_eq!(
        (of_baseline(&tolerant, Status::Failed).len(), of_baseline(&tolerant, Status::Warned).len()),
        (0, 1)
    );
}

#[test]
fn tolerances_name_what_exists() {
    let stated = Tolerance { metric: "share.latency.p99".to_owned(), share: 0.01 };
    assert_eq!(Tolerance::parse("share.latency.p99=1%"), Ok(stated));
    for (text, found) in [
        ("share.latency.p99", "expected METRIC=SHARE, as in `share.latency.p99=1%`"),
        (
            "share.latncy=1%",
            "there is no metric `share.latncy`; `amanah metrics` lists them, and `all` is every one",
        ),
    ] {
        assert_eq!(Tolerance::parse(text), Err(found.to_owned()));
    }
    assert!(Tolerance::parse("all=very").is_err());
    let stated = "# why\nall=1%\n\nshare.latency=2%   # noisy\n";
    assert_eq!(
        Tolerances::new(Tolerances::parse(stated).unwrap()),
        tolerances(&["all=1%", "share.latency=2%"])
    );
    assert_eq!(Tolerances::parse("x\ny=1%").unwrap_err().len(), 2);
}

#[test]
fn baselines_are_read_back_and_not_edited() {
    let directory = std::env::temp_dir().join(format!("amanah-baseline-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let baseline = Baseline::new(&result(), "first");
    let file = Baseline::file(&directory, "fake");
    assert_eq!(Baseline::read(&file).unwrap(), None);
    baseline.write(&file).unwrap();
    assert_eq!(Baseline::read(&file).unwrap().unwrap(), baseline);
    let refused = |text: &str, found: &str| {
        std::fs::write(&file, text).unwrap();
        let error = Baseline::read(&file).unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
    };
    let text = baseline.to_json();
    refused(
        &text.replacen("\"agreement\": \"passed\"", "\"agreement\": \"failed\"", 1),
        "was changed by hand",
    );
    refused("{}", "is not a baseline of schema version 1");
    refused("[", "is not a baseline: EOF");
    let empty = Baseline { metrics: indexmap::IndexMap::new(), ..baseline };
    refused(&empty.to_json(), "a baseline without samples holds nothing");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_rewritten_baseline_tells_what_changes() {
    let old = Baseline::new(&result(), "first");
    let mut today = result();
    today.metrics["shares.completed"].value = Value::Whole(3);
    today.digest = "f".repeat(64);
    let new = Baseline::new(&today, "fewer | of them");
    let changes = updated(Some(&old), &new);
    let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, ["digest", "shares.completed"]);
    let text = summary::review(&new, Ok(&changes));
    assert!(
        text.starts_with("### Baseline of fake, seed 7\n\nfewer | of them\n\n| what | was | is |\n"),
        "{text}"
    );
    assert!(text.contains("| digest | ") && text.contains(" | ffffffffffffffff |\n"), "{text}");
    assert!(summary::review(&new, Err(None)).contains("\n\nNew: "));
    let unread = summary::review(&new, Err(Some("x.json: is not a baseline")));
    assert!(
        unread.contains("In place of one that could not be read (x.json: is not a baseline): "),
        "{unread}"
    );
}

/// Three checks: one passed, one failed with what must be escaped, one not applicable.
fn three() -> Outcome {
    let check = |class, name: &str, status, message: &str| Check {
        class,
        name: name.to_owned(),
        status,
        message: message.to_owned(),
    };
    outcome(
        result(),
        vec![
            check(Class::Checkers, "agreement", Status::Passed, "agreement passed: 50 commits"),
            check(Class::Checkers, "forgery", Status::Skipped, "nothing was forged"),
            check(
                Class::Expectations,
                "share.latency.p99 < 100ms",
                Status::Failed,
                "share.latency.p99 < 100ms: 2.04 s, 100 % & more",
            ),
            check(Class::Baseline, "digest", Status::Warned, "the run is another"),
        ],
    )
}

#[test]
fn junit_is_what_jenkins_reads() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="amanah gate" tests="4" failures="1" errors="0">
    <testsuite name="fake" tests="4" skipped="1" errors="0" failures="1">
        <testcase name="agreement" classname="fake.checkers"/>
        <testcase name="forgery" classname="fake.checkers">
            <skipped message="nothing was forged"/>
        </testcase>
        <testcase name="share.latency.p99 &lt; 100ms" classname="fake.expectations">
            <failure message="share.latency.p99 &lt; 100ms: 2.04 s, 100 % &amp; more; repeat: amanah run scenarios/fake.yaml --seed 7" type="expectations"/>
        </testcase>
        <testcase name="digest" classname="fake.baseline">
            <system-out>warning: the run is another</system-out>
        </testcase>
    </testsuite>
</testsuites>
"#;
    assert_eq!(junit::write(&[three()]).unwrap(), expected);
}

#[test]
fn the_summary_is_a_table_and_the_way_to_repeat_it() {
    let expected = "## amanah gate: 1 of 1 failed

| scenario | | passed | failed | warnings |
| --- | --- | ---: | ---: | ---: |
| fake | ❌ | 1 | 1 | 1 |

### fake

| check | | what was found |
| --- | --- | --- |
| expectations: share.latency.p99 &lt; 100ms | ❌ | share.latency.p99 &lt; 100ms: 2.04 s, 100 % &amp; more |
| baseline: digest | ⚠️ | the run is another |

```sh
amanah run scenarios/fake.yaml --seed 7
```
";
    assert_eq!(summary::write(&[three()]), expected);
}

#[test]
fn annotations_stand_beside_the_line_that_asks() {
    let scenario = "name: fake\nexpect:\n  - share.latency.p99 < 100ms\n";
    let baseline = "{\n  \"digest\": \"0\"\n}\n";
    let line = |file: &str, word: &str| {
        annotations::line_of(if file.ends_with("yaml") { scenario } else { baseline }, word)
    };
    let expected = "\
::error file=scenarios/fake.yaml,line=3,title=fake%3A expectations share.latency.p99 < 100ms::share.latency.p99 < \
100ms: 2.04 s, 100 %25 & more%0Arepeat: amanah run scenarios/fake.yaml --seed 7
::warning file=baselines/fake.json,line=2,title=fake%3A baseline digest::the run is another
";
    assert_eq!(annotations::write(&[three()], line), expected);
    let mut many = three();
    let failed = many.checks[2].clone();
    many.checks = vec![failed; 12];
    let text = annotations::write(&[many], line);
    assert_eq!(text.lines().count(), 10);
    assert!(text.ends_with("::error title=amanah gate::3 more; the step's summary lists them\n"), "{text}");
}

#[test]
fn trackers_get_what_is_better_one_way() {
    let mut one = three();
    one.result.as_mut().unwrap().metrics.retain(|name, _| {
        ["transactions.submitted", "transactions.committed.rate", "commit.latency.p99", "recovery.time"]
            .contains(&name.as_str())
    });
    one.result.as_mut().unwrap().metrics["recovery.time"].value = Value::Never;
    let result = one.result.as_ref().unwrap();
    let (rate, p99) =
        (&result.metrics["transactions.committed.rate"].value, &result.metrics["commit.latency.p99"].value);
    let (rate, p99) = (serde_json::json!(rate), serde_json::json!(p99));
    let extra = format!("seed=7\ndigest={}", result.digest);
    let bigger: serde_json::Value =
        serde_json::from_str(&benchmark::github_action(&[three_of(&one)], Better::Higher)).unwrap();
    let expected = serde_json::json!([
        { "name": "fake/transactions.committed.rate", "unit": "1/s", "value": rate, "extra": extra }
    ]);
    assert_eq!(bigger, expected);
    let smaller: serde_json::Value =
        serde_json::from_str(&benchmark::github_action(&[three_of(&one)], Better::Lower)).unwrap();
    assert_eq!(
        smaller,
        serde_json::json!([{ "name": "fake/commit.latency.p99", "unit": "ns", "value": p99, "extra": extra }])
    );
    let bencher: serde_json::Value = serde_json::from_str(&benchmark::bencher(&[one])).unwrap();
    let expected = serde_json::json!({
        "fake/transactions.committed.rate": { "throughput": { "value": rate } },
        "fake/commit.latency.p99": { "latency": { "value": p99 } },
    });
    assert_eq!(bencher, expected);
}

fn three_of(one: &Outcome) -> Outcome {
    outcome(one.result.clone().unwrap(), one.checks.clone())
}

/// Pairs of figures around 100, the second side's times `factor`; runs differ by some `noise`.
fn pairs(count: usize, factor: f64, noise: f64, stream: &str) -> Vec<live::Pair> {
    let mut stream = Seed::new(3).stream(stream);
    let mut draw = move || 1.0 + noise * (stream.below(2_001) as f64 / 1_000.0 - 1.0);
    (0..count).map(|_| (100.0 * draw(), Some(100.0 * factor * draw()))).collect()
}

#[test]
fn live_pairs_are_judged_by_their_interval() {
    let same = pairs(10, 1.0, 0.02, "same");
    let judged = |metric: &str, factor: f64, count: usize| {
        live::judge(metric, 0.05, &same, &pairs(count, factor, 0.02, "pairs")).decision
    };
    assert_eq!(judged("share.latency.p50", 1.2, 10), Decision::Regressed);
    assert_eq!(judged("share.latency.p50", 1.0, 10), Decision::Clean);
    assert_eq!(judged("share.latency.p50", 0.7, 10), Decision::Clean);
    assert_eq!(judged("share.latency.p50", 1.05, 10), Decision::Inconclusive);
    assert_eq!(judged("share.latency.p50", 1.2, 7), Decision::TooFew);
    // Of a rate, less is worse.
    assert_eq!(judged("transactions.committed.rate", 0.8, 10), Decision::Regressed);
    assert_eq!(judged("transactions.committed.rate", 1.2, 10), Decision::Clean);
    // A machine that differs from itself by more than the limit is no judge.
    let noisy = pairs(10, 1.0, 0.4, "noisy");
    let found = live::judge("share.latency.p50", 0.05, &noisy, &pairs(10, 1.3, 0.02, "pairs"));
    assert_eq!(found.decision, Decision::TooNoisy);
    assert_eq!(live::judge("share.latency.p50", 0.05, &same, &[]).decision, Decision::TooFew);
}

#[test]
fn a_program_that_yields_nothing_is_a_regression() {
    let same = pairs(10, 1.0, 0.02, "same");
    let new = |after: Option<f64>| -> Vec<live::Pair> { same.iter().map(|(old, _)| (*old, after)).collect() };
    for (metric, after) in [
        ("transactions.committed.rate", Some(0.0)),
        ("share.latency.p99", None),
        ("share.latency.p50", Some(f64::INFINITY)),
    ] {
        let found = live::judge(metric, 0.05, &same, &new(after));
        assert_eq!((found.decision, found.lost, found.pairs), (Decision::Regressed, 10, 0), "{metric}");
    }
    // One pair of eleven is enough, unless the old program is as bad.
    let mut once = pairs(10, 1.0, 0.02, "pairs");
    once.push((100.0, None));
    assert_eq!(live::judge("share.latency.p50", 0.05, &same, &once).decision, Decision::Regressed);
    let mut as_bad = same.clone();
    as_bad[3].1 = None;
    assert_eq!(live::judge("share.latency.p50", 0.05, &as_bad, &once).decision, Decision::Clean);
    // Where neither has anything, there is nothing to judge.
    assert_eq!(live::judge("share.rate", 0.05, &[(0.0, Some(0.0)); 10], &[(0.0, Some(0.0)); 10]).lost, 0);
}

#[test]
fn live_pairs_alternate_and_stop_when_decided() {
    assert_eq!([0, 1, 2, 3].map(live::old_first), [true, false, true, false]);
    let looks = |bounds| (1..=30).filter(|pairs| live::is_look(*pairs, bounds)).collect::<Vec<usize>>();
    assert_eq!(looks((live::PAIRS_MIN, live::PAIRS_MAX)), [10, 15, 20, 25, 30]);
    assert_eq!(looks((8, 30)), [8, 13, 18, 23, 30]);
    let all = (live::pairs_needed()..=live::PAIRS_MAX)
        .flat_map(|least| (least..=live::PAIRS_MAX).map(move |most| looks((least, most))));
    assert!(all.into_iter().all(|looks| (1..=live::LOOKS_MAX).contains(&looks.len())));
    let same = pairs(10, 1.0, 0.02, "same");
    let judged = |factor| live::judge("share.latency.p50", 0.05, &same, &pairs(10, factor, 0.02, "pairs"));
    assert!(live::is_decided(&[judged(1.0), judged(1.2)]));
    assert!(live::is_decided(&[judged(1.05), judged(1.2)]));
    assert!(!live::is_decided(&[judged(1.0), judged(1.05)]));
}

/// Of 15 gates of noise around no change, looked at up to five times each.
#[test]
fn noise_alone_is_seldom_a_regression() {
    let mut called = 0;
    for trial in 0..15 {
        let same = pairs(10, 1.0, 0.03, &format!("same {trial}"));
        let all = pairs(30, 1.0, 0.03, &format!("pairs {trial}"));
        let looks = (1..=30).filter(|pairs| live::is_look(*pairs, (live::PAIRS_MIN, live::PAIRS_MAX)));
        let regressed = |count: usize| {
            live::judge("share.latency.p50", 0.05, &same, &all[..count]).decision == Decision::Regressed
        };
        called += usize::from(looks.into_iter().any(regressed));
    }
    assert_eq!(called, 0);
}
