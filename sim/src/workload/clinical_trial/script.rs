//! What happens in a trial, written when it begins: stages, one after the other; in a stage lanes beside each other; in a
//! lane steps, one after the other. Nothing of a stage starts before all of the stage before is over, so that no two
//! steps race whose order decides what is right.

use crate::history::Wrong;
use crate::plan::{ClinicalTrialPlan, TrialWrongs};
use crate::seed::Stream;
use ledger_core::ledger::transaction::Refusal;
use std::collections::VecDeque;

/// Steps one after the other.
pub(super) type Lane = VecDeque<Step>;
/// Lanes beside each other.
pub(super) type Stage = Vec<Lane>;

const WHOLE: u64 = 1_000_000;

/// What somebody does. Subjects are rows of the trial's participants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The ethics board approves this version.
    Approve { version: u32 },
    /// The sponsor registers.
    Register,
    /// The sponsor registers the next version.
    Amend,
    /// The sponsor lets all sites begin, in one bundle.
    ActivateSites,
    /// The sponsor stops all sites, in one bundle.
    CloseSites,
    /// To the present version.
    Consent { subject: usize },
    /// By the subject's site.
    Enrol { subject: usize },
    /// By the sponsor.
    Randomise { subject: usize },
    /// A visit's data; after the first there is a pause before each.
    Capture { subject: usize, first: bool },
    /// The subject leaves.
    Withdraw { subject: usize },
    /// The emergency rule.
    UnblindSubject { subject: usize },
    /// The sponsor ends capture.
    Lock,
    /// The sponsor learns the arms.
    Unblind,
    /// The sponsor publishes.
    Publish,
    /// The site takes the subject's locked data into custody, as a document.
    Deposit { subject: usize },
    /// The subject lets the research institute read.
    Grant { subject: usize },
    /// The research institute reads.
    Read { subject: usize },
    /// Something that must be refused.
    Violate(Violation),
}

/// What must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    EnrolUnregistered,
    EnrolUnconsented { subject: usize },
    EnrolClosed,
    EnrolLocked,
    CaptureStale { subject: usize },
    CaptureTampered { subject: usize },
    CaptureWithdrawn { subject: usize },
    CaptureLocked,
    UnblindUnlocked,
    UnblindElsewhere { subject: usize },
    AmendUnapproved,
    AmendUnblinded,
    PublishOtherPlan,
    PublishOtherData,
    ReadUnconsented { subject: usize },
}

impl Violation {
    /// What it counts as, and why the ledger must refuse it.
    pub(super) fn judgement(self) -> (Wrong, Refusal) {
        match self {
            Self::EnrolUnregistered => (Wrong::EarlyEnrolment, Refusal::EnrolBeforeRegistration),
            Self::EnrolUnconsented { .. } => (Wrong::EarlyEnrolment, Refusal::EnrolBeforeConsent),
            Self::EnrolClosed => (Wrong::LateEnrolment, Refusal::SiteNotActive),
            Self::EnrolLocked => (Wrong::LateEnrolment, Refusal::DataAfterLock),
            Self::CaptureStale { .. } => (Wrong::StaleConsent, Refusal::ConsentVersionStale),
            Self::CaptureTampered { .. } => (Wrong::TamperedData, Refusal::BrokenChain),
            Self::CaptureWithdrawn { .. } => (Wrong::WithdrawnData, Refusal::SubjectWithdrawn),
            Self::CaptureLocked => (Wrong::LateData, Refusal::DataAfterLock),
            Self::UnblindUnlocked | Self::UnblindElsewhere { .. } => {
                (Wrong::Unblinding, Refusal::UnblindNotAuthorised)
            }
            Self::AmendUnapproved => (Wrong::PlanChange, Refusal::AmendmentWithoutApproval),
            Self::AmendUnblinded => (Wrong::PlanChange, Refusal::PlanChangedAfterUnblind),
            Self::PublishOtherPlan => (Wrong::PlanChange, Refusal::ResultPlanMismatch),
            Self::PublishOtherData => (Wrong::ResultMismatch, Refusal::CommitmentMismatch),
            Self::ReadUnconsented { .. } => (Wrong::UnconsentedResearch, Refusal::NoConsent),
        }
    }
}

/// Draws a trial's life.
pub(super) struct Writer<'a> {
    pub(super) plan: &'a ClinicalTrialPlan,
    pub(super) stream: &'a mut Stream,
    pub(super) stages: VecDeque<Stage>,
}

impl Writer<'_> {
    /// The whole life of a trial with so many sites.
    pub(super) fn write(mut self, sites: usize) -> VecDeque<Stage> {
        let (amended, wrong) = (self.happens(self.plan.amended_ppm), &self.plan.wrong);
        let plan_change = self.happens(wrong.plan_change_ppm).then(|| self.stream.below(3));
        self.one(Step::Approve { version: 0 });
        self.begin(wrong);
        let leavers = self.conduct(amended, wrong);
        if plan_change == Some(0) {
            self.one(Step::Violate(Violation::AmendUnapproved));
        }
        self.end(sites, wrong);
        match plan_change {
            Some(1) => self.one(Step::Violate(Violation::AmendUnblinded)),
            Some(2) => self.one(Step::Violate(Violation::PublishOtherPlan)),
            _ => {}
        }
        if self.happens(wrong.result_mismatch_ppm) {
            self.one(Step::Violate(Violation::PublishOtherData));
        }
        self.one(Step::Publish);
        self.share(&leavers, wrong);
        self.stages
    }

    fn happens(&mut self, share_ppm: u32) -> bool {
        self.stream.chance(u64::from(share_ppm), WHOLE)
    }

    /// A stage of one step.
    fn one(&mut self, step: Step) {
        self.stages.push_back(vec![Lane::from([step])]);
    }

    fn begin(&mut self, wrong: &TrialWrongs) {
        // One chance in all enrolments falls to the first: before registration, instead of before consent.
        if self.happens(wrong.early_enrolment_ppm) {
            self.one(Step::Violate(Violation::EnrolUnregistered));
        }
        self.one(Step::Register);
        self.one(Step::ActivateSites);
    }

    /// Subjects from consent to their last visit. Says who left.
    fn conduct(&mut self, amended: bool, wrong: &TrialWrongs) -> Vec<bool> {
        let visits = self.plan.visits;
        let half = if amended { visits / 2 } else { visits };
        // At which visit each one leaves.
        let subjects = self.plan.subjects as usize;
        let leaves: Vec<Option<u64>> = (0..subjects)
            .map(|_| self.happens(self.plan.withdrawn_ppm).then(|| self.stream.below(visits)))
            .collect();
        let mut first = Stage::new();
        for (subject, leaves) in leaves.iter().enumerate() {
            let mut lane = Lane::new();
            if subject > 0 && self.happens(wrong.early_enrolment_ppm) {
                lane.push_back(Step::Violate(Violation::EnrolUnconsented { subject }));
            }
            lane.extend([Step::Consent { subject }, Step::Enrol { subject }, Step::Randomise { subject }]);
            if self.happens(self.plan.emergency_ppm) {
                lane.push_back(Step::UnblindSubject { subject });
            }
            self.visits(&mut lane, subject, (0, half), *leaves);
            first.push(lane);
        }
        self.stages.push_back(first);
        if amended {
            self.one(Step::Approve { version: 1 });
            self.one(Step::Amend);
            let stay = |leaves: &Option<u64>| leaves.is_none_or(|visit| visit >= half);
            let staying: Vec<usize> = (0..subjects).filter(|subject| stay(&leaves[*subject])).collect();
            let mut second = Stage::new();
            for subject in staying {
                let mut lane = Lane::new();
                if self.happens(wrong.stale_consent_ppm) {
                    lane.push_back(Step::Violate(Violation::CaptureStale { subject }));
                }
                lane.push_back(Step::Consent { subject });
                self.visits(&mut lane, subject, (half, visits), leaves[subject]);
                second.push(lane);
            }
            // Everybody may have left.
            if !second.is_empty() {
                self.stages.push_back(second);
            }
        }
        leaves.iter().map(Option::is_some).collect()
    }

    fn visits(&mut self, lane: &mut Lane, subject: usize, (from, to): (u64, u64), leaves: Option<u64>) {
        for visit in from..to {
            if leaves == Some(visit) {
                lane.push_back(Step::Withdraw { subject });
                if self.happens(self.plan.wrong.withdrawn_data_ppm) {
                    lane.push_back(Step::Violate(Violation::CaptureWithdrawn { subject }));
                }
                return;
            }
            if self.happens(self.plan.wrong.tampering_ppm) {
                lane.push_back(Step::Violate(Violation::CaptureTampered { subject }));
            }
            lane.push_back(Step::Capture { subject, first: visit == 0 });
        }
    }

    /// From the last visit to the opened arms.
    fn end(&mut self, sites: usize, wrong: &TrialWrongs) {
        if self.happens(wrong.unblinding_ppm) {
            let elsewhere = sites > 1 && self.stream.chance(1, 2);
            let subject = self.stream.below(self.plan.subjects) as usize;
            self.one(Step::Violate(match elsewhere {
                true => Violation::UnblindElsewhere { subject },
                false => Violation::UnblindUnlocked,
            }));
        }
        self.one(Step::CloseSites);
        let late = self.happens(wrong.late_enrolment_ppm).then(|| self.stream.chance(1, 2));
        if late == Some(false) {
            self.one(Step::Violate(Violation::EnrolClosed));
        }
        self.one(Step::Lock);
        let mut after = Stage::new();
        if late == Some(true) {
            after.push(Lane::from([Step::Violate(Violation::EnrolLocked)]));
        }
        if self.happens(wrong.late_data_ppm) {
            after.push(Lane::from([Step::Violate(Violation::CaptureLocked)]));
        }
        after.push(Lane::from([Step::Unblind]));
        self.stages.push_back(after);
    }

    /// Of those who stayed to the end.
    fn share(&mut self, leavers: &[bool], wrong: &TrialWrongs) {
        let mut stage = Stage::new();
        for (subject, left) in leavers.iter().enumerate() {
            if *left || !self.happens(self.plan.shared_ppm) {
                continue;
            }
            let mut lane = Lane::from([Step::Deposit { subject }]);
            if self.happens(wrong.unconsented_research_ppm) {
                lane.push_back(Step::Violate(Violation::ReadUnconsented { subject }));
            }
            lane.extend([Step::Grant { subject }, Step::Read { subject }]);
            stage.push(lane);
        }
        if !stage.is_empty() {
            self.stages.push_back(stage);
        }
    }
}
