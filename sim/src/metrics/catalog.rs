//! Every metric a run has: the names that `result.json` writes and that expectations may ask for, with unit and meaning.
//!
//! A metric that is not here does not exist: a misspelt name is a mistake in the scenario, never a check that passes.

use crate::history::{Figure, FigureKind, System, Wrong};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// What a metric's values are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// Virtual time (live: wall-clock time).
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Events a second.
    PerSecond,
    /// How many.
    Count,
    /// A part of the whole, 0 to 1.
    Ratio,
}

impl MetricUnit {
    /// As `result.json` writes it.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "B",
            Self::PerSecond => "1/s",
            Self::Count => "count",
            Self::Ratio => "ratio",
        }
    }
}

/// Which way of two equal runs but for this figure is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// The greater figure: work done, wrong deeds caught.
    Higher,
    /// The smaller figure: time, cost, mistakes.
    Lower,
    /// It describes what was asked for, or how the run went: neither praise nor blame.
    Neither,
}

impl Better {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "neither",
        }
    }
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Dotted name.
    pub name: String,
    /// What its value is counted in.
    pub unit: MetricUnit,
    /// Which way is the better one, all else being equal.
    pub better: Better,
    /// One line for people.
    pub meaning: &'static str,
    /// False for figures of this machine's wall clock: reported, never part of the digest.
    pub deterministic: bool,
}

/// A name and what may follow its last dot; the empty aggregate is the name alone.
struct Family {
    name: &'static str,
    aggregates: &'static [&'static str],
    unit: MetricUnit,
    better: Better,
    meaning: &'static str,
}

const ALONE: &[&str] = &[""];
const LATENCY: &[&str] = &["p50", "p90", "p99", "p999", "mean", "max"];
const PHASE: &[&str] = &["p50", "p90", "p99", "max"];
const TIMES: [&str; 2] = ["p50", "max"];

/// By [`Stage`](crate::cpu::Stage); what a process never does is left out.
const REPLICA_STAGES: &[&str] = &[
    "quic",
    "sockets",
    "submissions",
    "blocks",
    "transactions",
    "votes",
    "machines",
    "execution",
    "receipts",
    "journal",
    "documents",
    "reports",
    "load",
    "other",
];
const CLIENT_STAGES: &[&str] =
    &["quic", "sockets", "signing", "machines", "receipts", "documents", "reports", "other"];

const fn row(
    name: &'static str,
    aggregates: &'static [&'static str],
    unit: MetricUnit,
    better: Better,
    meaning: &'static str,
) -> Family {
    Family { name, aggregates, unit, better, meaning }
}

use Better::{Higher, Lower, Neither};
use MetricUnit::{Bytes, Count, Nanoseconds, PerSecond, Ratio};

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    row("transactions.submitted", ALONE, Count, Neither, "transactions that clients started; each action of a signed bundle counts as one"),
    row("transactions.submitted", &["rate"], PerSecond, Neither, "transactions that clients started, per second of measurement"),
    row("transactions.committed", ALONE, Count, Higher, "transactions whose receipt the client verified"),
    row("transactions.committed", &["rate"], PerSecond, Higher, "transactions whose receipt the client verified, per second of measurement"),
    row("transactions.refused", ALONE, Count, Neither, "transactions committed with a refusal as their outcome"),
    row("transactions.refused", &["rate"], PerSecond, Neither, "transactions committed with a refusal as their outcome, per second of measurement"),
    row("transactions.refused.latency", PHASE, Nanoseconds, Lower, "transactions.latency of those that were committed with a refusal"),
    row("transactions.timed_out", ALONE, Count, Lower, "transactions without a verified receipt when the drain ended"),
    row("transactions.timed_out", &["rate"], PerSecond, Lower, "transactions without a verified receipt when the drain ended, per second of measurement"),
    row("transactions.rejected", ALONE, Count, Lower, "transactions that a replica called unacceptable"),
    row("transactions.unfinished", ALONE, Count, Lower, "transactions under way when the run was interrupted; 0 in a complete run"),
    row("transactions.latency", LATENCY, Nanoseconds, Lower, "from an operation's scheduled start to its verified receipt; a signed bundle is one operation"),
    row("commit.latency", LATENCY, Nanoseconds, Lower, "from a block's proposal to its commit at its author"),
    row("shares.requested", ALONE, Count, Neither, "documents that clinicians asked for"),
    row("shares.completed", ALONE, Count, Higher, "documents that arrived and whose hash was verified"),
    row("shares.refused", ALONE, Count, Neither, "requests that the ledger refused"),
    row("shares.refused_wrongly", ALONE, Count, Lower, "requests refused although a consent covered them; must be 0"),
    row("shares.permitted_wrongly", ALONE, Count, Lower, "requests that got a document although no consent covered them; must be 0"),
    row("shares.timed_out", ALONE, Count, Lower, "requests unfinished when the drain ended"),
    row("shares.failed", ALONE, Count, Lower, "requests permitted by the ledger that the custodian refused, or whose document was corrupt, or that were rejected"),
    row("shares.rate", ALONE, PerSecond, Higher, "shares completed, per second of measurement"),
    row("shares.bytes", ALONE, Bytes, Neither, "bytes of all documents shared"),
    row("documents.read", ALONE, Count, Neither, "documents that readers opened and read, in the whole run; needs `documents: fhir`"),
    row("documents.defective", ALONE, Count, Lower, "of these, unreadable, or not of the class or the patient asked for; must be 0"),
    row("share.latency", LATENCY, Nanoseconds, Lower, "from a share's scheduled start to its document's verified hash"),
    row("share.phase.queue", PHASE, Nanoseconds, Lower, "part of a share: from its scheduled start until a replica proposes its request in a block"),
    row("share.phase.order", PHASE, Nanoseconds, Lower, "part of a share: from that proposal until a replica has decided the commit"),
    row("share.phase.execute", PHASE, Nanoseconds, Lower, "part of a share: from that decision until the gateway has verified the receipt: execution, a quorum's signatures, the way back"),
    row("share.phase.key", PHASE, Nanoseconds, Lower, "part of a share: from the receipt to the released key"),
    row("share.phase.transfer", PHASE, Nanoseconds, Lower, "part of a share: from released key to the document's last byte"),
    row("share.phase.verify", PHASE, Nanoseconds, Lower, "part of a share: from the last byte to the verified hash"),
    row("decisions.requested", ALONE, Count, Neither, "requests for access, of which no key or document was to follow"),
    row("decisions.permitted", ALONE, Count, Neither, "of these, permitted by the ledger"),
    row("decisions.refused_wrongly", ALONE, Count, Lower, "of these, refused although a consent covered them; must be 0"),
    row("consent.revocation.effect", &["max", "p50"], Nanoseconds, Lower, "from a revocation's scheduled start to its taking effect"),
    row("consent.revocation.completed", ALONE, Count, Higher, "revocations that took effect"),
    row("consent.revocation.late_accesses", ALONE, Count, Lower, "keys let go under a consent although the custodian began to ask about it after the receipt of its revocation; must be 0"),
    row("keys.rewrapped", ALONE, Count, Neither, "keys that a patient's agent wrapped to a grantee"),
    row("keys.rotated", ALONE, Count, Neither, "records that were given another key"),
    row("keys.erased", ALONE, Count, Neither, "records that were given up for good"),
    row("keys.refused", ALONE, Count, Neither, "of rewraps, rotations and erasures, refused by the ledger"),
    row("delegations.registered", ALONE, Count, Neither, "patients' delegations of authority"),
    row("audits.requested", ALONE, Count, Neither, "proofs of earlier accesses asked for"),
    row("audits.verified", ALONE, Count, Higher, "proofs that verified"),
    row("audits.failed", ALONE, Count, Lower, "proofs that did not verify; must be 0"),
    row("audits.timed_out", ALONE, Count, Lower, "proofs that had not arrived when the drain ended"),
    row("recovery.time", ALONE, Nanoseconds, Lower, "longest time from the healing of a fault to 95 % of the rate before it"),
    row("unavailability.longest", ALONE, Nanoseconds, Lower, "longest time without any committed transaction while some were offered"),
    row("replica.rounds", ALONE, Count, Neither, "rounds that the furthest replica reached"),
    row("replica.blocks", ALONE, Count, Neither, "blocks accepted by the replica that accepted most"),
    row("replica.bytes_sent", ALONE, Bytes, Lower, "bytes sent by all replicas"),
    row("replica.cpu.utilisation", ALONE, Ratio, Lower, "busy part of all cores of the busiest replica"),
    row("replica.memory", &["max"], Bytes, Lower, "most memory that one replica's state took"),
    row("replica.mempool.bytes", &["max"], Bytes, Lower, "most payload waiting in one replica's mempool"),
    row("replica.blocks.suspended", &["max"], Count, Lower, "most blocks waiting for their ancestors at one replica"),
    row("replica.restarts", ALONE, Count, Neither, "restarts of all replicas"),
    row("replica.process.cpu", ALONE, Nanoseconds, Lower, "live: processor time of all replicas' processes"),
    row("replica.process.cpu", REPLICA_STAGES, Nanoseconds, Lower, "live: the same by what it was spent on"),
    row("replica.process.cpu_per_transaction", ALONE, Nanoseconds, Lower, "live: the same for each transaction committed in the whole run"),
    row("replica.process.memory", &["max"], Bytes, Lower, "live: most resident memory of all replicas' processes together"),
    row("clients.process.cpu", ALONE, Nanoseconds, Lower, "live: processor time of gateways, workload and recorder, which are one process"),
    row("clients.process.cpu", CLIENT_STAGES, Nanoseconds, Lower, "live: the same by what it was spent on"),
    row("clients.process.cpu_per_transaction", ALONE, Nanoseconds, Lower, "live: the same for each transaction committed in the whole run"),
    row("network.messages", ALONE, Count, Lower, "messages sent by all hosts"),
    row("network.bytes", ALONE, Bytes, Lower, "bytes sent by all hosts"),
    row("network.packets_lost", ALONE, Count, Lower, "packets lost on links, those that found a queue full included"),
    row("network.undelivered", ALONE, Count, Lower, "messages that did not arrive: partition, receiver down, or shed by a full queue"),
    row("network.datagrams", ALONE, Count, Lower, "datagrams sent by all hosts; 0 without QUIC, as the next four"),
    row("network.datagrams.bytes", ALONE, Bytes, Lower, "bytes of the datagrams, with IP and UDP headers"),
    row("network.datagrams.overflowed", ALONE, Count, Lower, "datagrams for which a queue had no room; they are among network.packets_lost"),
    row("network.packets_retransmitted", ALONE, Count, Lower, "packets that their senders believed lost and sent again"),
    row("network.connections", ALONE, Count, Neither, "connections established"),
    row("network.transferred.bytes", ALONE, Bytes, Higher, "bytes of the network's own load that arrived"),
    row("generator.offered", &["rate"], PerSecond, Neither, "operations a second that the plan asks for; each action of a signed bundle counts as one"),
    row("generator.achieved", &["rate"], PerSecond, Higher, "operations a second that the generator started; each action of a signed bundle counts as one"),
    row("simulator.events", ALONE, Count, Neither, "events handled"),
    row("simulator.events_per_second", ALONE, PerSecond, Higher, "events handled per second of wall-clock time"),
    row("simulator.wall", ALONE, Nanoseconds, Lower, "wall-clock time of the run"),
    row("simulator.setup_wall", ALONE, Nanoseconds, Lower, "wall-clock time of building keys, documents and genesis"),
    row("simulator.memory", &["max"], Bytes, Lower, "most memory of the process that simulates"),
];

/// Names, and beginnings of names, of wall-clock figures.
const WALL_CLOCK: &[&str] = &[
    "replica.process.",
    "clients.process.",
    "simulator.events_per_second",
    "simulator.wall",
    "simulator.setup_wall",
    "simulator.memory.max",
];

/// Every metric, in the order of the documentation.
pub fn all() -> &'static [Metric] {
    static ALL: OnceLock<Vec<Metric>> = OnceLock::new();
    ALL.get_or_init(|| FAMILIES.iter().flat_map(members).chain(domain()).collect())
}

/// What workloads note of right and wrong.
fn domain() -> impl Iterator<Item = Metric> {
    let of_systems = System::ALL.into_iter().flat_map(|system| {
        [
            ("detection", Ratio, Higher, "wrong deeds that were caught, of those that were done on purpose"),
            ("false_alarms", Count, Lower, "right deeds that were refused; must be 0"),
        ]
        .map(|(what, unit, better, meaning)| Metric {
            name: format!("{}.{what}", system.name()),
            unit,
            better,
            meaning,
            deterministic: true,
        })
    });
    let of_wrongs = Wrong::ALL.iter().flat_map(|wrong| {
        let metric = |what: &str, unit, better| Metric {
            name: format!("{}.{what}", wrong.name()),
            unit,
            better,
            meaning: wrong.meaning(),
            deterministic: true,
        };
        let counts = [("injected", Neither), ("caught", Higher), ("missed", Lower)];
        let counts = counts.map(|(what, better)| metric(what, Count, better));
        counts.into_iter().chain(TIMES.map(|what| metric(&format!("time.{what}"), Nanoseconds, Lower)))
    });
    let of_figures = Figure::ALL.iter().flat_map(|figure| {
        let (better, meaning) = (of_figure(*figure), figure.meaning());
        let metric = |name: String, unit| Metric { name, unit, better, meaning, deterministic: true };
        match figure.kind() {
            FigureKind::Count | FigureKind::Mean => vec![metric(figure.name().to_owned(), Count)],
            FigureKind::Span => {
                let aggregate = |what: &&str| metric(format!("{}.{what}", figure.name()), Nanoseconds);
                PHASE.iter().map(aggregate).collect()
            }
        }
    });
    of_systems.chain(of_wrongs).chain(of_figures)
}

/// What a figure of a system says for a run. What counts its load, or how its stories went, says nothing.
const fn of_figure(figure: Figure) -> Better {
    match figure {
        Figure::RecordsRecovered | Figure::ResultsVerified | Figure::ViolationsRefused => Higher,
        Figure::RecordsUnavailable
        | Figure::RecordsLostForGood
        | Figure::SharesWithoutDocument
        | Figure::TrialsAbandoned
        | Figure::ResultsDisproved
        | Figure::AlarmsMissed => Lower,
        _ => match figure.kind() {
            FigureKind::Span => Lower,
            FigureKind::Count | FigureKind::Mean => Neither,
        },
    }
}

/// The metric called `name`.
pub fn lookup(name: &str) -> Option<&'static Metric> {
    all().iter().find(|metric| metric.name == name)
}

fn members(family: &Family) -> impl Iterator<Item = Metric> + '_ {
    family.aggregates.iter().map(|aggregate| {
        let name = match *aggregate {
            "" => family.name.to_owned(),
            _ => format!("{}.{aggregate}", family.name),
        };
        let deterministic = !WALL_CLOCK.iter().any(|wall| name.starts_with(wall));
        Metric { name, unit: family.unit, better: family.better, meaning: family.meaning, deterministic }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (index, metric) in all().iter().enumerate() {
            assert_eq!(lookup(&metric.name), Some(metric));
            assert!(all()[..index].iter().all(|earlier| earlier.name != metric.name), "{}", metric.name);
        }
        assert_eq!(lookup("share.latency.p99").map(|metric| metric.unit), Some(Nanoseconds));
        assert_eq!(lookup("transactions.committed.rate").map(|metric| metric.unit), Some(PerSecond));
        assert_eq!(lookup("share.latency"), None);
    }

    #[test]
    fn only_wall_clock_figures_are_outside_the_digest() {
        let outside: Vec<&str> =
            all().iter().filter(|metric| !metric.deterministic).map(|metric| metric.name.as_str()).collect();
        let of_processes = |name: &&&str| name.contains(".process.");
        assert_eq!(outside.iter().filter(of_processes).count(), 17 + 10, "{outside:?}");
        let rest: Vec<&&str> = outside.iter().filter(|name| !of_processes(name)).collect();
        assert_eq!(rest, WALL_CLOCK[2..].iter().collect::<Vec<_>>());
    }

    #[test]
    fn whoever_compares_knows_which_way_is_better() {
        let better = |name: &str| lookup(name).unwrap().better;
        assert_eq!(better("transactions.committed.rate"), Higher);
        assert_eq!(better("share.latency.p99"), Lower);
        assert_eq!(better("transactions.submitted"), Neither);
        assert_eq!(better("personal_health_record.detection"), Higher);
        assert_eq!(better("claims.adjudication.time.p50"), Lower);
        // Every time is something to wait for, and nothing that must be 0 is better greater.
        let times = |metric: &&Metric| metric.unit == Nanoseconds || metric.meaning.contains("must be 0");
        let other: Vec<&str> = all()
            .iter()
            .filter(times)
            .filter(|metric| metric.better != Lower)
            .map(|m| m.name.as_str())
            .collect();
        assert!(other.is_empty(), "{other:?}");
    }

    #[test]
    fn stages_are_named_alike() {
        let names: Vec<&str> = crate::cpu::Stage::ALL.into_iter().map(crate::cpu::Stage::name).collect();
        assert!(REPLICA_STAGES.iter().chain(CLIENT_STAGES).all(|stage| names.contains(stage)));
    }
}
