//! `amanah keygen`: one key, or the directory of a whole consortium for trials.

use super::exit::Exit;
use super::{Overrides, colour, load, put, shell};
use crate::deploy::{
    CONSORTIUM_FILE, Consortium, Endpoints, Report, SecretSeed, WriteError, write_consortium, write_gateway,
    write_replica,
};
use crate::plan::Plan;
use crate::population::Population;
use crate::seed::Seed;
use clap::Args;
use ledger_core::committee::ReplicaId;
use ledger_core::seam::GatewayId;
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Arguments of `keygen`.
#[derive(Args)]
pub struct Keygen {
    /// File of the key, or with `--scenario` directory of the consortium.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Write a whole consortium for trials: its parties are the scenario's, and anybody who has the scenario has their
    /// keys. Keys of replicas come from the operating system.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Host in everybody's address.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1", requires = "scenario")]
    host: String,
    /// Port of replica 0; the others follow, then the gateways. Metrics and API have the same port over TCP.
    #[arg(long, value_name = "PORT", default_value_t = 7000, requires = "scenario")]
    port: u16,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Makes keys.
pub fn keygen(arguments: &Keygen) -> io::Result<Exit> {
    let made = match &arguments.scenario {
        None => one(arguments),
        Some(scenario) => match load(scenario, &arguments.overrides) {
            Ok(plan) => consortium(arguments, &plan),
            Err(errors) => {
                eprint!("{}", errors.render(colour()));
                return Ok(Exit::Invalid);
            }
        },
    };
    match made {
        Ok(text) => put(&text).map(|()| Exit::Success),
        Err(error) => {
            eprintln!("error: {error}");
            Ok(Exit::Failure)
        }
    }
}

fn one(arguments: &Keygen) -> Result<String, WriteError> {
    let key = SecretSeed::fresh()?;
    key.write(&arguments.out)?;
    let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (public, transport, wrap) = (hex(key.public().0), hex(key.transport_key().0), hex(key.wrap_key()));
    Ok(match arguments.json {
        true => format!("{:#}\n", json!({ "key": public, "transport_key": transport, "wrap_key": wrap })),
        false => format!("key           {public}\ntransport_key {transport}\nwrap_key      {wrap}\n"),
    })
}

fn consortium(arguments: &Keygen, plan: &Plan) -> Result<String, WriteError> {
    let directory = &arguments.out;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let population = Population::new(plan, &Seed::new(plan.seed), threads);
    let replicas = plan.replicas.len();
    let gateways = if plan.ledger.execution { plan.population.institutions.len() } else { 0 };
    let host = match arguments.host.contains(':') {
        true => format!("[{}]", arguments.host.trim_matches(['[', ']'])),
        false => arguments.host.clone(),
    };
    let last = usize::from(arguments.port) + replicas + gateways;
    if last > usize::from(u16::MAX) {
        let error = io::Error::other(format!(
            "{replicas} replicas and {gateways} gateways from port {} on reach port {last}: choose a lower `--port`",
            arguments.port
        ));
        return Err(WriteError::Io { file: directory.clone(), error });
    }
    let address = |index: usize| format!("{host}:{}", usize::from(arguments.port) + index);
    let endpoints = Endpoints {
        replicas: (0..replicas).map(address).collect(),
        gateways: (0..gateways).map(|gateway| address(replicas + gateway)).collect(),
    };
    // Whole seconds read better, and nobody is born before the consortium.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let genesis_time = SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs());
    let file = write_consortium(directory, plan, &population, &endpoints, genesis_time, None)?;
    for (index, listen) in endpoints.replicas.iter().enumerate() {
        write_replica(directory, ReplicaId(index as u16), listen, Report::None, None, None)?;
    }
    for (index, listen) in endpoints.gateways.iter().enumerate() {
        write_gateway(directory, plan, &population, GatewayId(index as u32), listen)?;
    }
    debug_assert!(Consortium::read(&file).is_ok(), "what is written can be read");
    if arguments.json {
        let row = json!({ "file": file.display().to_string(), "replicas": replicas, "gateways": gateways });
        return Ok(format!("{row:#}\n"));
    }
    let mut text = format!(
        "{}: {replicas} replicas, {gateways} gateways\nstart each with\n",
        directory.join(CONSORTIUM_FILE).display()
    );
    let name = |kind: &str| shell(&directory.join(format!("{kind}-0.yaml")).to_string_lossy());
    text.push_str(&format!("  amanah replica --config {}\n", name("replica")));
    if gateways > 0 {
        text.push_str(&format!("  amanah gateway --config {}\n", name("gateway")));
    }
    Ok(text)
}
