//! What is done wrong on purpose, and by which refusals that shows.

use crate::history::Wrong;
use crate::plan::ClaimsPlan;
use crate::population::pick;
use crate::seed::Stream;
use ledger_core::ledger::transaction::{PartyId, Refusal};

/// A wrong step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Duplicate,
    /// A record that there is not.
    NoRecord,
    /// A session that is still open.
    OpenSession,
    /// Somebody else's encounter.
    OtherPatient,
    /// The patient has no insurer, or another.
    NotCovered,
    OtherInsurer,
    AdjudicateAgain,
    AdjudicateForOther,
}

impl Deed {
    pub(super) fn draw(stream: &mut Stream, plan: &ClaimsPlan) -> Option<Self> {
        let kinds: [&[Self]; 4] = [
            &[Self::Duplicate],
            &[Self::NoRecord, Self::OpenSession, Self::OtherPatient],
            &[Self::NotCovered, Self::OtherInsurer],
            &[Self::AdjudicateAgain, Self::AdjudicateForOther],
        ];
        let mut left = stream.below(1_000_000);
        let kind = kinds.into_iter().zip(plan.shares()).find(|(_, share)| {
            let chosen = left < u64::from(*share);
            left = left.saturating_sub(u64::from(*share));
            chosen
        });
        pick(kind.map_or(&[][..], |(deeds, _)| deeds), stream)
    }

    pub(super) fn wrong(self) -> Wrong {
        match self {
            Self::Duplicate => Wrong::DuplicateClaim,
            Self::NoRecord | Self::OpenSession | Self::OtherPatient => Wrong::ClaimWithoutEncounter,
            Self::NotCovered | Self::OtherInsurer => Wrong::UncoveredClaim,
            Self::AdjudicateAgain | Self::AdjudicateForOther => Wrong::DoubleAdjudication,
        }
    }

    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::Duplicate => Refusal::DuplicateClaim,
            Self::NoRecord | Self::OpenSession | Self::OtherPatient => Refusal::ClaimWithoutEncounter,
            Self::NotCovered | Self::OtherInsurer => Refusal::NotCovered,
            Self::AdjudicateAgain => Refusal::AlreadyAdjudicated,
            Self::AdjudicateForOther => Refusal::NotClaimedInsurer,
        }
    }

    /// Whether there is what it needs: another insurer, another patient.
    pub(super) fn has_what_it_needs(self, other_insurer: Option<PartyId>, patients: u64) -> bool {
        match self {
            Self::OtherInsurer | Self::AdjudicateForOther => other_insurer.is_some(),
            Self::OtherPatient => patients > 1,
            Self::Duplicate | Self::NoRecord | Self::OpenSession => true,
            Self::NotCovered | Self::AdjudicateAgain => true,
        }
    }
}
