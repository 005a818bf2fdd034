//! What outlives a gateway's process.
//!
//! A vault knows which document of which record it holds, under which commitment, and which were given up; so does whoever
//! starts the gateway anew. Everything else goes with the process: operations (their users see timeouts), key requests of
//! others (who ask again), and the numbers of actors (see [`sign`](super::submission)).

use super::keys::Holdings;
use super::recovery::Copies;
use super::submission::Aim;
use super::{Gateway, GatewayBug, Owner};
use crate::time::Timestamp;

/// Taken from one process of a gateway to the next.
pub struct Kept {
    holdings: Holdings,
    copies: Copies,
    bug: Option<GatewayBug>,
}

impl Gateway {
    /// The process ends. What was submitted and not answered may be committed all the same: permits of such records are
    /// served by the next process.
    pub fn into_kept(mut self) -> Kept {
        for operation in self.operations.values() {
            if let Aim::Hold { locator, commitment } = operation.aim() {
                self.holdings.remember_unconfirmed(commitment, locator);
            }
        }
        let bug = [GatewayBug::ReleaseWithoutPermit, GatewayBug::SkipFreshCheck]
            .into_iter()
            .chain([GatewayBug::KeepErased, GatewayBug::AcceptAnyReceipt])
            .find(|bug| self.has_bug(*bug));
        Kept { holdings: self.holdings, copies: self.copies, bug }
    }

    /// The next process begins at `now`, before it handles anything.
    pub fn resume(&mut self, now: Timestamp, kept: Kept) {
        let Kept { holdings, copies, bug } = kept;
        for record in holdings.with_version_before() {
            self.timers.arm(Owner::Superseded(record), now + self.config.tuning.superseded_for);
        }
        (self.holdings, self.copies) = (holdings, copies);
        #[cfg(feature = "seeded-bugs")]
        bug.into_iter().for_each(|bug| self.set_bug(bug));
        #[cfg(not(feature = "seeded-bugs"))]
        debug_assert!(bug.is_none());
    }
}
