//! `amanah audit`: every access to one patient's records in a simulated run, with proof of each and of there being no
//! other.
//!
//! A result does not keep what happened, it repeats it: the run is played again with an auditor who follows it, and
//! only a digest that is equal makes what the auditor saw an audit of *that* run. The audit is verified as anybody would
//! verify it before it is shown.

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::{put, shell};
use crate::proof::{self, Names};
use crate::result::{self, ResultFile};
use crate::world::{self, Options};
use clap::Args;
use ledger_core::crypto::BatchVerifier;
use ledger_core::ledger::transaction::PartyId;
use std::io;
use std::path::PathBuf;

/// Arguments of `audit`.
#[derive(Args)]
pub struct Audit {
    /// A `result.json` of a simulated run, or the directory that it is in.
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// Whose records: a patient's number, from 0, or `party:N` as the ledger numbers them.
    #[arg(long, value_name = "N|party:N")]
    patient: String,
    /// Write the audit with its proofs to this file; `amanah verify` reads it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the audit with its proofs on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Audits one patient.
pub fn audit(arguments: &Audit) -> io::Result<Exit> {
    let (recorded, patient) = match read(arguments) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Invalid);
        }
    };
    let plan = &recorded.plan;
    let interrupt = Interrupt::listen();
    let mut watcher = Watcher::new(&plan.name, Pace::Virtual, arguments.json, &interrupt);
    let played =
        world::run_audited(plan, &Options::default(), patient, &mut |progress| watcher.observe(progress));
    drop(watcher);
    let (run, audited) = match played {
        Ok(played) => played,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Failure);
        }
    };
    if run.partial {
        eprintln!("error: interrupted before the run was repeated to its end");
        return Ok(Exit::Interrupted);
    }
    if run.digest.to_string() != recorded.digest {
        let again = shell(&arguments.result.to_string_lossy());
        eprintln!(
            "error: the replay is another run than the recorded one: an audit of it would say nothing\n  = `amanah replay \
             {again}` shows what differs"
        );
        return Ok(Exit::Nondeterminism);
    }
    let audit = match audited {
        Ok(audit) => audit,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Undecided);
        }
    };
    let proven = match audit.verify(&run.committee, &mut BatchVerifier) {
        Ok(proven) => proven,
        Err(error) => {
            eprintln!("error: the audit does not verify: {error}");
            return Ok(Exit::SafetyViolated);
        }
    };
    let file = proof::write_audit(&audit, &proven, &run.committee);
    if let Some(out) = &arguments.out
        && let Err(error) = result::write_text(out, &file)
    {
        eprintln!("error: {error}");
        return Ok(Exit::Failure);
    }
    if arguments.json {
        put(&file)?;
    } else {
        let names = Names::of(plan);
        let text = proof::accesses(&audit, &proven, &|party| names.name(party));
        put(&format!(
            "accesses to the records of {} ({})\n{text}{}",
            names.name(patient.0),
            plan.name,
            proof::checkpoint(&audit.checkpoint, &run.committee)
        ))?;
    }
    Ok(Exit::Success)
}

/// A run that can be repeated, and whom to audit.
fn read(arguments: &Audit) -> Result<(ResultFile, PartyId), String> {
    let file = arguments.result.display();
    let recorded = ResultFile::read(&arguments.result).map_err(|error| error.to_string())?;
    if recorded.world.is_live() {
        return Err(format!(
            "{file}: it was run live: no run repeats it\n  = ask a gateway of the deployment: `POST /v1/audit` proves an \
             entry, and `amanah verify` checks the answer"
        ));
    }
    if recorded.partial {
        return Err(format!("{file}: the recorded run was interrupted: run the scenario again to its end"));
    }
    if !recorded.plan.ledger.execution {
        return Err(format!(
            "{file}: it executes nothing (`ledger.execution: false`): there are no accesses"
        ));
    }
    let names = Names::of(&recorded.plan);
    let patient = names.patient(&arguments.patient)?;
    Ok((recorded, patient))
}
