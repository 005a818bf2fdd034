//! How a step goes out: by which gateway, as whom, what is asked, and its row in the history.

use super::script::{Step, Violation};
use super::study::Study;
use crate::document;
use crate::history::{Expected, Operation, OperationKind};
use crate::seed::Stream;
use crate::workload::Moment;
use ledger_core::codec::List;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Actor, CommandKind};
use ledger_core::ledger::DataChain;
use ledger_core::ledger::transaction::{
    Action, Actions, ApprovalId, Confidentiality, ConsentId, Grantee, Label, PartyId, Purpose, RecordClass,
    Scope, Sensitivities, SubjectId, TrialAction, TrialId, TrialPlan,
};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};

/// Of one visit in the document that is shared: a case report form of a few pages.
const VISIT_BYTES: u64 = 1_500;
/// A summary: what no treatment asks for, so that its reading is research alone.
const SHARED_CLASS: RecordClass = RecordClass::Summary;
/// How long a subject lets an institute read.
const RESEARCH_CONSENT: Duration = Duration::from_secs(365 * 86_400);

/// How a step goes out.
pub(super) struct Order {
    pub(super) gateway: GatewayId,
    pub(super) actor: Actor,
    pub(super) command: CommandKind,
    pub(super) record: Operation,
}

impl Study {
    /// What a step asks, with what is known by then.
    pub(super) fn order(&self, step: Step, moment: &Moment<'_>, stream: &mut Stream) -> Order {
        let trial = self.trial.unwrap_or_default();
        let one = |action: TrialAction| vec![action];
        match step {
            Step::Approve { version } => {
                let (sponsor, plan) = (self.sponsor, self.plan(version));
                let trial = self.trial.filter(|_| version > 0);
                let action = TrialAction::ApproveTrial { sponsor, trial, plan, reconsent: version > 0 };
                self.by_staff(moment, self.board, one(action), stream)
            }
            Step::Register => {
                let action = TrialAction::RegisterTrial { plan: self.plan(0), approval: self.approval(0) };
                self.by_sponsor(moment, one(action), stream)
            }
            Step::Amend => {
                let version = self.version + 1;
                let (plan, approval) = (self.plan(version), self.approval(version));
                self.by_sponsor(moment, one(TrialAction::AmendTrial { trial, plan, approval }), stream)
            }
            Step::ActivateSites => {
                let action = |site: &PartyId| TrialAction::ActivateSite { trial, site: *site };
                self.by_sponsor(moment, self.sites.iter().map(action).collect(), stream)
            }
            Step::CloseSites => {
                let action = |site: &PartyId| TrialAction::CloseSite { trial, site: *site };
                self.by_sponsor(moment, self.sites.iter().map(action).collect(), stream)
            }
            Step::Consent { subject } => {
                let (patient, version) = (self.patient(moment, subject), self.version);
                self.by_subject(moment, subject, TrialAction::SubjectConsent { trial, patient, version })
            }
            Step::Enrol { subject } => self.enrol(moment, subject, stream),
            Step::Randomise { subject } => {
                let arm = self.commitment("arm", subject as u64);
                let action = TrialAction::Randomise { subject: self.subject(subject), arm };
                self.by_sponsor(moment, one(action), stream)
            }
            Step::Capture { subject, .. } => {
                let previous = self.participants[subject].chain().head;
                self.capture(moment, subject, previous, stream)
            }
            Step::Withdraw { subject } => {
                let action = TrialAction::Withdraw { subject: self.subject(subject) };
                self.by_subject(moment, subject, action)
            }
            Step::UnblindSubject { subject } => {
                self.unblind_subject(moment, subject, self.participants[subject].site, stream)
            }
            Step::Lock => {
                let action = TrialAction::LockData { trial, root: self.data_root() };
                self.by_sponsor(moment, one(action), stream)
            }
            Step::Unblind => self.by_sponsor(moment, one(TrialAction::Unblind { trial }), stream),
            Step::Publish => self.publish(moment, self.plan(self.version).analysis, self.data_root(), stream),
            Step::Deposit { subject } => self.deposit(moment, subject, stream),
            Step::Grant { subject } => self.grant(moment, subject),
            Step::Read { subject } => {
                let consent = self.participants[subject].consent;
                self.read(moment, subject, (consent, Expected::Permit), stream)
            }
            Step::Violate(violation) => self.violate(violation, moment, stream),
        }
    }

    fn violate(&self, violation: Violation, moment: &Moment<'_>, stream: &mut Stream) -> Order {
        let trial = self.trial.unwrap_or_default();
        let undisclosed = || self.commitment("undisclosed plan", 0);
        let amend = |approval| {
            let plan = TrialPlan { analysis: undisclosed(), ..self.plan(self.version) };
            vec![TrialAction::AmendTrial { trial, plan, approval }]
        };
        match violation {
            Violation::EnrolUnregistered => self.enrol(moment, 0, stream),
            Violation::EnrolUnconsented { subject } => self.enrol(moment, subject, stream),
            Violation::EnrolClosed | Violation::EnrolLocked => {
                let latecomer = moment.population.patient(self.latecomer);
                self.enrol_at(moment, self.sites[0], latecomer, stream)
            }
            Violation::CaptureStale { subject } | Violation::CaptureWithdrawn { subject } => {
                let previous = self.participants[subject].chain().head;
                self.capture(moment, subject, previous, stream)
            }
            Violation::CaptureTampered { subject } => {
                // The first leaf, or what there might have been of one, is another than it was.
                let rewritten = DataChain::default().with(&self.commitment("rewritten", subject as u64));
                let leaves = self.participants[subject].leaves.iter().skip(1);
                let previous = leaves.fold(rewritten, |chain, leaf| chain.with(leaf)).head;
                self.capture(moment, subject, previous, stream)
            }
            Violation::CaptureLocked => {
                let previous = self.participants[0].chain().head;
                self.capture(moment, 0, previous, stream)
            }
            Violation::UnblindUnlocked => {
                self.by_sponsor(moment, vec![TrialAction::Unblind { trial }], stream)
            }
            Violation::UnblindElsewhere { subject } => {
                let elsewhere = self.sites[(subject + 1) % self.sites.len()];
                self.unblind_subject(moment, subject, elsewhere, stream)
            }
            // The only approval that there is, which is not of this.
            Violation::AmendUnapproved | Violation::AmendUnblinded => {
                self.by_sponsor(moment, amend(self.approval(0)), stream)
            }
            Violation::PublishOtherPlan => self.publish(moment, undisclosed(), self.data_root(), stream),
            Violation::PublishOtherData => {
                let root = self.commitment("other data", 0);
                self.publish(moment, self.plan(self.version).analysis, root, stream)
            }
            Violation::ReadUnconsented { subject } => {
                // Hospitals' consent: one to this institute may stand from an earlier trial.
                let consent = moment.population.genesis_consent(self.participants[subject].patient);
                self.read(moment, subject, (Some(consent), Expected::Refuse), stream)
            }
        }
    }

    fn approval(&self, version: u32) -> ApprovalId {
        self.approvals.get(version as usize).copied().unwrap_or_default()
    }

    fn subject(&self, subject: usize) -> SubjectId {
        self.participants[subject].subject.unwrap_or_default()
    }

    fn patient(&self, moment: &Moment<'_>, subject: usize) -> PartyId {
        moment.population.patient(self.participants[subject].patient)
    }

    fn enrol(&self, moment: &Moment<'_>, subject: usize, stream: &mut Stream) -> Order {
        let patient = self.patient(moment, subject);
        self.enrol_at(moment, self.participants[subject].site, patient, stream)
    }

    fn enrol_at(&self, moment: &Moment<'_>, site: PartyId, patient: PartyId, stream: &mut Stream) -> Order {
        let protocol = self.plan(self.version).protocol;
        self.by_staff(moment, site, vec![TrialAction::Enrol { protocol, patient }], stream)
    }

    fn capture(&self, moment: &Moment<'_>, subject: usize, previous: Digest, stream: &mut Stream) -> Order {
        let (id, leaf) = (self.subject(subject), self.leaf(subject));
        let action = TrialAction::CaptureData { subject: id, previous, leaf };
        self.by_staff(moment, self.participants[subject].site, vec![action], stream)
    }

    fn unblind_subject(
        &self,
        moment: &Moment<'_>,
        subject: usize,
        site: PartyId,
        stream: &mut Stream,
    ) -> Order {
        let reason = self.commitment("emergency", subject as u64);
        let action = TrialAction::UnblindSubject { subject: self.subject(subject), reason };
        self.by_staff(moment, site, vec![action], stream)
    }

    fn publish(&self, moment: &Moment<'_>, analysis: Digest, root: Digest, stream: &mut Stream) -> Order {
        let (trial, version): (TrialId, u32) = (self.trial.unwrap_or_default(), self.version);
        let (code, report) = (self.commitment("code", 0), self.commitment("report", 0));
        let action = TrialAction::PublishResult { trial, version, analysis, root, code, report };
        self.by_sponsor(moment, vec![action], stream)
    }

    /// The subject's leaves as a document, under a pseudonym of the trial.
    fn deposit(&self, moment: &Moment<'_>, subject: usize, stream: &mut Stream) -> Order {
        let participant = &self.participants[subject];
        let size = (participant.leaves.len() as u64).max(1) * VISIT_BYTES;
        let unique = moment.population.records() + moment.operation;
        let locator = document::locator(SHARED_CLASS, size, unique);
        let patient = self.patient(moment, subject);
        let command = CommandKind::Register {
            patient,
            patient_wrap_key: moment.population.wrap_public(patient),
            class: SHARED_CLASS,
            label: Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) },
            locator,
            document: document::content(moment.seed, locator),
        };
        let (gateway, actor) = staff(moment, participant.site, stream);
        let mut record = moment.row(OperationKind::Register, gateway);
        record.bytes = size;
        Order { gateway, actor, command, record }
    }

    fn grant(&self, moment: &Moment<'_>, subject: usize) -> Order {
        let scope = Scope {
            grantee: Grantee::Party(self.institute),
            classes: List::new(vec![SHARED_CLASS]).expect("one is at most sixteen"),
            confidentiality_max: Confidentiality::N,
            sensitivities: Sensitivities(0),
            purposes: List::new(vec![Purpose::HRESCH]).expect("one is at most sixteen"),
            // Commit times may trail the subject's clock.
            from: Timestamp::ZERO,
            until: moment.now + RESEARCH_CONSENT,
            redisclosure: false,
        };
        let (gateway, actor) = at_home(moment, self.participants[subject].patient);
        let record = moment.row(OperationKind::Grant, gateway);
        let command = CommandKind::Grant { patient: actor.party, scope };
        Order { gateway, actor, command, record }
    }

    fn read(
        &self,
        moment: &Moment<'_>,
        subject: usize,
        (consent, expected): (Option<ConsentId>, Expected),
        stream: &mut Stream,
    ) -> Order {
        let participant = &self.participants[subject];
        let id = participant.record.unwrap_or_default();
        let (gateway, actor) = staff(moment, self.institute, stream);
        let command = CommandKind::Share { record: id, purpose: Purpose::CLINTRCH, consent };
        let mut record = moment.row(OperationKind::Share, gateway);
        record.bytes = (participant.leaves.len() as u64).max(1) * VISIT_BYTES;
        (record.expected, record.consent, record.record) = (expected, consent, Some(id));
        Order { gateway, actor, command, record }
    }

    fn by_sponsor(&self, moment: &Moment<'_>, actions: Vec<TrialAction>, stream: &mut Stream) -> Order {
        self.by_staff(moment, self.sponsor, actions, stream)
    }

    /// By a member of an institution's staff, drawn.
    fn by_staff(
        &self,
        moment: &Moment<'_>,
        institution: PartyId,
        actions: Vec<TrialAction>,
        stream: &mut Stream,
    ) -> Order {
        let (gateway, actor) = staff(moment, institution, stream);
        bundle(moment, gateway, actor, actions)
    }

    /// By a subject, through the agent at home.
    fn by_subject(&self, moment: &Moment<'_>, subject: usize, action: TrialAction) -> Order {
        let (gateway, actor) = at_home(moment, self.participants[subject].patient);
        bundle(moment, gateway, actor, vec![action])
    }
}

fn staff(moment: &Moment<'_>, institution: PartyId, stream: &mut Stream) -> (GatewayId, Actor) {
    let gateway = moment.population.gateway(institution).expect("an institution has a gateway");
    let n = stream.below(moment.population.staff_per_institution());
    (gateway, moment.population.staff(institution, n))
}

fn at_home(moment: &Moment<'_>, patient: u64) -> (GatewayId, Actor) {
    let home = moment.population.home_of(patient);
    let gateway = moment.population.gateway(home).expect("an institution has a gateway");
    (gateway, moment.population.patient_actor(patient))
}

/// Whole or not at all: half the sites of a trial are of no use.
fn bundle(moment: &Moment<'_>, gateway: GatewayId, actor: Actor, actions: Vec<TrialAction>) -> Order {
    let mut record = moment.row(OperationKind::ClinicalTrial, gateway);
    record.actions = actions.len() as u64;
    let actions = actions.into_iter().map(Action::Trial).collect();
    let actions = Actions::new(actions).expect("as many sites as the plan allows, and no more than a bundle");
    Order { gateway, actor, command: CommandKind::Bundle { actions, atomic: true }, record }
}
