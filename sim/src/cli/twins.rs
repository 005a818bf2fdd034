//! `amanah twins`: every schedule of a small world in which one replica exists twice.

use super::exit::Exit;
use super::put;
use crate::twins::{self, Found, Kind, Scope};
use clap::Args;
use ledger_core::protocol::PROTOCOLS;
use serde_json::json;
use std::io;

/// Arguments of `twins`.
#[derive(Args)]
pub struct Twins {
    /// Rounds in which machines are parted: 16 ways each, times four replicas that may be doubled.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=i64::from(twins::ROUNDS_MAX)))]
    rounds: u32,
    /// Leader slots a round.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=twins::REPLICAS as i64))]
    leaders: u8,
    /// Threads; all cores by default. The findings do not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// Explores, and says what was found.
pub fn twins(arguments: &Twins) -> io::Result<Exit> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (name, protocol) = PROTOCOLS[0];
    let scope = Scope {
        protocol,
        rounds: arguments.rounds,
        leaders_per_round: usize::from(arguments.leaders),
        jobs: arguments.jobs.unwrap_or(cores),
        #[cfg(feature = "seeded-bugs")]
        skip_undecided: false,
    };
    if !arguments.quiet {
        eprintln!("{} schedules of {} rounds, protocol {name}", scope.schedules(), scope.rounds);
    }
    let found = twins::explore(&scope);
    match arguments.json {
        true => put(&format!("{}\n", json!({ "protocol": name, "rounds": scope.rounds, "found": found })))?,
        false if arguments.quiet && found.told.is_empty() => {}
        false => put(&text(&scope, &found))?,
    }
    let of = |kind: Kind| found.told.iter().any(|violation| violation.kind == kind);
    Ok(match (of(Kind::Conflict), of(Kind::NoProgress)) {
        (true, _) => Exit::SafetyViolated,
        (false, true) => Exit::NoProgress,
        (false, false) => Exit::Success,
    })
}

fn text(scope: &Scope, found: &Found) -> String {
    let [direct, indirect, skipped, skipped_indirectly] = found.decisions;
    let mut text = format!(
        "schedules           {:>12}\n  with evidence     {:>12}   a correct replica holds both blocks of an equivocation\n\
         commits             {:>12}   of the three correct replicas\nleader slots\n  committed         {direct:>12}\n  \
         indirectly        {indirect:>12}\n  skipped           {skipped:>12}\n  indirectly        {skipped_indirectly:>12}\n\
         violations          {:>12}\n",
        found.schedules, found.evidence, found.commits, found.violations
    );
    for violation in &found.told {
        let what = match violation.kind {
            Kind::Conflict => "two histories",
            Kind::NoProgress => "no progress after healing",
        };
        text += &format!("  {what}: {}\n", twins::explain(scope, violation.schedule));
    }
    text
}
