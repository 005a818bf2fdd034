//! Builds the genesis ledger: what costs time (a key 17 µs, a document 6 µs) on many threads, in chunks of patients;
//! what has an order on one.

use super::{GENESIS_DOCUMENT_BYTES_MAX, GENESIS_PURPOSE, GENESIS_WRAP, Population, roles, trade};
use crate::document::{self, Subject};
use bytes::Bytes;
use ledger_core::codec::{Blob, List};
use ledger_core::crypto::{Digest, PublicKey};
use ledger_core::ledger::transaction::{
    Confidentiality, Grantee, Label, PartyId, RecordClass, Role, Scope, Sensitivities,
};
use ledger_core::ledger::{Credential, Genesis, Ledger, Party, Record};
use ledger_core::seal::{self, VaultSecret, WrapKeyPair};
use ledger_core::seam::GatewayId;
use ledger_core::time::Timestamp;

/// What a thread works out for a patient.
struct Draft {
    key: PublicKey,
    home: PartyId,
    records: Vec<(PartyId, RecordClass, document::Locator, Digest)>,
}

pub(super) fn with_ledger(mut population: Population, threads: usize) -> Population {
    let parties = population.first_patient().saturating_add(population.patients);
    let parties = parties.saturating_add(population.devices);
    assert!(parties < 1 << 32, "{parties} parties are more than the ledger can number");
    let records = population.patients.saturating_mul(population.records_per_patient);
    assert!(records < 1 << 32, "{records} records are more than the ledger can number");

    let mut genesis = Ledger::genesis(*population.ledger.policy());
    let vaults: Vec<VaultSecret> = institutions(&population)
        .map(|institution| population.vault_secret(GatewayId(institution.0)))
        .collect();
    let agents: Vec<[u8; 32]> =
        institutions(&population).map(|institution| population.agent_pair(institution).public()).collect();
    add_organisations(&population, &vaults, &mut genesis);

    let drafts = draft_all(&population, &vaults, threads);
    for draft in &drafts {
        let wrap_key = agents[draft.home.index()];
        genesis.party(party(draft.key, wrap_key, Role::Patient, None));
    }
    add_devices(&population, &vaults, &mut genesis);
    add_records(&mut population, drafts, &mut genesis);
    let scope = genesis_scope();
    for patient in 0..population.patients {
        genesis.consent(population.patient(patient), false, &scope).expect("a known purpose and a class");
    }
    if population.trades {
        trade::add_to(&mut genesis, &population);
    }
    Population { ledger: genesis.build(), ..population }
}

fn institutions(population: &Population) -> impl Iterator<Item = PartyId> {
    (0..population.institutions()).map(|institution| PartyId(institution as u32))
}

fn party(key: PublicKey, wrap_key: [u8; 32], role: Role, organisation: Option<PartyId>) -> Party {
    Party { key, wrap_key, role, organisation, credential: Credential::ALWAYS }
}

fn add_organisations(population: &Population, vaults: &[VaultSecret], genesis: &mut Genesis) {
    let key = |party: PartyId| population.key_of(party).public();
    let wrap_keys: Vec<[u8; 32]> = vaults.iter().map(|vault| WrapKeyPair::of(vault).public()).collect();
    for institution in institutions(population) {
        let (role, _) = roles(population.kinds[institution.index()]);
        genesis.party(party(key(institution), wrap_keys[institution.index()], role, None));
    }
    for (id, role) in [(population.regulator(), Role::Regulator), (population.auditor(), Role::Auditor)] {
        let seed = population.seed.bytes32(&format!("population/party/{}/wrap", id.0));
        genesis.party(party(key(id), WrapKeyPair::from_seed(seed).public(), role, None));
    }
    let mut next = population.first_staff();
    for institution in institutions(population) {
        let (_, role) = roles(population.kinds[institution.index()]);
        for _ in 0..population.staff_per_institution {
            let id = PartyId(next as u32);
            genesis.party(party(key(id), wrap_keys[institution.index()], role, Some(institution)));
            next += 1;
        }
    }
}

/// A device has no wrap key of its own: what it measures is its hospital's.
fn add_devices(population: &Population, vaults: &[VaultSecret], genesis: &mut Genesis) {
    for index in 0..population.devices {
        let hospital = population.hospital_of_device(index);
        let vault = hospital.and_then(|hospital| vaults.get(hospital.index()));
        let wrap_key = vault.map_or([0; 32], |vault| WrapKeyPair::of(vault).public());
        let key = population.key_of(population.device(index)).public();
        genesis.party(party(key, wrap_key, Role::Device, hospital));
    }
}

/// Drafts of all patients, in order.
fn draft_all(population: &Population, vaults: &[VaultSecret], threads: usize) -> Vec<Draft> {
    let chunk = population.patients.div_ceil(threads as u64).max(1);
    let draft_chunk = |first: u64| -> Vec<Draft> {
        let last = first.saturating_add(chunk).min(population.patients);
        (first..last).map(|patient| draft(population, vaults, patient)).collect()
    };
    std::thread::scope(|scope| {
        let starts = (0..threads as u64).map(|thread| thread.saturating_mul(chunk));
        let workers: Vec<_> = starts
            .filter(|first| *first < population.patients)
            .map(|first| scope.spawn(move || draft_chunk(first)))
            .collect();
        let mut drafts = Vec::with_capacity(population.patients as usize);
        for worker in workers {
            drafts.extend(worker.join().expect("drafting a patient does not fail"));
        }
        drafts
    })
}

fn draft(population: &Population, vaults: &[VaultSecret], patient: u64) -> Draft {
    let mut stream = population.stream_of(patient);
    let home = population.home_from(&mut stream);
    let first = patient * population.records_per_patient;
    let record = |unique| {
        let (class, size) = document::draw_from(&mut stream, GENESIS_DOCUMENT_BYTES_MAX);
        let custodian = population.custodian(class, home, &mut stream);
        let subject =
            Subject { class, size_bytes: size, patient: population.patient(patient), custodian, unique };
        let (locator, document) = population.compose(&subject);
        let (_, salt) = seal::derive(&vaults[custodian.index()], &locator);
        (custodian, class, locator, seal::commitment(&salt, &document))
    };
    let records = (first..first + population.records_per_patient).map(record).collect();
    Draft { key: population.key_of(population.patient(patient)).public(), home, records }
}

fn add_records(population: &mut Population, drafts: Vec<Draft>, genesis: &mut Genesis) {
    let wrap = Blob::<128>::new(Bytes::from_static(&GENESIS_WRAP)).expect("shorter than a wrap");
    let label = Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) };
    for (patient, draft) in (0..).zip(drafts) {
        for (custodian, class, locator, commitment) in draft.records {
            let id = genesis.record(Record {
                patient: population.patient(patient),
                custodian,
                commitment,
                class,
                label,
                size_bucket: document::size_bucket(population.size_of(locator)),
                locator,
                patient_wrap: wrap.clone(),
                registered_at: Timestamp::ZERO,
                epoch: 0,
                shredded_at: None,
            });
            population.custody[custodian.index()].push((id, locator));
        }
    }
}

pub(super) fn genesis_scope() -> Scope {
    let classes = RecordClass::ALL.to_vec();
    Scope {
        grantee: Grantee::Everyone(Role::Hospital),
        classes: List::new(classes).expect("six are at most sixteen"),
        confidentiality_max: Confidentiality::N,
        sensitivities: Sensitivities(0),
        purposes: List::new(vec![GENESIS_PURPOSE]).expect("one is at most sixteen"),
        from: Timestamp::ZERO,
        until: Timestamp::MAX,
        redisclosure: false,
    }
}
