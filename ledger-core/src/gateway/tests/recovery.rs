//! A custodian loses its vault and its secret, and gets back what others read.

use super::*;

const NEW: [u8; 16] = [8; 16];
const NEW_SECRET: [u8; 32] = [77; 32];

fn agent() -> WrapKeyPair {
    WrapKeyPair::from_seed([99; 32])
}

/// A world whose reader has read the record, and keeps copies of so many bytes; then the custodian's gateway, its vault and
/// its secret are gone, and another takes its place.
fn struck(copies_bytes_max: usize) -> World {
    let mut world = World::with_consent();
    for gateway in &mut world.gateways {
        gateway.config.tuning.copies_bytes_max = copies_bytes_max;
    }
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    let grant = CommandKind::Grant { patient: PATIENT, scope: scope(CUSTODIAN) };
    assert!(matches!(world.ask(CUSTODIAN, PATIENT, grant), End::Done(_)));
    world.vaults[CUSTODIAN].clear();
    let mut config = world.gateways[CUSTODIAN].config.clone();
    config.secret = NEW_SECRET;
    world.gateways[CUSTODIAN] = Gateway::new(config);
    let institution = |n: usize| {
        let secret = if n == CUSTODIAN { NEW_SECRET } else { secret(n) };
        Institution { gateway: GatewayId(n as u32), wrap_key: Gateway::wrap_key(secret) }
    };
    let directory = Arc::new(Directory::new((0..3).map(|n| (HOSPITALS[n], institution(n)))).unwrap());
    for gateway in &mut world.gateways {
        gateway.set_directory(directory.clone());
    }
    world
}

/// The agent wraps the key to the hospital's new wrap key.
fn rewrapped(world: &mut World) -> Blob<128> {
    let held = world.completions.iter().find_map(|completion| completion.held.as_deref().cloned()).unwrap();
    let kind = CommandKind::Rewrap {
        record: RecordId(0),
        grantee: HOSPITALS[CUSTODIAN],
        recipient: Gateway::wrap_key(NEW_SECRET),
        pair: agent(),
        held,
    };
    // The patient's agent is elsewhere.
    assert_eq!(world.ask(STRANGER, PATIENT, kind), End::Done(Outcome::KeyRewrapped(RecordId(0))));
    let wrap = world.completions.last().unwrap().wrap.clone().unwrap();
    assert_eq!(world.ledger.wrap_for(RecordId(0), HOSPITALS[CUSTODIAN]).unwrap().wrap, wrap);
    wrap
}

fn recover(world: &World, wrap: Blob<128>, holder: usize) -> CommandKind {
    CommandKind::Recover {
        record: RecordId(0),
        commitment: world.ledger.record(RecordId(0)).unwrap().commitment,
        wrap,
        lost: LOCATOR,
        holder: HOSPITALS[holder],
        patient_wrap_key: agent().public(),
        locator: NEW,
    }
}

#[test]
fn a_record_comes_back_from_a_reader_and_the_patient() {
    let mut world = struck(1 << 20);
    let refused = End::KeyRefused(KeyRefusal::NoDocument);
    assert_eq!(world.ask(READER, CLINICIANS[READER], share()), refused, "it is lost");
    let wrap = rewrapped(&mut world);
    let command = recover(&world, wrap, READER);
    let back = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], command);
    assert_eq!(back, End::Done(Outcome::KeyRotated { record: RecordId(0), epoch: 1 }));
    assert_eq!(world.vaults[CUSTODIAN].get(&NEW), Some(&document()));
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())), "it is shared as before");
    // What was stolen with the vault opens nothing of the new version.
    let stolen = VaultSecret::new(secret(CUSTODIAN));
    let (_, salt) = crate::seal::derive(&stolen, &NEW);
    let commitment = world.ledger.record(RecordId(0)).unwrap().commitment;
    assert_ne!(crate::seal::commitment(&salt, &document()), commitment);
    assert!(world.misbehaved().is_empty());
}

#[test]
fn a_copy_is_given_to_the_custodian_alone() {
    let mut world = struck(1 << 20);
    let wrap = rewrapped(&mut world);
    let command = recover(&world, wrap, READER);
    let ended = world.ask(STRANGER, CLINICIANS[STRANGER], command);
    assert_eq!(ended, End::KeyRefused(KeyRefusal::NotYours));
}

#[test]
fn what_nobody_kept_stays_lost() {
    for (bytes_max, holder) in [(0, READER), (100, READER), (1 << 20, STRANGER)] {
        let mut world = struck(bytes_max);
        let wrap = rewrapped(&mut world);
        let command = recover(&world, wrap, holder);
        let ended = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], command);
        assert_eq!(ended, End::KeyRefused(KeyRefusal::NoDocument), "{bytes_max}, {holder}");
    }
}

/// A holder that sends something else, or a wrap that is another's: nothing is taken into custody.
#[test]
fn a_copy_is_believed_for_its_commitment_alone() {
    let mut world = struck(1 << 20);
    let wrap = rewrapped(&mut world);
    let command = recover(&world, Blob::new(vec![1; wrap.len()]).unwrap(), READER);
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], command), End::Corrupt);
    world.tamper = Some(Box::new(|_, _, _, message| {
        if let Message::Exchange(Exchange::Document { sealed, .. }) = message {
            let mut bytes = sealed.to_vec();
            bytes[20] ^= 1;
            *sealed = Blob::new(bytes).unwrap();
        }
        true
    }));
    let command = recover(&world, wrap, READER);
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], command), End::Corrupt);
    assert_eq!(world.ledger.record(RecordId(0)).unwrap().epoch, 0);
    assert!(world.vaults[CUSTODIAN].is_empty());
}

/// A request that is lost is repeated; a holder that never answers costs the deadline and no more.
#[test]
fn a_silent_holder_is_asked_again() {
    let mut world = struck(1 << 20);
    let wrap = rewrapped(&mut world);
    let mut lost = 0;
    world.tamper = Some(Box::new(move |_, _, _, message| {
        let loses = matches!(message, Message::Exchange(Exchange::CopyRequest { .. })) && lost < 1;
        lost += u32::from(loses);
        !loses
    }));
    let command = recover(&world, wrap, READER);
    let back = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], command);
    assert_eq!(back, End::Done(Outcome::KeyRotated { record: RecordId(0), epoch: 1 }));
    let mut world = struck(1 << 20);
    let wrap = rewrapped(&mut world);
    world.tamper = Some(Box::new(|_, _, _, message| {
        !matches!(message, Message::Exchange(Exchange::CopyRequest { .. }))
    }));
    let command = recover(&world, wrap, READER);
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], command), End::TimedOut);
}
