//! Deterministic execution of ordered transactions.
//!
//! [`Ledger::execute`] is a function of the state, the commit time and the transaction: no clock, no entropy. Every
//! transaction yields an [`Outcome`]; a refusal is one.
//!
//! Checks common to all actions, in order, the first that fails being the refusal: `UnknownActor`; `BadSignature`
//! (it does not verify, or the key is not the actor's); `CredentialRevoked` (revoked, not yet or no longer in force);
//! `TransactionExpired`; `StaleSequence`; `RoleNotAllowed` (the claimed organisation is neither the actor's nor the
//! actor, or is itself without credential, or the roles may not do this). Then the action's own, in the order its
//! function documents. `Malformed` is the caller's: what does not decode has no actor.
//!
//! Invariants:
//! * a refused transaction changes nothing but, from `StaleSequence` on, the actor's sequence window (so that it
//!   cannot be replayed into a later, more lenient state) and, if it was refused access, the patient's counter;
//! * the state root covers every table and the policy; what is derived from the tables is in neither root nor
//!   snapshot;
//! * cloning costs a few pointers, and clones share what neither has changed.
//!
//! It refuses to know replicas, commits other than by their time, documents, and who submitted a transaction.

mod access;
mod chain;
mod consent;
mod delegation;
mod genesis;
mod index;
mod key;
mod party;
mod record;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;
pub mod transaction;

pub use access::{Access, PermitStatus, Review};
pub use consent::{CONSENTS_PER_PATIENT_MAX, ClassSet, Consent, PurposeSet};
pub use delegation::{DELEGATIONS_PER_PATIENT_MAX, Delegation, Reach};
pub use genesis::Genesis;
pub use key::{WRAPS_PER_RECORD_MAX, Wrap};
pub use party::{Activity, Credential, Party, SEQUENCE_WINDOW, SequenceWindow};
pub use record::Record;
pub use snapshot::RestoreError;
pub use table::Table;

use crate::crypto::{Digest, Domain};
use crate::time::{Duration, Timestamp, nanos};
use borsh::{BorshDeserialize, BorshSerialize};
use chain::Chains;
use delegation::Appointment;
use index::Index;
use key::Rotation;
use transaction::{
    AccessId, Action, ConsentId, DelegationId, Outcome, PartyId, RecordId, Refusal, Role, Transaction,
    TransactionBody,
};

/// What a chain's consortium agreed on. Part of the state root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Policy {
    /// How long a permit by consent is in force at most, nanoseconds.
    pub permit_window_ns: u64,
    /// How long a break-glass access may be at most, nanoseconds.
    pub break_glass_window_ns_max: u64,
    /// How long after a break-glass access its review is in time, nanoseconds.
    pub review_window_ns: u64,
}

impl Default for Policy {
    /// 30 seconds, 8 hours and 72 hours.
    fn default() -> Self {
        Self {
            permit_window_ns: nanos(Duration::from_secs(30)),
            break_glass_window_ns_max: nanos(Duration::from_secs(8 * 3600)),
            review_window_ns: nanos(Duration::from_secs(72 * 3600)),
        }
    }
}

impl Policy {
    fn permit_window(&self) -> Duration {
        Duration::from_nanos(self.permit_window_ns)
    }

    fn review_window(&self) -> Duration {
        Duration::from_nanos(self.review_window_ns)
    }
}

/// The state that transactions act on.
#[derive(Clone, Debug)]
pub struct Ledger {
    policy: Policy,
    parties: Table<Party>,
    /// One for each party.
    activities: Table<Activity>,
    records: Table<Record>,
    consents: Table<Consent>,
    accesses: Table<Access>,
    delegations: Table<Delegation>,
    wraps: Table<Wrap>,
    /// Derived: parties by key.
    party_keys: Index,
    /// Derived: records by commitment.
    commitments: Index,
    /// Derived: each patient's consents.
    consent_chains: Chains,
    /// Derived: the delegations over each patient.
    delegation_chains: Chains,
    /// Derived: each record's wraps.
    wrap_chains: Chains,
    #[cfg(feature = "seeded-bugs")]
    bug: Option<LedgerBug>,
}

/// Mistakes that a ledger could make, for showing that the checkers notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerBug {
    /// Sequence numbers are not used up: replays execute again.
    ForgetSequence,
    /// Withdrawn consents permit.
    IgnoreRevocation,
    /// Consents permit outside their time.
    IgnoreExpiry,
}

/// A decision about access to a patient's record, permitted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccessDecision {
    /// Whose record.
    pub patient: PartyId,
    /// The how-manieth decision of this patient, from 1.
    pub counter: u64,
}

/// What executing a transaction did, and what of it concerns a patient's access counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The answer.
    pub outcome: Outcome,
    /// Where access was decided.
    pub decision: Option<AccessDecision>,
}

impl Execution {
    /// Refused without a decision on access.
    pub const fn refused(refusal: Refusal) -> Self {
        Self { outcome: Outcome::Refused(refusal), decision: None }
    }
}

impl From<Result<Outcome, Refusal>> for Execution {
    fn from(result: Result<Outcome, Refusal>) -> Self {
        Self { outcome: result.unwrap_or_else(Outcome::Refused), decision: None }
    }
}

/// Who acts, in which place.
#[derive(Clone, Copy, Debug)]
struct Actor {
    id: PartyId,
    role: Role,
    /// Claimed: `home` or `id`.
    organisation: PartyId,
    organisation_role: Role,
    /// The organisation it belongs to, whatever it claims.
    home: PartyId,
    home_role: Role,
}

impl Ledger {
    /// The outcome of [`execute`](Self::execute).
    pub fn apply(
        &mut self,
        commit_time: Timestamp,
        transaction: &Transaction,
        signature_valid: bool,
    ) -> Outcome {
        self.execute(commit_time, transaction, signature_valid).outcome
    }

    /// Executes the next transaction of the order. `signature_valid` is the verdict on [`Transaction::check`].
    pub fn execute(
        &mut self,
        commit_time: Timestamp,
        transaction: &Transaction,
        signature_valid: bool,
    ) -> Execution {
        let (now, body) = (commit_time, &transaction.body);
        if let Err(refusal) = self.admit(now, transaction, signature_valid) {
            return Execution::refused(refusal);
        }
        let actor = self.actor(now, body.actor, body.organisation);
        match actor.filter(|actor| is_allowed(actor, &body.action)) {
            Some(actor) => self.act(now, &actor, &body.action),
            None => Execution::refused(Refusal::RoleNotAllowed),
        }
    }

    /// The common checks but for the role. Uses up the sequence.
    fn admit(
        &mut self,
        now: Timestamp,
        transaction: &Transaction,
        signature_valid: bool,
    ) -> Result<(), Refusal> {
        let TransactionBody { actor, sequence, valid_until, .. } = transaction.body;
        let party = self.party(actor).ok_or(Refusal::UnknownActor)?;
        if !signature_valid || party.key != transaction.key {
            return Err(Refusal::BadSignature);
        }
        if !party.credential.is_in_force(now) {
            return Err(Refusal::CredentialRevoked);
        }
        if now >= valid_until {
            return Err(Refusal::TransactionExpired);
        }
        if self.has_bug(LedgerBug::ForgetSequence) {
            return Ok(());
        }
        // Look before the write: a refused replay must not cost a copied path.
        let fresh = self.activity(actor).is_some_and(|activity| activity.sequences.is_fresh(sequence));
        let taken = fresh
            && self.activities.get_mut(actor.0).is_some_and(|activity| activity.sequences.take(sequence));
        if taken { Ok(()) } else { Err(Refusal::StaleSequence) }
    }

    fn act(&mut self, now: Timestamp, actor: &Actor, action: &Action) -> Execution {
        match action {
            Action::RegisterParty { key, wrap_key, role, organisation, valid: (from, until) } => {
                let credential = Credential { from: *from, until: *until, revoked_at: None };
                let party = Party {
                    key: *key,
                    wrap_key: *wrap_key,
                    role: *role,
                    organisation: *organisation,
                    credential,
                };
                self.register_party(now, party).into()
            }
            Action::RevokeCredential { party } => self.revoke_credential(now, *party).into(),
            Action::RegisterRecord {
                patient,
                commitment,
                class,
                label,
                size_bucket,
                locator,
                patient_wrap,
            } => {
                let record = Record {
                    patient: *patient,
                    custodian: actor.organisation,
                    commitment: *commitment,
                    class: *class,
                    label: *label,
                    size_bucket: *size_bucket,
                    locator: *locator,
                    patient_wrap: patient_wrap.clone(),
                    registered_at: now,
                    epoch: 0,
                    shredded_at: None,
                };
                self.register_record(actor, record).into()
            }
            Action::GrantConsent { patient, scope } => {
                self.register_consent(now, actor, (*patient, false, scope)).into()
            }
            Action::DenyDirective { patient, scope } => {
                self.register_consent(now, actor, (*patient, true, scope)).into()
            }
            Action::RevokeConsent { consent } => self.revoke_consent(now, actor, *consent).into(),
            Action::RequestAccess { record, purpose, consent } => {
                self.request_access(now, actor, (*record, *purpose, *consent))
            }
            Action::BreakGlass { record, reason, window_ns } => {
                self.break_glass(now, actor, (*record, *reason, *window_ns))
            }
            Action::ReviewBreakGlass { access, justified } => {
                self.review_break_glass(now, actor, *access, *justified).into()
            }
            Action::DelegateAuthority { patient, delegate, scope, until, evidence, minor_until } => {
                let (patient, delegate, until) = (*patient, *delegate, *until);
                let (evidence, minor_until) = (*evidence, *minor_until);
                let appointment = Appointment { patient, delegate, scope, until, evidence, minor_until };
                self.delegate_authority(now, actor, appointment).into()
            }
            Action::RewrapKey { record, grantee, wrap } => {
                self.rewrap_key(now, actor, (*record, *grantee, wrap)).into()
            }
            Action::RotateKey { record, commitment, locator, patient_wrap } => {
                let rotation = Rotation { commitment: *commitment, locator: *locator, patient_wrap };
                self.rotate_key(actor, *record, rotation).into()
            }
            Action::ShredKey { record } => self.shred_key(now, actor, *record).into(),
        }
    }

    /// Binds the policy and every table. Hashes what changed since the last call.
    pub fn state_root(&self) -> Digest {
        let roots = [
            self.parties.root("parties"),
            self.activities.root("activities"),
            self.records.root("records"),
            self.consents.root("consents"),
            self.accesses.root("accesses"),
            self.delegations.root("delegations"),
            self.wraps.root("wraps"),
        ];
        Digest::sha256(&[
            Domain::State.tag(),
            &crate::codec::encode(&self.policy),
            &crate::codec::encode(&roots),
        ])
    }

    /// What the consortium agreed on.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A party.
    pub fn party(&self, id: PartyId) -> Option<&Party> {
        self.parties.get(id.0)
    }

    /// What moves with a party's transactions.
    pub fn activity(&self, id: PartyId) -> Option<&Activity> {
        self.activities.get(id.0)
    }

    /// A record.
    pub fn record(&self, id: RecordId) -> Option<&Record> {
        self.records.get(id.0)
    }

    /// A consent or directive.
    pub fn consent(&self, id: ConsentId) -> Option<&Consent> {
        self.consents.get(id.0)
    }

    /// A decision that permitted.
    pub fn access(&self, id: AccessId) -> Option<&Access> {
        self.accesses.get(id.0)
    }

    /// A delegation of authority.
    pub fn delegation(&self, id: DelegationId) -> Option<&Delegation> {
        self.delegations.get(id.0)
    }

    /// All parties, by [`PartyId`].
    pub fn parties(&self) -> &Table<Party> {
        &self.parties
    }

    /// All records, by [`RecordId`].
    pub fn records(&self) -> &Table<Record> {
        &self.records
    }

    /// All consents and directives, by [`ConsentId`].
    pub fn consents(&self) -> &Table<Consent> {
        &self.consents
    }

    /// All decisions that permitted, by [`AccessId`].
    pub fn accesses(&self) -> &Table<Access> {
        &self.accesses
    }

    /// An estimate of what this ledger owns alone: table nodes, values, key wraps and indexes that no clone shares.
    /// What a clone shares counts for neither, so a ledger that was just cloned owns nothing. Walks what it counts.
    pub fn memory_bytes(&self) -> usize {
        self.parties.memory_bytes(|_| 0)
            + self.activities.memory_bytes(|_| 0)
            + self.records.memory_bytes(|record| record.patient_wrap.len())
            + self.consents.memory_bytes(|_| 0)
            + self.accesses.memory_bytes(|_| 0)
            + self.party_keys.memory_bytes()
            + self.commitments.memory_bytes()
            + self.delegations.memory_bytes(|_| 0)
            + self.wraps.memory_bytes(|wrap| wrap.wrap.len())
            + self.consent_chains.memory_bytes()
            + self.delegation_chains.memory_bytes()
            + self.wrap_chains.memory_bytes()
    }

    /// Bytes of all rows with their index entries and heap, whoever shares them: an estimate from the rows' number and
    /// size, at no cost.
    pub fn rows_bytes(&self) -> usize {
        const INDEX_ENTRY: usize = 32;
        const WRAP: usize = 112;
        self.parties.len() * (size_of::<Party>() + size_of::<Activity>() + INDEX_ENTRY)
            + self.records.len() * (size_of::<Record>() + WRAP + INDEX_ENTRY)
            + self.consents.len() * (size_of::<Consent>() + INDEX_ENTRY)
            + self.accesses.len() * size_of::<Access>()
            + self.delegations.len() * (size_of::<Delegation>() + INDEX_ENTRY)
            + self.wraps.len() * (size_of::<Wrap>() + WRAP + INDEX_ENTRY)
    }

    /// Makes it make a mistake.
    #[cfg(feature = "seeded-bugs")]
    pub fn seed_bug(&mut self, bug: LedgerBug) {
        self.bug = Some(bug);
    }

    #[cfg(feature = "seeded-bugs")]
    fn has_bug(&self, bug: LedgerBug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(feature = "seeded-bugs"))]
    #[inline(always)]
    const fn has_bug(&self, _: LedgerBug) -> bool {
        false
    }
}

/// Whether the roles may do this at all. Anybody may ask for access: consent decides.
fn is_allowed(actor: &Actor, action: &Action) -> bool {
    match action {
        Action::RegisterParty { .. } | Action::RevokeCredential { .. } => actor.role == Role::Regulator,
        Action::RegisterRecord { .. } | Action::ReviewBreakGlass { .. } => actor.role.acts_for_institution(),
        Action::GrantConsent { .. } | Action::DenyDirective { .. } | Action::RevokeConsent { .. } => {
            matches!(actor.role, Role::Patient | Role::Guardian)
        }
        Action::DelegateAuthority { .. } => {
            matches!(actor.role, Role::Patient | Role::Guardian | Role::Regulator)
        }
        Action::RewrapKey { .. } => matches!(actor.role, Role::Patient | Role::Guardian),
        Action::RotateKey { .. } => actor.role.acts_for_institution(),
        Action::ShredKey { .. } => {
            actor.role.acts_for_institution() || matches!(actor.role, Role::Patient | Role::Guardian)
        }
        Action::RequestAccess { .. } => true,
        Action::BreakGlass { .. } => Ledger::may_break_glass(actor),
    }
}
