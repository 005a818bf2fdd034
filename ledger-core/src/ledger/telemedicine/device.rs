//! Devices and the firmware that they run.
//!
//! A device is a registered party that belongs to a hospital. What it measures counts only while the hospital's
//! attestation is in force and its firmware is not revoked.

use super::super::transaction::{PartyId, Refusal, Role, TelemedicineOutcome};
use super::super::{Actor, Ledger};
use super::Done;
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// A hospital's word for a device: the last that it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Device {
    /// Which.
    pub device: PartyId,
    /// Commitment to the certificate of its maker.
    pub certificate: Digest,
    /// Hash of the firmware that it runs.
    pub firmware: Digest,
    /// Commit time of the attestation.
    pub attested_at: Timestamp,
    /// In force until (exclusive).
    pub until: Timestamp,
}

/// A firmware that no device may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RevokedFirmware {
    /// Hash of the firmware.
    pub firmware: Digest,
    /// Commit time of the revocation.
    pub at: Timestamp,
}

impl Ledger {
    /// Refusals, in order: `UnknownDevice` (no device, or not one of the actor's hospital); `AttestationExpired` (it
    /// would end at once); `FirmwareRevoked`.
    pub(super) fn attest_device(&mut self, now: Timestamp, actor: &Actor, device: Device) -> Done {
        let of_hospital = self.party(device.device).is_some_and(|party| {
            party.role == Role::Device && party.organisation == Some(actor.organisation)
        });
        if !of_hospital {
            return Err(Refusal::UnknownDevice);
        }
        if device.until <= now {
            return Err(Refusal::AttestationExpired);
        }
        if self.sessions.is_revoked(&device.firmware) {
            return Err(Refusal::FirmwareRevoked);
        }
        self.sessions.put_device(device);
        Ok(TelemedicineOutcome::DeviceAttested(device.device))
    }

    /// Refusals: `AlreadyRevoked`.
    pub(super) fn revoke_firmware(&mut self, now: Timestamp, firmware: Digest) -> Done {
        if self.sessions.is_revoked(&firmware) {
            return Err(Refusal::AlreadyRevoked);
        }
        self.sessions.push_revoked(RevokedFirmware { firmware, at: now });
        Ok(TelemedicineOutcome::FirmwareRevoked)
    }
}
