//! The family's tables, and what is looked up in them by key.

use super::super::chain::Chains;
use super::super::index::{Index, IndexKey};
use super::super::snapshot::RestoreError;
use super::super::transaction::{
    BatchId, ModelId, NEWS2_MAX, PartyId, PrescriptionId, SCORE_MILLI_MAX, SessionId, TriageId,
};
use super::super::{Ledger, Table};
use super::{Batch, Device, Model, Prescription, RevokedFirmware, Session, Stream, Triage};
use crate::codec;
use crate::crypto::{Digest, Domain};
use borsh::{BorshDeserialize, BorshSerialize};

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    tables: Tables,
    /// Derived: attested devices by party.
    device_rows: Index,
    /// Derived: revoked firmware by hash.
    firmware_rows: Index,
    /// Derived: each session's streams.
    stream_chains: Chains,
    /// Derived: batches by root.
    root_rows: Index,
    /// Derived: models by hash.
    model_rows: Index,
}

/// What is in root and snapshot.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Tables {
    devices: Table<Device>,
    firmware: Table<RevokedFirmware>,
    sessions: Table<Session>,
    streams: Table<Stream>,
    batches: Table<Batch>,
    models: Table<Model>,
    triages: Table<Triage>,
    prescriptions: Table<Prescription>,
}

fn key_of_party(party: PartyId) -> IndexKey {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&party.0.to_le_bytes());
    IndexKey::of(&key)
}

impl Sessions {
    /// The attestation of a device.
    pub fn device(&self, device: PartyId) -> Option<&Device> {
        self.device_row(device).map(|(_, device)| device)
    }

    fn device_row(&self, device: PartyId) -> Option<(u32, &Device)> {
        find(&self.device_rows, key_of_party(device), &self.tables.devices, |row| row.device == device)
    }

    pub(super) fn put_device(&mut self, device: Device) {
        let row = self.device_row(device.device).map(|(row, _)| row);
        match row.and_then(|row| self.tables.devices.get_mut(row)) {
            Some(place) => *place = device,
            None => self.push_device(device),
        }
    }

    fn push_device(&mut self, device: Device) {
        let row = self.tables.devices.push(device).expect("no more than parties");
        self.device_rows.insert(key_of_party(device.device), row);
    }

    /// Whether a firmware is revoked.
    pub fn is_revoked(&self, firmware: &Digest) -> bool {
        let key = IndexKey::of(&firmware.0);
        find(&self.firmware_rows, key, &self.tables.firmware, |row| row.firmware == *firmware).is_some()
    }

    pub(super) fn push_revoked(&mut self, revoked: RevokedFirmware) {
        let row = self.tables.firmware.push(revoked).expect("2^32 kinds of firmware outlast memory");
        self.firmware_rows.insert(IndexKey::of(&revoked.firmware.0), row);
    }

    /// A session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.tables.sessions.get(id.0)
    }

    /// All sessions, by [`SessionId`].
    pub fn sessions(&self) -> &Table<Session> {
        &self.tables.sessions
    }

    pub(super) fn push_session(&mut self, session: Session) -> SessionId {
        SessionId(self.tables.sessions.push(session).expect("2^32 sessions outlast memory"))
    }

    pub(super) fn set_session(&mut self, id: SessionId, session: Session) {
        set(&mut self.tables.sessions, id.0, session);
    }

    /// All streams of devices in sessions.
    pub fn streams(&self) -> &Table<Stream> {
        &self.tables.streams
    }

    /// What a device anchors in a session, and its row.
    pub(super) fn stream_of(&self, session: SessionId, device: PartyId) -> Option<(u32, &Stream)> {
        let mut streams =
            self.stream_chains.of(session.0).filter_map(|row| Some((row, self.tables.streams.get(row)?)));
        streams.find(|(_, stream)| stream.device == device)
    }

    pub(super) fn streams_in(&self, session: SessionId) -> u32 {
        self.stream_chains.length(session.0)
    }

    /// In its row, else in a new one.
    pub(super) fn put_stream(&mut self, row: Option<u32>, stream: Stream) -> u32 {
        match row {
            Some(row) => {
                set(&mut self.tables.streams, row, stream);
                row
            }
            None => self.push_stream(stream),
        }
    }

    fn push_stream(&mut self, stream: Stream) -> u32 {
        let row = self.tables.streams.push(stream).expect("2^32 streams outlast memory");
        self.stream_chains.push(stream.session.0, row);
        row
    }

    /// All batches, by [`BatchId`].
    pub fn batches(&self) -> &Table<Batch> {
        &self.tables.batches
    }

    pub(super) fn batch_by_root(&self, root: &Digest) -> Option<(BatchId, &Batch)> {
        let key = IndexKey::of(&root.0);
        let found = find(&self.root_rows, key, &self.tables.batches, |row| row.vitals.root == *root);
        found.map(|(row, batch)| (BatchId(row), batch))
    }

    pub(super) fn push_batch(&mut self, batch: Batch) -> BatchId {
        let row = self.tables.batches.push(batch).expect("2^32 batches outlast memory");
        self.root_rows.insert(IndexKey::of(&batch.vitals.root.0), row);
        BatchId(row)
    }

    /// All models, by [`ModelId`].
    pub fn models(&self) -> &Table<Model> {
        &self.tables.models
    }

    pub(super) fn model_by_hash(&self, model: &Digest) -> Option<(ModelId, &Model)> {
        let key = IndexKey::of(&model.0);
        let found = find(&self.model_rows, key, &self.tables.models, |row| row.model == *model);
        found.map(|(row, model)| (ModelId(row), model))
    }

    pub(super) fn push_model(&mut self, model: Model) -> ModelId {
        let row = self.tables.models.push(model).expect("2^32 models outlast memory");
        self.model_rows.insert(IndexKey::of(&model.model.0), row);
        ModelId(row)
    }

    pub(super) fn set_model(&mut self, id: ModelId, model: Model) {
        set(&mut self.tables.models, id.0, model);
    }

    /// A triage.
    pub fn triage(&self, id: TriageId) -> Option<&Triage> {
        self.tables.triages.get(id.0)
    }

    /// All triages, by [`TriageId`].
    pub fn triages(&self) -> &Table<Triage> {
        &self.tables.triages
    }

    pub(super) fn push_triage(&mut self, triage: Triage) -> TriageId {
        TriageId(self.tables.triages.push(triage).expect("2^32 triages outlast memory"))
    }

    pub(super) fn set_triage(&mut self, id: TriageId, triage: Triage) {
        set(&mut self.tables.triages, id.0, triage);
    }

    /// A prescription.
    pub fn prescription(&self, id: PrescriptionId) -> Option<&Prescription> {
        self.tables.prescriptions.get(id.0)
    }

    /// All prescriptions, by [`PrescriptionId`].
    pub fn prescriptions(&self) -> &Table<Prescription> {
        &self.tables.prescriptions
    }

    pub(super) fn push_prescription(&mut self, prescription: Prescription) -> PrescriptionId {
        PrescriptionId(
            self.tables.prescriptions.push(prescription).expect("2^32 prescriptions outlast memory"),
        )
    }

    pub(super) fn set_prescription(&mut self, id: PrescriptionId, prescription: Prescription) {
        set(&mut self.tables.prescriptions, id.0, prescription);
    }

    /// Binds every table.
    pub(in crate::ledger) fn root(&self) -> Digest {
        let tables = &self.tables;
        let roots = [
            tables.devices.root("devices"),
            tables.firmware.root("firmware"),
            tables.sessions.root("sessions"),
            tables.streams.root("streams"),
            tables.batches.root("batches"),
            tables.models.root("models"),
            tables.triages.root("triages"),
            tables.prescriptions.root("prescriptions"),
        ];
        Digest::sha256(&[Domain::State.tag(), &codec::encode(&roots)])
    }

    /// What no clone shares: see [`Ledger::memory_bytes`].
    pub(in crate::ledger) fn memory_bytes(&self) -> usize {
        let tables = &self.tables;
        tables.devices.memory_bytes(|_| 0)
            + tables.firmware.memory_bytes(|_| 0)
            + tables.sessions.memory_bytes(|_| 0)
            + tables.streams.memory_bytes(|_| 0)
            + tables.batches.memory_bytes(|_| 0)
            + tables.models.memory_bytes(|_| 0)
            + tables.triages.memory_bytes(|_| 0)
            + tables.prescriptions.memory_bytes(|_| 0)
            + self.device_rows.memory_bytes()
            + self.firmware_rows.memory_bytes()
            + self.stream_chains.memory_bytes()
            + self.root_rows.memory_bytes()
            + self.model_rows.memory_bytes()
    }

    /// All rows: see [`Ledger::rows_bytes`].
    pub(in crate::ledger) fn rows_bytes(&self) -> usize {
        const INDEX_ENTRY: usize = 32;
        let tables = &self.tables;
        tables.devices.len() * (size_of::<Device>() + INDEX_ENTRY)
            + tables.firmware.len() * (size_of::<RevokedFirmware>() + INDEX_ENTRY)
            + tables.sessions.len() * size_of::<Session>()
            + tables.streams.len() * (size_of::<Stream>() + INDEX_ENTRY)
            + tables.batches.len() * (size_of::<Batch>() + INDEX_ENTRY)
            + tables.models.len() * (size_of::<Model>() + INDEX_ENTRY)
            + tables.triages.len() * size_of::<Triage>()
            + tables.prescriptions.len() * size_of::<Prescription>()
    }

    /// Whether what a peer sent could be a state, where there are so many parties.
    pub(in crate::ledger) fn check(&self, parties: usize) -> Result<(), RestoreError> {
        let party = |id: PartyId| id.index() < parties;
        let tables = &self.tables;
        every("devices", &tables.devices, |row, device| {
            party(device.device) && self.device_row(device.device).is_some_and(|(found, _)| found == row)
        })?;
        every("firmware", &tables.firmware, |row, revoked| {
            let key = IndexKey::of(&revoked.firmware.0);
            let found =
                find(&self.firmware_rows, key, &tables.firmware, |it| it.firmware == revoked.firmware);
            found.is_some_and(|(found, _)| found == row)
        })?;
        every("sessions", &tables.sessions, |_, session| {
            party(session.patient) && party(session.clinician) && party(session.hospital)
        })?;
        every("streams", &tables.streams, |row, stream| {
            let own = self.stream_of(stream.session, stream.device).is_some_and(|(found, _)| found == row);
            party(stream.device) && own
        })?;
        self.check_batches()?;
        every("models", &tables.models, |row, model| {
            party(model.owner) && self.model_by_hash(&model.model).is_some_and(|(found, _)| found.0 == row)
        })?;
        every("triages", &tables.triages, |_, triage| self.is_possible(triage, parties))?;
        every("prescriptions", &tables.prescriptions, |_, row| {
            let session = self.session(row.session).is_some_and(|session| session.patient == row.patient);
            let rests_on = row.triage.map(|id| self.triage(id));
            let triage = rests_on.is_none_or(|triage| triage.is_some_and(|it| it.session == row.session));
            let claim = row.claim.is_none_or(|claim| party(claim.pharmacy));
            session && triage && claim && party(row.prescriber) && row.dispensed <= row.quantity
        })
    }

    /// Each begins where the one before it in its stream ends, and each stream ends with its last.
    fn check_batches(&self) -> Result<(), RestoreError> {
        let streams = &self.tables.streams;
        let mut ends = vec![0; streams.len()];
        every("batches", &self.tables.batches, |row, batch| {
            let vitals = &batch.vitals;
            let unique = self.batch_by_root(&vitals.root).is_some_and(|(found, _)| found.0 == row);
            let Some(end) = ends.get_mut(batch.stream as usize) else { return false };
            let follows = vitals.first == *end && vitals.count > 0;
            *end = vitals.first.saturating_add(u64::from(vitals.count));
            unique && follows
        })?;
        every("streams", streams, |row, stream| ends.get(row as usize) == Some(&stream.readings))
    }

    fn is_possible(&self, triage: &Triage, parties: usize) -> bool {
        let decision = &triage.decision;
        let model = self.tables.models.get(triage.model.0).is_some_and(|it| it.model == decision.model);
        let batch = self.tables.batches.get(triage.batch.0).is_some_and(|batch| {
            let stream = self.tables.streams.get(batch.stream);
            let here = stream.is_some_and(|stream| stream.session == triage.session);
            here && batch.vitals.root == decision.root && decision.leaves.1 <= batch.vitals.count
        });
        let range = decision.leaves.0 < decision.leaves.1 && decision.news2.total <= NEWS2_MAX;
        let scores = decision.score_milli.max(decision.threshold_milli) <= SCORE_MILLI_MAX;
        let review = triage.review.is_none_or(|review| review.reviewer.index() < parties);
        model && batch && range && scores && review && triage.recorded_by.index() < parties
    }
}

impl BorshSerialize for Sessions {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.tables.serialize(writer)
    }
}

impl BorshDeserialize for Sessions {
    /// Derives what is looked up. A stream of no session is refused at once: chains grow to the owner that is named.
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let Tables { devices, firmware, sessions, streams, batches, models, triages, prescriptions } =
            Tables::deserialize_reader(reader)?;
        if streams.iter().any(|stream| stream.session.index() >= sessions.len()) {
            let message = "vitals of a session that there is not";
            return Err(borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, message));
        }
        let mut state = Self::default();
        devices.iter().for_each(|device| state.push_device(*device));
        firmware.iter().for_each(|revoked| state.push_revoked(*revoked));
        state.tables.sessions = sessions;
        streams.iter().for_each(|stream| {
            state.push_stream(*stream);
        });
        batches.iter().for_each(|batch| {
            state.push_batch(*batch);
        });
        models.iter().for_each(|model| {
            state.push_model(*model);
        });
        state.tables.triages = triages;
        state.tables.prescriptions = prescriptions;
        Ok(state)
    }
}

impl Ledger {
    /// Whether a session is closed, and where it was when: what a claim rests on.
    pub(in crate::ledger) fn closed_session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.session(id).filter(|session| session.closed_at.is_some())
    }
}

/// The row of a key.
fn find<'a, T>(
    index: &Index,
    key: IndexKey,
    table: &'a Table<T>,
    is: impl Fn(&T) -> bool,
) -> Option<(u32, &'a T)> {
    index.candidates(key).filter_map(|row| Some((row, table.get(row)?))).find(|(_, value)| is(value))
}

fn set<T: Clone>(table: &mut Table<T>, row: u32, value: T) {
    if let Some(place) = table.get_mut(row) {
        *place = value;
    }
}

fn every<T>(
    name: &'static str,
    table: &Table<T>,
    mut holds: impl FnMut(u32, &T) -> bool,
) -> Result<(), RestoreError> {
    match (0..).zip(table.iter()).position(|(row, value)| !holds(row, value)) {
        Some(index) => Err(RestoreError::Impossible { table: name, index }),
        None => Ok(()),
    }
}
