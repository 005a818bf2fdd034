//! How a gateway stands, for those who look at it.

use super::submission::Stage;
use super::{Gateway, Owner};
use crate::committee::ReplicaId;
use crate::crypto::Digest;
use crate::ledger::transaction::PartyId;
use crate::time::Timestamp;

/// A gateway at an instant.
#[derive(Clone, Debug)]
pub struct GatewayView {
    /// Whose it is.
    pub organisation: PartyId,
    /// Its home replica, and the one that it asks.
    pub home: ReplicaId,
    /// The replica that new questions go to.
    pub contact: ReplicaId,
    /// Operations under way.
    pub operations: Vec<OperationView>,
    /// Jobs under way.
    pub jobs: usize,
    /// Key requests of others under way.
    pub tickets: usize,
    /// Documents in custody.
    pub holdings: usize,
    /// People who have acted here.
    pub actors: usize,
    /// When it wakes up next.
    pub wakes_at: Option<Timestamp>,
    /// What waits to be sent.
    pub outputs: usize,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationView {
    /// Its number.
    pub operation: u64,
    /// What it waits for.
    pub waits_for: &'static str,
    /// Its transaction, once it is signed.
    pub transaction: Option<Digest>,
    /// When it gives up.
    pub deadline: Timestamp,
    /// When it wakes up next.
    pub wakes_at: Option<Timestamp>,
}

impl Gateway {
    /// How it stands.
    pub fn view(&self) -> GatewayView {
        let operation = |(id, operation): (&u64, &super::Operation)| {
            let waits_for = match operation.stage {
                Stage::Turning(_) => "its document",
                Stage::Recovering(_) => "a copy of the document",
                Stage::Preparing(_) => "a commitment and a wrap",
                Stage::Wrapping(..) => "a wrapped key",
                Stage::Signing => "a signature",
                Stage::Asking(_) => "a receipt",
                Stage::Reading(_) => "key and document",
            };
            OperationView {
                operation: *id,
                waits_for,
                transaction: operation.completion.transaction,
                deadline: operation.deadline,
                wakes_at: self.timers.of(Owner::Operation(*id)),
            }
        };
        GatewayView {
            organisation: self.config.organisation,
            home: self.config.home,
            contact: self.contact.current(),
            operations: self.operations.iter().map(operation).collect(),
            jobs: self.jobs.len(),
            tickets: self.custody.len(),
            holdings: self.holdings.records.len(),
            actors: self.sequences.len(),
            wakes_at: self.timers.next(),
            outputs: self.outputs.len(),
        }
    }
}
