//! A run as standard documents: FHIR R4 resources as NDJSON files, one for each type (as in FHIR Bulk Data Access), and
//! one EPCIS 2.0 document.
//!
//! It is a [`Witness`] of a run that is played again: it sees what clients asked and how it ended, and writes what the
//! ledger committed. A kind of operation is written by a [`Family`]; adding one takes one file and one row of
//! `FAMILIES`. What timed out is not written: nobody knows whether it happened.
//!
//! Memory: one command for each operation under way, ids of what is written once, and the consents, whose last state is
//! written at the end.

mod access;
mod claims;
mod consents;
mod records;
mod sink;
mod supply;
mod telemedicine;
mod trials;

pub use sink::{Sink, Written};

use crate::document::date::Instant;
use crate::document::fhir::party::{Organisation, OrganisationType, Patient, Practitioner};
use crate::document::fhir::{self, Id, Names, Reference};
use crate::document::record::demographics;
use crate::plan::InstitutionKind;
use crate::population::Population;
use crate::seed::Seed;
use crate::world::Witness;
use ledger_core::gateway::{Actor, Command, CommandKind, Completion, End};
use ledger_core::ledger::transaction::{Action, Answer, PartyId, RecordId, Refusal};
use ledger_core::seam::GatewayId;
use ledger_core::time::Timestamp;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

/// What writes operations of a kind. It is shown every operation that ended, and ignores those that are not its own.
pub trait Family {
    /// An operation ended.
    ///
    /// # Errors
    /// If what it writes cannot be written.
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()>;

    /// The run is over.
    ///
    /// # Errors
    /// If what it writes cannot be written.
    fn finish(&mut self, place: &Place, sink: &mut Sink) -> io::Result<()> {
        let _ = (place, sink);
        Ok(())
    }
}

/// Every family. Trials, the drug supply, telemedicine and claims go out in bundles: [`Step::answered`] has their actions.
const FAMILIES: &[fn() -> Box<dyn Family>] = &[
    records::family,
    consents::family,
    access::family,
    supply::family,
    telemedicine::family,
    trials::family,
    claims::family,
];

/// Who and where: what a family needs beside the operation.
#[derive(Debug)]
pub struct Place {
    /// Everybody.
    pub population: Arc<Population>,
    /// Names everything.
    pub seed: Seed,
    /// Registered in the run, beside those of genesis: whose, and who keeps it.
    records: BTreeMap<RecordId, (PartyId, PartyId)>,
}

/// One operation that ended.
#[derive(Debug)]
pub struct Step<'a> {
    /// Its number.
    pub operation: u64,
    /// What was asked.
    pub command: &'a Command,
    /// How it ended.
    pub completion: &'a Completion,
    /// Who and where.
    pub place: &'a Place,
}

impl Step<'_> {
    /// When the ledger committed it; `None` if its receipt is not known.
    pub fn committed(&self) -> Option<Instant> {
        self.completion.receipt.as_ref().map(|receipt| Instant::of(receipt.entry.commit_time))
    }

    /// Where it is on the ledger, as a URI.
    pub fn entry(&self) -> String {
        let index = self.completion.log_index.unwrap_or_default();
        format!("urn:amanah:entry:{index}")
    }

    /// What the ledger says of its one action, where it is no bundle: done, or refused.
    pub fn verdict(&self) -> Option<Result<(), Refusal>> {
        let answer = self.completion.answers.first()?;
        Some(answer.refusal().map_or(Ok(()), Err))
    }

    /// The actions of a bundle with their answers; empty for everything else and for what was not committed.
    pub fn answered(&self) -> impl Iterator<Item = (&Action, &Answer)> {
        let actions = match &self.command.kind {
            CommandKind::Bundle { actions, .. } if self.completion.end == End::Answered => &actions[..],
            _ => &[],
        };
        actions.iter().zip(self.completion.answers.iter())
    }

    /// An id for the `part`-th resource that this operation makes.
    pub fn id(&self, part: u64) -> Id {
        Id::named(&self.place.seed, "operation", [self.operation, part])
    }
}

impl Place {
    fn names(&self) -> Names<'_> {
        Names(&self.seed)
    }

    /// Whose a record is, and who keeps it.
    pub fn record(&self, record: RecordId) -> Option<(PartyId, PartyId)> {
        let registered = self.records.get(&record).copied();
        registered.or_else(|| self.population.record(record).map(|info| (info.patient, info.custodian)))
    }

    /// The index entry of a record.
    pub fn record_reference(&self, record: RecordId) -> Reference {
        let id = Id::named(&self.seed, "record", [u64::from(record.0), 0]);
        Reference { kind: fhir::Kind::DocumentReference, id }
    }

    /// Who acts: staff by their number in their organisation, patients under the pseudonym of their home, institutions as
    /// themselves. Writes it if it was not written before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn actor(&self, actor: &Actor, sink: &mut Sink) -> io::Result<Reference> {
        self.party(actor.party, sink)
    }

    /// The same of anybody but a device.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn party(&self, party: PartyId, sink: &mut Sink) -> io::Result<Reference> {
        if let Some(index) = self.population.patient_index(party) {
            return self.patient(self.population.home_of(index), party, sink);
        }
        match self.population.staff_number(party) {
            Some((organisation, n)) => {
                let member = self.names().member(organisation, n);
                sink.once(&Practitioner { id: member.id })?;
                Ok(member)
            }
            None => self.organisation(party, sink),
        }
    }

    /// What others call something by that the ledger numbers.
    pub fn numbered(&self, kind: fhir::Kind, what: &str, number: u32) -> Reference {
        Reference { kind, id: Id::named(&self.seed, what, [u64::from(number), 0]) }
    }

    /// For whom it acts: the organisation, or a patient's home.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn behalf(&self, actor: &Actor, sink: &mut Sink) -> io::Result<Reference> {
        let home = self.population.patient_index(actor.party).map(|index| self.population.home_of(index));
        self.organisation(home.unwrap_or(actor.organisation), sink)
    }

    /// An organisation. Writes it if it was not written before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn organisation(&self, party: PartyId, sink: &mut Sink) -> io::Result<Reference> {
        let reference = self.names().organisation(party);
        let (kind, name) = match self.population.kind(party) {
            Some(InstitutionKind::Hospital) => (OrganisationType::Provider, "Hospital"),
            Some(InstitutionKind::Pharmacy) => (OrganisationType::Provider, "Pharmacy"),
            Some(InstitutionKind::Laboratory) => (OrganisationType::Provider, "Laboratory"),
            Some(InstitutionKind::Insurer) => (OrganisationType::Payer, "Insurer"),
            Some(InstitutionKind::Manufacturer) => (OrganisationType::Business, "Manufacturer"),
            Some(InstitutionKind::Wholesaler) => (OrganisationType::Business, "Wholesaler"),
            Some(InstitutionKind::Sponsor) => (OrganisationType::Business, "Sponsor"),
            Some(InstitutionKind::EthicsBoard) => (OrganisationType::Government, "Ethics board"),
            Some(InstitutionKind::ResearchInstitute) => (OrganisationType::Business, "Research institute"),
            Some(InstitutionKind::ModelOwner) => (OrganisationType::Business, "Model owner"),
            None => (OrganisationType::Government, "Authority"),
        };
        let name = format!("{name} {}", party.0);
        sink.once(&Organisation { id: reference.id, kind, name: &name })?;
        Ok(reference)
    }

    /// A patient as an organisation calls it. Writes it if it was not written before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn patient(&self, organisation: PartyId, patient: PartyId, sink: &mut Sink) -> io::Result<Reference> {
        let reference = self.names().patient(organisation, patient);
        let (gender, born) = demographics(reference);
        let organisation = self.organisation(organisation, sink)?;
        sink.once(&Patient { id: reference.id, gender, born, organisation })?;
        Ok(reference)
    }
}

/// Writes a run while it is played.
pub struct Export {
    place: Option<Place>,
    seed: Seed,
    pending: BTreeMap<u64, Command>,
    families: Vec<Box<dyn Family>>,
    sink: Sink,
    /// The first that went wrong; nothing is written after it.
    failed: Option<io::Error>,
    unknown: u64,
}

/// Shares an [`Export`] with the world.
#[derive(Clone)]
pub struct Shared(Rc<RefCell<Export>>);

impl Export {
    /// Into directories, which are made. Either may be left out.
    ///
    /// # Errors
    /// If they cannot be made.
    pub fn new(seed: Seed, fhir: Option<&Path>, epcis: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            place: None,
            seed,
            pending: BTreeMap::new(),
            families: FAMILIES.iter().map(|family| family()).collect(),
            sink: Sink::new(fhir, epcis)?,
            failed: None,
            unknown: 0,
        })
    }

    /// To be shown to the world, and finished afterwards.
    pub fn shared(self) -> Shared {
        Shared(Rc::new(RefCell::new(self)))
    }

    fn show(&mut self, operation: u64, completion: &Completion) -> io::Result<()> {
        let (Some(command), Some(place)) = (self.pending.remove(&operation), &mut self.place) else {
            return Ok(());
        };
        if completion.receipt.is_none() && completion.end == End::TimedOut {
            self.unknown += 1;
            return Ok(());
        }
        if let (CommandKind::Register { patient, .. }, Some(record)) =
            (&command.kind, records::registered(completion))
        {
            place.records.insert(record, (*patient, command.actor.organisation));
        }
        let step = Step { operation, command: &command, completion, place };
        self.families.iter_mut().try_for_each(|family| family.ended(&step, &mut self.sink))
    }
}

impl Shared {
    /// Ends every file; says what was written.
    ///
    /// # Errors
    /// The first that went wrong in the run or now.
    pub fn finish(self) -> io::Result<Written> {
        let mut export = self.0.borrow_mut();
        if let Some(error) = export.failed.take() {
            return Err(error);
        }
        let Export { place, families, sink, unknown, .. } = &mut *export;
        if let Some(place) = place {
            families.iter_mut().try_for_each(|family| family.finish(place, sink))?;
        }
        let mut written = sink.finish()?;
        written.unknown = *unknown;
        Ok(written)
    }
}

impl Witness for Shared {
    fn begins(&mut self, population: &Arc<Population>) {
        let mut export = self.0.borrow_mut();
        let seed = export.seed.clone();
        export.place = Some(Place { population: population.clone(), seed, records: BTreeMap::new() });
    }

    fn started(&mut self, operation: u64, _: GatewayId, command: &Command) {
        let mut export = self.0.borrow_mut();
        if export.failed.is_none() {
            export.pending.insert(operation, command.clone());
        }
    }

    fn ended(&mut self, _: Timestamp, operation: u64, completion: &Completion) {
        let mut export = self.0.borrow_mut();
        if export.failed.is_none()
            && let Err(error) = export.show(operation, completion)
        {
            export.failed = Some(error);
        }
    }
}
