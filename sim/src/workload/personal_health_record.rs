//! Medrec: patients decide who reads, for what purpose, until when; every access, permitted or refused, is on the
//! ledger.
//!
//! * **register**: a hospital or laboratory takes a document into custody. Patients by Zipf.
//! * **share**: a document is read elsewhere. Records by Zipf, the newest first: results are read when they are new.
//!   Where the patient has given a consent that fits, half of the time its grantee reads (pharmacies for treatment,
//!   insurers for payment, the named hospital); otherwise another hospital, under the consent that all patients gave at
//!   genesis. So hospitals ask most. (In reality pharmacies ask as much, for prescriptions: that is the drug supply's
//!   workload.) [`WRONG_PERCENT`] of the requests are wrong on purpose: for research, by a pharmacy (or insurer) that
//!   holds no consent, or under a consent that was revoked.
//! * **consent**: half grants, a tenth directives against a hospital, the rest revocations of either. Patients by Zipf,
//!   but not within [`LATELY`] of a change of theirs, so that nearly all requests have one right answer.
//! * **audit**: the auditor fetches the proof of one of the last few thousand entries.
//! * **break_glass**: a clinician elsewhere reads in an emergency; the custodian's staff review it 5 to 30 seconds
//!   later. A review takes the place of the next break-glass access, so the share holds for both together. The part
//!   `unreviewed` of them is reviewed only when that is too late (`ledger.policy.review_window`), which the ledger
//!   refuses and so puts on record.
//!
//! * **keys**: what follows from changes of consent is done about keys: see [`keys`].
//! * **erase**: staff of the custodian give up a record for good, all records equally likely to be drawn as they are to
//!   be read. Asked for later, it is refused.
//! * **delegate**: a patient names another one who may decide in their stead, or one who was named does: see
//!   [`delegates`].
//!
//! What cannot be done yet (nothing to audit) becomes a share, and where nobody could share, a registration.

mod consents;
mod delegates;
mod keys;
mod knowledge;
mod recoveries;

use super::{Moment, Started, Target};
use crate::document::{self, Subject};
use crate::history::{Expected, Operation, OperationKind, Wrong};
use crate::plan::{InstitutionKind, RecordMix};
use crate::population::{Population, RecordInfo, pick};
use crate::seed::{Stream, Zipf};
pub(super) use consents::Ask;
use consents::{Change, Terms};
use keys::KeyWork;
pub(super) use knowledge::{Knowledge, Pending};
use ledger_core::codec::List;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Actor, Command, CommandKind};
use ledger_core::ledger::transaction::{
    Confidentiality, Grantee, Label, PartyId, Purpose, RecordClass, RecordId, Scope, Sensitivities,
};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
pub(super) use recoveries::RecoveryWork;

/// Requests that are wrong on purpose.
pub(super) const WRONG_PERCENT: u64 = 3;
/// A patient who changed something within it changes nothing more.
const LATELY: Duration = Duration::from_secs(60);
/// Redraws until a patient or record fits.
const ATTEMPTS: usize = 8;
const BREAK_GLASS_WINDOW: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(super) struct PersonalHealthRecord {
    mix: RecordMix,
    zipf_milli: u64,
    /// Break-glass accesses that nobody reviews in time, parts per million.
    unreviewed_ppm: u32,
    review_window: Duration,
    patients: Zipf,
    stream: Stream,
}

/// What a patient permits an institution of a kind.
struct Custom {
    kind: InstitutionKind,
    /// Of grants.
    weight: u32,
    purpose: Purpose,
    classes: &'static [RecordClass],
}

/// A pharmacy sees what a dose depends on, an insurer what is billed, a hospital everything.
const CUSTOMS: [Custom; 3] = [
    Custom {
        kind: InstitutionKind::Pharmacy,
        weight: 60,
        purpose: Purpose::TREAT,
        classes: &[RecordClass::MedicationRequest, RecordClass::Observation, RecordClass::Summary],
    },
    Custom {
        kind: InstitutionKind::Insurer,
        weight: 15,
        purpose: Purpose::HPAYMT,
        classes: &[RecordClass::Encounter, RecordClass::DiagnosticReport],
    },
    Custom { kind: InstitutionKind::Hospital, weight: 25, purpose: Purpose::TREAT, classes: &ALL_CLASSES },
];

const ALL_CLASSES: [RecordClass; 6] = RecordClass::ALL;

/// How an operation goes out: by which gateway, as whom, what; and its row.
struct Order {
    gateway: GatewayId,
    actor: Actor,
    command: CommandKind,
    record: Operation,
}

impl Order {
    fn start(self, moment: &Moment<'_>) -> Started {
        let Self { gateway, actor, command: kind, record } = self;
        let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
        Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
    }
}

impl PersonalHealthRecord {
    pub(super) fn new(
        mix: RecordMix,
        (zipf_milli, unreviewed_ppm): (u64, u32),
        review_window: Duration,
        population: &Population,
        stream: Stream,
    ) -> Self {
        let patients = Zipf::new(population.patients().max(1), zipf_milli);
        Self { mix, zipf_milli, unreviewed_ppm, review_window, patients, stream }
    }

    pub(super) fn start(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Started {
        if let Some(order) = self.recovery(moment, knowledge) {
            return order.start(moment);
        }
        let RecordMix { register, share, consent, audit, break_glass, keys, erase, delegate } = self.mix;
        let parts = [register, share, consent, audit, break_glass, keys, erase, delegate];
        let order = match self.stream.pick_weighted(&parts) {
            0 => None,
            1 => self.share(moment, knowledge),
            2 => Some(self.change(moment, knowledge)),
            3 => self.audit(moment, knowledge).or_else(|| self.share(moment, knowledge)),
            4 => self.emergency(moment, knowledge).or_else(|| self.share(moment, knowledge)),
            5 => self.key_work(moment, knowledge).or_else(|| self.share(moment, knowledge)),
            6 => self.erase(moment, knowledge).or_else(|| self.share(moment, knowledge)),
            _ => Some(self.delegate(moment, knowledge)),
        };
        let order = order.unwrap_or_else(|| self.register(moment, knowledge));
        order.start(moment)
    }

    /// The next step of getting back what a hospital lost: every other arrival, as long as there is something to do.
    fn recovery(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        if !moment.operation.is_multiple_of(2) {
            return None;
        }
        let population = moment.population;
        let (work, command) = knowledge.recoveries.take(population, moment.chain)?;
        let order = match &work {
            RecoveryWork::Rewrap { info, .. } => {
                let patient = population.patient_index(info.patient)?;
                self.by_patient(moment, OperationKind::Rewrap, patient, command)
            }
            RecoveryWork::Recover { info, .. } => {
                self.by_staff(moment, OperationKind::Rotate, info.custodian, command)
            }
        };
        knowledge.begin(moment.operation, Pending::Recovery(work));
        Some(order)
    }

    fn register(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Order {
        let population = moment.population;
        let patient = self.patients.sample(&mut self.stream);
        let (class, size) = document::draw(&mut self.stream);
        let custodian = population.custodian(class, population.home_of(patient), &mut self.stream);
        let patient = population.patient(patient);
        let unique = population.records() + moment.operation;
        let about = moment.about(patient);
        let subject = Subject { class, size_bytes: size, patient: about, custodian, unique };
        let (locator, document) = population.compose(&subject);
        let bytes = document.len() as u64;
        knowledge
            .begin(moment.operation, Pending::Register(RecordInfo { patient, custodian, class, locator }));
        let command = CommandKind::Register {
            patient,
            patient_wrap_key: population.wrap_public(patient),
            class,
            label: Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) },
            locator,
            document,
        };
        let mut order = self.by_staff(moment, OperationKind::Register, custodian, command);
        order.record.bytes = bytes;
        order.record.patient = Some(patient);
        order
    }

    fn share(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        let wrong = self.stream.chance(WRONG_PERCENT, 100);
        let (id, ask, wrong) = self.draw_ask(moment, knowledge, wrong)?;
        let Ask { reader, record, purpose, consent } = ask;
        let expected = knowledge.consents.verdict(moment.now, moment.population, &ask);
        let changes = knowledge.consents.changes(record.patient);
        knowledge.begin(moment.operation, Pending::Share { record, reader, changes, expected });
        let command = CommandKind::Share { record: id, purpose, consent };
        let mut order = self.by_staff(moment, OperationKind::Share, reader, command);
        order.record.bytes = moment.population.size_of(record.locator);
        order.record.expected = expected;
        order.record.wrong = wrong.filter(|_| expected == Expected::Refuse);
        order.record.consent = consent;
        order.record.record = Some(id);
        order.record.patient = Some(record.patient);
        Some(order)
    }

    fn draw_ask(
        &mut self,
        moment: &Moment<'_>,
        knowledge: &Knowledge,
        wrong: bool,
    ) -> Option<(RecordId, Ask, Option<Wrong>)> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let (id, record) = knowledge.draw_record(moment.population, self.zipf_milli, &mut self.stream)?;
            let ask = match wrong {
                true => self.wrong_ask(moment.population, knowledge, record),
                false => self.right_ask(moment, knowledge, record).map(|ask| (ask, None)),
            };
            if let Some((ask, wrong)) = ask {
                return Some((id, ask, wrong));
            }
            last = Some((id, record));
        }
        // Nobody may read any of them: somebody tries nevertheless.
        let (id, record) = last?;
        let reader = self.stranger(moment.population, record.custodian)?;
        let ask = Ask { reader, record, purpose: Purpose::TREAT, consent: None };
        Some((id, ask, Some(Wrong::AccessWithoutConsent)))
    }

    fn right_ask(&mut self, moment: &Moment<'_>, knowledge: &Knowledge, record: RecordInfo) -> Option<Ask> {
        let usable = |known: &&consents::Known| {
            let Terms { denies, grantee, classes, until, .. } = &known.terms;
            let fits = !denies && !known.revoked && classes.contains(&record.class);
            fits && *grantee != record.custodian && moment.now < *until
        };
        let usable: Vec<_> = knowledge.consents.of(record.patient).iter().filter(usable).collect();
        let hospitals = moment.population.institutions_of(InstitutionKind::Hospital);
        let hospital = self.pick_except(hospitals, record.custodian);
        let by_grant = hospital.is_none() || self.stream.chance(1, 2);
        if let Some(known) = pick(&usable, &mut self.stream).filter(|_| by_grant) {
            let Terms { grantee: reader, purpose, .. } = known.terms;
            return Some(Ask { reader, record, purpose, consent: Some(known.id) });
        }
        let consent = moment.population.patient_index(record.patient);
        let consent = consent.map(|index| moment.population.genesis_consent(index));
        Some(Ask { reader: hospital?, record, purpose: Purpose::TREAT, consent })
    }

    fn wrong_ask(
        &mut self,
        population: &Population,
        knowledge: &Knowledge,
        record: RecordInfo,
    ) -> Option<(Ask, Option<Wrong>)> {
        let revoked = |known: &&consents::Known| {
            known.revoked && !known.terms.denies && known.terms.grantee != record.custodian
        };
        let revoked: Vec<_> = knowledge.consents.of(record.patient).iter().filter(revoked).collect();
        if let Some(known) = pick(&revoked, &mut self.stream) {
            let Terms { grantee: reader, purpose, .. } = known.terms;
            let ask = Ask { reader, record, purpose, consent: Some(known.id) };
            return Some((ask, Some(Wrong::AccessAfterRevocation)));
        }
        if self.stream.chance(1, 2) {
            let reader = self.stranger(population, record.custodian)?;
            let ask = Ask { reader, record, purpose: Purpose::TREAT, consent: None };
            return Some((ask, Some(Wrong::AccessWithoutConsent)));
        }
        let hospitals = population.institutions_of(InstitutionKind::Hospital);
        let reader = self.pick_except(hospitals, record.custodian)?;
        let consent = population.patient_index(record.patient);
        let consent = consent.map(|index| population.genesis_consent(index));
        let ask = Ask { reader, record, purpose: Purpose::HRESCH, consent };
        Some((ask, Some(Wrong::AccessOutsidePurpose)))
    }

    /// A pharmacy, else an insurer, a laboratory, a hospital.
    fn stranger(&mut self, population: &Population, custodian: PartyId) -> Option<PartyId> {
        let kinds = [
            InstitutionKind::Pharmacy,
            InstitutionKind::Insurer,
            InstitutionKind::Laboratory,
            InstitutionKind::Hospital,
        ];
        kinds.into_iter().find_map(|kind| self.pick_except(population.institutions_of(kind), custodian))
    }

    fn change(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Order {
        match self.stream.pick_weighted(&[50, 10, 40]) {
            0 => self.grant(moment, knowledge, false),
            1 => self.grant(moment, knowledge, true),
            _ => match self.revoke(moment, knowledge) {
                Some(order) => order,
                None => self.grant(moment, knowledge, false),
            },
        }
    }

    /// A consent, or a directive if it `denies`.
    fn grant(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge, denies: bool) -> Order {
        let population = moment.population;
        let mut patient = self.patients.sample(&mut self.stream);
        for _ in 0..ATTEMPTS {
            if knowledge.consents.is_quiet(moment.now, population.patient(patient), LATELY) {
                break;
            }
            patient = self.patients.sample(&mut self.stream);
        }
        let terms = self.terms(moment, denies);
        let scope = Scope {
            grantee: Grantee::Party(terms.grantee),
            classes: List::new(terms.classes.to_vec()).expect("six are at most sixteen"),
            // A directive is about everything, a consent about what is not specially protected.
            confidentiality_max: if denies { Confidentiality::V } else { Confidentiality::N },
            sensitivities: Sensitivities(0),
            purposes: List::new(vec![terms.purpose]).expect("one is at most sixteen"),
            from: moment.now,
            until: terms.until,
            redisclosure: false,
        };
        let party = population.patient(patient);
        let until = terms.until;
        knowledge
            .begin(moment.operation, Pending::Change { patient: party, change: Change::Register(terms) });
        let (kind, command) = match denies {
            true => (OperationKind::Deny, CommandKind::Deny { scope }),
            false => (OperationKind::Grant, CommandKind::Grant { patient: party, scope }),
        };
        let mut order = self.by_patient(moment, kind, patient, command);
        (order.record.patient, order.record.until) = (Some(party), Some(until));
        order
    }

    fn terms(&mut self, moment: &Moment<'_>, denies: bool) -> Terms {
        let institutions = |custom: &Custom| moment.population.institutions_of(custom.kind);
        let weight = |custom: &Custom| match denies {
            // Hospitals hold the only consent that everybody gave: directives are against them.
            true => u32::from(custom.kind == InstitutionKind::Hospital),
            false if institutions(custom).is_empty() => 0,
            false => custom.weight,
        };
        let custom = &CUSTOMS[self.stream.pick_weighted(&CUSTOMS.each_ref().map(weight))];
        let grantee = pick(institutions(custom), &mut self.stream).expect("the plan has a hospital");
        // One consent in eight ends within the run or soon after; a directive stays until it is revoked.
        let span = match self.stream.chance(1, 8) {
            true => Duration::from_secs(self.stream.uniform(40, 160)),
            false => Duration::from_secs(365 * 86_400),
        };
        let until = if denies { Timestamp::MAX } else { moment.now + span };
        Terms { denies, grantee, classes: custom.classes, purpose: custom.purpose, until }
    }

    fn revoke(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        let mut chosen = None;
        for _ in 0..ATTEMPTS {
            let live = knowledge.consents.live();
            let index = (!live.is_empty()).then(|| self.stream.below(live.len() as u64) as usize)?;
            chosen = Some(index);
            if knowledge.consents.is_quiet(moment.now, live[index].1, LATELY) {
                break;
            }
        }
        let (consent, party) = knowledge.consents.take_live(chosen?);
        let patient = moment.population.patient_index(party)?;
        knowledge.begin(moment.operation, Pending::Change { patient: party, change: Change::Revoke });
        let command = CommandKind::Revoke { consent };
        let mut order = self.by_patient(moment, OperationKind::Revoke, patient, command);
        order.record.consent = Some(consent);
        order.record.patient = Some(party);
        Some(order)
    }

    fn audit(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        let index = knowledge.draw_entry(&mut self.stream)?;
        knowledge.begin(moment.operation, Pending::Other);
        let gateway = GatewayId(self.stream.below(moment.population.institutions() as u64) as u32);
        Some(Order {
            gateway,
            actor: moment.population.auditor_actor(),
            command: CommandKind::Audit { index },
            record: moment.row(OperationKind::Audit, gateway),
        })
    }

    /// A review that is due, or else a break-glass access.
    fn emergency(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        if let Some((access, custodian, late)) = knowledge.take_review(moment.now) {
            knowledge.begin(moment.operation, Pending::Other);
            let justified = self.stream.chance(19, 20);
            let command = CommandKind::Review { access, justified };
            let mut order = self.by_staff(moment, OperationKind::Review, custodian, command);
            if late {
                order.record.wrong = Some(Wrong::BreakGlassUnreviewed);
                order.record.expected = Expected::Refuse;
            }
            return Some(order);
        }
        let hospitals = moment.population.institutions_of(InstitutionKind::Hospital);
        for _ in 0..ATTEMPTS {
            let (id, record) = knowledge.draw_record(moment.population, self.zipf_milli, &mut self.stream)?;
            let Some(reader) = self.pick_except(hospitals, record.custodian) else { continue };
            let late = self.unreviewed_ppm > 0 && self.stream.chance(self.unreviewed_ppm.into(), 1_000_000);
            let review_after = late.then_some(self.review_window);
            knowledge.begin(moment.operation, Pending::BreakGlass { record, review_after });
            let reason = Digest::sha256(&[b"reason of emergency", &moment.operation.to_le_bytes()]);
            let command = CommandKind::BreakGlass { record: id, reason, window: BREAK_GLASS_WINDOW };
            let mut order = self.by_staff(moment, OperationKind::BreakGlass, reader, command);
            order.record.bytes = moment.population.size_of(record.locator);
            // No directive of this workload names break-glass, and nothing but erasure forbids it.
            let erased = self.mix.erase > 0 && knowledge.consents.may_be_erased(moment.now, &record);
            order.record.expected = if erased { Expected::Either } else { Expected::Permit };
            order.record.record = Some(id);
            order.record.patient = Some(record.patient);
            return Some(order);
        }
        None
    }

    fn key_work(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        let population = moment.population;
        match knowledge.take_key_work(population, moment.chain)? {
            KeyWork::Rewrap { record, info, grantee, held } => {
                let patient = population.patient_index(info.patient)?;
                knowledge.begin(moment.operation, Pending::Rewrap { record, grantee });
                let (recipient, held) = (population.wrap_public(grantee), (*held).clone());
                let pair = population.agent_pair(population.home_of(patient));
                let command = CommandKind::Rewrap { record, grantee, recipient, pair, held };
                let mut order = self.by_patient(moment, OperationKind::Rewrap, patient, command);
                order.record.record = Some(record);
                Some(order)
            }
            KeyWork::Rotate { record, info, locator } => {
                knowledge.begin(moment.operation, Pending::Rotate(record));
                let patient_wrap_key = population.wrap_public(info.patient);
                let command = CommandKind::Rotate { record, patient_wrap_key, locator };
                let mut order = self.by_staff(moment, OperationKind::Rotate, info.custodian, command);
                order.record.bytes = population.size_of(locator);
                order.record.record = Some(record);
                Some(order)
            }
        }
    }

    fn erase(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Option<Order> {
        let (record, info) = knowledge.draw_record(moment.population, self.zipf_milli, &mut self.stream)?;
        let RecordInfo { patient, custodian, locator, .. } = info;
        knowledge.begin(moment.operation, Pending::Erase { patient, record, locator });
        let command = CommandKind::Shred { record };
        let mut order = self.by_staff(moment, OperationKind::Erase, custodian, command);
        order.record.record = Some(record);
        order.record.patient = Some(patient);
        Some(order)
    }

    /// By a member of an institution's staff, drawn.
    fn by_staff(
        &mut self,
        moment: &Moment<'_>,
        kind: OperationKind,
        institution: PartyId,
        command: CommandKind,
    ) -> Order {
        let gateway = moment.population.gateway(institution).expect("an institution has a gateway");
        let actor = moment
            .population
            .staff(institution, self.stream.below(moment.population.staff_per_institution()));
        Order { gateway, actor, command, record: moment.row(kind, gateway) }
    }

    /// By a patient, through the agent at home.
    fn by_patient(
        &self,
        moment: &Moment<'_>,
        kind: OperationKind,
        patient: u64,
        command: CommandKind,
    ) -> Order {
        let home = moment.population.home_of(patient);
        let gateway = moment.population.gateway(home).expect("an institution has a gateway");
        let actor = moment.population.patient_actor(patient);
        Order { gateway, actor, command, record: moment.row(kind, gateway) }
    }

    /// One of these institutions other than `not`, drawn.
    fn pick_except(&mut self, institutions: &[PartyId], not: PartyId) -> Option<PartyId> {
        let without = institutions.iter().position(|institution| *institution == not);
        let others = institutions.len() as u64 - u64::from(without.is_some());
        let index = (others > 0).then(|| self.stream.below(others) as usize)?;
        Some(institutions[index + usize::from(without.is_some_and(|without| index >= without))])
    }
}
