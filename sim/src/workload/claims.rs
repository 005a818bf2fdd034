//! Insurance: an insurer covers a patient, a hospital asks whether it does, treats, claims, and the insurer decides.
//!
//! Encounters are, half each, registered records of class `Encounter` and sessions of telemedicine, opened and closed. One
//! to three services are claimed for each, one after the other. Every patient has one insurer, but one patient in
//! [`UNINSURED_ONE_IN`] has none, and no other insurer ever covers anybody, so that it is known beside the ledger who is
//! covered.
//!
//! A step that times out, or that a gateway turns away, ends its encounter silently: what became of it is unknown.
//! Bound: no encounter begins while another's step waits, so there are at most as many as operations under way.

mod wrong;

use super::{LifeCycles, Moment, Started, Target};
use crate::document::Subject;
use crate::history::{Figure, Incident, Note, OperationKind, System};
use crate::plan::{ClaimsPlan, InstitutionKind};
use crate::population::{Population, pick};
use crate::seed::Stream;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Actor, Command, CommandKind, Completion, End};
use ledger_core::ledger::transaction::{
    Action, ClaimAction, ClaimId, ClaimOutcome, Confidentiality, Encounter, Label, Outcome, PartyId,
    RecordClass, RecordId, Refusal, Sensitivities, SessionId, TelemedicineAction, TelemedicineOutcome,
};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp, nanos};
use std::collections::{BTreeMap, VecDeque};
use wrong::Deed;

/// One patient in so many has no insurer.
const UNINSURED_ONE_IN: u64 = 10;
/// Of adjudications, how many deny, per cent.
const DENIED_PERCENT: u64 = 8;
const YEAR: Duration = Duration::from_secs(365 * 86_400);

#[derive(Debug)]
pub(super) struct Claims {
    plan: ClaimsPlan,
    stream: Stream,
    cases: BTreeMap<u64, Case>,
    next_case: u64,
    /// Cases whose next step may be taken.
    ready: VecDeque<u64>,
    /// By operation: whose, and when it was scheduled.
    pending: BTreeMap<u64, (u64, Timestamp)>,
}

/// An encounter with what is claimed for it.
#[derive(Debug)]
struct Case {
    /// By index.
    patient: u64,
    other_patient: u64,
    hospital: PartyId,
    insurer: PartyId,
    other_insurer: Option<PartyId>,
    /// Members of staff by number.
    staff: u64,
    clerk: u64,
    wrong: Option<Deed>,
    next: Step,
    then: Step,
    session: Option<SessionId>,
    encounter: Option<Encounter>,
    /// Services claimed for before this one, and still to be claimed for.
    service: u32,
    services_left: u32,
    amount: u64,
    approved: u64,
    claim: Option<ClaimId>,
    submitted_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Cover,
    Check,
    Register,
    Open,
    Close,
    Submit,
    Adjudicate,
    Wrong(Deed),
    Finish,
}

/// How a step ended.
enum Verdict {
    Done(Outcome),
    Refused(Refusal),
    Unknown,
}

impl Verdict {
    fn of(completion: &Completion) -> Self {
        let outcome = match completion.end {
            End::Done(outcome) => Some(outcome),
            End::Refused(refusal) => Some(Outcome::Refused(refusal)),
            End::Answered => completion.answers.first().map(|answer| answer.outcome),
            End::KeyRefused(_) | End::Corrupt | End::Rejected | End::Overloaded | End::TimedOut => None,
        };
        match outcome {
            // Too late to have been looked at.
            None | Some(Outcome::Refused(Refusal::TransactionExpired)) => Self::Unknown,
            Some(Outcome::Refused(refusal)) => Self::Refused(refusal),
            Some(outcome) => Self::Done(outcome),
        }
    }
}

impl Claims {
    pub(super) fn new(plan: &ClaimsPlan, stream: Stream) -> Self {
        Self {
            plan: plan.clone(),
            stream,
            cases: BTreeMap::new(),
            next_case: 0,
            ready: VecDeque::new(),
            pending: BTreeMap::new(),
        }
    }

    fn draw(&mut self, population: &Population) -> Case {
        let stream = &mut self.stream;
        let hospitals = population.institutions_of(InstitutionKind::Hospital);
        let insurers = population.institutions_of(InstitutionKind::Insurer);
        let hospital = pick(hospitals, stream).expect("the plan has a hospital");
        let patients = population.patients();
        let wrong = Deed::draw(stream, &self.plan);
        let group = stream.below(patients.div_ceil(UNINSURED_ONE_IN)) * UNINSURED_ONE_IN;
        // The last of each group has no insurer; of the few after the last whole group all have one.
        let uninsured = (group + UNINSURED_ONE_IN - 1 < patients).then_some(group + UNINSURED_ONE_IN - 1);
        let insured = (group + stream.below(UNINSURED_ONE_IN - 1)).min(patients - 1);
        let (patient, wrong) = match (wrong, uninsured) {
            (Some(Deed::NotCovered), Some(uninsured)) => (uninsured, wrong),
            (Some(Deed::NotCovered), None) => (insured, None),
            (wrong, _) => (insured, wrong),
        };
        let own = (patient % insurers.len() as u64) as usize;
        let insurer = insurers[own];
        let other_insurer = insurers.get((own + 1) % insurers.len()).copied().filter(|it| *it != insurer);
        let uncovered = wrong == Some(Deed::NotCovered);
        Case {
            patient,
            other_patient: (patient + 1) % patients,
            hospital,
            insurer,
            other_insurer,
            staff: stream.below(population.staff_per_institution()),
            clerk: stream.below(population.staff_per_institution()),
            // What needs another insurer is left out where there is none.
            wrong: wrong.filter(|deed| deed.has_what_it_needs(other_insurer, patients)),
            next: if uncovered { encounter_step(stream) } else { Step::Cover },
            then: Step::Finish,
            session: None,
            encounter: None,
            service: stream.below(1_000) as u32 * 10,
            services_left: stream.uniform(1, 3) as u32,
            amount: stream.uniform(2_000, 90_000),
            approved: 0,
            claim: None,
            submitted_at: Timestamp::ZERO,
        }
    }
}

fn encounter_step(stream: &mut Stream) -> Step {
    if stream.chance(1, 2) { Step::Register } else { Step::Open }
}

impl Case {
    /// The encounter, though its session may still be open.
    fn met_in(&self) -> Encounter {
        let met = self.encounter.or(self.session.map(Encounter::Session));
        met.expect("they have met")
    }

    fn submit(&self, population: &Population) -> ClaimAction {
        ClaimAction::SubmitClaim {
            patient: population.patient(self.patient),
            insurer: self.insurer,
            encounter: self.met_in(),
            service: self.service,
            amount: self.amount,
        }
    }

    fn adjudicate(&self, moment: &Moment<'_>) -> ClaimAction {
        let reason = Digest(moment.seed.bytes32(&format!("claims/reason/{}", moment.operation)));
        ClaimAction::Adjudicate {
            claim: self.claim.expect("it was submitted"),
            approved: self.approved,
            reason,
        }
    }

    /// Who asks what, where.
    fn order(&self, moment: &Moment<'_>) -> (Actor, PartyId, Action) {
        let population = moment.population;
        let patient = population.patient(self.patient);
        let by_hospital = |action| (population.staff(self.hospital, self.staff), self.hospital, action);
        let by = |insurer, action| (population.staff(insurer, self.clerk), insurer, Action::Claim(action));
        match self.next {
            Step::Cover => {
                let policy = Digest(moment.seed.bytes32(&format!("claims/policy/{}", self.patient)));
                let period = (Timestamp::ZERO, moment.now + YEAR);
                by(self.insurer, ClaimAction::RegisterCoverage { patient, policy, period })
            }
            Step::Check => {
                let insurer = self.insurer;
                by_hospital(Action::Claim(ClaimAction::CheckEligibility { patient, insurer }))
            }
            Step::Open => {
                let clinician = population.staff(self.hospital, self.staff).party;
                by_hospital(Action::Telemedicine(TelemedicineAction::OpenSession { clinician, patient }))
            }
            Step::Close => {
                let session = self.session.expect("it is open");
                by_hospital(Action::Telemedicine(TelemedicineAction::CloseSession { session }))
            }
            Step::Submit => by_hospital(Action::Claim(self.submit(population))),
            Step::Adjudicate => by(self.insurer, self.adjudicate(moment)),
            Step::Wrong(Deed::AdjudicateAgain) => by(self.insurer, self.adjudicate(moment)),
            Step::Wrong(Deed::AdjudicateForOther) => {
                by(self.other_insurer.unwrap_or(self.insurer), self.adjudicate(moment))
            }
            Step::Wrong(deed) => by_hospital(Action::Claim(self.wrong_claim(population, deed))),
            Step::Register | Step::Finish => unreachable!("{:?} is no transaction of its own", self.next),
        }
    }

    fn wrong_claim(&self, population: &Population, deed: Deed) -> ClaimAction {
        let mut claim = self.submit(population);
        if let ClaimAction::SubmitClaim { patient, insurer, encounter, amount, .. } = &mut claim {
            match deed {
                Deed::NoRecord => *encounter = Encounter::Record(RecordId(u32::MAX)),
                Deed::OtherPatient => *patient = population.patient(self.other_patient),
                Deed::OtherInsurer => *insurer = self.other_insurer.unwrap_or(*insurer),
                // A little less, as if it were another.
                Deed::Duplicate => *amount -= 1,
                Deed::OpenSession | Deed::NotCovered => {}
                Deed::AdjudicateAgain | Deed::AdjudicateForOther => {}
            }
        }
        claim
    }

    /// What follows a right step that was done.
    fn after(&mut self, outcome: Outcome, stream: &mut Stream) -> Step {
        match self.next {
            Step::Cover => Step::Check,
            Step::Check => encounter_step(stream),
            Step::Register => {
                if let Outcome::RecordRegistered(id) = outcome {
                    self.encounter = Some(Encounter::Record(id));
                }
                Step::Submit
            }
            Step::Open => {
                if let Outcome::Telemedicine(TelemedicineOutcome::SessionOpened(session)) = outcome {
                    self.session = Some(session);
                }
                Step::Close
            }
            Step::Close => {
                self.encounter = self.session.map(Encounter::Session);
                Step::Submit
            }
            Step::Submit => {
                if let Outcome::Claim(ClaimOutcome::ClaimSubmitted(claim)) = outcome {
                    self.claim = Some(claim);
                }
                let paid = stream.uniform(80, 100) * u64::from(!stream.chance(DENIED_PERCENT, 100));
                self.approved = self.amount * paid / 100;
                Step::Adjudicate
            }
            Step::Adjudicate => {
                self.services_left -= 1;
                match self.services_left {
                    0 => Step::Finish,
                    _ => self.next_service(stream),
                }
            }
            Step::Wrong(_) | Step::Finish => Step::Finish,
        }
    }

    fn next_service(&mut self, stream: &mut Stream) -> Step {
        self.service += 1;
        self.amount = stream.uniform(2_000, 90_000);
        Step::Submit
    }

    /// What is done wrong before `next`, or `next`.
    fn instead(&mut self, next: Step) -> Step {
        let Some(deed) = self.wrong else { return next };
        let now = match deed {
            Deed::NoRecord | Deed::OtherPatient | Deed::OtherInsurer => next == Step::Submit,
            Deed::NotCovered => next == Step::Submit,
            Deed::OpenSession => next == Step::Close,
            Deed::Duplicate | Deed::AdjudicateForOther => next == Step::Adjudicate,
            Deed::AdjudicateAgain => self.claim.is_some() && matches!(next, Step::Submit | Step::Finish),
        };
        if !now {
            return next;
        }
        // Nobody goes on to claim what is not covered.
        self.then = if deed == Deed::NotCovered { Step::Finish } else { next };
        Step::Wrong(deed)
    }

    fn note(&mut self, at: Timestamp, scheduled: Timestamp, notes: &mut Vec<Note>) {
        let mut sample = |figure, value| notes.push(Note::Sample(figure, scheduled, value));
        match self.next {
            Step::Check => sample(Figure::EligibilityChecks, 1),
            Step::Submit => {
                self.submitted_at = scheduled;
                sample(Figure::ClaimsSubmitted, 1);
            }
            Step::Adjudicate => {
                sample(Figure::ClaimsAdjudicated, 1);
                sample(Figure::AdjudicationTime, nanos(at.since(self.submitted_at)));
            }
            Step::Cover | Step::Register | Step::Open | Step::Close | Step::Wrong(_) | Step::Finish => {}
        }
    }
}

impl LifeCycles for Claims {
    fn start(&mut self, moment: &Moment<'_>) -> Started {
        let id = self.ready.pop_front().unwrap_or_else(|| {
            let case = self.draw(moment.population);
            self.cases.insert(self.next_case, case);
            self.next_case += 1;
            self.next_case - 1
        });
        self.pending.insert(moment.operation, (id, moment.now));
        let case = &self.cases[&id];
        if case.next == Step::Register {
            return register(case, moment, &mut self.stream);
        }
        let (actor, institution, action) = case.order(moment);
        let gateway = moment.population.gateway(institution).unwrap_or(GatewayId(0));
        let kind = CommandKind::Bundle { actions: action.into(), atomic: false };
        let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
        let record = moment.row(OperationKind::Claims, gateway);
        Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
    }

    fn completed(&mut self, now: Timestamp, operation: u64, completion: &Completion, notes: &mut Vec<Note>) {
        let Some((id, scheduled)) = self.pending.remove(&operation) else { return };
        let at = completion.receipt_at.unwrap_or(now);
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.next = match (case.next, Verdict::of(completion)) {
            (_, Verdict::Unknown) => Step::Finish,
            (Step::Wrong(deed), verdict) => {
                let refusal = match verdict {
                    Verdict::Refused(refusal) => Some(refusal),
                    Verdict::Done(_) | Verdict::Unknown => None,
                };
                let caught = (refusal == Some(deed.refusal())).then_some(at);
                notes.push(Note::Incident(Incident { wrong: deed.wrong(), at: scheduled, caught }));
                case.wrong = None;
                // One that was let through has changed what is right.
                if caught.is_some() { case.then } else { Step::Finish }
            }
            (_, Verdict::Refused(refusal)) => {
                notes.push(Note::FalseAlarm(System::Claims, scheduled, refusal));
                Step::Finish
            }
            (_, Verdict::Done(outcome)) => {
                case.note(at, scheduled, notes);
                let next = case.after(outcome, &mut self.stream);
                case.instead(next)
            }
        };
        match case.next {
            Step::Finish => {
                self.cases.remove(&id);
            }
            _ => self.ready.push_back(id),
        }
    }

    fn finish(&mut self, _: Timestamp, _: &mut Vec<Note>) {
        self.cases.clear();
        self.pending.clear();
        self.ready.clear();
    }
}

/// The hospital takes the encounter's document into custody.
fn register(case: &Case, moment: &Moment<'_>, stream: &mut Stream) -> Started {
    let population = moment.population;
    let patient = population.patient(case.patient);
    let size = stream.uniform(1_500, 6_000);
    let subject = Subject {
        class: RecordClass::Encounter,
        size_bytes: size,
        patient,
        custodian: case.hospital,
        unique: population.records() + moment.operation,
    };
    let (locator, document) = population.compose(&subject);
    let bytes = document.len() as u64;
    let kind = CommandKind::Register {
        patient,
        patient_wrap_key: population.wrap_public(patient),
        class: RecordClass::Encounter,
        label: Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) },
        locator,
        document,
    };
    let gateway = population.gateway(case.hospital).unwrap_or(GatewayId(0));
    let actor = population.staff(case.hospital, case.staff);
    let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
    let mut record = moment.row(OperationKind::Register, gateway);
    record.bytes = bytes;
    Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
}
