//! `ledger:`

use crate::diagnostic::{Problems, quote};
use crate::plan::{LedgerPlan, NetworkPlan, PolicyPlan, ProtocolName, ReplicaPlan};
use crate::scenario::node::Value;
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

/// Most replicas of one ledger.
pub(super) const REPLICAS_MAX: u64 = 400;
const STAKE_MAX: u64 = 1_000_000_000;
const LEADERS_PER_ROUND: usize = 2;
const KIB: usize = 1 << 10;

/// What `ledger:` says. What a mistake hides is `None`.
pub(super) struct Ledger {
    pub plan: LedgerPlan,
    /// How many replicas: known even when the topology is not.
    pub count: Option<usize>,
    pub replicas: Option<Vec<ReplicaPlan>>,
    /// Whether the interval is written, not filled in.
    pub checkpoint_interval_written: bool,
}

/// `ledger.replicas`, region by region as far as they are known.
struct Committee {
    regions: Vec<Option<usize>>,
    stakes: Vec<Option<u64>>,
}

impl Committee {
    fn replicas(&self) -> Option<Vec<ReplicaPlan>> {
        let replica = |(region, stake): (&Option<usize>, &Option<u64>)| {
            Some(ReplicaPlan { region: (*region)?, stake: (*stake)? })
        };
        self.regions.iter().zip(&self.stakes).map(replica).collect()
    }
}

pub(super) fn read(
    field: &Field<'_>,
    network: Option<&NetworkPlan>,
    problems: &mut Problems,
) -> Option<Ledger> {
    let mut map = field.map(problems, "a map, as in `ledger: { replicas: 4 }`")?;
    if let Some(protocol) = map.optional("protocol") {
        protocol.choice(problems, &[("mysticeti", ())], &["hotstuff", "pbft", "raft"]);
    }
    let committee = map.required("replicas", "4");
    let committee = committee.and_then(|field| committee_of(&field, network, problems));
    let stakes = committee.as_ref().and_then(|all| all.stakes.iter().copied().collect::<Option<Vec<u64>>>());
    if let (Some(tolerated), Some(stakes)) = (map.optional("faults_tolerated"), stakes) {
        check_tolerance(&tolerated, &stakes, problems);
    }
    let count = committee.as_ref().map(|all| all.stakes.len());
    let mut plan = defaults(count.unwrap_or(usize::MAX));
    let interval = map.optional("checkpoint_interval");
    let checkpoint_interval_written = interval.is_some();
    if let Some(interval) = interval {
        let (least, most) = ((1, "1"), (1_000_000, "1M"));
        plan.checkpoint_interval = interval.within(problems, &units::COUNT, least, most).unwrap_or(1);
    }
    if let Some(mut policy) = map
        .optional("policy")
        .and_then(|field| field.map(problems, "a map, as in `policy: { review_window: 72h }`"))
    {
        agree(&mut plan.policy, &mut policy, problems);
        policy.finish(problems);
    }
    if let Some(mut tuning) = map.optional("tuning").and_then(|field| {
        field.map(problems, "a map, as in `tuning: { leaders_per_round: 2, leader_timeout: 500ms }`")
    }) {
        tune(&mut plan, &mut tuning, count, problems);
        tuning.finish(problems);
    }
    map.finish(problems);
    let replicas = committee.and_then(|all| all.replicas());
    Some(Ledger { plan, count, replicas, checkpoint_interval_written })
}

fn defaults(replicas: usize) -> LedgerPlan {
    LedgerPlan {
        protocol: ProtocolName::Mysticeti,
        checkpoint_interval: 1,
        policy: PolicyPlan::default(),
        execution: true,
        leaders_per_round: LEADERS_PER_ROUND.min(replicas),
        leader_timeout: Duration::from_millis(500),
        min_round_interval: Duration::from_millis(10),
        gc_depth: 100,
        block_bytes_max: 512 * KIB,
        mempool_bytes_max: 64 * KIB * KIB,
    }
}

fn agree(plan: &mut PolicyPlan, policy: &mut Map<'_>, problems: &mut Problems) {
    let (least, most) = ((Duration::from_millis(1), "1ms"), (Duration::from_secs(366 * 86_400), "8784h"));
    for (key, slot) in plan.windows() {
        let value =
            policy.optional(key).and_then(|field| field.within(problems, &units::DURATION, least, most));
        *slot = value.unwrap_or(*slot);
    }
}

fn tune(plan: &mut LedgerPlan, tuning: &mut Map<'_>, replicas: Option<usize>, problems: &mut Problems) {
    if let Some(field) = tuning.optional("leaders_per_round") {
        let leaders =
            field.within(problems, &units::COUNT, (1, "1"), (REPLICAS_MAX, "the number of replicas"));
        if let (Some(leaders), Some(replicas)) = (leaders, replicas) {
            plan.leaders_per_round = leaders as usize;
            if plan.leaders_per_round > replicas {
                let report =
                    field.wrong(problems, format!("{leaders} leaders a round of {replicas} replicas"));
                report.help(format!("expected 1 to {replicas}: a replica leads at most once a round"));
            }
        }
    }
    let least = (Duration::from_micros(1), "1us");
    let most = (Duration::from_secs(3_600), "1h");
    for (key, slot) in
        [("leader_timeout", &mut plan.leader_timeout), ("min_round_interval", &mut plan.min_round_interval)]
    {
        let value =
            tuning.optional(key).and_then(|field| field.within(problems, &units::DURATION, least, most));
        *slot = value.unwrap_or(*slot);
    }
    if let Some(field) = tuning.optional("gc_depth") {
        let depth = field.within(problems, &units::COUNT, (10, "10"), (1_000_000, "1M"));
        plan.gc_depth = depth.unwrap_or(plan.gc_depth);
    }
    if let Some(field) = tuning.optional("block_bytes_max") {
        let most = (64 << 20, "64MiB");
        let size = field.within(problems, &units::SIZE, (4 << 10, "4KiB"), most);
        plan.block_bytes_max = size.map_or(plan.block_bytes_max, |size| size as usize);
    }
    if let Some(field) = tuning.optional("mempool_bytes_max") {
        let most = (16 << 30, "16GiB");
        let size = field.within(problems, &units::SIZE, (4 << 10, "4KiB"), most);
        plan.mempool_bytes_max = size.map_or(plan.mempool_bytes_max, |size| size as usize);
        if size.is_some() && plan.mempool_bytes_max < plan.block_bytes_max {
            let message = "the mempool is smaller than one block";
            let report = field.wrong(problems, message);
            report.help(format!("expected at least `block_bytes_max`, {} bytes", plan.block_bytes_max));
        }
    }
}

fn committee_of(
    field: &Field<'_>,
    network: Option<&NetworkPlan>,
    problems: &mut Problems,
) -> Option<Committee> {
    if matches!(field.node.value, Value::List(_)) {
        return listed(field, network, problems);
    }
    let (least, most) = ((1, "1"), (REPLICAS_MAX, "400"));
    let count = field.within(problems, &units::COUNT, least, most)? as usize;
    let region = |id| network.map(|network| id % network.regions.len());
    Some(Committee { regions: (0..count).map(region).collect(), stakes: vec![Some(1); count] })
}

fn listed(field: &Field<'_>, network: Option<&NetworkPlan>, problems: &mut Problems) -> Option<Committee> {
    let items = field.list(problems, "a number of replicas, or a list of them")?;
    if items.is_empty() || items.len() as u64 > REPLICAS_MAX {
        let report = field.wrong(problems, format!("a ledger of {} replicas", items.len()));
        report.help(format!("expected 1 to {REPLICAS_MAX}"));
        return None;
    }
    let (regions, stakes) = items.iter().map(|item| replica(item, network, problems)).unzip();
    Some(Committee { regions, stakes })
}

/// Region and stake.
fn replica(
    item: &Field<'_>,
    network: Option<&NetworkPlan>,
    problems: &mut Problems,
) -> (Option<usize>, Option<u64>) {
    let Some(mut map) = item.map(problems, "a replica, as in `{ region: riyadh, stake: 1 }`") else {
        return (None, None);
    };
    let region = map.required("region", "riyadh");
    let region = region.and_then(|field| region_id(&field, &network?.regions, problems));
    let stake = match map.optional("stake") {
        Some(field) => field.within(problems, &units::COUNT, (1, "1"), (STAKE_MAX, "1 billion")),
        None => Some(1),
    };
    map.later(problems, "host", "all replicas run on the machine under the scenario's key `host`");
    map.finish(problems);
    (region, stake)
}

fn region_id(field: &Field<'_>, regions: &[String], problems: &mut Problems) -> Option<usize> {
    let name = field.text(problems, "a region of the topology")?;
    let id = regions.iter().position(|region| region == name);
    if id.is_none() {
        let report = field.wrong(problems, format!("there is no region {}", quote(name)));
        report.suggest(name, regions.iter().map(String::as_str));
        report.help(format!("the topology has {}", regions.join(", ")));
    }
    id
}

/// `n >= 3f + 1`, counted in stake.
fn check_tolerance(field: &Field<'_>, stakes: &[u64], problems: &mut Problems) {
    let Some(tolerated) = field.within(problems, &units::COUNT, (0, "0"), (STAKE_MAX, "1 billion")) else {
        return;
    };
    let stake: u64 = stakes.iter().sum();
    let possible = (stake - 1) / 3;
    if tolerated <= possible {
        return;
    }
    let what = if stake == stakes.len() as u64 { "replicas" } else { "units of stake" };
    let faults = |count: u64| if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") };
    let message = format!("{stake} {what} cannot tolerate {}", faults(tolerated));
    let needed = 3 * tolerated + 1;
    field.wrong(problems, message).help(format!(
        "n >= 3f + 1: to tolerate {} takes {needed} {what}; {stake} tolerate {}",
        faults(tolerated),
        faults(possible)
    ));
}
