//! A run against its baseline, check by check.

use super::baseline::Baseline;
use super::{Check, Class, Status, Tolerances};
use crate::compare::Change;
use crate::metrics::Value;
use crate::metrics::catalog::{self, Better, MetricUnit};
use crate::report::{percent, units};
use crate::result::{ResultFile, StatusName};

/// Everything that is looked at: checkers, expectations, and, if there is one, the baseline.
pub fn checks(result: &ResultFile, baseline: Option<&Baseline>, tolerances: &Tolerances) -> Vec<Check> {
    let mut checks: Vec<Check> = result.verdicts.iter().map(checker).collect();
    for line in &result.expectations {
        let status = if line.held { Status::Passed } else { Status::Failed };
        let message = format!("{}: {}", line.text, line.found);
        checks.push(Check { class: Class::Expectations, name: line.text.clone(), status, message });
    }
    if let Some(reason) = &result.invalid {
        let message = format!("the measurement is invalid: {reason}");
        let name = "measurement".to_owned();
        checks.push(Check { class: Class::Checkers, name, status: Status::Failed, message });
    }
    if let Some(baseline) = baseline {
        against(result, baseline, tolerances, &mut checks);
    }
    unique(&mut checks);
    checks
}

fn checker(row: &crate::result::VerdictRow) -> Check {
    let status = match row.status {
        StatusName::Passed => Status::Passed,
        StatusName::Failed | StatusName::Undecided => Status::Failed,
        StatusName::Expected => Status::Warned,
        StatusName::NotApplicable => Status::Skipped,
    };
    let message = format!("{} {}: {}", row.checker, row.status.name(), row.detail);
    Check { class: Class::Checkers, name: row.checker.clone(), status, message }
}

fn against(result: &ResultFile, baseline: &Baseline, tolerances: &Tolerances, checks: &mut Vec<Check>) {
    let today = Baseline::new(result, "");
    let mut add = |name: &str, status: Status, message: String| {
        checks.push(Check { class: Class::Baseline, name: name.to_owned(), status, message });
    };
    if today.plan_sha256 != baseline.plan_sha256 || today.seed != baseline.seed {
        let (old, new) = (short(&baseline.plan_sha256), short(&today.plan_sha256));
        let message = format!(
            "the baseline is of another plan (sha256 {old}, seed {}; now {new}, seed {}): its figures are not comparable; \
             if the scenario was meant to change: --update --reason TEXT",
            baseline.seed, today.seed
        );
        add("plan", Status::Failed, message);
        return;
    }
    add("plan", Status::Passed, String::new());
    for (name, old) in &baseline.verdicts {
        let new = today.verdicts.get(name);
        let word = new.map_or("absent", |new| new.name());
        if new != Some(old) {
            add(name, Status::Failed, format!("checker {name} was {}, and is {word}", old.name()));
        }
    }
    for (name, old) in &baseline.metrics {
        let (status, message) = metric(name, *old, today.metrics.get(name).copied(), tolerances.of(name));
        add(name, status, message);
    }
    for (name, new) in today.metrics.iter().filter(|(name, _)| !baseline.metrics.contains_key(*name)) {
        let status = if tolerances.is_exact() { Status::Failed } else { Status::Warned };
        add(name, status, format!("{name} has no samples in the baseline, and is {} now", shown(name, *new)));
    }
    let digest = match (today.digest == baseline.digest, tolerances.is_exact()) {
        (true, _) => (Status::Passed, String::new()),
        (false, exact) => (
            if exact { Status::Failed } else { Status::Warned },
            format!(
                "the run is another: digest {}, and was {}",
                short(&today.digest),
                short(&baseline.digest)
            ),
        ),
    };
    add("digest", digest.0, digest.1);
    let same = today.result_sha256 == baseline.result_sha256;
    let status = if same || !tolerances.is_exact() { Status::Passed } else { Status::Failed };
    let message =
        format!("result sha256 {}, baseline {}", short(&today.result_sha256), short(&baseline.result_sha256));
    add("result", status, message);
}

/// A metric within its tolerance. What is better than that passes, and says so: its baseline is out of date.
fn metric(name: &str, old: Value, new: Option<Value>, tolerance: f64) -> (Status, String) {
    let Some(new) = new else {
        let message = format!("{name} is missing: it was {}, and has no samples now", shown(name, old));
        return (Status::Failed, message);
    };
    if old == new {
        return (Status::Passed, String::new());
    }
    let better = catalog::lookup(name).map_or(Better::Neither, |metric| metric.better);
    let (before, after) = (old.as_f64(), new.as_f64());
    let direction = match better {
        Better::Higher if after > before => "better",
        Better::Lower if after < before => "better",
        Better::Higher | Better::Lower => "worse",
        Better::Neither => "another",
    };
    let by = if before > 0.0 && after.is_finite() && before.is_finite() {
        format!(", {}", percent(after / before))
    } else {
        String::new()
    };
    let limit = if tolerance > 0.0 { format!("; tolerance {} %", tolerance * 100.0) } else { String::new() };
    let message = format!("{name}: {} -> {} ({direction}{by}{limit})", shown(name, old), shown(name, new));
    // Of a time that never came nothing is a part.
    let within = before.is_finite() && (after - before).abs() <= tolerance * before.abs();
    let status = match (within, direction) {
        (true, _) => Status::Passed,
        (false, "better") if tolerance > 0.0 => Status::Warned,
        (false, _) => Status::Failed,
    };
    (status, message)
}

fn shown(name: &str, value: Value) -> String {
    let unit = catalog::lookup(name).map_or(MetricUnit::Count, |metric| metric.unit);
    let short = units::value(value, unit);
    // What three digits do not tell apart is written out.
    match value {
        Value::Whole(number) if number >= 1_000 => format!("{short} [{number}]"),
        Value::Real(number) => format!("{short} [{number}]"),
        Value::Whole(_) | Value::Never => short,
    }
}

/// Enough of a hash to find it.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

/// Writers need names that are unique inside a class.
fn unique(checks: &mut [Check]) {
    for index in 0..checks.len() {
        let same = |other: &&Check| other.class == checks[index].class && other.name == checks[index].name;
        let earlier = checks[..index].iter().filter(same).count();
        if earlier > 0 {
            checks[index].name = format!("{} ({})", checks[index].name, earlier + 1);
        }
    }
}

/// What a rewritten baseline changes, for a review.
pub fn updated(old: Option<&Baseline>, new: &Baseline) -> Vec<Change> {
    let Some(old) = old else { return Vec::new() };
    let mut found = Vec::new();
    let mut note = |key: &str, before: Option<String>, after: Option<String>| {
        if before != after {
            found.push(Change { key: key.to_owned(), old: before, new: after });
        }
    };
    let hash = |text: &str| Some(short(text).to_owned());
    note("plan", hash(&old.plan_sha256), hash(&new.plan_sha256));
    note("digest", hash(&old.digest), hash(&new.digest));
    for (name, status) in &new.verdicts {
        let word = |status: &StatusName| status.name().to_owned();
        note(name, old.verdicts.get(name).map(word), Some(word(status)));
    }
    let metrics = catalog::all().iter().map(|metric| metric.name.as_str());
    for name in metrics {
        let figure = |baseline: &Baseline| baseline.metrics.get(name).map(|value| shown(name, *value));
        note(name, figure(old), figure(new));
    }
    found
}
