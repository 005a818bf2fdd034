//! Deterministic execution of ordered transactions.
//!
//! [`Ledger::execute`] is a function of the state, the commit time and the transaction: no clock, no entropy. Every
//! action of a transaction yields an [`Answer`]; a refusal is one.
//!
//! Checks common to all actions of a transaction are made once, before any of them, the first that fails being the
//! refusal of all: `UnknownActor`; `BadSignature` (it does not verify, or the key is not the actor's);
//! `CredentialRevoked` (revoked, not yet or no longer in force); `TransactionExpired`; `StaleSequence` (one number of
//! its range is used up, or beyond the last); `RoleNotAllowed` (the claimed organisation is neither the actor's nor the
//! actor, or is itself without credential). Then, action by action, `RoleNotAllowed` (the roles may not do this) and the
//! action's own, in the order its function documents; each sees what the ones before it did. The first refusal in an
//! atomic bundle is the only one that is judged: all other actions answer `RolledBack`, those before it are undone and
//! those after it are not looked at. `Malformed` is the caller's: what does not decode has no actor.
//!
//! Invariants:
//! * a refused action, and a whole atomic bundle with a refused one, changes nothing but, from `StaleSequence` on, the
//!   actor's sequence window (so that it cannot be replayed into a later, more lenient state) and the counters of the
//!   patients about whose records access was decided. A permit that is rolled back counts as the refusal that it
//!   became: otherwise an atomic bundle that is made to fail would tell unseen who is permitted to read what;
//! * what a refused action leaves beside that is the alert that it raised, if it is one about medicines: a scan that was
//!   refused is what somebody must look into, also where it was the end of an atomic bundle;
//! * the state root covers every table and the policy; what is derived from the tables is in neither root nor
//!   snapshot;
//! * cloning costs a few pointers, and clones share what neither has changed.
//!
//! It refuses to know replicas, commits other than by their time, documents, and who submitted a transaction.

mod access;
mod account;
mod chain;
mod claim;
mod consent;
mod delegation;
mod genesis;
mod index;
mod key;
mod party;
mod proof;
mod record;
mod snapshot;
mod supply;
mod table;
mod telemedicine;
#[cfg(test)]
mod tests;
pub mod transaction;
mod trial;

pub use access::{Access, PermitStatus, Review};
pub use account::{AccessAccount, Account, Ground};
pub use claim::{Adjudication, Claim, Claims, Coverage};
pub use consent::{CONSENTS_PER_PATIENT_MAX, ClassSet, Consent, PurposeSet};
pub use delegation::{DELEGATIONS_PER_PATIENT_MAX, Delegation, Reach};
pub use genesis::Genesis;
pub use key::{WRAPS_PER_RECORD_MAX, Wrap};
pub use party::{Activity, Credential, Party, SEQUENCE_WINDOW, SequenceWindow};
pub use proof::{StateProof, StateProofError};
pub use record::Record;
pub use snapshot::RestoreError;
pub use supply::{
    AlertRecord, Container, LOTS_PER_CONTAINER_MAX, Lot, NESTING_MAX, Node, Pack, Packs, Partnership, Place,
    Product,
};
pub use table::Table;
pub use telemedicine::{
    Batch, DEVICES_PER_SESSION_MAX, Device, Model, Prescription, PrescriptionClaim, RevokedFirmware, Session,
    Sessions, Stream, Triage, TriageReview,
};
pub use trial::{
    Approval, CAPTURES_PER_SUBJECT_MAX, DataChain, DataLock, Enrolment, SITES_PER_TRIAL_MAX,
    SUBJECTS_PER_TRIAL_MAX, Site, Subject, Trial, TrialResult, TrialVersion, Trials, VERSIONS_PER_TRIAL_MAX,
    data_root,
};

use crate::codec::List;
use crate::crypto::Digest;
use crate::time::{Duration, Timestamp, nanos};
use borsh::{BorshDeserialize, BorshSerialize};
use chain::Chains;
use delegation::Appointment;
use index::Index;
use key::Rotation;
use transaction::{
    AccessId, Action, Answer, Answers, ConsentId, DelegationId, Outcome, PartyId, RecordId, Refusal, Role,
    Transaction, TransactionBody,
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
    /// How long after an ethics board approved a trial or amendment it may be registered, nanoseconds.
    pub trial_approval_window_ns: u64,
    /// How long after medicines were received they may be returned, and after they were dispensed this be reversed,
    /// nanoseconds.
    pub reverse_window_ns: u64,
    /// How far a device's clock may be ahead of commit time, nanoseconds. Commit time is a median of what earlier blocks
    /// said: after a standstill it lags by as much, so this is longer than standstills that are to pass unnoticed.
    pub device_skew_ns_max: u64,
    /// How long after they were taken vitals may be anchored, nanoseconds.
    pub vitals_lateness_ns_max: u64,
    /// How long a pharmacy's claim to a prescription keeps others out, nanoseconds.
    pub prescription_claim_ns: u64,
}

impl Default for Policy {
    /// 30 seconds, 8 hours, 72 hours; a trial's approval a year; 10 days (EU 2016/161, Article 13); telemedicine: 5
    /// minutes, 10 minutes and 24 hours.
    fn default() -> Self {
        Self {
            permit_window_ns: nanos(Duration::from_secs(30)),
            break_glass_window_ns_max: nanos(Duration::from_secs(8 * 3600)),
            review_window_ns: nanos(Duration::from_secs(72 * 3600)),
            trial_approval_window_ns: nanos(Duration::from_secs(365 * 24 * 3600)),
            reverse_window_ns: nanos(Duration::from_secs(10 * 86_400)),
            device_skew_ns_max: nanos(Duration::from_secs(300)),
            vitals_lateness_ns_max: nanos(Duration::from_secs(600)),
            prescription_claim_ns: nanos(Duration::from_secs(24 * 3600)),
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

    fn reverse_window(&self) -> Duration {
        Duration::from_nanos(self.reverse_window_ns)
    }
}

/// The state that transactions act on.
#[derive(Clone, Debug)]
pub struct Ledger {
    policy: Policy,
    parties: Table<Party>,
    /// Used by each party as an actor.
    sequences: Table<SequenceWindow>,
    /// About each party's records as a patient.
    decisions: Table<u64>,
    records: Table<Record>,
    consents: Table<Consent>,
    accesses: Table<Access>,
    delegations: Table<Delegation>,
    wraps: Table<Wrap>,
    trials: Trials,
    packs: Packs,
    sessions: Sessions,
    claims: Claims,
    /// Derived: parties by key.
    party_keys: Index,
    /// Derived: records by commitment.
    commitments: Index,
    /// Derived: each patient's consents and directives.
    consent_chains: Chains,
    /// Derived: all directives, and each patient's rows of them.
    directives: Table<ConsentId>,
    directive_chains: Chains,
    /// Derived: the delegations over each patient.
    delegation_chains: Chains,
    /// Derived: each record's wraps.
    wrap_chains: Chains,
    /// Why actions were answered as they were, if anybody wants to know; no part of the state.
    accounts: Option<Vec<Option<Account>>>,
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
    /// Refused accesses are not counted.
    ForgetRefusals,
    /// A trial's data are captured after they were locked.
    IgnoreLock,
    /// A trial's subjects are enrolled although they have not consented to its present version.
    IgnoreStaleConsent,
    /// A pack that was dispensed is dispensed again.
    DispenseAgain,
    /// Packs of recalled and expired lots are dispensed.
    IgnoreRecall,
    /// Vitals of devices that nobody attested count.
    IgnoreAttestation,
    /// Vitals may be left out.
    IgnoreGaps,
    /// A prescription is dispensed as often as somebody asks.
    DispenseBeyond,
    /// The same service is paid as often as it is claimed.
    PayAgain,
    /// Whoever signs acts for whomever they name.
    IgnoreKey,
    /// Withdrawn consents permit for a while after they were withdrawn.
    AcceptStaleConsent,
    /// Consents are not known for a while after they were given.
    LateGrants,
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
    /// The outcome of the first action of [`execute`](Self::execute).
    pub fn apply(
        &mut self,
        commit_time: Timestamp,
        transaction: &Transaction,
        signature_valid: bool,
    ) -> Outcome {
        self.execute(commit_time, transaction, signature_valid)[0].outcome
    }

    /// Executes the next transaction of the order. `signature_valid` is the verdict on [`Transaction::check`].
    pub fn execute(
        &mut self,
        commit_time: Timestamp,
        transaction: &Transaction,
        signature_valid: bool,
    ) -> Answers {
        let (now, actions) = (commit_time, &transaction.body.actions);
        let answers = match self.admit(now, transaction, signature_valid) {
            Err(refusal) => vec![Answer::refused(refusal); actions.len()],
            Ok(actor) if transaction.body.atomic => self.act_atomically(now, &actor, actions),
            Ok(actor) => actions.iter().map(|action| self.act_if_allowed(now, &actor, action)).collect(),
        };
        List::new(answers).expect("as many as actions")
    }

    /// All actions, or none: what is done is done on a clone, which takes this ledger's place once nothing is refused.
    fn act_atomically(&mut self, now: Timestamp, actor: &Actor, actions: &[Action]) -> Vec<Answer> {
        if let [action] = actions {
            return vec![self.act_if_allowed(now, actor, action)];
        }
        let mut trial = self.clone();
        let mut answers = Vec::with_capacity(actions.len());
        for action in actions {
            let answer = trial.act_if_allowed(now, actor, action);
            answers.push(answer);
            if answer.refusal().is_some() {
                self.roll_back(&mut answers);
                self.accounts = trial.accounts.take();
                self.keep_alert(&answer, &trial);
                answers.resize(actions.len(), Answer::refused(Refusal::RolledBack));
                return answers;
            }
        }
        *self = trial;
        answers
    }

    /// What is left of the actions up to the one refused, the last of `answers`: decisions about access are counted as
    /// they were on the clone, in the same order and so with the same numbers.
    fn roll_back(&mut self, answers: &mut [Answer]) {
        for decision in answers.iter().filter_map(|answer| answer.decision) {
            let counter = self.count_decision(decision.patient);
            debug_assert_eq!(counter, Some(decision.counter), "counted as on the clone");
        }
        if let Some((_refused, before)) = answers.split_last_mut() {
            before.iter_mut().for_each(|answer| answer.outcome = Outcome::Refused(Refusal::RolledBack));
        }
    }

    /// The checks common to all actions. Uses up the sequence.
    fn admit(
        &mut self,
        now: Timestamp,
        transaction: &Transaction,
        signature_valid: bool,
    ) -> Result<Actor, Refusal> {
        let TransactionBody { actor, organisation, sequence, valid_until, ref actions, .. } =
            transaction.body;
        let party = self.party(actor).ok_or(Refusal::UnknownActor)?;
        let own_key = party.key == transaction.key || self.has_bug(LedgerBug::IgnoreKey);
        if !signature_valid || !own_key {
            return Err(Refusal::BadSignature);
        }
        if !party.credential.is_in_force(now) {
            return Err(Refusal::CredentialRevoked);
        }
        if now >= valid_until {
            return Err(Refusal::TransactionExpired);
        }
        if !self.has_bug(LedgerBug::ForgetSequence) {
            let last = actions.last_sequence(sequence).ok_or(Refusal::StaleSequence)?;
            // Look before the write: a refused replay must not cost a copied path.
            let fresh = self.sequences.get(actor.0).is_some_and(|window| window.is_fresh(sequence, last));
            let taken =
                fresh && self.sequences.get_mut(actor.0).is_some_and(|window| window.take(sequence, last));
            taken.then_some(()).ok_or(Refusal::StaleSequence)?;
        }
        self.actor(now, actor, organisation).ok_or(Refusal::RoleNotAllowed)
    }

    fn act_if_allowed(&mut self, now: Timestamp, actor: &Actor, action: &Action) -> Answer {
        let before = self.accounts_len();
        let answer = match is_allowed(actor, action) {
            true => self.act(now, actor, action),
            false => Answer::refused(Refusal::RoleNotAllowed),
        };
        self.acted(before);
        answer
    }

    fn act(&mut self, now: Timestamp, actor: &Actor, action: &Action) -> Answer {
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
            Action::Trial(action) => self.act_trial(now, actor, action),
            Action::Supply(action) => self.act_supply(now, actor, action),
            Action::Telemedicine(action) => self.act_telemedicine(now, actor, action),
            Action::Claim(action) => self.act_claim(now, actor, action),
        }
    }

    /// Binds the policy and every table. Hashes what changed since the last call.
    pub fn state_root(&self) -> Digest {
        proof::state_root(&self.policy, &self.table_roots())
    }

    /// In the order in which the state root binds them; [`proof`] knows their places.
    fn table_roots(&self) -> [Digest; proof::TABLES] {
        [
            self.parties.root("parties"),
            self.sequences.root("sequences"),
            self.decisions.root("decisions"),
            self.records.root("records"),
            self.consents.root("consents"),
            self.accesses.root("accesses"),
            self.delegations.root("delegations"),
            self.wraps.root("wraps"),
            self.trials.root(),
            self.packs.root(),
            self.sessions.root(),
            self.claims.root(),
        ]
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
    pub fn activity(&self, id: PartyId) -> Option<Activity> {
        Some(Activity { sequences: *self.sequences.get(id.0)?, accesses: *self.decisions.get(id.0)? })
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

    /// Clinical trials.
    pub fn trials(&self) -> &Trials {
        &self.trials
    }

    /// Packs of medicines.
    pub fn packs(&self) -> &Packs {
        &self.packs
    }

    /// Telemedicine.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Insurance.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// All decisions that permitted, by [`AccessId`].
    pub fn accesses(&self) -> &Table<Access> {
        &self.accesses
    }

    /// An estimate of what this ledger owns alone: table nodes, values, key wraps and indexes that no clone shares.
    /// What a clone shares counts for neither, so a ledger that was just cloned owns nothing. Walks what it counts.
    pub fn memory_bytes(&self) -> usize {
        self.parties.memory_bytes(|_| 0)
            + self.sequences.memory_bytes(|_| 0)
            + self.decisions.memory_bytes(|_| 0)
            + self.records.memory_bytes(|record| record.patient_wrap.len())
            + self.consents.memory_bytes(|_| 0)
            + self.accesses.memory_bytes(|_| 0)
            + self.party_keys.memory_bytes()
            + self.commitments.memory_bytes()
            + self.delegations.memory_bytes(|_| 0)
            + self.wraps.memory_bytes(|wrap| wrap.wrap.len())
            + self.consent_chains.memory_bytes()
            + self.directives.memory_bytes(|_| 0)
            + self.directive_chains.memory_bytes()
            + self.delegation_chains.memory_bytes()
            + self.wrap_chains.memory_bytes()
            + self.trials.memory_bytes()
            + self.packs.memory_bytes()
            + self.sessions.memory_bytes()
            + self.claims.memory_bytes()
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
            + self.trials.rows_bytes()
            + self.packs.rows_bytes()
            + self.sessions.rows_bytes()
            + self.claims.rows_bytes()
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
        Action::Trial(action) => Ledger::may_trial(actor, action),
        Action::Supply(action) => Ledger::may_supply(actor, action),
        Action::Telemedicine(action) => Ledger::may_telemedicine(actor, action),
        Action::Claim(action) => Ledger::may_claim(actor, action),
    }
}
