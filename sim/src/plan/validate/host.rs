//! `host:` and `gateway_host:`: a named profile, or a profile with some of its figures replaced.
//!
//! The reference figures were measured on one core of an AMD EPYC with the libraries that the ledger uses.

use crate::diagnostic::Problems;
use crate::plan::HostPlan;
use crate::scenario::node::Value;
use crate::scenario::reader::{Field, Map};
use crate::scenario::units::{self, Unit};
use ledger_core::time::{Duration, nanos};

type Profile = (&'static str, fn() -> HostPlan);

const PROFILES: &[Profile] = &[
    ("reference-8core", || reference("reference-8core", 8, 10_000_000_000)),
    ("reference-2core", || reference("reference-2core", 2, 10_000_000_000)),
    ("gateway-2core", || reference("gateway-2core", 2, 1_000_000_000)),
    ("ideal", ideal),
];
const CORES_MAX: u64 = 1_024;
/// Dearest single operation that a cost table may hold.
const COST_MAX: (Duration, &str) = (Duration::from_secs(10), "10s");

fn reference(profile: &str, cores: usize, bandwidth_bits_per_s: u64) -> HostPlan {
    HostPlan {
        profile: profile.to_owned(),
        cores,
        message_ns: 2_000,
        datagram_ns: 2_400,
        handshake_ns: 230_000,
        verify_ns: 32_000,
        verify_batched_ns: 20_000,
        sign_ns: 18_000,
        hash_ns_per_kib: 600,
        seal_ns_per_kib: 140,
        wrap_ns: 70_000,
        execute_ns: 3_000,
        disk_append_ns: 5_000,
        disk_sync_ns: 250_000,
        disk_bytes_per_s: 1_000_000_000,
        bandwidth_bits_per_s,
    }
}

/// Computation and disk cost nothing and the network card hardly anything: only the network's delays are left, which is
/// what simulators without a cost model measure.
fn ideal() -> HostPlan {
    HostPlan {
        profile: "ideal".to_owned(),
        cores: 8,
        message_ns: 0,
        datagram_ns: 0,
        handshake_ns: 0,
        verify_ns: 0,
        verify_batched_ns: 0,
        sign_ns: 0,
        hash_ns_per_kib: 0,
        seal_ns_per_kib: 0,
        wrap_ns: 0,
        execute_ns: 0,
        disk_append_ns: 0,
        disk_sync_ns: 0,
        disk_bytes_per_s: 1_000_000_000_000_000,
        bandwidth_bits_per_s: 1_000_000_000_000_000,
    }
}

/// Reads a host; `default` is the profile when nothing is written.
pub(super) fn read(field: Option<Field<'_>>, default: &str, problems: &mut Problems) -> Option<HostPlan> {
    let base = PROFILES.iter().find(|(name, _)| *name == default).map(|(_, make)| make())?;
    let Some(field) = field else { return Some(base) };
    if !matches!(field.node.value, Value::Map(_)) {
        return field.choice(problems, PROFILES, &[]).map(|make| make());
    }
    let mut map = field.map(problems, "a profile or a map")?;
    let mut host = match map.optional("profile") {
        Some(profile) => profile.choice(problems, PROFILES, &[]).map_or(base, |make| make()),
        None => base,
    };
    if let Some(cores) = map.optional("cores") {
        let cores = cores.within(problems, &units::COUNT, (1, "1"), (CORES_MAX, "1024"));
        host.cores = cores.map_or(host.cores, |cores| cores as usize);
    }
    if let Some(mut costs) =
        map.optional("costs").and_then(|field| field.map(problems, "a map, as in `costs: { verify: 32us }`"))
    {
        for (key, slot) in [
            ("message", &mut host.message_ns),
            ("datagram", &mut host.datagram_ns),
            ("handshake", &mut host.handshake_ns),
            ("verify", &mut host.verify_ns),
            ("verify_batched", &mut host.verify_batched_ns),
            ("sign", &mut host.sign_ns),
            ("hash_per_kib", &mut host.hash_ns_per_kib),
            ("seal_per_kib", &mut host.seal_ns_per_kib),
            ("wrap", &mut host.wrap_ns),
            ("execute", &mut host.execute_ns),
        ] {
            cost(&mut costs, key, slot, problems);
        }
        costs.finish(problems);
    }
    if let Some(mut disk) =
        map.optional("disk").and_then(|field| field.map(problems, "a map, as in `disk: { sync: 250us }`"))
    {
        cost(&mut disk, "append", &mut host.disk_append_ns, problems);
        cost(&mut disk, "sync", &mut host.disk_sync_ns, problems);
        speed(&mut disk, &units::BYTES_PER_SECOND, ("1kB/s", 1_000), &mut host.disk_bytes_per_s, problems);
        disk.finish(problems);
    }
    speed(&mut map, &units::BITS_PER_SECOND, ("1kbit/s", 1_000), &mut host.bandwidth_bits_per_s, problems);
    map.finish(problems);
    Some(host)
}

fn cost(map: &mut Map<'_>, key: &'static str, slot: &mut u64, problems: &mut Problems) {
    let field = map.optional(key);
    let least = (Duration::ZERO, "0ns");
    let cost = field.and_then(|field| field.within(problems, &units::DURATION, least, COST_MAX));
    *slot = cost.map_or(*slot, nanos);
}

fn speed(
    map: &mut Map<'_>,
    unit: &Unit<u64>,
    (text, least): (&str, u64),
    slot: &mut u64,
    problems: &mut Problems,
) {
    let Some(field) = map.optional("bandwidth") else { return };
    let most = (1_000_000_000_000_000, "10^15 a second");
    *slot = field.within(problems, unit, (least, text), most).unwrap_or(*slot);
}
