//! From a permit's receipt to the document in plain text.
//!
//! The custodian's gateway is asked for key and document, which come separately and in any order; both are asked for
//! again while either is missing. What is opened must match the commitment in the receipt, so a custodian that sends
//! another document, or a network that changes one, is noticed. A document of the own vault is checked the same way,
//! without a key: its gateway can derive it.

use super::submission::Stage;
use super::{End, Gateway, Job, Opening, Owner, Permit, SealedBlob};
use crate::audit::Receipt;
use crate::codec::Blob;
use crate::ledger::transaction::Outcome;
use crate::message::{Exchange, KeyRefusal, Message};
use crate::seam::{GatewayId, Lane, Observation, Output, Peer};
use crate::time::Timestamp;
use crate::work::Work;
use bytes::Bytes;

/// A permitted operation.
pub(super) struct Reading {
    outcome: Outcome,
    permit: Permit,
    step: Step,
    /// What arrived, if copies are kept.
    copy: Option<(GatewayId, SealedBlob)>,
}

enum Step {
    Loading([u8; 16]),
    Fetching(Box<Fetch>),
    Opening,
}

struct Fetch {
    custodian: GatewayId,
    request: Message,
    key: Option<Blob<256>>,
    document: Option<SealedBlob>,
    attempts: u32,
    pauses: u32,
}

impl Reading {
    /// The locator that it waits for.
    pub(super) fn loading(&self) -> Option<[u8; 16]> {
        match self.step {
            Step::Loading(locator) => Some(locator),
            Step::Fetching(_) | Step::Opening => None,
        }
    }
}

impl Gateway {
    /// Of the one permit that the operation asked for.
    pub(super) fn begin_reading(&mut self, now: Timestamp, id: u64, outcome: Outcome, receipt: &Receipt) {
        let Outcome::Permitted { access, record, commitment, custodian, .. } = outcome else { return };
        let permit = Permit { access, record, commitment };
        if custodian == self.config.organisation {
            let Some(locator) = self.holdings.locator(&permit) else {
                return self.finish(id, End::KeyRefused(KeyRefusal::NoDocument));
            };
            self.read(id, Reading { outcome, permit, step: Step::Loading(locator), copy: None });
            self.arm_deadline(id);
            return self.load(locator, Owner::Operation(id));
        }
        let Some(institution) = self.config.directory.institution(custodian) else {
            return self.finish(id, End::KeyRefused(KeyRefusal::NoDocument));
        };
        let fetch = Fetch {
            custodian: institution.gateway,
            request: Message::Exchange(Exchange::KeyRequest {
                operation: id,
                receipt: receipt.clone(),
                action: 0,
            }),
            key: None,
            document: None,
            attempts: 0,
            pauses: 0,
        };
        let step = Step::Fetching(Box::new(fetch));
        self.read(id, Reading { outcome, permit, step, copy: None });
        self.request_key(now, id);
    }

    fn reading(&mut self, id: u64) -> Option<(&mut Reading, Timestamp)> {
        let operation = self.operations.get_mut(&id)?;
        let deadline = operation.deadline;
        Some((operation.reading()?, deadline))
    }

    /// The fetch, if it is under way with this custodian.
    fn fetch(&mut self, id: u64, from: GatewayId) -> Option<(&mut Fetch, Timestamp)> {
        let (reading, deadline) = self.reading(id)?;
        match &mut reading.step {
            Step::Fetching(fetch) if fetch.custodian == from => Some((fetch, deadline)),
            Step::Fetching(_) | Step::Loading(_) | Step::Opening => None,
        }
    }

    fn arm_deadline(&mut self, id: u64) {
        if let Some(deadline) = self.operations.get(&id).map(|operation| operation.deadline) {
            self.timers.arm(Owner::Operation(id), deadline);
        }
    }

    fn request_key(&mut self, now: Timestamp, id: u64) {
        let base = self.config.tuning.reply_timeout;
        let Some((reading, deadline)) = self.reading(id) else { return };
        let Step::Fetching(fetch) = &mut reading.step else { return };
        let (to, bytes, attempts) = (Peer::Gateway(fetch.custodian), fetch.request.encode(), fetch.attempts);
        fetch.attempts += 1;
        self.outputs.push_back(Output::Send { to, lane: Lane::Client, bytes });
        let wait = self.backed_off(base, attempts);
        self.timers.arm(Owner::Operation(id), (now + wait).min(deadline));
    }

    /// What was waited for did not come, or a pause is over.
    pub(super) fn reading_woke(&mut self, now: Timestamp, id: u64) {
        let Some((reading, _)) = self.reading(id) else { return };
        match reading.step {
            Step::Fetching(_) => self.request_key(now, id),
            Step::Loading(_) | Step::Opening => self.arm_deadline(id),
        }
    }

    pub(super) fn key_arrived(&mut self, now: Timestamp, from: GatewayId, id: u64, wrap: Blob<256>) {
        let Some((fetch, deadline)) = self.fetch(id, from) else { return };
        if fetch.key.is_some() {
            return;
        }
        fetch.key = Some(wrap);
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.completion.key_at = Some(now);
        }
        // The custodian has agreed: a large document takes its time, and asking again would only make it later.
        let until = (now + self.config.tuning.transfer_timeout).min(deadline);
        self.timers.arm(Owner::Operation(id), until);
        self.open_if_complete(id);
    }

    pub(super) fn document_arrived(&mut self, now: Timestamp, from: GatewayId, id: u64, sealed: SealedBlob) {
        if self.is_recovering(id, from) {
            return self.copy_arrived(id, sealed);
        }
        let Some((fetch, _)) = self.fetch(id, from) else { return };
        if fetch.document.is_some() {
            return;
        }
        fetch.document = Some(sealed);
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.completion.transferred_at = Some(now);
        }
        self.open_if_complete(id);
    }

    fn open_if_complete(&mut self, id: u64) {
        let pair = self.pair.clone();
        let keeps = self.config.tuning.copies_bytes_max > 0;
        let Some((reading, _)) = self.reading(id) else { return };
        let permit = reading.permit;
        let Step::Fetching(fetch) = &mut reading.step else { return };
        if fetch.key.is_none() || fetch.document.is_none() {
            return;
        }
        let (Some(wrap), Some(document)) = (fetch.key.take(), fetch.document.take()) else { return };
        reading.copy = keeps.then(|| (fetch.custodian, document.clone()));
        reading.step = Step::Opening;
        self.arm_deadline(id);
        let opening = Opening::Transferred { pair, wrap, document, permit };
        self.work(Job::Operation(id), Work::Open(Box::new(opening)));
    }

    pub(super) fn key_refused(&mut self, now: Timestamp, from: GatewayId, id: u64, reason: KeyRefusal) {
        if self.is_recovering(id, from) {
            return self.finish(id, End::KeyRefused(reason));
        }
        let base = self.config.tuning.busy_pause;
        let Some((fetch, deadline)) = self.fetch(id, from) else { return };
        if fetch.key.is_some() {
            // An answer to an earlier request: a later one was granted.
            return;
        }
        if reason != KeyRefusal::Busy {
            return self.finish(id, End::KeyRefused(reason));
        }
        let pauses = fetch.pauses;
        fetch.pauses += 1;
        let wait = self.backed_off(base, pauses);
        self.timers.arm(Owner::Operation(id), (now + wait).min(deadline));
    }

    pub(super) fn own_loaded(&mut self, now: Timestamp, id: u64, locator: [u8; 16], document: Option<Bytes>) {
        if let Some(Stage::Turning(rotation)) = self.operations.get(&id).map(|operation| &operation.stage)
            && rotation.old == locator
        {
            return self.turning_loaded(id, *rotation, document);
        }
        let secret = self.secret.clone();
        let Some((reading, _)) = self.reading(id) else { return };
        if reading.loading() != Some(locator) {
            return;
        }
        let Some(document) = document else {
            return self.finish(id, End::KeyRefused(KeyRefusal::NoDocument));
        };
        let permit = reading.permit;
        reading.step = Step::Opening;
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.completion.transferred_at = Some(now);
        }
        let opening = Opening::Own { secret, locator, document, permit };
        self.work(Job::Operation(id), Work::Open(Box::new(opening)));
    }

    pub(super) fn opened(&mut self, id: u64, document: Option<Bytes>) {
        let Some((reading, _)) = self.reading(id) else { return self.copy_opened(id, document) };
        let (outcome, Permit { access, record, commitment }) = (reading.outcome, reading.permit);
        let copy = reading.copy.take();
        let Some(document) = document else { return self.finish(id, End::Corrupt) };
        if let Some(copy) = copy {
            self.keep_copy((record, commitment), copy);
        }
        let bytes = document.len() as u64;
        if let Some(operation) = self.operations.get_mut(&id) {
            operation.completion.document = Some(document);
        }
        self.outputs.push_back(Output::Observed(Observation::DocumentOpened { access, record, bytes }));
        self.finish(id, End::Done(outcome));
    }
}
