mod claims;
mod clinical_trial;
mod drug_supply;
mod telemedicine;

use super::*;
use crate::history::{Domain, Figure, System, Wrong};
use crate::plan::{RecordMix, Rotation};
use ledger_core::crypto::{ChainId, Digest};
use ledger_core::gateway::{CommandKind, End, Held};
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{
    Action, Actions, Answers, Outcome, PartyId, Refusal, Transaction, TransactionBody,
};
use ledger_core::time::nanos;
use std::collections::{BTreeMap, BTreeSet};

const MIX: RecordMix = RecordMix::of([350_000, 350_000, 150_000, 50_000, 100_000]);

fn records(rate_mhz: u64, zipf_milli: u64) -> WorkloadPlan {
    let rotation = Rotation::Lazy;
    WorkloadPlan::PersonalHealthRecord { rate_mhz, mix: MIX, zipf_milli, unreviewed_ppm: 0, rotation }
}

fn plan(patients: u64, workloads: Vec<WorkloadPlan>, arrivals: Arrivals) -> Plan {
    let plan = crate::population::tests::plan(patients, [4, 6, 2, 2]);
    Plan { workloads, arrivals, ..plan }
}

/// All that a workload had to say.
fn domain(world: World) -> Domain {
    let mut domain = Domain::default();
    world.notes.into_iter().for_each(|note| domain.note(note));
    domain
}

fn sum(domain: &Domain, figure: Figure) -> u64 {
    domain.samples.iter().filter(|(of, _, _)| *of == figure).map(|(_, _, sample)| sample).sum()
}

/// Nothing right was refused, and of every kind of wrong deed more than `least` were done and all caught.
#[track_caller]
fn all_wrongs_are_caught(domain: &Domain, system: System, least: usize) {
    assert_eq!(domain.false_alarms, []);
    let missed: Vec<_> = domain.incidents.iter().filter(|incident| incident.caught.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
    for wrong in Wrong::ALL.iter().filter(|wrong| wrong.system() == system) {
        let done = domain.incidents.iter().filter(|incident| incident.wrong == *wrong).count();
        assert!(done > least, "{wrong:?}: {done}");
    }
}

/// A world in which every command is executed half-way through its latency, in order of that time, by one ledger.
struct World {
    generator: Generator,
    ledger: Ledger,
    sequences: BTreeMap<PartyId, u64>,
    latencies: Stream,
    events: BTreeMap<(Timestamp, u64), Event>,
    next_event: u64,
    log: u64,
    /// With the ledger's answers.
    operations: Vec<(Operation, Answers)>,
    targets: Vec<Target>,
    notes: Vec<Note>,
    /// Of so many answers one is lost; 0: none.
    lost_one_in: u64,
}

enum Event {
    Start,
    Execute { started: Timestamp, operation: u64 },
    Complete(u64, End, Option<u64>, Answers),
}

impl World {
    fn new(plan: &Plan) -> Self {
        let seed = Seed::new(plan.seed);
        let population = Arc::new(Population::new(plan, &seed, 2));
        Self {
            ledger: population.genesis_ledger(),
            generator: Generator::new(plan, population, &seed, ChainId::default()),
            sequences: BTreeMap::new(),
            latencies: seed.stream("latencies"),
            events: BTreeMap::new(),
            next_event: 0,
            log: 0,
            operations: Vec::new(),
            targets: Vec::new(),
            notes: Vec::new(),
            lost_one_in: 0,
        }
    }

    fn run(mut self) -> Self {
        for at in self.generator.initial().into_iter().chain(self.generator.next_arrival()) {
            self.schedule(at, Event::Start);
        }
        while let Some(((now, _), event)) = self.events.pop_first() {
            match event {
                Event::Start => self.start(now),
                Event::Execute { started, operation } => self.execute(now, started, operation),
                Event::Complete(operation, end, log_index, answers) => {
                    self.complete(now, operation, end, (log_index, answers));
                }
            }
        }
        self
    }

    fn schedule(&mut self, at: Timestamp, event: Event) {
        self.events.insert((at, self.next_event), event);
        self.next_event += 1;
    }

    fn start(&mut self, now: Timestamp) {
        let Started { operation, target, record } = self.generator.start(now);
        assert_eq!(operation, self.operations.len() as u64);
        assert_eq!(record.scheduled, now);
        if let Some(next) = self.generator.next_arrival() {
            assert!(next >= now);
            self.schedule(next, Event::Start);
        }
        self.operations.push((record, Answers::default()));
        self.targets.push(target);
        let half = Duration::from_nanos(self.latencies.uniform(10_000_000, 1_500_000_000));
        self.schedule(now + half, Event::Execute { started: now, operation });
    }

    fn execute(&mut self, now: Timestamp, started: Timestamp, operation: u64) {
        let (row, target) = (&self.operations[operation as usize].0, &self.targets[operation as usize]);
        let answers = match target {
            Target::Replica(..) => Answers::default(),
            Target::Gateway(gateway, command) => {
                assert_eq!((row.gateway, command.operation), (*gateway, operation));
                let (actor, actions) = (command.actor.clone(), actions(command.actor.party, &command.kind));
                actions.map_or_else(Answers::default, |actions| {
                    let sequence = self.sequences.entry(actor.party).or_default();
                    let first = *sequence + 1;
                    *sequence += actions.len() as u64;
                    let body = TransactionBody {
                        actor: actor.party,
                        organisation: actor.organisation,
                        sequence: first,
                        valid_until: Timestamp::MAX,
                        atomic: matches!(command.kind, CommandKind::Bundle { atomic: true, .. }),
                        actions,
                    };
                    let (signature, digest) = Default::default();
                    let transaction = Transaction { body, key: actor.key.public(), signature, digest };
                    self.ledger.execute(now, &transaction, true)
                })
            }
        };
        let log_index = (!answers.is_empty()).then_some(self.log);
        self.log += u64::from(!answers.is_empty());
        let is_bundle = |command: &Command| matches!(command.kind, CommandKind::Bundle { .. });
        let bundle = matches!(target, Target::Gateway(_, command) if is_bundle(command));
        let end = match answers.first().map(|answer| answer.outcome) {
            Some(_) if bundle => End::Answered,
            Some(Outcome::Refused(refusal)) => End::Refused(refusal),
            Some(outcome) => End::Done(outcome),
            None => End::TimedOut,
        };
        self.operations[operation as usize].1 = answers.clone();
        let lost = self.lost_one_in > 0 && self.latencies.chance(1, self.lost_one_in);
        let (end, answers) = if lost { (End::TimedOut, Answers::default()) } else { (end, answers) };
        let latency = now.since(started);
        self.schedule(now + latency, Event::Complete(operation, end, log_index, answers));
    }

    fn complete(
        &mut self,
        now: Timestamp,
        operation: u64,
        end: End,
        (log_index, answers): (Option<u64>, Answers),
    ) {
        let held = held(&self.targets[operation as usize]);
        let completion = Completion { log_index, answers, held, ..Completion::new(operation, end) };
        let followed = self.generator.completed(now, operation, &completion);
        self.notes.extend(followed.notes);
        let row = &mut self.operations[operation as usize].0;
        row.ended = Some((now, end));
        row.expected = followed.expected.unwrap_or(row.expected);
        if let Some(at) = followed.next_start {
            self.schedule(at, Event::Start);
        }
    }

    fn count(&self, is: impl Fn(&Operation, Option<Outcome>) -> bool) -> u64 {
        let outcome = |answers: &Answers| answers.first().map(|answer| answer.outcome);
        self.operations.iter().filter(|(row, answers)| is(row, outcome(answers))).count() as u64
    }
}

/// As a custodian tells it of a registration or rotation.
fn held(target: &Target) -> Option<Arc<Held>> {
    let Target::Gateway(_, command) = target else { return None };
    let (CommandKind::Register { locator, .. } | CommandKind::Rotate { locator, .. }) = command.kind else {
        return None;
    };
    let (commitment, patient_wrap) = (Digest::sha256(&[&locator]), Default::default());
    Some(Arc::new(Held { locator, commitment, patient_wrap }))
}

/// `None` for an audit, which is no transaction.
fn actions(actor: PartyId, kind: &CommandKind) -> Option<Actions> {
    let action = match kind.clone() {
        CommandKind::Bundle { actions, .. } => return Some(actions),
        CommandKind::Register { patient, class, label, locator, document, .. } => Action::RegisterRecord {
            patient,
            commitment: Digest::sha256(&[&locator]),
            class,
            label,
            size_bucket: crate::document::size_bucket(document.len() as u64),
            locator,
            patient_wrap: ledger_core::codec::Blob::new(vec![1; 112]).unwrap(),
        },
        CommandKind::Share { record, purpose, consent } => Action::RequestAccess { record, purpose, consent },
        CommandKind::BreakGlass { record, reason, window } => {
            Action::BreakGlass { record, reason, window_ns: nanos(window) }
        }
        CommandKind::Review { access, justified } => Action::ReviewBreakGlass { access, justified },
        CommandKind::Grant { patient, scope } => Action::GrantConsent { patient, scope },
        CommandKind::Deny { scope } => Action::DenyDirective { patient: actor, scope },
        CommandKind::Revoke { consent } => Action::RevokeConsent { consent },
        // Recovery is not this world's: nobody loses a vault in it.
        CommandKind::Audit { .. } | CommandKind::Recover { .. } => return None,
        CommandKind::Delegate { patient, delegate, scope, until, evidence, minor_until } => {
            Action::DelegateAuthority { patient, delegate, scope, until, evidence, minor_until }
        }
        CommandKind::Rewrap { record, grantee, .. } => {
            let wrap = ledger_core::codec::Blob::new(vec![2; 112]).unwrap();
            Action::RewrapKey { record, grantee, wrap }
        }
        CommandKind::Rotate { record, locator, .. } => Action::RotateKey {
            record,
            commitment: Digest::sha256(&[&locator]),
            locator,
            patient_wrap: ledger_core::codec::Blob::new(vec![3; 112]).unwrap(),
        },
        CommandKind::Shred { record } => Action::ShredKey { record },
    };
    Some(action.into())
}

fn check_share(found: u64, of: u64, expected_milli: u64, tolerance_milli: u64) {
    let milli = found * 1_000 / of;
    assert!(
        milli.abs_diff(expected_milli) <= tolerance_milli,
        "{found} of {of}: {milli}, not {expected_milli}"
    );
}

#[test]
fn the_first_thousand_operations() {
    let of = |seed| {
        let mut plan = plan(200, vec![records(400_000, 800)], Arrivals::Poisson);
        plan.seed = seed;
        (plan.warmup, plan.duration) = (Duration::from_secs(1), Duration::from_secs(3));
        let world = World::new(&plan).run();
        let mut hasher = blake3::Hasher::new();
        for ((row, _), target) in world.operations.iter().zip(&world.targets).take(1_000) {
            let Operation { kind, gateway, scheduled, bytes, expected, consent, record, .. } = row;
            let row = (kind, gateway.0, scheduled.0, bytes, expected, consent, record);
            let Target::Gateway(_, command) = target else { panic!("{target:?}") };
            hasher.update(format!("{row:?} {} {}", command.actor.party.0, command.deadline.0).as_bytes());
            if let CommandKind::Register { document, .. } = &command.kind {
                hasher.update(document);
            }
        }
        hasher.finalize().to_hex().to_string()
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
    assert_eq!(of(7), GOLDEN);
}

const GOLDEN: &str = "80fa14a58bb3dbdec7a6a70a25654fc5d6ff1ddd89f53f708af8b481ba51c213";

/// The workload's model and the ledger were written apart, and agree.
#[test]
fn the_ledger_does_what_is_expected() {
    for (patients, zipf_milli, unclear_milli_max) in [(20_000, 800, 200), (1_000, 0, 400)] {
        let world = World::new(&plan(patients, vec![records(400_000, zipf_milli)], Arrivals::Poisson)).run();
        for (row, answers) in &world.operations {
            let outcome = answers.first().map(|answer| answer.outcome);
            let permitted = matches!(outcome, Some(Outcome::Permitted { .. }));
            let refused = matches!(outcome, Some(Outcome::Refused(_)));
            match (row.kind, row.expected) {
                (OperationKind::Share | OperationKind::BreakGlass, Expected::Permit) => {
                    assert!(permitted, "{row:?} {outcome:?}");
                }
                (OperationKind::Share | OperationKind::BreakGlass, Expected::Refuse) => {
                    assert!(refused, "{row:?} {outcome:?}");
                }
                (OperationKind::Share, Expected::Either) => assert!(permitted || refused),
                // Everything else is right, whatever is under way beside it.
                (kind, _) => assert!(!refused, "{kind:?} {row:?} {outcome:?}"),
            }
        }
        let shares = world.count(|row, _| row.kind == OperationKind::Share);
        let unclear =
            world.count(|row, _| row.kind == OperationKind::Share && row.expected == Expected::Either);
        assert!(unclear * 1_000 / shares < unclear_milli_max, "{unclear} of {shares}");
        let refused = |refusal| world.count(|_, outcome| outcome == Some(Outcome::Refused(refusal)));
        for refusal in [Refusal::NoConsent, Refusal::PurposeMismatch, Refusal::ConsentRevoked] {
            assert!(refused(refusal) > 3, "{refusal:?} {}", refused(refusal));
        }
        if patients == 1_000 {
            assert!(refused(Refusal::DeniedByDirective) > 0);
        }
    }
}

#[test]
fn operations_follow_the_mix() {
    let world = World::new(&plan(20_000, vec![records(400_000, 800)], Arrivals::Poisson)).run();
    let of = |kinds: &[OperationKind]| world.count(|row, _| kinds.contains(&row.kind));
    let all = world.operations.len() as u64;
    check_share(all, 70 * 400, 1_000, 10);
    check_share(of(&[OperationKind::Register]), all, 350, 10);
    check_share(of(&[OperationKind::Share]), all, 350, 10);
    check_share(of(&[OperationKind::Grant, OperationKind::Deny, OperationKind::Revoke]), all, 150, 8);
    check_share(of(&[OperationKind::Audit]), all, 50, 5);
    check_share(of(&[OperationKind::BreakGlass, OperationKind::Review]), all, 100, 6);
    assert!(of(&[OperationKind::Review]) * 10 > of(&[OperationKind::BreakGlass]) * 6);
    let wrong = world.count(|row, _| row.kind == OperationKind::Share && row.expected == Expected::Refuse);
    let shares = of(&[OperationKind::Share]);
    check_share(wrong, shares, 10 * personal_health_record::WRONG_PERCENT, 12);
    for (target, (row, _)) in world.targets.iter().zip(&world.operations) {
        let Target::Gateway(_, command) = target else { panic!("{row:?}") };
        let drained = Timestamp::after_genesis(Duration::from_secs(75));
        assert_eq!(command.deadline, (row.scheduled + PATIENCE).min(drained));
    }
}

#[test]
fn popularity_is_skewed_as_asked() {
    let top = |zipf_milli| {
        let world = World::new(&plan(1_000, vec![records(400_000, zipf_milli)], Arrivals::Poisson)).run();
        let registered = |target: &&Target| match target {
            Target::Gateway(_, Command { kind: CommandKind::Register { patient, .. }, .. }) => Some(*patient),
            _ => None,
        };
        let patients: Vec<_> = world.targets.iter().filter_map(|target| registered(&target)).collect();
        let first = world.generator.population.patient(0);
        let of_first = patients.iter().filter(|patient| **patient == first).count();
        (of_first * 1_000 / patients.len()) as u64
    };
    // 1 / Σ k^-1 over 1,000 ranks is 134 thousandths; uniform is 1.
    assert!(top(1_000).abs_diff(134) <= 12, "{}", top(1_000));
    assert!(top(0) <= 3);
}

#[test]
fn opaque_submissions_are_unique_and_take_turns() {
    let opaque = WorkloadPlan::Opaque { rate_mhz: 100_000, size_bytes: 512 };
    let world = World::new(&plan(0, vec![opaque], Arrivals::Constant)).run();
    assert_eq!(world.operations.len(), 7_000);
    let mut seen = BTreeSet::new();
    for (number, (target, (row, _))) in world.targets.iter().zip(&world.operations).enumerate() {
        let Target::Replica(replica, bytes) = target else { panic!("{target:?}") };
        assert_eq!((replica.index(), row.gateway.0 as usize), (number % 4, number % 4));
        assert_eq!(bytes[..8], (number as u64).to_le_bytes());
        assert_eq!((bytes.len(), row.bytes), (512, 512));
        assert!(seen.insert(bytes[8..].to_vec()));
    }
}

#[test]
fn workloads_merge_by_time_without_disturbing_each_other() {
    let first = WorkloadPlan::Opaque { rate_mhz: 100_000, size_bytes: 64 };
    let second = WorkloadPlan::Opaque { rate_mhz: 200_000, size_bytes: 65 };
    let times = |workloads| {
        let world = World::new(&plan(0, workloads, Arrivals::Poisson)).run();
        let times: Vec<_> = world.operations.iter().map(|(row, _)| (row.scheduled, row.bytes)).collect();
        assert!(times.is_sorted_by_key(|(at, _)| *at));
        times.into_iter().filter(|(_, bytes)| *bytes == 64).collect::<Vec<_>>()
    };
    assert_eq!(times(vec![first.clone()]), times(vec![first, second]));
}

#[test]
fn clients_of_a_closed_loop_wait_for_themselves() {
    let opaque = WorkloadPlan::Opaque { rate_mhz: 300_000, size_bytes: 64 };
    let plan = plan(100, vec![records(100_000, 800), opaque], Arrivals::Closed { clients: 20 });
    let world = World::new(&plan).run();
    let mut changes: Vec<(Timestamp, i64)> = Vec::new();
    for (row, _) in &world.operations {
        changes.extend([(row.scheduled, 1), (row.ended.unwrap().0, -1)]);
    }
    changes.sort();
    let (mut under_way, mut most) = (0, 0);
    for (_, change) in changes {
        under_way += change;
        most = most.max(under_way);
    }
    assert_eq!((under_way, most), (0, 20));
    let all = world.operations.len() as u64;
    check_share(world.count(|row, _| row.kind == OperationKind::Opaque), all, 750, 40);
    assert!(
        world
            .operations
            .iter()
            .all(|(row, _)| row.scheduled < Timestamp::after_genesis(Duration::from_secs(70)))
    );
}

#[test]
fn access_decisions_are_permitted_bundle_by_bundle() {
    for bundle in [1, 16] {
        let decisions = WorkloadPlan::AccessDecisions { rate_mhz: 800_000, bundle };
        // Beside patients who change their minds.
        let world = World::new(&plan(1_000, vec![decisions, records(200_000, 0)], Arrivals::Constant)).run();
        let of_kind = world.operations.iter().filter(|(row, _)| row.kind == OperationKind::AccessDecisions);
        let (mut actions, mut clear, mut all) = (0, 0, 0);
        for (row, answers) in of_kind {
            assert_eq!((row.actions, answers.len() as u64), (bundle, bundle));
            assert!(row.gateway.0 < 4, "a hospital's");
            actions += row.actions;
            all += 1;
            clear += u64::from(row.expected == Expected::Permit);
            let refused = answers.iter().filter(|answer| answer.refusal().is_some()).count();
            assert!(refused == 0 || row.expected == Expected::Either, "{row:?} {answers:?}");
        }
        // 70 s, warm-up included.
        assert_eq!(actions, 70 * 800);
        assert!(clear * 2 > all, "{clear} of {all}");
    }
}

/// Delegates do what they may, and what they may not is refused for its reason.
#[test]
fn delegates_act_within_their_authority() {
    let mix = RecordMix { delegate: 300_000, ..RecordMix::of([150_000, 250_000, 250_000, 50_000, 0]) };
    let workload = WorkloadPlan::PersonalHealthRecord {
        rate_mhz: 200_000,
        mix,
        zipf_milli: 200,
        unreviewed_ppm: 0,
        rotation: Rotation::Lazy,
    };
    let world = World::new(&plan(3_000, vec![workload], Arrivals::Poisson)).run();
    let mut refused = BTreeMap::new();
    let mut acts = 0;
    for ((row, answers), target) in world.operations.iter().zip(&world.targets) {
        let outcome = answers.first().map(|answer| answer.outcome);
        let Target::Gateway(_, command) = target else { panic!("{target:?}") };
        if let CommandKind::Grant { patient, .. } = &command.kind
            && *patient != command.actor.party
        {
            acts += u64::from(matches!(outcome, Some(Outcome::ConsentRegistered(_))));
        }
        match (row.wrong, outcome) {
            (Some(wrong @ (Wrong::ActAfterDelegation | Wrong::ActBeyondDelegation)), outcome) => {
                let Some(Outcome::Refused(refusal)) = outcome else { panic!("{row:?} {outcome:?}") };
                let (_, count) = refused.entry(wrong).or_insert((refusal, 0));
                *count += 1;
                assert_eq!(refused[&wrong].0, refusal);
            }
            (_, Some(Outcome::Refused(refusal))) if row.expected == Expected::Permit => {
                panic!("{row:?} {refusal:?}");
            }
            _ => {}
        }
    }
    let of = |wrong| refused.get(&wrong).copied().unwrap();
    let (refusal, count) = of(Wrong::ActAfterDelegation);
    assert!(refusal == Refusal::DelegationExpired && count > 20, "{refusal:?} {count}");
    let (refusal, count) = of(Wrong::ActBeyondDelegation);
    assert!(refusal == Refusal::DelegateScopeExceeded && count > 20, "{refusal:?} {count}");
    let noted = world.notes.iter().filter(|note| matches!(note, Note::Sample(Figure::ActsOfDelegates, ..)));
    assert!(acts > 200 && noted.count() as u64 > acts, "withdrawn consents count too: {acts}");
}

/// Grants are followed by wraps, revocations by rotations, and what is erased is read by nobody.
#[test]
fn keys_follow_consents() {
    let keyed = |rotation| {
        let mix = RecordMix {
            keys: 200_000,
            erase: 20_000,
            delegate: 20_000,
            ..RecordMix::of([150_000, 260_000, 300_000, 20_000, 30_000])
        };
        let workload = WorkloadPlan::PersonalHealthRecord {
            rate_mhz: 200_000,
            mix,
            zipf_milli: 500,
            unreviewed_ppm: 0,
            rotation,
        };
        World::new(&plan(600, vec![workload], Arrivals::Poisson)).run()
    };
    let counted = |world: &World, kind: OperationKind| {
        world.count(|row, outcome| {
            let refused = matches!(outcome, Some(Outcome::Refused(_)) | None);
            row.kind == kind && !refused
        })
    };
    let (lazy, eager) = (keyed(Rotation::Lazy), keyed(Rotation::Eager));
    for world in [&lazy, &eager] {
        for kind in
            [OperationKind::Rewrap, OperationKind::Rotate, OperationKind::Erase, OperationKind::Delegate]
        {
            assert!(counted(world, kind) > 20, "{kind:?}: {}", counted(world, kind));
        }
        let mut erased_asks = 0;
        for (row, answers) in &world.operations {
            let outcome = answers.first().map(|answer| answer.outcome);
            match (row.kind, row.expected, outcome) {
                (OperationKind::Share | OperationKind::BreakGlass, Expected::Permit, outcome) => {
                    assert!(matches!(outcome, Some(Outcome::Permitted { .. })), "{row:?} {outcome:?}");
                }
                (OperationKind::Share, Expected::Refuse, outcome) => {
                    assert!(matches!(outcome, Some(Outcome::Refused(_))), "{row:?} {outcome:?}");
                    erased_asks += u64::from(outcome == Some(Outcome::Refused(Refusal::KeyShredded)));
                }
                _ => {}
            }
        }
        assert!(erased_asks > 10, "{erased_asks}");
    }
    let rotations = |world| counted(world, OperationKind::Rotate);
    assert!(rotations(&eager) > rotations(&lazy), "{} eager, {} lazy", rotations(&eager), rotations(&lazy));
}
