//! Consent: no key leaves a custodian, and no document is opened, without a committed permit in force; no permit where
//! the workload's own model of consent says that there is none.
//!
//! A key release is judged by the instant at which the custodian began to ask whether the permit is in force: from
//! then on it had to be committed, not expired, and no receipt of a revocation of its consent, or of an erasure of the
//! record, may have existed.

use super::{Held, Judgement};
use crate::history::{Expected, Operation, OperationKind, Run};
use ledger_core::crypto::Digest;
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, ConsentId, Outcome, RecordId};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeMap;

/// A commit's time is a median of clocks and trails them: a permit ends by commit time.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

struct Permit<'a> {
    record: RecordId,
    until: Timestamp,
    committed_at: Timestamp,
    operation: Option<&'a Operation>,
}

pub(super) fn check(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    let history = &run.history;
    let permits = permits(run);
    let revoked = revocations(run);
    let erased = erasures(run);
    for release in &history.releases {
        let permit = judge(&permits, release.access, release.record, release.to)
            .map_err(|why| format!("key released at {} by gateway {}: {why}", release.at, release.by.0))?;
        if permit.committed_at > release.asked_at {
            return Err(format!(
                "key released at {} under {:?}, committed later",
                release.at, release.access
            ));
        }
        if release.asked_at >= permit.until + CLOCK_SLACK {
            return Err(format!(
                "key released at {} under {:?}, which had expired",
                release.at, release.access
            ));
        }
        let consent = permit.operation.and_then(|operation| operation.consent);
        if let Some(revoked_at) = consent.and_then(|consent| revoked.get(&consent))
            && *revoked_at < release.asked_at
        {
            return Err(format!(
                "key released at {} (asked at {}) under {:?}, whose consent was revoked with a receipt at {revoked_at}",
                release.at, release.asked_at, release.access
            ));
        }
    }
    for release in &history.releases {
        if let Some(erased_at) = erased.get(&release.record)
            && *erased_at < release.asked_at
        {
            return Err(format!(
                "key of {:?} released at {} (asked at {}), and it was erased with a receipt at {erased_at}",
                release.record, release.at, release.asked_at
            ));
        }
    }
    for (at, gateway, access, record) in &history.opened {
        judge(&permits, *access, *record, *gateway)
            .map_err(|why| format!("document opened at {at} by gateway {}: {why}", gateway.0))?;
    }
    for (number, operation) in history.operations.iter().enumerate() {
        let done = matches!(operation.ended, Some((_, End::Done(_))));
        if operation.kind == OperationKind::Share && done && operation.expected == Expected::Refuse {
            return Err(format!("operation {number} obtained a document that no consent covers"));
        }
    }
    let (released, opened) = (history.releases.len(), history.opened.len());
    Ok(Held::Passed(format!(
        "{released} keys released, {opened} documents opened, {} permits",
        permits.len()
    )))
}

fn permits(run: &Run) -> BTreeMap<AccessId, Permit<'_>> {
    let history = &run.history;
    let operations: BTreeMap<Digest, &Operation> =
        history.operations.iter().filter_map(|operation| Some((operation.transaction?, operation))).collect();
    history
        .executed
        .iter()
        .flat_map(|(commit, done)| done.answers.iter().map(move |answer| (commit, done, answer.outcome)))
        .filter_map(|(commit, done, outcome)| match outcome {
            Outcome::Permitted { access, until, record, .. } => {
                let reported_at = history.commits.get(*commit as usize - 1)?.first_at;
                let operation = operations.get(&done.transaction).copied();
                // Replicas that were killed before they could report a commit report it when they execute it again; a
                // receipt proves that it was there before.
                let receipt_at = operation.and_then(|operation| operation.receipt_at);
                let committed_at = receipt_at.map_or(reported_at, |at| at.min(reported_at));
                Some((access, Permit { record, until, committed_at, operation }))
            }
            _ => None,
        })
        .collect()
}

/// When the receipt of each consent's revocation existed.
fn revocations(run: &Run) -> BTreeMap<ConsentId, Timestamp> {
    run.history
        .operations
        .iter()
        .filter(|operation| matches!(operation.ended, Some((_, End::Done(Outcome::ConsentRevoked(_))))))
        .filter_map(|operation| Some((operation.consent?, operation.receipt_at?)))
        .collect()
}

/// When the receipt of each record's erasure existed.
fn erasures(run: &Run) -> BTreeMap<RecordId, Timestamp> {
    run.history
        .operations
        .iter()
        .filter(|operation| matches!(operation.ended, Some((_, End::Done(Outcome::KeyShredded(_))))))
        .filter_map(|operation| Some((operation.record?, operation.receipt_at?)))
        .collect()
}

fn judge<'a, 'b>(
    permits: &'a BTreeMap<AccessId, Permit<'b>>,
    access: AccessId,
    record: RecordId,
    gateway: GatewayId,
) -> Result<&'a Permit<'b>, String> {
    let permit = permits.get(&access).ok_or_else(|| format!("{access:?} was never committed"))?;
    if permit.record != record {
        return Err(format!("{access:?} is of {:?}, not of {record:?}", permit.record));
    }
    if permit.operation.is_some_and(|operation| operation.gateway != gateway) {
        return Err(format!("{access:?} is of another gateway"));
    }
    Ok(permit)
}
