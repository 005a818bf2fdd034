//! Clinical trials: registration before enrolment, consent before enrolment, committed protocol and analysis plan, a
//! hash chain of captured data, results that cite what was locked.
//!
//! An ethics board's approval is a committed act that a registration or amendment cites; it names sponsor and plan, is
//! used once and lapses with the policy's window. Subjects consent to a version; after an amendment that its board
//! wants consented to, nothing is captured of a subject, and nobody enrolled, under an older consent. The rules follow
//! the registration of trials before their first subject (ICMJE, Declaration of Helsinki 35), ICH E6 (consent,
//! data integrity, emergency unblinding) and ICH E9 5.1 (the analysis plan is final before unblinding).
//!
//! Invariants:
//! * nobody is enrolled before the trial's registration, or before consenting;
//! * nothing is captured after the lock, nor of a subject that has left; a chain only grows, by its own site;
//! * a subject has one arm for good;
//! * the analysis plan stays once the arms are known; a result cites the locked root and a registered version with that
//!   plan, and there is one.
//!
//! [`Trials`] is the state; what is derived in it from its tables is in neither root nor snapshot. It refuses to know
//! what is behind a commitment, pseudonyms under which data leave the trial, and who is in which arm.

mod conduct;
mod row;
mod subject;

pub use row::{
    Approval, DataChain, DataLock, Enrolment, Site, Subject, Trial, TrialResult, TrialVersion, data_root,
};

use super::chain::Chains;
use super::index::{Index, IndexKey};
use super::snapshot::RestoreError;
use super::transaction::{
    Answer, ApprovalId, Outcome, PartyId, Refusal, Role, SubjectId, TrialAction, TrialId, TrialOutcome,
};
use super::{Actor, Ledger, Table};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most versions of a trial, the first included: a publication walks them. Beyond, `TooManyAmendments`.
pub const VERSIONS_PER_TRIAL_MAX: u32 = 64;
/// Most sites of a trial, closed ones included: an enrolment walks them. Beyond, `TooManySites`.
pub const SITES_PER_TRIAL_MAX: u32 = 256;
/// Most who ever consented to a trial: a lock walks them. Beyond, `TooManySubjects`.
pub const SUBJECTS_PER_TRIAL_MAX: u32 = 4096;
/// Most leaves of a subject's chain. Beyond, `TooManyCaptures`.
pub const CAPTURES_PER_SUBJECT_MAX: u32 = 1 << 16;

/// What an action of this family comes to.
type Done = Result<TrialOutcome, Refusal>;

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default)]
pub struct Trials {
    pub(super) rows: Rows,
    /// Derived: approvals and versions by protocol, subjects by trial and patient.
    approved: Index,
    protocols: Index,
    patients: Index,
    /// Derived: each trial's.
    version_chains: Chains,
    site_chains: Chains,
    subject_chains: Chains,
}

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Rows {
    pub(super) approvals: Table<Approval>,
    pub(super) trials: Table<Trial>,
    pub(super) versions: Table<TrialVersion>,
    pub(super) sites: Table<Site>,
    pub(super) subjects: Table<Subject>,
    /// Of each subject: what changes often lies in small leaves.
    pub(super) data: Table<DataChain>,
}

impl BorshSerialize for Trials {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.rows.serialize(writer)
    }
}

impl BorshDeserialize for Trials {
    /// A row of a trial that there is not is in no chain: `Trials::check` refuses it.
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let rows = Rows::deserialize_reader(reader)?;
        let known = |trial: TrialId| trial.index() < rows.trials.len();
        let mut trials = Self::default();
        for row in rows.approvals.iter() {
            trials.push_approval(row.clone());
        }
        rows.versions.iter().filter(|row| known(row.trial)).for_each(|row| trials.push_version(row.clone()));
        rows.sites.iter().filter(|row| known(row.trial)).for_each(|row| trials.push_site(row.clone()));
        for row in rows.subjects.iter().filter(|row| known(row.trial)) {
            trials.push_subject(row.clone());
        }
        trials.rows = rows;
        Ok(trials)
    }
}

/// A patient's place in a trial.
fn place(trial: TrialId, patient: PartyId) -> IndexKey {
    IndexKey::of(&Digest::sha256(&[&trial.0.to_le_bytes(), &patient.0.to_le_bytes()]).0)
}

impl Trials {
    /// Binds every table.
    pub(super) fn root(&self) -> Digest {
        let rows = &self.rows;
        let roots = [
            rows.approvals.root("trials.approvals"),
            rows.trials.root("trials.trials"),
            rows.versions.root("trials.versions"),
            rows.sites.root("trials.sites"),
            rows.subjects.root("trials.subjects"),
            rows.data.root("trials.data"),
        ];
        Digest::sha256(&[&crate::codec::encode(&roots)])
    }

    /// What no clone shares: see [`Ledger::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        let rows = &self.rows;
        rows.approvals.memory_bytes(|_| 0)
            + rows.trials.memory_bytes(|_| 0)
            + rows.versions.memory_bytes(|_| 0)
            + rows.sites.memory_bytes(|_| 0)
            + rows.subjects.memory_bytes(|_| 0)
            + rows.data.memory_bytes(|_| 0)
            + [&self.approved, &self.protocols, &self.patients].map(Index::memory_bytes).iter().sum::<usize>()
            + [&self.version_chains, &self.site_chains, &self.subject_chains]
                .map(Chains::memory_bytes)
                .iter()
                .sum::<usize>()
    }

    /// All rows: see [`Ledger::rows_bytes`].
    pub(super) fn rows_bytes(&self) -> usize {
        const INDEX_ENTRY: usize = 32;
        const CHAIN_ENTRY: usize = 16;
        let rows = &self.rows;
        rows.approvals.len() * (size_of::<Approval>() + INDEX_ENTRY)
            + rows.trials.len() * size_of::<Trial>()
            + rows.versions.len() * (size_of::<TrialVersion>() + INDEX_ENTRY + CHAIN_ENTRY)
            + rows.sites.len() * (size_of::<Site>() + CHAIN_ENTRY)
            + rows.subjects.len()
                * (size_of::<Subject>() + size_of::<DataChain>() + INDEX_ENTRY + CHAIN_ENTRY)
    }

    /// Whether what a peer sent could be a state, where there are so many parties.
    pub(super) fn check(&self, parties: usize) -> Result<(), RestoreError> {
        let party = |id: PartyId| id.index() < parties;
        let known = |id: TrialId| id.index() < self.rows.trials.len();
        let Rows { approvals, trials, versions, sites, subjects, data } = &self.rows;
        all("trials.approvals", approvals, |_, row| {
            party(row.board) && party(row.sponsor) && row.trial.is_none_or(known)
        })?;
        all("trials.versions", versions, |_, row| {
            known(row.trial) && row.approval.index() < approvals.len()
        })?;
        all("trials.sites", sites, |index, row| {
            let bounded = self.site_chains.length(row.trial.0) <= SITES_PER_TRIAL_MAX;
            let once = bounded && self.site_row(row.trial, row.organisation) == Some(index);
            known(row.trial) && party(row.organisation) && once
        })?;
        all("trials.subjects", subjects, |index, row| {
            let once = self.subject_of(row.trial, row.patient) == Some(SubjectId(index));
            let consented = row.version < self.version_chains.length(row.trial.0);
            let site = row.enrolment.is_none_or(|enrolment| {
                party(enrolment.site)
                    && row.consented_at <= enrolment.at
                    && self.trial(row.trial).is_some_and(|trial| trial.registered_at <= enrolment.at)
            });
            let arm = row.arm.is_none() || row.enrolment.is_some();
            known(row.trial) && party(row.patient) && once && consented && site && arm
        })?;
        if data.len() != subjects.len() {
            return Err(RestoreError::Impossible { table: "trials.data", index: data.len() });
        }
        all("trials.data", data, |index, row| {
            let enrolled = subjects.get(index).is_some_and(|subject| subject.enrolment.is_some());
            row.captures <= CAPTURES_PER_SUBJECT_MAX && (row.captures == 0 || enrolled)
        })?;
        all("trials.trials", trials, |index, row| self.is_possible(TrialId(index), row) && party(row.sponsor))
    }

    /// What a trial says of itself must be so of its versions and its data.
    fn is_possible(&self, id: TrialId, trial: &Trial) -> bool {
        let count = self.version_chains.length(id.0);
        let numbered = self.versions_of(id).zip((0..count).rev()).all(|(row, number)| row.number == number);
        let bounded = count <= VERSIONS_PER_TRIAL_MAX
            && self.site_chains.length(id.0) <= SITES_PER_TRIAL_MAX
            && self.subject_chains.length(id.0) <= SUBJECTS_PER_TRIAL_MAX;
        let locked = trial.lock.is_none_or(|lock| bounded && lock.root == self.root_of(id));
        let unblinded = trial.unblinded_at.is_none() || trial.lock.is_some();
        let published = trial.result.is_none_or(|result| {
            let root = trial.lock.is_some_and(|lock| lock.root == result.root);
            root && trial.unblinded_at.is_some() && result.version < count
        });
        count > 0 && numbered && bounded && trial.consent_from < count && locked && unblinded && published
    }

    /// An approval.
    pub fn approval(&self, id: ApprovalId) -> Option<&Approval> {
        self.rows.approvals.get(id.0)
    }

    /// A trial.
    pub fn trial(&self, id: TrialId) -> Option<&Trial> {
        self.rows.trials.get(id.0)
    }

    /// Somebody who consented to take part.
    pub fn subject(&self, id: SubjectId) -> Option<&Subject> {
        self.rows.subjects.get(id.0)
    }

    /// What was captured of a subject.
    pub fn data(&self, id: SubjectId) -> Option<DataChain> {
        self.rows.data.get(id.0).copied()
    }

    /// All trials, by [`TrialId`].
    pub fn trials(&self) -> &Table<Trial> {
        &self.rows.trials
    }

    /// All who ever consented, by [`SubjectId`].
    pub fn subjects(&self) -> &Table<Subject> {
        &self.rows.subjects
    }

    /// A trial's versions, newest first.
    pub fn versions_of(&self, trial: TrialId) -> impl Iterator<Item = &TrialVersion> {
        self.version_chains.of(trial.0).filter_map(|row| self.rows.versions.get(row))
    }

    /// A hospital's part in a trial.
    pub fn site(&self, trial: TrialId, organisation: PartyId) -> Option<&Site> {
        self.rows.sites.get(self.site_row(trial, organisation)?)
    }

    /// A patient's part in a trial.
    pub fn subject_of(&self, trial: TrialId, patient: PartyId) -> Option<SubjectId> {
        let mut candidates = self.patients.candidates(place(trial, patient));
        let is = |row: &Subject| row.trial == trial && row.patient == patient;
        candidates.find(|id| self.rows.subjects.get(*id).is_some_and(is)).map(SubjectId)
    }

    /// [`data_root`] over the chains of all who were enrolled in a trial, as they are.
    pub fn root_of(&self, trial: TrialId) -> Digest {
        let enrolled = |id: &SubjectId| self.subject(*id).is_some_and(|subject| subject.enrolment.is_some());
        let subjects = self.subject_chains.of(trial.0).map(SubjectId).filter(enrolled);
        let mut chains: Vec<(SubjectId, DataChain)> =
            subjects.filter_map(|id| Some((id, self.data(id)?))).collect();
        chains.reverse();
        data_root(&chains)
    }

    fn site_row(&self, trial: TrialId, organisation: PartyId) -> Option<u32> {
        let is = |row: &Site| row.organisation == organisation;
        self.site_chains.of(trial.0).find(|row| self.rows.sites.get(*row).is_some_and(is))
    }

    /// A version with this protocol, of whichever trial.
    fn version_by_protocol(&self, protocol: &Digest) -> Option<&TrialVersion> {
        let mut candidates = self.protocols.candidates(IndexKey::of(&protocol.0));
        candidates.find_map(|id| self.rows.versions.get(id).filter(|row| row.plan.protocol == *protocol))
    }

    fn is_approved(&self, protocol: &Digest) -> bool {
        let mut candidates = self.approved.candidates(IndexKey::of(&protocol.0));
        candidates.any(|id| self.rows.approvals.get(id).is_some_and(|row| row.plan.protocol == *protocol))
    }

    pub(super) fn push_approval(&mut self, approval: Approval) -> ApprovalId {
        let key = IndexKey::of(&approval.plan.protocol.0);
        let id = self.rows.approvals.push(approval).expect("2^32 approvals outlast memory");
        self.approved.insert(key, id);
        ApprovalId(id)
    }

    pub(super) fn push_version(&mut self, version: TrialVersion) {
        let (trial, key) = (version.trial, IndexKey::of(&version.plan.protocol.0));
        let row = self.rows.versions.push(version).expect("2^32 versions outlast memory");
        self.protocols.insert(key, row);
        self.version_chains.push(trial.0, row);
    }

    pub(super) fn push_site(&mut self, site: Site) {
        let trial = site.trial;
        let row = self.rows.sites.push(site).expect("2^32 sites outlast memory");
        self.site_chains.push(trial.0, row);
    }

    pub(super) fn push_subject(&mut self, subject: Subject) -> SubjectId {
        let (trial, key) = (subject.trial, place(subject.trial, subject.patient));
        let id = self.rows.subjects.push(subject).expect("2^32 subjects outlast memory");
        self.rows.data.push(DataChain::default()).expect("as many as subjects");
        self.patients.insert(key, id);
        self.subject_chains.push(trial.0, id);
        SubjectId(id)
    }
}

fn all<T>(
    table: &'static str,
    values: &Table<T>,
    holds: impl Fn(u32, &T) -> bool,
) -> Result<(), RestoreError> {
    match (0..).zip(values.iter()).find(|(index, value)| !holds(*index, value)) {
        Some((index, _)) => Err(RestoreError::Impossible { table, index: index as usize }),
        None => Ok(()),
    }
}

impl Ledger {
    /// Whether the roles may do this at all.
    pub(super) fn may_trial(actor: &Actor, action: &TrialAction) -> bool {
        let acts_for = |organisation: Role, staff: Role| {
            actor.organisation_role == organisation && (actor.role == staff || actor.role == organisation)
        };
        let sponsor = || acts_for(Role::Sponsor, Role::Officer);
        let site = || acts_for(Role::Hospital, Role::Clinician);
        match action {
            TrialAction::ApproveTrial { .. } => acts_for(Role::EthicsBoard, Role::Officer),
            TrialAction::RegisterTrial { .. } | TrialAction::AmendTrial { .. } => sponsor(),
            TrialAction::ActivateSite { .. } | TrialAction::CloseSite { .. } => sponsor(),
            TrialAction::SubjectConsent { .. } | TrialAction::Withdraw { .. } => {
                matches!(actor.role, Role::Patient | Role::Guardian)
            }
            TrialAction::Enrol { .. } | TrialAction::CaptureData { .. } => site(),
            TrialAction::UnblindSubject { .. } => site(),
            TrialAction::Randomise { .. } => sponsor() || site(),
            TrialAction::LockData { .. } | TrialAction::Unblind { .. } => sponsor(),
            TrialAction::PublishResult { .. } => sponsor(),
        }
    }

    /// Does it.
    pub(super) fn act_trial(&mut self, now: Timestamp, actor: &Actor, action: &TrialAction) -> Answer {
        let done = match *action {
            TrialAction::ApproveTrial { sponsor, trial, plan, reconsent } => {
                let board = actor.organisation;
                self.approve_trial(Approval { board, sponsor, trial, plan, reconsent, at: now })
            }
            TrialAction::RegisterTrial { plan, approval } => self.register_trial(now, actor, plan, approval),
            TrialAction::AmendTrial { trial, plan, approval } => {
                self.amend_trial(now, actor, trial, (plan, approval))
            }
            TrialAction::ActivateSite { trial, site } => self.activate_site(now, actor, trial, site),
            TrialAction::CloseSite { trial, site } => self.close_site(now, actor, trial, site),
            TrialAction::SubjectConsent { trial, patient, version } => {
                self.consent_to_trial(now, actor, (trial, patient, version))
            }
            TrialAction::Enrol { protocol, patient } => self.enrol(now, actor, &protocol, patient),
            TrialAction::Randomise { subject, arm } => self.randomise(actor, subject, arm),
            TrialAction::Withdraw { subject } => self.withdraw(now, actor, subject),
            TrialAction::CaptureData { subject, previous, leaf } => {
                self.capture(actor, subject, (&previous, &leaf))
            }
            TrialAction::LockData { trial, root } => self.lock_data(now, actor, trial, root),
            TrialAction::Unblind { trial } => self.unblind(now, actor, trial),
            TrialAction::UnblindSubject { subject, reason } => {
                self.unblind_subject(now, actor, subject, reason)
            }
            TrialAction::PublishResult { trial, version, analysis, root, code, report } => {
                let result = TrialResult { at: now, version, root, code, report };
                self.publish(actor, trial, analysis, result)
            }
        };
        done.map(Outcome::Trial).into()
    }
}
