//! `amanah export`: plays the plan of a result again and writes what happened: FHIR resources, EPCIS events, histories for
//! other checkers.

use super::exit::Exit;
use super::progress::{Interrupt, Pace, Watcher};
use super::{put, shell};
use crate::export::{self, Written};
use crate::jepsen;
use crate::result::ResultFile;
use crate::seed::Seed;
use crate::world::{self, Options};
use clap::Args;
use serde_json::json;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Args)]
pub struct Export {
    /// A `result.json`, or the directory that it is in.
    #[arg(value_name = "RESULT")]
    result: PathBuf,
    /// Write FHIR R4 resources here, a file of NDJSON for each type.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["epcis", "history"])]
    fhir: Option<PathBuf>,
    /// Write an EPCIS 2.0 document here.
    #[arg(long, value_name = "DIR")]
    epcis: Option<PathBuf>,
    /// Write what clients asked and were told here, as Knossos, Elle and Porcupine read it: EDN and JSON lines.
    #[arg(long, value_name = "DIR")]
    history: Option<PathBuf>,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Exports one result.
pub fn export(arguments: &Export) -> io::Result<Exit> {
    let refuse = |why: &str| {
        eprintln!("error: {}: {why}", arguments.result.display());
        Ok(Exit::Invalid)
    };
    let recorded = match ResultFile::read(&arguments.result) {
        Ok(recorded) => recorded,
        Err(error) => {
            eprintln!("error: {error}");
            return Ok(Exit::Invalid);
        }
    };
    if recorded.world.is_live() {
        return refuse(
            "it was run live, and a result holds no documents: no replay makes them again\n  = `amanah run` on its \
             scenario plays the same plan in virtual time; export that",
        );
    }
    if recorded.partial {
        return refuse("the recorded run was interrupted\n  = run the scenario again to its end");
    }
    if !recorded.plan.ledger.execution {
        return refuse("opaque bytes were ordered and not executed: there is nothing to export");
    }
    let seed = Seed::new(recorded.plan.seed);
    let export = export::Export::new(seed, arguments.fhir.as_deref(), arguments.epcis.as_deref());
    let export = export?.shared();
    let interrupt = Interrupt::listen();
    let mut watcher = Watcher::new(&recorded.plan.name, Pace::Virtual, arguments.quiet, &interrupt);
    let witness = Box::new(export.clone());
    let run = world::run_witnessed(&recorded.plan, &Options::default(), witness, &mut |p| watcher.observe(p));
    drop(watcher);
    let repeat = format!("amanah export {}", shell(&arguments.result.to_string_lossy()));
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            eprintln!("error: {error}; repeat: {repeat}");
            return Ok(Exit::Failure);
        }
    };
    if run.partial {
        eprintln!("error: interrupted; what is written is not complete; repeat: {repeat}");
        return Ok(Exit::Interrupted);
    }
    let written = export.finish()?;
    let digest = run.digest.to_string();
    if digest != recorded.digest {
        eprintln!(
            "error: the replay has digest {digest}, and {} was recorded; repeat: {repeat}",
            recorded.digest
        );
        return Ok(Exit::Nondeterminism);
    }
    let documents = arguments.fhir.is_some() || arguments.epcis.is_some();
    let history = match &arguments.history {
        Some(directory) => Some(jepsen::write(&run, directory)?),
        None => None,
    };
    if arguments.json {
        let operations = history.map(|[registers, lists]| json!({ "registers": registers, "lists": lists }));
        let row = json!({
            "resources": written.resources,
            "events": written.events,
            "unknown": written.unknown,
            "operations": operations,
        });
        put(&format!("{row:#}\n"))?;
    } else if !arguments.quiet {
        if documents {
            put(&summary(&written))?;
        }
        if let Some([registers, appends]) = history {
            put(&format!("{:28} {registers}\n{:28} {appends}\n", "operations on registers", "on lists"))?;
        }
    }
    Ok(Exit::Success)
}

fn summary(written: &Written) -> String {
    let mut text = String::new();
    for (kind, count) in &written.resources {
        let _ = writeln!(text, "{kind:28} {count}");
    }
    let _ = writeln!(text, "{:28} {}", "EPCIS events", written.events);
    if written.unknown > 0 {
        let _ = writeln!(
            text,
            "{} operations timed out and are left out: nobody knows what became of them",
            written.unknown
        );
    }
    text
}
