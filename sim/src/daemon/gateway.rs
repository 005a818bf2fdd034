//! `amanah gateway`: one institution's gateway, its vault and its API.
//!
//! What the gateway holds is on the ledger from genesis on (records whose custodian is its organisation), and for records
//! registered since in [`HOLDINGS_FILE`] beside the documents, a line each: a restarted gateway is told both.

use super::http;
use super::names::{addresses, follow, resolve};
use super::{DaemonError, Stop, registry, tuning};
use crate::deploy::GatewayFile;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use ledger_core::gateway::{Command, Completion, End, GatewayConfig, GatewayTuning};
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{Outcome, PartyId, RecordId};
use ledger_core::live::{
    Busy, Clock, DirectoryVault, GatewayMember, GatewaysHandle, GatewaysOptions, start_gateways,
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
    let peers = addresses(consortium, stop)?;
    let entry = consortium.institution(file.gateway).expect("reading checked that it is there");
    let vault_error = |error| DaemonError::Io { what: file.vault.display().to_string(), error };
    let vault = DirectoryVault::open(&file.vault).map_err(vault_error)?;
    let (holdings, mut preload) = Holdings::open(&file.vault).map_err(vault_error)?;
    preload.extend(ledger.iter().flat_map(|ledger| custody(ledger, entry.organisation)));
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
            vault: Arc::new(vault),
        }],
        committee: consortium.committee.clone(),
        peers: Arc::new(peers.clone()),
        registry: Arc::new(registry(consortium)),
        workers: WORKERS,
        genesis_at: consortium.genesis_time,
        observer: None,
        quic: tuning(consortium.congestion),
    })?;
    tracing::info!(gateway = file.gateway.0, listen = %file.listen, chain = %consortium.chain().0, "up");
    follow(consortium, peers, handle.address_book(), stop)?;
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
                if let (End::Done(Outcome::RecordRegistered(record)), Some(locator)) =
                    (completion.end, desk.locator(completion.operation))
                {
                    // Written down before anybody is told, so that who was told can rely on it.
                    let line = format!("{} {:032x}\n", record.0, u128::from_be_bytes(locator));
                    let written = holdings.write_all(line.as_bytes()).and_then(|()| holdings.sync_data());
                    if let Err(error) = written {
                        tracing::error!(%error, record = record.0, "not written down: a restart will not know it");
                    }
                }
                desk.end(&completion);
            }
            default(LOOK_INTERVAL) => {}
        }
    }
    Ok(())
}

/// Records of genesis that an organisation keeps.
fn custody(ledger: &Ledger, organisation: PartyId) -> Vec<Held> {
    let records = ledger.records().iter().enumerate();
    let kept = records.filter(|(_, record)| record.custodian == organisation);
    kept.map(|(index, record)| (RecordId(index as u32), record.locator)).collect()
}

/// A record in custody, and where its document lies.
type Held = (RecordId, [u8; 16]);

/// Records registered here.
struct Holdings {
    path: PathBuf,
    file: File,
}

impl Holdings {
    /// Opens the file and reads what it holds; a line that a crash tore is cut.
    fn open(vault: &Path) -> io::Result<(Self, Vec<Held>)> {
        let path = vault.join(HOLDINGS_FILE);
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
            let locator = u128::from_str_radix(locator, 16).ok()?.to_be_bytes();
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
    waiting: BTreeMap<u64, (oneshot::Sender<Completion>, Option<[u8; 16]>)>,
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
    /// `locator` is where a registered document lies.
    pub fn leave(
        &self,
        mut command: Command,
        locator: Option<[u8; 16]>,
    ) -> Option<oneshot::Receiver<Completion>> {
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
        open.waiting.insert(operation, (sender, locator));
        Some(receiver)
    }

    fn locator(&self, operation: u64) -> Option<[u8; 16]> {
        self.open().waiting.get(&operation)?.1
    }

    fn end(&self, completion: &Completion) {
        if let Some((sender, _)) = self.open().waiting.remove(&completion.operation) {
            // A user that is gone does not want to know.
            let _ = sender.send(completion.clone());
        }
    }
}
