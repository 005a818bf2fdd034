//! Operations of a run that somebody will ask about first, so that they can be named to `amanah replay --explain`.

use super::{OperationKind, Run};
use ledger_core::gateway::End;
use ledger_core::time::nanos;
use serde::{Deserialize, Serialize};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notable {
    /// What is notable: `slowest transaction`, `slowest share`, `first refused access`, `first timed out`.
    pub what: String,
    /// Its number.
    pub operation: u64,
    /// Its transaction, in hexadecimal, if it made one.
    pub transaction: Option<String>,
    /// How long it took, nanoseconds.
    pub took_ns: u64,
}

impl Run {
    /// The slowest transaction and share, the first access that was refused, and the first operation that timed out; of
    /// equals the first. Of a live run none, for it cannot be played again.
    pub fn notable(&self) -> Vec<Notable> {
        if self.setting.is_live() {
            return Vec::new();
        }
        let mut rows: [(&str, Option<(u64, u64)>); 4] = [
            ("slowest transaction", None),
            ("slowest share", None),
            ("first refused access", None),
            ("first timed out", None),
        ];
        let mut note = |row: usize, number: u64, took: u64, slowest: bool| {
            let known = &mut rows[row].1;
            if known.is_none_or(|(_, before)| slowest && took > before) {
                *known = Some((number, took));
            }
        };
        for (number, operation) in (0..).zip(&self.history.operations) {
            let Some((at, end)) = operation.ended else { continue };
            let access = matches!(operation.kind, OperationKind::Share | OperationKind::BreakGlass);
            let took = nanos(at.since(operation.scheduled));
            if let Some(receipt) = operation.receipt_at {
                note(0, number, nanos(receipt.since(operation.scheduled)), true);
            }
            match end {
                End::Done(_) if access => note(1, number, took, true),
                End::Refused(_) if access => note(2, number, took, false),
                End::TimedOut => note(3, number, took, false),
                End::Done(_) | End::Answered | End::Refused(_) | End::KeyRefused(_) => {}
                End::Corrupt | End::Rejected | End::Overloaded => {}
            }
        }
        let notable = |(what, found): (&str, Option<(u64, u64)>)| {
            let (operation, took_ns) = found?;
            let transaction = self.history.operations[operation as usize].transaction;
            let transaction = transaction.map(|name| name.to_string());
            Some(Notable { what: what.to_owned(), operation, transaction, took_ns })
        };
        rows.into_iter().filter_map(notable).collect()
    }
}
