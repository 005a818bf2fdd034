//! Tables of a run.

use super::{from_measurement, topology};
use crate::history::{Figure, FigureKind, System, Wrong};
use crate::metrics::Value;
use crate::metrics::catalog::{self, MetricUnit};
use crate::report::html::{Cell, Table, Tone};
use crate::report::{LATENCIES, sections, units};
use crate::result::{QuantilesRow, ResultFile, StatusName};

/// A figure as text, if the result has it.
pub(in crate::report) fn figure(result: &ResultFile, name: &str) -> Option<String> {
    let value = result.metrics.get(name)?.value;
    Some(units::value(value, catalog::lookup(name)?.unit))
}

/// The same for a table.
fn cell(result: &ResultFile, name: &str) -> Option<Cell> {
    let value = result.metrics.get(name)?.value;
    Some(Cell::figure(value.as_f64(), figure(result, name)?))
}

fn or_none(cell: Option<Cell>) -> Cell {
    cell.unwrap_or_else(Cell::none)
}

/// Rows of a label and its metrics; a row of which nothing is there is left out.
fn rows(result: &ResultFile, table: &mut Table, labels: &[(&str, &[&str])]) {
    for (label, names) in labels {
        let cells: Vec<Option<Cell>> = names.iter().map(|name| cell(result, name)).collect();
        if cells.iter().any(Option::is_some) {
            table.row(std::iter::once(Cell::from(*label)).chain(cells.into_iter().map(or_none)));
        }
    }
}

pub(super) fn throughput(result: &ResultFile) -> Table {
    let mut table = Table::new("Throughput", &["", "count", "rate"]);
    let labels: [(&str, &[&str]); 8] = [
        ("offered", &["", "generator.offered.rate"]),
        ("started", &["", "generator.achieved.rate"]),
        ("transactions", &["transactions.submitted", "transactions.submitted.rate"]),
        ("committed", &["transactions.committed", "transactions.committed.rate"]),
        ("  of these refused", &["transactions.refused", "transactions.refused.rate"]),
        ("timed out", &["transactions.timed_out", "transactions.timed_out.rate"]),
        ("rejected", &["transactions.rejected", ""]),
        ("shares", &["shares.completed", "shares.rate"]),
    ];
    rows(result, &mut table, &labels);
    table
}

pub(super) fn shares(result: &ResultFile) -> Table {
    let mut table = Table::new("Shares and consent", &["", "count", "of these wrongly"]);
    let labels: [(&str, &[&str]); 14] = [
        ("requested", &["shares.requested", ""]),
        ("completed", &["shares.completed", "shares.permitted_wrongly"]),
        ("refused", &["shares.refused", "shares.refused_wrongly"]),
        ("failed", &["shares.failed", ""]),
        ("timed out", &["shares.timed_out", ""]),
        ("documents", &["shares.bytes", ""]),
        ("documents read", &["documents.read", "documents.defective"]),
        ("access decisions", &["decisions.requested", "decisions.refused_wrongly"]),
        ("  of these permitted", &["decisions.permitted", ""]),
        ("revocations", &["consent.revocation.completed", ""]),
        ("accesses after them", &["consent.revocation.late_accesses", ""]),
        ("proofs asked for", &["audits.requested", ""]),
        ("proofs verified", &["audits.verified", "audits.failed"]),
        ("proofs timed out", &["audits.timed_out", ""]),
    ];
    rows(result, &mut table, &labels);
    table
}

pub(super) fn latency(result: &ResultFile) -> Table {
    let mut table = Table::new("Quantiles", &["", "p50", "p90", "p99", "p99.9", "max"]);
    for (label, family) in LATENCIES {
        let names = ["p50", "p90", "p99", "p999", "max"].map(|part| format!("{family}.{part}"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        rows(result, &mut table, &[(label, &names)]);
    }
    table
}

/// What the users of each system ask for.
pub(super) fn systems(result: &ResultFile) -> Table {
    let mut table = Table::new("Systems", &["", "count", "p50", "p99", "max", "meaning"]);
    let meaning = |name: &str| catalog::lookup(name).map_or("", |metric| metric.meaning);
    for system in System::ALL {
        for what in ["detection", "false_alarms"] {
            let name = format!("{}.{what}", system.name());
            if let Some(cell) = cell(result, &name) {
                let none = Cell::none;
                table.row([name.as_str().into(), cell, none(), none(), none(), meaning(&name).into()]);
            }
        }
    }
    for of in Figure::ALL {
        let name = of.name();
        let at = |what: &str| cell(result, &format!("{name}.{what}"));
        let (count, spans) = match of.kind() {
            FigureKind::Count | FigureKind::Mean => (cell(result, name), [None, None, None]),
            FigureKind::Span => (None, [at("p50"), at("p99"), at("max")]),
        };
        if count.is_some() || spans.iter().any(Option::is_some) {
            let [p50, p99, max] = spans.map(or_none);
            table.row([name.into(), or_none(count), p50, p99, max, of.meaning().into()]);
        }
    }
    table
}

/// What was done wrong on purpose.
pub(super) fn wrongs(result: &ResultFile) -> Table {
    let heads = ["", "done", "caught", "missed", "after p50", "max", "meaning"];
    let mut table = Table::new("Wrong deeds, done on purpose", &heads);
    for wrong in Wrong::ALL {
        let of = |what: &str| cell(result, &format!("{}.{what}", wrong.name()));
        if let Some(injected) = of("injected") {
            let missed = match result.metrics.get(&format!("{}.missed", wrong.name())).map(|row| row.value) {
                Some(Value::Whole(1..)) => or_none(of("missed")).tone(Tone::Bad),
                _ => or_none(of("missed")),
            };
            let [caught, p50, max] = ["caught", "time.p50", "time.max"].map(|what| or_none(of(what)));
            table.row([wrong.name().into(), injected, caught, missed, p50, max, wrong.meaning().into()]);
        }
    }
    table
}

pub(super) fn hostile(result: &ResultFile) -> Table {
    let mut table = Table::new("What hostile machines did", &["behaviour", "times"]);
    for (behaviour, count) in &result.hostile_acts {
        table.row([behaviour.as_str().into(), Cell::figure(*count as f64, units::count(*count))]);
    }
    table
}

pub(super) fn faults(result: &ResultFile) -> Table {
    let mut table = Table::new("Faults", &["what", "at", "healed", "recovered after"]);
    let time = |ns: u64| Cell::figure(ns as f64, from_measurement(result, ns));
    for row in &result.faults {
        let what = result.plan.faults.get(row.fault).map(|fault| sections::describe(&fault.kind));
        let recovered = row.recovered_ns.map(|value| {
            let shown = units::value(value, MetricUnit::Nanoseconds);
            let cell = Cell::figure(value.as_f64().min(f64::MAX), shown);
            if value == Value::Never { cell.tone(Tone::Bad) } else { cell }
        });
        let healed = row.healed_ns.map(time);
        table.row([what.unwrap_or_default().into(), time(row.at_ns), or_none(healed), or_none(recovered)]);
    }
    // A result without rows of faults does not say which did not strike.
    let known = !result.faults.is_empty();
    for (index, fault) in result.plan.faults.iter().enumerate().filter(|_| known) {
        if !result.faults.iter().any(|row| row.fault == index) {
            table.row([sections::describe(&fault.kind).into(), "never".into(), Cell::none(), Cell::none()]);
        }
    }
    table
}

pub(super) fn checkers(result: &ResultFile) -> Table {
    let mut table =
        Table::new("Checkers", &["", "checker", "of", "what was looked at, or the first violation"]);
    for row in &result.verdicts {
        let (mark, tone) = match row.status {
            StatusName::Passed => ("passed", Tone::Good),
            StatusName::Failed => ("FAILED", Tone::Bad),
            StatusName::Expected => ("lost, as may be expected", Tone::Doubtful),
            StatusName::Undecided => ("undecided", Tone::Doubtful),
            StatusName::NotApplicable => ("not applicable", Tone::Plain),
        };
        let of = if row.safety { "safety" } else { "liveness" };
        table.row([
            Cell::from(mark).tone(tone),
            row.checker.as_str().into(),
            of.into(),
            row.detail.as_str().into(),
        ]);
    }
    table
}

pub(super) fn expectations(result: &ResultFile) -> Table {
    let mut table = Table::new("Expectations", &["", "expected", "found"]);
    for row in &result.expectations {
        let (mark, tone) = if row.held { ("held", Tone::Good) } else { ("NOT HELD", Tone::Bad) };
        table.row([Cell::from(mark).tone(tone), row.text.as_str().into(), row.found.as_str().into()]);
    }
    table
}

fn region(result: &ResultFile, index: usize) -> Cell {
    result.plan.network.regions.get(index).map_or_else(Cell::none, |name| name.as_str().into())
}

pub(super) fn replicas(result: &ResultFile) -> Table {
    let heads = [
        "replica",
        "region",
        "at the end",
        "rounds",
        "commits",
        "cores busy",
        "sent",
        "mempool",
        "memory",
        "journal",
        "syncs",
        "restarts",
    ];
    let mut table = Table::new("Replicas", &heads);
    let count = |number: u64| Cell::figure(number as f64, units::count(number));
    let bytes = |number: u64| Cell::figure(number as f64, units::bytes(number));
    for (index, row) in result.replicas.iter().enumerate() {
        let end = match (&row.stays_down, row.up) {
            (Some(why), _) => Cell::from(format!("down for good: {why}")).tone(Tone::Bad),
            (None, true) => "up".into(),
            (None, false) => Cell::from("down").tone(Tone::Doubtful),
        };
        table.row([
            Cell::figure(index as f64, format!("r{index}")),
            region(result, row.region),
            end,
            count(row.rounds),
            count(row.commits),
            Cell::figure(row.cpu_ppm as f64, format!("{:.1} %", row.cpu_ppm as f64 / 1e4)),
            bytes(row.bytes_sent),
            bytes(row.mempool_bytes_max),
            bytes(row.memory_bytes_max),
            bytes(row.journal_bytes),
            count(row.journal_syncs),
            count(row.restarts),
        ]);
    }
    table
}

pub(super) fn regions(result: &ResultFile) -> Table {
    let heads = [
        "region",
        "replicas",
        "gateways",
        "transactions",
        "p50",
        "p99",
        "max",
        "shares",
        "share p50",
        "share p99",
        "share max",
    ];
    let mut table = Table::new("Regions, by where an operation began", &heads);
    let count = |number: u64| Cell::figure(number as f64, units::count(number));
    let spans = |row: Option<QuantilesRow>| {
        let time = |ns: u64| Cell::figure(ns as f64, units::time(ns));
        let cells = row.map(|row| [time(row.p50_ns), time(row.p99_ns), time(row.max_ns)]);
        cells.unwrap_or_else(|| [Cell::none(), Cell::none(), Cell::none()])
    };
    for row in &result.regions {
        let [p50, p99, max] = spans(row.transactions);
        let [share_p50, share_p99, share_max] = spans(row.shares);
        table.row([
            row.region.as_str().into(),
            count(row.replicas),
            count(row.gateways),
            count(row.committed),
            p50,
            p99,
            max,
            count(row.completed),
            share_p50,
            share_p99,
            share_max,
        ]);
    }
    table
}

pub(super) fn links(result: &ResultFile) -> Table {
    let heads = ["from", "to", "one way, least", "mean", "messages", "bytes", "bytes a second"];
    let mut table = Table::new("Links, over the whole run", &heads);
    let seconds = result.end.0.as_secs_f64();
    for link in &result.links {
        let delay = result.plan.network.delays.get(link.from).and_then(|row| row.get(link.to));
        let time = |ns: u64| Cell::figure(ns as f64, units::time(ns));
        let (least, mean) = delay.map(|plan| topology::delay(*plan)).unzip();
        let rate = (seconds > 0.0).then(|| link.bytes as f64 / seconds);
        table.row([
            region(result, link.from),
            region(result, link.to),
            or_none(least.map(time)),
            or_none(mean.map(time)),
            Cell::figure(link.messages as f64, units::count(link.messages)),
            Cell::figure(link.bytes as f64, units::bytes(link.bytes)),
            or_none(rate.map(|rate| Cell::figure(rate, format!("{}/s", units::bytes(rate as u64))))),
        ]);
    }
    table
}

pub(super) fn lanes(result: &ResultFile) -> Table {
    let mut table = Table::new("Network, by what it was for", &["", "messages", "bytes"]);
    for row in &result.lanes {
        table.row([
            row.lane.as_str().into(),
            Cell::figure(row.messages as f64, units::count(row.messages)),
            Cell::figure(row.bytes as f64, units::bytes(row.bytes)),
        ]);
    }
    table
}

/// Every metric, so that nothing is hidden by what was chosen above.
pub(super) fn everything(result: &ResultFile) -> Table {
    let mut table = Table::new("", &["metric", "value", "meaning"]);
    for (name, found) in &result.metrics {
        let metric = catalog::lookup(name);
        let shown = match metric {
            Some(metric) => units::value(found.value, metric.unit),
            // Of another version of the program.
            None => format!("{} {}", found.value.as_f64(), found.unit),
        };
        let key = found.value.as_f64().min(f64::MAX);
        let meaning = metric.map_or("", |metric| metric.meaning);
        table.row([name.as_str().into(), Cell::figure(key, shown), meaning.into()]);
    }
    table
}
