//! The vault's thread: documents are stored and loaded in the order in which machines ask.

use super::machines::Answer;
use crate::live::vault::Vault;
use crate::seam::Input;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;

/// What a machine wants of its vault.
pub(in crate::live) enum VaultOp {
    Store { machine: u32, locator: [u8; 16], document: Bytes },
    Load { machine: u32, locator: [u8; 16] },
    Erase { machine: u32, locator: [u8; 16] },
}

/// Until the machines have hung up. Each has a vault of its own, or shares one.
pub(in crate::live) fn serve(vaults: &[Arc<dyn Vault>], ops: &Receiver<VaultOp>, answers: &Sender<Answer>) {
    for op in ops {
        match op {
            VaultOp::Store { machine, locator, document } => {
                if let Err(error) = vaults[machine as usize].store(locator, &document) {
                    // Its share requests will find nothing, which is an answer too.
                    tracing::error!(machine, %error, "a document could not be stored");
                }
            }
            VaultOp::Erase { machine, locator } => {
                if let Err(error) = vaults[machine as usize].erase(locator) {
                    // The ledger refuses access to it for good; the document itself is still there, so say so.
                    tracing::error!(machine, %error, "a document could not be erased");
                }
            }
            VaultOp::Load { machine, locator } => {
                let document = vaults[machine as usize].load(locator).unwrap_or_else(|error| {
                    tracing::error!(machine, %error, "a document could not be read");
                    None
                });
                if answers.send(Answer::Input(machine, Input::Loaded(locator, document))).is_err() {
                    return;
                }
            }
        }
    }
}
