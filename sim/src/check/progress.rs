//! Progress: once faults are healed, commits go on within a bound that follows from timeouts ([`healing`](super::healing)), go on
//! without longer gaps while nothing goes wrong, and every replica keeps up.

use super::healing::{self, SNAPSHOT_PATIENCE};
use super::{Held, Judgement};
use crate::history::{FaultRecord, Run};
use crate::plan::FaultKind;
use crate::report::units::span;
use ledger_core::time::{Duration, Timestamp};

/// A stretch of the run in which nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calm {
    from: Timestamp,
    until: Timestamp,
    /// By when the first commit in it is due.
    first: Timestamp,
}

pub(super) fn check(run: &Run) -> Judgement {
    let history = &run.history;
    let pause = healing::calm_bound(run);
    let calms = calms(run, pause);
    let commits: Vec<Timestamp> = {
        let mut times: Vec<Timestamp> = history.commits.iter().map(|commit| commit.first_at).collect();
        times.sort_unstable();
        times
    };
    let mut slowest = Duration::ZERO;
    for calm in &calms {
        let begin = commits.partition_point(|at| *at < calm.from);
        let end = commits.partition_point(|at| *at <= calm.until);
        let (mut since, mut due) = (calm.from, calm.first);
        for at in commits[begin..end].iter().copied().chain([calm.until]) {
            if at > due {
                let what = if since == calm.from { "all was well" } else { "the last commit" };
                return Err(format!(
                    "nothing was committed from {since} ({what}) to {at}, and a commit was due at {due}"
                ));
            }
            slowest = slowest.max(at.since(since));
            (since, due) = (at, at + pause);
        }
    }
    if let Some(last) = calms.last().filter(|calm| calm.until == run.end) {
        behind(run, last.first)?;
    }
    if calms.is_empty() {
        return Ok(Held::NotApplicable("some fault was in force, or just healed, all the time"));
    }
    Ok(Held::Passed(format!(
        "{} times without faults, no commit for at most {} of {}; {} commits",
        calms.len(),
        span(slowest),
        span(pause),
        commits.len()
    )))
}

/// Between the faults, those that are long enough for a commit to be due in them.
fn calms(run: &Run, pause: Duration) -> Vec<Calm> {
    let mut calms = Vec::new();
    let mut calm = Calm { from: run.start, until: run.end, first: run.start + pause };
    for disturbance in healing::disturbances(run) {
        if disturbance.struck > calm.from {
            calms.push(Calm { until: disturbance.struck, ..calm });
        }
        // Faults that overlap are felt until each of them is.
        calm.from = calm.from.max(disturbance.healed);
        calm.first = calm.first.max(disturbance.over);
    }
    if calm.from < run.end {
        calms.push(calm);
    }
    calms.retain(|calm| calm.first < calm.until);
    calms
}

/// Every replica that is there and does as it should from `settled` on has executed what another had executed long enough ago.
/// (Who is silent asks for nothing either.)
fn behind(run: &Run, settled: Timestamp) -> Result<(), String> {
    let history = &run.history;
    let patience = healing::calm_bound(run) + SNAPSHOT_PATIENCE;
    let late = |since: Timestamp| since.max(settled) + patience < run.end;
    let to_the_end = |record: &FaultRecord| record.healed.is_none_or(|healed| healed > settled);
    let otherwise: Vec<&[usize]> = history
        .faults
        .iter()
        .filter_map(|record| match &run.plan.faults[record.fault].kind {
            FaultKind::Byzantine { replicas, .. } if to_the_end(record) => Some(&replicas[..]),
            FaultKind::Pause { replicas } if record.healed.is_none() => Some(&replicas[..]),
            _ => None,
        })
        .collect();
    let correct = history.replicas.iter().enumerate();
    let is_correct = |index: &usize| !otherwise.iter().any(|replicas| replicas.contains(index));
    for (index, replica) in correct.filter(|(index, _)| is_correct(index)) {
        let executed = replica.status.executed;
        let Some(missed) = history.commits.get(executed as usize) else { continue };
        if replica.up && late(missed.first_at) {
            return Err(format!(
                "replica {index} has executed {executed} of {} commits; the next was there at {}, all was well from \
                 {settled} on, the run ended at {}",
                history.commits.len(),
                missed.first_at,
                run.end
            ));
        }
    }
    Ok(())
}
