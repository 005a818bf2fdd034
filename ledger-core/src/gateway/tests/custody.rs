use super::*;

/// A key request that did not come about in the usual way, and its answer.
fn request(world: &mut World, from: usize, receipt: Receipt) -> Option<KeyRefusal> {
    request_for(world, from, receipt, 0)
}

fn request_for(world: &mut World, from: usize, receipt: Receipt, action: u8) -> Option<KeyRefusal> {
    let before = world.sent.len();
    let message = Message::Exchange(Exchange::KeyRequest { operation: 1 << 40, receipt, action });
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
    let mut answer = elsewhere.entry.answers[0];
    if let Outcome::Permitted { custodian, .. } = &mut answer.outcome {
        *custodian = HOSPITALS[STRANGER];
    }
    elsewhere.entry.answers = List::new(vec![answer]).unwrap();
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
    let Outcome::Permitted { access, .. } = receipt.entry.answers[0].outcome else { unreachable!() };
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
        world.deliver(
            CUSTODIAN,
            from,
            &Message::Exchange(Exchange::KeyRequest { operation, receipt, action: 0 }),
        );
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

fn bundle(actions: Vec<Action>, atomic: bool) -> CommandKind {
    CommandKind::Bundle { actions: Actions::new(actions).unwrap(), atomic }
}

/// Asks for the record, for one that does not exist, and for the record again.
fn mixed_requests() -> Vec<Action> {
    let request = |record| Action::RequestAccess {
        record: RecordId(record),
        purpose: Purpose::TREAT,
        consent: Some(ConsentId(0)),
    };
    vec![request(0), request(5), request(0)]
}

#[test]
fn one_receipt_serves_every_permit_of_a_bundle() {
    let mut world = World::with_consent();
    let end = world.ask(READER, CLINICIANS[READER], bundle(mixed_requests(), false));
    assert_eq!(end, End::Answered);
    let answers = &world.completions.last().unwrap().answers;
    assert!(matches!(answers[0].outcome, Outcome::Permitted { access: AccessId(0), .. }));
    assert_eq!(answers[1].refusal(), Some(Refusal::UnknownRecord));
    assert!(matches!(answers[2].outcome, Outcome::Permitted { access: AccessId(1), .. }));
    // Decisions are all that came of it.
    assert!(world.released().is_empty() && world.exchanges(READER).is_empty());
    let receipt = world.prove(2);
    assert_eq!(request_for(&mut world, READER, receipt.clone(), 1), Some(KeyRefusal::BadReceipt));
    assert_eq!(request_for(&mut world, READER, receipt.clone(), 3), Some(KeyRefusal::BadReceipt));
    assert_eq!(request_for(&mut world, STRANGER, receipt.clone(), 2), Some(KeyRefusal::NotYours));
    assert!(world.released().is_empty());
    for action in [0, 2] {
        assert_eq!(request_for(&mut world, READER, receipt.clone(), action), None);
    }
    let released = world.observations.iter().filter_map(|(_, observation)| match observation {
        Observation::KeyReleased { access, .. } => Some(access.0),
        _ => None,
    });
    assert_eq!(released.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_permit_that_was_rolled_back_opens_nothing() {
    let mut world = World::with_consent();
    let end = world.ask(READER, CLINICIANS[READER], bundle(mixed_requests(), true));
    assert_eq!(end, End::Answered);
    let refusals = world.completions.last().unwrap().answers.iter().map(|answer| answer.refusal().unwrap());
    let expected = [Refusal::RolledBack, Refusal::UnknownRecord, Refusal::RolledBack];
    assert_eq!(refusals.collect::<Vec<_>>(), expected);
    let receipt = world.prove(2);
    for action in 0..3 {
        assert_eq!(request_for(&mut world, READER, receipt.clone(), action), Some(KeyRefusal::BadReceipt));
    }
    assert!(world.released().is_empty());
}
