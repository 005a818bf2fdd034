use super::*;
use crate::plan::{
    HostPlan, InstitutionPlan, LedgerPlan, NetworkPlan, PopulationPlan, ProtocolName, Transport,
};
use ledger_core::crypto::{ChainId, Digest};
use ledger_core::gateway::Actor;
use ledger_core::seal;
use ledger_core::time::Duration;

/// A plan in which only population, seed and durations mean something.
pub(crate) fn plan(patients: u64, counts: [usize; 4]) -> Plan {
    let kinds = [
        InstitutionKind::Hospital,
        InstitutionKind::Pharmacy,
        InstitutionKind::Laboratory,
        InstitutionKind::Insurer,
    ];
    let institutions = kinds
        .into_iter()
        .zip(counts)
        .flat_map(|(kind, count)| std::iter::repeat_n(InstitutionPlan { kind, region: 0, replica: 0 }, count))
        .collect();
    let host = HostPlan {
        profile: "test".into(),
        cores: 1,
        message_ns: 0,
        datagram_ns: 0,
        handshake_ns: 0,
        verify_ns: 0,
        verify_batched_ns: 0,
        sign_ns: 0,
        hash_ns_per_kib: 0,
        seal_ns_per_kib: 0,
        wrap_ns: 0,
        execute_ns: 0,
        disk_append_ns: 0,
        disk_sync_ns: 0,
        disk_bytes_per_s: 1,
        bandwidth_bits_per_s: 1,
    };
    Plan {
        documents: Documents::Sized,
        name: "test".into(),
        question: String::new(),
        seed: 7,
        warmup: Duration::from_secs(10),
        duration: Duration::from_secs(60),
        drain: Duration::from_secs(5),
        ledger: LedgerPlan {
            protocol: ProtocolName::Mysticeti,
            checkpoint_interval: 1,
            policy: Default::default(),
            execution: true,
            leaders_per_round: 1,
            leader_timeout: Duration::from_secs(1),
            min_round_interval: Duration::from_millis(1),
            gc_depth: 50,
            block_bytes_max: 1 << 20,
            mempool_bytes_max: 1 << 20,
        },
        replicas: vec![crate::plan::ReplicaPlan { region: 0, stake: 1 }; 4],
        replica_host: host.clone(),
        gateway_host: host,
        network: NetworkPlan {
            transport: Transport::Message,
            topology: "test".into(),
            regions: vec!["one".into()],
            delays: vec![],
            loss_ppb: 0,
            transfers: Vec::new(),
        },
        population: PopulationPlan {
            patients,
            institutions,
            staff_per_institution: 3,
            devices: 0,
            records_per_patient: 2,
        },
        workloads: vec![],
        arrivals: crate::plan::Arrivals::Poisson,
        faults: vec![],
        expect: vec![],
    }
}

#[test]
fn any_number_of_threads_builds_the_same() {
    let root = |threads| {
        let population = Population::new(&plan(200, [3, 4, 2, 1]), &Seed::new(7), threads);
        population.genesis_ledger().state_root()
    };
    let expected = root(1);
    for threads in [2, 3, 7, 500] {
        assert_eq!(root(threads), expected, "{threads} threads");
    }
    assert_eq!(expected.to_string(), GOLDEN);
    let other = Population::new(&plan(200, [3, 4, 2, 1]), &Seed::new(8), 1);
    assert_ne!(other.genesis_ledger().state_root(), expected);
}

const GOLDEN: &str = "f44470266487d075206baf0aa715313442caf3f9bbe31b8022d77cbbaa073f88";

#[test]
fn everybody_is_who_the_numbering_says() {
    let population = Population::new(&plan(50, [3, 4, 2, 1]), &Seed::new(7), 2);
    let ledger = population.genesis_ledger();
    assert_eq!(ledger.parties().len(), 10 + 2 + 30 + 50);
    let role = |party| ledger.party(party).unwrap().role;
    for (index, (kind, expected)) in
        [(0, Role::Hospital), (3, Role::Pharmacy), (7, Role::Laboratory), (9, Role::Insurer)]
            .into_iter()
            .enumerate()
    {
        assert_eq!(role(PartyId(kind)), expected, "{index}");
        let gateway = population.gateway(PartyId(kind)).unwrap();
        assert_eq!((gateway, population.organisation(gateway)), (GatewayId(kind), PartyId(kind)));
    }
    assert_eq!((role(population.regulator()), role(population.auditor())), (Role::Regulator, Role::Auditor));
    assert_eq!(population.gateway(population.regulator()), None);
    let check = |actor: Actor, expected| {
        let party = ledger.party(actor.party).unwrap();
        assert_eq!((party.role, party.key), (expected, actor.key.public()));
        assert_eq!(party.organisation.unwrap_or(actor.party), actor.organisation);
    };
    check(population.staff(PartyId(2), 2), Role::Clinician);
    check(population.staff(PartyId(9), 5), Role::Clerk);
    check(population.patient_actor(49), Role::Patient);
    assert_eq!(population.patient_index(population.patient(49)), Some(49));
    assert_eq!(population.patient_index(PartyId(3)), None);
}

#[test]
fn records_are_what_their_custodians_hold() {
    let population = Population::new(&plan(50, [3, 4, 2, 1]), &Seed::new(7), 2);
    let ledger = population.genesis_ledger();
    let gateways = || (0..10).map(GatewayId);
    assert_eq!(gateways().map(|gateway| population.custody(gateway).count()).sum::<usize>(), 100);
    for gateway in gateways() {
        for (id, locator) in population.custody(gateway) {
            let record = ledger.record(id).unwrap();
            assert_eq!(record.custodian, population.organisation(gateway));
            assert!(ledger.party(record.custodian).unwrap().role.keeps_records());
            assert_eq!(population.patient(u64::from(id.0) / 2), record.patient);
            let document = document::content(&Seed::new(7), locator);
            let (_, salt) = seal::derive(&population.vault_secret(gateway), &locator);
            assert_eq!(seal::commitment(&salt, &document), record.commitment);
            assert_eq!(document::class_of(locator), Some(record.class));
            assert!(document.len() <= 1 << record.size_bucket);
        }
    }
}

#[test]
fn agents_hold_the_patients_wrap_keys() {
    let population = Population::new(&plan(20, [3, 0, 0, 0]), &Seed::new(7), 2);
    for index in 0..20 {
        let home = population.home_of(index);
        assert_eq!(population.kind(home), Some(InstitutionKind::Hospital));
        let public = population.wrap_public(population.patient(index));
        assert_eq!(public, population.agent_pair(home).public());
        let wrapped = seal::wrap(&public, b"test", b"secret", [1; 32]).unwrap();
        assert_eq!(&seal::unwrap(&population.agent_pair(home), b"test", &wrapped).unwrap()[..], b"secret");
        assert_ne!(public, population.wrap_public(home));
    }
}

/// A patient's agent opens what it has of each record, and with it the copy at home, on its own chain alone.
#[test]
fn keys_and_copies_of_genesis_are_real() {
    let population = Population::new(&plan(50, [3, 4, 2, 1]), &Seed::new(7), 2);
    let (chain, other) = (ChainId(Digest([1; 32])), ChainId(Digest([2; 32])));
    let mut copies = 0;
    for id in (0..100).map(RecordId) {
        let record = population.genesis_ledger().record(id).unwrap().clone();
        let patient = population.patient_index(record.patient).unwrap();
        let pair = population.agent_pair(population.home_of(patient));
        let held = population.imported_key(chain, id).unwrap();
        assert_eq!((held.locator, held.commitment), (record.locator, record.commitment));
        let (key, salt) = held.open(&pair, chain).unwrap();
        assert!(held.open(&pair, other).is_none());
        let stranger = population.agent_pair(PartyId((population.home_of(patient).0 + 1) % 3));
        assert!(held.open(&stranger, chain).is_none());
        let copy = population.sealed_copy(id).unwrap();
        let document = seal::open(&key, &record.commitment, &copy).unwrap();
        assert_eq!(seal::commitment(&salt, &document), record.commitment);
        let holder = population.copy_holder(id);
        assert_eq!(holder.is_none(), record.custodian == population.home_of(patient));
        copies += u32::from(holder.is_some());
    }
    assert!((10..60).contains(&copies), "{copies} of 100 are kept elsewhere too");
    assert_eq!(population.imported_key(chain, RecordId(100)), None);
    assert_eq!(population.copy_holder(RecordId(100)), None);
}

/// `cargo test --release -p sim -- --ignored --nocapture setup_time`
#[test]
#[ignore = "a measurement"]
fn setup_time() {
    for threads in [1, 2] {
        let before = std::time::Instant::now();
        let mut plan = plan(200_000, [40, 200, 15, 4]);
        plan.population.staff_per_institution = 20;
        let population = Population::new(&plan, &Seed::new(7), threads);
        println!("{threads} threads: {:?} for {} records", before.elapsed(), population.records());
    }
}
