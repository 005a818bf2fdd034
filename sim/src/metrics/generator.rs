//! Whether the load was the load that the plan asks for. A measurement under any other load is invalid.

use super::Window;
use crate::plan::{Arrivals, Plan, WorkloadPlan};
use ledger_core::time::{Duration, nanos};

/// Achieved below this part of offered, in per cent, is a generator that lagged,
const ACHIEVED_PERCENT_MIN: f64 = 99.0;
/// unless chance explains it: random arrivals are this many standard deviations apart from their mean once in 30,000.
const DEVIATIONS: f64 = 4.0;

/// Transactions a second that the plan asks for over the window, audits among them. `None` where clients set the pace (closed loop), and
/// where the window does not hold whole cycles of a rate that changes.
pub fn offered_rate(plan: &Plan, window: Window) -> Option<f64> {
    let whole = |cycle: Duration| nanos(window.length()).is_multiple_of(nanos(cycle).max(1));
    let known = match plan.arrivals {
        Arrivals::Poisson | Arrivals::Constant => true,
        Arrivals::Burst { every, .. } => whole(every),
        Arrivals::Diurnal { day, .. } => whole(day),
        Arrivals::Closed { .. } => false,
    };
    let rate = |workload: &WorkloadPlan| match workload {
        WorkloadPlan::Opaque { rate_mhz, .. }
        | WorkloadPlan::AccessDecisions { rate_mhz, .. }
        | WorkloadPlan::PersonalHealthRecord { rate_mhz, .. }
        | WorkloadPlan::ClinicalTrial { rate_mhz, .. }
        | WorkloadPlan::DrugSupply { rate_mhz, .. }
        | WorkloadPlan::Telemedicine { rate_mhz, .. }
        | WorkloadPlan::Claims { rate_mhz, .. } => *rate_mhz,
    };
    known.then(|| plan.workloads.iter().map(rate).sum::<u64>() as f64 / 1e3)
}

/// Why `started` transactions inside the window make the measurement invalid, if they do.
pub fn invalid(plan: &Plan, window: Window, started: u64) -> Option<String> {
    if started == 0 {
        return Some("no operation was started inside the measurement".to_owned());
    }
    let offered = offered_rate(plan, window)? * window.length().as_secs_f64();
    let achieved = started as f64;
    // Actions arrive by the bundle.
    let bundle = |workload: &WorkloadPlan| match workload {
        WorkloadPlan::AccessDecisions { bundle, .. } => *bundle as f64,
        WorkloadPlan::Opaque { .. }
        | WorkloadPlan::PersonalHealthRecord { .. }
        | WorkloadPlan::ClinicalTrial { .. }
        | WorkloadPlan::DrugSupply { .. }
        | WorkloadPlan::Telemedicine { .. }
        | WorkloadPlan::Claims { .. } => 1.0,
    };
    let slack = match plan.arrivals {
        Arrivals::Constant => plan.workloads.iter().map(bundle).sum(),
        Arrivals::Poisson | Arrivals::Burst { .. } | Arrivals::Diurnal { .. } | Arrivals::Closed { .. } => {
            DEVIATIONS * (offered * plan.workloads.iter().map(bundle).fold(1.0, f64::max)).sqrt()
        }
    };
    let lagged = achieved < offered * ACHIEVED_PERCENT_MIN / 100.0 && achieved + slack < offered;
    lagged.then(|| {
        let part = 100.0 * achieved / offered;
        format!("the generator lagged: {started} transactions started of {offered:.0} offered ({part:.1} %)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;
    use ledger_core::time::Timestamp;

    #[track_caller]
    fn check(arrivals: Arrivals, started: u64, expected: bool) {
        let plan = Plan { arrivals, ..fake::plan() };
        let start = Timestamp::after_genesis(plan.warmup);
        let window = Window { start, end: start + Duration::from_secs(10) };
        assert_eq!(invalid(&plan, window, started).is_some(), expected, "{arrivals:?} {started}");
    }

    #[test]
    fn a_generator_that_lags_is_told_from_chance() {
        // 100/s for 10 s: a standard deviation is 32.
        check(Arrivals::Constant, 1_000, false);
        check(Arrivals::Constant, 995, false);
        check(Arrivals::Constant, 980, true);
        check(Arrivals::Poisson, 880, false);
        check(Arrivals::Poisson, 860, true);
        check(Arrivals::Closed { clients: 1 }, 1, false);
        check(Arrivals::Closed { clients: 1 }, 0, true);
    }

    #[test]
    fn only_whole_cycles_have_a_known_rate() {
        let burst = |seconds| Arrivals::Burst {
            every: Duration::from_secs(seconds),
            on: Duration::from_secs(1),
            factor_milli: 2_000,
        };
        check(burst(5), 500, true);
        check(burst(3), 500, false);
    }
}
