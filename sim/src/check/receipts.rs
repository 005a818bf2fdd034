//! Receipts: a sample of acknowledged transactions, asked of every replica at the end, verified by a function that
//! knows only the committee's keys.

use super::{Held, Judgement};
use crate::history::Run;
use ledger_core::crypto::{Digest, RememberingVerifier};
use std::collections::BTreeMap;

/// Signatures whose verdict is remembered.
const SIGNATURES_MAX: usize = 1 << 16;

pub(super) fn check(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    let history = &run.history;
    let acknowledged: BTreeMap<u64, Digest> = history
        .operations
        .iter()
        .filter_map(|operation| Some((operation.log_index?, operation.transaction?)))
        .collect();
    let mut verified = 0u64;
    // A checkpoint stands under every receipt that it covers.
    let mut verifier = RememberingVerifier::new(SIGNATURES_MAX);
    for (replica, index, receipt) in &history.receipts {
        let Some(receipt) = receipt else { continue };
        let entry = receipt
            .verify(&run.committee, &mut verifier)
            .map_err(|error| format!("{replica}'s receipt of entry {index}: {error}"))?;
        if let Some(transaction) = acknowledged.get(index)
            && entry.transaction != *transaction
        {
            return Err(format!("{replica}'s entry {index} is of another transaction than was acknowledged"));
        }
        verified += 1;
    }
    if acknowledged.is_empty() {
        return Ok(Held::NotApplicable("nothing was acknowledged"));
    }
    if verified == 0 {
        return Ok(Held::Undecided("no replica had a receipt to show".into()));
    }
    Ok(Held::Passed(format!("{verified} receipts of {} asked for", history.receipts.len())))
}
