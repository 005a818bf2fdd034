//! Telemedicine: attested devices, anchored vitals, decisions with the provenance of their model, prescriptions.
//!
//! [`Sessions`] is the state; what is derived in it from its tables is in neither root nor snapshot.
//!
//! Invariants, whatever is asked:
//! * the batches of a device in a session follow each other without gap or overlap, by number and by its clock;
//! * a triage cites a model that was registered and not retired when it was recorded, and a root anchored in its session;
//! * what rests on a triage that escalates rests on a review;
//! * never more is dispensed of a prescription than it prescribes.
//!
//! It refuses to know what was measured: replicas run no model and no score.

mod decision;
mod device;
mod prescription;
mod session;
mod state;

pub use decision::{Model, Triage, TriageReview};
pub use device::{Device, RevokedFirmware};
pub use prescription::{Prescription, PrescriptionClaim};
pub use session::{Batch, DEVICES_PER_SESSION_MAX, Session, Stream};
pub use state::Sessions;

use super::transaction::{Answer, Outcome, Refusal, Role, TelemedicineAction, TelemedicineOutcome};
use super::{Actor, Ledger};
use crate::time::Timestamp;

/// What an action of this family came to.
type Done = Result<TelemedicineOutcome, Refusal>;

impl Ledger {
    /// Whether the roles may do this at all.
    pub(super) fn may_telemedicine(actor: &Actor, action: &TelemedicineAction) -> bool {
        let at = |organisation, roles: &[Role]| {
            actor.organisation_role == organisation && roles.contains(&actor.role)
        };
        match action {
            TelemedicineAction::OpenSession { .. } | TelemedicineAction::CloseSession { .. } => {
                at(Role::Hospital, &[Role::Clinician, Role::Clerk, Role::Hospital])
            }
            TelemedicineAction::AttestDevice { .. } | TelemedicineAction::RecordTriage { .. } => {
                at(Role::Hospital, &[Role::Clinician, Role::Technician, Role::Clerk, Role::Hospital])
            }
            TelemedicineAction::OverrideTriage { .. } | TelemedicineAction::Prescribe { .. } => {
                at(Role::Hospital, &[Role::Clinician])
            }
            TelemedicineAction::AnchorVitals { .. } => actor.role == Role::Device,
            TelemedicineAction::RevokeFirmware { .. } => actor.role == Role::Regulator,
            TelemedicineAction::RegisterModel { .. } | TelemedicineAction::RetireModel { .. } => {
                at(Role::ModelOwner, &[Role::Officer, Role::ModelOwner])
            }
            TelemedicineAction::ClaimPrescription { .. }
            | TelemedicineAction::DispensePrescription { .. } => {
                at(Role::Pharmacy, &[Role::Pharmacist, Role::Pharmacy])
            }
        }
    }

    /// Does it.
    pub(super) fn act_telemedicine(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        action: &TelemedicineAction,
    ) -> Answer {
        let done = match *action {
            TelemedicineAction::OpenSession { clinician, patient } => {
                self.open_session(now, actor, clinician, patient)
            }
            TelemedicineAction::CloseSession { session } => self.close_session(now, actor, session),
            TelemedicineAction::AttestDevice { device, certificate, firmware, until } => {
                let attested = Device { device, certificate, firmware, attested_at: now, until };
                self.attest_device(now, actor, attested)
            }
            TelemedicineAction::RevokeFirmware { firmware } => self.revoke_firmware(now, firmware),
            TelemedicineAction::AnchorVitals { session, ref vitals } => {
                self.anchor_vitals(now, actor, session, vitals)
            }
            TelemedicineAction::RegisterModel { model, training_data } => {
                self.register_model(now, actor, model, training_data)
            }
            TelemedicineAction::RetireModel { model } => self.retire_model(now, actor, model),
            TelemedicineAction::RecordTriage { session, ref decision } => {
                self.record_triage(now, actor, session, decision)
            }
            TelemedicineAction::OverrideTriage { triage, accepted, reason } => {
                let review = TriageReview { reviewer: actor.id, accepted, reason, at: now };
                self.override_triage(actor, triage, review)
            }
            TelemedicineAction::Prescribe { session, patient, triage, medication, quantity, until } => {
                let prescription = Prescription {
                    session,
                    patient,
                    triage,
                    prescriber: actor.id,
                    medication,
                    quantity,
                    dispensed: 0,
                    prescribed_at: now,
                    until,
                    claim: None,
                };
                self.prescribe(now, actor, prescription)
            }
            TelemedicineAction::ClaimPrescription { prescription, patient } => {
                self.claim_prescription(now, actor, prescription, patient)
            }
            TelemedicineAction::DispensePrescription { prescription, patient, quantity } => {
                self.dispense_prescription(now, actor, (prescription, patient, quantity))
            }
        };
        done.map(Outcome::Telemedicine).into()
    }
}
