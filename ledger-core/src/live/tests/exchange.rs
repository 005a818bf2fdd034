//! Two hospitals, four replicas, a ledger.

use super::*;
use crate::codec::List;
use crate::gateway::{
    Actor, Command, CommandKind, Directory, End, Gateway, GatewayConfig, GatewayTuning, Institution,
};
use crate::ledger::transaction::{
    Confidentiality, ConsentId, Grantee, Label, Outcome, PartyId, Purpose, RecordClass, RecordId, Role,
    Scope, Sensitivities,
};
use crate::ledger::{Credential, Party, Policy};
use crate::seal::WrapKeyPair;
use crate::seam::GatewayId;
use crate::time::Timestamp;

pub const HOSPITALS: [PartyId; 2] = [PartyId(0), PartyId(1)];
pub const CLINICIANS: [PartyId; 2] = [PartyId(2), PartyId(3)];
pub const PATIENT: PartyId = PartyId(4);

pub fn key_of(party: PartyId) -> SecretKey {
    SecretKey::from_seed([party.0 as u8 + 100; 32])
}

pub fn transport_key(gateway: u32) -> SecretKey {
    Gateway::transport_key(secret(gateway))
}

fn secret(gateway: u32) -> [u8; 32] {
    [gateway as u8 + 1; 32]
}

/// A consortium with a ledger, in which the two gateways may connect.
pub fn hospitals() -> Consortium {
    let mut consortium = Consortium::new(4);
    let mut genesis = Ledger::genesis(Policy::default());
    let mut party = |id: PartyId, role, organisation| {
        let credential = Credential { from: Timestamp::ZERO, until: Timestamp::MAX, revoked_at: None };
        let party = Party { key: key_of(id).public(), wrap_key: [0; 32], role, organisation, credential };
        assert_eq!(genesis.party(party), id);
    };
    HOSPITALS.iter().for_each(|id| party(*id, Role::Hospital, None));
    CLINICIANS.iter().zip(HOSPITALS).for_each(|(id, of)| party(*id, Role::Clinician, Some(of)));
    party(PATIENT, Role::Patient, None);
    consortium.ledger = Some(genesis.build());
    let gateways: Vec<Peer> = (0..2).map(|id| Peer::Gateway(GatewayId(id))).collect();
    consortium.addresses.extend(free_addresses(&gateways));
    for id in 0..2 {
        let key = transport_key(id).public();
        consortium.registry.insert(key, Peer::Gateway(GatewayId(id)), None);
    }
    consortium
}

fn start_gateways_of(consortium: &Consortium) -> GatewaysHandle {
    let institution =
        |id: u32| Institution { gateway: GatewayId(id), wrap_key: Gateway::wrap_key(secret(id)) };
    let directory = Directory::new((0..2).map(|id| (HOSPITALS[id as usize], institution(id)))).unwrap();
    let directory = Arc::new(directory);
    let gateways = (0..2u32)
        .map(|id| GatewayMember {
            config: GatewayConfig {
                id: GatewayId(id),
                organisation: HOSPITALS[id as usize],
                committee: consortium.committee.clone(),
                home: ReplicaId(id as u16),
                directory: directory.clone(),
                secret: secret(id),
                tuning: GatewayTuning::default(),
            },
            listen: consortium.addresses[&Peer::Gateway(GatewayId(id))],
            preload: Vec::new(),
            vault: Arc::new(MemoryVault::default()),
        })
        .collect();
    start_gateways(GatewaysOptions {
        gateways,
        committee: consortium.committee.clone(),
        peers: Arc::new(consortium.addresses.clone()),
        registry: Arc::new(consortium.registry.clone()),
        workers: 1,
        genesis_at: consortium.genesis_at,
        observer: None,
        quic: QuicTuning::default(),
    })
    .unwrap()
}

fn ask(gateways: &GatewaysHandle, gateway: u32, party: PartyId, kind: CommandKind) -> End {
    let clinician = CLINICIANS.iter().position(|clinician| *clinician == party);
    let organisation = clinician.map_or(party, |number| HOSPITALS[number]);
    let actor = Actor { party, organisation, key: key_of(party) };
    let deadline = gateways.clock().now() + Duration::from_secs(60);
    let command = Command { operation: 1, actor, deadline, kind };
    gateways.command(GatewayId(gateway), command).unwrap();
    let (_, by, completion) = gateways.completions().recv_timeout(PATIENCE).unwrap();
    assert_eq!(by, GatewayId(gateway));
    completion.end
}

#[test]
fn a_record_is_registered_here_and_shared_there() {
    let consortium = hospitals();
    let replicas = consortium.start_all();
    let gateways = start_gateways_of(&consortium);
    let registered = ask(
        &gateways,
        0,
        CLINICIANS[0],
        CommandKind::Register {
            patient: PATIENT,
            patient_wrap_key: WrapKeyPair::from_seed([99; 32]).public(),
            class: RecordClass::DiagnosticReport,
            label: Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) },
            locator: [7; 16],
            document: Bytes::from("{\"resourceType\":\"DiagnosticReport\"}".repeat(4_000)),
        },
    );
    assert_eq!(registered, End::Done(Outcome::RecordRegistered(RecordId(0))));
    let scope = Scope {
        grantee: Grantee::Party(HOSPITALS[1]),
        classes: List::new(vec![RecordClass::DiagnosticReport]).unwrap(),
        confidentiality_max: Confidentiality::R,
        sensitivities: Sensitivities(0),
        purposes: List::new(vec![Purpose::TREAT]).unwrap(),
        from: Timestamp::ZERO,
        until: Timestamp::MAX,
        redisclosure: false,
    };
    let granted = ask(&gateways, 0, PATIENT, CommandKind::Grant { patient: PATIENT, scope });
    assert_eq!(granted, End::Done(Outcome::ConsentRegistered(ConsentId(0))));
    let share = CommandKind::Share { record: RecordId(0), purpose: Purpose::TREAT, consent: None };
    let shared = ask(&gateways, 1, CLINICIANS[1], share);
    assert!(matches!(shared, End::Done(Outcome::Permitted { .. })), "{shared:?}");
    let audited = ask(&gateways, 1, CLINICIANS[1], CommandKind::Audit { index: 2 });
    assert_eq!(audited, End::Answered);
    gateways.shutdown().unwrap();
    for replica in replicas {
        replica.handle.shutdown().unwrap();
    }
}
