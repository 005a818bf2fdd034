//! A session from its opening to the last unit dispensed.

use super::Deed;
use crate::plan::{InstitutionKind, TelemedicinePlan, TelemedicineWrong};
use crate::population::{Population, pick};
use crate::seed::Stream;
use crate::triage::{Course, Patient};
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::{Decision, PartyId, PrescriptionId, SessionId, TriageId, Vitals};
use ledger_core::time::Timestamp;

/// Devices' readings a second, and how many in a hundred devices take so many.
const SAMPLING: [(u64, u32); 4] = [(1, 60), (10, 25), (125, 10), (250, 5)];
/// Sessions in a hundred that end in a prescription although nothing was alarming.
const PRESCRIBED_PERCENT: u64 = 40;
/// Consultations in a hundred that end in one.
const CONSULTED_PERCENT: u64 = 60;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Attest,
    Anchor,
    Triage,
    Review,
    Prescribe,
    Close,
    Claim,
    Dispense,
    /// Something wrong, before what is in [`Case::then`].
    Wrong(Deed),
    /// Attests the device for a moment, so that it can be used after that.
    AttestBriefly,
    /// Attests it with a firmware of its own, and revokes that.
    AttestLot,
    RevokeLot,
    /// Nothing.
    Finish,
}

/// A session.
#[derive(Debug)]
pub(super) struct Case {
    pub hospital: PartyId,
    /// Members of the hospital's staff by number: who treats, who reviews.
    pub clinician: u64,
    pub reviewer: u64,
    /// By index.
    pub patient: u64,
    /// Somebody else, for what is done wrong.
    pub other_patient: u64,
    pub pharmacy: PartyId,
    /// Another, where there is one.
    pub other_pharmacy: Option<PartyId>,
    pub pharmacist: u64,
    pub monitor: Option<Monitor>,
    /// What is done wrong, until it is done.
    pub wrong: Option<Deed>,
    pub next: Step,
    /// What follows a wrong step.
    pub then: Step,
    /// When the next step is due.
    pub due: Timestamp,
    pub session: Option<SessionId>,
    /// Whether it is to end in a prescription.
    pub prescribes: bool,
    /// The triage that a prescription rests on.
    pub rests_on: Option<TriageId>,
    pub prescription: Option<PrescriptionId>,
    pub quantity: u32,
    /// Parts still to be dispensed.
    pub parts: u32,
    pub dispensed: u32,
}

/// What a device has to do with it.
#[derive(Debug)]
pub(super) struct Monitor {
    /// By index.
    pub device: u64,
    pub sampling_hz: u64,
    pub patient: Patient,
    pub course: Course,
    /// What severity rises by in a batch, once it does, and to.
    slope: u32,
    peak: u32,
    /// Batches before the decline begins.
    onset: Option<u64>,
    pub batches_left: u64,
    /// Readings anchored.
    pub readings: u64,
    /// Where the next window begins.
    pub window_from: Timestamp,
    /// The batch under way, or anchored last.
    pub vitals: Option<Vitals>,
    pub decision: Option<Decision>,
    pub triage: Option<TriageId>,
    /// What the reviewer makes of the last alarm.
    pub accepted: bool,
    /// Firmware that is revoked for this session's sake.
    pub lot: Digest,
    /// End of the brief attestation.
    pub brief_until: Timestamp,
}

impl Case {
    pub(super) fn draw(
        stream: &mut Stream,
        population: &Population,
        monitor: Option<Monitor>,
        wrong: &TelemedicineWrong,
    ) -> Self {
        let hospitals = population.institutions_of(InstitutionKind::Hospital);
        let pharmacies = population.institutions_of(InstitutionKind::Pharmacy);
        let drawn = pick(hospitals, stream).expect("the plan has a hospital");
        let own = monitor.as_ref().and_then(|monitor| population.hospital_of_device(monitor.device));
        let hospital = own.unwrap_or(drawn);
        let pharmacy = pick(pharmacies, stream).expect("the plan has a pharmacy");
        let other_pharmacy = pick(pharmacies, stream).filter(|other| *other != pharmacy);
        let staff = population.staff_per_institution();
        let (clinician, reviewer, pharmacist) =
            (stream.below(staff), stream.below(staff), stream.below(staff));
        let patient = stream.below(population.patients());
        let other_patient =
            (patient + 1 + stream.below(population.patients().max(2) - 1)) % population.patients();
        let percent = if monitor.is_some() { PRESCRIBED_PERCENT } else { CONSULTED_PERCENT };
        let deed = Deed::draw(stream, wrong, monitor.is_some());
        Self {
            hospital,
            clinician,
            reviewer,
            patient,
            other_patient,
            pharmacy,
            other_pharmacy,
            pharmacist,
            monitor,
            wrong: deed,
            next: if deed == Some(Deed::Unlicensed) { Step::Wrong(Deed::Unlicensed) } else { Step::Open },
            then: Step::Open,
            due: Timestamp::ZERO,
            session: None,
            prescribes: stream.chance(percent, 100),
            rests_on: None,
            prescription: None,
            quantity: stream.uniform(10, 60) as u32,
            parts: stream.uniform(1, 3) as u32,
            dispensed: 0,
        }
    }
}

impl Monitor {
    pub(super) fn draw(stream: &mut Stream, plan: &TelemedicinePlan, device: u64) -> Self {
        let sampling = stream.pick_weighted(&SAMPLING.map(|(_, weight)| weight));
        let batches = stream.uniform(1, 2 * plan.batches - 1);
        let declines = stream.chance(u64::from(plan.deteriorating), 1_000_000);
        let onset = declines.then(|| stream.below(batches.div_ceil(2).max(1)));
        Self {
            device,
            sampling_hz: SAMPLING[sampling].0.min(plan.sampling_hz_max),
            patient: Patient::draw(stream),
            course: Course::default(),
            slope: stream.uniform(150, 400) as u32,
            peak: stream.uniform(500, 1_000) as u32,
            onset,
            batches_left: batches,
            readings: 0,
            window_from: Timestamp::ZERO,
            vitals: None,
            decision: None,
            triage: None,
            accepted: false,
            lot: Digest::default(),
            brief_until: Timestamp::ZERO,
        }
    }

    /// The batch under way is on the ledger.
    pub(super) fn anchored(&mut self) {
        if let Some(vitals) = self.vitals {
            self.readings += u64::from(vitals.count);
            self.window_from = vitals.window.1;
            self.batches_left = self.batches_left.saturating_sub(1);
        }
    }

    /// Severity moves on by a batch.
    pub(super) fn decline(&mut self) {
        let from = self.course.to;
        let to = match &mut self.onset {
            Some(0) => (from + self.slope).min(self.peak),
            Some(batches) => {
                *batches -= 1;
                from
            }
            None => from,
        };
        self.course = Course { from, to };
    }
}
