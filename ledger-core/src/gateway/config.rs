//! What a gateway is told when it starts.

use crate::committee::{Committee, ReplicaId};
use crate::ledger::transaction::PartyId;
use crate::seam::GatewayId;
use crate::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One institution's machine.
#[derive(Clone)]
pub struct GatewayConfig {
    /// Its place in the registry.
    pub id: GatewayId,
    /// The organisation whose custody and staff it serves.
    pub organisation: PartyId,
    /// The replicas.
    pub committee: Arc<Committee>,
    /// The replica that it prefers to ask.
    pub home: ReplicaId,
    /// The other institutions.
    pub directory: Arc<Directory>,
    /// Data keys, salts, the wrap key pair and ephemeral seeds derive from it.
    pub secret: [u8; 32],
    /// Times.
    pub tuning: GatewayTuning,
}

/// How long a gateway waits. All above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayTuning {
    /// For the first reply of a peer; doubled with every attempt of an operation, up to `reply_timeout_max`.
    pub reply_timeout: Duration,
    /// Longest wait for a reply.
    pub reply_timeout_max: Duration,
    /// After `Busy`, before asking again; doubled with every time, up to `reply_timeout_max`.
    pub busy_pause: Duration,
    /// For a document whose key has arrived, before both are asked for again.
    pub transfer_timeout: Duration,
    /// Away from the home replica, before it is tried again.
    pub home_probe: Duration,
    /// What is added to a command's deadline for its transaction's valid-until: clocks and commit time differ.
    pub valid_margin: Duration,
    /// Before a replica that has not executed a permit yet is asked about it again.
    pub permit_pause: Duration,
    /// A document that got another key, under its old one for those who were permitted before: at least as long as a permit
    /// is in force.
    pub superseded_for: Duration,
    /// For one key request at the custodian, after which it is dropped without an answer.
    pub custody_patience: Duration,
    /// Bytes of sealed documents, kept as they came for custodians that lose theirs; beyond, the oldest go. 0: none is kept.
    pub copies_bytes_max: usize,
}

impl Default for GatewayTuning {
    fn default() -> Self {
        Self {
            reply_timeout: Duration::from_secs(2),
            reply_timeout_max: Duration::from_secs(8),
            busy_pause: Duration::from_millis(100),
            transfer_timeout: Duration::from_secs(20),
            home_probe: Duration::from_secs(5),
            valid_margin: Duration::from_secs(5),
            permit_pause: Duration::from_millis(50),
            superseded_for: Duration::from_secs(60),
            custody_patience: Duration::from_secs(15),
            copies_bytes_max: 0,
        }
    }
}

/// Where to find an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Institution {
    /// Its gateway.
    pub gateway: GatewayId,
    /// HPKE key that data keys for it are wrapped to: [`Gateway::wrap_key`](super::Gateway::wrap_key).
    pub wrap_key: [u8; 32],
}

/// The registry of institutions. Invariant: one organisation a gateway, so that the transport's authentication of a
/// gateway tells the organisation.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    institutions: BTreeMap<PartyId, Institution>,
    organisations: BTreeMap<GatewayId, PartyId>,
}

impl Directory {
    /// `None` if an organisation or a gateway is listed twice.
    pub fn new(institutions: impl IntoIterator<Item = (PartyId, Institution)>) -> Option<Self> {
        let mut directory = Self::default();
        for (organisation, institution) in institutions {
            let known = directory.institutions.insert(organisation, institution);
            let serves = directory.organisations.insert(institution.gateway, organisation);
            if known.is_some() || serves.is_some() {
                return None;
            }
        }
        Some(directory)
    }

    /// Where to find an organisation.
    pub fn institution(&self, organisation: PartyId) -> Option<&Institution> {
        self.institutions.get(&organisation)
    }

    /// Whose gateway it is.
    pub fn organisation_of(&self, gateway: GatewayId) -> Option<PartyId> {
        self.organisations.get(&gateway).copied()
    }
}

/// Mistakes that a gateway could make, for showing that the checkers notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayBug {
    /// Keys are released to whoever names a permit: neither receipt nor permit nor organisation is checked.
    ReleaseWithoutPermit,
    /// Keys are released against a receipt alone, without asking whether the permit is still in force.
    SkipFreshCheck,
    /// What is erased is kept, and its key released against a receipt alone.
    KeepErased,
    /// Receipts are believed without being verified.
    AcceptAnyReceipt,
    /// Every other transaction of an actor has the number of the one before it.
    ReuseSequence,
}
