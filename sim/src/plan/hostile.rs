//! How Byzantine replicas and hostile gateways behave, by the names that scenarios use.

use super::{DiskLoss, FaultKind, Plan};
use serde::{Deserialize, Serialize};

/// What a Byzantine replica does. It holds its own key and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaBehaviour {
    /// Sends nothing.
    Silent,
    /// Sends nothing to its victims; without any, to so many that it and those it serves are just short of a quorum.
    Selective,
    /// Holds each message back, for up to the leader timeout.
    Delay,
    /// Signs a second block a round: one for each half of the others.
    Equivocate,
    /// Two correct replicas with the same key: both hear everybody, each talks to one half of the others.
    Twins,
    /// Sends malformed and bit-flipped messages, and blocks forged in others' names.
    Corrupt,
    /// Signs blocks whose ancestors do not exist, are of a later round, no quorum, or out of order.
    WrongAncestors,
    /// Sends each block to one replica only.
    Withhold,
    /// Sends old messages again.
    Replay,
    /// Answers clients wrongly, and signs checkpoints of another state.
    WrongResults,
    /// Asks everybody for everything, all the time.
    FetchFlood,
    /// Serves old and corrupt snapshots.
    StaleSnapshot,
}

impl ReplicaBehaviour {
    /// All of them, with the names that scenarios use.
    pub const ALL: [(&str, Self); 12] = [
        ("silent", Self::Silent),
        ("selective", Self::Selective),
        ("delay", Self::Delay),
        ("equivocate", Self::Equivocate),
        ("twins", Self::Twins),
        ("corrupt", Self::Corrupt),
        ("wrong_ancestors", Self::WrongAncestors),
        ("withhold", Self::Withhold),
        ("replay", Self::Replay),
        ("wrong_results", Self::WrongResults),
        ("fetch_flood", Self::FetchFlood),
        ("stale_snapshot", Self::StaleSnapshot),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, behaviour)| *behaviour == self).map_or("", |(name, _)| name)
    }
}

/// What a hostile gateway does beside its normal work. It holds its own keys and its users', and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayBehaviour {
    /// Submits bundles whose signature is not their actor's.
    BadSignatures,
    /// Submits its own old bundles again.
    ReplayedBundles,
    /// Submits consents in the name of patients, signed without their key.
    ForgedConsents,
    /// Asks custodians for keys with a receipt that is of no permit, or that nobody signed.
    KeyRequests,
    /// Asks custodians for keys again and again with old receipts.
    StaleReceipts,
    /// Sends replicas more than they want to hear: junk, questions, and the same bundle many times.
    Flood,
}

impl GatewayBehaviour {
    /// All of them, with the names that scenarios use.
    pub const ALL: [(&str, Self); 6] = [
        ("bad_signatures", Self::BadSignatures),
        ("replayed_bundles", Self::ReplayedBundles),
        ("forged_consents", Self::ForgedConsents),
        ("key_requests", Self::KeyRequests),
        ("stale_receipts", Self::StaleReceipts),
        ("flood", Self::Flood),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, behaviour)| *behaviour == self).map_or("", |(name, _)| name)
    }
}

impl Plan {
    /// Replicas that are Byzantine at any time of the run, with repetitions.
    pub fn byzantine(&self) -> impl Iterator<Item = usize> + '_ {
        let named = self.faults.iter().filter_map(|fault| match &fault.kind {
            FaultKind::Byzantine { replicas, .. } => Some(replicas.as_slice()),
            _ => None,
        });
        named.flatten().copied()
    }

    /// Replicas that lose all that they have written at some time of the run, with repetitions.
    pub fn wiped(&self) -> impl Iterator<Item = usize> + '_ {
        let named = self.faults.iter().filter_map(|fault| match &fault.kind {
            FaultKind::Crash { replicas, disk: DiskLoss::Wiped, .. } => Some(replicas.as_slice()),
            _ => None,
        });
        named.flatten().copied()
    }

    /// Replicas whose journal is damaged at some time of the run, with repetitions.
    pub fn rotten(&self) -> impl Iterator<Item = usize> + '_ {
        let named = self.faults.iter().filter_map(|fault| match &fault.kind {
            FaultKind::BitRot { replicas, .. } => Some(replicas.as_slice()),
            _ => None,
        });
        named.flatten().copied()
    }

    /// Gateways that are hostile at any time of the run, with repetitions.
    pub fn hostile_gateways(&self) -> impl Iterator<Item = usize> + '_ {
        let named = self.faults.iter().filter_map(|fault| match &fault.kind {
            FaultKind::HostileGateway { gateways, .. } => Some(gateways.as_slice()),
            _ => None,
        });
        named.flatten().copied()
    }
}
