//! `amanah gateway`: one institution's gateway, its vault and its API.
//!
//! What the gateway holds is on the ledger from genesis on (records whose custodian is its organisation), and for records
//! registered, rotated or erased since in [`HOLDINGS_FILE`] (beside the documents, if they are on this host), a line each:
//! a restarted gateway is told both. The last line of a record counts; `-` says that it is erased.

use super::http;
use super::{DaemonError, Stop, addresses, registry, resolve, tuning};
use crate::deploy::{GatewayFile, VaultPlace};
use crossbeam_channel::{Receiver, Sender, bounded, select};
use ledger_core::gateway::{Command, Completion, End, GatewayConfig, GatewayTuning};
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{Outcome, PartyId, RecordId};
use ledger_core::live::{
    BucketPlace, Busy, Clock, DirectoryVault, GatewayMember, GatewaysHandle, GatewaysOptions, Vault,
    start_gateways,
};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Where records registered here are written down, inside the vault's directory.
pub const HOLDINGS_FILE: &str = "holdings";
/// Threads for seals and signatures.
const WORKERS: usize = 1;
/// How often the daemon looks whether it is to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a gateway until it is told to stop or fails.
///
/// # Errors
/// Why it could not start, or failed.
pub fn run_gateway(file: GatewayFile, stop: &Stop) -> Result<(), DaemonError> {
    let consortium = &file.consortium;
    let ledger = consortium.load_genesis()?;
    let peers = Arc::new(addresses(consortium, stop)?);
    let entry = consortium.institution(file.gateway).expect("reading checked that it is there");
    let vault = open_vault(&file)?;
    let state_error = |error| DaemonError::Io { what: file.state.display().to_string(), error };
    std::fs::create_dir_all(&file.state).map_err(state_error)?;
    let (holdings, since) = Holdings::open(&file.state).map_err(state_error)?;
    let genesis: Vec<Held> = ledger.iter().flat_map(|ledger| custody(ledger, entry.organisation)).collect();
    let (preload, given_up) = in_custody(genesis, since);
    for locator in given_up {
        // A restart interrupted the time in which permits of an old version are served; or its erasure.
        if let Err(error) = vault.erase(locator) {
            tracing::error!(%error, "an old version could not be erased");
        }
    }
    tracing::info!(gateway = file.gateway.0, records = preload.len(), "in custody");
    let handle = start_gateways(GatewaysOptions {
        gateways: vec![GatewayMember {
            config: GatewayConfig {
                id: file.gateway,
                organisation: entry.organisation,
                committee: consortium.committee.clone(),
                home: entry.home,
                directory: Arc::new(consortium.directory()),
                secret: file.secret.bytes(),
                tuning: GatewayTuning::default(),
            },
            listen: resolve(&file.listen)?,
            preload,
            vault,
        }],
        committee: consortium.committee.clone(),
        peers,
        registry: Arc::new(registry(consortium)),
        workers: WORKERS,
        genesis_at: consortium.genesis_time,
        observer: None,
        quic: tuning(consortium.congestion),
    })?;
    tracing::info!(gateway = file.gateway.0, listen = %file.listen, chain = %consortium.chain().0, "up");
    let (commands_in, commands) = bounded(WAITING_MAX);
    let desk = Arc::new(Desk { clock: handle.clock(), commands: commands_in, inner: Mutex::default() });
    let api = match &file.api {
        None => None,
        Some(address) => {
            let api = http::Api::new(desk.clone(), &file, ledger.as_ref());
            Some(http::serve(address, handle.monitor(), api)?)
        }
    };
    let served = serve(&handle, (file.gateway, &commands), &desk, &holdings, stop);
    stop.ask();
    drop(api);
    tracing::info!("stopping");
    handle.shutdown().map_err(DaemonError::Live)?;
    served
}

fn open_vault(file: &GatewayFile) -> Result<Arc<dyn Vault>, DaemonError> {
    match &file.vault {
        VaultPlace::Directory(path) => {
            let vault = DirectoryVault::open(path);
            let io = |error| DaemonError::Io { what: path.display().to_string(), error };
            Ok(Arc::new(vault.map_err(io)?))
        }
        VaultPlace::Bucket(place) => {
            let io =
                |error| DaemonError::Io { what: format!("s3://{}/{}", place.bucket, place.prefix), error };
            bucket(place, file.secret.bytes()).map_err(io)
        }
    }
}

#[cfg(feature = "s3")]
fn bucket(place: &BucketPlace, secret: [u8; 32]) -> io::Result<Arc<dyn Vault>> {
    Ok(Arc::new(ledger_core::live::BucketVault::open(place, secret)?))
}

#[cfg(not(feature = "s3"))]
fn bucket(_: &BucketPlace, _: [u8; 32]) -> io::Result<Arc<dyn Vault>> {
    let message = "this program was built without object stores: build it with `--features s3`, or let `vault` be a \
                   directory";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// Hands commands on and completions back until the end.
fn serve(
    handle: &GatewaysHandle,
    (gateway, commands): (GatewayId, &Receiver<Command>),
    desk: &Desk,
    holdings: &Holdings,
    stop: &Stop,
) -> Result<(), DaemonError> {
    let mut holdings = holdings.file.try_clone().map_err(|error| holdings.error(error))?;
    while !stop.asked() && handle.failed().is_none() {
        select! {
            recv(commands) -> command => {
                if let Ok(command) = command
                    && let Err(Busy(command)) = handle.command(gateway, command)
                {
                    desk.end(&Completion::new(command.operation, End::Overloaded));
                }
            }
            recv(handle.completions()) -> completed => {
                let Ok((_, _, completion)) = completed else { break };
                if let Some(line) = holding(&completion) {
                    // Written down before anybody is told, so that who was told can rely on it.
                    let written = holdings.write_all(line.as_bytes()).and_then(|()| holdings.sync_data());
                    if let Err(error) = written {
                        tracing::error!(%error, %line, "not written down: a restart will not know it");
                    }
                }
                desk.end(&completion);
            }
            default(LOOK_INTERVAL) => {}
        }
    }
    Ok(())
}

/// The line that a completion adds.
fn holding(completion: &Completion) -> Option<String> {
    let End::Done(outcome) = completion.end else { return None };
    match (outcome, &completion.held) {
        (Outcome::RecordRegistered(record) | Outcome::KeyRotated { record, .. }, Some(held)) => {
            Some(format!("{} {:032x}\n", record.0, u128::from_be_bytes(held.locator)))
        }
        (Outcome::KeyShredded(record), _) => Some(format!("{} -\n", record.0)),
        _ => None,
    }
}

/// Records of genesis that an organisation keeps.
fn custody(ledger: &Ledger, organisation: PartyId) -> Vec<Held> {
    let records = ledger.records().iter().enumerate();
    let kept = records.filter(|(_, record)| record.custodian == organisation);
    kept.map(|(index, record)| (RecordId(index as u32), record.locator)).collect()
}

/// A record in custody, and where its document lies.
type Held = (RecordId, [u8; 16]);

/// A line: a record, and where its document lies, if it is not erased.
type Line = (RecordId, Option<[u8; 16]>);

/// What is held now: genesis, and what became of it and came since. And where versions lay that are no longer held.
fn in_custody(genesis: Vec<Held>, since: Vec<Line>) -> (Vec<Held>, Vec<[u8; 16]>) {
    let mut held: BTreeMap<RecordId, [u8; 16]> = genesis.into_iter().collect();
    let mut given_up = Vec::new();
    for (record, locator) in since {
        let before = match locator {
            Some(locator) => held.insert(record, locator),
            None => held.remove(&record),
        };
        given_up.extend(before.filter(|before| Some(*before) != locator));
    }
    (held.into_iter().collect(), given_up)
}

/// Records registered here.
struct Holdings {
    path: PathBuf,
    file: File,
}

impl Holdings {
    /// Opens the file and reads what it holds; a line that a crash tore is cut.
    fn open(state: &Path) -> io::Result<(Self, Vec<Line>)> {
        let path = state.join(HOLDINGS_FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        if whole < text.len() {
            file.set_len(whole as u64)?;
        }
        let row = |line: &str| {
            let (record, locator) = line.split_once(' ')?;
            let locator = match locator {
                "-" => None,
                digits => Some(u128::from_str_radix(digits, 16).ok()?.to_be_bytes()),
            };
            Some((RecordId(record.parse().ok()?), locator))
        };
        let rows: Option<Vec<_>> = text[..whole].lines().map(row).collect();
        let rows = rows.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: damaged", path.display()))
        })?;
        Ok((Self { path, file }, rows))
    }

    fn error(&self, error: io::Error) -> DaemonError {
        DaemonError::Io { what: self.path.display().to_string(), error }
    }
}

/// Where commands wait for the gateway, and their users for its answers.
pub struct Desk {
    clock: Clock,
    commands: Sender<Command>,
    inner: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Completion>>,
}

/// Users that may wait at once; more are told that it is busy.
const WAITING_MAX: usize = 4_096;

impl Desk {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.inner.lock().expect("nothing panics while it holds this")
    }

    /// The gateway's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Leaves a command, whose number is filled in, and says where its completion will be; `None` when too many wait.
    pub fn leave(&self, mut command: Command) -> Option<oneshot::Receiver<Completion>> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.open();
        if open.waiting.len() >= WAITING_MAX {
            return None;
        }
        command.operation = open.next;
        open.next += 1;
        let operation = command.operation;
        // There is room for as many as wait; without a gateway behind it the daemon is ending.
        self.commands.try_send(command).ok()?;
        open.waiting.insert(operation, sender);
        Some(receiver)
    }

    fn end(&self, completion: &Completion) {
        if let Some(sender) = self.open().waiting.remove(&completion.operation) {
            // A user that is gone does not want to know.
            let _ = sender.send(completion.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_record_counts_and_a_torn_one_is_cut() {
        let state = std::env::temp_dir().join(format!("amanah-holdings-{}", std::process::id()));
        std::fs::create_dir_all(&state).unwrap();
        let text = format!("7 {:032x}\n8 {:032x}\n7 {:032x}\n8 -\n9 {:032x}", 1, 2, 3, 4);
        std::fs::write(state.join(HOLDINGS_FILE), text).unwrap();
        let (_, since) = Holdings::open(&state).unwrap();
        let genesis = vec![(RecordId(1), [1; 16]), (RecordId(8), [2; 16])];
        let (held, given_up) = in_custody(genesis, since);
        assert_eq!(held, [(RecordId(1), [1; 16]), (RecordId(7), 3u128.to_be_bytes())]);
        assert_eq!(given_up, [[2; 16], 1u128.to_be_bytes(), 2u128.to_be_bytes()]);
        let (_, again) = Holdings::open(&state).unwrap();
        assert_eq!(again.len(), 4);
        std::fs::write(state.join(HOLDINGS_FILE), "7 nowhere\n").unwrap();
        assert!(Holdings::open(&state).err().unwrap().to_string().contains("damaged"));
        std::fs::remove_dir_all(&state).unwrap();
    }
}
