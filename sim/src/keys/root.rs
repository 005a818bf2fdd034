//! The keys of a scenario itself, of its population and of its arrivals.

use super::{
    Form, Key, Quantity, SHARE, count, default, duration, faults, ledger, network, one_of, optional,
    required, workloads,
};

/// Every key of a scenario, in the order of the documentation.
#[rustfmt::skip]
pub static ROOT: &[Key] = &[
    required("name", Form::Text("^[a-z0-9][a-z0-9-]{0,63}$"), "regional-exchange", "What the scenario is called: at most 64 of a to z, 0 to 9 and `-`. It names the directory of the results."),
    default("seed", Form::Quantity(Quantity::Integer, None), "1", "Everything random in a simulated run follows from it: same scenario, same seed, same bits."),
    required("duration", duration("1ms", "366d"), "60s", "How long is measured, after the warm-up. Times of faults count from the end of the warm-up."),
    default("warmup", duration("0s", "366d"), "0s", "How long the load runs before anything is measured."),
    default("drain", duration("0s", "366d"), "30s", "How long operations that are under way at the end of the measurement may take to end. Later ones count as timed out."),
    required("ledger", Form::Map(ledger::LEDGER), "{ replicas: 4 }", "Who orders and executes, and by which rules."),
    default("host", Form::Either(&[Form::Choice(ledger::PROFILES), Form::Map(ledger::HOST)]), "reference-8core", "The machine that every replica runs on: a profile, or one with some of its figures replaced."),
    default("gateway_host", Form::Either(&[Form::Choice(ledger::PROFILES), Form::Map(ledger::HOST)]), "gateway-2core", "The machine that every gateway runs on: a profile, or one with some of its figures replaced."),
    required("network", Form::Map(network::NETWORK), "{ topology: gulf-5 }", "What lies between the machines."),
    optional("population", Form::Map(POPULATION), "{ patients: 10k, hospitals: 8 }", "Who takes part; each institution runs a gateway. All workloads but `opaque` need one."),
    default("documents", Form::Choice(&[("sized", "byte counts alone; nobody reads them"), ("fhir", "real FHIR R4 documents, each read and checked where it arrives")]), "sized", "What documents consist of."),
    required("workloads", Form::List(&Form::Single(workloads::WORKLOADS)), "[{ personal_health_record: { rate: 400/s } }]", "What institutions and patients do; each item is one workload with its own rate."),
    default("arrivals", Form::Either(&[Form::Choice(&[("poisson", "open loop, independent of each other"), ("constant", "open loop, equal gaps")]), Form::Single(ARRIVALS)]), "poisson", "When operations start. Open loop: the schedule does not wait for answers."),
    optional("faults", Form::List(&Form::Map(faults::FAULTS)), "[{ at: 20s, crash: { replicas: [3], for: 15s } }]", "What goes wrong, and when; each item is one fault."),
    optional("expect", Form::List(&Form::Text(r"^\s*(safety|liveness|[a-z0-9_.]+\s*(<=|>=|==|<|>)\s*\S.*)$")), "[safety, share.latency.p99 < 800ms]", "What must hold: `safety`, `liveness`, or `metric operator value`. Each is a line of the verdict; the exit code is 99 if one falls short. `amanah metrics` lists the metrics."),
    optional("matrix", Form::Paths, "{ ledger.replicas: [4, 10], network.loss: [0%, 1%] }", "What the scenario says in several ways: every combination is a run of `amanah sweep`. At most 8 paths and 10,000 combinations."),
];

#[rustfmt::skip]
const INSTITUTIONS: Form = count("0", "100k");

#[rustfmt::skip]
static POPULATION: &[Key] = &[
    optional("patients", count("1", "1 billion"), "200k", "People with records."),
    institution("hospitals", "8", "Custodians of most records; sites of trials."),
    institution("pharmacies", "20", "They read prescriptions and dispense."),
    institution("laboratories", "4", "They register results."),
    institution("insurers", "2", "They read for payment and adjudicate claims."),
    institution("manufacturers", "2", "They commission packs of medicines."),
    institution("wholesalers", "4", "They trade medicines."),
    institution("sponsors", "2", "They register clinical trials and answer for them."),
    institution("ethics_boards", "1", "They approve clinical trials."),
    institution("research_institutes", "1", "They read the data that subjects of trials share."),
    institution("model_owners", "1", "They register decision models for triage."),
    default("staff", count("1", "1M"), "20", "Clinicians, pharmacists, technicians or clerks of each institution."),
    default("devices", count("0", "10M"), "0", "Devices that measure vitals, spread over the hospitals; `telemedicine` needs two for each."),
    default("records_per_patient", count("0", "10k"), "2", "Records on the ledger before the run, of each patient."),
    default("placement", Form::Choice(&[("by_region", "institutions go round the regions, and within a region round its replicas")]), "by_region", "How institutions attach to regions and replicas."),
];

#[rustfmt::skip]
static ARRIVALS: &[Key] = &[
    one_of("burst", Form::Map(BURST), "{ every: 10s, on: 1s, factor: 5 }", "Open loop, Poisson; faster at the beginning of each cycle and slower in its rest, so that the mean stays as written."),
    one_of("diurnal", Form::Map(DIURNAL), "{ day: 60s, peak: 1.5 }", "Open loop, Poisson; the rate rises and falls over a day."),
    one_of("closed", Form::Map(CLOSED), "{ clients: 64 }", "Closed loop: each client starts its next operation when the last has ended."),
];

#[rustfmt::skip]
static BURST: &[Key] = &[
    required("every", duration("1ms", "24h"), "10s", "Length of a cycle."),
    required("on", duration("1ms", "24h"), "1s", "Length of the burst at the cycle's start; shorter than the cycle."),
    required("factor", Form::Quantity(Quantity::Factor, Some(("1", "1000"))), "5", "The rate in the burst over the mean rate; at most `every` / `on`."),
];

#[rustfmt::skip]
static DIURNAL: &[Key] = &[
    required("day", duration("1ms", "24h"), "60s", "How long a day takes."),
    required("peak", Form::Quantity(Quantity::Factor, Some(("1", "2"))), "1.5", "The highest rate over the mean rate."),
];

#[rustfmt::skip]
static CLOSED: &[Key] = &[
    required("clients", count("1", "10M"), "64", "How many operations are under way at once."),
];

const fn institution(name: &'static str, example: &'static str, meaning: &'static str) -> Key {
    Key { example, ..default(name, INSTITUTIONS, "0", meaning) }
}

/// Of operations, on purpose; nothing is wrong that is not asked for.
pub(super) const fn wrong(name: &'static str, meaning: &'static str) -> Key {
    default(name, SHARE, "0", meaning)
}
