//! `ledger.policy`: windows that execution judges by, in commit time.

use super::duration_text;
use ledger_core::ledger::Policy;
use ledger_core::time::{Duration, nanos};
use serde::{Deserialize, Serialize};

macro_rules! windows {
    ($($(#[$doc:meta])* $name:ident: $of:ident;)*) => {
        /// What the consortium agreed on, key by key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct PolicyPlan {
            $($(#[$doc])* #[serde(with = "duration_text")] pub $name: Duration,)*
        }

        impl Default for PolicyPlan {
            fn default() -> Self {
                let policy = Policy::default();
                Self { $($name: Duration::from_nanos(policy.$of),)* }
            }
        }

        impl PolicyPlan {
            /// As the ledger takes it.
            pub fn policy(&self) -> Policy {
                Policy { $($of: nanos(self.$name),)* }
            }

            /// Every key with its value.
            pub(super) fn windows(&mut self) -> impl Iterator<Item = (&'static str, &mut Duration)> {
                [$((stringify!($name), &mut self.$name),)*].into_iter()
            }
        }
    };
}

windows! {
    /// How long a permit by consent is in force at most.
    permit_window: permit_window_ns;
    /// How long a break-glass access may be at most.
    break_glass_window_max: break_glass_window_ns_max;
    /// How long after a break-glass access its review is in time.
    review_window: review_window_ns;
    /// How long after an ethics board approved a trial or amendment it may be registered.
    trial_approval_window: trial_approval_window_ns;
    /// How long after medicines were received they may be returned, and after they were dispensed this be reversed.
    reverse_window: reverse_window_ns;
    /// How far a device's clock may be ahead of commit time.
    device_skew_max: device_skew_ns_max;
    /// How long after they were taken vitals may be anchored.
    vitals_lateness_max: vitals_lateness_ns_max;
    /// How long a pharmacy's claim to a prescription keeps others out.
    prescription_claim: prescription_claim_ns;
}
