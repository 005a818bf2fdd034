use super::*;

fn grant() -> CommandKind {
    CommandKind::Grant { patient: PATIENT, scope: scope(READER) }
}

fn submissions(world: &World) -> Vec<(Peer, &Request)> {
    let submissions = world.sent.iter().filter_map(|(_, to, message)| match message {
        Message::Request(request @ Request::Submit(_)) => Some((*to, request)),
        _ => None,
    });
    submissions.collect()
}

const GRANTED: End = End::Done(Outcome::ConsentRegistered(ConsentId(0)));

#[test]
fn a_silent_replica_is_passed_over_with_the_same_bytes() {
    let mut world = World::new();
    world.habits[0] = Habit::Silent;
    world.habits[1] = Habit::Silent;
    assert_eq!(world.ask(0, PATIENT, grant()), GRANTED);
    let sent = submissions(&world);
    assert_eq!(
        sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(),
        [0, 1, 2].map(|n| Peer::Replica(ReplicaId(n)))
    );
    assert!(sent.iter().all(|(_, request)| *request == sent[0].1));
    let waited = world.completions[0].receipt_at.unwrap().since(at(1));
    assert!(waited > Duration::from_secs(6) && waited < Duration::from_secs(7), "2 s, then 4 s: {waited:?}");
}

#[test]
fn an_executed_submission_is_not_executed_again() {
    let mut world = World::new();
    world.tamper = Some(Box::new(|world, _, to, message| {
        // The home replica orders it, and its answer is lost.
        let Message::Request(request @ Request::Submit(_)) = message else { return true };
        if to == Peer::Replica(ReplicaId(0)) {
            world.replica(0, request.clone());
            return false;
        }
        true
    }));
    assert_eq!(world.ask(0, PATIENT, grant()), GRANTED);
    assert_eq!((submissions(&world).len(), world.entries.len()), (2, 1));
}

#[test]
fn home_is_preferred_again() {
    let mut world = World::new();
    world.habits[0] = Habit::Silent;
    world.ask(0, PATIENT, grant());
    world.habits[0] = Habit::Honest;
    world.ask(0, PATIENT, grant());
    world.now = world.now + Duration::from_secs(5);
    world.ask(0, PATIENT, grant());
    world.ask(0, PATIENT, grant());
    let asked: Vec<_> = submissions(&world).iter().map(|(to, _)| *to).collect();
    assert_eq!(asked, [0, 1, 1, 0, 0].map(|n| Peer::Replica(ReplicaId(n))));
}

#[test]
fn the_busy_are_asked_later() {
    let mut world = World::new();
    world.habits = [Habit::Busy(1); 4];
    assert_eq!(world.ask(0, PATIENT, grant()), GRANTED);
    let waited = world.completions[0].receipt_at.unwrap().since(at(1));
    assert!(waited > Duration::from_millis(1500) && waited < Duration::from_millis(1600), "{waited:?}");
}

#[test]
fn a_forged_receipt_is_reported_and_the_next_replica_asked() {
    let mut world = World::new();
    world.habits[0] = Habit::Forges;
    assert_eq!(world.ask(0, PATIENT, grant()), GRANTED);
    assert_eq!(world.misbehaved(), [Peer::Replica(ReplicaId(0))]);
}

#[test]
fn nothing_but_forged_receipts_is_no_receipt() {
    let mut world = World::new();
    world.habits = [Habit::Forges; 4];
    assert_eq!(world.ask(0, PATIENT, grant()), End::TimedOut);
    assert!(world.misbehaved().len() < 20, "the pauses between grow");
}

#[test]
fn one_replica_alone_cannot_reject() {
    let mut world = World::new();
    world.habits[0] = Habit::Rejects;
    assert_eq!(world.ask(0, PATIENT, grant()), GRANTED);
    world.habits[1] = Habit::Rejects;
    assert_eq!(world.ask(0, PATIENT, grant()), End::Rejected);
}

#[test]
fn every_operation_ends_by_its_deadline() {
    let mut world = World::with_consent();
    world.completions.clear();
    world.habits = [Habit::Silent; 4];
    let deadline = world.now + Duration::from_secs(10);
    world.command(READER, CLINICIANS[READER], share());
    world.command(CUSTODIAN, PATIENT, grant());
    world.command(CUSTODIAN, PATIENT, CommandKind::Audit { index: 0 });
    world.command(CUSTODIAN, CLINICIANS[CUSTODIAN], register());
    world.run();
    assert_eq!(world.now, deadline);
    assert_eq!(world.completions.len(), 4);
    assert!(world.completions.iter().all(|completion| completion.end == End::TimedOut));
    assert!(world.gateways.iter().all(|gateway| gateway.poll_timeout().is_none()));
}

#[test]
fn what_comes_too_late_is_not_begun() {
    let mut world = World::new();
    let operation = world.command(0, PATIENT, grant());
    world.now = at(12);
    world.run();
    let Completion { operation: ended, end, transaction, .. } = world.completions[0];
    assert_eq!((ended, end, transaction), (operation, End::TimedOut, None));
}

#[test]
fn an_entry_is_audited() {
    let mut world = World::with_consent();
    let audit = |index| CommandKind::Audit { index };
    assert_eq!(world.ask(STRANGER, CLINICIANS[STRANGER], audit(1)), End::Answered);
    let completion = world.completions.last().unwrap();
    assert_eq!(completion.log_index, Some(1));
    assert_eq!(completion.answers[0].outcome, Outcome::ConsentRegistered(ConsentId(0)));
    assert_eq!(world.ask(STRANGER, CLINICIANS[STRANGER], audit(99)), End::TimedOut);
    // A refusal that is proven is a successful audit.
    world.ask(STRANGER, CLINICIANS[STRANGER], share());
    assert_eq!(world.ask(READER, CLINICIANS[READER], audit(2)), End::Answered);
    assert_eq!(world.completions.last().unwrap().answers[0].refusal(), Some(Refusal::NoConsent));
}

#[test]
fn two_audits_of_one_entry_and_its_own_submission() {
    let mut world = World::with_consent();
    world.completions.clear();
    for _ in 0..2 {
        world.command(READER, CLINICIANS[READER], CommandKind::Audit { index: 2 });
    }
    world.command(
        READER,
        CLINICIANS[READER],
        CommandKind::Share { record: RecordId(0), purpose: Purpose::HMARKT, consent: None },
    );
    world.run();
    let ends: Vec<_> = world.completions.iter().map(|completion| completion.end).collect();
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|end| *end != End::TimedOut), "{ends:?}");
}

#[test]
fn a_checkpoint_is_verified_once_for_all_receipts_under_it() {
    let mut world = World::with_consent();
    world.checkpoints = 0;
    for index in [0, 1, 0, 1, 1] {
        world.command(READER, CLINICIANS[READER], CommandKind::Audit { index });
    }
    world.run();
    // Later, too; but by each gateway for itself, and a later checkpoint anew.
    assert_eq!(world.ask(READER, CLINICIANS[READER], CommandKind::Audit { index: 0 }), End::Answered);
    assert_eq!(world.checkpoints, 1);
    assert_eq!(world.ask(STRANGER, CLINICIANS[STRANGER], CommandKind::Audit { index: 0 }), End::Answered);
    assert_eq!(world.checkpoints, 2);
    world.revoke(0);
    assert_eq!(world.ask(READER, CLINICIANS[READER], CommandKind::Audit { index: 0 }), End::Answered);
    assert_eq!(world.checkpoints, 3);
    assert!(world.misbehaved().is_empty());
}

/// Everybody who waits for a checkpoint learns that it is none.
#[test]
fn a_checkpoint_without_a_quorum_serves_nobody() {
    let mut world = World::with_consent();
    let mut receipt = world.prove(1);
    let votes = receipt.checkpoint.signatures[..2].to_vec();
    receipt.checkpoint = Checkpoint::new(receipt.checkpoint.body, votes).unwrap();
    let home = Peer::Replica(ReplicaId(READER as u16));
    for _ in 0..3 {
        world.command(READER, CLINICIANS[READER], CommandKind::Audit { index: 1 });
    }
    // Between question and honest answer.
    let forged = Message::Reply(Reply::Receipt(receipt)).encode();
    let input = Input::Message { from: home, bytes: forged };
    world.after(HOP + HOP / 2, Event::Gateway(READER, input));
    world.completions.clear();
    world.run();
    assert_eq!(world.misbehaved(), [home; 3]);
    assert!(world.completions.iter().all(|completion| completion.end == End::Answered));
}

#[test]
fn what_cannot_be_registered_is_rejected() {
    let mut world = World::new();
    let mut kind = register();
    if let CommandKind::Register { patient_wrap_key, .. } = &mut kind {
        *patient_wrap_key = [0; 32];
    }
    assert_eq!(world.ask(0, CLINICIANS[0], kind), End::Rejected);
    let mut kind = register();
    if let CommandKind::Register { document, .. } = &mut kind {
        *document = vec![0; crate::message::DOCUMENT_BYTES_MAX + 1].into();
    }
    assert_eq!(world.ask(0, CLINICIANS[0], kind), End::Rejected);
    assert!(world.vaults[0].is_empty() && world.sent.is_empty());
}

#[test]
fn a_record_whose_receipt_came_too_late_can_be_shared() {
    let mut world = World::new();
    world.tamper = Some(Box::new(|world, _, _, message| {
        if let Message::Request(request) = message {
            world.replica(0, request.clone());
        }
        false
    }));
    assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], register()), End::TimedOut);
    world.tamper = None;
    world.ask(CUSTODIAN, PATIENT, grant());
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
}

#[test]
fn strange_messages_are_reported() {
    let mut world = World::new();
    let stranger = Peer::Gateway(GatewayId(9));
    world.deliver(0, stranger, &Message::Reply(Reply::NoEntry(1)));
    world
        .after(HOP, Event::Gateway(0, Input::Message { from: Peer::Local, bytes: Bytes::from_static(b"?") }));
    world.run();
    assert_eq!(world.misbehaved(), [stranger, Peer::Local]);
}
