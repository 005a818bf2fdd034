//! What validation accepts, completes and refuses. The messages are held whole: they are what users see.

mod disks;
mod environment;
mod keys;
mod losses;
mod messages;
mod telemedicine;

use super::*;
use crate::network::topology;
use crate::plan::{Comparison, DelayPlan, FaultKind, InstitutionKind, RecordMix};
use proptest::collection::vec;
use proptest::prelude::{prop_assert, proptest};
use std::fs;
use std::path::Path;

/// A small valid scenario that the tests edit.
const BASE: &str = "\
# Does it hold?
name: base
duration: 60s
ledger: { replicas: 10 }
network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }
population: { patients: 10k, hospitals: 4, pharmacies: 2 }
workloads:
  - personal_health_record: { rate: 400/s }
faults: []
expect: [safety]
";

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(BASE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "nothing to edit: {from}");
        text.replacen(from, to, 1)
    })
}

fn read(text: &str, overrides: &[&str]) -> Result<Plan, Diagnostics> {
    let mut scenario = Scenario::parse("x.yaml", text)?;
    for assignment in overrides {
        scenario.set(assignment);
    }
    Plan::from_scenario(&scenario)
}

fn valid(edits: &[(&str, &str)]) -> Plan {
    read(&edited(edits), &[]).unwrap_or_else(|errors| panic!("{errors}"))
}

/// `{topologies}` in `expected` stands for the names of all topologies.
#[track_caller]
fn refused(text: &str, overrides: &[&str], expected: &str) {
    let expected = expected.replace("{topologies}", &topology::NAMES.join(", "));
    match read(text, overrides) {
        Ok(_) => panic!("accepted, expected:\n{expected}\n\n{text}"),
        Err(errors) => assert_eq!(errors.to_string(), expected, "\n\n{text}"),
    }
}

#[test]
fn defaults_are_filled_in() {
    let plan = valid(&[]);
    assert_eq!(plan.question, "Does it hold?");
    assert_eq!((plan.seed, plan.warmup, plan.drain), (1, Duration::ZERO, 30 * SECOND));
    assert_eq!((plan.ledger.leaders_per_round, plan.ledger.execution), (2, true));
    assert_eq!(plan.replica_host.profile, "reference-8core");
    assert_eq!(plan.gateway_host.profile, "gateway-2core");
    assert_eq!(plan.arrivals, Arrivals::Poisson);
    let WorkloadPlan::PersonalHealthRecord { rate_mhz, mix, zipf_milli, unreviewed_ppm: 0, rotation } =
        &plan.workloads[0]
    else {
        panic!("not the workload that was written")
    };
    assert_eq!((*rate_mhz, *zipf_milli), (400_000, 800));
    let RecordMix { register, share, consent, audit, break_glass, keys, erase, delegate } = *mix;
    assert_eq!(register + share + consent + audit + break_glass, 1_000_000);
    assert_eq!((keys, erase, delegate, *rotation), (0, 0, 0, crate::plan::Rotation::Lazy));
    assert_eq!(valid(&[("replicas: 10", "replicas: 1")]).ledger.leaders_per_round, 1);
}

#[test]
fn institutions_go_round_the_regions_and_their_replicas() {
    let plan = valid(&[("replicas: 10", "replicas: 3")]);
    assert_eq!(plan.replicas.iter().map(|replica| replica.region).collect::<Vec<_>>(), [0, 1, 0]);
    let homes: Vec<(usize, usize)> =
        plan.population.institutions.iter().map(|one| (one.region, one.replica)).collect();
    assert_eq!(homes, [(0, 0), (1, 1), (0, 2), (1, 1), (0, 0), (1, 1)]);
    assert_eq!(plan.population.institutions[3].kind, InstitutionKind::Hospital);
    assert_eq!(plan.population.institutions[4].kind, InstitutionKind::Pharmacy);
}

#[test]
fn a_region_without_replicas_uses_the_nearest_that_has_some() {
    let plan = valid(&[
        ("ledger: { replicas: 10 }", "ledger: { replicas: [{ region: b }, { region: c }, { region: c }] }"),
        (
            "{ regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] }",
            "{ regions: [a, b, c], matrix: [[1ms, 9ms, 2ms..9ms], [9ms, 1ms, 9ms], [5ms, 9ms, 1ms + 1ms]] }",
        ),
    ]);
    let homes: Vec<usize> = plan.population.institutions.iter().map(|one| one.replica).collect();
    assert_eq!(homes, [1, 0, 1, 2, 0, 2]);
    assert_eq!(plan.network.topology, "inline");
    assert_eq!(plan.network.delays[0][2], DelayPlan::Uniform { min_ns: 2_000_000, max_ns: 9_000_000 });
}

#[test]
fn opaque_bytes_need_no_population_and_switch_execution_off() {
    let plan = valid(&[
        ("population: { patients: 10k, hospitals: 4, pharmacies: 2 }\n", ""),
        ("personal_health_record: { rate: 400/s }", "opaque: { rate: 10k/s }"),
    ]);
    assert!(!plan.ledger.execution);
    assert_eq!(plan.workloads, [WorkloadPlan::Opaque { rate_mhz: 10_000_000, size_bytes: 512 }]);
    let homes: Vec<usize> = plan.population.institutions.iter().map(|one| one.replica).collect();
    assert_eq!(homes, (0..10).collect::<Vec<_>>());
}

#[test]
fn faults_are_sorted_and_rest_is_spelt_out() {
    let plan = valid(&[(
        "faults: []",
        "faults:
  - { at: 40s, partition: { groups: [[0, 1, 2], rest], for: 5s } }
  - { at: 20s, crash: { replicas: [3], for: 15s } }
  - { at: 35s, crash: { replicas: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] } }",
    )]);
    let starts: Vec<Duration> = plan.faults.iter().map(|fault| fault.at).collect();
    assert_eq!(starts, [20 * SECOND, 35 * SECOND, 40 * SECOND]);
    assert_eq!(plan.faults[1].lasts, None);
    let groups = vec![vec![0, 1, 2], (3..10).collect()];
    assert_eq!(plan.faults[2].kind, FaultKind::Partition { groups, bridge: Vec::new() });
}

#[test]
fn expectations_are_in_base_units() {
    let lines = [
        ("share.latency.p99 < 800ms", Comparison::Less, 8e8),
        ("transactions.committed.rate >= 30k/min", Comparison::GreaterOrEqual, 500.0),
        ("replica.memory.max <= 2MiB", Comparison::LessOrEqual, 2_097_152.0),
        ("replica.cpu.utilisation > 30%", Comparison::Greater, 0.3),
        ("shares.refused_wrongly==0", Comparison::Equal, 0.0),
    ];
    for (text, comparison, value) in lines {
        let plan = valid(&[("expect: [safety]", &format!("expect: [{text}]"))]);
        let metric = text.split(['<', '>', '=']).next().expect("split yields one item").trim().to_owned();
        let condition = Condition::Metric { metric, comparison, value };
        assert_eq!(plan.expect, [Expectation { text: text.to_owned(), condition }]);
    }
    let plan = valid(&[("expect: [safety]", "expect: [safety, liveness]")]);
    assert_eq!(plan.expect[1].condition, Condition::Liveness);
}

#[test]
fn a_host_is_a_profile_with_some_figures_replaced() {
    let host = "host: { profile: ideal, cores: 3, costs: { verify: 40us }, disk: { sync: 1ms }, bandwidth: 1Gbit/s }";
    let plan = valid(&[("faults: []", host)]);
    let host = plan.replica_host;
    assert_eq!((host.profile.as_str(), host.cores, host.verify_ns, host.sign_ns), ("ideal", 3, 40_000, 0));
    assert_eq!((host.disk_sync_ns, host.bandwidth_bits_per_s), (1_000_000, 1_000_000_000));
}

#[test]
fn arrivals_have_figures() {
    let arrivals = |text: &str| valid(&[("faults: []", &format!("arrivals: {text}"))]).arrivals;
    assert_eq!(arrivals("constant"), Arrivals::Constant);
    assert_eq!(
        arrivals("{ burst: { every: 10s, on: 1s, factor: 2.5 } }"),
        Arrivals::Burst { every: 10 * SECOND, on: SECOND, factor_milli: 2_500 }
    );
    let diurnal = Arrivals::Diurnal { day: 60 * SECOND, peak_milli: 1_500 };
    assert_eq!(arrivals("{ diurnal: { day: 60s, peak: 1.5 } }"), diurnal);
    assert_eq!(arrivals("{ closed: { clients: 64 } }"), Arrivals::Closed { clients: 64 });
}

#[test]
fn overrides_are_read_like_lines_of_the_file() {
    let overrides = [
        "ledger.replicas=4",
        "ledger.tuning.leader_timeout=1s",
        "workloads[0].personal_health_record.rate=5/s",
        "expect=[safety, liveness]",
        "seed=1",
    ];
    let mut scenario = Scenario::parse("x.yaml", BASE).expect("the base is YAML");
    overrides.iter().for_each(|assignment| scenario.set(assignment));
    scenario.set_seed(u64::MAX);
    let plan = Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((plan.replicas.len(), plan.ledger.leader_timeout, plan.expect.len()), (4, SECOND, 2));
    assert_eq!(plan.seed, u64::MAX);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
    let text = format!("\u{feff}{}", BASE.replace('\n', "\r\n"));
    assert_eq!(read(&text, &[]).unwrap_or_else(|errors| panic!("{errors}")), valid(&[]));
}

#[test]
fn many_mistakes_are_reported_together() {
    let text = edited(&[
        ("duration: 60s", "duration: 60\nwarmpu: 5s"),
        ("replicas: 10", "replicas: 10, protocol: pbft"),
        ("rate: 400/s", "rate: 0/s"),
        ("faults: []", "faults:\n  - at: 5s\n    crash: { replicas: [3, 12] }"),
        ("expect: [safety]", "expect: [share.latency.p99 < 5MB, safty]"),
    ]);
    let paths: Vec<String> = match read(&text, &["network.loss=lots"]) {
        Ok(_) => panic!("accepted"),
        Err(errors) => errors.items().iter().map(|item| item.path.clone()).collect(),
    };
    let expected = [
        "duration",
        "warmpu",
        "ledger.protocol",
        "workloads[0].personal_health_record.rate",
        "faults[0].crash.replicas[1]",
        "expect[0]",
        "expect[1]",
        "network.loss",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn hostile_text_never_reaches_the_terminal() {
    let text = edited(&[("name: base", "name: \"\\e[31m\"\n\"k\\u0007\": 1")]);
    let errors = read(&text, &[]).expect_err("control characters are no name").render(false);
    assert!(errors.chars().all(|c| c == '\n' || !c.is_control()), "{errors:?}");
}

#[test]
fn any_cut_of_a_scenario_is_refused_without_a_panic() {
    for end in (0..BASE.len()).filter(|end| BASE.is_char_boundary(*end)) {
        let _ = read(&BASE[..end], &[]);
        let _ = read(&BASE[end..], &[&BASE[..end], &BASE[end..]]);
    }
}

proptest! {
    #[test]
    fn whatever_is_typed_over_a_scenario_does_not_panic(
        edits in vec((0..BASE.len(), 0usize..12, "[-0-9a-z{}\\[\\]:,.%/&*!|>'\"#? \n\t]{0,6}|é|rest|~"), 1..4)
    ) {
        let mut text: Vec<char> = BASE.chars().collect();
        for (at, width, typed) in edits {
            let at = at.min(text.len());
            let end = (at + width).min(text.len());
            text.splice(at..end, typed.chars());
        }
        if let Err(errors) = read(&text.into_iter().collect::<String>(), &[]) {
            prop_assert!(!errors.items().is_empty());
            prop_assert!(!errors.render(true).is_empty());
        }
    }
}

#[test]
fn a_missing_file_names_its_neighbour() {
    let errors = Scenario::read(&scenarios().join("smok.yaml")).expect_err("there is no such file");
    let directory = scenarios();
    let directory = directory.display();
    let expected =
        format!("error: {directory}/smok.yaml: no such file\n  = did you mean `{directory}/smoke.yaml`?\n");
    assert_eq!(errors.to_string(), expected);
}

fn scenarios() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

#[test]
fn every_scenario_of_the_repository_is_valid_asks_a_question_and_survives_json_and_yaml() {
    let mut seen = 0;
    for entry in fs::read_dir(scenarios()).expect("the repository has scenarios") {
        let path = entry.expect("the directory is readable").path();
        // `deploy/` has configuration of daemons.
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let scenario = Scenario::read(&path).unwrap_or_else(|errors| panic!("{errors}"));
        let plan = Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(plan.question.ends_with('?'), "{}: {}", path.display(), plan.question);
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(plan.name.as_str()));
        let json = serde_json::to_string(&plan).expect("a plan has only JSON's types");
        assert_eq!(serde_json::from_str::<Plan>(&json).expect("what was written is read"), plan);
        let yaml = serde_yaml::to_string(&plan).expect("a plan has only YAML's types");
        assert_eq!(serde_yaml::from_str::<Plan>(&yaml).expect("what was written is read"), plan);
        seen += 1;
    }
    assert!(seen >= 9, "only {seen} scenarios");
}
