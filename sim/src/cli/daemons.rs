//! `amanah replica` and `amanah gateway`: daemons that log to stderr and end well when they are told to.

use super::colour;
use super::exit::Exit;
use crate::daemon::{self, DaemonError, Stop};
use crate::deploy::{GatewayFile, ReplicaFile};
use crate::diagnostic::Diagnostics;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use tracing::level_filters::LevelFilter;

/// Arguments of a daemon.
#[derive(Args)]
pub struct Daemon {
    /// Its configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Shape of the log on stderr.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What is logged: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    log_level: LevelFilter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line, for collectors.
    Json,
}

/// Runs a replica.
pub fn replica(arguments: &Daemon) -> Exit {
    run(arguments, ReplicaFile::read, daemon::run_replica)
}

/// Runs a gateway.
pub fn gateway(arguments: &Daemon) -> Exit {
    run(arguments, GatewayFile::read, daemon::run_gateway)
}

fn run<F>(
    arguments: &Daemon,
    read: impl FnOnce(&Path) -> Result<F, Diagnostics>,
    daemon: impl FnOnce(F, &Stop) -> Result<(), DaemonError>,
) -> Exit {
    let file = match read(&arguments.config) {
        Ok(file) => file,
        Err(errors) => {
            eprint!("{}", errors.render(colour()));
            return Exit::Invalid;
        }
    };
    log(arguments);
    let stop = Stop::default();
    let asked = stop.clone();
    if let Err(error) = ctrlc::set_handler(move || asked.ask()) {
        eprintln!("error: signals cannot be handled: {error}");
        return Exit::Failure;
    }
    match daemon(file, &stop) {
        Ok(()) | Err(DaemonError::Stopped) => Exit::Success,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::Failure
        }
    }
}

fn log(arguments: &Daemon) {
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(arguments.log_level);
    match arguments.log_format {
        LogFormat::Text => builder.with_ansi(colour()).init(),
        LogFormat::Json => builder.json().init(),
    }
}
