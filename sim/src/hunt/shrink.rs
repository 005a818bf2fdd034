//! A smaller case that fails the same checker: greedy, one change at a time, each kept only if it still fails (delta
//! debugging as in Zeller and Hildebrandt, TSE 2002, over faults, spans, duration, population and rates).

use super::draw::Case;
use super::{Scope, play};
use crate::plan::{Plan, WorkloadPlan};
use ledger_core::time::Duration;

/// Most runs that shrinking a case may take.
pub const RUNS_MAX: u64 = 200;
/// A fault is not made shorter than this.
const SPAN_MIN: Duration = Duration::from_micros(100);
/// A run is not made shorter than this.
const DURATION_MIN: Duration = Duration::from_millis(100);

/// A change that makes a case smaller at a place; `None` where there is no such place, or nothing to take.
type Change = fn(&Case, &Plan, usize) -> Option<Case>;

/// How many places a change has.
type Places = fn(&Case) -> usize;

/// Every change, those that take most first.
const CHANGES: &[(Places, Change)] = &[
    (faults, drop_second_half),
    (faults, drop_fault),
    (|_| 1, halve_duration),
    (|_| 1, end_after_faults),
    (|case| case.faults.len(), wait_for_nothing),
    (|case| case.faults.len(), halve_span),
    (|_| 1, halve_patients),
    (|_| 1, halve_rates),
];

fn faults(case: &Case) -> usize {
    case.faults.len()
}

/// The smallest case that the changes lead to, and how many runs it took. `go_on` is asked before each.
pub fn shrink(scope: &Scope, case: Case, checker: &str, go_on: &dyn Fn() -> bool) -> (Case, u64) {
    let mut case = case;
    let mut runs = 0;
    loop {
        let before = case.clone();
        for (places, change) in CHANGES {
            let mut place = 0;
            while place < places(&case) {
                let Ok(plan) = case.plan(&scope.scenario) else { return (case, runs) };
                let Some(smaller) = change(&case, &plan, place) else {
                    place += 1;
                    continue;
                };
                if runs == RUNS_MAX || !go_on() {
                    return (case, runs);
                }
                // What cannot run fails nothing.
                runs += u64::from(smaller.plan(&scope.scenario).is_ok());
                let played = play(scope, &smaller);
                // Of a run without operations `validity` says nothing that was found.
                let still = played.failures.iter().any(|failure| failure.checker == checker);
                match still && !played.is_idle() {
                    true => case = smaller,
                    false => place += 1,
                }
            }
        }
        if case == before {
            return (case, runs);
        }
    }
}

fn drop_second_half(case: &Case, _: &Plan, place: usize) -> Option<Case> {
    let half = case.faults.len() / 2;
    let keep = match place {
        0 => &case.faults[..half],
        1 => &case.faults[half..],
        _ => return None,
    };
    (case.faults.len() > 2).then(|| Case { faults: keep.to_vec(), ..case.clone() })
}

fn drop_fault(case: &Case, _: &Plan, place: usize) -> Option<Case> {
    let mut smaller = case.clone();
    smaller.faults.remove(place);
    Some(smaller)
}

fn wait_for_nothing(case: &Case, _: &Plan, place: usize) -> Option<Case> {
    let mut smaller = case.clone();
    smaller.faults[place].trigger.take().map(|_| smaller)
}

fn halve_span(case: &Case, _: &Plan, place: usize) -> Option<Case> {
    let lasts = case.faults[place].when.lasts?;
    let half = grain(lasts.as_nanos() / 2);
    let mut smaller = case.clone();
    smaller.faults[place].when.lasts = Some(half);
    (half >= SPAN_MIN && half < lasts).then_some(smaller)
}

fn halve_duration(case: &Case, plan: &Plan, _: usize) -> Option<Case> {
    shorten(case, plan, grain(plan.duration.as_nanos() / 2))
}

/// To the end of the last fault.
fn end_after_faults(case: &Case, plan: &Plan, _: usize) -> Option<Case> {
    let end = plan.faults.iter().map(|fault| fault.at + fault.lasts.unwrap_or(Duration::ZERO)).max()?;
    shorten(case, plan, end + SPAN_MIN)
}

fn shorten(case: &Case, plan: &Plan, duration: Duration) -> Option<Case> {
    let shorter = duration < plan.duration && duration >= DURATION_MIN;
    shorter.then(|| Case { duration: Some(duration), ..case.clone() })
}

fn halve_patients(case: &Case, plan: &Plan, _: usize) -> Option<Case> {
    let patients = plan.population.patients / 2;
    (patients > 0).then(|| Case { patients: Some(patients), ..case.clone() })
}

fn halve_rates(case: &Case, plan: &Plan, _: usize) -> Option<Case> {
    let rates_mhz: Vec<u64> = plan.workloads.iter().map(|workload| rate(workload) / 2).collect();
    rates_mhz.iter().all(|rate| *rate > 0).then(|| Case { rates_mhz, ..case.clone() })
}

fn rate(workload: &WorkloadPlan) -> u64 {
    match workload {
        WorkloadPlan::Opaque { rate_mhz, .. }
        | WorkloadPlan::AccessDecisions { rate_mhz, .. }
        | WorkloadPlan::PersonalHealthRecord { rate_mhz, .. }
        | WorkloadPlan::ClinicalTrial { rate_mhz, .. }
        | WorkloadPlan::DrugSupply { rate_mhz, .. }
        | WorkloadPlan::Telemedicine { rate_mhz, .. }
        | WorkloadPlan::Claims { rate_mhz, .. } => *rate_mhz,
    }
}

/// Rounded down to tenths of a millisecond, as faults are drawn.
fn grain(nanos: u128) -> Duration {
    let grains = nanos / SPAN_MIN.as_nanos();
    Duration::from_nanos((grains * SPAN_MIN.as_nanos()) as u64)
}
