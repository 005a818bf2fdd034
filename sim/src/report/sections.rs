//! The report's tables, in their order. A table without rows is left out.

use super::faults::{self, list};
use super::table::Table;
use super::{LATENCIES, Report, Style, units};
use crate::history::{Figure, FigureKind, ReplicaRecord, System, Wrong};
use crate::metrics::{Recovered, Value, catalog};
use crate::plan::{DiskLoss, FaultKind, Side};
use ledger_core::time::Timestamp;

/// With at most this many replicas each has a row of its own.
const REPLICAS_SHOWN_MAX: usize = 10;

/// A figure of a replica, and how it is shown.
type Column = (fn(&ReplicaRecord) -> u64, fn(u64) -> String);
/// One figure for many replicas.
type Aggregate = fn(&[u64]) -> u64;

/// Every table.
pub fn all(report: &Report<'_>, style: Style) -> Vec<Table> {
    vec![
        throughput(report),
        latency(report),
        shares(report),
        systems(report),
        wrongs(report),
        faults(report, style),
        down_for_good(report),
        hostility(report),
        replicas(report, style),
        network(report),
        if report.run.setting.is_live() { processes(report, style) } else { simulator(report, style) },
        spent(report),
    ]
}

/// A figure as text, if the run has it.
fn figure(report: &Report<'_>, name: &str) -> Option<String> {
    let unit = catalog::lookup(name)?.unit;
    Some(units::value(report.metrics.get(name)?, unit))
}

fn throughput(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Throughput", "count", "rate"]);
    let mut row = |label: &str, count: Option<String>, rate: Option<String>| {
        if count.is_some() || rate.is_some() {
            table.row([label, &count.unwrap_or_default(), &rate.unwrap_or_default()]);
        }
    };
    row("offered", None, figure(report, "generator.offered.rate"));
    row("started", None, figure(report, "generator.achieved.rate"));
    for (label, name) in [
        ("transactions", "transactions.submitted"),
        ("committed", "transactions.committed"),
        ("  of these refused", "transactions.refused"),
        ("timed out", "transactions.timed_out"),
    ] {
        row(label, figure(report, name), figure(report, &format!("{name}.rate")));
    }
    let some = |name: &str| figure(report, name).filter(|text| text != "0");
    row("rejected", some("transactions.rejected"), None);
    row("unfinished", some("transactions.unfinished"), None);
    row("access decisions", figure(report, "decisions.requested"), None);
    row("  of these permitted", figure(report, "decisions.permitted"), None);
    row("shares", figure(report, "shares.completed"), figure(report, "shares.rate"));
    table
}

fn latency(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Latency", "samples", "p50", "p90", "p99", "max"]);
    for (label, family) in LATENCIES {
        let Some(latency) = report.metrics.latencies.get(family) else { continue };
        let at = |part| units::time(latency.quantile(part));
        let (count, max) = (units::count(latency.count()), units::time(latency.max()));
        table.row([label, &count, &at(0.5), &at(0.9), &at(0.99), &max]);
    }
    table
}

fn shares(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Shares and consent", "count", "of these wrongly"]);
    let mut row = |label: &str, name: &str, wrongly: &str| {
        if let Some(count) = figure(report, name) {
            table.row([label, &count, &figure(report, wrongly).unwrap_or_default()]);
        }
    };
    row("requested", "shares.requested", "");
    row("completed", "shares.completed", "shares.permitted_wrongly");
    row("refused", "shares.refused", "shares.refused_wrongly");
    row("failed", "shares.failed", "");
    row("timed out", "shares.timed_out", "");
    row("documents", "shares.bytes", "");
    row("revocations", "consent.revocation.completed", "");
    row("accesses after them", "consent.revocation.late_accesses", "");
    row("proofs asked for", "audits.requested", "");
    row("proofs verified", "audits.verified", "");
    row("proofs failed", "audits.failed", "");
    row("proofs timed out", "audits.timed_out", "");
    table
}

/// What was done wrong on purpose.
fn wrongs(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Wrong deeds", "done", "caught", "missed", "after p50", "max"]);
    for wrong in Wrong::ALL {
        let cell = |what: &str| figure(report, &format!("{}.{what}", wrong.name()));
        if let Some(injected) = cell("injected") {
            let of = |what| cell(what).unwrap_or_default();
            let name = wrong.name();
            let (caught, missed) = (of("caught"), of("missed"));
            table.row([name, &injected, &caught, &missed, &of("time.p50"), &of("time.max")]);
        }
    }
    table
}

/// What the users of each system ask for.
fn systems(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Systems", "count", "p50", "p99", "max"]);
    for system in System::ALL {
        let name = format!("{}.false_alarms", system.name());
        if let Some(count) = figure(report, &name) {
            table.row([&name, &count]);
        }
    }
    for of in Figure::ALL {
        match of.kind() {
            FigureKind::Count | FigureKind::Mean => {
                if let Some(count) = figure(report, of.name()) {
                    table.row([of.name(), &count]);
                }
            }
            FigureKind::Span => {
                let at = |what: &str| figure(report, &format!("{}.{what}", of.name()));
                if let (Some(p50), Some(p99), Some(max)) = (at("p50"), at("p99"), at("max")) {
                    table.row([of.name(), "", &p50, &p99, &max]);
                }
            }
        }
    }
    table
}

/// What hostile machines did, by behaviour.
fn hostility(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Hostile acts", "count"]);
    for (behaviour, count) in &report.run.history.hostility.acts {
        table.row([behaviour, &units::count(*count)]);
    }
    table
}

fn faults(report: &Report<'_>, style: Style) -> Table {
    let mut table = Table::figures(&["Faults", "at", "healed", "recovered after"]);
    let time = |at: Timestamp| {
        // Faults are written from the start of the measurement.
        let measurement = report.run.start + report.run.plan.warmup;
        units::span(at.since(measurement))
    };
    for recovery in &report.metrics.recoveries {
        let kind = report.run.plan.faults.get(recovery.fault).map(|fault| describe(&fault.kind));
        let recovered = match recovery.recovered {
            Recovered::After(time) => units::span(time),
            Recovered::Never => units::value(Value::Never, catalog::MetricUnit::Nanoseconds),
            Recovered::Unmeasured => style.none().to_owned(),
        };
        let healed = recovery.healed.map_or_else(|| style.none().to_owned(), time);
        table.row([&kind.unwrap_or_default(), &time(recovery.at), &healed, &recovered]);
    }
    let struck = |index: usize| report.metrics.recoveries.iter().any(|recovery| recovery.fault == index);
    for (_, fault) in report.run.plan.faults.iter().enumerate().filter(|(index, _)| !struck(*index)) {
        // What it waits for did not come to pass.
        table.row([&describe(&fault.kind), "never", style.none(), style.none()]);
    }
    if let Some(gap) = figure(report, "unavailability.longest") {
        table.row(["longest standstill", "", "", &gap]);
    }
    table
}

/// Replicas that could not be started again, and why.
fn down_for_good(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Down for good"]);
    for (index, row) in report.run.history.replicas.iter().enumerate() {
        if let Some(why) = &row.stays_down {
            // What is to be done about it is the operator's, who reads the same live.
            table.row([&format!("r{index}: {}", why.split(". ").next().unwrap_or(why))]);
        }
    }
    table
}

pub(super) fn describe(kind: &FaultKind) -> String {
    let apart = |groups: &[Vec<usize>], bridge: &[usize]| {
        let groups: Vec<String> = groups.iter().map(|group| list(group)).collect();
        let over = if bridge.is_empty() { String::new() } else { format!(" over {}", list(bridge)) };
        format!("{}{over}", groups.join(" | "))
    };
    match kind {
        FaultKind::Crash { replicas, disk, persist } => {
            let at = match persist.map(|point| point.side) {
                Some(Side::Before) => " before a write",
                Some(Side::After) => " after a write",
                None => "",
            };
            let disk = match disk {
                DiskLoss::Lost => "",
                DiskLoss::Kept => ", disk kept",
                DiskLoss::Torn => ", disk torn",
                DiskLoss::Wiped => ", disk wiped",
            };
            format!("crash of {}{at}{disk}", list(replicas))
        }
        FaultKind::Pause { replicas } => format!("pause of {}", list(replicas)),
        FaultKind::Ransomware { hospitals } => format!("ransomware at {}", list(hospitals)),
        FaultKind::Byzantine { replicas, behaviours, .. } => {
            let names: Vec<&str> = behaviours.iter().map(|behaviour| behaviour.name()).collect();
            format!("byzantine {}: {}", list(replicas), names.join(", "))
        }
        FaultKind::HostileGateway { gateways, behaviours, .. } => {
            let names: Vec<&str> = behaviours.iter().map(|behaviour| behaviour.name()).collect();
            format!("hostile gateways {}: {}", list(gateways), names.join(", "))
        }
        FaultKind::Partition { groups, bridge } => format!("partition {}", apart(groups, bridge)),
        FaultKind::Flapping { groups, bridge, period } => {
            format!("flapping every {}, {}", units::span(*period), apart(groups, bridge))
        }
        FaultKind::IsolateLeader { period: None } => "leader cut off".to_owned(),
        FaultKind::IsolateLeader { period: Some(period) } => {
            format!("leader cut off, every {}", units::span(*period))
        }
        FaultKind::Link(link) => faults::link(link),
        FaultKind::Clock { replicas, gateways, skew_ns, drift_ppb } => {
            faults::clock(replicas, gateways, *skew_ns, *drift_ppb)
        }
        FaultKind::Churn { gateways, period, away } => faults::churn(gateways, *period, *away),
        FaultKind::CrashGateways { gateways } => format!("crash of gateways {}", list(gateways)),
        FaultKind::RegionOutage { regions } => format!("outage of regions {}", list(regions)),
        FaultKind::OneWay { from, to } => format!("cut {} > {}", list(from), list(to)),
        FaultKind::SlowCpu { replicas, factor_milli } => {
            format!("cpu of {} {} times slower", list(replicas), units::real(*factor_milli as f64 / 1e3))
        }
        FaultKind::SlowDisk { replicas, factor_milli } => {
            format!("disk of {} {} times slower", list(replicas), units::real(*factor_milli as f64 / 1e3))
        }
        FaultKind::StalledDisk { replicas } => format!("disk of {} stalled", list(replicas)),
        FaultKind::DiskFull { replicas } => format!("disk of {} full", list(replicas)),
        FaultKind::BitRot { replicas, bits } => {
            format!("{} bits flipped on disk of {}", units::count(*bits), list(replicas))
        }
    }
}

fn replicas(report: &Report<'_>, style: Style) -> Table {
    let mut table =
        Table::figures(&["Replicas", "rounds", "commits", "cores", "sent", "mempool", "memory", "restarts"]);
    let rows = &report.run.history.replicas;
    let columns: [Column; 7] = [
        (|row| row.status.protocol.round.0, units::count),
        (|row| row.status.executed, units::count),
        (|row| row.cpu_ppm, |ppm| format!("{:.1} %", ppm as f64 / 1e4)),
        (|row| row.bytes_sent, units::bytes),
        (|row| row.mempool_bytes_max, units::bytes),
        (|row| row.memory_max, units::bytes),
        (|row| row.restarts, units::count),
    ];
    if rows.len() <= REPLICAS_SHOWN_MAX {
        for (index, row) in rows.iter().enumerate() {
            let down = format!("r{index} (down)");
            let label = if row.up { &down[..down.len() - " (down)".len()] } else { &down };
            let cells = columns.map(|(figure, text)| text(figure(row)));
            let [a, b, c, d, e, f, g] = cells.each_ref().map(String::as_str);
            table.row([label, a, b, c, d, e, f, g]);
        }
        return table;
    }
    let down = rows.iter().filter(|row| !row.up).count();
    let kinds: [(&str, Aggregate); 3] = [
        ("least", |values| values.iter().copied().min().unwrap_or(0)),
        ("mean", |values| values.iter().sum::<u64>() / values.len().max(1) as u64),
        ("most", |values| values.iter().copied().max().unwrap_or(0)),
    ];
    for (label, aggregate) in kinds {
        let cells = columns.map(|(figure, text)| {
            let values: Vec<u64> = rows.iter().map(figure).collect();
            text(aggregate(&values))
        });
        let [a, b, c, d, e, f, g] = cells.each_ref().map(String::as_str);
        table.row([&format!("{label} of {}", rows.len()), a, b, c, d, e, f, g]);
    }
    if down > 0 {
        let none = style.none();
        table.row([&format!("{down} down at the end"), none, none, none, none, none, none, none]);
    }
    table
}

fn network(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Network", "messages", "bytes"]);
    let network = &report.run.history.network;
    let labels = match report.run.setting.is_live() {
        false => ["consensus", "clients", "documents"],
        // Replicas count datagrams, whatever is in them.
        true => ["datagrams", "", ""],
    };
    for (lane, label) in labels.into_iter().enumerate() {
        let (messages, bytes) = (network.messages[lane], network.bytes[lane]);
        if messages > 0 {
            table.row([label, &units::count(messages), &units::bytes(bytes)]);
        }
    }
    table.row(["packets lost", &units::count(network.packets_lost), ""]);
    table.row(["not delivered", &units::count(network.undelivered), ""]);
    table
}

fn processes(report: &Report<'_>, style: Style) -> Table {
    let mut table =
        Table::figures(&["Processes", "cpu", "cpu/tx", "memory", "journal", "syncs", "wall", "setup"]);
    let replicas = &report.run.history.replicas;
    let or_none = |name: &str| figure(report, name).unwrap_or_else(|| style.none().to_owned());
    let sum = |figure: fn(&ReplicaRecord) -> u64| replicas.iter().map(figure).sum::<u64>();
    table.row([
        "all replicas",
        &or_none("replica.process.cpu"),
        &or_none("replica.process.cpu_per_transaction"),
        &or_none("replica.process.memory.max"),
        &units::bytes(sum(|replica| replica.journal[1])),
        &units::count(sum(|replica| replica.journal[2])),
        &units::span(report.run.wall),
        &units::span(report.run.setup_wall),
    ]);
    table
}

/// Live: microseconds of processor time for each transaction, by what they were spent on.
fn spent(report: &Report<'_>) -> Table {
    let mut table = Table::figures(&["Processor time a transaction", "replicas", "clients"]);
    let whole = |name: &str| report.metrics.get(name).map(Value::as_f64);
    let mut row = |label: &str, stage: &str| {
        let cell = |of: &str| {
            let each = whole(&format!("{of}.process.cpu_per_transaction"))?;
            let (all, part) =
                (whole(&format!("{of}.process.cpu"))?, whole(&format!("{of}.process.cpu{stage}"))?);
            (all > 0.0).then(|| format!("{:.2} us", each * part / all / 1e3))
        };
        let (replicas, clients) = (cell("replica"), cell("clients"));
        if replicas.is_some() || clients.is_some() {
            table.row([label, &replicas.unwrap_or_default(), &clients.unwrap_or_default()]);
        }
    };
    row("all", "");
    for (label, stage) in [
        ("  packets, TLS", ".quic"),
        ("  system calls of sockets", ".sockets"),
        ("  sign", ".signing"),
        ("  verify submissions", ".submissions"),
        ("  verify blocks", ".blocks"),
        ("  verify their transactions", ".transactions"),
        ("  verify votes", ".votes"),
        ("  machines: order", ".machines"),
        ("  execute", ".execution"),
        ("  receipts", ".receipts"),
        ("  journal", ".journal"),
        ("  documents, snapshots", ".documents"),
        ("  load", ".load"),
        ("  reports", ".reports"),
        ("  other", ".other"),
    ] {
        row(label, stage);
    }
    table
}

fn simulator(report: &Report<'_>, style: Style) -> Table {
    let mut table =
        Table::figures(&["Simulator", "events", "events/s", "virtual", "wall", "speed", "setup", "memory"]);
    let run = report.run;
    let simulating = run.wall.saturating_sub(run.setup_wall).as_secs_f64();
    let speed = if simulating > 0.0 {
        format!("{}{}", units::real(run.end.as_secs_f64() / simulating), style.times())
    } else {
        style.none().to_owned()
    };
    let rate = report.metrics.get("simulator.events_per_second").map(|rate| units::real(rate.as_f64()));
    let or_none = |text: Option<String>| text.unwrap_or_else(|| style.none().to_owned());
    table.row([
        "",
        &units::count(run.events),
        &or_none(rate),
        &units::time(run.end.0),
        &units::span(run.wall),
        &speed,
        &units::span(run.setup_wall),
        &or_none(figure(report, "simulator.memory.max")),
    ]);
    table
}
