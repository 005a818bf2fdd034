//! Bytes that are ordered and not executed: ordering alone, to compare with peers.
//!
//! Each submission is unique: its first eight bytes are the operation's number. The rest looks random, so that nothing
//! on the way compresses it. Replicas take turns.

use super::{Moment, Started, Target};
use crate::history::{Expected, OperationKind};
use crate::seed::Stream;
use ledger_core::committee::ReplicaId;
use ledger_core::seam::GatewayId;

#[derive(Debug)]
pub(super) struct Opaque {
    size_bytes: usize,
    replicas: usize,
    next_replica: usize,
    stream: Stream,
}

impl Opaque {
    pub(super) fn new(size_bytes: usize, replicas: usize, stream: Stream) -> Self {
        Self { size_bytes: size_bytes.max(8), replicas: replicas.max(1), next_replica: 0, stream }
    }

    pub(super) fn start(&mut self, moment: &Moment<'_>) -> Started {
        let mut bytes = vec![0; self.size_bytes];
        let (number, rest) = bytes.split_at_mut(8);
        number.copy_from_slice(&moment.operation.to_le_bytes());
        self.stream.fill_bytes(rest);
        let replica = self.next_replica;
        self.next_replica = (replica + 1) % self.replicas;
        let mut record = moment.row(OperationKind::Opaque, GatewayId(replica as u32));
        record.bytes = self.size_bytes as u64;
        record.expected = Expected::Either;
        let target = Target::Replica(ReplicaId(replica as u16), bytes.into());
        Started { operation: moment.operation, target, record }
    }
}
