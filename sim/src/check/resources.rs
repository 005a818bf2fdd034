//! Resources: nothing that others can make grow outgrows its limit in any replica, seen once a second
//! ([`STORES`]), and what ordering holds in memory is level: over a run without faults that is long enough to tell, its median
//! in the last quarter is at most twice that of the second, and [`NOISE`].
//!
//! Rows of the ledger, the log up to its limit and what a run records of itself grow with what is executed: the first two
//! are in `replica.memory.*`, the last is described in `history.rs`.

use super::assumption::byzantine;
use super::{Held, Judgement, healing};
use crate::history::Run;
use crate::report::units::bytes;
use ledger_core::committee::ReplicaId;
use ledger_core::replica::STORES;
use ledger_core::time::Duration;

/// Runs of at least this tell whether memory is level.
const LONG: Duration = Duration::from_secs(40);
/// Blocks under way differ by so many bytes from second to second.
const NOISE: u64 = 1 << 20;
/// The log forgets its oldest entries at its limit, which it therefore reaches.
const FULL_BY_DESIGN: &str = "log entries held";

pub(super) fn check(run: &Run) -> Judgement {
    let history = &run.history;
    let mut fullest: (u64, &str) = (0, "nothing");
    let mut seen = false;
    let hostile = byzantine(run);
    let replicas = history.replicas.iter().enumerate();
    for (index, replica) in replicas.filter(|(index, _)| !hostile.contains(ReplicaId(*index as u16))) {
        for (name, store) in STORES.iter().zip(replica.stores) {
            if store.held > store.most {
                return Err(format!(
                    "replica {index} held {} of `{name}`, and {} is its limit",
                    store.held, store.most
                ));
            }
            seen |= store.most > 0;
            if *name == FULL_BY_DESIGN {
                continue;
            }
            let ppm = u128::from(store.held) * 1_000_000 / u128::from(store.most.max(1));
            fullest = fullest.max((ppm as u64, name));
        }
    }
    if !seen {
        return Ok(Held::Undecided("no replica told how it is".into()));
    }
    let level = level(run)?;
    let (ppm, name) = fullest;
    Ok(Held::Passed(format!("the fullest, `{name}`, at {}.{} %{level}", ppm / 10_000, ppm / 1_000 % 10)))
}

/// That memory of ordering is level, in words; nothing where the run does not tell.
fn level(run: &Run) -> Result<String, String> {
    let series: Vec<u64> = run.history.series.iter().map(|second| second.ordering_bytes).collect();
    let quiet = healing::disturbances(run).is_empty();
    if !quiet || run.partial || run.plan.duration < LONG {
        return Ok(String::new());
    }
    let warmup = run.plan.warmup.as_secs() as usize;
    let seconds = run.plan.duration.as_secs() as usize;
    let quarter = |number: usize| {
        let part = series.get(warmup + number * seconds / 4..warmup + (number + 1) * seconds / 4);
        let mut part = part.unwrap_or_default().to_vec();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or_default()
    };
    let (early, late) = (quarter(1), quarter(3));
    if late > 2 * early + NOISE {
        return Err(format!(
            "ordering held {} in the second quarter of the run, and {} in the last",
            bytes(early),
            bytes(late)
        ));
    }
    Ok(format!("; ordering held {} early and {} late", bytes(early), bytes(late)))
}
