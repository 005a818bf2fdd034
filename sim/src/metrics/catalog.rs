//! Every metric a run has: the names that `result.json` writes and that expectations may ask for, with unit and meaning.
//!
//! A metric that is not here does not exist: a misspelt name is a mistake in the scenario, never a check that passes.

use crate::history::{Figure, FigureKind, System, Wrong};
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

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Dotted name.
    pub name: String,
    /// What its value is counted in.
    pub unit: MetricUnit,
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
    meaning: &'static str,
) -> Family {
    Family { name, aggregates, unit, meaning }
}

use MetricUnit::{Bytes, Count, Nanoseconds, PerSecond, Ratio};

#[rustfmt::skip]
const FAMILIES: &[Family] = &[
    row("transactions.submitted", ALONE, Count, "transactions that clients started; each action of a signed bundle counts as one"),
    row("transactions.submitted", &["rate"], PerSecond, "transactions that clients started, per second of measurement"),
    row("transactions.committed", ALONE, Count, "transactions whose receipt the client verified"),
    row("transactions.committed", &["rate"], PerSecond, "transactions whose receipt the client verified, per second of measurement"),
    row("transactions.refused", ALONE, Count, "transactions committed with a refusal as their outcome"),
    row("transactions.refused", &["rate"], PerSecond, "transactions committed with a refusal as their outcome, per second of measurement"),
    row("transactions.refused.latency", PHASE, Nanoseconds, "transactions.latency of those that were committed with a refusal"),
    row("transactions.timed_out", ALONE, Count, "transactions without a verified receipt when the drain ended"),
    row("transactions.timed_out", &["rate"], PerSecond, "transactions without a verified receipt when the drain ended, per second of measurement"),
    row("transactions.rejected", ALONE, Count, "transactions that a replica called unacceptable"),
    row("transactions.unfinished", ALONE, Count, "transactions under way when the run was interrupted; 0 in a complete run"),
    row("transactions.latency", LATENCY, Nanoseconds, "from an operation's scheduled start to its verified receipt; a signed bundle is one operation"),
    row("commit.latency", LATENCY, Nanoseconds, "from a block's proposal to its commit at its author"),
    row("shares.requested", ALONE, Count, "documents that clinicians asked for"),
    row("shares.completed", ALONE, Count, "documents that arrived and whose hash was verified"),
    row("shares.refused", ALONE, Count, "requests that the ledger refused"),
    row("shares.refused_wrongly", ALONE, Count, "requests refused although a consent covered them; must be 0"),
    row("shares.permitted_wrongly", ALONE, Count, "requests that got a document although no consent covered them; must be 0"),
    row("shares.timed_out", ALONE, Count, "requests unfinished when the drain ended"),
    row("shares.failed", ALONE, Count, "requests permitted by the ledger that the custodian refused, or whose document was corrupt, or that were rejected"),
    row("shares.rate", ALONE, PerSecond, "shares completed, per second of measurement"),
    row("shares.bytes", ALONE, Bytes, "bytes of all documents shared"),
    row("documents.read", ALONE, Count, "documents that readers opened and read, in the whole run; needs `documents: fhir`"),
    row("documents.defective", ALONE, Count, "of these, unreadable, or not of the class or the patient asked for; must be 0"),
    row("share.latency", LATENCY, Nanoseconds, "from a share's scheduled start to its document's verified hash"),
    row("share.phase.order", PHASE, Nanoseconds, "part of a share: from request to ordered decision"),
    row("share.phase.key", PHASE, Nanoseconds, "part of a share: from decision to released key"),
    row("share.phase.transfer", PHASE, Nanoseconds, "part of a share: from released key to the document's last byte"),
    row("share.phase.verify", PHASE, Nanoseconds, "part of a share: from the last byte to the verified hash"),
    row("decisions.requested", ALONE, Count, "requests for access, of which no key or document was to follow"),
    row("decisions.permitted", ALONE, Count, "of these, permitted by the ledger"),
    row("decisions.refused_wrongly", ALONE, Count, "of these, refused although a consent covered them; must be 0"),
    row("consent.revocation.effect", &["max", "p50"], Nanoseconds, "from a revocation's scheduled start to its taking effect"),
    row("consent.revocation.completed", ALONE, Count, "revocations that took effect"),
    row("consent.revocation.late_accesses", ALONE, Count, "accesses permitted after the receipt of the revocation that should have stopped them; must be 0"),
    row("keys.rewrapped", ALONE, Count, "keys that a patient's agent wrapped to a grantee"),
    row("keys.rotated", ALONE, Count, "records that were given another key"),
    row("keys.erased", ALONE, Count, "records that were given up for good"),
    row("keys.refused", ALONE, Count, "of rewraps, rotations and erasures, refused by the ledger"),
    row("delegations.registered", ALONE, Count, "patients' delegations of authority"),
    row("audits.requested", ALONE, Count, "proofs of earlier accesses asked for"),
    row("audits.verified", ALONE, Count, "proofs that verified"),
    row("audits.failed", ALONE, Count, "proofs that did not verify; must be 0"),
    row("audits.timed_out", ALONE, Count, "proofs that had not arrived when the drain ended"),
    row("recovery.time", ALONE, Nanoseconds, "longest time from the healing of a fault to 95 % of the rate before it"),
    row("unavailability.longest", ALONE, Nanoseconds, "longest time without any committed transaction while some were offered"),
    row("replica.rounds", ALONE, Count, "rounds that the furthest replica reached"),
    row("replica.blocks", ALONE, Count, "blocks accepted by the replica that accepted most"),
    row("replica.bytes_sent", ALONE, Bytes, "bytes sent by all replicas"),
    row("replica.cpu.utilisation", ALONE, Ratio, "busy part of all cores of the busiest replica"),
    row("replica.memory", &["max"], Bytes, "most memory that one replica's state took"),
    row("replica.mempool.bytes", &["max"], Bytes, "most payload waiting in one replica's mempool"),
    row("replica.blocks.suspended", &["max"], Count, "most blocks waiting for their ancestors at one replica"),
    row("replica.restarts", ALONE, Count, "restarts of all replicas"),
    row("replica.process.cpu", ALONE, Nanoseconds, "live: processor time of all replicas' processes"),
    row("replica.process.cpu", REPLICA_STAGES, Nanoseconds, "live: the same by what it was spent on"),
    row("replica.process.cpu_per_transaction", ALONE, Nanoseconds, "live: the same for each transaction committed in the whole run"),
    row("replica.process.memory", &["max"], Bytes, "live: most resident memory of all replicas' processes together"),
    row("clients.process.cpu", ALONE, Nanoseconds, "live: processor time of gateways, workload and recorder, which are one process"),
    row("clients.process.cpu", CLIENT_STAGES, Nanoseconds, "live: the same by what it was spent on"),
    row("clients.process.cpu_per_transaction", ALONE, Nanoseconds, "live: the same for each transaction committed in the whole run"),
    row("network.messages", ALONE, Count, "messages sent by all hosts"),
    row("network.bytes", ALONE, Bytes, "bytes sent by all hosts"),
    row("network.packets_lost", ALONE, Count, "packets lost on links, those that found a queue full included"),
    row("network.undelivered", ALONE, Count, "messages that did not arrive: partition, receiver down, or shed by a full queue"),
    row("network.datagrams", ALONE, Count, "datagrams sent by all hosts; 0 without QUIC, as the next four"),
    row("network.datagrams.bytes", ALONE, Bytes, "bytes of the datagrams, with IP and UDP headers"),
    row("network.datagrams.overflowed", ALONE, Count, "datagrams for which a queue had no room; they are among network.packets_lost"),
    row("network.packets_retransmitted", ALONE, Count, "packets that their senders believed lost and sent again"),
    row("network.connections", ALONE, Count, "connections established"),
    row("network.transferred.bytes", ALONE, Bytes, "bytes of the network's own load that arrived"),
    row("generator.offered", &["rate"], PerSecond, "operations a second that the plan asks for; each action of a signed bundle counts as one"),
    row("generator.achieved", &["rate"], PerSecond, "operations a second that the generator started; each action of a signed bundle counts as one"),
    row("simulator.events", ALONE, Count, "events handled"),
    row("simulator.events_per_second", ALONE, PerSecond, "events handled per second of wall-clock time"),
    row("simulator.wall", ALONE, Nanoseconds, "wall-clock time of the run"),
    row("simulator.setup_wall", ALONE, Nanoseconds, "wall-clock time of building keys, documents and genesis"),
    row("simulator.memory", &["max"], Bytes, "most memory of the process that simulates"),
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
            ("detection", Ratio, "wrong deeds that were caught, of those that were done on purpose"),
            ("false_alarms", Count, "right deeds that were refused; must be 0"),
        ]
        .map(|(what, unit, meaning)| Metric {
            name: format!("{}.{what}", system.name()),
            unit,
            meaning,
            deterministic: true,
        })
    });
    let of_wrongs = Wrong::ALL.iter().flat_map(|wrong| {
        let metric = |what: &str, unit| Metric {
            name: format!("{}.{what}", wrong.name()),
            unit,
            meaning: wrong.meaning(),
            deterministic: true,
        };
        let counts = ["injected", "caught", "missed"].map(|what| metric(what, Count));
        counts.into_iter().chain(TIMES.map(|what| metric(&format!("time.{what}"), Nanoseconds)))
    });
    let of_figures = Figure::ALL.iter().flat_map(|figure| {
        let metric =
            |name: String, unit| Metric { name, unit, meaning: figure.meaning(), deterministic: true };
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
        Metric { name, unit: family.unit, meaning: family.meaning, deterministic }
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
    fn stages_are_named_alike() {
        let names: Vec<&str> = crate::cpu::Stage::ALL.into_iter().map(crate::cpu::Stage::name).collect();
        assert!(REPLICA_STAGES.iter().chain(CLIENT_STAGES).all(|stage| names.contains(stage)));
    }
}
