//! What boards and sponsors do: approve, register, amend, activate sites, lock, unblind, publish.

use super::{
    Approval, DataLock, Done, SITES_PER_TRIAL_MAX, Site, Trial, TrialResult, TrialVersion,
    VERSIONS_PER_TRIAL_MAX,
};
use crate::crypto::Digest;
use crate::ledger::transaction::{ApprovalId, PartyId, Refusal, Role, TrialId, TrialOutcome, TrialPlan};
use crate::ledger::{Actor, Ledger};
use crate::time::{Duration, Timestamp};

impl Ledger {
    /// Refusals, in order: no such trial; a sponsor that is none, or not the trial's (`UnknownParty`).
    pub(super) fn approve_trial(&mut self, approval: Approval) -> Done {
        if let Some(trial) = approval.trial {
            let trial = self.trials.trial(trial).ok_or(Refusal::UnknownTrial)?;
            if trial.sponsor != approval.sponsor {
                return Err(Refusal::UnknownParty);
            }
        }
        if self.party(approval.sponsor).is_none_or(|party| party.role != Role::Sponsor) {
            return Err(Refusal::UnknownParty);
        }
        Ok(TrialOutcome::Approved(self.trials.push_approval(approval)))
    }

    /// Refusals, in order: a protocol that a version of any trial has (`DuplicateTrial`); an approval that there is not,
    /// that is an amendment's or another sponsor's, or that has lapsed (`TrialWithoutApproval`); another plan than
    /// approved (`CommitmentMismatch`).
    pub(super) fn register_trial(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        plan: TrialPlan,
        cited: ApprovalId,
    ) -> Done {
        if self.trials.version_by_protocol(&plan.protocol).is_some() {
            return Err(Refusal::DuplicateTrial);
        }
        let approval =
            self.approval_in_force(now, actor, None, cited).ok_or(Refusal::TrialWithoutApproval)?;
        if approval.plan != plan {
            return Err(Refusal::CommitmentMismatch);
        }
        let trial = Trial {
            sponsor: actor.organisation,
            registered_at: now,
            consent_from: 0,
            lock: None,
            unblinded_at: None,
            result: None,
        };
        let trial = TrialId(self.trials.rows.trials.push(trial).expect("2^32 trials outlast memory"));
        self.trials.push_version(TrialVersion { trial, number: 0, plan, approval: cited, at: now });
        Ok(TrialOutcome::Registered(trial))
    }

    /// Refusals, in order: no such trial; not its sponsor (`RoleNotAllowed`); another analysis plan once the arms are
    /// known; an approval that there is not, that is not this trial's, that was used or has lapsed
    /// (`AmendmentWithoutApproval`); another plan than approved (`CommitmentMismatch`); another trial's protocol
    /// (`DuplicateTrial`); too many.
    pub(super) fn amend_trial(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: TrialId,
        (plan, cited): (TrialPlan, ApprovalId),
    ) -> Done {
        let trial = self.own_trial(actor, id)?;
        let (current, number) = self.current_version(id).ok_or(Refusal::UnknownTrial)?;
        if trial.unblinded_at.is_some() && plan.analysis != current.analysis {
            return Err(Refusal::PlanChangedAfterUnblind);
        }
        let approval =
            self.approval_in_force(now, actor, Some(id), cited).ok_or(Refusal::AmendmentWithoutApproval)?;
        if self.trials.versions_of(id).any(|version| version.approval == cited) {
            return Err(Refusal::AmendmentWithoutApproval);
        }
        if approval.plan != plan {
            return Err(Refusal::CommitmentMismatch);
        }
        if self.trials.version_by_protocol(&plan.protocol).is_some_and(|version| version.trial != id) {
            return Err(Refusal::DuplicateTrial);
        }
        if number + 1 >= VERSIONS_PER_TRIAL_MAX {
            return Err(Refusal::TooManyAmendments);
        }
        let (number, reconsent) = (number + 1, approval.reconsent);
        if let Some(trial) = self.trials.rows.trials.get_mut(id.0).filter(|_| reconsent) {
            trial.consent_from = number;
        }
        self.trials.push_version(TrialVersion { trial: id, number, plan, approval: cited, at: now });
        Ok(TrialOutcome::Amended { trial: id, version: number })
    }

    /// Refusals, in order: no such trial; not its sponsor (`RoleNotAllowed`); no such hospital (`UnknownParty`); locked
    /// data; too many sites. One that is active stays so.
    pub(super) fn activate_site(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: TrialId,
        organisation: PartyId,
    ) -> Done {
        let trial = self.own_trial(actor, id)?;
        if self.party(organisation).is_none_or(|party| party.role != Role::Hospital) {
            return Err(Refusal::UnknownParty);
        }
        if trial.lock.is_some() {
            return Err(Refusal::DataAfterLock);
        }
        let done = Ok(TrialOutcome::SiteActivated(id));
        if let Some(row) = self.trials.site_row(id, organisation) {
            let closed = self.trials.rows.sites.get(row).is_some_and(|site| site.closed_at.is_some());
            if let Some(site) = self.trials.rows.sites.get_mut(row).filter(|_| closed) {
                (site.activated_at, site.closed_at) = (now, None);
            }
            return done;
        }
        if self.trials.site_chains.length(id.0) >= SITES_PER_TRIAL_MAX {
            return Err(Refusal::TooManySites);
        }
        self.trials.push_site(Site { trial: id, organisation, activated_at: now, closed_at: None });
        done
    }

    /// Refusals, in order: no such trial; not its sponsor (`RoleNotAllowed`); no active site of it.
    pub(super) fn close_site(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: TrialId,
        organisation: PartyId,
    ) -> Done {
        self.own_trial(actor, id)?;
        if !self.is_active_site(id, organisation) {
            return Err(Refusal::SiteNotActive);
        }
        let row = self.trials.site_row(id, organisation).ok_or(Refusal::SiteNotActive)?;
        if let Some(site) = self.trials.rows.sites.get_mut(row) {
            site.closed_at = Some(now);
        }
        Ok(TrialOutcome::SiteClosed(id))
    }

    /// Refusals, in order: no such trial; not its sponsor (`RoleNotAllowed`); locked before (`DataAfterLock`); another
    /// root than that of the chains (`CommitmentMismatch`).
    pub(super) fn lock_data(&mut self, now: Timestamp, actor: &Actor, id: TrialId, root: Digest) -> Done {
        if self.own_trial(actor, id)?.lock.is_some() {
            return Err(Refusal::DataAfterLock);
        }
        if self.trials.root_of(id) != root {
            return Err(Refusal::CommitmentMismatch);
        }
        if let Some(trial) = self.trials.rows.trials.get_mut(id.0) {
            trial.lock = Some(DataLock { at: now, root });
        }
        Ok(TrialOutcome::Locked { trial: id, root })
    }

    /// Refusals, in order: no such trial; another sponsor, data that are not locked, or a second time
    /// (`UnblindNotAuthorised`).
    pub(super) fn unblind(&mut self, now: Timestamp, actor: &Actor, id: TrialId) -> Done {
        let trial = self.trials.trial(id).ok_or(Refusal::UnknownTrial)?;
        if trial.sponsor != actor.organisation || trial.lock.is_none() || trial.unblinded_at.is_some() {
            return Err(Refusal::UnblindNotAuthorised);
        }
        if let Some(trial) = self.trials.rows.trials.get_mut(id.0) {
            trial.unblinded_at = Some(now);
        }
        Ok(TrialOutcome::Unblinded(id))
    }

    /// Refusals, in order: no such trial; not its sponsor (`RoleNotAllowed`); published before; a version that there is
    /// not, or an analysis plan that is not the version's and the present one (`ResultPlanMismatch`); other data than
    /// those locked, or none locked (`CommitmentMismatch`); before unblinding.
    pub(super) fn publish(
        &mut self,
        actor: &Actor,
        id: TrialId,
        analysis: Digest,
        result: TrialResult,
    ) -> Done {
        let trial = self.own_trial(actor, id)?;
        if trial.result.is_some() {
            return Err(Refusal::AlreadyPublished);
        }
        let (current, _) = self.current_version(id).ok_or(Refusal::UnknownTrial)?;
        let cited = self.trials.versions_of(id).find(|version| version.number == result.version);
        if cited.is_none_or(|version| version.plan.analysis != analysis) || current.analysis != analysis {
            return Err(Refusal::ResultPlanMismatch);
        }
        if trial.lock.is_none_or(|lock| lock.root != result.root) {
            return Err(Refusal::CommitmentMismatch);
        }
        if trial.unblinded_at.is_none() {
            return Err(Refusal::UnblindNotAuthorised);
        }
        if let Some(trial) = self.trials.rows.trials.get_mut(id.0) {
            trial.result = Some(result);
        }
        Ok(TrialOutcome::Published { trial: id, root: result.root })
    }

    fn own_trial(&self, actor: &Actor, id: TrialId) -> Result<&Trial, Refusal> {
        let trial = self.trials.trial(id).ok_or(Refusal::UnknownTrial)?;
        if trial.sponsor == actor.organisation { Ok(trial) } else { Err(Refusal::RoleNotAllowed) }
    }

    /// A trial's present plan and its number.
    pub(super) fn current_version(&self, id: TrialId) -> Option<(TrialPlan, u32)> {
        self.trials.versions_of(id).next().map(|version| (version.plan, version.number))
    }

    pub(super) fn is_active_site(&self, trial: TrialId, organisation: PartyId) -> bool {
        self.trials.site(trial, organisation).is_some_and(|site| site.closed_at.is_none())
    }

    /// An approval that this sponsor may still use, of an amendment of this trial or of a new one.
    fn approval_in_force(
        &self,
        now: Timestamp,
        actor: &Actor,
        trial: Option<TrialId>,
        id: ApprovalId,
    ) -> Option<&Approval> {
        let window = Duration::from_nanos(self.policy.trial_approval_window_ns);
        let approval = self.trials.approval(id)?;
        let fits = approval.trial == trial && approval.sponsor == actor.organisation;
        (fits && now < approval.at + window).then_some(approval)
    }
}
