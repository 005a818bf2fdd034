//! `- drug_supply:`

use super::rate;
use crate::diagnostic::{Problems, one_of, quote};
use crate::plan::{DrugSupplyPlan, NetworkPlan, RingPlan, WorkloadPlan};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

/// Commissioning, packing and a label for each must fit into one transaction.
const PACKS_PER_PALLET_MAX: u64 = 384;
const CASES_MAX: (u64, &str) = (16, "16");
const PACKS_MAX: (u64, &str) = (192, "192");
const PERCENT: u64 = 10_000_000;
/// Longest that a ring is at it.
const RING_MAX: (Duration, &str) = (Duration::from_secs(366 * 86_400), "366d");

pub(super) fn read(
    field: &Field<'_>,
    network: Option<&NetworkPlan>,
    problems: &mut Problems,
) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `drug_supply: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    let packs = count(&mut map, "packs_per_case", 24, PACKS_MAX, problems);
    let cases = count(&mut map, "cases_per_pallet", 4, CASES_MAX, problems);
    let mut share = |key, default| match map.optional(key) {
        Some(field) => field.read(problems, &units::SHARE),
        None => Some(default),
    };
    let resold = share("resold", 30 * PERCENT);
    let verified = share("verified", 20 * PERCENT);
    let returned = share("returned", 3 * PERCENT);
    let reversed = share("reversed", PERCENT);
    let recalled = share("recalled", 0);
    let expiring = share("expiring", 0);
    let careless = share("careless", 20 * PERCENT);
    let wrongs = ["counterfeit", "clone", "mislabelled", "diversion"].map(|key| share(key, 0));
    let ring = match map.optional("ring") {
        Some(field) => Some(Some(ring(&field, network, problems)?)),
        None => Some(None),
    };
    map.finish(problems);
    let [counterfeit, clone, mislabelled, diversion] = wrongs;
    if wrongs.into_iter().flatten().sum::<u64>() > 50 * PERCENT {
        field
            .wrong(problems, "more than half of all operations are wrong on purpose")
            .help("expected `counterfeit`, `clone`, `mislabelled` and `diversion` of at most 50% together");
        return None;
    }
    let (packs_per_case, cases_per_pallet) = (packs?, cases?);
    let pallet = packs_per_case * cases_per_pallet;
    if pallet > PACKS_PER_PALLET_MAX {
        field.wrong(problems, format!("a pallet of {pallet} packs does not fit into a transaction")).help(
            format!("expected `packs_per_case` × `cases_per_pallet` of at most {PACKS_PER_PALLET_MAX}"),
        );
        return None;
    }
    let supply = DrugSupplyPlan {
        packs_per_case,
        cases_per_pallet,
        resold_ppb: resold?,
        verified_ppb: verified?,
        returned_ppb: returned?,
        reversed_ppb: reversed?,
        recalled_ppb: recalled?,
        expiring_ppb: expiring?,
        careless_ppb: careless?,
        counterfeit_ppb: counterfeit?,
        clone_ppb: clone?,
        mislabelled_ppb: mislabelled?,
        diversion_ppb: diversion?,
        ring: ring?,
    };
    Some(WorkloadPlan::DrugSupply { rate_mhz: rate?, supply })
}

fn count(
    map: &mut Map<'_>,
    key: &'static str,
    default: u64,
    most: (u64, &str),
    problems: &mut Problems,
) -> Option<u64> {
    match map.optional(key) {
        Some(field) => field.within(problems, &units::COUNT, (1, "1"), most),
        None => Some(default),
    }
}

fn ring(field: &Field<'_>, network: Option<&NetworkPlan>, problems: &mut Problems) -> Option<RingPlan> {
    let example = "a map, as in `ring: { region: me-south-1, at: 10s, for: 20s, share: 30% }`";
    let mut map = field.map(problems, example)?;
    let region = map.required("region", "me-south-1").and_then(|field| region(&field, network, problems));
    let at = map.required("at", "10s");
    let at = at.and_then(|field| field.within(problems, &units::DURATION, (Duration::ZERO, "0s"), RING_MAX));
    let lasts = map.required("for", "20s");
    let lasts = lasts.and_then(|field| {
        field.within(problems, &units::DURATION, (Duration::from_millis(1), "1ms"), RING_MAX)
    });
    let share = map.required("share", "30%").and_then(|field| field.read(problems, &units::SHARE));
    map.finish(problems);
    Some(RingPlan { region: region?, at: at?, lasts: lasts?, share_ppb: share? })
}

fn region(field: &Field<'_>, network: Option<&NetworkPlan>, problems: &mut Problems) -> Option<usize> {
    let name = field.text(problems, "a region of the topology")?;
    let regions = &network?.regions;
    let found = regions.iter().position(|region| region == name);
    if found.is_none() {
        let report = field.wrong(problems, format!("{} is not a region of the topology", quote(name)));
        report.suggest(name, regions.iter().map(String::as_str));
        report.help(format!("expected {}", one_of(regions.iter().map(String::as_str))));
    }
    found
}
