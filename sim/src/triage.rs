//! Vitals, and what follows from them: a simulated patient's readings, NEWS2, and a small model in integers.
//!
//! An audit computes a recorded decision again, bit for bit: from readings whose Merkle root is on the ledger
//! ([`Batch::root`]), [`Summary::of`] some of them, NEWS2 ([`news2::score`]) and the model ([`Ensemble::score`]) of which
//! the ledger has the hash. Nothing here is a float, and nothing here is medical advice: patients, their decline and the
//! model's training data are made up by [`vitals`], as it documents.
//!
//! It refuses to know the ledger's rules, workloads, and when anything happens.

pub mod model;
pub mod news2;
pub mod train;
pub mod vitals;
mod weights;

pub use model::{Ensemble, Feature, Features, Stump};
pub use vitals::{Batch, Consciousness, Course, Patient, Reading, Summary};

/// The model that workloads register and use: what [`train::train`] makes of the documented training data.
pub fn trained() -> Ensemble {
    Ensemble {
        base: weights::BASE,
        threshold_milli: weights::THRESHOLD_MILLI,
        stumps: weights::STUMPS.to_vec(),
    }
}

/// Hash of the training data of [`trained`].
pub const fn training_data() -> ledger_core::crypto::Digest {
    weights::TRAINING_DATA
}
