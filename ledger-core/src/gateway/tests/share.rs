use super::*;
use crate::codec::Blob;

#[test]
fn a_document_is_shared() {
    let mut world = World::with_consent();
    let begun = world.now;
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));

    let Completion { receipt_at, key_at, transferred_at, transaction, log_index, .. } =
        *world.completions.last().unwrap();
    assert!(begun < receipt_at.unwrap() && receipt_at < key_at && key_at <= transferred_at);
    assert_eq!(log_index, Some(2));
    assert_eq!(transaction, Some(world.entries[2].transaction));
    let [(to, asked_at)] = world.released()[..] else { panic!("one key is released") };
    assert_eq!(to, GatewayId(READER as u32));
    assert!(receipt_at.unwrap() < asked_at && asked_at < key_at.unwrap());
    let opened = world.observations.iter().find_map(|(n, observation)| match observation {
        Observation::DocumentOpened { record, bytes, .. } => Some((*n, *record, *bytes)),
        _ => None,
    });
    assert_eq!(opened, Some((READER, RecordId(0), document().len() as u64)));
    assert!(world.misbehaved().is_empty());
}

#[test]
fn the_same_story_has_the_same_words() {
    let play = || {
        let mut world = World::with_consent();
        world.habits[1] = Habit::Silent;
        world.ask(READER, CLINICIANS[READER], share());
        (format!("{:?}", world.sent), world.now)
    };
    assert_eq!(play(), play());
}

#[test]
fn the_record_says_what_is_kept_where() {
    let world = World::with_consent();
    let record = world.ledger.record(RecordId(0)).unwrap();
    assert_eq!(1 << record.size_bucket, document().len().next_power_of_two());
    assert_eq!(world.vaults[CUSTODIAN][&record.locator], document());
    // The patient can unwrap key and salt, and check the commitment.
    let chain = world.committee.chain();
    let info = [
        &crate::crypto::Domain::Commitment.tag()[..],
        &chain.0.0,
        &crate::codec::encode(&(record.locator, record.commitment)),
    ]
    .concat();
    let unwrapped =
        crate::seal::unwrap(&WrapKeyPair::from_seed([99; 32]), &info, &record.patient_wrap).unwrap();
    let (_, salt) = crate::seal::unpack(&unwrapped).unwrap();
    assert_eq!(crate::seal::commitment(&salt, &document()), record.commitment);
}

#[test]
fn nobody_reads_without_consent() {
    let mut world = World::with_consent();
    let end = world.ask(STRANGER, CLINICIANS[STRANGER], share());
    assert_eq!(end, End::Refused(Refusal::NoConsent));
    assert!(world.completions.last().unwrap().log_index.is_some(), "a refusal is proven");
    assert!(world.released().is_empty());
}

#[test]
fn the_glass_is_broken_and_reviewed() {
    let mut world = World::with_consent();
    let window = Duration::from_secs(60);
    let kind = CommandKind::BreakGlass { record: RecordId(0), reason: Digest([1; 32]), window };
    assert!(permitted(world.ask(STRANGER, CLINICIANS[STRANGER], kind)));
    assert_eq!(world.opened(), 1);
    let review = CommandKind::Review { access: AccessId(0), justified: true };
    let end = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], review);
    assert_eq!(end, End::Done(Outcome::Reviewed(AccessId(0))));
}

#[test]
fn the_own_document_comes_from_the_own_vault() {
    let mut world = World::with_consent();
    let grant = CommandKind::Grant { patient: PATIENT, scope: scope(CUSTODIAN) };
    world.ask(CUSTODIAN, PATIENT, grant);
    assert!(permitted(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], share())));
    assert_eq!((world.opened(), world.released().len()), (1, 0));
    assert!(world.exchanges(CUSTODIAN).is_empty());

    world.vaults[CUSTODIAN].insert(LOCATOR, Bytes::from_static(b"rotten"));
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], share()), End::Corrupt);
    world.vaults[CUSTODIAN].clear();
    let end = world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], share());
    assert_eq!(end, End::KeyRefused(KeyRefusal::NoDocument));
}

fn changed<const N: usize>(blob: &Blob<N>) -> Blob<N> {
    let mut bytes = blob.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    Blob::new(bytes).unwrap()
}

#[test]
fn what_is_changed_on_the_way_is_noticed() {
    for key in [true, false] {
        let mut world = World::with_consent();
        world.tamper = Some(Box::new(move |_, _, _, message| {
            match message {
                Message::Exchange(Exchange::KeyRelease { wrap, .. }) if key => *wrap = changed(wrap),
                Message::Exchange(Exchange::Document { sealed, .. }) if !key => *sealed = changed(sealed),
                _ => {}
            }
            true
        }));
        assert_eq!(world.ask(READER, CLINICIANS[READER], share()), End::Corrupt);
        assert_eq!(world.opened(), 0);
    }
}

#[test]
fn what_is_lost_is_asked_for_again() {
    let lost: [fn(&Message) -> bool; 3] = [
        |message| matches!(message, Message::Exchange(Exchange::KeyRequest { .. })),
        |message| matches!(message, Message::Exchange(Exchange::KeyRelease { .. })),
        |message| matches!(message, Message::Request(Request::PermitStatus { .. })),
    ];
    for is_lost in lost {
        let mut world = World::with_consent();
        let mut done = 0;
        world.tamper = Some(Box::new(move |_, _, _, message| {
            done += u32::from(is_lost(message));
            !(is_lost(message) && done <= 2)
        }));
        assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
        assert_eq!(world.opened(), 1);
    }
}

#[test]
fn a_lost_document_is_asked_for_after_longer() {
    let mut world = World::with_consent();
    world.gateways[READER].config.tuning.transfer_timeout = Duration::from_secs(3);
    let mut lost = false;
    world.tamper = Some(Box::new(move |_, _, _, message| {
        let loses = matches!(message, Message::Exchange(Exchange::Document { .. })) && !lost;
        lost |= loses;
        !loses
    }));
    let begun = world.now;
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    let Completion { key_at, transferred_at, .. } = *world.completions.last().unwrap();
    assert!(key_at.unwrap().since(begun) < Duration::from_secs(1));
    assert!(transferred_at.unwrap().since(begun) > Duration::from_secs(3));
}

#[test]
fn only_the_custodian_is_heard() {
    let mut world = World::with_consent();
    world.tamper = Some(Box::new(|world, from, to, message| {
        if let (READER, Message::Exchange(Exchange::KeyRequest { operation, .. })) = (from, &*message) {
            assert_eq!(to, Peer::Gateway(GatewayId(CUSTODIAN as u32)));
            let (operation, reason) = (*operation, KeyRefusal::NoDocument);
            let lie = Message::Exchange(Exchange::KeyRefused { operation, reason });
            world.deliver(READER, Peer::Gateway(GatewayId(STRANGER as u32)), &lie);
        }
        true
    }));
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
}
