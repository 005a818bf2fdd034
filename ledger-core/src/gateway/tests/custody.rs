use super::*;

/// A key request that did not come about in the usual way, and its answer.
fn request(world: &mut World, from: usize, receipt: Receipt) -> Option<KeyRefusal> {
    let before = world.sent.len();
    let message = Message::Exchange(Exchange::KeyRequest { operation: 1 << 40, receipt });
    world.deliver(CUSTODIAN, Peer::Gateway(GatewayId(from as u32)), &message);
    world.run();
    world.sent[before..].iter().find_map(|(n, to, message)| match message {
        Message::Exchange(Exchange::KeyRefused { reason, .. }) => {
            assert_eq!((*n, *to), (CUSTODIAN, Peer::Gateway(GatewayId(from as u32))));
            Some(*reason)
        }
        _ => None,
    })
}

/// A permit that was used, and its receipt.
fn with_permit() -> (World, Receipt) {
    let mut world = World::with_consent();
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    let receipt = world.prove(2);
    world.observations.clear();
    (world, receipt)
}

#[test]
fn a_permit_serves_its_organisation_only() {
    let (mut world, receipt) = with_permit();
    assert_eq!(request(&mut world, STRANGER, receipt.clone()), Some(KeyRefusal::NotYours));
    assert_eq!(request(&mut world, 9, receipt.clone()), Some(KeyRefusal::NotYours));
    assert!(world.released().is_empty());
    assert_eq!(request(&mut world, READER, receipt), None);
    assert_eq!(world.released().len(), 1);
}

#[test]
fn what_is_no_permit_opens_nothing() {
    let (mut world, receipt) = with_permit();
    let registered = world.prove(0);
    assert_eq!(request(&mut world, READER, registered), Some(KeyRefusal::BadReceipt));
    assert!(world.misbehaved().is_empty());

    let mut forged = receipt.clone();
    forged.entry.actor = CLINICIANS[STRANGER];
    assert_eq!(request(&mut world, STRANGER, forged), Some(KeyRefusal::BadReceipt));
    assert_eq!(world.misbehaved(), [Peer::Gateway(GatewayId(STRANGER as u32))]);

    let mut unsigned = receipt.clone();
    let body = receipt.checkpoint.body;
    let votes = receipt.checkpoint.signatures[..2].to_vec();
    unsigned.checkpoint = Checkpoint::new(body, votes).unwrap();
    assert_eq!(request(&mut world, READER, unsigned), Some(KeyRefusal::BadReceipt));

    // Custody elsewhere.
    let mut elsewhere = receipt;
    if let Outcome::Permitted { custodian, .. } = &mut elsewhere.entry.outcome {
        *custodian = HOSPITALS[STRANGER];
    }
    assert_eq!(request(&mut world, READER, elsewhere), Some(KeyRefusal::NotYours));
    assert!(world.released().is_empty());
}

/// Revokes between the permit's receipt and the custodian's check.
fn revoked_on_the_way() -> World {
    let mut world = World::with_consent();
    world.tamper = Some(Box::new(|world, _, _, message| {
        let asks = matches!(message, Message::Exchange(Exchange::KeyRequest { .. }));
        if asks && world.entries.len() == 3 {
            world.revoke(0);
        }
        true
    }));
    world
}

#[test]
fn a_revocation_stops_the_key() {
    let mut world = revoked_on_the_way();
    let end = world.ask(READER, CLINICIANS[READER], share());
    assert_eq!(end, End::KeyRefused(KeyRefusal::NotInForce));
    assert!(world.released().is_empty());
}

#[test]
fn a_liar_cannot_undo_a_revocation() {
    let mut world = revoked_on_the_way();
    world.habits[2] = Habit::Claims(true);
    world.habits[3] = Habit::Silent;
    let end = world.ask(READER, CLINICIANS[READER], share());
    assert_eq!(end, End::KeyRefused(KeyRefusal::NotInForce));
    assert!(world.released().is_empty());
}

#[test]
fn a_liar_cannot_revoke() {
    let mut world = World::with_consent();
    world.habits[2] = Habit::Claims(false);
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
}

#[test]
fn without_a_quorum_nothing_is_released() {
    let mut world = World::with_consent();
    world.habits[2] = Habit::Silent;
    world.habits[3] = Habit::Claims(false);
    assert_eq!(world.ask(READER, CLINICIANS[READER], share()), End::TimedOut);
    assert!(world.released().is_empty());
}

#[test]
fn replicas_that_are_behind_are_asked_again_soon() {
    let mut world = World::with_consent();
    world.habits = [Habit::Behind(2); 4];
    let begun = world.now;
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    let waited = world.completions.last().unwrap().key_at.unwrap().since(begun);
    assert!(waited > Duration::from_millis(100) && waited < Duration::from_millis(300), "{waited:?}");
}

#[test]
fn answers_to_an_earlier_check_do_not_count() {
    let (mut world, receipt) = with_permit();
    world.revoke(0);
    world.habits = [Habit::Silent; 4];
    let Outcome::Permitted { access, .. } = receipt.entry.outcome else { unreachable!() };
    let (actor, organisation) = (CLINICIANS[READER], HOSPITALS[READER]);
    let status = PermitStatus::InForce { record: RecordId(0), actor, organisation };
    // The first check was number 0; this one is 1.
    for n in 0..4 {
        let reply = Reply::PermitStatus { access, check: 0, status, commit: 3 };
        let event =
            Input::Message { from: Peer::Replica(ReplicaId(n)), bytes: Message::Reply(reply).encode() };
        world.after(Duration::from_millis(500), Event::Gateway(CUSTODIAN, event));
    }
    assert_eq!(request(&mut world, READER, receipt), None);
    assert!(world.released().is_empty());
}

#[test]
fn the_document_must_be_there_and_be_the_registered_one() {
    let mut world = World::with_consent();
    world.vaults[CUSTODIAN].insert(LOCATOR, Bytes::from_static(b"rotten"));
    let gone = End::KeyRefused(KeyRefusal::NoDocument);
    assert_eq!(world.ask(READER, CLINICIANS[READER], share()), gone);
    world.vaults[CUSTODIAN].clear();
    assert_eq!(world.ask(READER, CLINICIANS[READER], share()), gone);
    world.gateways[CUSTODIAN].holdings.records.clear();
    assert_eq!(world.ask(READER, CLINICIANS[READER], share()), gone);
    assert!(world.released().is_empty());
}

#[test]
fn a_flood_of_key_requests_is_answered_busy() {
    let (mut world, receipt) = with_permit();
    world.habits = [Habit::Silent; 4];
    let from = Peer::Gateway(GatewayId(READER as u32));
    for operation in 0..TICKETS_PER_PEER_MAX as u64 {
        let receipt = receipt.clone();
        world.deliver(CUSTODIAN, from, &Message::Exchange(Exchange::KeyRequest { operation, receipt }));
    }
    assert_eq!(request(&mut world, READER, receipt), Some(KeyRefusal::Busy));
}

#[test]
fn a_busy_custodian_is_asked_later() {
    let mut world = World::with_consent();
    let mut turned_away = 0;
    world.tamper = Some(Box::new(move |world, from, _, message| {
        let Message::Exchange(Exchange::KeyRequest { operation, .. }) = message else { return true };
        turned_away += 1;
        if turned_away > 2 {
            return true;
        }
        let refusal = Exchange::KeyRefused { operation: *operation, reason: KeyRefusal::Busy };
        world.deliver(from, Peer::Gateway(GatewayId(CUSTODIAN as u32)), &Message::Exchange(refusal));
        false
    }));
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
}

#[test]
fn many_readers_of_one_document() {
    let mut world = World::with_consent();
    for _ in 0..5 {
        world.command(READER, CLINICIANS[READER], share());
    }
    world.run();
    assert_eq!((world.opened(), world.released().len()), (5, 5));
}
