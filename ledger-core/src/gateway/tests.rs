//! Three hospitals' gateways, four scripted replicas over one real ledger and audit log, and a network that delivers
//! in a millisecond. Each test is a story of who asks whom for what.

#[cfg(feature = "seeded-bugs")]
mod bugs;
mod custody;
mod keys;
mod recovery;
mod replica;
mod share;
mod submission;

use super::*;
use crate::audit::{AuditLog, Checkpoint, CheckpointBody, Entry, Receipt};
use crate::codec::{Blob, List};
use crate::committee::Committee;
use crate::committee::tests::committee;
use crate::crypto::{BatchVerifier, SecretKey};
use crate::ledger::transaction::*;
use crate::ledger::{Credential, Ledger, Party, PermitStatus, Policy};
use crate::message::{KeyRefusal, Request};
use std::sync::Arc;

const HOSPITALS: [PartyId; 3] = [PartyId(0), PartyId(1), PartyId(2)];
/// One of each hospital, in order.
const CLINICIANS: [PartyId; 3] = [PartyId(3), PartyId(4), PartyId(5)];
const PATIENT: PartyId = PartyId(6);
const REGULATOR: PartyId = PartyId(7);
/// Whose record it is, whose clinician reads it.
const CUSTODIAN: usize = 0;
const READER: usize = 1;
const STRANGER: usize = 2;
const LOCATOR: [u8; 16] = [7; 16];
const HOP: Duration = Duration::from_millis(1);
const LABEL: Label = Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) };

/// How a replica answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Honest,
    Silent,
    /// Refuses so many more submissions.
    Busy(u32),
    Rejects,
    /// Answers with receipts of outcomes that it made up.
    Forges,
    /// Has not executed permits for so many more questions.
    Behind(u32),
    /// Says so of every permit.
    Claims(bool),
}

enum Event {
    Gateway(usize, Input),
    Replica(usize, usize, Request),
}

type Tamper = Box<dyn FnMut(&mut World, usize, Peer, &mut Message) -> bool>;

struct World {
    now: Timestamp,
    committee: Arc<Committee>,
    keys: Vec<SecretKey>,
    ledger: Ledger,
    log: AuditLog,
    entries: Vec<Entry>,
    executed: BTreeMap<Digest, usize>,
    habits: [Habit; 4],
    gateways: Vec<Gateway>,
    vaults: Vec<BTreeMap<[u8; 16], Bytes>>,
    events: BTreeMap<(Timestamp, u64), Event>,
    next: u64,
    /// Sees every message that a gateway sends; false loses it.
    tamper: Option<Tamper>,
    sent: Vec<(usize, Peer, Message)>,
    completions: Vec<Completion>,
    /// Checkpoints whose signatures a gateway verified.
    checkpoints: usize,
    observations: Vec<(usize, Observation)>,
}

fn seed(party: PartyId) -> SecretKey {
    SecretKey::from_seed([party.0 as u8 + 100; 32])
}

fn secret(gateway: usize) -> [u8; 32] {
    [gateway as u8 + 1; 32]
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::after_genesis(Duration::from_secs(seconds))
}

fn document() -> Bytes {
    Bytes::from("{\"resourceType\":\"DiagnosticReport\"}".repeat(40))
}

fn scope(hospital: usize) -> Scope {
    Scope {
        grantee: Grantee::Party(HOSPITALS[hospital]),
        classes: List::new(vec![RecordClass::DiagnosticReport]).unwrap(),
        confidentiality_max: Confidentiality::R,
        sensitivities: Sensitivities(0),
        purposes: List::new(vec![Purpose::TREAT]).unwrap(),
        from: Timestamp::ZERO,
        until: at(1000),
        redisclosure: false,
    }
}

fn register() -> CommandKind {
    CommandKind::Register {
        patient: PATIENT,
        patient_wrap_key: WrapKeyPair::from_seed([99; 32]).public(),
        class: RecordClass::DiagnosticReport,
        label: LABEL,
        locator: LOCATOR,
        document: document(),
    }
}

fn share() -> CommandKind {
    CommandKind::Share { record: RecordId(0), purpose: Purpose::TREAT, consent: None }
}

impl World {
    fn new() -> Self {
        let (committee, keys) = committee(&[1; 4]);
        let committee = Arc::new(committee);
        let mut genesis = Ledger::genesis(Policy::default());
        let mut party = |id: PartyId, role, organisation| {
            let credential = Credential { from: Timestamp::ZERO, until: Timestamp::MAX, revoked_at: None };
            let party = Party { key: seed(id).public(), wrap_key: [0; 32], role, organisation, credential };
            assert_eq!(genesis.party(party), id);
        };
        HOSPITALS.iter().for_each(|id| party(*id, Role::Hospital, None));
        CLINICIANS.iter().zip(HOSPITALS).for_each(|(id, of)| party(*id, Role::Clinician, Some(of)));
        party(PATIENT, Role::Patient, None);
        party(REGULATOR, Role::Regulator, None);
        let institution =
            |n: usize| Institution { gateway: GatewayId(n as u32), wrap_key: Gateway::wrap_key(secret(n)) };
        let directory = Directory::new((0..3).map(|n| (HOSPITALS[n], institution(n)))).unwrap();
        let directory = Arc::new(directory);
        let config = |n: usize| GatewayConfig {
            id: GatewayId(n as u32),
            organisation: HOSPITALS[n],
            committee: committee.clone(),
            home: ReplicaId(n as u16),
            directory: directory.clone(),
            secret: secret(n),
            tuning: GatewayTuning::default(),
        };
        Self {
            now: at(1),
            gateways: (0..3).map(|n| Gateway::new(config(n))).collect(),
            committee,
            keys,
            ledger: genesis.build(),
            log: AuditLog::default(),
            entries: Vec::new(),
            executed: BTreeMap::new(),
            habits: [Habit::Honest; 4],
            vaults: vec![BTreeMap::new(); 3],
            events: BTreeMap::new(),
            next: 0,
            tamper: None,
            sent: Vec::new(),
            completions: Vec::new(),
            checkpoints: 0,
            observations: Vec::new(),
        }
    }

    /// The hospital has a record, and its patient lets the other one read.
    fn with_consent() -> Self {
        let mut world = Self::new();
        let record = Outcome::RecordRegistered(RecordId(0));
        assert_eq!(world.ask(CUSTODIAN, CLINICIANS[CUSTODIAN], register()), End::Done(record));
        let grant = CommandKind::Grant { patient: PATIENT, scope: scope(READER) };
        let granted = Outcome::ConsentRegistered(ConsentId(0));
        assert_eq!(world.ask(CUSTODIAN, PATIENT, grant), End::Done(granted));
        world
    }

    /// Gives a command with ten seconds to go, and plays until everything is over.
    fn ask(&mut self, gateway: usize, actor: PartyId, kind: CommandKind) -> End {
        self.command(gateway, actor, kind);
        self.run();
        self.completions.last().expect("every operation ends").end
    }

    fn command(&mut self, gateway: usize, party: PartyId, kind: CommandKind) -> u64 {
        let organisation = CLINICIANS.iter().position(|clinician| *clinician == party);
        let organisation = organisation.map_or(party, |n| HOSPITALS[n]);
        let operation = self.next;
        let actor = Actor { party, organisation, key: seed(party) };
        let deadline = self.now + Duration::from_secs(10);
        self.after(
            HOP,
            Event::Gateway(gateway, Input::Command(Command { operation, actor, deadline, kind })),
        );
        operation
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.events.insert((self.now + delay, self.next), event);
        self.next += 1;
    }

    fn deliver(&mut self, to: usize, from: Peer, message: &Message) {
        self.after(HOP, Event::Gateway(to, Input::Message { from, bytes: message.encode() }));
    }

    /// Until no gateway waits for anything.
    fn run(&mut self) {
        loop {
            let timer = self.gateways.iter().filter_map(Gateway::poll_timeout).min();
            let event = self.events.keys().next().map(|(at, _)| *at);
            let Some(next) = timer.into_iter().chain(event).min() else { break };
            self.now = self.now.max(next);
            if event == Some(next) {
                let (_, event) = self.events.pop_first().unwrap();
                self.happen(event);
            } else {
                let due = |gateway: &Gateway| gateway.poll_timeout() == Some(next);
                let n = self.gateways.iter().position(due).unwrap();
                self.gateways[n].handle_timeout(self.now);
                self.drain(n);
            }
        }
        for gateway in &self.gateways {
            assert_eq!(gateway.under_way(), 0);
            assert!(gateway.jobs.is_empty() && gateway.loads.is_empty() && gateway.audits.is_empty());
            assert!(gateway.transactions.is_empty() && gateway.submissions.is_empty());
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Gateway(n, input) => {
                self.gateways[n].handle(self.now, input);
                self.drain(n);
            }
            Event::Replica(replica, gateway, request) => {
                if let Some(reply) = self.replica(replica, request) {
                    let from = Peer::Replica(ReplicaId(replica as u16));
                    self.deliver(gateway, from, &Message::Reply(reply));
                }
            }
        }
    }

    fn drain(&mut self, n: usize) {
        while let Some(output) = self.gateways[n].poll_output() {
            match output {
                Output::Send { to, bytes, .. } => {
                    let mut message = Message::decode(&bytes).unwrap();
                    let mut tamper = self.tamper.take();
                    let arrives = tamper.as_mut().is_none_or(|tamper| tamper(self, n, to, &mut message));
                    self.tamper = self.tamper.take().or(tamper);
                    self.sent.push((n, to, message.clone()));
                    if arrives {
                        self.transmit(n, to, message);
                    }
                }
                Output::Verify(job, work) => {
                    self.checkpoints += usize::from(matches!(work, Work::Checkpoint(_)));
                    let finding = work.run(&self.committee, &mut BatchVerifier);
                    self.after(HOP, Event::Gateway(n, Input::Verified(job, finding)));
                }
                Output::Store(locator, document) => {
                    self.vaults[n].insert(locator, document);
                }
                Output::Load(locator) => {
                    let document = self.vaults[n].get(&locator).cloned();
                    self.after(HOP, Event::Gateway(n, Input::Loaded(locator, document)));
                }
                Output::Erase(locator) => {
                    self.vaults[n].remove(&locator);
                }
                Output::Completed(completion) => self.completions.push(completion),
                Output::Observed(observation) => self.observations.push((n, observation)),
                other => panic!("a gateway does not do {other:?}"),
            }
        }
    }

    fn transmit(&mut self, from: usize, to: Peer, message: Message) {
        match (to, message) {
            (Peer::Replica(to), Message::Request(request)) => {
                self.after(HOP, Event::Replica(to.index(), from, request));
            }
            // Nobody is there.
            (Peer::Gateway(to), _) if to.0 as usize >= self.gateways.len() => {}
            (Peer::Gateway(to), message) => {
                self.deliver(to.0 as usize, Peer::Gateway(GatewayId(from as u32)), &message);
            }
            (to, message) => panic!("{message:?} to {to:?}"),
        }
    }

    fn released(&self) -> Vec<(GatewayId, Timestamp)> {
        let keys = self.observations.iter().filter_map(|(_, observation)| match observation {
            Observation::KeyReleased { to, asked_at, .. } => Some((*to, *asked_at)),
            _ => None,
        });
        keys.collect()
    }

    fn opened(&self) -> usize {
        let opened = |observation: &Observation| matches!(observation, Observation::DocumentOpened { .. });
        self.observations.iter().filter(|(_, observation)| opened(observation)).count()
    }

    fn misbehaved(&self) -> Vec<Peer> {
        let peers = self.observations.iter().filter_map(|(_, observation)| match observation {
            Observation::Misbehaviour { from, .. } => Some(*from),
            _ => None,
        });
        peers.collect()
    }

    fn exchanges(&self, from: usize) -> Vec<&Exchange> {
        let exchanges =
            self.sent.iter().filter(|(n, ..)| *n == from).filter_map(|(_, _, message)| match message {
                Message::Exchange(exchange) => Some(exchange),
                _ => None,
            });
        exchanges.collect()
    }
}

fn permitted(end: End) -> bool {
    matches!(end, End::Done(Outcome::Permitted { .. }))
}
