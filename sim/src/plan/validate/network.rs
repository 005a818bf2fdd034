//! `network:`
//!
//! Keys that only one transport reads are refused with the other: a loss that nothing loses would look tested.

use crate::diagnostic::{Problems, quote};
use crate::network::topology::{self, Topology};
use crate::plan::{Congestion, DelayPlan, NetworkPlan, QuicPlan, TransferPlan, Transport};
use crate::scenario::node::Value;
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

const REGIONS_MAX: usize = 256;
/// Keys of `transport: quic`.
const QUIC_KEYS: [&str; 8] = [
    "congestion_control",
    "initial_window",
    "mtu",
    "queue",
    "duplication",
    "reordering",
    "idle_timeout",
    "keep_alive",
];

/// What `transport: quic` has if nothing is written: the initial window of RFC 9002, Ethernet's payload less IPv6 and UDP
/// headers, and a queue of about 170 full packets.
const QUIC: QuicPlan = QuicPlan {
    congestion: Congestion::Cubic,
    initial_window_bytes: 14_720,
    mtu_bytes: 1_452,
    queue_bytes: 256 * 1024,
    duplication_ppb: 0,
    reordering_ppb: 0,
    idle_timeout: Duration::from_secs(60),
    keep_alive: Some(Duration::from_secs(20)),
};

#[derive(Clone, Copy)]
enum Choice {
    Quic,
    Message,
}

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<NetworkPlan> {
    let mut map = field.map(problems, "a map, as in `network: { topology: lan }`")?;
    let choice = match map.optional("transport") {
        Some(field) => field.choice(problems, &[("quic", Choice::Quic), ("message", Choice::Message)], &[]),
        None => Some(Choice::Quic),
    };
    let topology = map.required("topology", "gulf-5");
    let topology = topology.and_then(|field| match field.node.value {
        Value::Map(_) => inline(&field, problems).map(|topology| ("inline".to_owned(), topology)),
        _ => named(&field, problems),
    });
    let loss = match map.optional("loss") {
        Some(field) => field.within(problems, &units::SHARE, (0, "0"), (500_000_000, "50%")),
        None => Some(0),
    };
    let transport = match choice {
        Some(Choice::Quic) => Transport::Quic(quic(&mut map, problems)),
        Some(Choice::Message) => {
            for key in QUIC_KEYS {
                refuse(&mut map, key, problems);
            }
            Transport::Message
        }
        // One mistake is enough: whatever the keys are, they may be right.
        None => {
            quic(&mut map, &mut Problems::default());
            Transport::Message
        }
    };
    // Read by [`transfers`], when it is known how many replicas there are.
    map.optional("transfers");
    map.finish(problems);
    let (name, topology) = topology?;
    Some(NetworkPlan {
        transport,
        topology: name,
        regions: topology.regions,
        delays: topology.delays,
        loss_ppb: loss.unwrap_or(0),
        transfers: Vec::new(),
    })
}

fn quic(map: &mut Map<'_>, problems: &mut Problems) -> QuicPlan {
    let mut plan = QUIC;
    if let Some(field) = map.optional("congestion_control") {
        let choices =
            [("cubic", Congestion::Cubic), ("newreno", Congestion::NewReno), ("bbr", Congestion::Bbr)];
        plan.congestion = field.choice(problems, &choices, &[]).unwrap_or(plan.congestion);
    }
    if let Some(field) = map.optional("initial_window") {
        let window = field.within(problems, &units::SIZE, (2_400, "2400B"), (16 << 20, "16MiB"));
        plan.initial_window_bytes = window.unwrap_or(plan.initial_window_bytes);
    }
    if let Some(field) = map.optional("mtu") {
        let mtu = field.within(problems, &units::SIZE, (1_200, "1200B"), (65_000, "65000B"));
        plan.mtu_bytes = mtu.map_or(plan.mtu_bytes, |mtu| mtu as u16);
    }
    if let Some(field) = map.optional("queue") {
        let queue = field.within(problems, &units::SIZE, (1_500, "1500B"), (1 << 40, "1TiB"));
        plan.queue_bytes = queue.unwrap_or(plan.queue_bytes);
    }
    for (key, slot) in [("duplication", &mut plan.duplication_ppb), ("reordering", &mut plan.reordering_ppb)]
    {
        let field = map.optional(key);
        let share =
            field.and_then(|field| field.within(problems, &units::SHARE, (0, "0"), (500_000_000, "50%")));
        *slot = share.unwrap_or(*slot);
    }
    let span = |field: Field<'_>, problems: &mut Problems| {
        field.within(problems, &units::DURATION, (Duration::from_millis(100), "100ms"), super::SPAN_MAX)
    };
    if let Some(field) = map.optional("idle_timeout") {
        plan.idle_timeout = span(field, problems).unwrap_or(plan.idle_timeout);
    }
    if let Some(field) = map.optional("keep_alive") {
        plan.keep_alive = match field.node.value {
            Value::Scalar { ref text, .. } if text == "off" => None,
            _ => {
                let written = span(field, problems);
                if let (None, Some(report)) = (written, problems.0.last_mut()) {
                    report.help("or `off`");
                }
                written.or(plan.keep_alive)
            }
        };
    }
    plan
}

/// `network.transfers`; `replicas` and `duration` are `None` when they have mistakes of their own.
pub(super) fn transfers(
    network: &Field<'_>,
    replicas: Option<usize>,
    duration: Option<Duration>,
    problems: &mut Problems,
) -> Vec<TransferPlan> {
    let mut silent = Problems::default();
    let map = network.map(&mut silent, "a map");
    let Some(field) = map.and_then(|mut map| map.optional("transfers")) else { return Vec::new() };
    let items = field.list(problems, "a list, as in `- { at: 5s, from: 0, to: 1, size: 100MB }`");
    let items = items.unwrap_or_default();
    items.iter().filter_map(|item| transfer(item, replicas, duration, problems)).collect()
}

fn transfer(
    item: &Field<'_>,
    replicas: Option<usize>,
    duration: Option<Duration>,
    problems: &mut Problems,
) -> Option<TransferPlan> {
    let mut map = item.map(problems, "a transfer, as in `{ at: 5s, from: 0, to: 1, size: 100MB }`")?;
    let at = map.required("at", "5s").and_then(|field| super::fault::start(&field, duration, problems));
    let mut replica = |key, example| {
        let field = map.required(key, example)?;
        let replica = field.read(problems, &units::INTEGER)?;
        if let Some(count) = replicas.filter(|count| replica >= *count as u64) {
            let report = field.wrong(problems, format!("there is no replica {replica}"));
            report.help(format!("the replicas are 0 to {}", count - 1));
            return None;
        }
        Some(replica as usize)
    };
    let (from, to) = (replica("from", "0"), replica("to", "1"));
    let bytes = map
        .required("size", "100MB")
        .and_then(|field| field.within(problems, &units::SIZE, (1, "1B"), (128 << 20, "128MiB")));
    map.finish(problems);
    if from.is_some() && from == to {
        item.wrong(problems, "a transfer to oneself").help("`from` and `to` are two replicas");
        return None;
    }
    Some(TransferPlan { at: at?, from: from?, to: to?, bytes: bytes? })
}

/// A key that only `transport: quic` reads.
fn refuse(map: &mut Map<'_>, key: &'static str, problems: &mut Problems) {
    if let Some(field) = map.optional(key) {
        let message = format!("`{key}` belongs to `transport: quic`");
        problems.report(field.key, field.path, message).help("leave it out, or write `transport: quic`");
    }
}

fn named(field: &Field<'_>, problems: &mut Problems) -> Option<(String, Topology)> {
    let name = field.text(problems, "a topology's name, or its regions and matrix")?;
    let topology = topology::named(name);
    if topology.is_none() {
        let report = field.wrong(problems, format!("there is no topology {}", quote(name)));
        if name.ends_with(".yaml") || name.ends_with(".yml") {
            report.help(
                "topologies are not read from files in this version: write `regions` and `matrix` here",
            );
        }
        report.suggest(name, topology::NAMES.iter().copied());
        report.help(format!("expected one of {}, or `regions` and `matrix`", topology::NAMES.join(", ")));
    }
    topology.map(|topology| (name.to_owned(), topology))
}

fn inline(field: &Field<'_>, problems: &mut Problems) -> Option<Topology> {
    let mut map = field.map(problems, "`regions` and `matrix`")?;
    let regions = map.required("regions", "[riyadh, dubai]");
    let matrix = map.required("matrix", "[[0.2ms, 8ms], [8ms, 0.2ms]]");
    map.finish(problems);
    let regions = regions.and_then(|field| regions_of(&field, problems));
    let delays = matrix.and_then(|field| delays_of(&field, regions.as_ref().map(Vec::len), problems));
    Some(Topology { regions: regions?, delays: delays? })
}

fn regions_of(field: &Field<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let items = field.list(problems, "names, as in `[riyadh, dubai]`")?;
    if items.is_empty() || items.len() > REGIONS_MAX {
        let report = field.wrong(problems, format!("a topology of {} regions", items.len()));
        report.help(format!("expected 1 to {REGIONS_MAX}"));
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for item in &items {
        let name = item.text(problems, "a region's name")?;
        if names.iter().any(|known| known == name) {
            item.wrong(problems, format!("the region {} is there twice", quote(name))).help("remove one");
        }
        names.push(name.to_owned());
    }
    Some(names)
}

/// `None` unless the matrix is square: placement indexes it by region.
fn delays_of(
    field: &Field<'_>,
    regions: Option<usize>,
    problems: &mut Problems,
) -> Option<Vec<Vec<DelayPlan>>> {
    let rows = field.list(problems, "one row a region, each with one delay a region")?;
    let mut square = has_length(field, "row", rows.len(), regions, problems);
    let mut delays = Vec::new();
    for row in &rows {
        let Some(cells) = row.list(problems, "one delay a region, as in `[0.2ms, 8ms]`") else {
            square = false;
            continue;
        };
        square &= has_length(row, "delay", cells.len(), regions, problems);
        let cells: Vec<_> = cells.iter().map(|cell| cell.read(problems, &units::DELAY)).collect();
        delays.push(cells.into_iter().collect());
    }
    let delays: Option<Vec<Vec<DelayPlan>>> = delays.into_iter().collect();
    delays.filter(|_| square)
}

fn has_length(
    field: &Field<'_>,
    what: &str,
    found: usize,
    regions: Option<usize>,
    problems: &mut Problems,
) -> bool {
    let Some(regions) = regions.filter(|regions| *regions != found) else { return true };
    let plural = if found == 1 { "" } else { "s" };
    field
        .wrong(problems, format!("{found} {what}{plural} for {regions} regions"))
        .help("`matrix[from][to]` has a one-way delay for every pair of regions");
    false
}
