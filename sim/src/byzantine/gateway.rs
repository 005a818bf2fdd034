//! Hostile gateways: a correct gateway that goes on with its normal work, so that its users lack nothing, and beside
//! that sends what no correct one sends, at a rate, from its own identity.
//!
//! It holds its own secret and its users' keys, and no others: what it signs in the name of patients is signed with a
//! key that it made up.

use super::{Acts, MEMORY_MAX, remember, span};
use crate::plan::{FaultKind, GatewayBehaviour, Plan};
use crate::seed::{Seed, Stream};
use bytes::Bytes;
use ledger_core::audit::Receipt;
use ledger_core::codec::{Blob, List};
use ledger_core::committee::{Committee, ReplicaId};
use ledger_core::crypto::{Digest, PublicKey, SecretKey};
use ledger_core::gateway::Gateway;
use ledger_core::ledger::transaction::{
    AccessId, Action, Actions, Outcome, PartyId, Scope, Transaction, TransactionBody,
};
use ledger_core::message::{Exchange, Message, Request};
use ledger_core::seam::{GatewayId, Input, Lane, Machine, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// Set in the numbers of operations that are none.
const NO_OPERATION: u64 = 1 << 63;
/// Where a transaction's encoding ends: key and signature.
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// How long a forged bundle says that it is valid.
const VALID: Duration = Duration::from_secs(60);
/// How often a flood repeats one thing.
const FLOOD: usize = 8;

/// What a gateway is to do: one row for each fault that names it.
struct Term {
    behaviours: Vec<GatewayBehaviour>,
    every: Duration,
    next: Timestamp,
    until: Timestamp,
    turns: usize,
}

/// Who can be lied about: patients with their public keys, and a scope that reads all.
pub(crate) struct Targets {
    pub patients: Vec<(PartyId, PublicKey)>,
    pub scope: Scope,
    pub gateways: u32,
}

/// See the module.
pub(crate) struct HostileGateway {
    inner: Gateway,
    me: GatewayId,
    committee: Arc<Committee>,
    targets: Targets,
    terms: Vec<Term>,
    stream: Stream,
    now: Timestamp,
    outputs: VecDeque<Output>,
    /// Own bundles, lately.
    bundles: VecDeque<Bytes>,
    /// Receipts that came, lately.
    receipts: VecDeque<Receipt>,
    /// Own key requests from the beginning: to whom, receipt, action.
    requests: VecDeque<(Peer, Receipt, u8)>,
    operations: u64,
    acts: Acts,
    forged: Vec<Digest>,
}

impl HostileGateway {
    /// Whether the plan has this gateway do anything hostile.
    pub fn is_cast(plan: &Plan, gateway: usize) -> bool {
        plan.faults.iter().any(|fault| match &fault.kind {
            FaultKind::HostileGateway { gateways, .. } => gateways.contains(&gateway),
            _ => false,
        })
    }

    /// A correct gateway and what it is to do beside its work.
    pub fn new(
        inner: Gateway,
        me: GatewayId,
        committee: Arc<Committee>,
        plan: &Plan,
        seed: &Seed,
        targets: Targets,
    ) -> Self {
        let terms = plan.faults.iter().filter_map(|fault| match &fault.kind {
            FaultKind::HostileGateway { gateways, behaviours, rate_mhz }
                if gateways.contains(&(me.0 as usize)) =>
            {
                let (from, until) = span(plan, fault);
                let every = Duration::from_nanos(1_000_000_000_000 / rate_mhz.max(&1));
                let next = from + every;
                Some(Term { behaviours: behaviours.clone(), every, next, until, turns: 0 })
            }
            _ => None,
        });
        Self {
            terms: terms.collect(),
            stream: seed.stream(&format!("byzantine/gateway/{}", me.0)),
            inner,
            me,
            committee,
            targets,
            now: Timestamp::ZERO,
            outputs: VecDeque::new(),
            bundles: VecDeque::new(),
            receipts: VecDeque::new(),
            requests: VecDeque::new(),
            operations: NO_OPERATION,
            acts: Acts::new(),
            forged: Vec::new(),
        }
    }

    /// The machine inside.
    pub fn inner_mut(&mut self) -> &mut Gateway {
        &mut self.inner
    }

    /// What it has done since this was asked last, and which bundles it forged.
    pub fn take_acts(&mut self) -> (Acts, Vec<Digest>) {
        (std::mem::take(&mut self.acts), std::mem::take(&mut self.forged))
    }

    fn learn(&mut self, output: &Output) {
        let Output::Send { to, bytes, .. } = output else { return };
        match Message::decode(bytes) {
            Ok(Message::Request(Request::Submit(bundle))) => remember(&mut self.bundles, bundle.bytes()),
            Ok(Message::Exchange(Exchange::KeyRequest { receipt, action, .. }))
                if self.requests.len() < MEMORY_MAX =>
            {
                self.requests.push_back((*to, receipt, action));
            }
            _ => {}
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.inner.poll_output() {
            self.learn(&output);
            self.outputs.push_back(output);
        }
    }

    fn replica(&mut self) -> Peer {
        Peer::Replica(ReplicaId(self.stream.below(self.committee.size() as u64) as u16))
    }

    /// Another gateway; `None` if it is the only one.
    fn stranger(&mut self) -> Option<Peer> {
        let others = u64::from(self.targets.gateways).checked_sub(1).filter(|others| *others > 0)?;
        let at = self.stream.below(others) as u32;
        Some(Peer::Gateway(GatewayId(if at < self.me.0 { at } else { at + 1 })))
    }

    fn send(&mut self, to: Peer, message: &Message) {
        self.outputs.push_back(Output::Send { to, lane: Lane::Client, bytes: message.encode() });
    }

    fn submit(&mut self, bundle: impl Into<Bytes>) {
        let Some(blob) = Blob::new(bundle) else { return };
        let to = self.replica();
        self.send(to, &Message::Request(Request::Submit(blob)));
    }

    fn own_bundle(&mut self) -> Option<Bytes> {
        let count = self.bundles.len() as u64;
        (count > 0).then(|| self.bundles[self.stream.below(count) as usize].clone())
    }

    /// One hostile act; `None` if there was nothing to do it with yet.
    fn act(&mut self, behaviour: GatewayBehaviour) -> Option<()> {
        match behaviour {
            GatewayBehaviour::BadSignatures => self.spoil_signature()?,
            GatewayBehaviour::ReplayedBundles => {
                let bundle = self.own_bundle()?;
                self.submit(bundle);
            }
            GatewayBehaviour::ForgedConsents => self.forge_consent()?,
            GatewayBehaviour::KeyRequests => self.ask_without_permit()?,
            GatewayBehaviour::StaleReceipts => {
                let count = self.requests.len() as u64;
                let at = if count > 0 { self.stream.below(count) as usize } else { return None };
                let (to, receipt, action) = self.requests[at].clone();
                self.ask_for_key(to, receipt, action);
            }
            GatewayBehaviour::Flood => self.flood(),
        }
        *self.acts.entry(behaviour.name()).or_default() += 1;
        Some(())
    }

    /// A bundle of its own, spoilt in one bit of body, key or signature.
    fn spoil_signature(&mut self) -> Option<()> {
        let genuine = self.own_bundle()?;
        let mut bundle = genuine.to_vec();
        let bit = self.stream.below(bundle.len() as u64 * 8) as usize;
        bundle[bit / 8] ^= 1 << (bit % 8);
        // Identity is that of what is signed: where the signature alone is spoilt, it is the genuine bundle's.
        let identity = |bytes: &[u8]| Some(Transaction::identify(self.committee.chain(), bytes)?.0);
        let forged = identity(&bundle).filter(|digest| identity(&genuine) != Some(*digest));
        self.forged.extend(forged);
        self.submit(bundle);
        Some(())
    }

    /// A consent of a patient's to everything, signed with a made-up key: under its name, or under the patient's.
    fn forge_consent(&mut self) -> Option<()> {
        let count = self.targets.patients.len() as u64;
        let at = if count > 0 { self.stream.below(count) as usize } else { return None };
        let (patient, public) = self.targets.patients[at];
        let mut seed = [0; 32];
        self.stream.fill_bytes(&mut seed);
        let made_up = SecretKey::from_seed(seed);
        let body = TransactionBody {
            actor: patient,
            organisation: patient,
            sequence: self.now.0 / 1_000 + 1,
            valid_until: self.now + VALID,
            atomic: false,
            actions: Actions::from(Action::GrantConsent { patient, scope: self.targets.scope.clone() }),
        };
        let (_, bytes) = Transaction::sign(self.committee.chain(), body, &made_up);
        let mut bytes = bytes.to_vec();
        if self.stream.chance(1, 2) {
            let key = bytes.len() - SIGNATURE_BYTES - KEY_BYTES;
            bytes[key..key + KEY_BYTES].copy_from_slice(&public.0);
        }
        if let Ok(transaction) = Transaction::decode(self.committee.chain(), &bytes) {
            self.forged.push(transaction.digest);
        }
        self.submit(bytes);
        Some(())
    }

    fn ask_for_key(&mut self, to: Peer, receipt: Receipt, action: u8) {
        self.operations += 1;
        let operation = self.operations;
        self.send(to, &Message::Exchange(Exchange::KeyRequest { operation, receipt, action }));
    }

    /// With a receipt that is of no permit, or with a permit's in which another record was written.
    fn ask_without_permit(&mut self) -> Option<()> {
        let count = self.receipts.len() as u64;
        let at = if count > 0 { self.stream.below(count) as usize } else { return None };
        let mut receipt = self.receipts[at].clone();
        let mut answers = receipt.entry.answers.to_vec();
        let mut to = self.stranger()?;
        if let Some(Outcome::Permitted { record, .. }) = answers.first_mut().map(|answer| &mut answer.outcome)
        {
            // To the custodian that was asked with the genuine one, if it was.
            if let Some((asked, ..)) = self.requests.iter().find(|(_, known, _)| *known == receipt) {
                to = *asked;
            }
            record.0 = record.0.wrapping_add(1);
            receipt.entry.answers = List::new(answers)?;
        }
        self.ask_for_key(to, receipt, 0);
        Some(())
    }

    fn flood(&mut self) {
        let bundle = self.own_bundle();
        for _ in 0..FLOOD {
            let to = self.replica();
            let number = self.stream.below(1 << 20);
            match (self.stream.below(4), &bundle) {
                (0, Some(bundle)) => self.submit(bundle.clone()),
                (0 | 1, _) => self.send(to, &Message::Request(Request::Entry(number))),
                (2, _) => {
                    let access = AccessId(number as u32);
                    let check = number;
                    self.send(to, &Message::Request(Request::PermitStatus { access, check }));
                }
                _ => {
                    let mut bytes = vec![0; 1 + self.stream.below(1_024) as usize];
                    self.stream.fill_bytes(&mut bytes);
                    let output = Output::Send { to, lane: Lane::Client, bytes: bytes.into() };
                    self.outputs.push_back(output);
                }
            }
        }
    }
}

impl Machine for HostileGateway {
    fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = now;
        if let Input::Message { bytes, .. } = &input
            && let Ok(Message::Reply(ledger_core::message::Reply::Receipt(receipt))) = Message::decode(bytes)
        {
            remember(&mut self.receipts, receipt);
        }
        self.inner.handle(now, input);
        self.drain();
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.now = now;
        for index in 0..self.terms.len() {
            let term = &mut self.terms[index];
            if term.next > now {
                continue;
            }
            let behaviour = term.behaviours[term.turns % term.behaviours.len()];
            term.turns += 1;
            term.next = now + term.every;
            if term.next >= term.until {
                term.next = Timestamp::MAX;
            }
            // What there is nothing for yet is left out.
            let _done = self.act(behaviour);
        }
        if self.inner.poll_timeout().is_some_and(|at| at <= now) {
            self.inner.handle_timeout(now);
        }
        self.drain();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let next = self.terms.iter().map(|term| term.next).filter(|at| *at < Timestamp::MAX);
        next.chain(self.inner.poll_timeout()).min()
    }
}
