//! The institution machine.
//!
//! A local user's [`Command`] becomes an *operation*, which ends by its deadline with exactly one [`Completion`]:
//!
//! ```text
//! Register   prepare (hash, commit, wrap to the patient) → store → sign → submit → receipt
//! Share      sign → submit → receipt of a permit → ask the custodian → key and document → open and compare
//! Keys       rewrap, rotate, shred: see `keys.rs`
//! Recover    ask a former reader → sealed copy → open and compare → as a rotation
//! the rest   sign → submit → receipt                                          (an audit asks for an entry instead)
//! ```
//!
//! For other institutions it is a custodian: see `custody`. What it believes of the ledger, it believes for a
//! receipt that a quorum signed, or for the answers of a quorum; never for the word of one replica.
//!
//! Invariants:
//! * every operation and every key request has one timer, and what belongs to it is dropped when it ends;
//! * a submission is repeated with the same bytes, so that it is executed at most once;
//! * who a peer is comes from the transport, never from what it sends.
//!
//! It refuses to know how transactions are ordered, what the ledger's rules are, and what documents say. It keeps no
//! journal: a restarted gateway has forgotten its operations (their users see timeouts), and learns what it holds from
//! [`Gateway::preload`] or from [what its vault kept](Kept).

mod command;
mod config;
mod contact;
mod custody;
mod inquiry;
mod job;
mod kept;
mod keys;
mod proof;
mod recovery;
mod share;
mod submission;
#[cfg(test)]
mod tests;
mod timer;
mod view;

pub use command::{Actor, Command, CommandKind, Completion, End};
pub use config::{Directory, GatewayBug, GatewayConfig, GatewayTuning, Institution};
pub use custody::{TICKETS_MAX, TICKETS_PER_PEER_MAX};
pub use job::{
    Opening, Permit, Preparation, Prepared, Rewrapping, Sealed, SealedBlob, Sealing, Signing,
    open_grantee_wrap,
};
pub use kept::Kept;
pub use keys::{Held, SUPERSEDED_MAX};
pub use view::{GatewayView, OperationView};

use crate::committee::ReplicaId;
use crate::crypto::{Digest, SecretKey};
use crate::ledger::transaction::{PartyId, RecordId};
use crate::message::{Exchange, Message, Reply};
use crate::seal::{VaultSecret, WrapKeyPair};
use crate::seam::{GatewayId, Input, JobId, Lane, Machine, Observation, Output, Peer};
use crate::time::{Duration, Timestamp};
use crate::work::{Finding, Work};
use bytes::Bytes;
use contact::Contact;
use custody::Custody;
use keys::Holdings;
use proof::Proofs;
use recovery::Copies;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use submission::Operation;
use timer::{Owner, Timers};

/// Most operations under way; a command beyond ends as [`End::Overloaded`].
pub const OPERATIONS_MAX: usize = 65_536;
/// Most people who act here; a new one's command beyond ends as [`End::Overloaded`].
pub const ACTORS_MAX: usize = 1 << 20;
/// Most registrations remembered whose receipt never came; beyond, one of them is forgotten, and its record, if there
/// is one, cannot be shared until it is preloaded.
pub const UNCONFIRMED_MAX: usize = 4_096;

/// The machine.
pub struct Gateway {
    config: GatewayConfig,
    secret: VaultSecret,
    pair: WrapKeyPair,
    contact: Contact,
    operations: BTreeMap<u64, Operation>,
    /// Who waits for a receipt of a transaction.
    transactions: BTreeMap<Digest, u64>,
    /// Who waits for word on submitted bytes, by their SHA-256.
    submissions: BTreeMap<Digest, u64>,
    /// Who waits for a log entry.
    audits: BTreeSet<(u64, u64)>,
    /// Last sequence number of each actor.
    sequences: BTreeMap<PartyId, u64>,
    custody: Custody,
    holdings: Holdings,
    copies: Copies,
    /// Who waits for a document from the vault.
    loads: BTreeSet<([u8; 16], Owner)>,
    /// No more than operations and tickets started, less those whose findings came back.
    jobs: BTreeMap<JobId, Job>,
    next_job: u64,
    proofs: Proofs,
    timers: Timers,
    outputs: VecDeque<Output>,
    #[cfg(feature = "seeded-bugs")]
    bug: Option<GatewayBug>,
}

/// What a finding is for.
#[derive(Clone, Copy, Debug)]
enum Job {
    /// An operation's: prepare, sign or open.
    Operation(u64),
    /// An operation's receipt, from a replica.
    Proof { operation: u64, from: ReplicaId },
    /// A key request's: its receipt, or the sealing.
    Ticket(u64),
    /// A checkpoint for which receipts wait.
    Checkpoint,
}

impl Gateway {
    /// A gateway that has nothing in custody yet.
    ///
    /// # Panics
    /// If its home replica is not in the committee.
    pub fn new(config: GatewayConfig) -> Self {
        assert!(config.committee.member(config.home).is_some(), "the home replica is a member");
        let secret = VaultSecret::new(config.secret);
        Self {
            pair: WrapKeyPair::of(&secret),
            secret,
            contact: Contact::new(config.home, config.committee.size(), config.tuning.home_probe),
            config,
            operations: BTreeMap::new(),
            transactions: BTreeMap::new(),
            submissions: BTreeMap::new(),
            audits: BTreeSet::new(),
            sequences: BTreeMap::new(),
            custody: Custody::default(),
            holdings: Holdings::default(),
            copies: Copies::default(),
            loads: BTreeSet::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            proofs: Proofs::default(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            #[cfg(feature = "seeded-bugs")]
            bug: None,
        }
    }

    /// The key that others wrap to, for the directory: of the gateway with this secret.
    pub fn wrap_key(secret: [u8; 32]) -> [u8; 32] {
        WrapKeyPair::of(&VaultSecret::new(secret)).public()
    }

    /// The key that the transport knows a gateway by: of the gateway with this secret.
    pub fn transport_key(secret: [u8; 32]) -> SecretKey {
        SecretKey::from_seed(blake3::derive_key("amanah 2026 gateway transport key", &secret))
    }

    /// What [`CommandKind::Register`] would register, for a record that exists from genesis. The document goes into
    /// the vault at the locator, and its place to [`preload`](Self::preload).
    pub fn prepare(
        config: &GatewayConfig,
        patient_wrap_key: [u8; 32],
        locator: [u8; 16],
        document: Bytes,
    ) -> Option<Prepared> {
        let secret = VaultSecret::new(config.secret);
        Preparation { secret, locator, patient_wrap_key, document }.run(config.committee.chain())
    }

    /// Tells where the document of a record in custody is.
    pub fn preload(&mut self, record: RecordId, locator: [u8; 16]) {
        self.holdings.insert(record, locator);
    }

    /// Keeps a sealed copy of another's document for it, as if it had been read here before the gateway started.
    /// `document` is sealed under the record's data key.
    pub fn preload_copy(
        &mut self,
        (record, commitment): (RecordId, Digest),
        (custodian, document): (GatewayId, SealedBlob),
    ) {
        self.keep_copy((record, commitment), (custodian, document));
    }

    /// Where the other institutions are to be found from now on.
    pub fn set_directory(&mut self, directory: Arc<Directory>) {
        self.config.directory = directory;
    }

    /// Operations and key requests under way: zero when nothing is left to wait for.
    pub fn under_way(&self) -> usize {
        self.operations.len() + self.custody.len()
    }

    /// Makes a mistake from now on.
    #[cfg(feature = "seeded-bugs")]
    pub fn set_bug(&mut self, bug: GatewayBug) {
        self.bug = Some(bug);
    }

    #[cfg(feature = "seeded-bugs")]
    fn has_bug(&self, bug: GatewayBug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(feature = "seeded-bugs"))]
    fn has_bug(&self, _: GatewayBug) -> bool {
        false
    }

    fn message(&mut self, now: Timestamp, from: Peer, bytes: &Bytes) {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => return self.misbehaved(from, error.to_string()),
        };
        match (from, message) {
            (Peer::Replica(replica), Message::Reply(reply)) => self.reply(now, replica, reply),
            (Peer::Gateway(gateway), Message::Exchange(exchange)) => self.exchange(now, gateway, exchange),
            (_, Message::Block(_) | Message::Protocol(_) | Message::Request(_))
            | (_, Message::SnapshotRequest(_) | Message::Snapshot(_))
            | (Peer::Gateway(_) | Peer::Local, Message::Reply(_))
            | (Peer::Replica(_) | Peer::Local, Message::Exchange(_)) => {
                self.misbehaved(from, "not a message for a gateway from this peer".into());
            }
        }
    }

    fn reply(&mut self, now: Timestamp, from: ReplicaId, reply: Reply) {
        if self.config.committee.member(from).is_none() {
            return;
        }
        match reply {
            Reply::Receipt(receipt) => self.receipt(now, from, receipt),
            // For ordering benchmarks; an operation waits for its receipt.
            Reply::Ordered { .. } => {}
            Reply::Busy(submission) | Reply::Forgotten(submission) => self.busy(now, from, submission),
            Reply::Rejected(submission) => self.rejected(now, from, submission),
            Reply::PermitStatus { access, check, status, .. } => {
                self.permit_status(now, from, (access, check), status);
            }
            Reply::NoEntry(index) => self.no_entry(now, from, index),
        }
    }

    fn exchange(&mut self, now: Timestamp, from: GatewayId, exchange: Exchange) {
        match exchange {
            Exchange::KeyRequest { operation, receipt, action } => {
                self.key_request(now, from, operation, (receipt, action))
            }
            Exchange::KeyRelease { operation, wrap } => self.key_arrived(now, from, operation, wrap),
            Exchange::Document { operation, sealed } => self.document_arrived(now, from, operation, sealed),
            Exchange::KeyRefused { operation, reason } => self.key_refused(now, from, operation, reason),
            Exchange::CopyRequest { operation, record, commitment } => {
                self.copy_request(from, operation, (record, commitment));
            }
        }
    }

    fn found(&mut self, now: Timestamp, job: JobId, finding: Finding) {
        let number = job;
        let Some(job) = self.jobs.remove(&number) else { return };
        match (job, finding) {
            (Job::Checkpoint, Finding::Checkpoint(result)) => self.checkpoint_proven(now, number, result),
            (Job::Operation(id), Finding::Prepared(prepared)) => self.prepared(now, id, prepared),
            (Job::Operation(id), Finding::Signed(digest, bytes)) => self.signed(now, id, digest, bytes),
            (Job::Operation(id), Finding::Opened(document)) => self.opened(id, document),
            (Job::Operation(id), Finding::Rewrapped(wrap)) => self.rewrapped(now, id, wrap),
            (job, Finding::Inclusion(result)) => self.receipt_proven(now, job, result),
            (Job::Ticket(id), Finding::Sealed(sealed)) => {
                self.ticket_sealed(id, sealed.map(|sealed| *sealed))
            }
            (job, finding) => debug_assert!(false, "{job:?} was answered with {finding:?}"),
        }
    }

    fn loaded(&mut self, now: Timestamp, locator: [u8; 16], document: Option<&Bytes>) {
        const FIRST: Owner = Owner::Operation(0);
        const LAST: Owner = Owner::Ticket(u64::MAX);
        let waiting: Vec<_> = self.loads.range((locator, FIRST)..=(locator, LAST)).copied().collect();
        for waiter in waiting {
            self.loads.remove(&waiter);
            match waiter.1 {
                Owner::Operation(id) => self.own_loaded(now, id, locator, document.cloned()),
                Owner::Ticket(id) => self.ticket_loaded(id, locator, document.cloned()),
                // It waits for time alone.
                Owner::Superseded(_) => {}
            }
        }
    }

    fn load(&mut self, locator: [u8; 16], waiter: Owner) {
        self.loads.insert((locator, waiter));
        self.outputs.push_back(Output::Load(locator));
    }

    fn work(&mut self, job: Job, work: Work) -> JobId {
        let id = JobId(self.next_job);
        self.next_job += 1;
        self.jobs.insert(id, job);
        self.outputs.push_back(Output::Verify(id, work));
        id
    }

    fn send(&mut self, to: Peer, lane: Lane, message: &Message) {
        self.outputs.push_back(Output::Send { to, lane, bytes: message.encode() });
    }

    fn misbehaved(&mut self, from: Peer, what: String) {
        self.outputs.push_back(Output::Observed(Observation::Misbehaviour { from, what }));
    }

    /// `base` doubled `times` times, at most the tuned maximum (or `base`, if that is longer).
    fn backed_off(&self, base: Duration, times: u32) -> Duration {
        base.saturating_mul(1 << times.min(16)).min(self.config.tuning.reply_timeout_max).max(base)
    }
}

impl Machine for Gateway {
    fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Message { from, bytes } => self.message(now, from, &bytes),
            // It keeps no journal and executes nothing.
            Input::Durable(_) | Input::Executed(_) => {}
            Input::Verified(job, finding) => self.found(now, job, finding),
            Input::Loaded(locator, document) => self.loaded(now, locator, document.as_ref()),
            Input::Command(command) => self.command(now, command),
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        for owner in self.timers.take_due(now) {
            match owner {
                Owner::Operation(id) => self.operation_woke(now, id),
                Owner::Ticket(id) => self.ticket_woke(now, id),
                Owner::Superseded(record) => self.superseded_woke(record),
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }
}
