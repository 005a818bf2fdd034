//! Each seeded bug does what it says: otherwise a checker that stays quiet proves nothing.

use super::*;

fn with_permit(bug: GatewayBug) -> (World, Receipt) {
    let mut world = World::with_consent();
    assert!(permitted(world.ask(READER, CLINICIANS[READER], share())));
    world.observations.clear();
    world.revoke(0);
    world.gateways[CUSTODIAN].set_bug(bug);
    let receipt = world.prove(2);
    (world, receipt)
}

fn releases(world: &mut World, from: usize, receipt: Receipt) -> bool {
    let message = Message::Exchange(Exchange::KeyRequest { operation: 1 << 40, receipt, action: 0 });
    world.deliver(CUSTODIAN, Peer::Gateway(GatewayId(from as u32)), &message);
    world.run();
    !world.released().is_empty()
}

#[test]
fn skip_fresh_check_releases_what_is_revoked() {
    let (mut world, receipt) = with_permit(GatewayBug::SkipFreshCheck);
    assert!(releases(&mut world, READER, receipt));
}

#[test]
fn release_without_permit_releases_to_anyone() {
    let (mut world, mut receipt) = with_permit(GatewayBug::ReleaseWithoutPermit);
    receipt.entry.actor = PATIENT;
    assert!(releases(&mut world, STRANGER, receipt));
}

#[test]
fn accept_any_receipt_believes_a_forger() {
    let mut world = World::new();
    world.gateways[0].set_bug(GatewayBug::AcceptAnyReceipt);
    world.habits[0] = Habit::Forges;
    let end = world.ask(0, PATIENT, CommandKind::Grant { patient: PATIENT, scope: scope(READER) });
    assert_eq!(end, End::Done(Outcome::RecordRegistered(RecordId(77))));
    assert!(world.misbehaved().is_empty());
}
