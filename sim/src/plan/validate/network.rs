//! `network:`

use crate::diagnostic::{Problems, quote};
use crate::network::topology::{self, Topology};
use crate::plan::{DelayPlan, NetworkPlan, Transport};
use crate::scenario::node::Value;
use crate::scenario::reader::Field;
use crate::scenario::units;

const REGIONS_MAX: usize = 256;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<NetworkPlan> {
    let mut map = field.map(problems, "a map, as in `network: { topology: lan }`")?;
    if let Some(transport) = map.optional("transport") {
        transport.choice(problems, &[("message", ())], &["quic"]);
    }
    let topology = map.required("topology", "gulf-5");
    let topology = topology.and_then(|field| match field.node.value {
        Value::Map(_) => inline(&field, problems).map(|topology| ("inline".to_owned(), topology)),
        _ => named(&field, problems),
    });
    let loss = match map.optional("loss") {
        Some(field) => field.within(problems, &units::SHARE, (0, "0"), (500_000_000, "50%")),
        None => Some(0),
    };
    map.later(problems, "congestion_control", "it belongs to `transport: quic`: leave it out");
    map.finish(problems);
    let (name, topology) = topology?;
    Some(NetworkPlan {
        transport: Transport::Message,
        topology: name,
        regions: topology.regions,
        delays: topology.delays,
        loss_ppb: loss.unwrap_or(0),
    })
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
