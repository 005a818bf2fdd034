//! Content: a document whose hash verified is also readable, of the class and about the patient that were asked for, and
//! holds what it cites. Where documents say nothing there is nothing to find.

use super::{Held, Judgement};
use crate::document::Documents;
use crate::history::{Operation, OperationKind, Run};
use ledger_core::gateway::End;

pub(super) fn check(run: &Run) -> Judgement {
    if run.plan.documents == Documents::Sized {
        return Ok(Held::NotApplicable("documents are only sized"));
    }
    let reading = &run.history.reading;
    if let Some((operation, defect)) = reading.defects.first() {
        return Err(format!(
            "operation {operation} received a document that is not the one asked for: {defect}"
        ));
    }
    let read = |operation: &&Operation| {
        let reads = matches!(operation.kind, OperationKind::Share | OperationKind::BreakGlass);
        reads && matches!(operation.ended, Some((_, End::Done(_))))
    };
    let shared = run.history.operations.iter().filter(read).count() as u64;
    match reading.documents {
        0 if shared == 0 => Ok(Held::NotApplicable("no document was shared")),
        documents if documents == shared => Ok(Held::Passed(format!("{documents} documents read"))),
        documents => Ok(Held::Undecided(format!("{documents} of {shared} documents shared were read"))),
    }
}
