//! Insurance: coverage, eligibility and claims.
//!
//! [`Claims`] is the state; what is derived in it from its tables is in neither root nor snapshot.
//!
//! Invariants: a service at an encounter is claimed once, whoever is to pay; a claim is decided once, by the insurer that
//! it names; a patient has at most one coverage of each insurer.

use super::index::{Index, IndexKey};
use super::snapshot::RestoreError;
use super::transaction::{
    Answer, ClaimAction, ClaimId, ClaimOutcome, CoverageId, Encounter, Outcome, PartyId, RecordClass,
    Refusal, Role,
};
use super::{Actor, Ledger, LedgerBug, Table};
use crate::codec;
use crate::crypto::{Digest, Domain};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    coverages: Table<Coverage>,
    claims: Table<Claim>,
    /// Derived: coverages by patient and insurer.
    coverage_rows: Index,
    /// Derived: claims by encounter and service.
    claim_rows: Index,
}

/// What an insurer covers of a patient: its last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Coverage {
    /// Whom.
    pub patient: PartyId,
    /// Who.
    pub insurer: PartyId,
    /// Commitment to the policy.
    pub policy: Digest,
    /// Encounters from and until (exclusive).
    pub period: (Timestamp, Timestamp),
}

impl Coverage {
    fn covers(&self, at: Timestamp) -> bool {
        self.period.0 <= at && at < self.period.1
    }
}

/// What a provider asks an insurer to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Claim {
    /// For whom.
    pub patient: PartyId,
    /// Who is to pay.
    pub insurer: PartyId,
    /// Who is to be paid.
    pub provider: PartyId,
    /// Where.
    pub encounter: Encounter,
    /// Code of the group of services.
    pub service: u32,
    /// How much.
    pub amount: u64,
    /// Commit time.
    pub submitted_at: Timestamp,
    /// What the insurer decided.
    pub decision: Option<Adjudication>,
}

/// An insurer's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Adjudication {
    /// How much is paid.
    pub approved: u64,
    /// Commitment to the reason.
    pub reason: Digest,
    /// Who decided.
    pub by: PartyId,
    /// Commit time.
    pub at: Timestamp,
}

fn key_of_coverage(patient: PartyId, insurer: PartyId) -> IndexKey {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&patient.0.to_le_bytes());
    key[4..8].copy_from_slice(&insurer.0.to_le_bytes());
    IndexKey::of(&key)
}

fn key_of(encounter: &Encounter, service: u32) -> IndexKey {
    IndexKey::of(&Digest::sha256(&[&codec::encode(encounter), &service.to_le_bytes()]).0)
}

impl Claims {
    /// A claim.
    pub fn claim(&self, id: ClaimId) -> Option<&Claim> {
        self.claims.get(id.0)
    }

    /// All claims, by [`ClaimId`].
    pub fn claims(&self) -> &Table<Claim> {
        &self.claims
    }

    /// What an insurer covers of a patient.
    pub fn coverage_by(&self, patient: PartyId, insurer: PartyId) -> Option<(CoverageId, &Coverage)> {
        let candidates = self.coverage_rows.candidates(key_of_coverage(patient, insurer));
        let mut rows = candidates.filter_map(|row| Some((CoverageId(row), self.coverages.get(row)?)));
        rows.find(|(_, coverage)| coverage.patient == patient && coverage.insurer == insurer)
    }

    fn claim_for(&self, encounter: &Encounter, service: u32) -> Option<ClaimId> {
        let mut candidates = self.claim_rows.candidates(key_of(encounter, service));
        let same = |claim: &Claim| claim.encounter == *encounter && claim.service == service;
        candidates.find(|row| self.claims.get(*row).is_some_and(same)).map(ClaimId)
    }

    fn push_coverage(&mut self, coverage: Coverage) -> CoverageId {
        let row = self.coverages.push(coverage).expect("2^32 coverages outlast memory");
        self.coverage_rows.insert(key_of_coverage(coverage.patient, coverage.insurer), row);
        CoverageId(row)
    }

    fn push_claim(&mut self, claim: Claim) -> ClaimId {
        let row = self.claims.push(claim).expect("2^32 claims outlast memory");
        self.claim_rows.insert(key_of(&claim.encounter, claim.service), row);
        ClaimId(row)
    }

    /// Binds every table.
    pub(super) fn root(&self) -> Digest {
        let roots = [self.coverages.root("coverages"), self.claims.root("claims")];
        Digest::sha256(&[Domain::State.tag(), &codec::encode(&roots)])
    }

    /// What no clone shares: see [`Ledger::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        self.coverages.memory_bytes(|_| 0)
            + self.claims.memory_bytes(|_| 0)
            + self.coverage_rows.memory_bytes()
            + self.claim_rows.memory_bytes()
    }

    /// All rows: see [`Ledger::rows_bytes`].
    pub(super) fn rows_bytes(&self) -> usize {
        const INDEX_ENTRY: usize = 32;
        self.coverages.len() * (size_of::<Coverage>() + INDEX_ENTRY)
            + self.claims.len() * (size_of::<Claim>() + INDEX_ENTRY)
    }

    /// Whether what a peer sent could be a state, where there are so many parties. Encounters are in other tables, which
    /// [`Ledger::check_claims`] has.
    pub(super) fn check(&self, parties: usize) -> Result<(), RestoreError> {
        let party = |id: PartyId| id.index() < parties;
        let impossible = |table, index| Err(RestoreError::Impossible { table, index });
        let covers = |(row, coverage): (u32, &Coverage)| {
            let own = self.coverage_by(coverage.patient, coverage.insurer);
            party(coverage.patient) && party(coverage.insurer) && own.is_some_and(|(id, _)| id.0 == row)
        };
        if let Some(index) = (0..).zip(self.coverages.iter()).position(|row| !covers(row)) {
            return impossible("coverages", index);
        }
        let claimed = |(row, claim): (u32, &Claim)| {
            let parties = [claim.patient, claim.insurer, claim.provider].into_iter().all(party);
            let once = self.claim_for(&claim.encounter, claim.service) == Some(ClaimId(row));
            let decided = |decision: Adjudication| party(decision.by) && decision.approved <= claim.amount;
            parties && once && claim.decision.is_none_or(decided)
        };
        match (0..).zip(self.claims.iter()).position(|row| !claimed(row)) {
            Some(index) => impossible("claims", index),
            None => Ok(()),
        }
    }
}

impl BorshSerialize for Claims {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.coverages.serialize(writer)?;
        self.claims.serialize(writer)
    }
}

impl BorshDeserialize for Claims {
    /// Derives what is looked up.
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let (coverages, claims) =
            (Table::<Coverage>::deserialize_reader(reader)?, Table::<Claim>::deserialize_reader(reader)?);
        let mut state = Self::default();
        for coverage in coverages.iter() {
            state.push_coverage(*coverage);
        }
        for claim in claims.iter() {
            state.push_claim(*claim);
        }
        Ok(state)
    }
}

/// What an action of this family came to.
type Done = Result<ClaimOutcome, Refusal>;

impl Ledger {
    /// Whether the roles may do this at all.
    pub(super) fn may_claim(actor: &Actor, action: &ClaimAction) -> bool {
        match action {
            ClaimAction::RegisterCoverage { .. } | ClaimAction::Adjudicate { .. } => {
                actor.organisation_role == Role::Insurer && actor.role.acts_for_institution()
            }
            ClaimAction::CheckEligibility { .. } | ClaimAction::SubmitClaim { .. } => {
                actor.organisation_role.keeps_records() && actor.role.acts_for_institution()
            }
        }
    }

    /// Does it.
    pub(super) fn act_claim(&mut self, now: Timestamp, actor: &Actor, action: &ClaimAction) -> Answer {
        let done = match *action {
            ClaimAction::RegisterCoverage { patient, policy, period } => {
                let insurer = actor.organisation;
                self.register_coverage(now, Coverage { patient, insurer, policy, period })
            }
            ClaimAction::CheckEligibility { patient, insurer } => {
                self.check_eligibility(now, patient, insurer)
            }
            ClaimAction::SubmitClaim { patient, insurer, encounter, service, amount } => {
                self.submit_claim(Claim {
                    patient,
                    insurer,
                    provider: actor.organisation,
                    encounter,
                    service,
                    amount,
                    submitted_at: now,
                    decision: None,
                })
            }
            ClaimAction::Adjudicate { claim, approved, reason } => {
                let decision = Adjudication { approved, reason, by: actor.id, at: now };
                self.adjudicate(actor, claim, decision)
            }
        };
        done.map(Outcome::Claim).into()
    }

    /// Refusals, in order: `UnknownParty` (no such patient); `ExpiryInPast` (it ends before now or its beginning).
    fn register_coverage(&mut self, now: Timestamp, coverage: Coverage) -> Done {
        let Coverage { patient, insurer, period, .. } = coverage;
        if self.party(patient).is_none_or(|party| party.role != Role::Patient) {
            return Err(Refusal::UnknownParty);
        }
        if period.1 <= now.max(period.0) {
            return Err(Refusal::ExpiryInPast);
        }
        if let Some((id, _)) = self.claims.coverage_by(patient, insurer) {
            if let Some(place) = self.claims.coverages.get_mut(id.0) {
                *place = coverage;
            }
            return Ok(ClaimOutcome::CoverageRegistered(id));
        }
        Ok(ClaimOutcome::CoverageRegistered(self.claims.push_coverage(coverage)))
    }

    /// Refusals: `NotCovered`.
    fn check_eligibility(&self, now: Timestamp, patient: PartyId, insurer: PartyId) -> Done {
        let covered = self.claims.coverage_by(patient, insurer).filter(|(_, coverage)| coverage.covers(now));
        covered.map(|(id, _)| ClaimOutcome::Eligible(id)).ok_or(Refusal::NotCovered)
    }

    /// Refusals, in order: `ClaimWithoutEncounter` (no closed session or registered encounter of this patient with this
    /// provider); `DuplicateClaim`; `NotCovered` (when the encounter was).
    fn submit_claim(&mut self, claim: Claim) -> Done {
        let at = self.encountered(&claim).ok_or(Refusal::ClaimWithoutEncounter)?;
        let claimed = self.claims.claim_for(&claim.encounter, claim.service).is_some();
        if claimed && !self.has_bug(LedgerBug::PayAgain) {
            return Err(Refusal::DuplicateClaim);
        }
        let coverage = self.claims.coverage_by(claim.patient, claim.insurer);
        if !coverage.is_some_and(|(_, coverage)| coverage.covers(at)) {
            return Err(Refusal::NotCovered);
        }
        Ok(ClaimOutcome::ClaimSubmitted(self.claims.push_claim(claim)))
    }

    /// When patient and provider of a claim met where it says.
    fn encountered(&self, claim: &Claim) -> Option<Timestamp> {
        let (patient, provider, at) = match claim.encounter {
            Encounter::Session(id) => {
                let session = self.closed_session(id)?;
                (session.patient, session.hospital, session.opened_at)
            }
            Encounter::Record(id) => {
                let record = self.record(id).filter(|record| record.class == RecordClass::Encounter)?;
                (record.patient, record.custodian, record.registered_at)
            }
        };
        (patient == claim.patient && provider == claim.provider).then_some(at)
    }

    /// Refusals, in order: `UnknownClaim`; `NotClaimedInsurer` (it names another); `AlreadyAdjudicated`;
    /// `AmountExceeded` (more than was claimed).
    fn adjudicate(&mut self, actor: &Actor, id: ClaimId, decision: Adjudication) -> Done {
        let claim = *self.claims.claim(id).ok_or(Refusal::UnknownClaim)?;
        if claim.insurer != actor.organisation {
            return Err(Refusal::NotClaimedInsurer);
        }
        if claim.decision.is_some() {
            return Err(Refusal::AlreadyAdjudicated);
        }
        if decision.approved > claim.amount {
            return Err(Refusal::AmountExceeded);
        }
        if let Some(place) = self.claims.claims.get_mut(id.0) {
            place.decision = Some(decision);
        }
        Ok(ClaimOutcome::Adjudicated(id))
    }

    /// Whether every claim of a restored state is for an encounter that there is.
    pub(super) fn check_claims(&self) -> Result<(), RestoreError> {
        match self.claims.claims.iter().position(|claim| self.encountered(claim).is_none()) {
            Some(index) => Err(RestoreError::Impossible { table: "claims", index }),
            None => Ok(()),
        }
    }
}
