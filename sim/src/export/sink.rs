//! The files of an export.

use crate::document::date::GENESIS;
use crate::document::epcis;
use crate::document::fhir::{self, Kind, Reference, Resource};
use crate::document::json::Put;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Name of the EPCIS document.
pub const EPCIS_FILE: &str = "events.jsonld";

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Resources by type.
    pub resources: BTreeMap<String, u64>,
    /// EPCIS events.
    pub events: u64,
    /// Operations of which nobody knows whether they happened.
    pub unknown: u64,
}

/// Where families write. A file is begun with the first resource of its type.
#[derive(Debug)]
pub struct Sink {
    fhir: Option<PathBuf>,
    files: BTreeMap<String, BufWriter<File>>,
    epcis: Option<(PathBuf, epcis::Document)>,
    /// People and organisations, by what they are called.
    once: BTreeSet<Reference>,
    /// Events, by their identity.
    events: BTreeSet<String>,
    written: Written,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "resourceType")]
    resource_type: &'a str,
    #[serde(borrow, rename = "type", default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    resource: &'a RawValue,
}

impl Sink {
    pub(super) fn new(fhir: Option<&Path>, epcis: Option<&Path>) -> io::Result<Self> {
        for directory in [fhir, epcis].into_iter().flatten() {
            fs::create_dir_all(directory)?;
        }
        Ok(Self {
            fhir: fhir.map(Path::to_owned),
            files: BTreeMap::new(),
            epcis: epcis.map(|path| (path.join(EPCIS_FILE), epcis::Document::begin(GENESIS))),
            once: BTreeSet::new(),
            events: BTreeSet::new(),
            written: Written::default(),
        })
    }

    /// A resource.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn resource(&mut self, resource: &dyn Resource) -> io::Result<Reference> {
        if self.fhir.is_some() {
            self.line(resource.kind().name(), &fhir::text(resource))?;
        }
        Ok(resource.reference())
    }

    /// A resource, unless one of this type and id was written by this before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn once(&mut self, resource: &dyn Resource) -> io::Result<Reference> {
        if self.once.insert(resource.reference()) {
            self.resource(resource)?;
        }
        Ok(resource.reference())
    }

    /// A document as a vault holds it. A collection is taken apart, its people and organisations left out: those are
    /// written by [`Place`](super::Place); a document bundle stays whole, for its composition vouches for it.
    ///
    /// # Errors
    /// If it is no FHIR resource, or cannot be written.
    pub fn document(&mut self, text: &str) -> io::Result<()> {
        if self.fhir.is_none() {
            return Ok(());
        }
        let head: Head<'_> = serde_json::from_str(text).map_err(io::Error::other)?;
        if head.kind.is_none_or(|kind| kind.get() != "\"collection\"") {
            return self.line(head.resource_type, text);
        }
        for entry in &head.entry {
            let inner: Head<'_> = serde_json::from_str(entry.resource.get()).map_err(io::Error::other)?;
            let people = [Kind::Patient, Kind::Organization, Kind::Practitioner];
            if people.iter().all(|kind| kind.name() != inner.resource_type) {
                self.line(inner.resource_type, entry.resource.get())?;
            }
        }
        Ok(())
    }

    /// An EPCIS event. One that says the same as another is that other (CBV 2.0, 8.9), and written once.
    pub fn event(&mut self, event: &epcis::Event<'_>) {
        if let Some((_, document)) = &mut self.epcis
            && self.events.insert(event.id())
        {
            let mut text = String::new();
            event.put(&mut text);
            document.add_written(&text);
            self.written.events += 1;
        }
    }

    fn line(&mut self, kind: &str, text: &str) -> io::Result<()> {
        let Some(directory) = &self.fhir else { return Ok(()) };
        if !self.files.contains_key(kind) {
            let file = File::create(directory.join(format!("{kind}.ndjson")))?;
            self.files.insert(kind.to_owned(), BufWriter::new(file));
        }
        if let Some(file) = self.files.get_mut(kind) {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
        }
        *self.written.resources.entry(kind.to_owned()).or_default() += 1;
        Ok(())
    }

    pub(super) fn finish(&mut self) -> io::Result<Written> {
        for file in self.files.values_mut() {
            file.flush()?;
        }
        // A document without events is one: of a run in which nothing was supplied.
        if let Some((path, document)) = self.epcis.take() {
            fs::write(path, document.end())?;
        }
        Ok(std::mem::take(&mut self.written))
    }
}
