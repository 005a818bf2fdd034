//! Writes the directory of a consortium for trials: the parties are those of a scenario's population, whose keys
//! anybody who has the scenario can derive; the replicas' keys come from the operating system.

use super::fields::{hex, show_moment};
use super::{CONSORTIUM_FILE, Congestion, Consortium, FORMAT, GENESIS_FILE, KeyError, LoadPlan, SecretSeed};
use crate::document;
use crate::plan::{Plan, duration_text};
use crate::population::Population;
use crate::seed::Seed;
use ledger_core::committee::{CommitteeError, Member, ReplicaId, Stake};
use ledger_core::gateway::Actor;
use ledger_core::ledger::transaction::PartyId;
use ledger_core::live::{DirectoryVault, Vault};
use ledger_core::seam::GatewayId;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Patients whose keys are written for the gateway that is their agent; the others are left out.
pub const PATIENTS_PER_GATEWAY_MAX: usize = 16;
/// Documents of genesis that are written into a gateway's vault; the others are left out, and cannot be shared.
pub const DOCUMENTS_PER_GATEWAY_MAX: usize = 1_000;
/// Patients looked at for that, an institution.
const PATIENTS_SOUGHT: u64 = 64;

/// Where everybody listens.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `host:port` of each replica's UDP socket, and of its metrics over TCP.
    pub replicas: Vec<String>,
    /// The same of each gateway and its API.
    pub gateways: Vec<String>,
}

/// Where a replica's reports go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Nowhere.
    None,
    /// The process's standard output.
    Stdout,
}

/// Why a directory is not there.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system said no.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The plan's replicas are no committee.
    #[error("the ledger's replicas: {0}")]
    Committee(#[from] CommitteeError),
    /// There is a consortium already.
    #[error("{}: holds a consortium already; its keys are not written over: choose another directory", .0.display())]
    Exists(PathBuf),
}

/// Writes keys of replicas, the genesis file and the public description, in this order, and gives back what was written.
/// With `auditor`, one more institution stands for whoever asks for receipts: the population's auditor, its gateway
/// after all others, its secret beside the keys of replicas.
///
/// # Errors
/// At the first file that cannot be written, or if there is a consortium in the directory.
pub fn write_consortium(
    directory: &Path,
    plan: &Plan,
    population: &Population,
    endpoints: &Endpoints,
    genesis_time: SystemTime,
    auditor: Option<&str>,
) -> Result<PathBuf, WriteError> {
    let file = directory.join(CONSORTIUM_FILE);
    if file.exists() {
        return Err(WriteError::Exists(directory.to_owned()));
    }
    make(directory)?;
    let mut members = Vec::new();
    for (index, replica) in plan.replicas.iter().enumerate() {
        let key = SecretSeed::fresh()?;
        key.write(&directory.join(replica_key(index)))?;
        let name = format!("replica-{index}.{}", plan.network.regions[replica.region]);
        members.push(Member { name, key: key.public(), stake: Stake(replica.stake) });
    }
    let hash = match plan.ledger.execution {
        true => {
            let bytes = population.genesis_ledger().snapshot();
            whole(&directory.join(GENESIS_FILE), &bytes)?;
            Some(*blake3::hash(&bytes).as_bytes())
        }
        false => None,
    };
    let committee = Consortium::committee_of(&plan.name, genesis_time, hash.as_ref(), members)?;
    let mut text = String::from("# The public description of a consortium: every member has the same.\n");
    let ledger = &plan.ledger;
    let moment = show_moment(genesis_time);
    let _ = write!(text, "format: {FORMAT}\nname: {}\ngenesis_time: {moment}\n", plan.name);
    let _ = write!(text, "chain: {}\nprotocol: mysticeti\ntuning:\n", committee.chain().0);
    let _ = writeln!(text, "  leaders_per_round: {}", ledger.leaders_per_round);
    let _ = writeln!(text, "  leader_timeout: {}", duration_text::format(ledger.leader_timeout));
    let _ = writeln!(text, "  min_round_interval: {}", duration_text::format(ledger.min_round_interval));
    let _ = writeln!(text, "  gc_depth: {}", ledger.gc_depth);
    let _ = writeln!(text, "  block_bytes_max: {}B", ledger.block_bytes_max);
    let _ = writeln!(text, "  mempool_bytes_max: {}B", ledger.mempool_bytes_max);
    let _ = writeln!(text, "checkpoint_interval: {}", ledger.checkpoint_interval);
    let _ = writeln!(text, "congestion_control: {}", Congestion::Cubic.name());
    if let Some(hash) = &hash {
        let _ = writeln!(text, "genesis: {{ file: {GENESIS_FILE}, hash: {} }}", hex(hash));
    }
    text.push_str("replicas:\n");
    for (member, address) in committee.members().iter().zip(&endpoints.replicas) {
        let Member { name, key, stake } = member;
        let key = hex(&key.0);
        let _ =
            writeln!(text, "  - {{ name: {name}, key: {key}, stake: {}, address: \"{address}\" }}", stake.0);
    }
    if plan.ledger.execution {
        text.push_str("institutions:\n");
        for (index, (institution, address)) in
            plan.population.institutions.iter().zip(&endpoints.gateways).enumerate()
        {
            let gateway = GatewayId(index as u32);
            let secret = SecretSeed::from_bytes(population.gateway_secret(gateway));
            let organisation = population.organisation(gateway);
            text.push_str(&institution_row(gateway, organisation, institution.replica, &secret, address));
        }
        if let Some(address) = auditor {
            let gateway = auditor_gateway(plan);
            let secret = SecretSeed::fresh()?;
            secret.write(&directory.join(gateway_key(gateway.0)))?;
            text.push_str(&institution_row(gateway, population.auditor(), 0, &secret, address));
        }
    }
    whole(&file, text.as_bytes())?;
    Ok(file)
}

/// The gateway of the auditor that [`write_consortium`] adds.
pub fn auditor_gateway(plan: &Plan) -> GatewayId {
    GatewayId(plan.population.institutions.len() as u32)
}

fn institution_row(
    gateway: GatewayId,
    organisation: PartyId,
    home: usize,
    secret: &SecretSeed,
    address: &str,
) -> String {
    let (transport, wrap) = (hex(&secret.transport_key().0), hex(&secret.wrap_key()));
    let (gateway, organisation) = (gateway.0, organisation.0);
    format!(
        "  - {{ gateway: {gateway}, organisation: {organisation}, home: {home}, transport_key: {transport}, wrap_key: \
         {wrap}, address: \"{address}\" }}\n"
    )
}

/// Where a replica keeps its journal, below the consortium's directory.
pub fn replica_data(index: usize) -> String {
    format!("data/replica-{index}")
}

/// Writes the configuration of a replica whose key is there.
///
/// # Errors
/// If it cannot be written.
pub fn write_replica(
    directory: &Path,
    id: ReplicaId,
    listen: &str,
    report: Report,
    workers: Option<usize>,
    load: Option<&LoadPlan>,
) -> Result<PathBuf, WriteError> {
    let index = id.index();
    let mut text = format!(
        "# One replica's own configuration; its key is for it alone.\nformat: {FORMAT}\nconsortium: {CONSORTIUM_FILE}\n\
         id: {index}\nkey: {}\nlisten: \"{listen}\"\ndata: {}\n",
        replica_key(index),
        replica_data(index)
    );
    match report {
        Report::None => {
            let _ = writeln!(text, "metrics: \"{listen}\"");
        }
        Report::Stdout => text.push_str("report: stdout\n"),
    }
    if let Some(workers) = workers {
        let _ = writeln!(text, "workers: {workers}");
    }
    if let Some(load) = load {
        let start = load.start.map_or_else(|| "stdin".to_owned(), duration_text::format);
        let length = duration_text::format(load.duration);
        let (whole, thousandths) = (load.rate_mhz / 1_000, load.rate_mhz % 1_000);
        let _ = writeln!(
            text,
            "load: {{ rate: {whole}.{thousandths:03}/s, size: {}B, seed: {}, start: {start}, duration: {length}, \
             sample: {} }}",
            load.size_bytes, load.seed, load.sample
        );
    }
    let file = directory.join(format!("replica-{index}.yaml"));
    whole(&file, text.as_bytes())?;
    Ok(file)
}

/// Writes the secret and the configuration of a gateway, the keys of some who act there (all of its staff, and the first
/// [`PATIENTS_PER_GATEWAY_MAX`] patients whose agent it is), and the documents that it keeps at genesis, up to
/// [`DOCUMENTS_PER_GATEWAY_MAX`].
///
/// # Errors
/// At the first file that cannot be written.
pub fn write_gateway(
    directory: &Path,
    plan: &Plan,
    population: &Population,
    gateway: GatewayId,
    listen: &str,
) -> Result<PathBuf, WriteError> {
    let secret = SecretSeed::from_bytes(population.gateway_secret(gateway));
    let key = gateway_key(gateway.0);
    secret.write(&directory.join(&key))?;
    let id = gateway.0;
    let mut text = format!(
        "# One institution's own configuration; its secret and the keys of its people are for it alone.\n\
         format: {FORMAT}\nconsortium: {CONSORTIUM_FILE}\ngateway: {id}\nsecret: {key}\nlisten: \"{listen}\"\n\
         vault: vault/gateway-{id}\napi: \"{listen}\"\nactors:\n"
    );
    make(&directory.join("actors"))?;
    for Actor { party, organisation, .. } in actors(plan, population, gateway) {
        let file = format!("actors/party-{}.key", party.0);
        let key = population.key_seed_of(party);
        SecretSeed::from_bytes(key).write(&directory.join(&file))?;
        let _ = writeln!(text, "  - {{ party: {}, organisation: {}, key: {file} }}", party.0, organisation.0);
    }
    let vault = directory.join(format!("vault/gateway-{id}"));
    let io = |error| WriteError::Io { file: vault.clone(), error };
    let documents = DirectoryVault::open(&vault).map_err(io)?;
    let seed = Seed::new(plan.seed);
    for (_, locator) in population.custody(gateway).take(DOCUMENTS_PER_GATEWAY_MAX) {
        documents.store(locator, &document::content(&seed, locator)).map_err(io)?;
    }
    let file = directory.join(format!("gateway-{id}.yaml"));
    whole(&file, text.as_bytes())?;
    Ok(file)
}

fn actors(plan: &Plan, population: &Population, gateway: GatewayId) -> Vec<Actor> {
    let institution = population.organisation(gateway);
    let mut actors: Vec<Actor> =
        (0..population.staff_per_institution()).map(|n| population.staff(institution, n)).collect();
    let sought = (plan.population.institutions.len() as u64 * PATIENTS_SOUGHT).min(population.patients());
    let at_home = (0..sought).filter(|patient| population.home_of(*patient) == institution);
    actors.extend(at_home.take(PATIENTS_PER_GATEWAY_MAX).map(|patient| population.patient_actor(patient)));
    actors
}

fn replica_key(index: usize) -> String {
    format!("replica-{index}.key")
}

/// Name of a gateway's secret in the directory.
pub(super) fn gateway_key(gateway: u32) -> String {
    format!("gateway-{gateway}.key")
}

fn make(directory: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(directory).map_err(|error| WriteError::Io { file: directory.to_owned(), error })
}

/// Beside its place first, then moved there.
fn whole(file: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let written = File::create(&beside)
        .and_then(|mut open| open.write_all(bytes).and_then(|()| open.sync_all()))
        .and_then(|()| fs::rename(&beside, file));
    written.map_err(|error| {
        // What is left of it is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
        WriteError::Io { file: file.to_owned(), error }
    })
}
