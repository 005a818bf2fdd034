//! Who takes part: institutions and their gateways, staff, patients, and what is on the ledger before the run.
//!
//! Parties are numbered institutions first, so that party `i` is the institution of gateway `i`; then a regulator, an
//! auditor, the staff of institution 0, of 1 and so on, then the patients, then the devices. Genesis record `r` is patient
//! `r / records_per_patient`'s, genesis consent `c` is patient `c`'s.
//!
//! Invariants:
//! * everything is a function of plan and seed, whatever the number of threads that builds it;
//! * secrets are derived again whenever they are asked for: only what is public is kept, and that in the genesis
//!   ledger, which all replicas share.
//!
//! Each patient has a home, a hospital whose gateway is the patient's agent: it signs with the patient's key and keeps
//! one wrap key pair for all the patients it is agent for ([`Population::wrap_public`]).

mod build;
mod imported;
mod trade;

pub(crate) use trade::PRODUCTS_PER_MANUFACTURER;

use crate::document::fhir::Names;
use crate::document::inspect::{Defect, inspect};
use crate::document::{self, Documents, Subject};
use crate::plan::{InstitutionKind, Plan, WorkloadPlan};
use crate::seed::{Seed, Stream};
use bytes::Bytes;
use ledger_core::crypto::{SecretKey, SignaturesMade};
use ledger_core::gateway::Actor;
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{ConsentId, PartyId, Purpose, RecordClass, RecordId, Role, Scope};
use ledger_core::seal::{VaultSecret, WrapKeyPair};
use ledger_core::seam::GatewayId;

/// What genesis records carry on the ledger in place of a key wrapped to the patient, which the patient's agent has:
/// see [`Population::imported_key`]. Records that are registered in the run have real wraps there from the start.
pub const GENESIS_WRAP: [u8; 16] = *b"imported: no key";

/// Largest document of genesis, so that hashing all of them takes a second, not minutes. It leaves out visit bundles,
/// summaries and images: those come with the run.
pub const GENESIS_DOCUMENT_BYTES_MAX: u64 = 16_000;

/// All kinds, each at the place of its number.
const KINDS: [InstitutionKind; 10] = [
    InstitutionKind::Hospital,
    InstitutionKind::Pharmacy,
    InstitutionKind::Laboratory,
    InstitutionKind::Insurer,
    InstitutionKind::Manufacturer,
    InstitutionKind::Wholesaler,
    InstitutionKind::Sponsor,
    InstitutionKind::EthicsBoard,
    InstitutionKind::ResearchInstitute,
    InstitutionKind::ModelOwner,
];

/// What every patient permits at genesis: treatment in hospitals.
pub const GENESIS_PURPOSE: Purpose = Purpose::TREAT;

/// Everybody, and the first state of the ledger.
#[derive(Debug)]
pub struct Population {
    seed: Seed,
    documents: Documents,
    kinds: Vec<InstitutionKind>,
    /// By kind, in the order of [`KINDS`].
    by_kind: [Vec<PartyId>; KINDS.len()],
    staff_per_institution: u64,
    patients: u64,
    devices: u64,
    records_per_patient: u64,
    /// Whether there is a trade in medicines.
    trades: bool,
    ledger: Ledger,
    /// Where its keys note what they sign.
    made: Option<SignaturesMade>,
    /// By gateway.
    custody: Vec<Vec<(RecordId, document::Locator)>>,
}

/// What a workload knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordInfo {
    /// Whose.
    pub patient: PartyId,
    /// Who keeps the document.
    pub custodian: PartyId,
    /// Kind.
    pub class: RecordClass,
    /// Where, and how large: see [`document::size_of`].
    pub locator: document::Locator,
}

impl Population {
    /// Derives all keys and documents on `threads` threads, and builds the genesis ledger.
    ///
    /// # Panics
    /// If parties or records are more than 2^32.
    pub fn new(plan: &Plan, seed: &Seed, threads: usize) -> Self {
        let kinds: Vec<_> = plan.population.institutions.iter().map(|one| one.kind).collect();
        let population = Self {
            seed: seed.clone(),
            documents: plan.documents,
            by_kind: KINDS.map(|kind| parties_where(&kinds, |found| found == kind)),
            custody: vec![Vec::new(); kinds.len()],
            kinds,
            staff_per_institution: plan.population.staff_per_institution,
            patients: plan.population.patients,
            devices: plan.population.devices,
            records_per_patient: plan.population.records_per_patient,
            trades: plan.workloads.iter().any(|one| matches!(one, WorkloadPlan::DrugSupply { .. })),
            ledger: Ledger::genesis(plan.ledger.policy.policy()).build(),
            made: None,
        };
        build::with_ledger(population, threads.max(1))
    }

    /// The first state. Clones share it.
    pub fn genesis_ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// How many institutions, and so gateways.
    pub fn institutions(&self) -> usize {
        self.kinds.len()
    }

    /// What an institution is; `None` if it is none.
    pub fn kind(&self, institution: PartyId) -> Option<InstitutionKind> {
        self.kinds.get(institution.index()).copied()
    }

    /// All institutions of a kind, in order.
    pub fn institutions_of(&self, kind: InstitutionKind) -> &[PartyId] {
        &self.by_kind[kind as usize]
    }

    /// The institution of a gateway.
    pub fn organisation(&self, gateway: GatewayId) -> PartyId {
        PartyId(gateway.0)
    }

    /// The gateway of an institution; `None` if it is none.
    pub fn gateway(&self, institution: PartyId) -> Option<GatewayId> {
        (institution.index() < self.kinds.len()).then_some(GatewayId(institution.0))
    }

    /// Registers and revokes parties.
    pub fn regulator(&self) -> PartyId {
        PartyId(self.kinds.len() as u32)
    }

    /// Fetches proofs.
    pub fn auditor(&self) -> PartyId {
        PartyId(self.kinds.len() as u32 + 1)
    }

    /// How many patients.
    pub fn patients(&self) -> u64 {
        self.patients
    }

    /// A patient by index.
    pub fn patient(&self, index: u64) -> PartyId {
        PartyId((self.first_patient() + index) as u32)
    }

    /// The reverse of [`patient`](Self::patient).
    pub fn patient_index(&self, party: PartyId) -> Option<u64> {
        u64::from(party.0).checked_sub(self.first_patient()).filter(|index| *index < self.patients)
    }

    /// The hospital whose gateway is a patient's agent. Without hospitals, some other institution.
    pub fn home_of(&self, patient: u64) -> PartyId {
        self.home_from(&mut self.stream_of(patient))
    }

    /// The `n`-th member of staff, modulo their number, acting for the institution.
    pub fn staff(&self, institution: PartyId, n: u64) -> Actor {
        let each = self.staff_per_institution;
        let party = self.first_staff() + u64::from(institution.0) * each + n % each;
        self.actor(PartyId(party as u32), institution)
    }

    /// The reverse of [`staff`](Self::staff): institution and number; `None` if a party is no staff.
    pub fn staff_number(&self, party: PartyId) -> Option<(PartyId, u64)> {
        let index = u64::from(party.0).checked_sub(self.first_staff())?;
        let each = self.staff_per_institution;
        (party.0 < self.first_patient() as u32).then(|| (PartyId((index / each) as u32), index % each))
    }

    /// How many staff each institution has.
    pub fn staff_per_institution(&self) -> u64 {
        self.staff_per_institution
    }

    /// A patient, acting for themself.
    pub fn patient_actor(&self, index: u64) -> Actor {
        let party = self.patient(index);
        self.actor(party, party)
    }

    /// How many devices.
    pub fn devices(&self) -> u64 {
        self.devices
    }

    /// A device by index.
    pub fn device(&self, index: u64) -> PartyId {
        PartyId((self.first_patient() + self.patients + index) as u32)
    }

    /// The hospital that a device belongs to: they go round. `None` without hospitals.
    pub fn hospital_of_device(&self, index: u64) -> Option<PartyId> {
        let hospitals = self.institutions_of(InstitutionKind::Hospital);
        let row = index.checked_rem(hospitals.len() as u64)?;
        Some(hospitals[row as usize])
    }

    /// A device, acting for its hospital; for itself without one.
    pub fn device_actor(&self, index: u64) -> Actor {
        let party = self.device(index);
        self.actor(party, self.hospital_of_device(index).unwrap_or(party))
    }

    /// The regulator, acting for itself.
    pub fn regulator_actor(&self) -> Actor {
        self.actor(self.regulator(), self.regulator())
    }

    /// The auditor, acting for itself.
    pub fn auditor_actor(&self) -> Actor {
        self.actor(self.auditor(), self.auditor())
    }

    /// The same population, whose keys note what they sign.
    pub fn noting(self, made: &SignaturesMade) -> Self {
        Self { made: Some(made.clone()), ..self }
    }

    /// Signing key of a party.
    pub fn key_of(&self, party: PartyId) -> SecretKey {
        let key = SecretKey::from_seed(self.key_seed_of(party));
        match &self.made {
            Some(made) => key.noted(made),
            None => key,
        }
    }

    /// What it is made of.
    pub fn key_seed_of(&self, party: PartyId) -> [u8; 32] {
        self.seed.bytes32(&format!("population/party/{}/key", party.0))
    }

    /// The secret from which a gateway derives its keys.
    pub fn gateway_secret(&self, gateway: GatewayId) -> [u8; 32] {
        self.seed.gateway_secret(gateway.0)
    }

    /// The same, as the secret of its vault.
    pub fn vault_secret(&self, gateway: GatewayId) -> VaultSecret {
        VaultSecret::new(self.gateway_secret(gateway))
    }

    /// The secret of the gateway that takes its place, if it is lost.
    pub fn new_gateway_secret(&self, gateway: GatewayId) -> [u8; 32] {
        self.seed.bytes32(&format!("population/gateway/{}/secret/new", gateway.0))
    }

    /// What data keys for a party are wrapped to: its own key; for staff their institution's, for a patient the agent's
    /// that is kept apart from its home's own. Zero for a party that there is not.
    pub fn wrap_public(&self, party: PartyId) -> [u8; 32] {
        self.ledger.party(party).map_or([0; 32], |party| party.wrap_key)
    }

    /// With which the agent of a home's patients unwraps.
    pub fn agent_pair(&self, home: PartyId) -> WrapKeyPair {
        WrapKeyPair::from_seed(self.seed.bytes32(&format!("population/agent/{}/wrap", home.0)))
    }

    /// How many records there are at genesis.
    pub fn records(&self) -> u64 {
        self.patients * self.records_per_patient
    }

    /// A record of genesis.
    pub fn record(&self, id: RecordId) -> Option<RecordInfo> {
        let record = self.ledger.record(id)?;
        let (patient, custodian) = (record.patient, record.custodian);
        Some(RecordInfo { patient, custodian, class: record.class, locator: record.locator })
    }

    /// What a gateway has in custody at genesis.
    pub fn custody(&self, gateway: GatewayId) -> impl Iterator<Item = (RecordId, document::Locator)> {
        self.custody.get(gateway.0 as usize).into_iter().flatten().copied()
    }

    /// What a patient permits at genesis: hospitals may read all classes up to N for treatment.
    pub fn genesis_consent(&self, patient: u64) -> ConsentId {
        ConsentId(patient as u32)
    }

    /// What everything derives from.
    pub(crate) fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The same consent, spelled out.
    pub fn genesis_scope(&self) -> Scope {
        build::genesis_scope()
    }

    /// What documents say.
    pub fn documents(&self) -> Documents {
        self.documents
    }

    /// Makes a document: where it is found again, and its bytes.
    pub fn compose(&self, subject: &Subject) -> (document::Locator, Bytes) {
        self.documents.compose(&self.seed, subject)
    }

    /// Exact size of a document, bytes.
    pub fn size_of(&self, locator: document::Locator) -> u64 {
        document::size_of(&self.seed, locator)
    }

    /// What a reader checks of a document that has arrived, beside its hash.
    ///
    /// # Errors
    /// Why it is not what was asked for. Of sized documents nothing is asked.
    pub fn inspect(&self, record: &RecordInfo, document: &[u8]) -> Result<(), Defect> {
        match self.documents {
            Documents::Sized => Ok(()),
            Documents::Fhir => {
                let patient = Names(&self.seed).patient(record.custodian, record.patient);
                inspect(document, record.class, patient)
            }
        }
    }

    /// Who keeps a new document of a patient with this home: a laboratory its reports; of the rest the home three
    /// quarters, and any hospital one quarter.
    pub fn custodian(&self, class: RecordClass, home: PartyId, stream: &mut Stream) -> PartyId {
        let reports = class == RecordClass::DiagnosticReport;
        if let Some(laboratory) =
            pick(self.institutions_of(InstitutionKind::Laboratory), stream).filter(|_| reports)
        {
            return laboratory;
        }
        let elsewhere = stream.chance(1, 4);
        let hospitals = self.institutions_of(InstitutionKind::Hospital);
        pick(hospitals, stream).filter(|_| elsewhere).unwrap_or(home)
    }

    fn actor(&self, party: PartyId, organisation: PartyId) -> Actor {
        Actor { party, organisation, key: self.key_of(party) }
    }

    fn first_staff(&self) -> u64 {
        self.kinds.len() as u64 + 2
    }

    fn first_patient(&self) -> u64 {
        self.first_staff() + self.kinds.len() as u64 * self.staff_per_institution
    }

    /// Decides a patient's home first, then the records.
    fn stream_of(&self, patient: u64) -> Stream {
        self.seed.stream(&format!("population/patient/{patient}"))
    }

    fn home_from(&self, stream: &mut Stream) -> PartyId {
        let hospitals = self.institutions_of(InstitutionKind::Hospital);
        pick(hospitals, stream).unwrap_or_else(|| PartyId(stream.below(self.kinds.len() as u64) as u32))
    }
}

/// The roles of an institution and of its staff.
fn roles(kind: InstitutionKind) -> (Role, Role) {
    match kind {
        InstitutionKind::Hospital => (Role::Hospital, Role::Clinician),
        InstitutionKind::Pharmacy => (Role::Pharmacy, Role::Pharmacist),
        InstitutionKind::Laboratory => (Role::Laboratory, Role::Technician),
        InstitutionKind::Insurer => (Role::Insurer, Role::Clerk),
        InstitutionKind::Manufacturer => (Role::Manufacturer, Role::Officer),
        InstitutionKind::Wholesaler => (Role::Wholesaler, Role::Officer),
        InstitutionKind::Sponsor => (Role::Sponsor, Role::Officer),
        InstitutionKind::EthicsBoard => (Role::EthicsBoard, Role::Officer),
        InstitutionKind::ResearchInstitute => (Role::ResearchInstitute, Role::Researcher),
        InstitutionKind::ModelOwner => (Role::ModelOwner, Role::Officer),
    }
}

fn parties_where(kinds: &[InstitutionKind], is: impl Fn(InstitutionKind) -> bool) -> Vec<PartyId> {
    (0..kinds.len()).filter(|index| is(kinds[*index])).map(|index| PartyId(index as u32)).collect()
}

/// One of them, drawn; always one draw unless there is none.
pub(crate) fn pick<T: Copy>(items: &[T], stream: &mut Stream) -> Option<T> {
    if items.is_empty() {
        return None;
    }
    Some(items[stream.below(items.len() as u64) as usize])
}

#[cfg(test)]
pub(crate) mod tests;
