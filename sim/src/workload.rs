//! stub
#![allow(missing_docs)]
use crate::history::*;
use crate::plan::*;
use crate::population::Population;
use crate::seed::*;
use bytes::Bytes;
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::{Command, Completion};
use ledger_core::seam::GatewayId;
use ledger_core::time::Timestamp;
use std::sync::Arc;
pub struct Started {
    pub operation: u64,
    pub target: Target,
    pub record: Operation,
}
pub enum Target {
    Gateway(GatewayId, Command),
    Replica(ReplicaId, Bytes),
}
pub struct Generator {
    next: u64,
    at: Timestamp,
    end: Timestamp,
    gap: u64,
    size: usize,
    n: u64,
    stream: Stream,
}
impl Generator {
    pub fn new(plan: &Plan, _: Arc<Population>, seed: &Seed) -> Self {
        let WorkloadPlan::Opaque { rate_mhz, size_bytes } = &plan.workloads[0] else { panic!() };
        Self {
            next: 0,
            at: Timestamp(0),
            end: Timestamp::after_genesis(plan.warmup + plan.duration),
            gap: 1_000_000_000_000 / rate_mhz,
            size: *size_bytes,
            n: plan.replicas.len() as u64,
            stream: seed.stream("opaque"),
        }
    }
    pub fn initial(&mut self) -> Vec<Started> {
        vec![]
    }
    pub fn next_arrival(&mut self) -> Option<Timestamp> {
        self.at = Timestamp(self.at.0 + self.stream.exponential(self.gap));
        (self.at <= self.end).then_some(self.at)
    }
    pub fn start(&mut self, now: Timestamp) -> Started {
        let mut b = vec![0; self.size];
        self.stream.fill_bytes(&mut b);
        b[..8].copy_from_slice(&self.next.to_le_bytes());
        let op = self.next;
        self.next += 1;
        let r = (op % self.n) as u16;
        Started {
            operation: op,
            target: Target::Replica(ReplicaId(r), b.into()),
            record: Operation {
                kind: OperationKind::Opaque,
                gateway: GatewayId(r.into()),
                scheduled: now,
                ended: None,
                receipt_at: None,
                key_at: None,
                transferred_at: None,
                transaction: None,
                log_index: None,
                bytes: self.size as u64,
                expected: Expected::Either,
                consent: None,
                record: None,
            },
        }
    }
    pub fn completed(&mut self, _: Timestamp, _: u64, _: &Completion) -> Option<Timestamp> {
        None
    }
}
