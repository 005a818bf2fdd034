//! `workloads:` and `arrivals:`

mod claims;
mod clinical_trial;
mod drug_supply;
mod telemedicine;

use crate::diagnostic::{Problems, one_of, quote};
use crate::plan::{Arrivals, LedgerPlan, NetworkPlan, RecordMix, Rotation, WorkloadPlan};
use crate::scenario::node::Value;
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::ledger::transaction::ACTIONS_MAX;
use ledger_core::time::{Duration, nanos};

const KINDS: [&str; 7] = [
    "opaque",
    "access_decisions",
    "personal_health_record",
    "clinical_trial",
    "drug_supply",
    "telemedicine",
    "claims",
];
const FORM: &str = "one workload an item, as in `- opaque: { rate: 1000/s }`";
/// 100 million operations a second.
const RATE_MAX: (u64, &str) = (100_000_000_000, "100M/s");
const OPAQUE_BYTES: u64 = 512;
const BUNDLE: u64 = 16;
const ZIPF_MILLI: u64 = 800;
const MIX: RecordMix = RecordMix::of([450_000, 350_000, 150_000, 50_000, 0]);
const ROTATIONS: [(&str, Rotation); 2] = [("lazy", Rotation::Lazy), ("eager", Rotation::Eager)];
const WHOLE: u64 = 1_000_000;

pub(super) fn read(
    field: &Field<'_>,
    ledger: Option<&LedgerPlan>,
    network: Option<&NetworkPlan>,
    problems: &mut Problems,
) -> Option<Vec<WorkloadPlan>> {
    let items = field.list(problems, "a list, as in `- opaque: { rate: 1000/s }`")?;
    if items.is_empty() {
        field.wrong(problems, "no workload, so nothing happens").help(format!("expected {FORM}"));
        return None;
    }
    let workloads: Vec<Option<WorkloadPlan>> =
        items.iter().map(|item| workload(item, ledger, network, problems)).collect();
    let kinds: Vec<Option<&str>> = items.iter().map(kind).collect();
    let executed = kinds.iter().any(|kind| kind.is_some_and(|kind| kind != "opaque"));
    if let Some(at) = kinds.iter().position(|kind| *kind == Some("opaque")).filter(|_| executed) {
        items[at]
            .wrong(problems, "`opaque` beside workloads that are executed")
            .help("opaque bytes switch execution off for the whole run: split this into two scenarios");
    }
    let of_devices = (0..kinds.len()).filter(|at| kinds[*at] == Some("telemedicine")).nth(1);
    if let Some(at) = of_devices {
        items[at]
            .wrong(problems, "a second `telemedicine`, and devices are one workload's alone")
            .help("raise the rate of the first");
    }
    workloads.into_iter().collect()
}

/// The workload that an item names, whether or not its figures are right.
fn kind<'a>(item: &Field<'a>) -> Option<&'a str> {
    let Value::Map(entries) = &item.node.value else { return None };
    let known = |key: &&str| KINDS.contains(key);
    entries.iter().map(|entry| entry.key.as_str()).find(known)
}

fn workload(
    item: &Field<'_>,
    ledger: Option<&LedgerPlan>,
    network: Option<&NetworkPlan>,
    problems: &mut Problems,
) -> Option<WorkloadPlan> {
    let (kind, field) = item.single(problems, FORM)?;
    match kind {
        "opaque" => opaque(&field, ledger, problems),
        "access_decisions" => access_decisions(&field, problems),
        "personal_health_record" => personal_health_record(&field, problems),
        "clinical_trial" => clinical_trial::read(&field, problems),
        "drug_supply" => drug_supply::read(&field, network, problems),
        "telemedicine" => telemedicine::read(&field, problems),
        "claims" => claims::read(&field, problems),
        _ => {
            let report = problems.report(field.key, field.path, format!("unknown workload {}", quote(kind)));
            report.suggest(kind, KINDS);
            report.help(format!("expected {}", one_of(KINDS)));
            None
        }
    }
}

fn rate(map: &mut Map<'_>, problems: &mut Problems) -> Option<u64> {
    let field = map.required("rate", "400/s")?;
    let rate = field.read(problems, &units::RATE)?;
    if rate == 0 {
        field.wrong(problems, "a rate of zero").help("remove the workload instead");
        return None;
    }
    if rate > RATE_MAX.0 {
        field.wrong(problems, "the rate is too large").help(format!("expected at most {}", RATE_MAX.1));
        return None;
    }
    Some(rate)
}

fn opaque(field: &Field<'_>, ledger: Option<&LedgerPlan>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `opaque: { rate: 1000/s, size: 512B }`")?;
    let rate = rate(&mut map, problems);
    let size = match map.optional("size") {
        Some(field) => {
            let most = ledger.map_or(u64::MAX, |ledger| ledger.block_bytes_max as u64);
            let most_text = format!("`ledger.tuning.block_bytes_max`, {most} bytes");
            field.within(problems, &units::SIZE, (16, "16B"), (most, &most_text))
        }
        None => Some(OPAQUE_BYTES),
    };
    map.finish(problems);
    Some(WorkloadPlan::Opaque { rate_mhz: rate?, size_bytes: size? as usize })
}

fn access_decisions(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `access_decisions: { rate: 60k/s, bundle: 16 }`")?;
    let rate = rate(&mut map, problems);
    let bundle = match map.optional("bundle") {
        Some(field) => {
            let most = ACTIONS_MAX as u64;
            let most_text = format!("{most}, the most actions of a bundle");
            field.within(problems, &units::COUNT, (1, "1 (individually signed)"), (most, &most_text))
        }
        None => Some(BUNDLE),
    };
    map.finish(problems);
    Some(WorkloadPlan::AccessDecisions { rate_mhz: rate?, bundle: bundle? })
}

fn personal_health_record(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `personal_health_record: { rate: 400/s }`")?;
    let rate = rate(&mut map, problems);
    let mix = match map.optional("mix") {
        Some(field) => mix(&field, problems),
        None => Some(MIX),
    };
    let zipf = match map.optional("zipf") {
        Some(field) => field.within(problems, &units::FACTOR, (0, "0 (uniform)"), (3_000, "3")),
        None => Some(ZIPF_MILLI),
    };
    let rotation = match map.optional("rotation") {
        Some(field) => field.choice(problems, &ROTATIONS, &[]),
        None => Some(Rotation::default()),
    };
    let unreviewed = match map.optional("unreviewed") {
        Some(field) => millionths(&field, problems),
        None => Some(0),
    };
    map.finish(problems);
    Some(WorkloadPlan::PersonalHealthRecord {
        rate_mhz: rate?,
        mix: mix?,
        zipf_milli: zipf?,
        unreviewed_ppm: unreviewed?,
        rotation: rotation?,
    })
}

/// The parts that are written must add up to the whole; those that are not are 0.
fn mix(field: &Field<'_>, problems: &mut Problems) -> Option<RecordMix> {
    let mut map = field.map(problems, "shares of operations, as in `{ register: 60%, share: 40% }`")?;
    let mut part = |key| match map.optional(key) {
        Some(field) => millionths(&field, problems),
        None => Some(0),
    };
    let parts = ["register", "share", "consent", "audit", "break_glass", "keys", "erase", "delegate"];
    let parts = parts.map(&mut part);
    let misspelt = map.has_unknown();
    map.finish(problems);
    let [register, share, consent, audit, break_glass, keys, erase, delegate] = parts;
    let mix = RecordMix {
        register: register?,
        share: share?,
        consent: consent?,
        audit: audit?,
        break_glass: break_glass?,
        keys: keys?,
        erase: erase?,
        delegate: delegate?,
    };
    let sum: u64 = parts.into_iter().flatten().map(u64::from).sum();
    if misspelt {
        return None;
    }
    if sum != WHOLE {
        let percent = format!("{}.{:04}", sum / 10_000, sum % 10_000);
        let percent = percent.trim_end_matches('0').trim_end_matches('.');
        field.wrong(problems, format!("the mix adds up to {percent}%")).help("expected 100%");
        return None;
    }
    Some(mix)
}

fn millionths(field: &Field<'_>, problems: &mut Problems) -> Option<u32> {
    let billionths = field.read(problems, &units::SHARE)?;
    if !billionths.is_multiple_of(1_000) {
        field
            .wrong(problems, "finer than one in a million")
            .help("expected at most 4 decimals of a percentage");
        return None;
    }
    u32::try_from(billionths / 1_000).ok()
}

/// `arrivals:`
pub(super) fn arrivals(field: &Field<'_>, problems: &mut Problems) -> Option<Arrivals> {
    const NAMES: [(&str, Arrivals); 2] = [("poisson", Arrivals::Poisson), ("constant", Arrivals::Constant)];
    const EXPECTED: &str = "`poisson`, `constant`, or one of `burst: {…}`, `diurnal: {…}`, `closed: {…}`";
    if matches!(field.node.value, Value::Scalar { .. }) {
        let text = field.text(problems, EXPECTED)?;
        let example = match text {
            "burst" => "burst: { every: 10s, on: 1s, factor: 5 }",
            "diurnal" => "diurnal: { day: 60s, peak: 1.5 }",
            "closed" => "closed: { clients: 64 }",
            _ => return field.choice(problems, &NAMES, &[]),
        };
        let message = format!("{} needs its figures", quote(text));
        field.wrong(problems, message).help(format!("as in `arrivals: {{ {example} }}`"));
        return None;
    }
    let (kind, field) = field.single(problems, EXPECTED)?;
    match kind {
        "burst" => burst(&field, problems),
        "diurnal" => diurnal(&field, problems),
        "closed" => closed(&field, problems),
        _ => {
            let report = problems.report(field.key, field.path, format!("unknown arrivals {}", quote(kind)));
            report.suggest(kind, ["burst", "diurnal", "closed"]);
            report.help(format!("expected {EXPECTED}"));
            None
        }
    }
}

const CYCLE_LEAST: (Duration, &str) = (Duration::from_millis(1), "1ms");
const CYCLE_MOST: (Duration, &str) = (Duration::from_secs(86_400), "24h");

fn burst(field: &Field<'_>, problems: &mut Problems) -> Option<Arrivals> {
    let mut map = field.map(problems, "a map, as in `burst: { every: 10s, on: 1s, factor: 5 }`")?;
    let every = map.required("every", "10s");
    let every = every.and_then(|field| field.within(problems, &units::DURATION, CYCLE_LEAST, CYCLE_MOST));
    let on = map.required("on", "1s");
    let on = on.and_then(|field| field.within(problems, &units::DURATION, CYCLE_LEAST, CYCLE_MOST));
    let factor_field = map.required("factor", "5");
    let factor = factor_field.as_ref();
    let factor =
        factor.and_then(|field| field.within(problems, &units::FACTOR, (1_000, "1"), (1_000_000, "1000")));
    map.finish(problems);
    let (every, on, factor_milli) = (every?, on?, factor?);
    if on >= every {
        field.wrong(problems, "the burst is as long as its cycle").help("expected `on` shorter than `every`");
        return None;
    }
    if u128::from(nanos(on)) * u128::from(factor_milli) > u128::from(nanos(every)) * 1_000 {
        let most = u128::from(nanos(every)) * 1_000 / u128::from(nanos(on));
        let message = "the burst alone is more than the mean rate of the whole cycle";
        factor_field?.wrong(problems, message).help(format!(
            "expected at most `every` / `on`, {}.{:03}",
            most / 1_000,
            most % 1_000
        ));
        return None;
    }
    Some(Arrivals::Burst { every, on, factor_milli })
}

fn diurnal(field: &Field<'_>, problems: &mut Problems) -> Option<Arrivals> {
    let mut map = field.map(problems, "a map, as in `diurnal: { day: 60s, peak: 1.5 }`")?;
    let day = map.required("day", "60s");
    let day = day.and_then(|field| field.within(problems, &units::DURATION, CYCLE_LEAST, CYCLE_MOST));
    let peak = map.required("peak", "1.5");
    let peak = peak.and_then(|field| field.within(problems, &units::FACTOR, (1_000, "1"), (2_000, "2")));
    map.finish(problems);
    Some(Arrivals::Diurnal { day: day?, peak_milli: peak? })
}

fn closed(field: &Field<'_>, problems: &mut Problems) -> Option<Arrivals> {
    let mut map = field.map(problems, "a map, as in `closed: { clients: 64 }`")?;
    let clients = map.required("clients", "64");
    let clients =
        clients.and_then(|field| field.within(problems, &units::COUNT, (1, "1"), (10_000_000, "10M")));
    map.finish(problems);
    Some(Arrivals::Closed { clients: clients? })
}
