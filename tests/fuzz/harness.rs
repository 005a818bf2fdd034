//! What fuzzers feed: every decoder, and a replica. A target panics where something is wrong, and ends otherwise.
//!
//! `tests/fuzz/run` feeds them with libFuzzer for as long as it is told to; the test suite feeds them for a short time with
//! mutations of what the program itself writes (`tests/fuzzing.rs`).

use bytes::Bytes;
use ledger_core::audit::{CheckpointBody, Receipt};
use ledger_core::block::{Block, BlockBody, BlockRef, Round};
use ledger_core::codec::{self, Blob, List};
use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
use ledger_core::crypto::{BatchVerifier, ChainId, Digest, SecretKey};
use ledger_core::ledger::transaction::Transaction;
use ledger_core::ledger::{Genesis, Ledger, Policy};
use ledger_core::message::Message;
use ledger_core::protocol::{PROTOCOLS, Tuning};
use ledger_core::replica::{Replica, ReplicaConfig, Snapshot};
use ledger_core::seam::{GatewayId, Input, JournalEntry, JournalPosition, Machine, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use serde_json::json;
use sim::proof::read_audit;
use std::collections::BTreeMap;
use std::sync::Arc;

#[path = "storage.rs"]
mod storage;

/// Its name, and what is fed.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by name.
pub const TARGETS: &[Target] = &[
    ("message", message),
    ("block", block),
    ("transaction", transaction),
    ("receipt", receipt),
    ("checkpoint", checkpoint),
    ("audit", audit),
    ("ledger", ledger),
    ("snapshot", snapshot),
    ("journal", storage::journal),
    ("scenario", scenario),
    ("replica", replica),
];

/// A message has one encoding.
pub fn message(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(message) = Message::decode(&bytes) {
        assert_eq!(message.encode(), bytes);
    }
}

/// A block is its bytes.
pub fn block(bytes: &[u8]) {
    let (committee, _) = committee();
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(block) = Block::from_journal(&committee, bytes.clone()) {
        assert_eq!(block.bytes(), &bytes);
        assert!(block.author().index() < committee.size());
    }
}

/// A transaction has one encoding, and its identity does not need it read.
pub fn transaction(bytes: &[u8]) {
    let chain = ChainId(Digest([3; 32]));
    if let Ok(transaction) = Transaction::decode(chain, bytes) {
        let identity = Transaction::identify(chain, bytes);
        assert_eq!(identity.map(|(digest, _)| digest), Some(transaction.digest));
    }
}

/// A receipt has one encoding.
pub fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::decode(bytes) {
        assert_eq!(receipt.encode(), bytes);
        let (committee, _) = committee();
        assert!(receipt.verify(&committee, &mut BatchVerifier).is_err(), "nobody signed it");
    }
}

/// A checkpoint has one text.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(body) = CheckpointBody::parse(text) {
        assert_eq!(body.text(), text);
    }
    let (committee, _) = committee();
    if let Ok(receipt) = Receipt::from_text(text, &committee) {
        assert!(receipt.verify(&committee, &mut BatchVerifier).is_err(), "nobody signed it");
    }
}

/// A file of an audit is read or refused.
pub fn audit(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (committee, _) = committee();
    if let Ok((audit, _)) = read_audit(text, &committee) {
        assert!(audit.verify(&committee, &mut BatchVerifier).is_err(), "nobody signed it");
    }
}

/// A ledger's state has one encoding.
pub fn ledger(bytes: &[u8]) {
    if let Ok(ledger) = Ledger::restore(bytes) {
        assert_eq!(ledger.snapshot(), bytes);
    }
}

/// A snapshot that nobody signed is refused.
pub fn snapshot(bytes: &[u8]) {
    let (committee, _) = committee();
    let bytes = Bytes::copy_from_slice(bytes);
    assert!(Snapshot::verify(&bytes, 8, &committee, &mut BatchVerifier).is_err(), "nobody signed it");
}

/// A scenario is a plan or a list of mistakes.
pub fn scenario(bytes: &[u8]) {
    /// Longer ones are many mistakes over again.
    const TEXT_MAX: usize = 4096;
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(TEXT_MAX)]) else { return };
    if let Ok(scenario) = sim::scenario::Scenario::parse("fuzz.yaml", text) {
        let _ = sim::plan::Plan::from_scenario(&scenario);
    }
}

/// A replica among three others who hold their keys and do as the script says: it never panics, and never signs two blocks of
/// a round. Two bytes make a step.
pub fn replica(script: &[u8]) {
    rounds_of(script);
}

/// Plays a script for a replica; returns in how many rounds it signed a block.
pub fn rounds_of(script: &[u8]) -> usize {
    /// A replica's answer to a longer script is no other.
    const STEPS_MAX: usize = 400;
    let mut bench = Bench::new();
    let mut script = Script(script);
    for _ in 0..STEPS_MAX {
        if script.0.is_empty() {
            break;
        }
        bench.step(&mut script);
    }
    bench.own.len()
}

fn committee() -> (Arc<Committee>, Vec<SecretKey>) {
    let keys: Vec<SecretKey> = (1..=4).map(|seed| SecretKey::from_seed([seed; 32])).collect();
    let member = |key: &SecretKey| Member { name: String::new(), key: key.public(), stake: Stake(1) };
    let committee = Committee::new(b"fuzz", keys.iter().map(member).collect());
    (Arc::new(committee.expect("four distinct keys are a committee")), keys)
}

/// Bytes as choices; zero when there are none left.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}

struct Bench {
    committee: Arc<Committee>,
    keys: Vec<SecretKey>,
    replica: Replica,
    now: Timestamp,
    /// Not yet said to be durable.
    written: Option<JournalPosition>,
    /// Blocks that there are, by round, own ones among them.
    blocks: Vec<BlockRef>,
    own: BTreeMap<Round, BlockRef>,
}

impl Bench {
    fn new() -> Self {
        let (committee, keys) = committee();
        let config = ReplicaConfig {
            committee: committee.clone(),
            id: ReplicaId(0),
            key: keys[0].clone(),
            protocol: PROTOCOLS[0].1,
            tuning: Tuning { gc_depth: 8, reputation_window: 4, ..Tuning::default() },
            checkpoint_interval: 1,
            journal_bytes_max: 4096,
            ledger: None,
            bug: None,
        };
        let blocks = committee.replicas().map(|id| BlockRef::genesis(committee.chain(), id)).collect();
        let replica = Replica::new(config, Timestamp::ZERO, JournalPosition(0), Vec::new());
        let replica = replica.expect("an empty journal is a fresh start");
        let (now, written, own) = (Timestamp::ZERO, None, BTreeMap::new());
        Self { committee, keys, replica, now, written, blocks, own }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let (what, more) = (script.byte(), script.byte());
        let peer = Peer::Replica(ReplicaId(u16::from(more % 4)));
        match what % 6 {
            0 => {
                let bytes = script.bytes(usize::from(script.0.first().copied().unwrap_or(0)) + 1);
                self.input(Input::Message { from: peer, bytes: bytes.into() });
            }
            1 | 2 => {
                let block = self.block(more, script);
                self.input(Input::Message { from: peer, bytes: Message::encode_block(&block) });
            }
            3 => {
                self.now = self.now + Duration::from_millis(u64::from(more) * 8);
                self.replica.handle_timeout(self.now);
                self.drain();
            }
            4 => {
                let mut bytes = vec![4];
                bytes.extend(script.bytes(usize::from(more)));
                let from =
                    if more % 2 == 0 { Peer::Local } else { Peer::Gateway(GatewayId(u32::from(more))) };
                self.input(Input::Message { from, bytes: bytes.into() });
            }
            _ => {
                if let Some(position) = self.written.take() {
                    self.input(Input::Durable(position));
                }
            }
        }
    }

    /// A signed block of another replica, upon blocks that there are, or almost.
    fn block(&mut self, more: u8, script: &mut Script<'_>) -> Vec<u8> {
        let author = ReplicaId(u16::from(more % 3) + 1);
        let top = self.blocks.iter().map(|block| block.round).max().unwrap_or(Round(0));
        let round = match more >> 6 {
            0 => top,
            1 => Round(top.0 + u64::from(script.byte())),
            _ => self.last_of(author).round.next(),
        };
        let chosen = script.byte();
        let of_author = self.blocks.iter().rev().find(|block| block.author == author && block.round < round);
        let own = of_author.copied().unwrap_or_else(|| BlockRef::genesis(self.committee.chain(), author));
        let mut others: Vec<BlockRef> = self.blocks.iter().rev().take(12).copied().collect();
        others.retain(|block| block.author != author && block.round < round && block.round.0 + 3 > round.0);
        others.sort();
        others.dedup_by_key(|block| (block.round, block.author));
        if chosen & 0x80 != 0 {
            others.retain(|block| chosen >> (block.author.0 % 4) & 1 == 0);
        }
        if chosen & 0x40 != 0
            && let Some(last) = others.last_mut()
        {
            last.digest.0[0] ^= script.byte();
        }
        let payload = (chosen & 0x20 != 0).then(|| Blob::new(script.bytes(8)).expect("8 bytes are few"));
        let body = BlockBody {
            epoch: 0,
            round,
            author,
            ancestors: List::new([own].into_iter().chain(others).collect()).expect("at most 13"),
            payload: List::new(payload.into_iter().collect()).expect("one item"),
            timestamp: Timestamp(self.now.0.saturating_add(u64::from(script.byte()) << 22)),
            votes: List::default(),
        };
        let block = Block::sign(self.committee.chain(), body, &self.keys[author.index()]);
        self.blocks.push(block.reference());
        block.bytes().to_vec()
    }

    fn last_of(&self, author: ReplicaId) -> BlockRef {
        let of_author = self.blocks.iter().filter(|block| block.author == author);
        of_author.max_by_key(|block| block.round).copied().expect("everybody has a genesis block")
    }

    fn input(&mut self, input: Input) {
        self.replica.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        /// No input is answered by more: a replica that talks to itself for ever is a finding.
        const OUTPUTS_MAX: usize = 10_000;
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = self.replica.poll_output() else { return };
            match output {
                Output::Verify(job, work) => {
                    let finding = work.run(&self.committee, &mut BatchVerifier);
                    self.replica.handle(self.now, Input::Verified(job, finding));
                }
                Output::Execute(mut executing) => {
                    executing.run();
                    self.replica.handle(self.now, Input::Executed(executing));
                }
                Output::Persist { position, entry, sync } => self.persisted(position, &entry, sync),
                Output::Send { bytes, .. } | Output::Broadcast { bytes, .. } => {
                    let message = Message::decode(&bytes).expect("it can read what it sends");
                    assert_eq!(message.encode(), bytes);
                }
                _ => {}
            }
        }
        panic!("more than {OUTPUTS_MAX} outputs of one input");
    }

    fn persisted(&mut self, position: JournalPosition, entry: &JournalEntry, sync: bool) {
        if sync {
            self.written = Some(position);
        }
        let JournalEntry::Block(bytes) = entry else { return };
        let block = Block::from_journal(&self.committee, bytes.clone()).expect("it writes valid blocks");
        if block.author() == ReplicaId(0) {
            let earlier = self.own.insert(block.round(), block.reference());
            assert!(
                earlier.is_none_or(|earlier| earlier == block.reference()),
                "two blocks of {:?}",
                block.round()
            );
            self.blocks.push(block.reference());
        }
    }
}

fn checkpoint_of(bench: &Bench) -> CheckpointBody {
    CheckpointBody {
        chain: bench.committee.chain(),
        size: 3,
        root: Digest([1; 32]),
        commit: 2,
        commit_digest: Digest([2; 32]),
        state_root: Digest([4; 32]),
    }
}

/// Something valid to mutate, for each target.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut bench = Bench::new();
    let mut script = Script(&[0; 4]);
    match target {
        "block" => vec![bench.block(0x81, &mut script)],
        "message" => {
            let block = bench.block(0x81, &mut script);
            vec![Message::encode_block(&block).to_vec(), vec![1, 0, 0, 0, 0, 0], vec![4, 0, 1, 0, 0, 0, 9]]
        }
        "scenario" => vec![
            b"# Why?\nname: fuzz\nduration: 1s\nledger: { replicas: 4 }\nnetwork: { topology: lan }\nworkloads:\n  - opaque: { rate: 10/s, size: 16B }\nfaults:\n  - at: 1ms\n    crash: { replicas: [0], for: 1ms }\n"
                .to_vec(),
        ],
        "checkpoint" => vec![checkpoint_of(&bench).text().into_bytes()],
        "audit" => {
            let note = format!("{}\n\u{2014} fuzz AAAA\n", checkpoint_of(&bench).text());
            let row = json!({ "index": 1, "entry": "AAAA", "proof": ["AAAA"], "transaction": "AAAA", "decisions": [] });
            let file = json!({
                "format": "amanah-audit/1", "patient": 1, "checkpoint": note, "counter": "AAAA", "accesses": [row],
            });
            vec![file.to_string().into_bytes()]
        }
        "ledger" => vec![Genesis::new(Policy::default()).build().snapshot()],
        "snapshot" => {
            // A checkpoint, no commits, and what follows from neither.
            let body = (bench.committee.chain(), 3u64, [1u8; 32], 2u64, [2u8; 32], [4u8; 32]);
            vec![codec::encode(&(body, 0u32, 0u32, [0u8; 64]))]
        }
        "journal" => vec![storage::written()],
        // Rounds of blocks by the others, the clock going on.
        "replica" => vec![
            [3, 2, 5, 0, 1, 0x80, 0, 0, 1, 0x81, 0, 0, 1, 0x82, 0, 0].repeat(24),
            [1, 0x80, 0xa1, 0, 1, 0x81, 0x40, 7, 0, 3, 90, 5, 0].repeat(16),
        ],
        _ => vec![codec::encode(&(0u8, 1u32, [0u8; 96]))],
    }
}
