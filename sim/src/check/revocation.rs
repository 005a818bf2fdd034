//! Revocation: in the order of the log no access is permitted under a consent that was withdrawn before, or beyond its end;
//! and no key that a withdrawal should have stopped leaves a custodian later than the bound after its receipt.
//!
//! `consent` demands that the custodian *began to ask* before the receipt existed. A check that began in time may end, and
//! its key leave, later: at most after the custodian's patience for one request, for then it is dropped. So the bound is
//! `custody_patience`, for keys of consents withdrawn and of records erased alike. The ledger itself has no such grace: what
//! is decided after a withdrawal is refused.

use super::{Held, Judgement};
use crate::history::{Operation, OperationKind, Run};
use ledger_core::crypto::Digest;
use ledger_core::gateway::{End, GatewayTuning};
use ledger_core::ledger::transaction::{AccessId, ConsentId, Outcome, RecordId};
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeMap;

/// A withdrawal or an erasure: its place in the log, and when its receipt was there.
#[derive(Clone, Copy)]
struct Ended {
    index: u64,
    receipt_at: Timestamp,
}

/// When consents end by themselves, and when they and records were ended.
struct Ends {
    until: BTreeMap<ConsentId, Timestamp>,
    withdrawn: BTreeMap<ConsentId, Ended>,
    erased: BTreeMap<RecordId, Ended>,
}

pub(super) fn check(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    let history = &run.history;
    let ends = ends(run);
    let operations: BTreeMap<Digest, &Operation> =
        history.operations.iter().filter_map(|operation| Some((operation.transaction?, operation))).collect();
    let mut named: BTreeMap<AccessId, ConsentId> = BTreeMap::new();
    let mut permits = 0u64;
    for (commit, done) in &history.executed {
        let Some(operation) = operations.get(&done.transaction) else { continue };
        for answer in done.answers.iter() {
            let Outcome::Permitted { access, record, until, .. } = answer.outcome else { continue };
            permits += 1;
            let what = || format!("in commit {commit} {access:?} to {record:?} was permitted");
            let before = |ended: &&Ended| ended.index < done.index;
            if ends.erased.get(&record).is_some_and(|ended| before(&ended)) {
                return Err(format!("{}, which was erased before", what()));
            }
            let Some(consent) = operation.consent else { continue };
            named.insert(access, consent);
            if let Some(ended) = ends.withdrawn.get(&consent).filter(before) {
                return Err(format!(
                    "{} as entry {} under {consent:?}, which was withdrawn by entry {}",
                    what(),
                    done.index,
                    ended.index
                ));
            }
            if let Some(end) = ends.until.get(&consent).filter(|end| until > **end) {
                return Err(format!("{} until {until} under {consent:?}, which ends at {end}", what()));
            }
        }
    }
    let slowest = latest_key(run, &ends, &named)?;
    let count = ends.withdrawn.len() + ends.erased.len();
    if count == 0 && ends.until.is_empty() {
        return Ok(Held::NotApplicable("nothing was withdrawn, and no consent ends"));
    }
    Ok(Held::Passed(format!(
        "{permits} permits, {count} withdrawals and erasures; the last key left {} ms after one",
        slowest.as_millis()
    )))
}

/// How long after a receipt a key left that it was to stop; never longer than a custodian waits for one check.
fn latest_key(run: &Run, ends: &Ends, named: &BTreeMap<AccessId, ConsentId>) -> Result<Duration, String> {
    let bound = GatewayTuning::default().custody_patience;
    let mut slowest = Duration::ZERO;
    for release in &run.history.releases {
        let withdrawn = named.get(&release.access).and_then(|consent| ends.withdrawn.get(consent));
        for ended in withdrawn.into_iter().chain(ends.erased.get(&release.record)) {
            let after = release.at.since(ended.receipt_at);
            if after > bound {
                return Err(format!(
                    "the key of {:?} left at {} under {:?}, {} ms after the receipt that ended it; at most {} ms are right",
                    release.record,
                    release.at,
                    release.access,
                    after.as_millis(),
                    bound.as_millis()
                ));
            }
            slowest = slowest.max(after);
        }
    }
    Ok(slowest)
}

fn ends(run: &Run) -> Ends {
    let mut ends = Ends { until: BTreeMap::new(), withdrawn: BTreeMap::new(), erased: BTreeMap::new() };
    for operation in &run.history.operations {
        let Some((_, End::Done(outcome))) = operation.ended else { continue };
        if let (OperationKind::Grant, Outcome::ConsentRegistered(consent)) = (operation.kind, outcome) {
            ends.until.extend(operation.until.map(|until| (consent, until)));
        }
        let (Some(index), Some(receipt_at)) = (operation.log_index, operation.receipt_at) else { continue };
        let ended = Ended { index, receipt_at };
        match (operation.kind, outcome) {
            (OperationKind::Revoke, Outcome::ConsentRevoked(consent)) => {
                ends.withdrawn.insert(consent, ended);
            }
            (OperationKind::Erase, Outcome::KeyShredded(record)) => {
                ends.erased.insert(record, ended);
            }
            _ => {}
        }
    }
    ends
}
