//! What follows from how a step ended: figures, incidents, false alarms, and the next step.

use super::case::{Case, Monitor, Step};
use super::{Deed, Setup, Telemedicine, Verdict, sample};
use crate::history::{Figure, Incident, Note, System};
use ledger_core::ledger::transaction::TelemedicineOutcome;
use ledger_core::time::{Duration, Timestamp, nanos};

/// How long after its end an attestation is used that has run out: commit time may lag behind the clock.
const AFTER_BRIEF: Duration = Duration::from_secs(3);

impl Telemedicine {
    /// Moves a case on. `at` is when the end was proven.
    pub(super) fn go_on(
        &mut self,
        id: u64,
        at: Timestamp,
        scheduled: Timestamp,
        verdict: Verdict,
        notes: &mut Vec<Note>,
    ) {
        let retired = self.setup == Setup::Done;
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.due = at;
        match (case.next, verdict) {
            (_, Verdict::Unknown) => case.next = Step::Finish,
            (Step::Wrong(deed), verdict) => {
                let caught = match verdict {
                    Verdict::Refused(refusal) => (refusal == deed.refusal()).then_some(at),
                    Verdict::Done(_) | Verdict::Unknown => None,
                };
                notes.push(Note::Incident(Incident { wrong: deed.wrong(), at: scheduled, caught }));
                case.wrong = None;
                // One that was let through has changed what is right.
                case.next = if caught.is_some() { case.then } else { Step::Finish };
                self.after_wrong(id, deed);
            }
            (_, Verdict::Refused(refusal)) => {
                notes.push(Note::FalseAlarm(System::Telemedicine, scheduled, refusal));
                case.next = Step::Finish;
            }
            (step, Verdict::Done(outcome)) => {
                case.note(step, at, scheduled, outcome, notes);
                let next = case.after(step, at, self.plan.batch, outcome);
                if let (Step::Attest, Some(monitor)) = (step, &case.monitor) {
                    self.devices.attested.insert(monitor.device);
                }
                let attested =
                    case.monitor.as_ref().is_none_or(|it| self.devices.attested.contains(&it.device));
                let next = if next == Step::Attest && attested { Step::Anchor } else { next };
                case.next = case.instead(next, step, retired);
                if step == Step::Close {
                    self.free_monitor(id);
                }
            }
        }
        self.wait_for_window(id);
    }

    /// Its device has nothing to do with what happens at the pharmacy.
    fn free_monitor(&mut self, id: u64) {
        if let Some(monitor) = self.cases.get_mut(&id).and_then(|case| case.monitor.take()) {
            self.monitored -= 1;
            self.devices.free.push(monitor.device);
        }
    }

    /// A batch is due when its time is over.
    fn wait_for_window(&mut self, id: u64) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let step = match case.next {
            Step::Wrong(Deed::Gap | Deed::Overlap | Deed::Skewed) => case.then,
            step => step,
        };
        if let (Step::Anchor, Some(monitor)) = (step, &case.monitor) {
            case.due = case.due.max(monitor.window_from + self.plan.batch);
        }
    }

    /// A device whose attestation was spoilt is attested anew.
    fn after_wrong(&mut self, id: u64, deed: Deed) {
        let Some(Case { monitor: Some(monitor), .. }) = self.cases.get(&id) else { return };
        if deed.preparation().is_some() {
            self.devices.attested.remove(&monitor.device);
        }
    }
}

impl Monitor {
    fn escalates(&self) -> bool {
        self.decision.is_some_and(|decision| decision.escalates())
    }
}

impl Case {
    /// What follows a right step that was done; where a device is to be attested, as if it were not.
    fn after(&mut self, step: Step, at: Timestamp, batch: Duration, outcome: TelemedicineOutcome) -> Step {
        match step {
            Step::Open => {
                if let TelemedicineOutcome::SessionOpened(session) = outcome {
                    self.session = Some(session);
                }
                match &mut self.monitor {
                    Some(monitor) => {
                        monitor.window_from = at;
                        Step::Attest
                    }
                    None => self.close_or_prescribe(),
                }
            }
            Step::Attest => Step::Anchor,
            Step::AttestBriefly => {
                self.due = self.monitor.as_ref().map_or(at, |monitor| monitor.brief_until + AFTER_BRIEF);
                self.then = Step::Attest;
                Step::Wrong(Deed::ExpiredAttestation)
            }
            Step::AttestLot => Step::RevokeLot,
            Step::RevokeLot => {
                self.then = Step::Attest;
                Step::Wrong(Deed::RevokedFirmware)
            }
            Step::Anchor => {
                if let Some(monitor) = &mut self.monitor {
                    monitor.anchored();
                }
                Step::Triage
            }
            Step::Triage => self.after_triage(outcome),
            Step::Review => self.after_review(),
            Step::Prescribe => {
                if let TelemedicineOutcome::Prescribed(prescription) = outcome {
                    self.prescription = Some(prescription);
                }
                self.next_batch_or_close()
            }
            Step::Close if self.prescription.is_some() => Step::Claim,
            Step::Close => Step::Finish,
            Step::Claim => Step::Dispense,
            Step::Dispense => {
                if let TelemedicineOutcome::Dispensed { remaining, .. } = outcome {
                    self.dispensed = self.quantity - remaining;
                    self.parts -= 1;
                    // Somebody comes back for the rest.
                    self.due = at + batch;
                }
                if self.dispensed < self.quantity { Step::Dispense } else { Step::Finish }
            }
            Step::Wrong(_) | Step::Finish => Step::Finish,
        }
    }

    fn after_triage(&mut self, outcome: TelemedicineOutcome) -> Step {
        let Some(monitor) = &mut self.monitor else { return Step::Finish };
        if let TelemedicineOutcome::TriageRecorded { triage, .. } = outcome {
            monitor.triage = Some(triage);
        }
        self.rests_on = monitor.triage;
        if monitor.escalates() {
            return Step::Review;
        }
        self.next_batch_or_close()
    }

    /// An alarm that is accepted calls for a remedy.
    fn after_review(&mut self) -> Step {
        let accepted = self.monitor.as_ref().is_some_and(|monitor| monitor.accepted);
        if accepted && self.prescription.is_none() {
            return Step::Prescribe;
        }
        self.next_batch_or_close()
    }

    fn next_batch_or_close(&mut self) -> Step {
        match &self.monitor {
            Some(monitor) if monitor.batches_left > 0 => Step::Anchor,
            Some(_) | None => self.close_or_prescribe(),
        }
    }

    fn close_or_prescribe(&mut self) -> Step {
        let prescribes = self.prescribes && self.prescription.is_none();
        self.prescribes = false;
        if prescribes { Step::Prescribe } else { Step::Close }
    }

    /// What is done wrong before `next`, or `next`. `last` is the step that was taken.
    fn instead(&mut self, next: Step, last: Step, retired: bool) -> Step {
        let Some(deed) = self.wrong else { return next };
        let begun = self.monitor.as_ref().is_some_and(|monitor| monitor.readings > 0);
        let begins = matches!(next, Step::Attest | Step::Anchor);
        let due = match deed {
            Deed::NotAttested | Deed::WrongKey => begins,
            Deed::ExpiredAttestation | Deed::RevokedFirmware => begins && last == Step::Open,
            Deed::Skewed | Deed::Gap => next == Step::Anchor,
            Deed::Overlap => next == Step::Anchor && begun,
            Deed::RetiredModel => next == Step::Triage && retired,
            Deed::UnregisteredModel | Deed::UnanchoredInput => next == Step::Triage,
            Deed::MissingReview => next == Step::Review,
            Deed::PrescribeForOther => next == Step::Prescribe,
            Deed::DispenseForOther | Deed::DispenseTooMuch => next == Step::Dispense,
            Deed::DispenseElsewhere => next == Step::Dispense && self.other_pharmacy.is_some(),
            Deed::DispenseAgain => next == Step::Finish && last == Step::Dispense,
            // It comes first of all.
            Deed::Unlicensed => false,
        };
        if !due {
            return next;
        }
        self.then = next;
        deed.preparation().unwrap_or(Step::Wrong(deed))
    }

    /// What a right step that was done adds to the figures.
    fn note(
        &mut self,
        step: Step,
        at: Timestamp,
        scheduled: Timestamp,
        outcome: TelemedicineOutcome,
        notes: &mut Vec<Note>,
    ) {
        let mut count = |figure, value| notes.push(sample(figure, scheduled, value));
        match outcome {
            TelemedicineOutcome::SessionOpened(_) => count(Figure::SessionsOpened, 1),
            TelemedicineOutcome::VitalsAnchored(_) => {
                let vitals = self.monitor.as_ref().and_then(|monitor| monitor.vitals);
                count(Figure::VitalsAnchored, vitals.map_or(0, |vitals| u64::from(vitals.count)));
                count(Figure::BatchesAnchored, 1);
            }
            TelemedicineOutcome::TriageRecorded { .. } => self.note_triage(&mut count),
            TelemedicineOutcome::Prescribed(_) => count(Figure::Prescribed, 1),
            TelemedicineOutcome::Dispensed { remaining, .. } => {
                count(Figure::Dispensings, 1);
                count(Figure::Dispensed, u64::from(remaining == 0));
            }
            TelemedicineOutcome::TriageReviewed(_)
            | TelemedicineOutcome::SessionClosed(_)
            | TelemedicineOutcome::DeviceAttested(_)
            | TelemedicineOutcome::FirmwareRevoked
            | TelemedicineOutcome::ModelRegistered(_)
            | TelemedicineOutcome::ModelRetired(_)
            | TelemedicineOutcome::PrescriptionClaimed { .. } => {}
        }
        let Some(monitor) = &self.monitor else { return };
        let decides = match step {
            Step::Triage => !monitor.escalates(),
            Step::Review => {
                notes.push(sample(Figure::Overrides, scheduled, u64::from(!monitor.accepted)));
                true
            }
            _ => false,
        };
        if let Some(vitals) = monitor.vitals.filter(|_| decides) {
            notes.push(sample(Figure::VitalsToDecision, scheduled, nanos(at.since(vitals.window.1))));
        }
    }

    fn note_triage(&self, count: &mut impl FnMut(Figure, u64)) {
        let Some(monitor) = &self.monitor else { return };
        let Some(decision) = monitor.decision else { return };
        let (severe, escalates) = (monitor.course.is_severe(), decision.escalates());
        count(Figure::Triages, 1);
        count(Figure::AlarmsRaised, u64::from(escalates));
        count(Figure::AlarmsJustified, u64::from(escalates && severe));
        count(Figure::AlarmsMissed, u64::from(severe && !escalates));
        count(Figure::AlarmsMissedByNews2, u64::from(severe && !decision.news2.escalates()));
    }
}
