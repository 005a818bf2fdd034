//! One trial as the workload knows it, beside the ledger: who takes part, what was done, and what receipts proved.

use super::script::{Lane, Stage, Step, Violation, Writer};
use crate::history::{Figure, Incident, Note, System};
use crate::plan::{ClinicalTrialPlan, InstitutionKind};
use crate::population::{Population, pick};
use crate::seed::Stream;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Completion, End};
use ledger_core::ledger::transaction::{
    ApprovalId, ConsentId, Outcome, PartyId, RecordId, Refusal, SubjectId, TrialId, TrialOutcome, TrialPlan,
};
use ledger_core::ledger::{DataChain, data_root};
use ledger_core::time::{Timestamp, nanos};
use std::collections::VecDeque;

/// A trial.
#[derive(Debug)]
pub(super) struct Study {
    /// Makes its commitments its own.
    salt: u64,
    pub(super) sponsor: PartyId,
    pub(super) board: PartyId,
    pub(super) institute: PartyId,
    pub(super) sites: Vec<PartyId>,
    pub(super) participants: Vec<Participant>,
    /// Wants to take part when it is too late; by index.
    pub(super) latecomer: u64,
    stages: VecDeque<Stage>,
    /// Of the present stage, what is left.
    pub(super) lanes: Vec<Lane>,
    /// Lanes that are not over.
    pub(super) open: usize,
    /// Known by receipts, as all below.
    pub(super) trial: Option<TrialId>,
    /// By version.
    pub(super) approvals: Vec<ApprovalId>,
    pub(super) version: u32,
    registered_at: Option<Timestamp>,
    published: Option<Digest>,
    /// Subjects whose data were read.
    read: u64,
}

/// Somebody who takes part.
#[derive(Debug)]
pub(super) struct Participant {
    /// By index.
    pub(super) patient: u64,
    pub(super) site: PartyId,
    pub(super) subject: Option<SubjectId>,
    pub(super) enrolled: bool,
    /// What was captured, in order.
    pub(super) leaves: Vec<Digest>,
    /// The chain's head by its last receipt.
    proven: Digest,
    pub(super) record: Option<RecordId>,
    pub(super) consent: Option<ConsentId>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    /// As it should.
    Well,
    /// Without an answer, and nothing but the rest of its lane depends on it.
    Nowhere,
    /// Otherwise: what the ledger holds of this trial is not known.
    Wrong,
}

impl Participant {
    /// The chain of all leaves.
    pub(super) fn chain(&self) -> DataChain {
        self.leaves.iter().fold(DataChain::default(), |chain, leaf| chain.with(leaf))
    }
}

impl Study {
    /// Draws who takes part and what happens.
    pub(super) fn new(plan: &ClinicalTrialPlan, population: &Population, stream: &mut Stream) -> Self {
        let one = |kind, stream: &mut Stream| {
            pick(population.institutions_of(kind), stream).expect("the plan has one of each kind")
        };
        let sponsor = one(InstitutionKind::Sponsor, stream);
        let board = one(InstitutionKind::EthicsBoard, stream);
        let institute = one(InstitutionKind::ResearchInstitute, stream);
        let hospitals = population.institutions_of(InstitutionKind::Hospital);
        let sites: Vec<PartyId> = distinct(plan.sites, hospitals.len() as u64, stream)
            .into_iter()
            .map(|row| hospitals[row as usize])
            .collect();
        let mut patients = distinct(plan.subjects + 1, population.patients(), stream);
        let latecomer = patients.pop().expect("one more than subjects");
        let participant = |(row, patient): (usize, u64)| Participant {
            patient,
            site: sites[row % sites.len()],
            subject: None,
            enrolled: false,
            leaves: Vec::new(),
            proven: Digest::default(),
            record: None,
            consent: None,
        };
        let participants = patients.into_iter().enumerate().map(participant).collect();
        let salt = stream.bits();
        let stages = Writer { plan, stream, stages: VecDeque::new() }.write(sites.len());
        let mut study = Self {
            salt,
            sponsor,
            board,
            institute,
            sites,
            participants,
            latecomer,
            stages,
            lanes: Vec::new(),
            open: 0,
            trial: None,
            approvals: Vec::new(),
            version: 0,
            registered_at: None,
            published: None,
            read: 0,
        };
        study.next_stage();
        study
    }

    /// Goes on with the next stage; false if there is none.
    pub(super) fn next_stage(&mut self) -> bool {
        let Some(stage) = self.stages.pop_front() else { return false };
        (self.open, self.lanes) = (stage.len(), stage);
        true
    }

    /// Whether its life is lived.
    pub(super) fn is_over(&self) -> bool {
        self.open == 0 && self.stages.is_empty()
    }

    /// A commitment of this trial's.
    pub(super) fn commitment(&self, what: &str, number: u64) -> Digest {
        Digest::sha256(&[b"trial ", what.as_bytes(), &self.salt.to_le_bytes(), &number.to_le_bytes()])
    }

    /// What a version is bound to.
    pub(super) fn plan(&self, version: u32) -> TrialPlan {
        let number = u64::from(version);
        TrialPlan {
            protocol: self.commitment("protocol", number),
            analysis: self.commitment("analysis", number),
        }
    }

    /// What a participant's next visit captures.
    pub(super) fn leaf(&self, subject: usize) -> Digest {
        let visit = self.participants[subject].leaves.len() as u64;
        self.commitment("visit", (subject as u64) << 32 | visit)
    }

    /// Over the chains of all who were enrolled, worked out from their leaves.
    pub(super) fn data_root(&self) -> Digest {
        let enrolled = self.participants.iter().filter(|participant| participant.enrolled);
        let mut chains: Vec<(SubjectId, DataChain)> =
            enrolled.filter_map(|participant| Some((participant.subject?, participant.chain()))).collect();
        chains.sort_unstable_by_key(|(subject, _)| *subject);
        data_root(&chains)
    }

    /// What became of a step that was scheduled and ended at these times.
    pub(super) fn learn(
        &mut self,
        step: Step,
        (scheduled, now): (Timestamp, Timestamp),
        completion: &Completion,
        notes: &mut Vec<Note>,
    ) -> Went {
        let (outcome, refusal) = match completion.end {
            End::Answered => {
                let refusal = completion.answers.iter().find_map(|answer| answer.refusal());
                (completion.answers.first().map(|answer| answer.outcome), refusal)
            }
            End::Done(outcome) => (Some(outcome), None),
            End::Refused(refusal) => (None, Some(refusal)),
            End::KeyRefused(_) | End::Corrupt | End::Rejected | End::Overloaded | End::TimedOut => {
                return self.without_answer(step);
            }
        };
        if let Step::Violate(violation) = step {
            return self.judge(violation, (scheduled, now), refusal, notes);
        }
        if let Some(refusal) = refusal {
            notes.push(Note::FalseAlarm(System::ClinicalTrial, scheduled, refusal));
            return Went::Wrong;
        }
        let at = completion.receipt_at.unwrap_or(now);
        match outcome.is_some_and(|outcome| self.record(step, outcome, (scheduled, at), notes)) {
            true => Went::Well,
            false => Went::Wrong,
        }
    }

    /// Sharing changes nothing of the trial. All else may have been done or not.
    fn without_answer(&self, step: Step) -> Went {
        match step {
            Step::Deposit { .. } | Step::Grant { .. } | Step::Read { .. } => Went::Nowhere,
            Step::Violate(Violation::ReadUnconsented { .. }) => Went::Nowhere,
            Step::Approve { .. } | Step::Register | Step::Amend | Step::ActivateSites => Went::Wrong,
            Step::CloseSites | Step::Consent { .. } | Step::Enrol { .. } => Went::Wrong,
            Step::Randomise { .. } | Step::Capture { .. } | Step::Withdraw { .. } => Went::Wrong,
            Step::UnblindSubject { .. } | Step::Lock | Step::Unblind | Step::Publish => Went::Wrong,
            Step::Violate(_) => Went::Wrong,
        }
    }

    fn judge(
        &self,
        violation: Violation,
        (scheduled, now): (Timestamp, Timestamp),
        refusal: Option<Refusal>,
        notes: &mut Vec<Note>,
    ) -> Went {
        let (wrong, expected) = violation.judgement();
        let caught = (refusal == Some(expected)).then_some(now);
        notes.push(Note::Incident(Incident { wrong, at: scheduled, caught }));
        if caught.is_none() {
            return Went::Wrong;
        }
        notes.push(Note::Sample(Figure::ViolationsRefused, scheduled, 1));
        Went::Well
    }

    /// Takes what a receipt proves; false if it is nothing that the step can come to.
    fn record(
        &mut self,
        step: Step,
        outcome: Outcome,
        (scheduled, at): (Timestamp, Timestamp),
        notes: &mut Vec<Note>,
    ) -> bool {
        let mut count = |figure| notes.push(Note::Sample(figure, scheduled, 1));
        let known = |subject: usize, study: &Self| study.participants[subject].subject;
        match (step, outcome) {
            (Step::Approve { .. }, Outcome::Trial(TrialOutcome::Approved(id))) => self.approvals.push(id),
            (Step::Register, Outcome::Trial(TrialOutcome::Registered(id))) => {
                (self.trial, self.registered_at) = (Some(id), Some(at));
                count(Figure::TrialsRegistered);
            }
            (Step::Amend, Outcome::Trial(TrialOutcome::Amended { version, .. })) => self.version = version,
            (Step::ActivateSites, Outcome::Trial(TrialOutcome::SiteActivated(_))) => {}
            (Step::CloseSites, Outcome::Trial(TrialOutcome::SiteClosed(_))) => {}
            (Step::Consent { subject }, Outcome::Trial(TrialOutcome::Consented(id))) => {
                if self.participants[subject].subject.replace(id).is_some() {
                    count(Figure::ConsentsRenewed);
                }
            }
            (Step::Enrol { subject }, Outcome::Trial(TrialOutcome::Enrolled(id))) => {
                self.participants[subject].enrolled = true;
                count(Figure::SubjectsEnrolled);
                return known(subject, self) == Some(id);
            }
            (Step::Randomise { .. }, Outcome::Trial(TrialOutcome::Randomised(_))) => {}
            (Step::Capture { subject, .. }, Outcome::Trial(TrialOutcome::Captured { head, .. })) => {
                let leaf = self.leaf(subject);
                let participant = &mut self.participants[subject];
                participant.leaves.push(leaf);
                participant.proven = head;
                count(Figure::DataCaptured);
            }
            (Step::Withdraw { .. }, Outcome::Trial(TrialOutcome::Withdrawn(_))) => {
                count(Figure::SubjectsWithdrawn);
            }
            (Step::UnblindSubject { .. }, Outcome::Trial(TrialOutcome::SubjectUnblinded(_))) => {
                count(Figure::EmergencyUnblindings);
            }
            (Step::Lock, Outcome::Trial(TrialOutcome::Locked { .. })) => count(Figure::TrialsLocked),
            (Step::Unblind, Outcome::Trial(TrialOutcome::Unblinded(_))) => {}
            (Step::Publish, Outcome::Trial(TrialOutcome::Published { root, .. })) => {
                self.published = Some(root);
                count(Figure::TrialsPublished);
                if let Some(registered_at) = self.registered_at {
                    let span = nanos(at.since(registered_at));
                    notes.push(Note::Sample(Figure::TrialPublicationTime, scheduled, span));
                }
            }
            (Step::Deposit { subject }, Outcome::RecordRegistered(id)) => {
                self.participants[subject].record = Some(id);
            }
            (Step::Grant { subject }, Outcome::ConsentRegistered(id)) => {
                self.participants[subject].consent = Some(id);
            }
            (Step::Read { .. }, Outcome::Permitted { .. }) => {
                self.read += 1;
                count(Figure::TrialDataShared);
            }
            _ => return false,
        }
        true
    }

    /// Once its life is lived: whether what was published rests on what was captured. Each subject's chain must end at
    /// the head that its last receipt proves, and the root over all must be the published one.
    pub(super) fn verify(&self, scheduled: Timestamp, notes: &mut Vec<Note>) {
        let Some(published) = self.published.filter(|_| self.read > 0) else { return };
        let chained =
            self.participants.iter().all(|participant| participant.chain().head == participant.proven);
        let holds = chained && self.data_root() == published;
        notes.push(Note::Sample(Figure::ResultsVerified, scheduled, u64::from(holds)));
        notes.push(Note::Sample(Figure::ResultsDisproved, scheduled, u64::from(!holds)));
    }
}

/// So many different numbers below `below`, or all of them, in the order in which they were drawn (Floyd's algorithm,
/// Bentley and Floyd 1987, needs a draw each).
fn distinct(count: u64, below: u64, stream: &mut Stream) -> Vec<u64> {
    let mut drawn: Vec<u64> = Vec::new();
    for last in below.saturating_sub(count)..below {
        let number = stream.below(last + 1);
        drawn.push(if drawn.contains(&number) { last } else { number });
    }
    drawn
}
