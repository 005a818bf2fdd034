//! `consortium.yaml`: everything that is public and the same for every member.

use super::fields::{self, Document, Unique};
use super::{GENESIS_BYTES_MAX, fields::hex};
use crate::diagnostic::{Diagnostics, Problems, quote};
use crate::plan::ProtocolName;
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use crate::scenario::yaml::Subject;
use ledger_core::codec;
use ledger_core::committee::{Committee, Member, REPLICAS_MAX, ReplicaId, Stake};
use ledger_core::crypto::{ChainId, Digest, PublicKey};
use ledger_core::gateway::{Directory, Institution};
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::PartyId;
use ledger_core::protocol::Tuning;
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

const SUBJECT: Subject =
    Subject { noun: "consortium", shortest: "format, name, genesis_time, chain and replicas" };
const STAKE_MAX: u64 = 1_000_000_000;
const NAME_CHARS_MAX: usize = 64;

/// A consortium, complete and consistent.
#[derive(Clone, Debug)]
pub struct Consortium {
    /// Short name, `[a-z0-9-]+`.
    pub name: String,
    /// The moment at which its time begins: [`Timestamp::ZERO`].
    pub genesis_time: SystemTime,
    /// Who orders. Its chain is what name, genesis and members identify.
    pub committee: Arc<Committee>,
    /// Which protocol orders.
    pub protocol: ProtocolName,
    /// Of the protocol.
    pub tuning: Tuning,
    /// Commits between two signed checkpoints, at least 1.
    pub checkpoint_interval: u64,
    /// Of every connection.
    pub congestion: Congestion,
    /// By id.
    pub replicas: Vec<ReplicaEntry>,
    /// In ascending order of their gateways.
    pub institutions: Vec<InstitutionEntry>,
    /// Where the first state is; `None`: bytes are ordered and not executed.
    pub genesis: Option<GenesisFile>,
}

/// A congestion controller of QUIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Congestion {
    Cubic,
    NewReno,
    Bbr,
}

impl Congestion {
    /// Names in configuration files.
    pub const NAMES: [(&'static str, Self); 3] =
        [("cubic", Self::Cubic), ("newreno", Self::NewReno), ("bbr", Self::Bbr)];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::NewReno => "newreno",
            Self::Bbr => "bbr",
        }
    }
}

/// A replica as everybody knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaEntry {
    /// Name, key and stake.
    pub member: Member,
    /// `host:port` of its UDP socket.
    pub address: String,
}

/// An institution as everybody knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstitutionEntry {
    /// Its gateway.
    pub gateway: GatewayId,
    /// The organisation that it serves.
    pub organisation: PartyId,
    /// The replica that it prefers to ask.
    pub home: ReplicaId,
    /// Authenticates its connections.
    pub transport_key: PublicKey,
    /// What data keys for it are wrapped to.
    pub wrap_key: [u8; 32],
    /// `host:port` of its UDP socket.
    pub address: String,
    /// From when on it is refused; `None`: never.
    pub expires: Option<SystemTime>,
}

/// A file with a ledger's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisFile {
    /// Where.
    pub file: PathBuf,
    /// BLAKE3 of its bytes.
    pub hash: [u8; 32],
}

impl Consortium {
    /// Reads a file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let mut document = Document::read(path, SUBJECT)?;
        let mut problems = std::mem::take(&mut document.problems);
        let consortium = read(&document, &mut problems);
        document.problems = problems;
        document.finish(consortium.as_ref(), None)?;
        Ok(consortium.expect("a file without a mistake is complete"))
    }

    /// The chain that name, time, genesis and members identify.
    ///
    /// # Errors
    /// If the members are no committee.
    pub fn committee_of(
        name: &str,
        genesis_time: SystemTime,
        genesis: Option<&[u8; 32]>,
        members: Vec<Member>,
    ) -> Result<Committee, ledger_core::committee::CommitteeError> {
        let since = genesis_time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let identity = codec::encode(&(name.to_owned(), since, genesis.copied()));
        Committee::new(&identity, members)
    }

    /// Its identity.
    pub fn chain(&self) -> ChainId {
        self.committee.chain()
    }

    /// The moment as the machines count time.
    pub fn timestamp(&self, moment: SystemTime) -> Timestamp {
        Timestamp::after_genesis(moment.duration_since(self.genesis_time).unwrap_or_default())
    }

    /// Where institutions are found.
    pub fn directory(&self) -> Directory {
        let entries = self.institutions.iter().map(|entry| {
            (entry.organisation, Institution { gateway: entry.gateway, wrap_key: entry.wrap_key })
        });
        Directory::new(entries).expect("reading refused what is there twice")
    }

    /// An institution.
    pub fn institution(&self, gateway: GatewayId) -> Option<&InstitutionEntry> {
        self.institutions.iter().find(|entry| entry.gateway == gateway)
    }

    /// The first state; `None` where nothing is executed.
    ///
    /// # Errors
    /// If the file cannot be read, is another one than was hashed, or is no state.
    pub fn load_genesis(&self) -> Result<Option<Ledger>, GenesisError> {
        let Some(GenesisFile { file, hash }) = &self.genesis else { return Ok(None) };
        let file = file.clone();
        let bytes = match fs::metadata(&file) {
            Ok(metadata) if metadata.len() > GENESIS_BYTES_MAX => {
                return Err(GenesisError::TooLarge { file, bytes: metadata.len() });
            }
            Ok(_) => fs::read(&file),
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return Err(GenesisError::Io { file, error }),
        };
        let found = *blake3::hash(&bytes).as_bytes();
        if found != *hash {
            return Err(GenesisError::Hash { file, found: hex(&found), expected: hex(hash) });
        }
        let ledger = Ledger::restore(&bytes);
        ledger.map(Some).map_err(|error| GenesisError::State { file, error: error.to_string() })
    }
}

/// Why there is no first state.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum GenesisError {
    #[error("{}: cannot be read: {error}", file.display())]
    Io { file: PathBuf, error: std::io::Error },
    #[error("{}: {bytes} bytes are more than a genesis file may have (at most {GENESIS_BYTES_MAX})", file.display())]
    TooLarge { file: PathBuf, bytes: u64 },
    #[error("{}: has the hash {found} and the consortium names {expected}; get the file that belongs to it", file.display())]
    Hash { file: PathBuf, found: String, expected: String },
    #[error("{}: is no ledger of this version: {error}", file.display())]
    State { file: PathBuf, error: String },
}

fn read(document: &Document, problems: &mut Problems) -> Option<Consortium> {
    let mut root = Document::map(&document.root, problems, "the keys of a consortium, as in `format: 1`")?;
    let name = root.required("name", "regional-exchange").and_then(|field| name_of(&field, problems));
    let genesis_time = root.required("genesis_time", "2026-11-22T21:00:00Z");
    let genesis_time = genesis_time.and_then(|field| fields::moment(&field, problems));
    let chain = root.required("chain", "the 64 digits that keygen wrote");
    let chain = chain.and_then(|field| Some((fields::hex32(&field, problems)?, field)));
    if let Some(protocol) = root.optional("protocol") {
        protocol.choice(problems, &[("mysticeti", ())], &["hotstuff", "pbft", "raft"]);
    }
    let replicas = root.required("replicas", "[{ name: r0, key: …, address: r0.example.org:7000 }]");
    let replicas = replicas.and_then(|field| replicas_of(&field, problems));
    let count = replicas.as_ref().map(Vec::len);
    let tuning = root.optional("tuning");
    let tuning =
        tuning.map_or_else(|| Some(tuning_of_size(count)), |field| tuning_of(&field, count, problems));
    let interval = root.optional("checkpoint_interval");
    let interval =
        interval.map_or(Some(1), |field| field.within(problems, &units::COUNT, (1, "1"), (1_000_000, "1M")));
    let congestion = root.optional("congestion_control");
    let congestion =
        congestion.map_or(Some(Congestion::Cubic), |field| field.choice(problems, &Congestion::NAMES, &[]));
    let institutions = root.optional("institutions");
    let institutions = institutions.map_or(Some(Vec::new()), |field| {
        institutions_of(&field, count, replicas.as_deref().unwrap_or_default(), problems)
    });
    let genesis = root.optional("genesis");
    let genesis =
        genesis.map_or(Some(None), |field| genesis_of(&field, &document.folder, problems).map(Some));
    root.finish(problems);

    let (name, genesis_time, replicas, genesis) = (name?, genesis_time?, replicas?, genesis?);
    let members = replicas.iter().map(|replica| replica.member.clone()).collect();
    let hash = genesis.as_ref().map(|genesis: &GenesisFile| &genesis.hash);
    let committee = Consortium::committee_of(&name, genesis_time, hash, members);
    let (expected, field) = chain?;
    let committee = committee.map_err(|error| field.wrong(problems, error.to_string())).ok()?;
    let found = committee.chain().0;
    if problems.0.is_empty() && found != Digest(expected) {
        let report = field.wrong(problems, "it is not the chain of these members");
        report.help(format!("name, genesis time, genesis hash and replicas identify {found}"));
        report.help("if the change is meant, write that; then it is another chain, and journals of this one do not fit");
    }
    Some(Consortium {
        name,
        genesis_time,
        committee: Arc::new(committee),
        protocol: ProtocolName::Mysticeti,
        tuning: tuning?,
        checkpoint_interval: interval?,
        congestion: congestion?,
        replicas,
        institutions: institutions?,
        genesis,
    })
}

fn name_of(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let text = field.text(problems, "a short name, as in `regional-exchange`")?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.len() > NAME_CHARS_MAX || text.starts_with('-') || !text.chars().all(fits) {
        let report = field.wrong(problems, format!("{} is not a name", quote(text)));
        report.help(format!("expected at most {NAME_CHARS_MAX} of a to z, 0 to 9 and `-`"));
        return None;
    }
    Some(text.to_owned())
}

fn genesis_of(field: &Field<'_>, folder: &Path, problems: &mut Problems) -> Option<GenesisFile> {
    let mut map = field.map(problems, "a map, as in `genesis: { file: genesis.bin, hash: … }`")?;
    let file = map.required("file", "genesis.bin").and_then(|field| fields::path(&field, folder, problems));
    let hash = map.required("hash", "the 64 digits of `b3sum genesis.bin`");
    let hash = hash.and_then(|field| fields::hex32(&field, problems));
    map.finish(problems);
    Some(GenesisFile { file: file?, hash: hash? })
}

fn tuning_of_size(replicas: Option<usize>) -> Tuning {
    let default = Tuning::default();
    let leaders_per_round = default.leaders_per_round.min(replicas.unwrap_or(usize::MAX));
    Tuning { leaders_per_round, ..default }
}

fn tuning_of(field: &Field<'_>, replicas: Option<usize>, problems: &mut Problems) -> Option<Tuning> {
    let mut map = field.map(problems, "a map, as in `tuning: { leader_timeout: 500ms }`")?;
    let mut tuning = tuning_of_size(replicas);
    if let Some(field) = map.optional("leaders_per_round") {
        let most = replicas.unwrap_or(REPLICAS_MAX) as u64;
        let leaders = field.within(problems, &units::COUNT, (1, "1"), (most, "the number of replicas"));
        tuning.leaders_per_round = leaders.map_or(1, |leaders| leaders as usize);
    }
    let (least, most) = ((Duration::from_micros(1), "1us"), (Duration::from_secs(3_600), "1h"));
    for (key, slot) in [
        ("leader_timeout", &mut tuning.leader_timeout),
        ("min_round_interval", &mut tuning.min_round_interval),
        ("clock_drift_max", &mut tuning.clock_drift_max),
    ] {
        let value = map.optional(key).and_then(|field| fields::duration(&field, problems, least, most));
        *slot = value.unwrap_or(*slot);
    }
    for (key, slot) in
        [("gc_depth", &mut tuning.gc_depth), ("reputation_window", &mut tuning.reputation_window)]
    {
        let (least, most) = ((10, "10"), (1_000_000, "1M"));
        let value = map.optional(key).and_then(|field| field.within(problems, &units::COUNT, least, most));
        *slot = value.unwrap_or(*slot);
    }
    for (key, slot) in [
        ("block_bytes_max", &mut tuning.block_bytes_max),
        ("mempool_bytes_max", &mut tuning.mempool_bytes_max),
    ] {
        let (least, most) = ((4 << 10, "4KiB"), (16 << 30, "16GiB"));
        let value = map.optional(key).and_then(|field| field.within(problems, &units::SIZE, least, most));
        *slot = value.map_or(*slot, |size| size as usize);
    }
    map.finish(problems);
    Some(tuning)
}

fn replicas_of(field: &Field<'_>, problems: &mut Problems) -> Option<Vec<ReplicaEntry>> {
    let items = field.list(problems, "a list of replicas")?;
    if items.is_empty() || items.len() > REPLICAS_MAX {
        let report = field.wrong(problems, format!("a consortium of {} replicas", items.len()));
        report.help(format!("expected 1 to {REPLICAS_MAX}"));
        return None;
    }
    let (mut names, mut keys, mut addresses) =
        (Unique::new("name"), Unique::new("key"), Unique::new("address"));
    let entries: Vec<Option<ReplicaEntry>> = items
        .iter()
        .map(|item| {
            let mut map = item.map(problems, "a replica, as in `{ name: r0, key: …, address: … }`")?;
            let name = map.required("name", "replica-0.example.org").and_then(|field| {
                let text = field.text(problems, "letters, digits, `.` and `-`")?;
                let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
                if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(fits) {
                    let report = field.wrong(problems, format!("{} is not a name", quote(text)));
                    report.help(format!("expected at most {NAME_CHARS_MAX} letters, digits, `.` and `-`"));
                    return None;
                }
                names.add(text.to_owned(), &field, problems);
                Some(text.to_owned())
            });
            let key = key_of(&mut map, "key", &mut keys, problems);
            let stake = map.optional("stake");
            let stake = stake.map_or(Some(1), |field| {
                field.within(problems, &units::COUNT, (1, "1"), (STAKE_MAX, "1 billion"))
            });
            let address = address_of(&mut map, &mut addresses, problems);
            map.finish(problems);
            let member = Member { name: name?, key: PublicKey(key?), stake: Stake(stake?) };
            Some(ReplicaEntry { member, address: address? })
        })
        .collect();
    entries.into_iter().collect()
}

fn institutions_of(
    field: &Field<'_>,
    count: Option<usize>,
    replicas: &[ReplicaEntry],
    problems: &mut Problems,
) -> Option<Vec<InstitutionEntry>> {
    let items = field.list(problems, "a list of institutions")?;
    let (mut gateways, mut organisations) = (Unique::new("gateway"), Unique::new("organisation"));
    let (mut keys, mut addresses) = (Unique::new("key"), Unique::new("address"));
    let mut entries: Vec<InstitutionEntry> = Vec::new();
    let mut complete = true;
    for item in &items {
        let example = "an institution, as in `{ gateway: 0, organisation: 0, home: 0, transport_key: …, wrap_key: …, \
                       address: … }`";
        let Some(mut map) = item.map(problems, example) else {
            complete = false;
            continue;
        };
        let gateway = number(&mut map, "gateway", problems);
        let gateway = gateway.inspect(|(field, id)| gateways.add(*id, field, problems)).map(|(_, id)| id);
        let organisation = number(&mut map, "organisation", problems);
        let organisation =
            organisation.inspect(|(field, id)| organisations.add(*id, field, problems)).map(|(_, id)| id);
        let home = number(&mut map, "home", problems).and_then(|(field, home)| {
            if count.is_some_and(|count| home as usize >= count) {
                let report = field.wrong(problems, format!("replica {home} does not exist"));
                report.help(format!("the replicas are 0 to {}", count.unwrap_or(1) - 1));
                return None;
            }
            Some(home)
        });
        let transport_key = key_of(&mut map, "transport_key", &mut keys, problems);
        if let Some(key) = transport_key
            && replicas.iter().any(|replica| replica.member.key.0 == key)
        {
            let report = item.wrong(problems, "its transport key is a replica's");
            report.help("every peer has a key of its own: it tells who is calling");
        }
        let wrap_key = map.required("wrap_key", "the 64 digits that keygen printed");
        let wrap_key = wrap_key.and_then(|field| fields::hex32(&field, problems));
        let address = address_of(&mut map, &mut addresses, problems);
        let expires = map.optional("expires");
        let expires = expires.map_or(Some(None), |field| fields::moment(&field, problems).map(Some));
        map.finish(problems);
        let entry = || {
            Some(InstitutionEntry {
                gateway: GatewayId(gateway?),
                organisation: PartyId(organisation?),
                home: ReplicaId(home? as u16),
                transport_key: PublicKey(transport_key?),
                wrap_key: wrap_key?,
                address: address?,
                expires: expires?,
            })
        };
        match entry() {
            Some(entry) => entries.push(entry),
            None => complete = false,
        }
    }
    entries.sort_by_key(|entry| entry.gateway);
    complete.then_some(entries)
}

fn number<'a>(map: &mut Map<'a>, key: &'static str, problems: &mut Problems) -> Option<(Field<'a>, u32)> {
    let field = map.required(key, "0")?;
    let (least, most) = ((0, "0"), (u64::from(u32::MAX), "4294967295"));
    let number = field.within(problems, &units::INTEGER, least, most)?;
    Some((field, number as u32))
}

fn key_of(
    map: &mut Map<'_>,
    key: &'static str,
    seen: &mut Unique<[u8; 32]>,
    problems: &mut Problems,
) -> Option<[u8; 32]> {
    let field = map.required(key, "the 64 digits that keygen printed")?;
    let bytes = fields::hex32(&field, problems)?;
    seen.add(bytes, &field, problems);
    Some(bytes)
}

fn address_of(map: &mut Map<'_>, seen: &mut Unique<String>, problems: &mut Problems) -> Option<String> {
    let field = map.required("address", "replica-0.example.org:7000")?;
    let address = fields::address(&field, problems)?;
    seen.add(address.clone(), &field, problems);
    Some(address)
}
