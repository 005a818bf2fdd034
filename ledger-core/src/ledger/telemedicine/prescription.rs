//! Prescriptions: from a clinician to a pharmacy, once.

use super::super::transaction::{PartyId, PrescriptionId, Refusal, SessionId, TelemedicineOutcome, TriageId};
use super::super::{Actor, Ledger, LedgerBug};
use super::Done;
use crate::crypto::Digest;
use crate::time::{Duration, Timestamp};
use borsh::{BorshDeserialize, BorshSerialize};

/// What may be dispensed, and what of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Prescription {
    /// In which session.
    pub session: SessionId,
    /// To whom.
    pub patient: PartyId,
    /// The triage that it rests on.
    pub triage: Option<TriageId>,
    /// Who prescribed.
    pub prescriber: PartyId,
    /// Commitment to the medication and its dosage.
    pub medication: Digest,
    /// How much may be dispensed, in units of the medication, at least 1.
    pub quantity: u32,
    /// How much was, at most `quantity`.
    pub dispensed: u32,
    /// Commit time.
    pub prescribed_at: Timestamp,
    /// Until when (exclusive).
    pub until: Timestamp,
    /// The pharmacy that took it on last.
    pub claim: Option<PrescriptionClaim>,
}

/// A pharmacy's hold on a prescription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PrescriptionClaim {
    /// Whose.
    pub pharmacy: PartyId,
    /// Until when (exclusive) nobody else may take it on, or dispense.
    pub until: Timestamp,
}

impl PrescriptionClaim {
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

impl Ledger {
    /// Refusals, in order: `UnknownSession`; `ClinicianNotLicensed` (of another hospital); `SessionClosed`;
    /// `PatientMismatch` (not the session's); `UnknownTriage` (not of this session); `ReviewMissing` (the triage
    /// escalates, and no clinician has looked); `QuantityExceeded` (none); `PrescriptionExpired` (it would end at once).
    pub(super) fn prescribe(&mut self, now: Timestamp, actor: &Actor, prescription: Prescription) -> Done {
        let session = self.open_session_of(actor, prescription.session)?;
        if session.patient != prescription.patient {
            return Err(Refusal::PatientMismatch);
        }
        if let Some(id) = prescription.triage {
            let triage = self.sessions.triage(id).filter(|triage| triage.session == prescription.session);
            let triage = triage.ok_or(Refusal::UnknownTriage)?;
            if triage.decision.escalates() && triage.review.is_none() {
                return Err(Refusal::ReviewMissing);
            }
        }
        if prescription.quantity == 0 {
            return Err(Refusal::QuantityExceeded);
        }
        if prescription.until <= now {
            return Err(Refusal::PrescriptionExpired);
        }
        Ok(TelemedicineOutcome::Prescribed(self.sessions.push_prescription(prescription)))
    }

    /// Refusals, in order: those common to both ends of a counter (`UnknownPrescription`; `PatientMismatch`;
    /// `PrescriptionExpired`; `PrescriptionAlreadyDispensed`, when nothing is left); `PrescriptionClaimed` (by another
    /// pharmacy, whose time has not run out).
    pub(super) fn claim_prescription(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: PrescriptionId,
        patient: PartyId,
    ) -> Done {
        let prescription = self.at_the_counter(now, id, patient)?;
        let pharmacy = actor.organisation;
        if prescription.claim.is_some_and(|claim| claim.pharmacy != pharmacy && claim.holds(now)) {
            return Err(Refusal::PrescriptionClaimed);
        }
        let until = now + Duration::from_nanos(self.policy.prescription_claim_ns);
        let claim = Some(PrescriptionClaim { pharmacy, until });
        self.sessions.set_prescription(id, Prescription { claim, ..prescription });
        Ok(TelemedicineOutcome::PrescriptionClaimed { prescription: id, until })
    }

    /// Refusals, in order: those common to both ends of a counter; `PrescriptionNotClaimed` (by this pharmacy, or its
    /// time has run out); `QuantityExceeded` (none, or more than is left).
    pub(super) fn dispense_prescription(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        (id, patient, quantity): (PrescriptionId, PartyId, u32),
    ) -> Done {
        let prescription = self.at_the_counter(now, id, patient)?;
        let own = prescription.claim.filter(|claim| claim.pharmacy == actor.organisation && claim.holds(now));
        own.ok_or(Refusal::PrescriptionNotClaimed)?;
        let left = prescription.quantity.saturating_sub(prescription.dispensed);
        if quantity == 0 || (quantity > left && !self.has_bug(LedgerBug::DispenseAgain)) {
            return Err(Refusal::QuantityExceeded);
        }
        let dispensed = prescription.dispensed.saturating_add(quantity);
        self.sessions.set_prescription(id, Prescription { dispensed, ..prescription });
        let remaining = prescription.quantity.saturating_sub(dispensed);
        Ok(TelemedicineOutcome::Dispensed { prescription: id, remaining })
    }

    fn at_the_counter(
        &self,
        now: Timestamp,
        id: PrescriptionId,
        patient: PartyId,
    ) -> Result<Prescription, Refusal> {
        let prescription = *self.sessions.prescription(id).ok_or(Refusal::UnknownPrescription)?;
        if prescription.patient != patient {
            return Err(Refusal::PatientMismatch);
        }
        if now >= prescription.until {
            return Err(Refusal::PrescriptionExpired);
        }
        if prescription.dispensed >= prescription.quantity && !self.has_bug(LedgerBug::DispenseAgain) {
            return Err(Refusal::PrescriptionAlreadyDispensed);
        }
        Ok(prescription)
    }
}
