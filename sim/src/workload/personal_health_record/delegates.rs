//! Who decides in whose stead, and what they do.
//!
//! Half of the operations name a delegate: one in four for [`BRIEF`] alone, half of them for observations only. In the
//! other half a delegate acts, through its own agent: gives a consent for hospitals or pharmacies within its authority,
//! or withdraws one. Where one's time is over, it tries nevertheless ([`Wrong::ActAfterDelegation`]); one in
//! [`BEYOND_ONE_IN`] acts of those whose authority is narrow asks for more ([`Wrong::ActBeyondDelegation`]).
//!
//! Known by receipts: nobody acts under a delegation that ended without an answer. Bound: [`LINKS_MAX`]; beyond, the oldest
//! is forgotten.

use super::consents::{Change, Terms};
use super::knowledge::{Knowledge, Pending};
use super::{ALL_CLASSES, ATTEMPTS, LATELY, Order, PersonalHealthRecord};
use crate::history::{Expected, Figure, Note, OperationKind, Wrong};
use crate::plan::InstitutionKind;
use crate::population::pick;
use crate::workload::Moment;
use ledger_core::codec::List;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{CommandKind, End};
use ledger_core::ledger::transaction::{
    Confidentiality, DelegatedScope, Grantee, Outcome, PartyId, Purpose, RecordClass, Scope, Sensitivities,
};
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeSet;

const LINKS_MAX: usize = 4_096;
const BRIEF: Duration = Duration::from_secs(25);
const LONG: Duration = Duration::from_secs(365 * 86_400);
/// Longer than an act may take to be committed.
const MARGIN: Duration = Duration::from_secs(18);
/// By how much commit time may be behind the clock of who asks.
const SLACK: Duration = Duration::from_secs(3);
const BEYOND_ONE_IN: u64 = 4;
const NARROW: [RecordClass; 1] = [RecordClass::Observation];

/// An authority over a patient's records.
#[derive(Clone, Copy, Debug)]
pub(in crate::workload) struct Link {
    patient: u64,
    delegate: u64,
    classes: &'static [RecordClass],
    until: Timestamp,
}

impl Link {
    fn pair(&self) -> (u64, u64) {
        (self.patient, self.delegate)
    }
}

#[derive(Debug, Default)]
pub(in crate::workload) struct Delegates {
    links: Vec<Link>,
    /// Patient and delegate whose link is over, and who have been told: they are not linked again, so that a late refusal
    /// is never of another link.
    spent: BTreeSet<(u64, u64)>,
    pub(super) notes: Vec<Note>,
}

impl Delegates {
    /// Whether the two have, or had, a link: they get no other, which an act under way might meet.
    fn knows(&self, pair: (u64, u64)) -> bool {
        self.spent.contains(&pair) || self.links.iter().any(|link| link.pair() == pair)
    }

    fn forget(&mut self, link: &Link) {
        self.links.retain(|known| known.pair() != link.pair());
        self.spent.insert(link.pair());
        if self.spent.len() > LINKS_MAX {
            self.spent.pop_first();
        }
    }

    /// A delegation ended.
    pub(super) fn named(&mut self, link: Link, end: End) {
        if let End::Done(Outcome::DelegationRegistered(_)) = end {
            if self.links.len() >= LINKS_MAX {
                self.links.remove(0);
            }
            self.links.push(link);
        }
    }

    /// An act that was right ended.
    pub(super) fn acted(&mut self, now: Timestamp, end: End) {
        if let End::Done(_) = end {
            self.notes.push(Note::Sample(Figure::ActsOfDelegates, now, 1));
        }
    }
}

impl PersonalHealthRecord {
    pub(super) fn delegate(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Order {
        match self.stream.chance(1, 2) {
            true => self.act(moment, knowledge).unwrap_or_else(|| self.name(moment, knowledge)),
            false => self.name(moment, knowledge),
        }
    }

    fn name(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Order {
        let population = moment.population;
        let patient = self.patients.sample(&mut self.stream);
        let others = population.patients().max(2);
        let mut delegate = (patient + 1 + self.stream.below(others - 1)) % others;
        for _ in 0..ATTEMPTS {
            if !knowledge.delegates.knows((patient, delegate)) {
                break;
            }
            delegate = (patient + 1 + self.stream.below(others - 1)) % others;
        }
        let span = if self.stream.chance(1, 4) { BRIEF } else { LONG };
        let classes: &'static [RecordClass] = if self.stream.chance(1, 2) { &NARROW } else { &ALL_CLASSES };
        let link = Link { patient, delegate, classes, until: moment.now + span };
        knowledge.begin(moment.operation, Pending::Delegate(link));
        let scope = DelegatedScope {
            classes: List::new(classes.to_vec()).expect("six are at most sixteen"),
            confidentiality_max: Confidentiality::N,
            sensitivities: Sensitivities(0),
            purposes: List::new(vec![Purpose::TREAT]).expect("one is at most sixteen"),
        };
        let command = CommandKind::Delegate {
            patient: population.patient(patient),
            delegate: population.patient(delegate),
            scope,
            until: link.until,
            evidence: Digest::sha256(&[b"power of attorney", &moment.operation.to_le_bytes()]),
            minor_until: None,
        };
        self.by_patient(moment, OperationKind::Delegate, patient, command)
    }

    /// `None` where nobody can act now.
    fn act(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        for _ in 0..ATTEMPTS {
            let link = pick(&knowledge.delegates.links, &mut self.stream)?;
            if moment.now > link.until + SLACK {
                // Once: who was told that it is over does not ask again.
                knowledge.delegates.forget(&link);
                return Some(self.overstep(moment, knowledge, &link, Wrong::ActAfterDelegation));
            }
            let party = moment.population.patient(link.patient);
            let in_time = moment.now + MARGIN < link.until;
            if !in_time || !knowledge.consents.is_quiet(moment.now, party, LATELY) {
                continue;
            }
            if link.classes.len() < ALL_CLASSES.len() && self.stream.chance(1, BEYOND_ONE_IN) {
                return Some(self.overstep(moment, knowledge, &link, Wrong::ActBeyondDelegation));
            }
            return Some(self.decide(moment, knowledge, &link));
        }
        None
    }

    /// Something that the delegate must not do.
    fn overstep(
        &mut self,
        moment: &Moment<'_>,
        knowledge: &mut Knowledge,
        link: &Link,
        wrong: Wrong,
    ) -> Order {
        let until = if wrong == Wrong::ActAfterDelegation { moment.now + BRIEF } else { link.until };
        let terms = Terms { classes: &ALL_CLASSES, until, ..self.terms_of(moment, link) };
        knowledge.begin(moment.operation, Pending::Other);
        let mut order = self.in_stead(moment, OperationKind::Grant, link, grant(moment, link, &terms));
        (order.record.wrong, order.record.expected) = (Some(wrong), Expected::Refuse);
        (order.record.patient, order.record.until) =
            (Some(moment.population.patient(link.patient)), Some(until));
        order
    }

    /// What the delegate may do: withdraw what is within its authority, or else give.
    fn decide(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge, link: &Link) -> Order {
        let patient = moment.population.patient(link.patient);
        let withdrawn =
            self.stream.chance(2, 5).then(|| knowledge.consents.take_within(patient, link.classes));
        let (kind, change, command) = match withdrawn.flatten() {
            Some(consent) => (OperationKind::Revoke, Change::Revoke, CommandKind::Revoke { consent }),
            None => {
                let terms = self.terms_of(moment, link);
                let command = grant(moment, link, &terms);
                (OperationKind::Grant, Change::Register(terms), command)
            }
        };
        knowledge.begin(moment.operation, Pending::ActOfDelegate { patient, change });
        let (consent, until) = match &command {
            CommandKind::Revoke { consent } => (Some(*consent), None),
            _ => (None, Some(link.until)),
        };
        let mut order = self.in_stead(moment, kind, link, command);
        (order.record.patient, order.record.until) = (Some(patient), until);
        // Nobody but the patient and its delegates withdraws, and the patient has been quiet: the act is right.
        (order.record.consent, order.record.expected) = (consent, Expected::Permit);
        order
    }

    /// A consent for treatment that ends with the authority.
    fn terms_of(&mut self, moment: &Moment<'_>, link: &Link) -> Terms {
        let institutions = |kind| moment.population.institutions_of(kind);
        let kinds = [InstitutionKind::Pharmacy, InstitutionKind::Hospital];
        let kind = kinds.into_iter().find(|kind| !institutions(*kind).is_empty());
        let grantee = kind.and_then(|kind| pick(institutions(kind), &mut self.stream));
        Terms {
            denies: false,
            grantee: grantee.expect("the plan has a hospital"),
            classes: link.classes,
            purpose: Purpose::TREAT,
            until: link.until,
        }
    }

    fn in_stead(&self, moment: &Moment<'_>, kind: OperationKind, link: &Link, command: CommandKind) -> Order {
        self.by_patient(moment, kind, link.delegate, command)
    }
}

fn grant(moment: &Moment<'_>, link: &Link, terms: &Terms) -> CommandKind {
    let patient: PartyId = moment.population.patient(link.patient);
    let scope = Scope {
        grantee: Grantee::Party(terms.grantee),
        classes: List::new(terms.classes.to_vec()).expect("six are at most sixteen"),
        confidentiality_max: Confidentiality::N,
        sensitivities: Sensitivities(0),
        purposes: List::new(vec![terms.purpose]).expect("one is at most sixteen"),
        from: moment.now,
        until: terms.until,
        redisclosure: false,
    };
    CommandKind::Grant { patient, scope }
}
