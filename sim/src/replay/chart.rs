//! The messages, jobs and writes that one transaction or commit came to, for a [chart](crate::report::sequence).
//!
//! Of a block, its broadcast is shown whole if it carries the transaction or leads the commit; of the votes, the
//! certificates and the checkpoint's signatures, those that came to the replica from which it is seen.

use super::explain::Cast;
use super::message::{self, InFlight};
use super::state;
use crate::report::sequence::{Activity, Arrow, Mark, Sequence};
use crate::world::{Observer, Seen};
use bytes::Bytes;
use ledger_core::block::{Block, BlockRef};
use ledger_core::committee::Committee;
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::{AccessId, Transaction, TransactionBody};
use ledger_core::message::{Exchange, Message, Reply, Request};
use ledger_core::seam::{Observation, Peer};
use ledger_core::time::Timestamp;
use ledger_core::work::Work;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// See the module.
pub struct Chart {
    cast: Cast,
    from: Timestamp,
    committee: Option<Arc<Committee>>,
    executes: bool,
    /// Of the transaction.
    body: Option<TransactionBody>,
    bytes: Option<Bytes>,
    flying: InFlight<usize>,
    arrows: Vec<(Peer, Peer, Arrow)>,
    activities: Vec<(Peer, Activity)>,
    marks: Vec<(Peer, Mark)>,
    /// Authors whose disk holds a block up that is shown.
    syncing: BTreeSet<Peer>,
    certified: bool,
    /// What the block that each replica sent last is called, if it is shown.
    last_block: BTreeMap<Peer, (usize, usize, Option<Shown>)>,
}

/// How a block is shown.
#[derive(Clone)]
struct Shown {
    label: String,
    /// To everybody; else to the viewpoint alone.
    whole: bool,
}

impl Chart {
    /// Of what happens from an instant on.
    pub fn new(cast: Cast, from: Timestamp) -> Self {
        Self {
            cast,
            from,
            committee: None,
            executes: false,
            body: None,
            bytes: None,
            flying: InFlight::default(),
            arrows: Vec::new(),
            activities: Vec::new(),
            marks: Vec::new(),
            syncing: BTreeSet::new(),
            certified: false,
            last_block: BTreeMap::new(),
        }
    }

    fn viewpoint(&self) -> Option<Peer> {
        self.cast.viewpoint.map(Peer::Replica)
    }

    fn identity(&self, item: &[u8]) -> Option<Digest> {
        match self.executes {
            true => Some(Transaction::identify(self.committee.as_ref()?.chain(), item)?.0),
            false => Some(Digest::sha256(&[item])),
        }
    }

    fn is_ours(&self, item: &[u8]) -> bool {
        self.cast.transaction.is_some() && self.identity(item) == self.cast.transaction
    }

    /// What a message is called, if it is shown.
    fn shown(&mut self, from: Peer, to: Peer, bytes: &Bytes) -> Option<String> {
        match (from, to) {
            (Peer::Replica(_), Peer::Replica(_)) => {
                let shown = self.block(from, bytes)?;
                (shown.whole || Some(to) == self.viewpoint()).then_some(shown.label)
            }
            (Peer::Gateway(_) | Peer::Local, Peer::Replica(_)) => match Message::decode(bytes) {
                Ok(Message::Request(Request::Submit(item))) if self.is_ours(&item) => {
                    Some("submission".to_owned())
                }
                Ok(Message::Request(Request::PermitStatus { access, .. })) if self.is_access(access) => {
                    Some("in force?".to_owned())
                }
                _ => None,
            },
            (Peer::Replica(_), Peer::Gateway(_)) => match Message::decode(bytes) {
                Ok(Message::Reply(Reply::Receipt(receipt)))
                    if Some(receipt.entry.transaction) == self.cast.transaction =>
                {
                    Some("receipt".to_owned())
                }
                Ok(Message::Reply(Reply::PermitStatus { access, .. })) if self.is_access(access) => {
                    Some(String::new())
                }
                _ => None,
            },
            (Peer::Gateway(_), Peer::Gateway(_)) => {
                let ours = Some(from) == self.cast.gateway || Some(to) == self.cast.gateway;
                let Ok(Message::Exchange(exchange)) = Message::decode(bytes) else { return None };
                let operation = match &exchange {
                    Exchange::KeyRequest { operation, .. }
                    | Exchange::KeyRelease { operation, .. }
                    | Exchange::Document { operation, .. }
                    | Exchange::KeyRefused { operation, .. }
                    | Exchange::CopyRequest { operation, .. } => *operation,
                };
                (ours && Some(operation) == self.cast.operation).then(|| message::kind(bytes).to_owned())
            }
            (_, Peer::Local) | (Peer::Local, Peer::Gateway(_)) => None,
        }
    }

    fn is_access(&self, access: AccessId) -> bool {
        self.cast.access == Some(access)
    }

    /// A broadcast is one block to many: it is read once.
    fn block(&mut self, from: Peer, bytes: &Bytes) -> Option<Shown> {
        if bytes.first() != Some(&0) {
            return None;
        }
        let place = (bytes.as_ptr() as usize, bytes.len());
        if let Some((at, length, shown)) = self.last_block.get(&from)
            && (*at, *length) == place
        {
            return shown.clone();
        }
        let shown = self.read_block(bytes);
        self.last_block.insert(from, (place.0, place.1, shown.clone()));
        shown
    }

    fn read_block(&mut self, bytes: &Bytes) -> Option<Shown> {
        let committee = self.committee.clone()?;
        let Ok(Message::Block(body)) = Message::decode(bytes) else { return None };
        let block = Block::from_journal(&committee, body).ok()?;
        let (round, reference) = (block.round().0, block.reference());
        if self.is_cast(&reference) || block.payload().iter().any(|item| self.is_ours(item)) {
            return Some(Shown { label: format!("block of round {round}"), whole: true });
        }
        let slot = self.cast.round.map(|round| round.0);
        if slot.is_some_and(|slot| round == slot + 1) {
            return Some(Shown { label: format!("vote (round {round})"), whole: false });
        }
        if slot.is_some_and(|slot| round == slot + 2) {
            return Some(Shown { label: format!("certificate (round {round})"), whole: false });
        }
        let signs = block.votes().iter().any(|vote| Some(vote.commit) == self.cast.commit);
        let label = || Shown { label: "checkpoint signature".to_owned(), whole: false };
        (signs && !self.certified).then(label)
    }

    fn is_cast(&self, reference: &BlockRef) -> bool {
        self.cast.blocks.contains(reference)
    }

    fn job(&self, host: Peer, work: &Work) -> Option<&'static str> {
        let ours = || self.bytes.as_ref();
        let member = Some(host) == self.viewpoint()
            || self.cast.blocks.iter().any(|it| Peer::Replica(it.author) == host);
        match work {
            Work::Submissions(items) => {
                items.iter().any(|item| Some(item) == ours()).then_some("check signature")
            }
            Work::Transactions(blocks) if member => {
                blocks.iter().any(|(block, _)| self.is_cast(&block.reference())).then_some("check payload")
            }
            Work::Sign(signing) => (Some(host) == self.cast.gateway
                && Some(&signing.body) == self.body.as_ref())
            .then_some("sign"),
            Work::Inclusion(receipt) | Work::Checkpoint(receipt) => {
                let ours = Some(receipt.entry.transaction) == self.cast.transaction;
                ours.then_some("verify receipt")
            }
            Work::Seal(sealing) => self.is_access(sealing.permit.access).then_some("seal document"),
            Work::Open(opening) => {
                let access = match opening.as_ref() {
                    ledger_core::gateway::Opening::Transferred { permit, .. }
                    | ledger_core::gateway::Opening::Own { permit, .. } => Some(permit.access),
                    ledger_core::gateway::Opening::Copy { .. } => None,
                };
                access.is_some_and(|access| self.is_access(access)).then_some("open document")
            }
            Work::Transactions(_) | Work::Blocks(_) | Work::Votes(..) | Work::Snapshot(..) => None,
            Work::Prepare(_) | Work::Rewrap(_) => None,
        }
    }

    fn mark(&mut self, at: Timestamp, host: Peer, label: String) {
        self.marks.push((host, Mark { lane: 0, at, label }));
    }

    /// The chart, under a title.
    pub fn finish(&mut self, title: Vec<String>) -> Sequence {
        let mut hosts: BTreeSet<Peer> = BTreeSet::new();
        for (from, to, _) in &self.arrows {
            hosts.extend([*from, *to]);
        }
        hosts.extend(self.marks.iter().map(|(host, _)| *host));
        hosts.extend(self.activities.iter().map(|(host, _)| *host));
        // The gateway that asks stands first, then replicas, then the other gateways.
        let mut lanes: Vec<Peer> = hosts.into_iter().collect();
        lanes.sort_by_key(|host| (Some(*host) != self.cast.gateway, *host));
        let lane = |host: &Peer| lanes.iter().position(|it| it == host).unwrap_or_default();
        let arrows = std::mem::take(&mut self.arrows).into_iter();
        let activities = std::mem::take(&mut self.activities).into_iter();
        let marks = std::mem::take(&mut self.marks).into_iter();
        Sequence {
            title,
            arrows: arrows
                .map(|(from, to, arrow)| Arrow { from: lane(&from), to: lane(&to), ..arrow })
                .collect(),
            activities: activities.map(|(host, it)| Activity { lane: lane(&host), ..it }).collect(),
            marks: marks.map(|(host, it)| Mark { lane: lane(&host), ..it }).collect(),
            lanes: lanes.iter().map(|host| state::name(*host)).collect(),
        }
    }
}

impl Observer for Chart {
    fn sees(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Begins { plan, committee, .. } => {
                self.executes = plan.ledger.execution;
                self.committee = Some(committee.clone());
                self.bytes = self.cast.bytes.clone();
                let read =
                    self.bytes.as_ref().and_then(|bytes| Transaction::decode(committee.chain(), bytes).ok());
                self.body = read.map(|transaction| transaction.body);
            }
            Seen::Sent { at, from, to, bytes, .. } if at >= self.from => {
                let Some(label) = self.shown(from, to, bytes) else { return };
                self.flying.sent(from, to, bytes, self.arrows.len());
                let arrow = Arrow { from: 0, to: 0, sent: at, arrived: None, label };
                self.arrows.push((from, to, arrow));
                self.syncing.remove(&from);
            }
            Seen::Arrived { at, host, from, bytes } => {
                if let Some(arrow) = self.flying.arrived(from, host, bytes) {
                    self.arrows[arrow].2.arrived = Some(at);
                }
            }
            Seen::Job { host, from, to, work } if from >= self.from => {
                if let Some(label) = self.job(host, work) {
                    let label = label.to_owned();
                    self.activities.push((host, Activity { lane: 0, from, to, label, disk: false }));
                }
            }
            Seen::Writes { host, from, to, .. } | Seen::Syncs { host, from, to }
                if self.syncing.contains(&host) =>
            {
                let label = "sync".to_owned();
                match self.activities.last_mut() {
                    // One after the other is one.
                    Some((last, before)) if *last == host && before.disk && before.to == from => {
                        before.to = to
                    }
                    Some(_) | None => {
                        self.activities.push((host, Activity { lane: 0, from, to, label, disk: true }));
                    }
                }
            }
            Seen::Committed { at, replica, report } if Some(report.index) == self.cast.commit => {
                self.mark(at, replica, format!("executes commit {}", report.index));
            }
            Seen::Observed { at, by, observation } => match observation {
                Observation::Proposed(block) if self.is_cast(block) => {
                    self.syncing.insert(by);
                    self.mark(at, by, format!("proposes in round {}", block.round.0));
                }
                Observation::Decided(account) => {
                    let index = account.commit.as_ref().map(|header| header.index);
                    if index.is_some() && index == self.cast.commit {
                        self.mark(at, by, format!("decides slot {}/{}", account.round.0, account.leader));
                    }
                }
                Observation::Certified(body)
                    if Some(by) == self.viewpoint()
                        && self.cast.commit.is_some_and(|it| it <= body.commit) =>
                {
                    if !std::mem::replace(&mut self.certified, true) {
                        self.mark(at, by, format!("certifies commit {}", body.commit));
                    }
                }
                Observation::KeyReleased { access, .. } if self.is_access(*access) => {
                    self.mark(at, by, "releases the key".to_owned());
                }
                Observation::Proposed(_)
                | Observation::Certified { .. }
                | Observation::KeyReleased { .. }
                | Observation::DocumentOpened { .. }
                | Observation::Equivocation(..)
                | Observation::Accounted { .. }
                | Observation::Misbehaviour { .. } => {}
            },
            Seen::Started { at, operation, gateway, .. } if Some(operation) == self.cast.operation => {
                self.mark(at, Peer::Gateway(gateway), format!("operation {operation}"));
            }
            Seen::Ended { at, operation, .. } if Some(operation) == self.cast.operation => {
                if let Some(gateway) = self.cast.gateway {
                    self.mark(at, gateway, "ends".to_owned());
                }
            }
            Seen::Sent { .. } | Seen::Job { .. } | Seen::Writes { .. } | Seen::Syncs { .. } => {}
            Seen::Committed { .. } | Seen::Started { .. } | Seen::Ended { .. } => {}
            Seen::Handles { .. } | Seen::Wakes { .. } | Seen::Step { .. } => {}
            Seen::Struck { .. } | Seen::Healed { .. } => {}
        }
    }
}
