//! A record's key after its registration: given to a grantee, changed, given up.

use super::*;
use crate::crypto::Domain;
use crate::seal;

const AGENT: [u8; 32] = [99; 32];
const NEW: [u8; 16] = [8; 16];

fn agent() -> WrapKeyPair {
    WrapKeyPair::from_seed(AGENT)
}

fn held(world: &World) -> Held {
    let completions = world.completions.iter().rev();
    let mut held = completions.filter_map(|completion| completion.held.as_deref().cloned());
    held.next().expect("a registration or rotation tells it")
}

fn rewrap(world: &World, pair: WrapKeyPair) -> CommandKind {
    let recipient = Gateway::wrap_key(secret(READER));
    CommandKind::Rewrap {
        record: RecordId(0),
        grantee: HOSPITALS[READER],
        recipient,
        pair,
        held: held(world),
    }
}

fn rotate(locator: [u8; 16]) -> CommandKind {
    CommandKind::Rotate { record: RecordId(0), patient_wrap_key: agent().public(), locator }
}

fn rotated(epoch: u32) -> End {
    End::Done(Outcome::KeyRotated { record: RecordId(0), epoch })
}

/// A sealed document under the record's present key, as it would travel.
fn sealed(world: &World, locator: [u8; 16]) -> (Digest, Vec<u8>) {
    let (key, salt) = seal::derive(&VaultSecret::new(secret(CUSTODIAN)), &locator);
    let commitment = seal::commitment(&salt, &document());
    assert_eq!(world.ledger.record(RecordId(0)).unwrap().commitment, commitment);
    (commitment, seal::seal(&key, &commitment, &document()))
}

#[test]
fn a_grantee_reads_with_the_wrap_that_the_agent_made() {
    let mut world = World::with_consent();
    let command = rewrap(&world, agent());
    assert_eq!(world.ask(CUSTODIAN, PATIENT, command), End::Done(Outcome::KeyRewrapped(RecordId(0))));
    let wrap = world.ledger.wrap_for(RecordId(0), HOSPITALS[READER]).unwrap().wrap.clone();
    let (commitment, sealed) = sealed(&world, LOCATOR);
    let chain = world.committee.chain();
    let open = |who: usize, record, commitment: &Digest| {
        let pair = WrapKeyPair::of(&VaultSecret::new(secret(who)));
        open_grantee_wrap(&pair, chain, (record, commitment), &wrap)
    };
    let (key, salt) = open(READER, RecordId(0), &commitment).unwrap();
    assert_eq!(seal::open(&key, &commitment, &sealed).unwrap(), document());
    assert_eq!(seal::commitment(&salt, &document()), commitment);
    // Nobody else's key opens it, and it is no wrap of another record or version.
    assert!(open(STRANGER, RecordId(0), &commitment).is_none());
    assert!(open(CUSTODIAN, RecordId(0), &commitment).is_none());
    assert!(open(READER, RecordId(1), &commitment).is_none());
    assert!(open(READER, RecordId(0), &Digest([1; 32])).is_none());
}

#[test]
fn who_is_not_the_agent_wraps_nothing() {
    let mut world = World::with_consent();
    let command = rewrap(&world, WrapKeyPair::from_seed([98; 32]));
    assert_eq!(world.ask(CUSTODIAN, PATIENT, command), End::Rejected);
    let command = rewrap(&world, agent());
    assert_eq!(world.ask(READER, CLINICIANS[READER], command), End::Refused(Refusal::RoleNotAllowed));
    // A low-order point is no wrap key.
    let bad = match rewrap(&world, agent()) {
        CommandKind::Rewrap { record, grantee, pair, held, .. } => {
            CommandKind::Rewrap { record, grantee, recipient: [0; 32], pair, held }
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(world.ask(CUSTODIAN, PATIENT, bad), End::Rejected);
    assert!(world.ledger.wrap_for(RecordId(0), HOSPITALS[READER]).is_none());
    world.ask(CUSTODIAN, PATIENT, CommandKind::Revoke { consent: ConsentId(0) });
    let command = rewrap(&world, agent());
    assert_eq!(world.ask(CUSTODIAN, PATIENT, command), End::Refused(Refusal::WrapForRevokedGrantee));
}

#[test]
fn a_custodian_follows_its_rotation() {
    let mut world = World::with_consent();
    let command = rewrap(&world, agent());
    world.ask(CUSTODIAN, PATIENT, command);
    let before = held(&world);
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], rotate(NEW)), rotated(1));
    let after = held(&world);
    assert_eq!((after.locator, after.commitment), (NEW, sealed(&world, NEW).0));
    assert_ne!(after.commitment, before.commitment);
    assert!(after.open(&agent(), world.committee.chain()).is_some());
    assert!(
        world.ledger.wrap_for(RecordId(0), HOSPITALS[READER]).is_none(),
        "wraps of the key before are void"
    );
    // It is shared as before, from its new place, and the old version is gone once its time is over.
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    assert_eq!(world.vaults[CUSTODIAN].keys().copied().collect::<Vec<_>>(), [NEW]);
    // The agent wraps the new key; the wrap of the old one opens nothing of it.
    let command = rewrap(&world, agent());
    assert_eq!(world.ask(CUSTODIAN, PATIENT, command), End::Done(Outcome::KeyRewrapped(RecordId(0))));
    let wrap = world.ledger.wrap_for(RecordId(0), HOSPITALS[READER]).unwrap().wrap.clone();
    let pair = WrapKeyPair::of(&VaultSecret::new(secret(READER)));
    let chain = world.committee.chain();
    assert!(open_grantee_wrap(&pair, chain, (RecordId(0), &before.commitment), &wrap).is_none());
    assert!(open_grantee_wrap(&pair, chain, (RecordId(0), &after.commitment), &wrap).is_some());
}

/// A permit that was given for the version before is served for a while, though the record has another key.
#[test]
fn who_was_permitted_before_a_rotation_still_reads() {
    let mut world = World::with_consent();
    world.tamper = Some(Box::new(|world, _, _, message| {
        if matches!(message, Message::Exchange(Exchange::KeyRequest { .. })) && world.entries.len() == 3 {
            let kind = rotate(NEW);
            world.command(CUSTODIAN, CLINICIANS[CUSTODIAN], kind);
            return false;
        }
        true
    }));
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    let epoch = world.ledger.record(RecordId(0)).unwrap().epoch;
    assert_eq!((epoch, world.released().len(), world.opened()), (1, 1, 1));
    // Played to the end, only the new version is left.
    assert_eq!(world.vaults[CUSTODIAN].keys().copied().collect::<Vec<_>>(), [NEW]);
}

#[test]
fn only_what_is_in_custody_is_rotated() {
    let mut world = World::with_consent();
    let elsewhere = world.ask(READER, CLINICIANS[READER], rotate(NEW));
    assert_eq!(elsewhere, End::KeyRefused(KeyRefusal::NoDocument));
    assert!(world.vaults[READER].is_empty());
    world.vaults[CUSTODIAN].clear();
    let lost = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], rotate(NEW));
    assert_eq!(lost, End::KeyRefused(KeyRefusal::NoDocument));
    assert_eq!(world.ledger.record(RecordId(0)).unwrap().epoch, 0);
}

#[test]
fn a_refused_rotation_leaves_no_second_version() {
    let mut world = World::with_consent();
    assert_eq!(world.ask(CUSTODIAN, PATIENT, rotate(NEW)), End::Refused(Refusal::RoleNotAllowed));
    assert_eq!(world.vaults[CUSTODIAN].keys().copied().collect::<Vec<_>>(), [LOCATOR]);
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
}

#[test]
fn what_is_erased_is_gone_for_everybody() {
    let mut world = World::with_consent();
    let command = rewrap(&world, agent());
    world.ask(CUSTODIAN, PATIENT, command);
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    let receipt = world.prove(3);
    world.observations.clear();
    let shred = CommandKind::Shred { record: RecordId(0) };
    let erased = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], shred.clone());
    assert_eq!(erased, End::Done(Outcome::KeyShredded(RecordId(0))));
    assert!(world.vaults[CUSTODIAN].is_empty());
    let record = world.ledger.record(RecordId(0)).unwrap();
    assert!(record.patient_wrap.is_empty() && record.shredded_at.is_some());
    assert!(world.ledger.wrap_for(RecordId(0), HOSPITALS[READER]).is_none());
    // No share, no rotation, no wrap, and no key under the permit of before.
    assert_eq!(world.ask(READER, CLINICIANS[READER], share()), End::Refused(Refusal::KeyShredded));
    let rotation = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], rotate(NEW));
    assert_eq!(rotation, End::KeyRefused(KeyRefusal::NoDocument));
    let command = rewrap(&world, agent());
    assert_eq!(world.ask(CUSTODIAN, PATIENT, command), End::Refused(Refusal::KeyShredded));
    let message = Message::Exchange(Exchange::KeyRequest { operation: 1 << 40, receipt, action: 0 });
    world.deliver(CUSTODIAN, Peer::Gateway(GatewayId(READER as u32)), &message);
    world.run();
    assert!(world.released().is_empty());
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], shred), End::Refused(Refusal::KeyShredded));
}

/// The patient erases without the custodian's knowing; the custodian's own erasure is refused after that, and the document goes
/// all the same.
#[test]
fn what_the_patient_erased_the_custodian_removes() {
    let mut world = World::with_consent();
    let shred = CommandKind::Shred { record: RecordId(0) };
    let erased = world.ask(READER, PATIENT, shred.clone());
    assert_eq!(erased, End::Done(Outcome::KeyShredded(RecordId(0))));
    assert_eq!(world.vaults[CUSTODIAN].len(), 1, "nobody told the custodian");
    let again = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], shred.clone());
    assert_eq!(again, End::Refused(Refusal::KeyShredded));
    assert!(world.vaults[CUSTODIAN].is_empty());
    // Who is refused for another reason removes nothing.
    let mut world = World::with_consent();
    assert!(matches!(world.ask(CUSTODIAN, CLINICIANS[READER], shred), End::Refused(_) | End::Rejected));
    assert_eq!(world.vaults[CUSTODIAN].len(), 1);
}

#[test]
fn another_hospital_erases_nothing_here() {
    let mut world = World::with_consent();
    let shred = CommandKind::Shred { record: RecordId(0) };
    assert_eq!(world.ask(READER, CLINICIANS[READER], shred), End::Refused(Refusal::NotCustodian));
    assert_eq!(world.vaults[CUSTODIAN].len(), 1);
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
}

/// What is left of an erased record says nothing to who does not have the salt: not even whether it is this document.
#[test]
fn a_commitment_without_its_salt_is_unlinkable() {
    let world = World::with_consent();
    let record = world.ledger.record(RecordId(0)).unwrap();
    let plain = [
        seal::document_hash(&document()),
        Digest::blake3(Domain::Commitment, &[&document()]),
        seal::commitment(&[0; 32], &document()),
        seal::commitment(&seal::derive(&VaultSecret::new(secret(READER)), &LOCATOR).1, &document()),
    ];
    assert!(plain.iter().all(|guess| *guess != record.commitment));
}

#[test]
fn authority_is_delegated() {
    let mut world = World::with_consent();
    let Scope { classes, confidentiality_max, sensitivities, purposes, .. } = scope(READER);
    let delegate = |delegate| CommandKind::Delegate {
        patient: PATIENT,
        delegate,
        scope: DelegatedScope {
            classes: classes.clone(),
            confidentiality_max,
            sensitivities,
            purposes: purposes.clone(),
        },
        until: at(500),
        evidence: Digest([1; 32]),
        minor_until: None,
    };
    let end = world.ask(CUSTODIAN, PATIENT, delegate(PATIENT));
    assert_eq!(end, End::Refused(Refusal::DelegationCycle));
    let end = world.ask(READER, CLINICIANS[READER], delegate(PATIENT));
    assert_eq!(end, End::Refused(Refusal::RoleNotAllowed));
}

/// Who has a gateway's secret and a clinician's key reads what the clinician may, and each time the patient's counter
/// shows it; once the credential is revoked, neither a new request nor a permit of before opens anything.
#[test]
fn stolen_keys_serve_until_the_credential_is_revoked() {
    for revoked in [CLINICIANS[READER], HOSPITALS[READER]] {
        let mut world = World::with_consent();
        assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
        assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
        assert_eq!(world.ledger.activity(PATIENT).unwrap().accesses, 2);
        assert_eq!((world.released().len(), world.opened()), (2, 2));
        let receipt = world.prove(3);
        world.revoke_credential(revoked);
        world.observations.clear();
        let refused =
            if revoked == HOSPITALS[READER] { Refusal::RoleNotAllowed } else { Refusal::CredentialRevoked };
        assert_eq!(world.ask(READER, CLINICIANS[READER], share()), End::Refused(refused));
        let message = Message::Exchange(Exchange::KeyRequest { operation: 1 << 40, receipt, action: 0 });
        world.deliver(CUSTODIAN, Peer::Gateway(GatewayId(READER as u32)), &message);
        world.run();
        assert_eq!((world.released().len(), world.opened()), (0, 0));
    }
}
