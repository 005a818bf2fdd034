//! How a replica stands, for those who look at it; and reasons, for those who ask. Neither changes what it does.

use super::{Job, Replica, ReplicaStatus};
use crate::audit::CheckpointBody;
use crate::crypto::Digest;
use crate::protocol::ProtocolView;
use crate::time::Timestamp;

/// A replica at an instant.
#[derive(Clone, Debug)]
pub struct ReplicaView {
    /// Figures.
    pub status: ReplicaStatus,
    /// Ordering.
    pub ordering: ProtocolView,
    /// Jobs under way, by kind.
    pub jobs: Vec<(&'static str, usize)>,
    /// What waits in which queue.
    pub queues: Vec<(&'static str, usize)>,
    /// Time of the last commit executed.
    pub time: Timestamp,
    /// Size and root of the audit log.
    pub log: Option<(u64, Digest)>,
    /// Root of the ledger's state, where anything is executed.
    pub state_root: Option<Digest>,
    /// Rows of each of the ledger's tables.
    pub tables: Vec<(&'static str, usize)>,
    /// The last checkpoint that a quorum signed.
    pub certified: Option<CheckpointBody>,
}

impl Replica {
    /// How it stands. Hashes what the ledger has changed since its root was last asked for.
    pub fn view(&self) -> ReplicaView {
        let state = self.execution.state();
        let ledger = self.ledger();
        let mut jobs =
            [("blocks", 0), ("transactions", 0), ("submissions", 0), ("votes", 0), ("snapshot", 0)];
        for job in self.jobs.values() {
            let kind = match job {
                Job::Blocks { .. } => 0,
                Job::Transactions(_) => 1,
                Job::Submissions(_) => 2,
                Job::Votes(..) => 3,
                Job::Snapshot(_) => 4,
            };
            jobs[kind].1 += 1;
        }
        let [submitted, receipts] = self.clients.waiting();
        ReplicaView {
            status: self.status(),
            ordering: self.protocol.view(),
            jobs: jobs.to_vec(),
            queues: vec![
                ("commits to execute", self.execution.waiting()),
                ("submissions to check", self.checks.submissions()),
                ("submissions to order", submitted),
                ("entries whose receipts wait for a checkpoint", receipts),
                ("own blocks to sync", self.undurable.len()),
                ("outputs", self.outputs.len()),
            ],
            time: self.execution.time(),
            log: state.map(|state| (state.log.size(), state.log.root())),
            state_root: ledger.map(|ledger| ledger.state_root()),
            tables: ledger.map(|ledger| ledger.sizes()).unwrap_or_default(),
            certified: self.certified().map(|checkpoint| checkpoint.body),
        }
    }

    /// From now on it tells why it decided as it did: of leader slots and of the ledger's actions. A driver asks for it
    /// while nothing is executed.
    pub fn explain(&mut self) {
        self.protocol.explain();
        self.execution.explain();
    }
}
