//! What is done wrong on purpose, and by which refusals that shows.

use super::case::Step;
use crate::history::Wrong;
use crate::plan::TelemedicineWrong;
use crate::seed::Stream;
use ledger_core::ledger::transaction::Refusal;

/// A wrong step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A pharmacist is named as the clinician.
    Unlicensed,
    /// A device that nobody attested anchors vitals.
    NotAttested,
    /// Somebody signs for a device with another key.
    WrongKey,
    ExpiredAttestation,
    RevokedFirmware,
    /// Vitals of an hour ahead.
    Skewed,
    Gap,
    Overlap,
    UnregisteredModel,
    RetiredModel,
    UnanchoredInput,
    MissingReview,
    PrescribeForOther,
    DispenseForOther,
    DispenseAgain,
    DispenseTooMuch,
    DispenseElsewhere,
}

impl Deed {
    /// What a session is to see, if anything: at most one. What needs a device is left out where there is none.
    pub(super) fn draw(stream: &mut Stream, wrong: &TelemedicineWrong, monitored: bool) -> Option<Self> {
        use Deed::*;
        let kinds: [&[Self]; 10] = [
            &[NotAttested, WrongKey, ExpiredAttestation, RevokedFirmware],
            &[Gap],
            &[Overlap],
            &[Skewed],
            &[UnregisteredModel, RetiredModel],
            &[UnanchoredInput],
            &[MissingReview],
            &[PrescribeForOther, DispenseForOther],
            &[DispenseAgain, DispenseTooMuch, DispenseElsewhere],
            &[Unlicensed],
        ];
        let mut left = stream.below(1_000_000);
        let kind = kinds.into_iter().zip(wrong.shares()).find(|(_, share)| {
            let chosen = left < u64::from(*share);
            left = left.saturating_sub(u64::from(*share));
            chosen
        });
        let deeds = kind.map_or(&[][..], |(deeds, _)| deeds);
        let deed = crate::population::pick(deeds, stream)?;
        (monitored || !deed.needs_device()).then_some(deed)
    }

    fn needs_device(self) -> bool {
        match self {
            Self::NotAttested | Self::WrongKey | Self::ExpiredAttestation | Self::RevokedFirmware => true,
            Self::Skewed | Self::Gap | Self::Overlap => true,
            Self::UnregisteredModel | Self::RetiredModel | Self::UnanchoredInput | Self::MissingReview => {
                true
            }
            Self::Unlicensed | Self::PrescribeForOther | Self::DispenseForOther => false,
            Self::DispenseAgain | Self::DispenseTooMuch | Self::DispenseElsewhere => false,
        }
    }

    /// The step that makes it possible, if it needs one.
    pub(super) fn preparation(self) -> Option<Step> {
        match self {
            Self::ExpiredAttestation => Some(Step::AttestBriefly),
            Self::RevokedFirmware => Some(Step::AttestLot),
            Self::Unlicensed | Self::NotAttested | Self::WrongKey | Self::Skewed | Self::Gap => None,
            Self::Overlap | Self::UnregisteredModel | Self::RetiredModel | Self::UnanchoredInput => None,
            Self::MissingReview | Self::PrescribeForOther | Self::DispenseForOther => None,
            Self::DispenseAgain | Self::DispenseTooMuch | Self::DispenseElsewhere => None,
        }
    }

    pub(super) fn wrong(self) -> Wrong {
        match self {
            Self::Unlicensed => Wrong::UnlicensedClinician,
            Self::NotAttested | Self::WrongKey | Self::ExpiredAttestation | Self::RevokedFirmware => {
                Wrong::SpoofedDevice
            }
            Self::Skewed => Wrong::SkewedClock,
            Self::Gap => Wrong::VitalsGap,
            Self::Overlap => Wrong::VitalsOverlap,
            Self::UnregisteredModel | Self::RetiredModel => Wrong::UnregisteredModel,
            Self::UnanchoredInput => Wrong::UnanchoredInput,
            Self::MissingReview => Wrong::MissingReview,
            Self::PrescribeForOther | Self::DispenseForOther => Wrong::WrongPatient,
            Self::DispenseAgain | Self::DispenseTooMuch | Self::DispenseElsewhere => Wrong::DoubleDispensing,
        }
    }

    /// By which refusal it is caught.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Unlicensed => Refusal::ClinicianNotLicensed,
            Self::NotAttested => Refusal::DeviceNotAttested,
            Self::WrongKey => Refusal::BadSignature,
            Self::ExpiredAttestation => Refusal::AttestationExpired,
            Self::RevokedFirmware => Refusal::FirmwareRevoked,
            Self::Skewed => Refusal::ClockSkew,
            Self::Gap => Refusal::BatchGap,
            Self::Overlap => Refusal::BatchOverlap,
            Self::UnregisteredModel => Refusal::ModelNotRegistered,
            Self::RetiredModel => Refusal::ModelRetired,
            Self::UnanchoredInput => Refusal::InputRootUnknown,
            Self::MissingReview => Refusal::ReviewMissing,
            Self::PrescribeForOther | Self::DispenseForOther => Refusal::PatientMismatch,
            Self::DispenseAgain => Refusal::PrescriptionAlreadyDispensed,
            Self::DispenseTooMuch => Refusal::QuantityExceeded,
            Self::DispenseElsewhere => Refusal::PrescriptionNotClaimed,
        }
    }
}
