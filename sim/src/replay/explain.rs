//! What became of a transaction, a commit or a leader slot, and why, in words.
//!
//! Every reason comes from the rule that decided: the commit rule says which votes it counted, the ledger says which
//! consent, directive or delegation it went by, as they were when it did ([`Chronicle`] collected both while the run was
//! played again). Here they are only put into words.

mod access;
pub(super) mod slot;
mod transaction;

use super::chronicle::{Chronicle, Kind, SlotRow};
use super::subject::Subject;
use crate::history::Run;
use crate::proof::{Names, moment};
use crate::report::units;
use crate::world::{MachineView, Scene};
use bytes::Bytes;
use ledger_core::block::{BlockRef, Round};
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::AccessId;
use ledger_core::protocol::SlotAccount;
use ledger_core::seam::Peer;
use ledger_core::time::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Columns of text.
const WIDTH: usize = 118;
/// Columns of labels.
const LABEL: usize = 12;
/// Neighbours and rows that are named; more are counted.
const SHOWN_MAX: usize = 8;

/// An explanation.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// What it is about.
    pub title: String,
    /// Sentences, each under what it is about.
    pub parts: Vec<(&'static str, Vec<String>)>,
    /// The same for programs.
    pub facts: Value,
    /// From when to when it happened.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What took part in it, for a chart.
    pub cast: Cast,
}

/// Whose messages a chart shows.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The transaction.
    pub transaction: Option<Digest>,
    /// Its operation.
    pub operation: Option<u64>,
    /// Its gateway.
    pub gateway: Option<Peer>,
    /// The replica from which it is seen.
    pub viewpoint: Option<ReplicaId>,
    /// The block that carries it, and the leader that was committed.
    pub blocks: Vec<BlockRef>,
    /// The round of the slot, whose votes are in the next and whose certificates are in the one after.
    pub round: Option<Round>,
    /// Index of the commit.
    pub commit: Option<u64>,
    /// The permit that it gave.
    pub access: Option<AccessId>,
    /// As it was submitted.
    pub bytes: Option<Bytes>,
}

impl Explanation {
    fn part(&mut self, label: &'static str, sentences: Vec<String>) {
        if !sentences.is_empty() {
            self.parts.push((label, sentences));
        }
    }

    /// Lines of at most `WIDTH` columns.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for (label, sentences) in &self.parts {
            text.push('\n');
            for (number, sentence) in sentences.iter().enumerate() {
                let label = if number == 0 { label } else { "" };
                let mut line = format!("  {label:LABEL$}");
                let empty = line.len();
                for word in sentence.split(' ') {
                    if line.len() > empty && line.len() + 1 + word.len() > WIDTH {
                        let _ = writeln!(text, "{}", line.trim_end());
                        line = " ".repeat(empty + 2);
                        line.push_str(word);
                    } else {
                        if line.len() > empty {
                            line.push(' ');
                        }
                        line.push_str(word);
                    }
                }
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        text
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let parts = self.parts.iter().map(|(label, sentences)| json!({ "about": label, "says": sentences }));
        json!({ "title": self.title, "parts": parts.collect::<Vec<_>>(), "facts": self.facts })
    }
}

/// There is no such thing in the run; what there is instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(String);

/// What is known of a run.
pub struct Inquest<'a> {
    /// What was seen of it.
    pub chronicle: &'a Chronicle,
    /// Its record.
    pub run: &'a Run,
    /// How it stood at the end, or where it was stopped.
    pub scene: &'a Scene,
}

impl Inquest<'_> {
    /// Explains one thing.
    ///
    /// # Errors
    /// If the run has no such thing: with the nearest that it has.
    pub fn explain(&self, subject: &Subject) -> Result<Explanation, Unknown> {
        match subject {
            Subject::Transaction(digits) => self.transaction(self.find(digits)?),
            Subject::Operation(number) => self.operation(*number),
            Subject::Entry(index) => {
                let executed = &self.run.history.executed;
                let found = executed.iter().find(|(_, done)| done.index == *index);
                let last = executed.iter().map(|(_, done)| done.index).max();
                let none = || Unknown(format!("the log has no entry {index}{}", up_to(last)));
                self.transaction(found.ok_or_else(none)?.1.transaction)
            }
            Subject::Commit(index) => self.commit(*index),
            Subject::Slot(round, leader) => self.slot(*round, ReplicaId(*leader)),
        }
    }

    /// The one transaction whose identity begins so.
    fn find(&self, digits: &str) -> Result<Digest, Unknown> {
        let mut bytes = [0; 32];
        for (place, digit) in digits.bytes().enumerate() {
            let value = char::from(digit).to_digit(16).unwrap_or_default() as u8;
            bytes[place / 2] |= if place % 2 == 0 { value << 4 } else { value };
        }
        let from = Digest(bytes);
        let known = &self.chronicle.transactions;
        let matching: Vec<_> = known
            .range(from..)
            .map(|(name, _)| *name)
            .take_while(|name| name.to_string().starts_with(digits))
            .take(SHOWN_MAX)
            .collect();
        match matching[..] {
            [one] => Ok(one),
            [] => {
                let nearest = known.range(from..).next().or(known.range(..from).next_back());
                let nearest = nearest.map_or(String::new(), |(name, _)| format!("; the nearest is {name}"));
                let forgot = match self.chronicle.forgot {
                    0 => String::new(),
                    more => format!("; {more} later ones were not remembered"),
                };
                Err(Unknown(format!(
                    "no transaction begins with `{digits}`: the run has {} up to here{nearest}{forgot}",
                    units::count(known.len() as u64),
                )))
            }
            _ => {
                let names: Vec<String> = matching.iter().map(ToString::to_string).collect();
                Err(Unknown(format!(
                    "more than one transaction begins with `{digits}`: give more digits of one of\n  {}",
                    names.join("\n  ")
                )))
            }
        }
    }

    fn operation(&self, number: u64) -> Result<Explanation, Unknown> {
        let operations = &self.run.history.operations;
        let Some(row) = usize::try_from(number).ok().and_then(|number| operations.get(number)) else {
            let last = (operations.len() as u64).checked_sub(1);
            return Err(Unknown(format!("the run has no operation {number}{}", up_to(last))));
        };
        let transaction = row.transaction.or_else(|| {
            // One that has not ended: its gateway sent it, and is the only one that knows.
            let hosts = self.scene.hosts.iter();
            let mut under_way = hosts.filter_map(|host| match &host.machine {
                MachineView::Gateway(gateway) => {
                    gateway.operations.iter().find(|operation| operation.operation == number)
                }
                MachineView::Down | MachineView::Replica(_) | MachineView::Byzantine(_) => None,
            });
            under_way.next().and_then(|operation| operation.transaction)
        });
        if let Some(transaction) = transaction.filter(|name| self.chronicle.transactions.contains_key(name)) {
            return self.transaction(transaction);
        }
        let mut it = Explanation { title: self.operation_title(number), ..Explanation::default() };
        it.part("started", vec![format!("at {}", moment(row.scheduled))]);
        let ended = match row.ended {
            Some((at, end)) => {
                format!("at {}, {:?}, without a transaction on its way to a replica", moment(at), end)
            }
            None => "not up to here; no transaction of it is on its way to a replica".to_owned(),
        };
        it.part("ended", vec![ended]);
        it.facts = json!({ "operation": number });
        Ok(it)
    }

    fn operation_title(&self, number: u64) -> String {
        let names = Names::of(&self.run.plan);
        match self.chronicle.operations.get(&number) {
            Some(row) => {
                format!("operation {number}: {} at the gateway of {}", row.kind, names.name(row.gateway.0))
            }
            None => format!("operation {number}"),
        }
    }

    /// What an uncommitted block waits for: the leader slots that are not decided.
    fn waits_for(&self, block: Option<&BlockRef>) -> Vec<String> {
        let Some(block) = block else { return Vec::new() };
        let pending = self.pending(Some(block.author));
        let open = pending.iter().filter(|account| Kind::of(account) == Kind::Undecided);
        let mut sentences = Vec::new();
        for account in open.take(2) {
            sentences.extend(slot::words(account, &self.run.committee));
        }
        sentences
    }

    /// Slots that a replica, or the first that is up, has not emitted.
    fn pending(&self, wanted: Option<ReplicaId>) -> &[SlotAccount] {
        let views = self.scene.hosts.iter().filter_map(|host| match &host.machine {
            MachineView::Replica(view) => Some((replica(host.peer)?, view)),
            MachineView::Down | MachineView::Byzantine(_) | MachineView::Gateway(_) => None,
        });
        let mut views: Vec<_> = views.collect();
        views.sort_by_key(|(id, _)| (Some(*id) != wanted, *id));
        views.first().map_or(&[], |(_, view)| &view.ordering.slots)
    }

    fn committed(&self, it: &mut Explanation, index: u64) {
        let Some(row) = self.chronicle.commits.get(&index) else { return };
        let slot = row.slot.and_then(|key| self.chronicle.slots.get(&key));
        let mut sentences = Vec::new();
        if let Some(slot) = slot {
            let header = slot.account.commit.as_ref();
            let (blocks, leader) = header.map_or((0, String::new()), |header| {
                (header.blocks.len(), format!(", led by {}", slot::name(&header.leader)))
            });
            sentences.push(format!("in commit {index}{leader}, with {blocks} block(s) in its sub-DAG"));
            sentences.extend(slot::words(&slot.account, &self.run.committee));
            sentences.extend(self.agreement(slot));
            it.cast.round = Some(slot.account.round);
            it.cast.blocks.extend(header.map(|header| header.leader));
        }
        it.part("committed", sentences);
        let mut executed = row.executed.iter().map(|(_, at)| *at);
        let span = executed.next().map(|first| (first, executed.max().unwrap_or(first)));
        if let Some((first, last)) = span {
            let mut distinct: Vec<ReplicaId> = row.executed.iter().map(|(by, _)| *by).collect();
            distinct.sort_unstable();
            distinct.dedup();
            it.part(
                "executed",
                vec![format!(
                    "at commit time {}, {} transaction(s); by {} of {} replicas, from {} to {}",
                    moment(row.time),
                    row.transactions.len(),
                    distinct.len(),
                    self.run.committee.size(),
                    moment(first),
                    moment(last),
                )],
            );
        }
        if let Some((by, at, covering)) = row.certified {
            let own = if covering == index {
                String::new()
            } else {
                format!(" of commit {covering}, which covers it")
            };
            it.part(
                "certified",
                vec![format!(
                    "a quorum's signatures on the checkpoint{own} were at {by} first, at {}",
                    moment(at)
                )],
            );
        }
        it.cast.commit = Some(index);
        it.span = span;
    }

    /// What the others decided.
    fn agreement(&self, slot: &SlotRow) -> Vec<String> {
        let by = |wanted: Kind| slot.decisions.iter().filter(|(_, _, kind)| *kind == wanted).count();
        let ways = [
            ("directly", by(Kind::Committed { direct: true }) + by(Kind::Skipped { direct: true })),
            ("by an anchor", by(Kind::Committed { direct: false }) + by(Kind::Skipped { direct: false })),
        ];
        let ways: Vec<String> = ways
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(way, count)| format!("{count} {way}"))
            .collect();
        let (first, last) = (slot.decisions.first(), slot.decisions.last());
        let (Some((_, first, _)), Some((_, last, _))) = (first, last) else { return Vec::new() };
        vec![format!(
            "so it was seen by {} at {}; decided by {} replicas ({}) from {} to {}",
            slot.by.0,
            moment(slot.by.1),
            slot.decisions.len(),
            ways.join(", "),
            moment(*first),
            moment(*last),
        )]
    }

    fn commit(&self, index: u64) -> Result<Explanation, Unknown> {
        let Some(row) = self.chronicle.commits.get(&index) else {
            let last = self.chronicle.commits.keys().next_back().copied();
            return Err(Unknown(format!("the run has no commit {index}{}", up_to(last))));
        };
        let mut it = Explanation { title: format!("commit {index}"), ..Explanation::default() };
        self.committed(&mut it, index);
        let names = row.transactions.iter().take(SHOWN_MAX);
        let mut carried: Vec<String> =
            names.map(|(name, entry)| format!("entry {entry}: transaction {name}")).collect();
        if let Some(more @ 1..) = row.transactions.len().checked_sub(SHOWN_MAX) {
            carried.push(format!("and {more} more"));
        }
        it.part("carries", carried);
        it.cast.viewpoint = row.slot.and_then(|key| Some(self.chronicle.slots.get(&key)?.by.0));
        let leader = it.cast.blocks.first().and_then(|leader| self.chronicle.blocks.get(leader));
        let first = leader.and_then(|leader| leader.proposed.or(leader.sent));
        it.span = it.span.map(|(from, to)| (first.unwrap_or(from), to));
        it.facts = json!({
            "commit": index,
            "digest": row.digest.to_string(),
            "commit_time_ns": row.time.0,
            "round": row.slot.map(|(round, _)| round.0),
            "transactions": row.transactions.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(),
        });
        Ok(it)
    }

    fn slot(&self, round: Round, leader: ReplicaId) -> Result<Explanation, Unknown> {
        let title = format!("leader slot of {leader} in round {}", round.0);
        let mut of_round = self.chronicle.slots.range((round, 0)..(round.next(), 0));
        if let Some((_, row)) = of_round.find(|(_, row)| row.account.leader == leader) {
            let mut it = Explanation { title, ..Explanation::default() };
            let mut sentences = slot::words(&row.account, &self.run.committee);
            sentences.extend(self.agreement(row));
            it.part("decided", sentences);
            if let Some(header) = &row.account.commit {
                self.committed(&mut it, header.index);
                it.parts.remove(1);
            }
            it.cast.round = Some(round);
            it.cast.viewpoint = Some(row.by.0);
            it.span = Some(it.span.unwrap_or((row.by.1, row.by.1)));
            it.facts = slot::json(&row.account);
            return Ok(it);
        }
        let pending = self.pending(None);
        if let Some(account) =
            pending.iter().find(|account| account.round == round && account.leader == leader)
        {
            let mut it = Explanation { title, ..Explanation::default() };
            it.part("decided", slot::words(account, &self.run.committee));
            it.facts = slot::json(account);
            return Ok(it);
        }
        let decided =
            self.chronicle.slots.range((round, 0)..(round.next(), 0)).map(|(_, row)| row.account.leader);
        let open = pending.iter().filter(|account| account.round == round).map(|account| account.leader);
        let leaders: Vec<String> = decided.chain(open).map(|leader| leader.to_string()).collect();
        Err(Unknown(match leaders[..] {
            [] => {
                let last = self.chronicle.slots.keys().next_back().map(|(round, _)| round.0);
                let last = pending.last().map(|account| account.round.0).or(last);
                format!("nobody knows of a leader slot in round {}{}", round.0, up_to(last))
            }
            _ => format!("round {} is not led by {leader}: its leaders are {}", round.0, leaders.join(", ")),
        }))
    }

    fn peer(&self, peer: Peer) -> String {
        match peer {
            Peer::Replica(replica) => replica.to_string(),
            Peer::Gateway(gateway) => format!("the gateway of {}", Names::of(&self.run.plan).name(gateway.0)),
            Peer::Local => "the load generator".to_owned(),
        }
    }
}

fn replica(peer: Peer) -> Option<ReplicaId> {
    match peer {
        Peer::Replica(replica) => Some(replica),
        Peer::Gateway(_) | Peer::Local => None,
    }
}

fn up_to(last: Option<u64>) -> String {
    last.map_or(": there are none up to here".to_owned(), |last| format!(": the last is {last}"))
}
