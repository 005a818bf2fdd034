//! The same operations by the second and by the region in which they began.

use super::collect::committed_at;
use super::{Latency, Window};
use crate::history::{Operation, OperationKind, Run};
use ledger_core::gateway::End;
use ledger_core::time::{Timestamp, nanos};

/// Nanoseconds of one second's operations: the middle one, and the one that 99 of 100 do not exceed; exact.
pub type Quantiles = [Option<u64>; 2];

/// Latency of what was scheduled in one second, warm-up and drain included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondLatency {
    /// To verified receipts.
    pub transactions: Quantiles,
    /// To verified documents.
    pub shares: Quantiles,
}

/// Figures of the operations that began in one region, inside the window.
#[derive(Clone, Debug, Default)]
pub struct RegionFigures {
    /// Actions committed.
    pub committed: u64,
    /// To verified receipts.
    pub transactions: Latency,
    /// To verified documents; as many as shares were completed.
    pub shares: Latency,
}

fn committed_after(operation: &Operation) -> Option<u64> {
    Some(nanos(committed_at(operation)?.since(operation.scheduled)))
}

fn shared_after(operation: &Operation) -> Option<u64> {
    match (operation.kind, operation.ended) {
        (OperationKind::Share | OperationKind::BreakGlass, Some((at, End::Done(_)))) => {
            Some(nanos(at.since(operation.scheduled)))
        }
        _ => None,
    }
}

/// By the second of the schedule, so that a standstill shows where it began. Of a load that is only partly listed these
/// are the latencies of its listed operations.
pub fn seconds(run: &Run) -> Vec<SecondLatency> {
    let mut rows: Vec<[Vec<u64>; 2]> = run.history.series.iter().map(|_| Default::default()).collect();
    for operation in &run.history.operations {
        let second = operation.scheduled.since(run.start).as_secs() as usize;
        let Some([transactions, shares]) = rows.get_mut(second) else { continue };
        transactions.extend(committed_after(operation));
        shares.extend(shared_after(operation));
    }
    let row = |[transactions, shares]: [Vec<u64>; 2]| SecondLatency {
        transactions: quantiles(transactions),
        shares: quantiles(shares),
    };
    rows.into_iter().map(row).collect()
}

/// Nearest rank.
fn quantiles(mut samples: Vec<u64>) -> Quantiles {
    samples.sort_unstable();
    let at = |percent: usize| samples.get((samples.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    [at(50), at(99)]
}

/// By region of the plan. An operation begins where its gateway is, opaque load where its replica is.
pub fn regions(run: &Run, window: Window) -> Vec<RegionFigures> {
    let plan = &run.plan;
    let mut regions: Vec<RegionFigures> = plan.network.regions.iter().map(|_| Default::default()).collect();
    let measured = |at: Timestamp| window.contains(at);
    for operation in run.history.operations.iter().filter(|row| measured(row.scheduled)) {
        let number = operation.gateway.0 as usize;
        let region = match operation.kind {
            OperationKind::Opaque => plan.replicas.get(number).map(|replica| replica.region),
            _ => plan.population.institutions.get(number).map(|institution| institution.region),
        };
        let Some(figures) = region.and_then(|region| regions.get_mut(region)) else { continue };
        if let Some(ns) = committed_after(operation) {
            figures.committed += operation.actions;
            figures.transactions.record(ns);
        }
        if let Some(ns) = shared_after(operation) {
            figures.shares.record(ns);
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, Value, fake};

    #[test]
    fn ranks_are_of_samples_that_there_were() {
        assert_eq!(quantiles(vec![]), [None, None]);
        assert_eq!(quantiles(vec![7]), [Some(7), Some(7)]);
        assert_eq!(quantiles((1..=100).rev().collect()), [Some(50), Some(99)]);
        assert_eq!(quantiles((1..=200).collect()), [Some(100), Some(198)]);
    }

    #[test]
    fn regions_and_seconds_add_up_to_the_run() {
        let run = fake::run(&fake::plan());
        let metrics = Metrics::of(&run);
        let committed: u64 = metrics.regions.iter().map(|region| region.committed).sum();
        assert_eq!(metrics.get("transactions.committed"), Some(Value::Whole(committed)));
        let shares: u64 = metrics.regions.iter().map(|region| region.shares.count()).sum();
        assert_eq!(metrics.get("shares.completed"), Some(Value::Whole(shares)));
        assert_eq!(metrics.seconds.len(), run.history.series.len());
        // What starts while the replica is down waits until it is back: 2 s at most, and more than 1 s in the first second.
        let [calm, struck] = [4, 13].map(|second: usize| metrics.seconds[second].transactions[1].unwrap());
        assert!(calm < 100_000_000 && struck > 1_000_000_000, "{calm} {struck}");
    }
}
