//! What subjects and sites do: consent, enrol, randomise, capture, withdraw, unblind in an emergency.

use super::{CAPTURES_PER_SUBJECT_MAX, Done, Enrolment, SUBJECTS_PER_TRIAL_MAX, Subject, Trial};
use crate::crypto::Digest;
use crate::ledger::transaction::{PartyId, Purpose, Refusal, Role, SubjectId, TrialId, TrialOutcome};
use crate::ledger::{Actor, Delegation, Ledger, LedgerBug};
use crate::time::Timestamp;

/// Whether a delegate may decide about taking part in trials.
fn covers_trials(held: &Delegation) -> bool {
    held.reach.purposes.covers(Purpose::CLINTRCH)
}

impl Ledger {
    /// Refusals, in order: no such trial; no such patient; no authority, or one that has ended or does not cover
    /// clinical trials; locked data; another version than the present one; withdrawn before; too many.
    pub(super) fn consent_to_trial(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        (id, patient, version): (TrialId, PartyId, u32),
    ) -> Done {
        let trial = self.trials.trial(id).ok_or(Refusal::UnknownTrial)?;
        let locked = trial.lock.is_some();
        if self.party(patient).is_none_or(|party| party.role != Role::Patient) {
            return Err(Refusal::UnknownParty);
        }
        self.authority(now, patient, actor.id, covers_trials)?;
        if locked {
            return Err(Refusal::DataAfterLock);
        }
        if self.current_version(id).is_none_or(|(_, current)| current != version) {
            return Err(Refusal::ConsentVersionStale);
        }
        if let Some(known) = self.trials.subject_of(id, patient) {
            if self.trials.subject(known).is_some_and(|subject| subject.withdrawn_at.is_some()) {
                return Err(Refusal::SubjectWithdrawn);
            }
            if let Some(subject) = self.trials.rows.subjects.get_mut(known.0) {
                subject.version = version;
            }
            return Ok(TrialOutcome::Consented(known));
        }
        if self.trials.subject_chains.length(id.0) >= SUBJECTS_PER_TRIAL_MAX {
            return Err(Refusal::TooManySubjects);
        }
        let subject = Subject {
            trial: id,
            patient,
            consented_at: now,
            version,
            enrolment: None,
            arm: None,
            unblinded_at: None,
            withdrawn_at: None,
        };
        Ok(TrialOutcome::Consented(self.trials.push_subject(subject)))
    }

    /// Refusals, in order: a protocol that is approved but no trial's (`EnrolBeforeRegistration`), or nobody's
    /// (`UnknownTrial`), or an earlier version's (`CommitmentMismatch`); locked data; not an active site; no consent;
    /// withdrawn; enrolled before; consent to a version that is no longer good.
    pub(super) fn enrol(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        protocol: &Digest,
        patient: PartyId,
    ) -> Done {
        let Some(id) = self.trials.version_by_protocol(protocol).map(|version| version.trial) else {
            let approved = self.trials.is_approved(protocol);
            return Err(if approved { Refusal::EnrolBeforeRegistration } else { Refusal::UnknownTrial });
        };
        if self.current_version(id).is_none_or(|(current, _)| current.protocol != *protocol) {
            return Err(Refusal::CommitmentMismatch);
        }
        let trial = self.trials.trial(id).ok_or(Refusal::UnknownTrial)?;
        if trial.lock.is_some() {
            return Err(Refusal::DataAfterLock);
        }
        if !self.is_active_site(id, actor.organisation) {
            return Err(Refusal::SiteNotActive);
        }
        let known = self.trials.subject_of(id, patient).ok_or(Refusal::EnrolBeforeConsent)?;
        let subject = self.trials.subject(known).ok_or(Refusal::EnrolBeforeConsent)?;
        if subject.withdrawn_at.is_some() {
            return Err(Refusal::SubjectWithdrawn);
        }
        if subject.enrolment.is_some() {
            return Err(Refusal::AlreadyEnrolled);
        }
        self.consent_is_good(trial, subject)?;
        if let Some(subject) = self.trials.rows.subjects.get_mut(known.0) {
            subject.enrolment = Some(Enrolment { site: actor.organisation, at: now });
        }
        Ok(TrialOutcome::Enrolled(known))
    }

    /// Refusals, in order: no such enrolled subject; neither its sponsor nor its site (`RoleNotAllowed`); locked data;
    /// withdrawn; randomised before; consent to a version that is no longer good.
    pub(super) fn randomise(&mut self, actor: &Actor, id: SubjectId, arm: Digest) -> Done {
        let (trial, subject, enrolment) = self.enrolled(id)?;
        if actor.organisation != trial.sponsor && actor.organisation != enrolment.site {
            return Err(Refusal::RoleNotAllowed);
        }
        if trial.lock.is_some() {
            return Err(Refusal::DataAfterLock);
        }
        if subject.withdrawn_at.is_some() {
            return Err(Refusal::SubjectWithdrawn);
        }
        if subject.arm.is_some() {
            return Err(Refusal::AlreadyRandomised);
        }
        self.consent_is_good(trial, subject)?;
        if let Some(subject) = self.trials.rows.subjects.get_mut(id.0) {
            subject.arm = Some(arm);
        }
        Ok(TrialOutcome::Randomised(id))
    }

    /// Refusals, in order: nobody of that number; no authority, or one that has ended or does not cover clinical
    /// trials; withdrawn before.
    pub(super) fn withdraw(&mut self, now: Timestamp, actor: &Actor, id: SubjectId) -> Done {
        let subject = self.trials.subject(id).ok_or(Refusal::UnknownSubject)?;
        self.authority(now, subject.patient, actor.id, covers_trials)?;
        if subject.withdrawn_at.is_some() {
            return Err(Refusal::SubjectWithdrawn);
        }
        if let Some(subject) = self.trials.rows.subjects.get_mut(id.0) {
            subject.withdrawn_at = Some(now);
        }
        Ok(TrialOutcome::Withdrawn(id))
    }

    /// Refusals, in order: no such enrolled subject; locked data; not its site, or one that is closed
    /// (`SiteNotActive`); withdrawn; consent to a version that is no longer good; not the chain's head
    /// (`BrokenChain`); too many.
    pub(super) fn capture(
        &mut self,
        actor: &Actor,
        id: SubjectId,
        (previous, leaf): (&Digest, &Digest),
    ) -> Done {
        let (trial, subject, enrolment) = self.enrolled(id)?;
        if trial.lock.is_some() && !self.has_bug(LedgerBug::IgnoreLock) {
            return Err(Refusal::DataAfterLock);
        }
        if actor.organisation != enrolment.site || !self.is_active_site(subject.trial, enrolment.site) {
            return Err(Refusal::SiteNotActive);
        }
        if subject.withdrawn_at.is_some() {
            return Err(Refusal::SubjectWithdrawn);
        }
        self.consent_is_good(trial, subject)?;
        let chain = self.trials.data(id).ok_or(Refusal::UnknownSubject)?;
        if chain.head != *previous {
            return Err(Refusal::BrokenChain);
        }
        if chain.captures >= CAPTURES_PER_SUBJECT_MAX {
            return Err(Refusal::TooManyCaptures);
        }
        let longer = chain.with(leaf);
        if let Some(chain) = self.trials.rows.data.get_mut(id.0) {
            *chain = longer;
        }
        Ok(TrialOutcome::Captured { subject: id, captures: longer.captures, head: longer.head })
    }

    /// Whatever else holds: withdrawn, closed and locked, a site must be able to treat. Refusals, in order: no such
    /// enrolled subject; no reason; not its site, without an arm, or a second time (`UnblindNotAuthorised`).
    pub(super) fn unblind_subject(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: SubjectId,
        reason: Digest,
    ) -> Done {
        let (_, subject, enrolment) = self.enrolled(id)?;
        if reason == Digest::default() {
            return Err(Refusal::ReasonMissing);
        }
        let own = enrolment.site == actor.organisation;
        if !own || subject.arm.is_none() || subject.unblinded_at.is_some() {
            return Err(Refusal::UnblindNotAuthorised);
        }
        if let Some(subject) = self.trials.rows.subjects.get_mut(id.0) {
            subject.unblinded_at = Some(now);
        }
        Ok(TrialOutcome::SubjectUnblinded(id))
    }

    fn enrolled(&self, id: SubjectId) -> Result<(&Trial, &Subject, Enrolment), Refusal> {
        let subject = self.trials.subject(id).ok_or(Refusal::UnknownSubject)?;
        let enrolment = subject.enrolment.ok_or(Refusal::UnknownSubject)?;
        let trial = self.trials.trial(subject.trial).ok_or(Refusal::UnknownTrial)?;
        Ok((trial, subject, enrolment))
    }

    fn consent_is_good(&self, trial: &Trial, subject: &Subject) -> Result<(), Refusal> {
        let good = subject.version >= trial.consent_from || self.has_bug(LedgerBug::IgnoreStaleConsent);
        if good { Ok(()) } else { Err(Refusal::ConsentVersionStale) }
    }
}
