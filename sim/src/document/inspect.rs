//! What a reader checks of a document that has arrived: its hash says that it is the registered one, this that it is what
//! was asked for.
//!
//! A document is read once and no tree is built: who it is about, of which class it is, and whether it holds what it
//! cites. Everything else is skipped (but must be JSON).

use super::fhir::{Kind, Reference};
use ledger_core::ledger::transaction::RecordClass;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Why a document is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Defect {
    #[error("it is no FHIR resource in JSON: {0}")]
    Unreadable(String),
    #[error("a {0:?} was asked for, and it is a {1}")]
    Class(RecordClass, String),
    #[error("{0} is about {1} and not about the patient asked for")]
    Patient(String, String),
    #[error("it does not say whom it is about")]
    NoPatient,
    #[error("it cites {0}, which it does not hold")]
    Missing(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read<'a> {
    resource_type: &'a str,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<Skipped<'a>>,
    #[serde(borrow, default)]
    subject: Option<Cited<'a>>,
    #[serde(borrow, default)]
    patient: Option<Cited<'a>>,
    #[serde(borrow, default)]
    entry: Vec<Entry<'a>>,
    #[serde(borrow, default)]
    result: Vec<Cited<'a>>,
    #[serde(borrow, default)]
    section: Vec<Section<'a>>,
    #[serde(borrow, default)]
    contained: Vec<Read<'a>>,
}

/// Text in a bundle, a concept or a list elsewhere.
#[derive(Deserialize)]
#[serde(untagged)]
enum Skipped<'a> {
    Text(#[serde(borrow)] &'a str),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Cited<'a> {
    #[serde(borrow)]
    reference: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    resource: Read<'a>,
}

#[derive(Deserialize)]
struct Section<'a> {
    #[serde(borrow, default)]
    entry: Vec<Cited<'a>>,
}

/// Checks a document that should be about `patient`, as its custodian calls it, and of `class`.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn inspect(document: &[u8], class: RecordClass, patient: Reference) -> Result<(), Defect> {
    let root: Read<'_> =
        serde_json::from_slice(document).map_err(|error| Defect::Unreadable(error.to_string()))?;
    is_of(&root, class)?;
    let expected = patient.text();
    let mut named = 0;
    for resource in std::iter::once(&root).chain(root.entry.iter().map(|entry| &entry.resource)) {
        let about = [&resource.subject, &resource.patient].into_iter().flatten();
        let about = about.map(|cited| cited.reference.clone());
        let own = (resource.resource_type == Kind::Patient.name())
            .then(|| Cow::Owned(format!("{}/{}", resource.resource_type, resource.id)));
        for found in about.chain(own) {
            if found != expected {
                let who = format!("{}/{}", resource.resource_type, resource.id);
                return Err(Defect::Patient(who, found.into_owned()));
            }
            named += 1;
        }
    }
    if named == 0 {
        return Err(Defect::NoPatient);
    }
    holds_what_it_cites(&root)
}

fn is_of(root: &Read<'_>, class: RecordClass) -> Result<(), Defect> {
    let is = |kind: Kind| root.resource_type == kind.name();
    let first = |kind: Kind| is(Kind::Bundle) && root.entry.first().is_some_and(|e| e.resource.is(kind));
    let of_type = |word: &str| matches!(root.kind, Some(Skipped::Text(found)) if found == word);
    let fits = match class {
        RecordClass::Observation => is(Kind::Observation),
        RecordClass::DiagnosticReport => is(Kind::DiagnosticReport) || first(Kind::DiagnosticReport),
        RecordClass::MedicationRequest => is(Kind::MedicationRequest),
        RecordClass::Encounter => first(Kind::Encounter),
        RecordClass::Imaging => first(Kind::DocumentReference),
        RecordClass::Summary => first(Kind::Composition) && of_type("document"),
    };
    let found = || {
        let first = root.entry.first().map(|entry| entry.resource.resource_type);
        first.map_or(root.resource_type.to_owned(), |first| format!("{} of {first}", root.resource_type))
    };
    if fits { Ok(()) } else { Err(Defect::Class(class, found())) }
}

impl Read<'_> {
    fn is(&self, kind: Kind) -> bool {
        self.resource_type == kind.name()
    }
}

/// Reports hold their results, compositions their entries.
fn holds_what_it_cites(root: &Read<'_>) -> Result<(), Defect> {
    let held: BTreeSet<(&str, &str)> =
        root.entry.iter().map(|entry| (entry.resource.resource_type, &*entry.resource.id)).collect();
    for resource in std::iter::once(root).chain(root.entry.iter().map(|entry| &entry.resource)) {
        let sections = resource.section.iter().flat_map(|section| &section.entry);
        for cited in resource.result.iter().chain(sections) {
            let found = match (cited.reference.strip_prefix('#'), cited.reference.split_once('/')) {
                (Some(inside), _) => resource.contained.iter().any(|contained| contained.id == inside),
                (None, Some(named)) => held.contains(&named),
                (None, None) => false,
            };
            if !found {
                return Err(Defect::Missing(cited.reference.clone().into_owned()));
            }
        }
    }
    Ok(())
}
