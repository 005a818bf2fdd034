//! `amanah verify`: whether a receipt, a checkpoint or an audit proves what it claims, with nothing but the committee.
//!
//! 0: it does, and stdout says what · 10: it does not · 2: the files cannot be used.

use super::exit::Exit;
use super::put;
use crate::proof::{self, Evidence, Proven};
use clap::Args;
use ledger_core::committee::Committee;
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;

/// Arguments of `verify`.
#[derive(Args)]
pub struct Verify {
    /// Receipts (`*.tlog-proof`, base64, or a gateway's JSON answer), checkpoints (signed notes) or audits.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whom to trust: `committee.json` of a run, or the `consortium.yaml` of a deployment.
    #[arg(long, value_name = "FILE")]
    committee: PathBuf,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Verifies them all; the worst finding is the exit.
pub fn verify(arguments: &Verify) -> io::Result<Exit> {
    let committee = match proof::committee::read(&arguments.committee) {
        Ok(committee) => committee,
        Err(error) => {
            eprintln!(
                "error: {error}\n  = a run writes `committee.json` into its directory of results; a deployment has its \
                 `consortium.yaml`"
            );
            return Ok(Exit::Invalid);
        }
    };
    let (mut exit, mut rows) = (Exit::Success, Vec::new());
    for file in &arguments.files {
        let name = file.display();
        let (one, row) = match Evidence::read(file, &committee) {
            Err(error) => {
                eprintln!("error: {error}");
                (Exit::Invalid, json!({ "error": error.to_string() }))
            }
            Ok(evidence) => match evidence.verify(&committee) {
                Ok(proven) => {
                    if !arguments.json {
                        put(&format!("{name}: verified\n{}", text(&proven, &committee)))?;
                    }
                    (Exit::Success, row(&proven))
                }
                Err(error) => {
                    eprintln!("error: {name}: does not verify: {error}");
                    (Exit::SafetyViolated, json!({ "error": error.to_string() }))
                }
            },
        };
        exit = exit.max(one);
        let verified = one == Exit::Success;
        rows.push(json!({ "file": name.to_string(), "verified": verified, "proves": row }));
    }
    if arguments.json {
        put(&format!("{:#}\n", json!({ "exit_code": exit.code(), "files": rows })))?;
    }
    Ok(exit)
}

fn text(proven: &Proven<'_>, committee: &Committee) -> String {
    match proven {
        Proven::Receipt(receipt) => {
            proof::receipt(receipt) + &proof::checkpoint(&receipt.checkpoint, committee)
        }
        Proven::Checkpoint(checkpoint) => proof::checkpoint(checkpoint, committee),
        Proven::Accesses(audit, proven) => {
            let patient = format!("  patient  party {}\n", audit.patient.0);
            let accesses = proof::accesses(audit, proven, &|party| format!("party {party}"));
            patient + &proof::checkpoint(&audit.checkpoint, committee) + &accesses
        }
    }
}

fn row(proven: &Proven<'_>) -> Value {
    match proven {
        Proven::Receipt(receipt) => json!({
            "kind": "receipt",
            "index": receipt.index,
            "transaction": receipt.entry.transaction.to_string(),
            "actor": receipt.entry.actor.0,
            "commit": receipt.entry.commit,
            "at_ns": receipt.entry.commit_time.0,
            "answers": proof::answers(&receipt.entry.answers).lines().map(str::trim).collect::<Vec<_>>(),
        }),
        Proven::Checkpoint(checkpoint) => json!({
            "kind": "checkpoint",
            "size": checkpoint.body.size,
            "commit": checkpoint.body.commit,
            "root": checkpoint.body.root.to_string(),
        }),
        Proven::Accesses(audit, proven) => json!({
            "kind": "audit",
            "patient": audit.patient.0,
            "commit": audit.checkpoint.body.commit,
            "decisions": proven.iter().map(proof::decision_json).collect::<Vec<_>>(),
        }),
    }
}
