//! Sessions, and the vitals that devices anchor in them.
//!
//! In a session every device has a [`Stream`] of its own: its batches follow each other without gap or overlap, so that
//! leaving out an inconvenient reading shows.

use super::super::transaction::{BatchId, PartyId, Refusal, Role, SessionId, TelemedicineOutcome, Vitals};
use super::super::{Actor, Ledger, LedgerBug};
use super::Done;
use crate::crypto::Digest;
use crate::time::{Duration, Timestamp};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most devices that anchor vitals in one session. Beyond, `TooManyDevices`.
pub const DEVICES_PER_SESSION_MAX: u32 = 8;

/// A clinician with a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Session {
    /// Whom.
    pub patient: PartyId,
    /// Who treats.
    pub clinician: PartyId,
    /// For which hospital.
    pub hospital: PartyId,
    /// Commit time of its opening.
    pub opened_at: Timestamp,
    /// Commit time of its closing.
    pub closed_at: Option<Timestamp>,
}

/// What one device anchors in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stream {
    /// In which session.
    pub session: SessionId,
    /// Which device.
    pub device: PartyId,
    /// How many readings it has anchored; the number of the next.
    pub readings: u64,
    /// End of the last window, by its clock.
    pub until: Timestamp,
}

/// Readings that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Batch {
    /// Row of the stream in its table.
    pub stream: u32,
    /// What was anchored.
    pub vitals: Vitals,
    /// Commit time.
    pub anchored_at: Timestamp,
}

impl Ledger {
    /// Refusals, in order: `UnknownParty` (no such patient); `ClinicianNotLicensed` (no clinician of the actor's
    /// hospital, or without credential).
    pub(super) fn open_session(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        clinician: PartyId,
        patient: PartyId,
    ) -> Done {
        if self.party(patient).is_none_or(|party| party.role != Role::Patient) {
            return Err(Refusal::UnknownParty);
        }
        let hospital = actor.organisation;
        let licensed = self.party(clinician).is_some_and(|party| {
            let works_here = party.role == Role::Clinician && party.organisation == Some(hospital);
            works_here && party.credential.is_in_force(now)
        });
        if !licensed {
            return Err(Refusal::ClinicianNotLicensed);
        }
        let session = Session { patient, clinician, hospital, opened_at: now, closed_at: None };
        Ok(TelemedicineOutcome::SessionOpened(self.sessions.push_session(session)))
    }

    /// Refusals, in order: `UnknownSession`; `ClinicianNotLicensed` (the actor is of another hospital);
    /// `SessionClosed`.
    pub(super) fn close_session(&mut self, now: Timestamp, actor: &Actor, id: SessionId) -> Done {
        let session = self.open_session_of(actor, id)?;
        let closed = Session { closed_at: Some(now), ..session };
        self.sessions.set_session(id, closed);
        Ok(TelemedicineOutcome::SessionClosed(id))
    }

    /// A session of the actor's hospital that is open. Refusals as of [`close_session`](Self::close_session).
    pub(super) fn open_session_of(&self, actor: &Actor, id: SessionId) -> Result<Session, Refusal> {
        let session = *self.sessions.session(id).ok_or(Refusal::UnknownSession)?;
        if session.hospital != actor.organisation {
            return Err(Refusal::ClinicianNotLicensed);
        }
        match session.closed_at {
            Some(_) => Err(Refusal::SessionClosed),
            None => Ok(session),
        }
    }

    /// Refusals, in order: `UnknownSession`; `SessionClosed`; `UnknownDevice` (of another hospital than the session's);
    /// `DeviceNotAttested`; `AttestationExpired` (now, or before the last reading); `FirmwareRevoked`; `ClockSkew` (the window is empty, ends in the
    /// future or long ago, or begins before the session did, by more than the policy allows for); `TooManyDevices`;
    /// `BatchOverlap` (numbers, a window or a root that were anchored before); `BatchGap` (numbers left out, or no
    /// reading).
    pub(super) fn anchor_vitals(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: SessionId,
        vitals: &Vitals,
    ) -> Done {
        let session = *self.sessions.session(id).ok_or(Refusal::UnknownSession)?;
        if session.closed_at.is_some() {
            return Err(Refusal::SessionClosed);
        }
        if actor.home != session.hospital {
            return Err(Refusal::UnknownDevice);
        }
        self.check_device(now.max(vitals.window.1), actor.id)?;
        self.check_clock(now, &session, vitals)?;
        let found = self.sessions.stream_of(id, actor.id);
        let stream = match found {
            Some((_, stream)) => *stream,
            None if self.sessions.streams_in(id) >= DEVICES_PER_SESSION_MAX => {
                return Err(Refusal::TooManyDevices);
            }
            None => Stream { session: id, device: actor.id, readings: 0, until: Timestamp::ZERO },
        };
        let row = found.map(|(row, _)| row);
        let readings = self.check_sequence(&stream, vitals)?;
        let stream = Stream { readings, until: vitals.window.1, ..stream };
        let row = self.sessions.put_stream(row, stream);
        let batch = Batch { stream: row, vitals: *vitals, anchored_at: now };
        Ok(TelemedicineOutcome::VitalsAnchored(self.sessions.push_batch(batch)))
    }

    /// Whether a device counts at a time: the later of commit time, which may lag, and its last reading.
    fn check_device(&self, at: Timestamp, id: PartyId) -> Result<(), Refusal> {
        let device = match self.sessions.device(id) {
            Some(device) => device,
            None if self.has_bug(LedgerBug::IgnoreAttestation) => return Ok(()),
            None => return Err(Refusal::DeviceNotAttested),
        };
        if at >= device.until {
            return Err(Refusal::AttestationExpired);
        }
        match self.sessions.is_revoked(&device.firmware) {
            true => Err(Refusal::FirmwareRevoked),
            false => Ok(()),
        }
    }

    fn check_clock(&self, now: Timestamp, session: &Session, vitals: &Vitals) -> Result<(), Refusal> {
        let (from, until) = vitals.window;
        let skew = Duration::from_nanos(self.policy.device_skew_ns_max);
        let lateness = Duration::from_nanos(self.policy.vitals_lateness_ns_max);
        let timely = from < until && until <= now + skew && now.since(until) <= lateness;
        match timely && session.opened_at <= from + skew {
            true => Ok(()),
            false => Err(Refusal::ClockSkew),
        }
    }

    /// How many readings there are with these.
    fn check_sequence(&self, stream: &Stream, vitals: &Vitals) -> Result<u64, Refusal> {
        let again = vitals.first < stream.readings || vitals.window.0 < stream.until;
        if again || self.sessions.batch_by_root(&vitals.root).is_some() {
            return Err(Refusal::BatchOverlap);
        }
        if (vitals.first > stream.readings && !self.has_bug(LedgerBug::IgnoreGaps)) || vitals.count == 0 {
            return Err(Refusal::BatchGap);
        }
        vitals.first.checked_add(u64::from(vitals.count)).ok_or(Refusal::BatchGap)
    }

    /// The batch of a root and its session.
    pub(super) fn anchored(&self, root: &Digest) -> Option<(BatchId, SessionId, &Batch)> {
        let (id, batch) = self.sessions.batch_by_root(root)?;
        let stream = self.sessions.streams().get(batch.stream)?;
        Some((id, stream.session, batch))
    }
}
