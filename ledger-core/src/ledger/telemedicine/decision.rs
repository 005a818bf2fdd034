//! Models, what they decided, and what clinicians made of it.
//!
//! A [`Triage`] says by which model, from which readings, and how: whoever has the model, the readings and their salts
//! computes it again and compares.

use super::super::transaction::{
    BatchId, Decision, ModelId, NEWS2_MAX, PartyId, Refusal, SCORE_MILLI_MAX, SessionId, TelemedicineOutcome,
    TriageId,
};
use super::super::{Actor, Ledger};
use super::Done;
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// A decision model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Model {
    /// Its hash.
    pub model: Digest,
    /// Hash of what it was trained on.
    pub training_data: Digest,
    /// Who answers for it.
    pub owner: PartyId,
    /// Commit time of its registration.
    pub registered_at: Timestamp,
    /// Commit time of its retirement; it decides nothing from then on.
    pub retired_at: Option<Timestamp>,
}

/// A recorded decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Triage {
    /// In which session.
    pub session: SessionId,
    /// By which model.
    pub model: ModelId,
    /// From which batch.
    pub batch: BatchId,
    /// How.
    pub decision: Decision,
    /// Who recorded it.
    pub recorded_by: PartyId,
    /// Commit time.
    pub recorded_at: Timestamp,
    /// What a clinician made of it.
    pub review: Option<TriageReview>,
}

/// A clinician's verdict on a triage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TriageReview {
    /// Who.
    pub reviewer: PartyId,
    /// Whether the advice is taken; else it is overridden.
    pub accepted: bool,
    /// Commitment to the reason.
    pub reason: Digest,
    /// Commit time.
    pub at: Timestamp,
}

impl Ledger {
    /// Refusals: `DuplicateModel` (retired ones count).
    pub(super) fn register_model(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        model: Digest,
        training_data: Digest,
    ) -> Done {
        if self.sessions.model_by_hash(&model).is_some() {
            return Err(Refusal::DuplicateModel);
        }
        let owner = actor.organisation;
        let model = Model { model, training_data, owner, registered_at: now, retired_at: None };
        Ok(TelemedicineOutcome::ModelRegistered(self.sessions.push_model(model)))
    }

    /// Refusals, in order: `ModelNotRegistered` (or by another owner); `ModelRetired`.
    pub(super) fn retire_model(&mut self, now: Timestamp, actor: &Actor, model: Digest) -> Done {
        let found = self.sessions.model_by_hash(&model);
        let (id, model) =
            found.filter(|(_, it)| it.owner == actor.organisation).ok_or(Refusal::ModelNotRegistered)?;
        if model.retired_at.is_some() {
            return Err(Refusal::ModelRetired);
        }
        let retired = Model { retired_at: Some(now), ..*model };
        self.sessions.set_model(id, retired);
        Ok(TelemedicineOutcome::ModelRetired(id))
    }

    /// Refusals, in order: `UnknownSession`; `ClinicianNotLicensed` (the actor is of another hospital);
    /// `SessionClosed`; `ModelNotRegistered`; `ModelRetired`; `InputRootUnknown` (not anchored in this session, or it has
    /// no such readings); `ScoreOutOfRange` (no NEWS2, or not in thousandths).
    pub(super) fn record_triage(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        session: SessionId,
        decision: &Decision,
    ) -> Done {
        self.open_session_of(actor, session)?;
        let model = self.sessions.model_by_hash(&decision.model).ok_or(Refusal::ModelNotRegistered)?;
        let (model, Model { retired_at, .. }) = model;
        if retired_at.is_some() {
            return Err(Refusal::ModelRetired);
        }
        let (first, end) = decision.leaves;
        let batch = self
            .anchored(&decision.root)
            .filter(|(_, of, batch)| *of == session && first < end && end <= batch.vitals.count);
        let (batch, ..) = batch.ok_or(Refusal::InputRootUnknown)?;
        let scores = decision.score_milli.max(decision.threshold_milli);
        if decision.news2.total > NEWS2_MAX || scores > SCORE_MILLI_MAX {
            return Err(Refusal::ScoreOutOfRange);
        }
        let triage = Triage {
            session,
            model,
            batch,
            decision: *decision,
            recorded_by: actor.id,
            recorded_at: now,
            review: None,
        };
        let triage = self.sessions.push_triage(triage);
        Ok(TelemedicineOutcome::TriageRecorded { triage, escalates: decision.escalates() })
    }

    /// Refusals, in order: `UnknownTriage`; `ClinicianNotLicensed` (the reviewer is of another hospital);
    /// `AlreadyReviewed`. A closed session's may be reviewed.
    pub(super) fn override_triage(&mut self, actor: &Actor, id: TriageId, review: TriageReview) -> Done {
        let triage = *self.sessions.triage(id).ok_or(Refusal::UnknownTriage)?;
        let session = self.sessions.session(triage.session).ok_or(Refusal::UnknownTriage)?;
        if session.hospital != actor.organisation {
            return Err(Refusal::ClinicianNotLicensed);
        }
        if triage.review.is_some() {
            return Err(Refusal::AlreadyReviewed);
        }
        self.sessions.set_triage(id, Triage { review: Some(review), ..triage });
        Ok(TelemedicineOutcome::TriageReviewed(id))
    }
}
